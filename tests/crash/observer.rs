//! A client that writes down every operation it is shown, over all connections, and what cannot be.

use std::{collections::BTreeMap, net::SocketAddr, ops::ControlFlow, sync::Arc, time::Duration};

use parking_lot::Mutex;
use revring_protocol::{
    change::Operation,
    codec::Codec,
    ids::{Epoch, Rev},
    message::{ClientMessage, Deltas, GapReason, ServerMessage},
    replica::{Replica, Status},
};
use tokio::{sync::watch, task::JoinHandle, time::sleep};

use crate::{
    support::{dice, roll, soon},
    wire::{Wire, replica},
};

/// How long an observer waits before it connects again.
const AGAIN: Duration = Duration::from_millis(2);

/// What an observer has seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) operations: BTreeMap<Rev, Arc<Operation>>,
    /// Its replica's state: revision, epoch and checksum.
    pub(crate) state: Option<(Rev, Epoch, String)>,
    pub(crate) joins: u32,
    /// Joins that went on from where it was.
    pub(crate) resumed: u32,
    pub(crate) gaps: u32,
    /// Joins of another epoch than before.
    pub(crate) epochs: u32,
    /// What must never be.
    pub(crate) problems: Vec<String>,
}

/// An observer at work; it ends when dropped.
#[derive(Debug)]
pub(crate) struct Observer {
    seen: Arc<Mutex<Seen>>,
    rev: watch::Receiver<Rev>,
    stay: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// Whether an observer stays or comes and goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Habit {
    Stays,
    /// It leaves once it has seen what there is, and comes back later.
    Visits {
        seed: u64,
    },
}

impl Observer {
    pub(crate) fn start(address: SocketAddr, room: &str, codec: Codec, habit: Habit) -> Self {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (revs, rev) = watch::channel(Rev::ZERO);
        let (stay, stays) = watch::channel(habit == Habit::Stays);
        let watcher = Watcher {
            address,
            codec,
            replica: replica(room),
            seen: Arc::clone(&seen),
            revs,
            stays,
        };
        let task = tokio::spawn(watcher.run(habit));
        Self {
            seen,
            rev,
            stay,
            task,
        }
    }

    /// From now on it stays.
    pub(crate) fn stay(&self) {
        self.stay.send_replace(true);
    }

    /// Waits until it has confirmed `rev`.
    pub(crate) async fn reach(&self, rev: Rev) {
        let mut now = self.rev.clone();
        let reached = soon("an observer's revision", now.wait_for(|now| *now >= rev)).await;
        assert!(reached.is_ok(), "it ended: {:?}", self.seen.lock().problems);
    }

    pub(crate) fn with<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&self.seen.lock())
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Watcher {
    address: SocketAddr,
    codec: Codec,
    replica: Replica,
    seen: Arc<Mutex<Seen>>,
    revs: watch::Sender<Rev>,
    stays: watch::Receiver<bool>,
}

impl Watcher {
    async fn run(mut self, habit: Habit) {
        let mut dice = match habit {
            Habit::Stays => None,
            Habit::Visits { seed } => Some(dice(seed, 99)),
        };
        loop {
            if let Some(mut wire) = Wire::connect(self.address, self.codec).await {
                self.replica.connected();
                while self.turn(&mut wire).await.is_continue() {}
                self.replica.disconnected();
            }
            match &mut dice {
                Some(dice) if !*self.stays.borrow() => {
                    let away = sleep(Duration::from_millis(roll(dice, 100, 500)));
                    let mut stays = self.stays.clone();
                    tokio::select! { () = away => {}, _ = stays.wait_for(|stays| *stays) => {} }
                }
                _ => sleep(AGAIN).await,
            }
        }
    }

    /// Sends what is due and takes the next message. Breaks when the connection is to end, or has.
    async fn turn(&mut self, wire: &mut Wire) -> ControlFlow<()> {
        while let Some(message) = self.replica.poll_message(0) {
            if wire.send(&message).await.is_none() {
                return ControlFlow::Break(());
            }
        }
        let Some(message) = wire.receive().await else {
            return ControlFlow::Break(());
        };
        self.note(&message);
        self.replica.handle(message, 0);
        while self.replica.poll_event().is_some() {}
        self.show();
        let idle = self.replica.status() == Status::Live && self.replica.lag() == 0;
        if idle && !*self.stays.borrow() {
            // Whether that arrives is not important.
            let _ = wire.send(&ClientMessage::Leave).await;
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    fn note(&self, message: &ServerMessage) {
        let mut seen = self.seen.lock();
        match message {
            ServerMessage::Joined(joined) => {
                seen.joins += 1;
                seen.resumed += u32::from(joined.resumed);
                let other = self
                    .replica
                    .epoch()
                    .is_some_and(|epoch| *epoch != joined.epoch);
                seen.epochs += u32::from(other);
                let known = self.replica.confirmed_rev();
                if !other && joined.rev < known {
                    let lost = format!("joined at {}, after {known} was shown", joined.rev);
                    seen.problems.push(lost);
                }
            }
            ServerMessage::Gap(gap) => {
                seen.gaps += 1;
                if gap.reason == GapReason::Ahead {
                    seen.problems
                        .push(format!("revisions were taken back: {gap:?}"));
                }
            }
            ServerMessage::Deltas(deltas) => seen.note(deltas),
            ServerMessage::Error { code, message, .. } if !code.retryable() => {
                seen.problems.push(format!("{code}: {message}"));
            }
            _ => {}
        }
    }

    fn show(&mut self) {
        let replica = &self.replica;
        if replica.status() == Status::Diverged {
            self.seen.lock().problems.push("it diverged".to_owned());
        }
        if let Some(epoch) = replica.epoch() {
            let checksum = replica.confirmed().checksum();
            self.seen.lock().state = Some((replica.confirmed_rev(), epoch.clone(), checksum));
        }
        self.revs.send_replace(replica.confirmed_rev());
    }
}

impl Seen {
    fn note(&mut self, deltas: &Deltas) {
        for (operation, place) in deltas.ops.iter().zip(1..) {
            if operation.rev.get() != deltas.from_rev.get() + place {
                let hole = format!(
                    "{} is not the next after {}",
                    operation.rev, deltas.from_rev
                );
                self.problems.push(hole);
            }
            let known = self
                .operations
                .entry(operation.rev)
                .or_insert_with(|| operation.clone());
            if known != operation {
                let changed = format!("{known:?} became {operation:?}");
                self.problems.push(changed);
            }
        }
    }
}
