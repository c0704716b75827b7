//! Random values, names, changes and messages, with a liking for edges.

use std::{collections::BTreeMap, sync::Arc};

use proptest::{
    collection::{btree_map, vec},
    option,
    prelude::*,
    sample::select,
};
use revring_protocol::{
    change::{Change, Edit, Effect, Operation, Sequence, Splice, Update},
    error::Code,
    ids::{
        ClientId, ClientKey, ClientReqId, Collection, Epoch, RecordId, RecordKey, Rev, RoomName,
    },
    limits::{Limits, MAX_SAFE_INTEGER},
    message::{
        Acked, ClientMessage, Conflict, Deltas, Gap, GapReason, Join, Joined, Position, Reject,
        ServerMessage, SnapshotPart, State,
    },
    record::Record,
    value::{Number, Object, Path, Value},
};

/// Characters of every length and every need of escapes.
fn character() -> impl Strategy<Value = char> {
    prop_oneof![
        4 => prop::char::range('a', 'f'),
        2 => select(vec!['"', '\\', '/', '~', '\n', '\u{0}', '\u{1f}', '\u{7f}', 'é', '€', '\u{2028}', '\u{e000}', '\u{ffff}', '😀', '\u{10ffff}']),
        1 => any::<char>(),
    ]
}

fn text_of(
    characters: impl Strategy<Value = char>,
    length: std::ops::Range<usize>,
) -> impl Strategy<Value = String> {
    vec(characters, length).prop_map(String::from_iter)
}

pub(crate) fn text() -> impl Strategy<Value = String> {
    prop_oneof![9 => text_of(character(), 0..8), 1 => text_of(character(), 28..40)]
}

pub(crate) fn numbers() -> impl Strategy<Value = Number> {
    let edges = [
        0,
        1,
        31,
        32,
        127,
        128,
        255,
        256,
        32767,
        32768,
        65535,
        65536,
        1 << 31,
        (1 << 32) - 1,
        1 << 32,
        MAX_SAFE_INTEGER,
    ];
    prop_oneof![
        select(edges.to_vec())
            .prop_flat_map(|n| select(vec![
                n,
                -n,
                (n + 1).min(MAX_SAFE_INTEGER),
                -(n + 1).min(MAX_SAFE_INTEGER)
            ]))
            .prop_map(|n| Number::from_i64(n).unwrap()),
        (-MAX_SAFE_INTEGER..=MAX_SAFE_INTEGER).prop_map(|n| Number::from_i64(n).unwrap()),
        any::<f64>().prop_filter_map("in range", Number::from_f64),
        any::<f32>().prop_filter_map("in range", |x| Number::from_f64(x.into())),
        (-1e16..1e16).prop_filter_map("in range", Number::from_f64),
    ]
}

pub(crate) fn values() -> impl Strategy<Value = Value> {
    let scalars = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        numbers().prop_map(Value::Number),
        text().prop_map(Value::String),
    ];
    scalars.prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::Array),
            btree_map(text(), inner, 0..6)
                .prop_map(|entries| Value::Object(Object::from_iter(entries))),
        ]
    })
}

pub(crate) fn objects() -> impl Strategy<Value = Object> {
    btree_map(text(), values(), 0..4).prop_map(Object::from_iter)
}

fn graphic() -> impl Strategy<Value = char> {
    prop::char::range('!', '~')
}

pub(crate) fn req_ids() -> impl Strategy<Value = ClientReqId> {
    text_of(graphic(), 1..65).prop_map(|text| ClientReqId::new(&text).unwrap())
}

fn epochs() -> impl Strategy<Value = Epoch> {
    text_of(graphic(), 1..65).prop_map(|text| Epoch::new(&text).unwrap())
}

fn client_keys() -> impl Strategy<Value = ClientKey> {
    text_of(graphic(), 16..129).prop_map(|text| ClientKey::new(&text).unwrap())
}

pub(crate) fn client_ids() -> impl Strategy<Value = ClientId> {
    client_keys().prop_map(|key| key.client_id())
}

fn rooms() -> impl Strategy<Value = RoomName> {
    text_of(select("azAZ09-_.:~@/".chars().collect::<Vec<_>>()), 1..129)
        .prop_map(|text| RoomName::new(&text).unwrap())
}

fn name_text() -> impl Strategy<Value = String> {
    text_of(
        character().prop_filter("no control", |c| !c.is_control()),
        1..16,
    )
}

pub(crate) fn collections() -> impl Strategy<Value = Collection> {
    name_text().prop_map(|text| Collection::new(&text).unwrap())
}

