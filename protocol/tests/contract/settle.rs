//! What a room makes of concurrent splices on one value.

use std::{collections::VecDeque, sync::Arc};

use revring_protocol::{
    change::{Change, Edit, Operation, Sequence, Splice, Update},
    ids::{ClientKey, ClientReqId, Collection, Epoch, RecordId, RecordKey, Rev},
    limits::Limits,
    room::{Request, Room, Ticket},
    value::{Object, Path, Value, canonical},
};

/// What `own` becomes, in one update made on `value`, after each of `theirs` was accepted by itself; and the value
/// after all of them.
pub(crate) fn settle(value: Value, theirs: &[Splice], own: &[Splice]) -> (Vec<Splice>, Value) {
    let mut room = Room::new(Epoch::new("e").unwrap(), Limits::DEFAULT);
    let data = Object::from([("v", value)]);
    accept(&mut room, vec![Edit::Put { data }], Rev::ZERO);
    let base = room.head();
    for splice in theirs {
        let now = room.head();
        accept(&mut room, edits(std::slice::from_ref(splice)), now);
    }
    let operation = accept(&mut room, edits(own), base);
    let moved = operation.changes.iter().map(|effect| match &effect.edit {
        Edit::Splice { splice, .. } => splice.clone(),
        other => panic!("{other:?}"),
    });
    let record = room.document().get(&key()).unwrap();
    (moved.collect(), path().find(record.data()).unwrap().clone())
}

/// `splices` as they stand in a vector.
pub(crate) fn written(splices: &[Splice]) -> String {
    let splices = splices.iter().map(|splice| {
        let insert = match &splice.insert {
            Sequence::Text(text) => Value::String(text.clone()),
            Sequence::Items(items) => Value::Array(items.clone()),
        };
        let Splice { at, remove, .. } = splice;
        let insert = canonical(&insert);
        format!(r#"{{"at":{at},"remove":{remove},"insert":{insert}}}"#)
    });
    format!("[{}]", splices.collect::<Vec<_>>().join(","))
}

fn path() -> Path {
    Path::parse("/v").unwrap()
}

fn key() -> RecordKey {
    RecordKey {
        collection: Collection::new("c").unwrap(),
        id: RecordId::new("i").unwrap(),
    }
}

fn edits(splices: &[Splice]) -> Vec<Edit> {
    let edit = |splice: &Splice| Edit::Splice {
        path: path(),
        splice: splice.clone(),
    };
    splices.iter().map(edit).collect()
}

/// Has `room` accept an update, and gives its operation.
fn accept(room: &mut Room, edits: Vec<Edit>, base: Rev) -> Arc<Operation> {
    let changes = edits
        .into_iter()
        .map(|edit| Change {
            key: key(),
            if_version: None,
            edit,
        })
        .collect();
    let id = ClientReqId::new(&format!("u{}", room.head())).unwrap();
    let update = Update {
        client_req_id: id,
        changes,
        base_rev: Some(base),
        first_rev: None,
    };
    let client_id = ClientKey::new("0123456789abcdef").unwrap().client_id();
    let mut requests = VecDeque::from([Request {
        client_id,
        update,
        ticket: Ticket(0),
    }]);
    let batch = room.propose(&mut requests, 1);
    let committed = room.commit(batch);
    let [entry] = &committed.operations[..] else {
        panic!("{:?}", committed.answers)
    };
    entry.operation().clone()
}
