//! Payloads joined from parts that are already encoded: deltas from operations, snapshots from records.

use std::sync::Arc;

use bytes::Bytes;

use super::Codec;
use crate::{
    document::Document,
    ids::{Collection, Epoch, RecordId, Rev},
    limits::FRAME_BYTES,
    record::Record,
};

/// Bytes that the fields around `ops` take at most.
const DELTA_ENVELOPE: usize = 96;
/// Bytes that the fields around `state` take at most.
const SNAPSHOT_ENVELOPE: usize = 256;
/// Records between two pauses.
const STEP: usize = 64;

/// The payload of a `SYNC.DELTAS` that carries `ops`, encoded operations, which follow `from` without hole.
#[must_use]
pub fn delta_payload(codec: Codec, from: Rev, ops: &[Bytes]) -> Vec<u8> {
    let to = Rev::new(from.get() + ops.len() as u64);
    let mut out =
        Vec::with_capacity(DELTA_ENVELOPE + ops.iter().map(|op| op.len() + 1).sum::<usize>());
    match codec {
        Codec::Json => {
            out.extend_from_slice(
                format!(r#"{{"type":"SYNC.DELTAS","fromRev":{from},"toRev":{to},"ops":["#)
                    .as_bytes(),
            );
            join_json(&mut out, ops);
            out.extend_from_slice(b"]}");
        }
        Codec::MessagePack => {
            msgpack::map(&mut out, 4);
            msgpack::text(&mut out, "type");
            msgpack::text(&mut out, "SYNC.DELTAS");
            msgpack::text(&mut out, "fromRev");
            msgpack::integer(&mut out, from.get());
            msgpack::text(&mut out, "toRev");
            msgpack::integer(&mut out, to.get());
            msgpack::text(&mut out, "ops");
            msgpack::array(&mut out, ops.len());
            ops.iter().for_each(|op| out.extend_from_slice(op));
        }
    }
    out
}

/// The payloads of as many `SYNC.DELTAS` as it takes for each to have at most `most` bytes, or one operation (rule W-8), each
/// with the rev it ends at.
#[must_use]
pub fn delta_payloads(codec: Codec, from: Rev, ops: &[Bytes], most: usize) -> Vec<(Rev, Vec<u8>)> {
    let mut payloads = Vec::new();
    let (mut from, mut rest) = (from, ops);
    while !rest.is_empty() {
        let (now, later) = rest.split_at(fitting(rest, most));
        let to = Rev::new(from.get() + now.len() as u64);
        payloads.push((to, delta_payload(codec, from, now)));
        (from, rest) = (to, later);
    }
    payloads
}

/// How many of `ops` fit in one frame; at least one.
fn fitting(ops: &[Bytes], most: usize) -> usize {
    let mut bytes = DELTA_ENVELOPE;
    let over = ops.iter().position(|op| {
        bytes += op.len() + 1;
        bytes > most
    });
    over.unwrap_or(ops.len()).max(1)
}

fn join_json(out: &mut Vec<u8>, parts: &[Bytes]) {
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        out.extend_from_slice(part);
    }
}

/// The payloads of the `SYNC.SNAPSHOT` parts of `document`, the state at `rev` (rule F-7).
#[must_use]
pub fn snapshot_payloads(
    codec: Codec,
    epoch: &Epoch,
    rev: Rev,
    document: &Document,
) -> Vec<Vec<u8>> {
    snapshot_payloads_in_steps(codec, epoch, rev, document, &|| ())
}

/// Like [`snapshot_payloads`], and calls `pause` after every few dozen records, so that a large document need not keep others waiting.
#[must_use]
pub fn snapshot_payloads_in_steps(
    codec: Codec,
    epoch: &Epoch,
    rev: Rev,
    document: &Document,
    pause: &dyn Fn(),
) -> Vec<Vec<u8>> {
    let mut parts = Parts {
        codec,
        epoch,
        rev,
        pause,
        done: Vec::new(),
        open: Vec::new(),
        bytes: SNAPSHOT_ENVELOPE,
    };
    for (collection, records) in document.collections() {
        for (n, (id, record)) in records.iter().enumerate() {
            parts.pause_after(n);
            parts.push(collection, id, record);
        }
    }
    parts.finish(&document.checksum())
}

/// A record to be written: its id and its encoded form.
struct Entry<'a> {
    id: &'a RecordId,
    encoded: &'a Bytes,
}

struct Parts<'a> {
    codec: Codec,
    epoch: &'a Epoch,
    rev: Rev,
    pause: &'a dyn Fn(),
    done: Vec<Vec<u8>>,
    /// The records of the part that is not full yet, by collection.
    open: Vec<(&'a Collection, Vec<Entry<'a>>)>,
    bytes: usize,
}

