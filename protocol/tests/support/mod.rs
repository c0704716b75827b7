//! What the tests share: short ways to write changes, and a room that answers at once.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails"
)]
#![allow(dead_code, reason = "every test binary uses its own part")]

pub(crate) mod arbitrary;
pub(crate) mod traffic;

use std::{collections::VecDeque, sync::Arc};

use revring_protocol::{
    change::{Change, Edit, Operation, Sequence, Splice, Update},
    codec::Codec,
    error::Code,
    ids::{ClientId, ClientKey, ClientReqId, Collection, Epoch, Millis, RecordId, RecordKey, Rev},
    limits::Limits,
    message::{Reject, ServerMessage},
    room::{Committed, Outcome, Request, Room, Ticket},
    value::{Number, Object, Path, Value, canonical},
};

pub(crate) fn value(json: &str) -> Value {
    Codec::Json
        .decode_value(json.as_bytes())
        .unwrap_or_else(|error| panic!("{json}: {error}"))
}

pub(crate) fn object(json: &str) -> Object {
    match value(json) {
        Value::Object(object) => object,
        other => panic!("{other:?} is no object"),
    }
}

pub(crate) fn number(json: &str) -> Number {
    value(json).as_number().unwrap()
}

/// The key written `collection/id`.
pub(crate) fn key(text: &str) -> RecordKey {
    let (collection, id) = text.split_once('/').unwrap();
    RecordKey {
        collection: Collection::new(collection).unwrap(),
        id: RecordId::new(id).unwrap(),
    }
}

pub(crate) fn path(text: &str) -> Path {
    Path::parse(text).unwrap()
}

pub(crate) fn id(text: &str) -> ClientReqId {
    ClientReqId::new(text).unwrap()
}

/// The client called `name`.
pub(crate) fn client(name: &str) -> ClientId {
    ClientKey::new(&format!("the-key-of-client-{name}"))
        .unwrap()
        .client_id()
}

fn change(record: &str, edit: Edit) -> Change {
    Change {
        key: key(record),
        if_version: None,
        edit,
    }
}

pub(crate) fn put(record: &str, data: &str) -> Change {
    change(record, Edit::Put { data: object(data) })
}

pub(crate) fn merge(record: &str, data: &str) -> Change {
    change(record, Edit::Merge { data: object(data) })
}

pub(crate) fn set(record: &str, at: &str, json: &str) -> Change {
    change(
        record,
        Edit::Set {
            path: path(at),
            value: value(json),
        },
    )
}

pub(crate) fn unset(record: &str, at: &str) -> Change {
    change(record, Edit::Unset { path: path(at) })
}

pub(crate) fn delete(record: &str) -> Change {
    change(record, Edit::Delete)
}

pub(crate) fn add(record: &str, at: &str, by: &str) -> Change {
    change(
        record,
        Edit::Add {
            path: path(at),
            by: number(by),
        },
    )
}

pub(crate) fn splice(record: &str, field: &str, at: usize, remove: usize, insert: &str) -> Change {
    let insert = match value(insert) {
        Value::String(text) => Sequence::Text(text),
        Value::Array(items) => Sequence::Items(items),
        other => panic!("{other:?} cannot be inserted"),
    };
    change(
        record,
        Edit::Splice {
            path: path(field),
            splice: Splice { at, remove, insert },
        },
    )
}

impl If for Change {
    fn if_version(mut self, version: u64) -> Change {
        self.if_version = Some(version);
        self
    }
}

/// Adds a condition to a change.
pub(crate) trait If {
    fn if_version(self, version: u64) -> Change;
}

pub(crate) fn update(req: &str, changes: Vec<Change>) -> Update {
    Update {
        client_req_id: id(req),
        changes,
        base_rev: None,
        first_rev: None,
    }
}

pub(crate) fn request(author: &str, update: Update) -> Request {
    Request {
        client_id: client(author),
        update,
        ticket: Ticket(0),
    }
}

/// The limits with a ring of `ops` operations.
pub(crate) fn ring_of(ops: usize) -> Limits {
    Limits {
        ring_ops: ops,
        ..Limits::DEFAULT
    }
}

/// A room whose log commits at once.
pub(crate) struct Host {
    pub(crate) room: Room,
    pub(crate) now: Millis,
    serial: u64,
}

impl Host {
    pub(crate) fn new() -> Self {
        Self::with(Limits::DEFAULT)
    }

    pub(crate) fn with(limits: Limits) -> Self {
        let room = Room::new(Epoch::new("e").unwrap(), limits);
        Self {
            room,
            now: 1000,
            serial: 0,
        }
    }

    /// Commits as many of `requests` as one batch takes; all, in what the tests send.
    pub(crate) fn batch(&mut self, requests: Vec<Request>) -> Committed {
        let mut requests = VecDeque::from(requests);
        let batch = self.room.propose(&mut requests, self.now);
        assert!(requests.is_empty(), "one batch takes them all");
        let committed = self.room.commit(batch);
        self.room.check();
        committed
    }

    pub(crate) fn offer(&mut self, author: &str, update: Update) -> Outcome {
        let committed = self.batch(vec![request(author, update)]);
        let [answer] = &committed.answers[..] else {
            panic!("one request has one answer")
        };
        answer.outcome.clone()
    }

    /// Has an update accepted, under an id of its own.
    pub(crate) fn accept(&mut self, author: &str, changes: Vec<Change>) -> Rev {
        self.serial += 1;
        let update = update(&format!("s{}", self.serial), changes);
        self.accept_update(author, update)
    }

    pub(crate) fn accept_update(&mut self, author: &str, update: Update) -> Rev {
        match self.offer(author, update) {
            Outcome::Accepted(rev) => rev,
            Outcome::Reply(reply) => panic!("{reply:?}"),
        }
    }

    /// Has an update refused, which must leave everything as it was (rule O-5).
    pub(crate) fn refuse(&mut self, changes: Vec<Change>) -> Reject {
        self.serial += 1;
        self.refuse_update("x", update(&format!("s{}", self.serial), changes))
    }

    pub(crate) fn refuse_update(&mut self, author: &str, update: Update) -> Reject {
        let before = self.room.image();
        let outcome = self.offer(author, update);
        assert_eq!(self.room.image(), before, "what is refused changes nothing");
        match outcome {
            Outcome::Reply(ServerMessage::Reject(reject)) => {
                assert_eq!(reject.retryable, reject.code.retryable());
                reject
            }
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn refused_with(&mut self, changes: Vec<Change>) -> Code {
        self.refuse(changes).code
    }

    /// The canonical text of a record's data.
    pub(crate) fn data(&self, record: &str) -> Option<String> {
        let record = self.room.document().get(&key(record))?;
        Some(canonical(&Value::Object(record.data().clone())))
    }

    pub(crate) fn version(&self, record: &str) -> Option<u64> {
        self.room
            .document()
            .get(&key(record))
            .map(|record| record.version())
    }

    /// The operation of `rev`, which the ring must hold.
    pub(crate) fn operation(&self, rev: Rev) -> Arc<Operation> {
        let found = self
            .room
            .after(Rev::ZERO)
            .find(|entry| entry.operation().rev == rev);
        Arc::clone(
            found
                .unwrap_or_else(|| panic!("{rev} is in the ring"))
                .operation(),
        )
    }

    /// The edits of the operation of `rev`.
    pub(crate) fn edits(&self, rev: Rev) -> Vec<Edit> {
        self.operation(rev)
            .changes
            .iter()
            .map(|effect| effect.edit.clone())
            .collect()
    }
}
