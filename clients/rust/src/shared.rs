//! What the handles of a room and its driver share.
//!
//! The replica stands behind one lock that is held only for short, synchronous work: that is what lets an update show
//! in the view before anything is awaited.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use revring_protocol::ids::Millis;
use tokio::{
    sync::{Notify, Semaphore, watch},
    time::Instant,
};

use crate::{
    core::Core,
    error::Closed,
    event::{Event, Status},
};

/// See the module.
pub(crate) struct Shared {
    core: Mutex<Core>,
    /// Wakes the driver after a change that it has to act on.
    pub(crate) wake: Notify,
    pub(crate) status: watch::Sender<Status>,
    /// Why the last attempt or connection failed, if one did.
    pub(crate) failed: watch::Sender<Option<Arc<str>>>,
    /// One permit for each update that may be unanswered.
    pub(crate) permits: Arc<Semaphore>,
    started: Instant,
}

/// What the handles want of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Intent {
    pub(crate) wish: Wish,
    /// How often the connection was to be dropped.
    pub(crate) cuts: u64,
    /// How often a pause between attempts was to be cut short.
    pub(crate) hurries: u64,
}

/// See [`Intent`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// To have one.
    Online,
    /// To have none for now.
    Offline,
    /// To leave the room.
    Leave,
}

impl Shared {
    pub(crate) fn new(core: Core, max_pending: usize) -> Self {
        Self {
            core: Mutex::new(core),
            wake: Notify::new(),
            status: watch::Sender::new(Status::Connecting),
            failed: watch::Sender::new(None),
            permits: Arc::new(Semaphore::new(max_pending)),
            started: Instant::now(),
        }
    }

    /// The core. A panic while it was locked leaves it usable: each method leaves it whole.
    pub(crate) fn core(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time as the replica counts it.
    pub(crate) fn now(&self) -> Millis {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// The instant the replica calls `millis`.
    pub(crate) fn instant(&self, millis: Millis) -> Option<Instant> {
        self.started.checked_add(Duration::from_millis(millis))
    }

    /// Changes what is wanted of the connection; leaving is for ever.
    pub(crate) fn want(&self, wish: Wish) {
        let mut core = self.core();
        let intent = &mut core.intent;
        match wish {
            Wish::Offline => intent.cuts = intent.cuts.wrapping_add(1),
            Wish::Online => intent.hurries = intent.hurries.wrapping_add(1),
            Wish::Leave => {}
        }
        if intent.wish != Wish::Leave {
            intent.wish = wish;
        }
        drop(core);
        self.wake.notify_one();
    }

    pub(crate) fn intent(&self) -> Intent {
        self.core().intent
    }

    pub(crate) fn set_status(&self, status: Status) {
        let core = self.core();
        self.tell_status(&core, status);
    }

    /// Closes the room for good: every wait ends.
    pub(crate) fn close(&self, closed: &Closed) {
        let mut core = self.core();
        self.permits.close();
        self.tell_status(&core, Status::Closed(closed.clone()));
        core.close(closed);
    }

    /// Why the room is closed, if it is.
    pub(crate) fn closed(&self) -> Option<Closed> {
        match &*self.status.borrow() {
            Status::Closed(closed) => Some(closed.clone()),
            _ => None,
        }
    }

    /// The core is locked, so that events and statuses come in one order.
    fn tell_status(&self, core: &Core, status: Status) {
        let changed = self.status.send_if_modified(|old| {
            let changed = *old != status;
            old.clone_from(&status);
            changed
        });
        if changed {
            core.tell(Event::Status(status));
        }
    }
}
