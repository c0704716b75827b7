//! Bytes of the journal: frames, each with a checksum that begins where the one before ended, so that what is left of an older
//! journal never counts as the next frame.

use std::{hash::Hasher as _, sync::Arc};

use revring_protocol::{
    change::Operation,
    codec::{Codec, delta_payload},
    ids::{Epoch, Rev, RoomName},
    message::ServerMessage,
};
use twox_hash::XxHash64;

use crate::disk::SECTOR;

const MAGIC: [u8; 4] = *b"RVSM";
/// Magic, kind and padding, length, checksum.
const HEADER: usize = 4 + 4 + 4 + 8;

/// What a frame says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// Operations were accepted.
    Operations {
        /// In this room.
        room: RoomName,
        /// In this epoch.
        epoch: Epoch,
        /// These, in order; at least one.
        operations: Vec<Arc<Operation>>,
    },
    /// The image number `image` was stored, and operations up to `keep_after` need not be kept.
    Checkpoint {
        /// Of this room.
        room: RoomName,
        /// The image's number.
        image: u64,
        /// Operations up to it are gone.
        keep_after: Rev,
    },
    /// The room began anew with the image number `image`.
    Begin {
        /// This room.
        room: RoomName,
        /// The image's number.
        image: u64,
    },
}

/// Where a journal goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// The position of the next frame.
    pub at: usize,
    /// The checksum of the frame before.
    pub chain: u64,
}

/// The frame of `entry` at `place`, and where the journal goes on behind it.
#[must_use]
pub fn encode(entry: &Entry, place: Place) -> (Vec<u8>, Place) {
    let (kind, payload) = payload(entry);
    let checksum = checksum(place.chain, kind, &payload);
    let mut bytes = Vec::with_capacity(HEADER + payload.len());
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&[kind, 0, 0, 0]);
    bytes.extend_from_slice(
        &u32::try_from(payload.len())
            .unwrap_or(u32::MAX)
            .to_le_bytes(),
    );
    bytes.extend_from_slice(&checksum.to_le_bytes());
    bytes.extend_from_slice(&payload);
    bytes.resize(bytes.len().next_multiple_of(SECTOR), 0);
    let next = Place {
        at: place.at + bytes.len(),
        chain: checksum,
    };
    (bytes, next)
}

/// What stands at `place`, and where the journal goes on; `None` at its end. With `lenient`, checksums do not matter.
#[must_use]
pub fn decode(journal: &[u8], place: Place, lenient: bool) -> Option<(Entry, Place)> {
    let header = journal.get(place.at..place.at + HEADER)?;
    if header[..4] != MAGIC {
        return None;
    }
    let kind = header[4];
    let length = usize::try_from(u32::from_le_bytes(header[8..12].try_into().ok()?)).ok()?;
    let found = u64::from_le_bytes(header[12..20].try_into().ok()?);
    let begin = place.at + HEADER;
    let payload = journal.get(begin..begin.checked_add(length)?)?;
    if !lenient && found != checksum(place.chain, kind, payload) {
        return None;
    }
    let next = Place {
        at: place.at + (HEADER + length).next_multiple_of(SECTOR),
        chain: found,
    };
    Some((read(kind, payload)?, next))
}

/// Whether anything but zeros begins at `place`.
#[must_use]
pub fn has_remains(journal: &[u8], place: Place) -> bool {
    let rest = journal.get(place.at..).unwrap_or_default();
    rest.iter().take(HEADER).any(|byte| *byte != 0)
}

fn checksum(chain: u64, kind: u8, payload: &[u8]) -> u64 {
    let mut hash = XxHash64::with_seed(chain);
    hash.write_u8(kind);
    hash.write(payload);
    hash.finish()
}

fn payload(entry: &Entry) -> (u8, Vec<u8>) {
    let mut out = Vec::new();
    match entry {
        Entry::Operations {
            room,
            epoch,
            operations,
        } => {
            text(&mut out, room.as_str());
            text(&mut out, epoch.as_str());
            let before = operations.first().map_or(0, |first| first.rev.get() - 1);
            let encode =
                |operation: &Arc<Operation>| Codec::MessagePack.encode(&**operation).into();
            let encoded: Vec<bytes::Bytes> = operations.iter().map(encode).collect();
            let list = delta_payload(Codec::MessagePack, Rev::new(before), &encoded);
            out.extend_from_slice(&list);
            (1, out)
        }
        Entry::Checkpoint {
            room,
            image,
            keep_after,
        } => {
            text(&mut out, room.as_str());
            out.extend_from_slice(&image.to_le_bytes());
            out.extend_from_slice(&keep_after.get().to_le_bytes());
            (2, out)
        }
        Entry::Begin { room, image } => {
            text(&mut out, room.as_str());
            out.extend_from_slice(&image.to_le_bytes());
            (3, out)
        }
    }
}

fn read(kind: u8, payload: &[u8]) -> Option<Entry> {
    let (room, rest) = read_text(payload)?;
    let room = RoomName::new(room).ok()?;
    match kind {
        1 => {
            let (epoch, rest) = read_text(rest)?;
            let epoch = Epoch::new(epoch).ok()?;
            let Ok(ServerMessage::Deltas(deltas)) = Codec::MessagePack.decode_server(rest) else {
                return None;
            };
            let operations = deltas.ops;
            Some(Entry::Operations {
                room,
                epoch,
                operations,
            })
        }
        2 => {
            let (image, rest) = read_number(rest)?;
            let (keep_after, _) = read_number(rest)?;
            let keep_after = Rev::new(keep_after);
            Some(Entry::Checkpoint {
                room,
                image,
                keep_after,
            })
        }
        3 => {
            let (image, _) = read_number(rest)?;
            Some(Entry::Begin { room, image })
        }
        _ => None,
    }
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
    out.extend_from_slice(text.as_bytes());
}

fn read_text(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = bytes.split_first()?;
    let (text, rest) = rest.split_at_checked(usize::from(*length))?;
    Some((std::str::from_utf8(text).ok()?, rest))
}

fn read_number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (number, rest) = bytes.split_at_checked(8)?;
    Some((u64::from_le_bytes(number.try_into().ok()?), rest))
}
