//! Which snapshots of a room there are, and who waits for one: the rules of the real room, with encoding as a step of its own.

use std::{
    collections::VecDeque,
    rc::{Rc, Weak},
};

use bytes::Bytes;
use revring_protocol::{
    codec::{Codec, snapshot_payloads},
    document::Document,
    ids::{Epoch, Millis, Rev},
    limits::SNAPSHOTS_ALIVE,
    message::{ServerMessage, SnapshotPart, State},
    room::Room,
};

use super::{
    Setting,
    output::{Snapshot, SnapshotGap},
};
use crate::{
    breakage::Breakage,
    counters::{Counter, Counters},
    net::ConnectionId,
    wire,
};

/// How long someone waits for a snapshot to be freed before the oldest is taken back.
const PATIENCE: Millis = 60;
/// How long a snapshot of a large document is kept for those who join next.
const KEPT: Millis = 200;

/// Who waits for a snapshot.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) connection: ConnectionId,
    pub(super) codec: Codec,
    pub(super) delivery: u32,
    pub(super) gap: SnapshotGap,
    pub(super) since: Millis,
    /// The room's head when the wait began.
    pub(super) head: Rev,
}

/// A snapshot in the making.
#[derive(Debug)]
struct Order {
    codec: Codec,
    rev: Rev,
    document: Document,
}

/// The snapshots of one room.
#[derive(Debug)]
pub(super) struct Snapshots {
    setting: Setting,
    /// Oldest first.
    alive: Vec<Weak<Snapshot>>,
    encoding: VecDeque<Order>,
    kept: [Option<Rc<Snapshot>>; Codec::COUNT],
    kept_until: Millis,
    waiting: [Vec<Waiting>; Codec::COUNT],
}

impl Snapshots {
    pub(super) fn new(setting: Setting) -> Self {
        Self {
            setting,
            alive: Vec::new(),
            encoding: VecDeque::new(),
            kept: Default::default(),
            kept_until: 0,
            waiting: Default::default(),
        }
    }

    pub(super) fn wait(&mut self, waiting: Waiting) {
        self.waiting[waiting.codec.index()].push(waiting);
    }

    pub(super) fn forget(&mut self, connection: ConnectionId) {
        for waiting in &mut self.waiting {
            waiting.retain(|waiting| waiting.connection != connection);
        }
    }

    pub(super) fn is_encoding(&self) -> bool {
        !self.encoding.is_empty()
    }

    /// How many exist or are being made.
    pub(super) fn count(&self) -> usize {
        self.alive_count() + self.encoding.len()
    }

    fn alive_count(&self) -> usize {
        self.alive
            .iter()
            .filter(|snapshot| snapshot.strong_count() > 0)
            .count()
    }

    /// Finishes the snapshot that was ordered first.
    pub(super) fn finish(
        &mut self,
        epoch: &Epoch,
        now: Millis,
        counters: &mut Counters,
    ) -> Option<Rc<Snapshot>> {
        let Order {
            codec,
            rev,
            document,
        } = self.encoding.pop_front()?;
        let snapshot = self.encode(codec, epoch, rev, &document, counters);
        self.kept[codec.index()] = Some(Rc::clone(&snapshot));
        self.kept_until = now + KEPT;
        Some(snapshot)
    }

    /// Keeps none longer than it should.
    pub(super) fn tidy(&mut self, now: Millis) {
        if now >= self.kept_until {
            self.kept = Default::default();
        }
    }

    /// Those whom a snapshot serves now, with it. Starts making what is missing.
    pub(super) fn serve(
        &mut self,
        room: &Room,
        counters: &mut Counters,
    ) -> Vec<(Waiting, Rc<Snapshot>)> {
        let mut served = Vec::new();
        for codec in Codec::ALL {
            if self.waiting[codec.index()].is_empty() {
                continue;
            }
            let usable = self.usable(codec, room);
            if usable.is_some() {
                counters.add(Counter::SnapshotsShared);
            }
            if let Some(snapshot) = usable.or_else(|| self.make(codec, room, counters)) {
                let waiting = std::mem::take(&mut self.waiting[codec.index()]).into_iter();
                served.extend(waiting.map(|waiting| (waiting, Rc::clone(&snapshot))));
            }
        }
        served
    }

    /// Those who waited for `snapshot` while it was made.
    pub(super) fn serve_fresh(&mut self, snapshot: &Rc<Snapshot>) -> Vec<(Waiting, Rc<Snapshot>)> {
        let waiting = &mut self.waiting[snapshot.codec.index()];
        let served = waiting.extract_if(.., |waiting| waiting.head <= snapshot.rev);
        served
            .map(|waiting| (waiting, Rc::clone(snapshot)))
            .collect()
    }

