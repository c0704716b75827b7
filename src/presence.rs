//! Who is present in a room: what each client last said of itself, told to all in ticks.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use imbl::OrdMap;
use parking_lot::Mutex;
use revring_protocol::{
    codec::Codec,
    ids::ClientId,
    limits::FRAME_BYTES,
    value::{Object, object_size},
};
use serde::Serialize;

use crate::fanout::frame;

/// Time between two ticks (rule P-2).
pub(crate) const TICK: Duration = Duration::from_millis(50);

/// Bytes around the clients of a frame.
const ENVELOPE: usize = 64;
/// Bytes around the data of one client: its id, and what separates it from the next.
const ENTRY: usize = 32;

/// The changes of a tick; `None`: gone.
type Changes = BTreeMap<ClientId, Option<Arc<Object>>>;
type Present = OrdMap<ClientId, Arc<Object>>;

/// Collects what clients say until the next tick. Kept by the room's driver.
#[derive(Debug)]
pub(crate) struct Presence {
    board: Arc<Board>,
    present: Present,
    changes: Changes,
}

impl Presence {
    pub(crate) fn new(board: Arc<Board>) -> Self {
        Self {
            board,
            present: Present::new(),
            changes: Changes::new(),
        }
    }

    /// Takes what `client` says of itself, in place of what it said since the last tick.
    pub(crate) fn set(&mut self, client: ClientId, data: Option<Object>) {
        self.changes.insert(client, data.map(Arc::new));
    }

    /// Takes `client` out. Whoever never said anything is not missed.
    pub(crate) fn remove(&mut self, client: &ClientId) {
        if self.present.contains_key(client) {
            self.changes.insert(client.clone(), None);
        } else {
            self.changes.remove(client);
        }
    }

    /// Whether the next tick has something to tell.
    pub(crate) fn is_due(&self) -> bool {
        !self.changes.is_empty()
    }

    /// Tells what changed.
    pub(crate) fn tick(&mut self) {
        let changes = std::mem::take(&mut self.changes);
        for (client, data) in &changes {
            match data {
                Some(data) => self.present.insert(client.clone(), Arc::clone(data)),
                None => self.present.remove(client),
            };
        }
        self.board.publish(changes, self.present.clone());
    }
}

/// How much of a tick a client was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) tick: u64,
    /// The frame that comes next.
    next: usize,
    /// There is no next frame.
    pub(crate) whole: bool,
}

/// The newest tick, read by writers.
#[derive(Debug)]
pub(crate) struct Board {
    number: AtomicU64,
    newest: Mutex<Arc<Tick>>,
}

#[derive(Debug, Default)]
struct Tick {
    number: u64,
    changes: Changes,
    present: Present,
    changed_frames: [OnceLock<Arc<[Bytes]>>; Codec::COUNT],
    full_frames: [OnceLock<Arc<[Bytes]>>; Codec::COUNT],
}

impl Board {
    pub(crate) fn new() -> Self {
        Self {
            number: AtomicU64::new(0),
            newest: Mutex::default(),
        }
    }

    /// The number of the newest tick.
    pub(crate) fn tick(&self) -> u64 {
        self.number.load(Ordering::Acquire)
    }

    /// The next frame for a client that has seen `seen` and is being shown `shown`; `None`: it has seen everything.
    ///
    /// A client is shown the newest tick, from the start if another was begun: no tick is kept for those who lag.
    pub(crate) fn next(
        &self,
        seen: Option<u64>,
        shown: Option<Shown>,
        codec: Codec,
    ) -> Option<(Bytes, Shown)> {
        if seen == Some(self.tick()) {
            return None;
        }
        let tick = Arc::clone(&self.newest.lock());
        let follows = seen.is_some_and(|seen| seen + 1 == tick.number);
        let frames = if follows {
            tick.changed_frames(codec)
        } else {
            tick.full_frames(codec)
        };
        let next = shown
            .filter(|shown| shown.tick == tick.number)
            .map_or(0, |shown| shown.next);
        let frame = frames.get(next)?.clone();
        Some((
            frame,
            Shown {
                tick: tick.number,
                next: next + 1,
                whole: next + 1 == frames.len(),
            },
        ))
    }

    fn publish(&self, changes: Changes, present: Present) {
        let mut newest = self.newest.lock();
        let number = newest.number + 1;
        let tick = Tick {
            number,
            changes,
            present,
            ..Tick::default()
        };
        let old = std::mem::replace(&mut *newest, Arc::new(tick));
        self.number.store(number, Ordering::Release);
        drop(newest);
        drop(old);
    }
}

impl Tick {
    fn changed_frames(&self, codec: Codec) -> &Arc<[Bytes]> {
        let clients = || {
            self.changes
                .iter()
                .map(|(client, data)| (client, data.as_deref()))
        };
        self.changed_frames[codec.index()].get_or_init(|| frames(codec, clients(), false))
    }

    fn full_frames(&self, codec: Codec) -> &Arc<[Bytes]> {
        let clients = || {
            self.present
                .iter()
                .map(|(client, data)| (client, Some(&**data)))
        };
        self.full_frames[codec.index()].get_or_init(|| frames(codec, clients(), true))
    }
}

/// `PRESENCE` as it stands on the wire, without a copy of the data.
#[derive(Serialize)]
struct Message<'a> {
    r#type: &'static str,
    clients: BTreeMap<&'a ClientId, Option<&'a Object>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    full: bool,
}

/// As many frames as rule W-8 asks for, at least one; only the first can be `full` (rule P-3).
fn frames<'a>(
    codec: Codec,
    clients: impl Iterator<Item = (&'a ClientId, Option<&'a Object>)>,
    full: bool,
) -> Arc<[Bytes]> {
    let mut frames = Vec::new();
    let mut open = BTreeMap::new();
    let mut bytes = ENVELOPE;
    let close = |clients: &mut BTreeMap<_, _>, first: bool| {
        let clients = std::mem::take(clients);
        let message = Message {
            r#type: "PRESENCE",
            clients,
            full: full && first,
        };
        frame::message(codec, &codec.encode(&message))
    };
    for (client, data) in clients {
        let needed = ENTRY + data.map_or(ENTRY, object_size);
        if bytes + needed > FRAME_BYTES && !open.is_empty() {
            frames.push(close(&mut open, frames.is_empty()));
            bytes = ENVELOPE;
        }
        bytes += needed;
        open.insert(client, data);
    }
    frames.push(close(&mut open, frames.is_empty()));
    frames.into()
}