pub(crate) fn record_ids() -> impl Strategy<Value = RecordId> {
    name_text().prop_map(|text| RecordId::new(&text).unwrap())
}

pub(crate) fn keys() -> impl Strategy<Value = RecordKey> {
    (collections(), record_ids()).prop_map(|(collection, id)| RecordKey { collection, id })
}

fn paths() -> impl Strategy<Value = Path> {
    vec(text_of(character(), 0..5), 1..4).prop_map(|tokens| {
        let tokens = tokens
            .iter()
            .map(|token| format!("/{}", token.replace('~', "~0").replace('/', "~1")));
        Path::parse(&tokens.collect::<String>()).unwrap()
    })
}

/// Integers of the wire.
fn integers() -> impl Strategy<Value = u64> {
    prop_oneof![0..300_u64, 0..=MAX_SAFE_INTEGER.unsigned_abs()]
}

fn revs() -> impl Strategy<Value = Rev> {
    integers().prop_map(Rev::new)
}

fn splices() -> impl Strategy<Value = Splice> {
    let insert = prop_oneof![
        text().prop_map(Sequence::Text),
        vec(values(), 0..4).prop_map(Sequence::Items)
    ];
    (integers(), integers(), insert).prop_map(|(at, remove, insert)| Splice {
        at: usize::try_from(at).unwrap(),
        remove: usize::try_from(remove).unwrap(),
        insert,
    })
}

/// Every edit a client can ask for.
pub(crate) fn edits() -> impl Strategy<Value = Edit> {
    prop_oneof![
        effect_edits(),
        (paths(), numbers()).prop_map(|(path, by)| Edit::Add { path, by })
    ]
}

fn effect_edits() -> impl Strategy<Value = Edit> {
    prop_oneof![
        objects().prop_map(|data| Edit::Put { data }),
        objects().prop_map(|data| Edit::Merge { data }),
        (paths(), values()).prop_map(|(path, value)| Edit::Set { path, value }),
        paths().prop_map(|path| Edit::Unset { path }),
        Just(Edit::Delete),
        (paths(), splices()).prop_map(|(path, splice)| Edit::Splice { path, splice }),
    ]
}

fn changes() -> impl Strategy<Value = Change> {
    (keys(), option::of(integers()), edits()).prop_map(|(key, if_version, edit)| Change {
        key,
        if_version,
        edit,
    })
}

fn effects() -> impl Strategy<Value = Effect> {
    (keys(), integers(), effect_edits()).prop_map(|(key, version, edit)| Effect {
        key,
        version,
        edit,
    })
}

pub(crate) fn operations() -> impl Strategy<Value = Operation> {
    (
        revs(),
        client_ids(),
        req_ids(),
        integers(),
        vec(effects(), 0..4),
    )
        .prop_map(|(rev, client_id, client_req_id, at, changes)| Operation {
            rev,
            client_id,
            client_req_id,
            at,
            changes,
        })
}

pub(crate) fn records() -> impl Strategy<Value = (RecordKey, Record)> {
    (keys(), integers(), integers(), integers(), objects()).prop_map(
        |(key, version, created, updated, data)| {
            let record = Record::new(&key, version, created, updated, data);
            (key, record)
        },
    )
}

pub(crate) fn states() -> impl Strategy<Value = State> {
    vec(records(), 0..5).prop_map(|records| {
        let mut state = State::new();
        for (key, record) in records {
            // A record's key is part of what it is.
            state
                .entry(key.collection)
                .or_default()
                .insert(key.id, Arc::new(record));
        }
        state
    })
}

fn positions() -> impl Strategy<Value = Position> {
    (epochs(), revs()).prop_map(|(epoch, last_rev)| Position { epoch, last_rev })
}

pub(crate) fn client_messages() -> impl Strategy<Value = ClientMessage> {
    let joins = (
        rooms(),
        option::of(client_keys()),
        option::of(positions()),
        option::of(text()),
    );
    let updates = (
        req_ids(),
        vec(changes(), 0..4),
        option::of(revs()),
        option::of(revs()),
    );
    prop_oneof![
        joins.prop_map(|(room, client_key, position, token)| {
            ClientMessage::Join(Join {
                room,
                client_key,
                position,
                token,
            })
        }),
        updates.prop_map(|(client_req_id, changes, base_rev, first_rev)| {
            ClientMessage::Update(Update {
                client_req_id,
                changes,
                base_rev,
                first_rev,
            })
        }),
        option::of(objects()).prop_map(ClientMessage::Presence),
        Just(ClientMessage::Heartbeat),
        option::of(positions()).prop_map(ClientMessage::Resync),
        Just(ClientMessage::Leave),
    ]
}