    fn usable(&mut self, codec: Codec, room: &Room) -> Option<Rc<Snapshot>> {
        self.alive.retain(|snapshot| snapshot.strong_count() > 0);
        let older = self.is_large(room.document()) || self.count() >= SNAPSHOTS_ALIVE;
        let least = if older {
            Rev::new(room.buffer_first_rev().get() - 1)
        } else {
            room.head()
        };
        let mut alive = self.alive.iter().rev().filter_map(Weak::upgrade);
        alive.find(|snapshot| snapshot.codec == codec && snapshot.rev >= least)
    }

    fn make(&mut self, codec: Codec, room: &Room, counters: &mut Counters) -> Option<Rc<Snapshot>> {
        if self.is_coming(codec) {
            return None;
        }
        if self.count() >= SNAPSHOTS_ALIVE {
            self.kept = Default::default();
        }
        if self.count() >= SNAPSHOTS_ALIVE {
            return None;
        }
        let (rev, document) = (room.head(), room.document().clone());
        if self.is_large(&document) {
            self.encoding.push_back(Order {
                codec,
                rev,
                document,
            });
            return None;
        }
        Some(self.encode(codec, room.epoch(), rev, &document, counters))
    }

    /// The oldest snapshot, if someone has waited for too long. It counts as gone from now on.
    pub(super) fn outstayed(&mut self, now: Millis) -> Option<Rc<Snapshot>> {
        if self.count() < SNAPSHOTS_ALIVE {
            return None;
        }
        let stuck = Codec::ALL
            .into_iter()
            .filter(|codec| !self.is_coming(*codec));
        let first = stuck
            .filter_map(|codec| Some(self.waiting[codec.index()].first()?.since))
            .min()?;
        if first + PATIENCE > now {
            return None;
        }
        let oldest = self
            .alive
            .iter()
            .position(|snapshot| snapshot.strong_count() > 0)?;
        self.alive.remove(oldest).upgrade()
    }

    fn is_coming(&self, codec: Codec) -> bool {
        self.encoding.iter().any(|order| order.codec == codec)
    }

    fn is_large(&self, document: &Document) -> bool {
        document.size() > self.setting.small_document
    }

    fn encode(
        &mut self,
        codec: Codec,
        epoch: &Epoch,
        rev: Rev,
        document: &Document,
        counters: &mut Counters,
    ) -> Rc<Snapshot> {
        counters.add(Counter::Snapshots);
        let told = if self.setting.breakage == Some(Breakage::MislabelSnapshot) {
            Rev::new(rev.get().saturating_sub(1))
        } else {
            rev
        };
        let payloads = match self.setting.part_records {
            0 => snapshot_payloads(codec, epoch, told, document),
            most => parts(codec, epoch, told, document, most),
        };
        let frames = payloads
            .iter()
            .map(|payload| Bytes::from(wire::frame(payload)))
            .collect();
        let snapshot = Rc::new(Snapshot {
            rev: told,
            codec,
            frames,
        });
        self.alive.push(Rc::downgrade(&snapshot));
        snapshot
    }
}

/// The parts of a snapshot with at most `most` records each, so that small documents come in several, too.
fn parts(codec: Codec, epoch: &Epoch, rev: Rev, document: &Document, most: usize) -> Vec<Vec<u8>> {
    let records = document.collections().flat_map(|(collection, records)| {
        records
            .iter()
            .map(move |(id, record)| (collection, id, record))
    });
    let records: Vec<_> = records.collect();
    let mut states: Vec<State> = Vec::new();
    for chunk in records.chunks(most) {
        let mut state = State::new();
        for (collection, id, record) in chunk {
            let records = state.entry((*collection).clone()).or_default();
            records.insert((*id).clone(), (*record).clone());
        }
        states.push(state);
    }
    if states.is_empty() {
        states.push(State::new());
    }
    let count = states.len();
    let part = |(part, state): (usize, State)| {
        let last = part + 1 == count;
        let checksum = last.then(|| document.checksum());
        let (epoch, part) = (epoch.clone(), part as u64);
        codec.encode(&ServerMessage::Snapshot(SnapshotPart {
            rev,
            epoch,
            part,
            last,
            state,
            checksum,
        }))
    };
    states.into_iter().enumerate().map(part).collect()
}
