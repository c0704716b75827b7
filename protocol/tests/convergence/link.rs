//! One connection: what is on its way in both directions, and where its client's cursor is.

use std::collections::VecDeque;

use revring_protocol::{
    codec::{Codec, delta_payloads},
    document::Document,
    ids::{Epoch, Rev},
    limits::FRAME_BYTES,
    message::{ServerMessage, SnapshotPart, State},
    room::{CatchUp, Room},
};

/// Records of one part of a snapshot.
const PART_RECORDS: usize = 2;

pub(crate) struct Link {
    pub(crate) number: u64,
    pub(crate) codec: Codec,
    /// What the client sent and the server has not read.
    pub(crate) up: VecDeque<Vec<u8>>,
    /// What the server wrote and the client has not read.
    pub(crate) down: VecDeque<Vec<u8>>,
    /// Messages for this client alone that are still to be written.
    own: VecDeque<Item>,
    /// The last revision sent, once the client has joined.
    cursor: Option<Rev>,
}

struct Item {
    bytes: Vec<u8>,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Answer,
    Gap,
    Part,
}

impl Link {
    pub(crate) fn new(number: u64, codec: Codec) -> Self {
        let (up, down, own) = (VecDeque::new(), VecDeque::new(), VecDeque::new());
        Self {
            number,
            codec,
            up,
            down,
            own,
            cursor: None,
        }
    }

    pub(crate) fn joined(&self) -> bool {
        self.cursor.is_some()
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.up.is_empty() && self.down.is_empty() && self.own.is_empty()
    }

    pub(crate) fn answer(&mut self, message: &ServerMessage) {
        self.push(message, Kind::Answer);
    }

    fn push(&mut self, message: &ServerMessage, kind: Kind) {
        self.own.push_back(Item {
            bytes: self.codec.encode(message),
            kind,
        });
    }

    /// Drops what a `RESYNC` makes void.
    pub(crate) fn drop_sync(&mut self) {
        self.own.retain(|item| item.kind == Kind::Answer);
    }

    /// The client has everything up to `rev`, or what is queued brings it there.
    pub(crate) fn follow(&mut self, rev: Rev) {
        self.cursor = Some(rev);
    }

    pub(crate) fn gap(&mut self, gap: revring_protocol::message::Gap) {
        self.push(&ServerMessage::Gap(gap), Kind::Gap);
    }

    pub(crate) fn snapshot(&mut self, epoch: &Epoch, rev: Rev, document: &Document) {
        for part in parts(epoch, rev, document) {
            self.push(&ServerMessage::Snapshot(part), Kind::Part);
        }
        self.follow(rev);
    }

    /// Begins the snapshot that is being written anew, with a newer state.
    pub(crate) fn restart_snapshot(&mut self, room: &Room) {
        if self.own.iter().any(|item| item.kind == Kind::Part) {
            self.own.retain(|item| item.kind != Kind::Part);
            self.snapshot(room.epoch(), room.head(), room.document());
        }
    }

    /// Writes one frame: own messages first, then what the cursor lacks. `Err` names a gap.
    pub(crate) fn write(&mut self, room: &Room, most: usize) -> Result<bool, (Rev, CatchUp)> {
        if let Some(item) = self.own.pop_front() {
            self.down.push_back(item.bytes);
            return Ok(true);
        }
        let Some(cursor) = self.cursor else {
            return Ok(false);
        };
        match room.behind(cursor) {
            CatchUp::Nothing => Ok(false),
            CatchUp::Delta { from } => {
                let entries = room.after(from).take(most.max(1));
                let ops: Vec<_> = entries
                    .map(|entry| entry.encoded(self.codec).clone())
                    .collect();
                for (to, payload) in delta_payloads(self.codec, from, &ops, FRAME_BYTES) {
                    self.down.push_back(payload);
                    self.cursor = Some(to);
                }
                Ok(true)
            }
            gap => Err((cursor, gap)),
        }
    }
}

/// The parts of a snapshot, small so that there are several.
fn parts(epoch: &Epoch, rev: Rev, document: &Document) -> Vec<SnapshotPart> {
    let records = document.collections().flat_map(|(collection, records)| {
        records
            .iter()
            .map(move |(id, record)| (collection, id, record))
    });
    let records: Vec<_> = records.collect();
    let mut parts: Vec<SnapshotPart> = Vec::new();
    let mut push = |state: State| {
        let part = parts.len() as u64;
        let epoch = epoch.clone();
        parts.push(SnapshotPart {
            rev,
            epoch,
            part,
            last: false,
            state,
            checksum: None,
        });
    };
    for chunk in records.chunks(PART_RECORDS) {
        let mut state = State::new();
        for (collection, id, record) in chunk {
            let records = state.entry((*collection).clone()).or_default();
            records.insert((*id).clone(), (*record).clone());
        }
        push(state);
    }
    if records.is_empty() {
        push(State::new());
    }
    if let Some(part) = parts.last_mut() {
        part.last = true;
        part.checksum = Some(document.checksum());
    }
    parts
}
