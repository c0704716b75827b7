//! Which snapshots of a room there are, and who waits for one.

use std::sync::{Arc, Weak};

use revring_protocol::{
    codec::Codec,
    ids::Rev,
    limits::SNAPSHOTS_ALIVE,
    room::Room,
};
use tokio::{task::JoinSet, time::Instant};

use crate::{
    fanout::{Channel, Connection, SnapshotGap},
    snapshot::{PATIENCE, SMALL, Snapshot},
};

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
    waiting: Vec<Waiting>,
}

impl Snapshots {
    pub(super) fn wait(&mut self, waiting: Waiting) {
        self.waiting.push(waiting);
    }

    /// A new delivery to `connection` begins: what it waited for is void.
    pub(super) fn forget(&mut self, connection: &Connection) {
        self.waiting.retain(|waiting| waiting.connection.number() != connection.number());
    }

    /// Whether any is being made.
    pub(super) fn is_encoding(&self) -> bool {
        !self.encoding.is_empty()
    }

    /// The next one that is ready.
    pub(super) async fn encoded(&mut self) -> Option<Arc<Snapshot>> {
        let snapshot = match self.encoding.join_next().await? {
            Ok(snapshot) => Arc::new(snapshot),
            Err(error) => {
                tracing::error!(%error, "a snapshot was not encoded");
                self.expected.clear();
                return None;
            }
        };
        self.expected.retain(|expected| *expected != (snapshot.codec(), snapshot.rev()));
        self.alive.push(Arc::downgrade(&snapshot));
        Some(snapshot)
    }

    /// Those whom a snapshot serves now, with it. Starts making what is missing.
    ///
    /// One of an earlier revision serves as long as the ring has what follows it, for a large document or when no other may be made.
    pub(super) fn serve(&mut self, room: &Room, channel: &Arc<Channel>) -> Vec<(Waiting, Arc<Snapshot>)> {
        self.waiting.retain(|waiting| !waiting.connection.is_closing());
        let mut served = Vec::new();
        for codec in Codec::ALL {
            let reads = |waiting: &Waiting| waiting.connection.codec() == codec;
            if !self.waiting.iter().any(reads) {
                continue;
            }
            if let Some(snapshot) = self.usable(codec, room).or_else(|| self.make(codec, room, channel)) {
                served.extend(self.take(&snapshot, reads));
            }
        }
        served
    }

    /// Those who waited for `snapshot` while it was made. They get it even if the ring has moved on: it is all that can be had of
    /// a room that changes faster than it can be encoded.
    pub(super) fn serve_fresh(&mut self, snapshot: &Arc<Snapshot>) -> Vec<(Waiting, Arc<Snapshot>)> {
        let (codec, rev) = (snapshot.codec(), snapshot.rev());
        self.take(snapshot, |waiting| waiting.connection.codec() == codec && waiting.head <= rev)
    }

    fn take(
        &mut self,
        snapshot: &Arc<Snapshot>,
        suits: impl Fn(&Waiting) -> bool,
    ) -> Vec<(Waiting, Arc<Snapshot>)> {
        let taken = self.waiting.extract_if(.., |waiting| suits(waiting));
        taken.map(|waiting| (waiting, Arc::clone(snapshot))).collect()
    }

    fn usable(&mut self, codec: Codec, room: &Room) -> Option<Arc<Snapshot>> {
        self.alive.retain(|snapshot| snapshot.strong_count() > 0);
        let older = room.document().size() > SMALL || self.count() >= SNAPSHOTS_ALIVE;
        let least = if older { Rev::new(room.buffer_first_rev().get() - 1) } else { room.head() };
        let alive = self.alive.iter().rev().filter_map(Weak::upgrade);
        alive.into_iter().find(|snapshot| snapshot.codec() == codec && snapshot.rev() >= least)
    }

    /// Makes one at the head: at once when the document is small.
    fn make(&mut self, codec: Codec, room: &Room, channel: &Arc<Channel>) -> Option<Arc<Snapshot>> {
        let coming = |expected: &(Codec, Rev)| {
            expected.0 == codec && expected.1.next() >= room.buffer_first_rev()
        };
        if self.count() >= SNAPSHOTS_ALIVE || self.expected.iter().any(coming) {
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
        let first = self.waiting.iter().map(|waiting| waiting.since).min()?;
        (self.count() >= SNAPSHOTS_ALIVE).then(|| first + PATIENCE)
    }

    /// The oldest one, if it is time to take it back.
    pub(super) fn outstayed(&mut self, now: Instant) -> Option<Arc<Snapshot>> {
        if self.patience_ends()? > now {
            return None;
        }
        self.alive.iter().find_map(Weak::upgrade)
    }

    fn count(&self) -> usize {
        let alive = self.alive.iter().filter(|snapshot| snapshot.strong_count() > 0).count();
        alive + self.expected.len()
    }
}