fn limits() -> impl Strategy<Value = Limits> {
    (vec(0..1_usize << 40, 10), integers(), any::<u32>()).prop_map(
        |(sizes, silence_ms, updates_per_second)| Limits {
            ring_ops: sizes[0],
            ring_bytes: sizes[1],
            in_flight: sizes[2],
            message_bytes: sizes[3],
            changes_per_update: sizes[4],
            operation_bytes: sizes[5],
            record_bytes: sizes[6],
            document_bytes: sizes[7],
            depth: sizes[8],
            presence_bytes: sizes[9],
            silence_ms,
            updates_per_second,
        },
    )
}

fn joined() -> impl Strategy<Value = ServerMessage> {
    let names = (client_ids(), option::of(client_keys()), rooms(), epochs());
    (names, revs(), any::<bool>(), limits(), integers()).prop_map(
        |((client_id, client_key, room, epoch), rev, resumed, limits, heartbeat_ms)| {
            ServerMessage::Joined(Joined {
                client_id,
                client_key,
                room,
                epoch,
                rev,
                resumed,
                limits,
                heartbeat_ms,
            })
        },
    )
}

fn snapshots() -> impl Strategy<Value = ServerMessage> {
    (
        revs(),
        epochs(),
        integers(),
        any::<bool>(),
        states(),
        option::of(text()),
    )
        .prop_map(|(rev, epoch, part, last, state, checksum)| {
            ServerMessage::Snapshot(SnapshotPart {
                rev,
                epoch,
                part,
                last,
                state,
                checksum,
            })
        })
}

/// Operations numbered without hole.
pub(crate) fn deltas() -> impl Strategy<Value = Deltas> {
    (0..1_u64 << 50, vec(operations(), 1..4)).prop_map(|(from, mut ops)| {
        for (op, rev) in ops.iter_mut().zip(from + 1..) {
            op.rev = Rev::new(rev);
        }
        let to_rev = Rev::new(from + ops.len() as u64);
        Deltas {
            from_rev: Rev::new(from),
            to_rev,
            ops: ops.into_iter().map(Arc::new).collect(),
        }
    })
}

fn gaps() -> impl Strategy<Value = ServerMessage> {
    let acked = (req_ids(), revs()).prop_map(|(client_req_id, rev)| Acked { client_req_id, rev });
    let reasons = select(vec![GapReason::Behind, GapReason::Ahead, GapReason::Epoch]);
    (revs(), revs(), revs(), revs(), reasons, vec(acked, 0..4)).prop_map(
        |(expected_rev, server_rev, buffer_first_rev, resume_from, reason, acked)| {
            ServerMessage::Gap(Gap {
                expected_rev,
                server_rev,
                buffer_first_rev,
                resume_from,
                reason,
                acked,
            })
        },
    )
}

fn rejects() -> impl Strategy<Value = ServerMessage> {
    let conflict = (keys(), integers(), option::of(paths()))
        .prop_map(|(key, version, path)| Conflict::on(&key, version, path));
    (
        req_ids(),
        select(Code::ALL),
        text(),
        any::<bool>(),
        option::of(integers()),
        option::of(conflict),
    )
        .prop_map(
            |(client_req_id, code, message, retryable, retry_after_ms, conflict)| {
                ServerMessage::Reject(Reject {
                    client_req_id,
                    code,
                    message,
                    retryable,
                    retry_after_ms,
                    conflict,
                })
            },
        )
}

pub(crate) fn server_messages() -> impl Strategy<Value = ServerMessage> {
    let clients = btree_map(client_ids(), option::of(objects()), 0..4);
    prop_oneof![
        joined(),
        snapshots(),
        deltas().prop_map(ServerMessage::Deltas),
        gaps(),
        (req_ids(), revs(), any::<bool>()).prop_map(|(client_req_id, rev, duplicate)| {
            ServerMessage::Ack {
                client_req_id,
                rev,
                duplicate,
            }
        }),
        rejects(),
        (clients, any::<bool>()).prop_map(|(clients, full): (BTreeMap<_, _>, _)| {
            ServerMessage::Presence { clients, full }
        }),
        (revs(), text()).prop_map(|(rev, checksum)| ServerMessage::Heartbeat { rev, checksum }),
        (
            select(Code::ALL),
            text(),
            any::<bool>(),
            option::of(integers())
        )
            .prop_map(
                |(code, message, retryable, retry_after_ms)| ServerMessage::Error {
                    code,
                    message,
                    retryable,
                    retry_after_ms
                }
            ),
    ]
}
