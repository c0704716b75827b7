//! What writers write, encoded once: each update differs from the one before in a few bytes only.

use std::ops::Range;

use revring_protocol::{
    change::{Change, Edit, Update},
    codec::Codec,
    ids::{ClientReqId, Collection, RecordId, RecordKey},
    limits::CLIENT_ID_CHARS,
    message::ClientMessage,
    value::{Object, Path, Value},
};

use super::queue_bytes;
use crate::{
    plan::Work,
    speaker::Outbox,
    stamp::{self, Stamp},
};

/// The collection of all records.
const COLLECTION: &str = "load";
/// The record that all write.
const HOT: &str = "hot";
/// The field that is written.
const FIELD: &str = "text";
/// Bytes of an operation's names and ids: of its author, its stamp, its record and its field.
pub(crate) const OPERATION_IDS: usize =
    CLIENT_ID_CHARS + stamp::LENGTH + COLLECTION.len() + HOT.len() + FIELD.len();
/// Stands for the eight digits of a number.
const NUMBER: &str = "@@@@@@@@";
/// Bytes that an update of many records may have: far below what servers take.
const UPDATE: usize = 128 << 10;
/// Changes that one may have.
const CHANGES: usize = 200;

/// Writes updates of one kind.
#[derive(Debug)]
pub(crate) struct Pen {
    codec: Codec,
    update: Vec<u8>,
    stamp: Range<usize>,
    /// Where the number stands that makes each payload another.
    count: Option<Range<usize>>,
    /// Where the number of the record stands, and how many there are.
    record: Option<(Range<usize>, u32)>,
}

impl Pen {
    /// A pen for `work` with `bytes` of payload; `records` are there to choose from.
    ///
    /// # Errors
    /// In words, when a name is not valid.
    pub(crate) fn new(
        codec: Codec,
        work: Work,
        bytes: usize,
        records: usize,
    ) -> Result<Self, String> {
        let placeholder = Stamp {
            writer: 0,
            sequence: 0,
            intended: 0,
        };
        let changes = vec![change(work, bytes)?];
        let update = codec.encode(&ClientMessage::Update(Update {
            client_req_id: request(placeholder)?,
            changes,
            base_rev: None,
            first_rev: None,
        }));
        let mut numbers = memchr::memmem::find_iter(&update, NUMBER)
            .map(|at| at..at + NUMBER.len())
            .collect::<Vec<_>>()
            .into_iter();
        let chosen = (work == Work::Put).then(|| numbers.next()).flatten();
        let at = memchr::memmem::find(&update, stamp::MARK).ok_or("an update without stamp")?;
        Ok(Self {
            codec,
            stamp: at..at + stamp::LENGTH,
            count: numbers.next(),
            record: chosen.map(|at| (at, u32::try_from(records.max(1)).unwrap_or(u32::MAX))),
            update,
        })
    }

    /// Queues an update.
    pub(super) fn write(&mut self, stamp: Stamp, out: &mut Outbox) {
        self.update[self.stamp.clone()].copy_from_slice(&stamp.text());
        if let Some(count) = &self.count {
            self.update[count.clone()].copy_from_slice(&digits(stamp.sequence));
        }
        if let Some((record, records)) = &self.record {
            let chosen = stamp
                .sequence
                .wrapping_add(u32::from(stamp.writer).wrapping_mul(7919))
                % records;
            self.update[record.clone()].copy_from_slice(&digits(chosen));
        }
        queue_bytes(self.codec, &self.update, out);
    }
}

/// The id that carries `stamp`.
///
/// # Errors
/// Never: a stamp is a valid id.
pub(super) fn request(stamp: Stamp) -> Result<ClientReqId, String> {
    let text = stamp.text();
    let text = std::str::from_utf8(&text).map_err(|error| error.to_string())?;
    ClientReqId::new(text).map_err(|error| error.to_string())
}

/// What an update of `work` with `bytes` of payload asks for.
pub(super) fn change(work: Work, bytes: usize) -> Result<Change, String> {
    let text = text(bytes);
    let (id, edit) = match work {
        Work::Merge => (HOT.to_owned(), Edit::Merge { data: data(text) }),
        Work::Set => (
            HOT.to_owned(),
            Edit::Set {
                path: Path::parse(&format!("/{FIELD}")).map_err(|error| error.to_string())?,
                value: Value::from(text),
            },
        ),
        Work::Put => (format!("r{NUMBER}"), Edit::Put { data: data(text) }),
    };
    Ok(Change {
        key: key(&id)?,
        if_version: None,
        edit,
    })
}

/// The payloads of the updates that put the hot record and `records` others of `bytes` bytes each.
///
/// # Errors
/// In words, when a name is not valid.
pub(crate) fn fill(
    codec: Codec,
    records: usize,
    bytes: usize,
    payload: usize,
) -> Result<Vec<Vec<u8>>, String> {
    let mut changes = vec![put(HOT, payload)?];
    let mut updates = Vec::new();
    let most = (UPDATE / (bytes + 64)).clamp(1, CHANGES);
    for record in 0..records {
        if changes.len() >= most {
            updates.push(update(codec, updates.len(), std::mem::take(&mut changes))?);
        }
        let number = u32::try_from(record).map_err(|error| error.to_string())?;
        let number = digits(number);
        let number = std::str::from_utf8(&number).map_err(|error| error.to_string())?;
        changes.push(put(&format!("r{number}"), bytes)?);
    }
    updates.push(update(codec, updates.len(), changes)?);
    Ok(updates)
}

fn update(codec: Codec, number: usize, changes: Vec<Change>) -> Result<Vec<u8>, String> {
    let client_req_id =
        ClientReqId::new(&format!("fill-{number}")).map_err(|error| error.to_string())?;
    Ok(codec.encode(&ClientMessage::Update(Update {
        client_req_id,
        changes,
        base_rev: None,
        first_rev: None,
    })))
}

fn put(id: &str, bytes: usize) -> Result<Change, String> {
    let data = data("x".repeat(bytes));
    Ok(Change {
        key: key(id)?,
        if_version: None,
        edit: Edit::Put { data },
    })
}

fn key(id: &str) -> Result<RecordKey, String> {
    Ok(RecordKey {
        collection: Collection::new(COLLECTION).map_err(|error| error.to_string())?,
        id: RecordId::new(id).map_err(|error| error.to_string())?,
    })
}

fn data(text: String) -> Object {
    Object::from_iter([(FIELD.to_owned(), Value::from(text))])
}

fn text(bytes: usize) -> String {
    let number = if bytes >= NUMBER.len() { NUMBER } else { "" };
    format!("{number}{}", "x".repeat(bytes - number.len()))
}

fn digits(number: u32) -> [u8; 8] {
    std::array::from_fn(|place| b"0123456789abcdef"[(number >> (28 - 4 * place) & 15) as usize])
}
