//! What a room tells those who subscribe to it.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use revring_protocol::{
    error::Code,
    ids::{ClientId, Rev},
    message::GapReason,
    replica::Keys,
};
use tokio::sync::{broadcast, watch};

use crate::error::Closed;

/// How a room stands with its server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// A connection is being made.
    Connecting,
    /// The connection is open, and the server has yet to answer `JOIN`.
    Joining,
    /// Joined; the state is being brought up to the server's.
    Syncing,
    /// The state follows the server's.
    Live,
    /// There is no connection. Updates show in the view and are sent when there is one again.
    Offline {
        /// When the next attempt is made; `None`: not before [`Room::reconnect`](crate::Room::reconnect).
        retry_in: Option<Duration>,
        /// What ended the last connection or attempt.
        reason: Arc<str>,
    },
    /// Closed for good.
    Closed(Closed),
}

/// Something that happened in a room.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The view changed in these records, by others or by this client.
    Changed(Arc<Keys>),
    /// The server answered `JOIN` or `RESYNC`; `resumed`: from where the client stood.
    Joined {
        /// False when a snapshot follows.
        resumed: bool,
    },
    /// The server no longer has what came after this client's revision; a snapshot follows.
    Gap(GapReason),
    /// A snapshot replaced the confirmed state. Any record may have changed.
    Snapshot {
        /// Its revision.
        rev: Rev,
    },
    /// These clients came, changed what they say of themselves, or left; see [`Room::present`](crate::Room::present).
    Presence(Arc<BTreeSet<ClientId>>),
    /// The server reported a problem with the connection or a message.
    Error {
        /// What was wrong.
        code: Code,
        /// The server's words.
        message: Arc<str>,
    },
    /// State and server disagreed however often a snapshot was asked for; a new connection is tried.
    Diverged,
    /// The room's status changed.
    Status(Status),
    /// This subscriber was too slow: so many events are lost to it. Read the view again.
    Lagged {
        /// How many events were dropped.
        missed: u64,
    },
}

/// A subscription to the events of a room, from [`Room::subscribe`](crate::Room::subscribe).
///
/// It holds a bounded number of events ([`Options::event_buffer`](crate::Options::event_buffer)); a subscriber that
/// falls behind gets [`Event::Lagged`] and goes on with the oldest event still held. It does not keep the room open.
#[derive(Debug)]
pub struct Events(broadcast::Receiver<Event>);

impl Events {
    pub(crate) fn new(receiver: broadcast::Receiver<Event>) -> Self {
        Self(receiver)
    }

    /// The next event; `None` when the room is closed and every event was given out.
    ///
    /// No event is lost when the future is dropped before it is ready.
    pub async fn next(&mut self) -> Option<Event> {
        match self.0.recv().await {
            Ok(event) => Some(event),
            Err(broadcast::error::RecvError::Lagged(missed)) => Some(Event::Lagged { missed }),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }

    /// The next event, if one is there already.
    pub fn try_next(&mut self) -> Option<Event> {
        match self.0.try_recv() {
            Ok(event) => Some(event),
            Err(broadcast::error::TryRecvError::Lagged(missed)) => Some(Event::Lagged { missed }),
            Err(broadcast::error::TryRecvError::Empty | broadcast::error::TryRecvError::Closed) => {
                None
            }
        }
    }
}

/// Follows a room's [`Status`], from [`Room::watch_status`](crate::Room::watch_status).
///
/// It shows the latest status; those that came and went in between are skipped.
#[derive(Debug, Clone)]
pub struct StatusWatch(watch::Receiver<Status>);

impl StatusWatch {
    pub(crate) fn new(receiver: watch::Receiver<Status>) -> Self {
        Self(receiver)
    }

    /// The status now.
    #[must_use]
    pub fn now(&self) -> Status {
        self.0.borrow().clone()
    }

    /// Waits until the status has changed since it was last seen here, and gives it; `None` once
    /// [`Status::Closed`] was seen, as nothing follows it.
    pub async fn changed(&mut self) -> Option<Status> {
        if !self.0.has_changed().unwrap_or(false) && matches!(*self.0.borrow(), Status::Closed(_)) {
            return None;
        }
        self.0.changed().await.ok()?;
        Some(self.0.borrow_and_update().clone())
    }

    /// Waits for a status that `wanted` accepts. [`Status::Closed`] ends the wait too, as nothing follows it.
    pub async fn wait_for(&mut self, wanted: impl Fn(&Status) -> bool) -> Status {
        loop {
            let status = self.0.borrow_and_update().clone();
            let closed = matches!(status, Status::Closed(_));
            if closed || wanted(&status) || self.0.changed().await.is_err() {
                return status;
            }
        }
    }
}
