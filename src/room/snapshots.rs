//! Which snapshots of a room there are, and who waits for one.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use revring_protocol::{codec::Codec, ids::Rev, limits::SNAPSHOTS_ALIVE, room::Room};
use tokio::{task::JoinSet, time::Instant};

use crate::{
    fanout::{Channel, Connection, SnapshotGap},
    snapshot::{PATIENCE, SMALL, Snapshot},
};

/// How long a snapshot of a large document is kept for those who join next, even if nobody is being sent it.
const KEPT: Duration = Duration::from_secs(1);

/// Who waits for a snapshot.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) connection: Arc<Connection>,
    pub(super) delivery: u32,
    /// The client's last revision and why it cannot go on from there; `None`: it has none.
    pub(super) gap: SnapshotGap,
    pub(super) since: Instant,
    /// The room's head when the wait began.
    pub(super) head: Rev,
}

/// The snapshots of one room: at most [`SNAPSHOTS_ALIVE`] exist or are being made.
#[derive(Debug, Default)]
pub(super) struct Snapshots {
    /// Oldest first.
    alive: Vec<Weak<Snapshot>>,
    /// Those that are being made, beside the room.
    encoding: JoinSet<Snapshot>,
    /// Of which codec and revision those are.
    expected: Vec<(Codec, Rev)>,
    /// The newest of a large document, by codec, and until when.
    kept: [Option<Arc<Snapshot>>; Codec::COUNT],
    kept_until: Option<Instant>,
    /// By codec, longest first.
    waiting: [Vec<Waiting>; Codec::COUNT],
}

impl Snapshots {
    pub(super) fn wait(&mut self, waiting: Waiting) {
        self.waiting[waiting.connection.codec().index()].push(waiting);
    }

    /// What `connection` waited for is void.
    pub(super) fn forget(&mut self, connection: &Arc<Connection>) {
        let waiting = &mut self.waiting[connection.codec().index()];
        waiting.retain(|waiting| !Arc::ptr_eq(&waiting.connection, connection));
    }

    /// Whether any is being made.
    pub(super) fn is_encoding(&self) -> bool {
        !self.encoding.is_empty()
    }

    /// The next one that is ready, or nothing in its place if it could not be made.
    pub(super) async fn encoded(&mut self) -> Option<Option<Arc<Snapshot>>> {
        let snapshot = match self.encoding.join_next().await? {
            Ok(snapshot) => Arc::new(snapshot),
            Err(error) => {
                tracing::error!(%error, "a snapshot was not encoded");
                // Which one it was is not known; whoever waits has another made.
                self.expected.clear();
                return Some(None);
            }
        };
        self.expected
            .retain(|expected| *expected != (snapshot.codec(), snapshot.rev()));
        self.alive.push(Arc::downgrade(&snapshot));
        self.kept[snapshot.codec().index()] = Some(Arc::clone(&snapshot));
        self.kept_until = Some(Instant::now() + KEPT);
        Some(Some(snapshot))
    }

    /// Until when a snapshot is kept for whoever joins.
    pub(super) fn kept_until(&self) -> Option<Instant> {
        self.kept_until
    }

    /// Keeps none for whoever joins.
    pub(super) fn keep_none(&mut self) {
        self.kept = Default::default();
        self.kept_until = None;
    }

    /// Those whom a snapshot serves now, with it. Starts making what is missing.
    ///
    /// One of an earlier revision serves as long as the ring has what follows it, for a large document or when no other may be made.
    pub(super) fn serve(
        &mut self,
        room: &Room,
        channel: &Arc<Channel>,
    ) -> Vec<(Waiting, Arc<Snapshot>)> {
        let mut served = Vec::new();
        for codec in Codec::ALL {
            if self.waiting[codec.index()].is_empty() {
                continue;
            }
            if let Some(snapshot) = self
                .usable(codec, room)
                .or_else(|| self.make(codec, room, channel))
            {
                let waiting = std::mem::take(&mut self.waiting[codec.index()]).into_iter();
                served.extend(waiting.map(|waiting| (waiting, Arc::clone(&snapshot))));
            }
        }
        served
    }

    /// Those who waited for `snapshot` while it was made. They get it even if the ring has moved on: it is all that can be had of
    /// a room that changes faster than it can be encoded.
    pub(super) fn serve_fresh(
        &mut self,
        snapshot: &Arc<Snapshot>,
    ) -> Vec<(Waiting, Arc<Snapshot>)> {
        let waiting = &mut self.waiting[snapshot.codec().index()];
        let served = waiting.extract_if(.., |waiting| waiting.head <= snapshot.rev());
        served
            .map(|waiting| (waiting, Arc::clone(snapshot)))
            .collect()
    }

    fn usable(&mut self, codec: Codec, room: &Room) -> Option<Arc<Snapshot>> {
        self.alive.retain(|snapshot| snapshot.strong_count() > 0);
        let older = room.document().size() > SMALL || self.count() >= SNAPSHOTS_ALIVE;
        let least = if older {
            Rev::new(room.buffer_first_rev().get() - 1)
        } else {
            room.head()
        };
        let alive = self.alive.iter().rev().filter_map(Weak::upgrade);
        alive
            .into_iter()
            .find(|snapshot| snapshot.codec() == codec && snapshot.rev() >= least)
    }

    /// Makes one at the head, unless one is being made: at once when the document is small.
    fn make(&mut self, codec: Codec, room: &Room, channel: &Arc<Channel>) -> Option<Arc<Snapshot>> {
        if self.is_coming(codec) {
            return None;
        }
        if self.count() >= SNAPSHOTS_ALIVE {
            self.keep_none();
        }
        if self.count() >= SNAPSHOTS_ALIVE {
            return None;
        }
        let (channel, epoch, rev) = (Arc::clone(channel), room.epoch().clone(), room.head());
        let document = room.document().clone();
        let encode = move || Snapshot::encode(channel, codec, &epoch, rev, &document);
        if room.document().size() > SMALL {
            self.expected.push((codec, rev));
            self.encoding.spawn_blocking(encode);
            return None;
        }
        let snapshot = Arc::new(encode());
        self.alive.push(Arc::downgrade(&snapshot));
        Some(snapshot)
    }

    /// When the oldest snapshot is to be taken back, because someone has waited for too long.
    pub(super) fn patience_ends(&self) -> Option<Instant> {
        if self.count() < SNAPSHOTS_ALIVE {
            return None;
        }
        let stuck = Codec::ALL
            .into_iter()
            .filter(|codec| !self.is_coming(*codec));
        let first = stuck
            .filter_map(|codec| Some(self.waiting[codec.index()].first()?.since))
            .min()?;
        Some(first + PATIENCE)
    }

    /// The oldest one, if it is time to take it back. It counts as gone from now on.
    pub(super) fn outstayed(&mut self, now: Instant) -> Option<Arc<Snapshot>> {
        if self.patience_ends()? > now {
            return None;
        }
        let oldest = self
            .alive
            .iter()
            .position(|snapshot| snapshot.strong_count() > 0)?;
        self.alive.remove(oldest).upgrade()
    }

    fn is_coming(&self, codec: Codec) -> bool {
        self.expected.iter().any(|(coming, _)| *coming == codec)
    }

    fn count(&self) -> usize {
        let alive = self
            .alive
            .iter()
            .filter(|snapshot| snapshot.strong_count() > 0)
            .count();
        alive + self.expected.len()
    }
}
