//! A room as a file: what `revring export` writes and `revring import` reads. This is version 1 of the format.
//!
//! The file is UTF-8 text of lines that end with `\n`, each of them one JSON object (JSON Lines), in this order:
//!
//! 1. The header:
//!    `{"format":"revring-room","version":1,"room":"board","epoch":"…","rev":42,"at":1763644800000,"checksum":"…",`
//!    `"tombstonesForgotten":0,"clientsForgotten":0,"records":1,"tombstones":1,"clients":1}`
//!    - `room`, `epoch`: the room and the epoch that it had;
//!    - `rev`, `at`: the revision of its newest operation, and its time;
//!    - `checksum`: that of the records (rule D-8);
//!    - `tombstonesForgotten`: the highest version of a deleted record that is forgotten (rule D-6);
//!    - `clientsForgotten`: the highest revision of a client that is forgotten (rule U-4);
//!    - `records`, `tombstones`, `clients`: how many lines of each follow.
//! 2. The records, a line each, in the order of collection and id:
//!    `{"record":{"collection":"notes","id":"n1","version":3,"createdAt":…,"updatedAt":…,"data":{…}}}`
//! 3. What is remembered of deleted records (rule D-6), `rev` being the revision of the deletion and `place` its place among the
//!    deletions of that operation, from 0:
//!    `{"tombstone":{"collection":"notes","id":"n0","version":2,"rev":40,"place":0}}`
//! 4. The remembered clients with their accepted ids (rule U-3), by ascending revision, `forgotten` being the highest revision of
//!    an id of theirs that is forgotten:
//!    `{"client":{"clientId":"…","forgotten":0,"ids":[{"rev":41,"clientReqId":"u1"},{"rev":42,"clientReqId":"u2"}]}}`
//! 5. The end: `{"end":{"lines":4,"sum":"…"}}`: how many lines stand before it, and the XXH64 (seed 0, 16 lower-case hex digits)
//!    of their bytes with their line feeds. A file that was cut or changed is known by it.
//!
//! Times are milliseconds since 1970-01-01 UTC, without leap seconds. No line is longer than 16 MiB. Fields that are not known
//! are ignored; a change that older readers must not ignore gets another version.

mod check;
mod fields;
mod header;
mod read;
mod write;

use revring_protocol::{ids::RoomName, room::Image};

pub(crate) use read::{ReadError, read};
pub(crate) use write::{RecordLine, write};

/// What the first line says that the file is.
const FORMAT: &str = "revring-room";
/// The version of the format that is written, and the newest that is read.
const VERSION: u64 = 1;
/// Bytes of a line.
const LINE_BYTES: usize = 16 << 20;

/// A room that was read from a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exported {
    /// The name it had.
    pub(crate) room: RoomName,
    /// Its state, in the epoch it had.
    pub(crate) image: Image,
}

/// The checksum of the end line.
#[derive(Debug, Default)]
struct Sum(twox_hash::XxHash64);

impl Sum {
    fn add(&mut self, line: &[u8]) {
        std::hash::Hasher::write(&mut self.0, line);
    }

    fn text(&self) -> String {
        format!("{:016x}", std::hash::Hasher::finish(&self.0))
    }
}

#[cfg(test)]
mod tests;
