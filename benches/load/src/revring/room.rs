//! What all clients of a room have been shown, kept once: its operations as they stood on the wire, and its snapshots.

use std::collections::HashMap;

use revring_protocol::{
    codec::Codec,
    ids::{Epoch, RoomName},
};
use twox_hash::XxHash64;

use super::wire::{self, Deltas};

/// A room as its clients see it.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) name: RoomName,
    pub(super) codec: Codec,
    /// The latest revision that a client was shown or told of.
    pub(crate) head: u64,
    pub(super) epoch: Option<Epoch>,
    /// Runs of operations without hole. There is one, unless all clients missed some for a while.
    extents: Vec<Extent>,
    /// Payloads of the parts of snapshots, by their hashes.
    parts: HashMap<u64, Box<[u8]>>,
    /// The hashes of the parts of each snapshot, by the hash of those.
    pub(super) snapshots: HashMap<u64, Snapshot>,
    /// Head and checksum, as the server last answered.
    pub(crate) answer: Option<(u64, String)>,
}

/// A snapshot that a client got.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) rev: u64,
    parts: Vec<u64>,
}

/// Operations (`from`, `to`], as they stood in frames.
#[derive(Debug, Clone)]
pub(super) struct Extent {
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) bytes: Vec<u8>,
}

impl Room {
    pub(crate) fn new(name: RoomName, codec: Codec) -> Self {
        Self {
            name,
            codec,
            head: 0,
            epoch: None,
            extents: Vec::new(),
            parts: HashMap::new(),
            snapshots: HashMap::new(),
            answer: None,
        }
    }

    /// Forgets what was shown so far. No client that was shown it may be compared any more.
    pub(crate) fn forget(&mut self) {
        self.extents.clear();
        self.parts.clear();
        self.snapshots.clear();
    }

    /// Keeps what is new in `deltas`.
    pub(super) fn keep(&mut self, deltas: &Deltas<'_>) {
        self.head = self.head.max(deltas.to);
        let codec = self.codec;
        let known = self.extents.iter_mut().rev();
        let mut known =
            known.filter(|extent| extent.from <= deltas.from && deltas.from <= extent.to);
        let Some(extent) = known.next() else {
            self.extents.push(Extent {
                from: deltas.from,
                to: deltas.to,
                bytes: deltas.operations.to_vec(),
            });
            return;
        };
        extent.extend(codec, deltas.from, deltas.to, deltas.operations);
    }

    /// Keeps a part of a snapshot; yields its hash.
    pub(super) fn keep_part(&mut self, payload: &[u8]) -> u64 {
        let hash = XxHash64::oneshot(0, payload);
        self.parts.entry(hash).or_insert_with(|| payload.into());
        hash
    }

    /// Notes the snapshot at `rev` that has these parts; yields its hash.
    pub(super) fn keep_snapshot(&mut self, rev: u64, parts: &[u64]) -> u64 {
        self.head = self.head.max(rev);
        let bytes: Vec<u8> = parts.iter().flat_map(|part| part.to_le_bytes()).collect();
        let hash = XxHash64::oneshot(rev, &bytes);
        self.snapshots.entry(hash).or_insert_with(|| Snapshot {
            rev,
            parts: parts.to_vec(),
        });
        hash
    }

    /// The payloads of a snapshot's parts.
    pub(super) fn payloads<'a>(&'a self, snapshot: &'a Snapshot) -> impl Iterator<Item = &'a [u8]> {
        snapshot
            .parts
            .iter()
            .filter_map(|part| self.parts.get(part))
            .map(AsRef::as_ref)
    }

    /// All operations after `from`, as far as they follow without hole.
    pub(super) fn run_from(&self, from: u64) -> Extent {
        let mut run = Extent {
            from,
            to: from,
            bytes: Vec::new(),
        };
        let next = |to: u64| {
            self.extents
                .iter()
                .find(|extent| extent.from <= to && to < extent.to)
        };
        while let Some(extent) = next(run.to) {
            if !run.extend(self.codec, extent.from, extent.to, &extent.bytes) {
                break;
            }
        }
        run
    }
}

impl Extent {
    /// Adds what is new in the operations (`from`, `to`], of which the first is at most the one after this extent. `false`: those
    /// bytes are no such operations.
    fn extend(&mut self, codec: Codec, from: u64, to: u64, mut operations: &[u8]) -> bool {
        if to <= self.to {
            return true;
        }
        if from < self.to {
            let known = usize::try_from(self.to - from).unwrap_or(usize::MAX);
            let Some(end) =
                wire::ends(codec, operations).and_then(|ends| ends.get(known - 1).copied())
            else {
                return false;
            };
            operations = operations.get(end + comma(codec)..).unwrap_or_default();
        }
        if codec == Codec::Json && !self.bytes.is_empty() {
            self.bytes.push(b',');
        }
        self.bytes.extend_from_slice(operations);
        self.to = to;
        true
    }
}

/// Bytes between two operations.
pub(super) fn comma(codec: Codec) -> usize {
    usize::from(codec == Codec::Json)
}