impl<'a> Parts<'a> {
    fn push(&mut self, collection: &'a Collection, id: &'a RecordId, record: &'a Arc<Record>) {
        let encoded = record.encoded(self.codec);
        let bytes = entry_bytes(id.as_str()) + encoded.len();
        let opens = self.open.last().is_none_or(|(last, _)| *last != collection);
        let needed = bytes
            + if opens {
                entry_bytes(collection.as_str())
            } else {
                0
            };
        if self.bytes + needed > FRAME_BYTES && !self.open.is_empty() {
            self.close(None);
        }
        match self.open.last_mut() {
            Some((last, entries)) if *last == collection => entries.push(Entry { id, encoded }),
            _ => {
                self.bytes += entry_bytes(collection.as_str());
                self.open.push((collection, vec![Entry { id, encoded }]));
            }
        }
        self.bytes += bytes;
    }

    fn pause_after(&self, entries: usize) {
        if entries % STEP == STEP - 1 {
            (self.pause)();
        }
    }

    fn finish(mut self, checksum: &str) -> Vec<Vec<u8>> {
        self.close(Some(checksum));
        self.done
    }

    fn close(&mut self, checksum: Option<&str>) {
        let mut out = Vec::with_capacity(self.bytes);
        match self.codec {
            Codec::Json => self.write_json(&mut out, checksum),
            Codec::MessagePack => self.write_msgpack(&mut out, checksum),
        }
        self.done.push(out);
        self.open.clear();
        self.bytes = SNAPSHOT_ENVELOPE;
    }

    fn write_json(&self, out: &mut Vec<u8>, checksum: Option<&str>) {
        let Self { rev, epoch, .. } = self;
        let (part, last) = (self.done.len(), checksum.is_some());
        let head = format!(r#"{{"type":"SYNC.SNAPSHOT","rev":{rev},"epoch":"#);
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(&self.codec.encode(epoch));
        out.extend_from_slice(format!(r#","part":{part},"last":{last},"state":{{"#).as_bytes());
        for (i, (collection, entries)) in self.open.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            out.extend_from_slice(&self.codec.encode(collection));
            out.extend_from_slice(b":{");
            for (i, entry) in entries.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                self.pause_after(i);
                out.extend_from_slice(&self.codec.encode(entry.id));
                out.push(b':');
                out.extend_from_slice(entry.encoded);
            }
            out.push(b'}');
        }
        out.push(b'}');
        if let Some(checksum) = checksum {
            out.extend_from_slice(format!(r#","checksum":"{checksum}""#).as_bytes());
        }
        out.push(b'}');
    }

    fn write_msgpack(&self, out: &mut Vec<u8>, checksum: Option<&str>) {
        msgpack::map(out, 6 + usize::from(checksum.is_some()));
        msgpack::text(out, "type");
        msgpack::text(out, "SYNC.SNAPSHOT");
        msgpack::text(out, "rev");
        msgpack::integer(out, self.rev.get());
        msgpack::text(out, "epoch");
        msgpack::text(out, self.epoch.as_str());
        msgpack::text(out, "part");
        msgpack::integer(out, self.done.len() as u64);
        msgpack::text(out, "last");
        out.push(if checksum.is_some() { 0xc3 } else { 0xc2 });
        msgpack::text(out, "state");
        msgpack::map(out, self.open.len());
        for (collection, entries) in &self.open {
            msgpack::text(out, collection.as_str());
            msgpack::map(out, entries.len());
            for (i, entry) in entries.iter().enumerate() {
                self.pause_after(i);
                msgpack::text(out, entry.id.as_str());
                out.extend_from_slice(entry.encoded);
            }
        }
        if let Some(checksum) = checksum {
            msgpack::text(out, "checksum");
            msgpack::text(out, checksum);
        }
    }
}

/// Bytes that a key takes at most, with what separates it from its neighbours.
fn entry_bytes(key: &str) -> usize {
    crate::value::string_size(key) + 6
}

/// Headers of MessagePack. Writing to a `Vec` cannot fail.
mod msgpack {
    use rmp::encode;

    pub(super) fn map(out: &mut Vec<u8>, entries: usize) {
        let _ = encode::write_map_len(out, length(entries));
    }

    pub(super) fn array(out: &mut Vec<u8>, items: usize) {
        let _ = encode::write_array_len(out, length(items));
    }

    pub(super) fn text(out: &mut Vec<u8>, text: &str) {
        let _ = encode::write_str(out, text);
    }

    pub(super) fn integer(out: &mut Vec<u8>, n: u64) {
        let _ = encode::write_uint(out, n);
    }

    #[expect(
        clippy::expect_used,
        reason = "a frame holds at most 2^20 bytes of entries"
    )]
    fn length(n: usize) -> u32 {
        u32::try_from(n).expect("a frame's entries fit in 32 bits")
    }
}
