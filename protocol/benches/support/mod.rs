//! What the benches share: a document of tasks, and updates as an editor of tasks sends them.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a bench that cannot go on fails"
)]
#![allow(dead_code, reason = "every bench uses its own part")]

use std::{collections::VecDeque, sync::Arc, time::Duration};

use criterion::Criterion;
use revring_protocol::{
    change::{Change, Edit, Effect, Operation, Sequence, Splice, Update},
    codec::Codec,
    document::Document,
    ids::{ClientId, ClientKey, ClientReqId, Collection, Epoch, RecordId, RecordKey, Rev},
    limits::Limits,
    message::State,
    record::Record,
    room::{Request, Room, Ticket},
    value::{Object, Path, Value},
};

/// Short runs: what is looked for is an order of magnitude or a change by a tenth.
pub(crate) fn criterion() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(20)
}

pub(crate) fn object(json: &str) -> Object {
    match Codec::Json.decode_value(json.as_bytes()) {
        Ok(Value::Object(object)) => object,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn key(n: u64) -> RecordKey {
    RecordKey {
        collection: Collection::new("tasks").unwrap(),
        id: RecordId::new(&format!("task-{n:08}")).unwrap(),
    }
}

/// About 200 bytes of a task.
pub(crate) fn task(n: u64) -> Object {
    object(&format!(
        r#"{{"title":"Write down what task {n} is about","done":false,"assignee":"user-{}","rank":{n}.5,"tags":["one","two"],"due":{{"year":2026,"month":7}},"notes":"A line or two of notes, as they are."}}"#,
        n % 17
    ))
}

pub(crate) fn document(records: u64) -> Document {
    let mut state = State::new();
    for n in 0..records {
        let key = key(n);
        let record = Record::new(&key, 1, 1_700_000_000_000, 1_700_000_000_000, task(n));
        state
            .entry(key.collection)
            .or_default()
            .insert(key.id, Arc::new(record));
    }
    let mut document = Document::new();
    document.add_part(&state);
    document
}

pub(crate) fn author() -> ClientId {
    ClientKey::new("the-key-of-one-client").unwrap().client_id()
}

fn req(n: u64) -> ClientReqId {
    ClientReqId::new(&format!("0198c5d2-7f3a-{n}")).unwrap()
}

/// Two fields of one task.
pub(crate) fn merge() -> Edit {
    Edit::Merge {
        data: object(r#"{"done":true,"title":"Another title of the task"}"#),
    }
}

/// One letter, typed at `at`.
pub(crate) fn letter(path: &str, at: usize) -> Edit {
    let splice = Splice {
        at,
        remove: 0,
        insert: Sequence::Text("x".into()),
    };
    Edit::Splice {
        path: Path::parse(path).unwrap(),
        splice,
    }
}

pub(crate) fn update(n: u64, key: RecordKey, edit: Edit, base: Rev) -> Update {
    let changes = vec![Change {
        key,
        if_version: None,
        edit,
    }];
    Update {
        client_req_id: req(n),
        changes,
        base_rev: Some(base),
        first_rev: None,
    }
}

pub(crate) fn operation(rev: u64, key: RecordKey, edit: Edit) -> Operation {
    let changes = vec![Effect {
        key,
        version: 2,
        edit,
    }];
    let (client_id, client_req_id) = (author(), req(rev));
    Operation {
        rev: Rev::new(rev),
        client_id,
        client_req_id,
        at: 1_700_000_000_001,
        changes,
    }
}

/// A room whose head is at revision 1 of a document of `records` tasks.
pub(crate) fn room(records: u64, limits: Limits) -> Room {
    let mut image = Room::new(Epoch::new("epoch").unwrap(), limits.clone()).image();
    image.document = document(records);
    image.rev = Rev::new(1);
    Room::restore(image, &[], limits).unwrap()
}

/// Commits `updates` in as many batches as they need; gives back how many were accepted.
pub(crate) fn commit(room: &mut Room, updates: impl IntoIterator<Item = Update>) -> usize {
    let client_id = author();
    let requests = updates.into_iter().map(|update| Request {
        client_id: client_id.clone(),
        update,
        ticket: Ticket(0),
    });
    let mut requests: VecDeque<_> = requests.collect();
    let mut accepted = 0;
    while !requests.is_empty() {
        let batch = room.propose(&mut requests, 1_700_000_000_002);
        accepted += room.commit(batch).operations.len();
    }
    accepted
}
