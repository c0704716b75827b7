//! A server that says anything at any time: a replica never panics, stays consistent, and ends each update at most
//! once.

use std::{collections::BTreeSet, sync::Arc};

use proptest::{collection::vec, prelude::*, sample::select};
use revring_protocol::{
    change::{Change, Effect, Operation},
    error::Code,
    ids::{ClientId, ClientReqId, Rev, RoomName},
    limits::{Limits, MAX_SAFE_INTEGER},
    message::{Acked, Deltas, Gap, GapReason, Joined, Reject, ServerMessage, SnapshotPart, State},
    record::Record,
    replica::{Event, OnGap},
};

use crate::{
    peer::{Peer, epoch, me},
    support::{add, client, delete, id, key, merge, object, put, set, splice, unset},
};

#[derive(Debug, Clone)]
enum Act {
    Server(ServerMessage),
    Update(Vec<Change>),
    Connect,
    Disconnect,
    Resync,
    Send,
    /// An honest server: a snapshot of the room, whatever is asked.
    Load,
}

fn revs() -> impl Strategy<Value = Rev> {
    prop_oneof![9 => 0..7u64, 1 => select(vec![u64::MAX, u64::MAX - 1, 1 << 53])].prop_map(Rev::new)
}

fn req_ids() -> impl Strategy<Value = ClientReqId> {
    select(vec!["u0", "u1", "u2", "u3", "zz"]).prop_map(id)
}

fn authors() -> impl Strategy<Value = ClientId> {
    select(vec![me().client_id(), client("other")])
}

fn records() -> impl Strategy<Value = &'static str> {
    select(vec!["n/a", "n/b"])
}

fn positions() -> impl Strategy<Value = usize> {
    prop_oneof![9 => 0..4usize, 1 => select(vec![usize::MAX, usize::MAX / 2, 1 << 53])]
}

fn changes() -> impl Strategy<Value = Change> {
    let spliced = (
        records(),
        select(vec!["/t", "/l"]),
        positions(),
        positions(),
    );
    prop_oneof![
        2 => records().prop_map(|record| put(record, r#"{"t":"abc","l":[1,2],"n":1}"#)),
        1 => records().prop_map(delete),
        1 => records().prop_map(|record| merge(record, r#"{"t":null,"n":2}"#)),
        1 => (records(), select(vec!["/t", "/l", "/n"]))
            .prop_map(|(record, path)| set(record, path, "\"x\"")),
        1 => records().prop_map(|record| unset(record, "/l")),
        1 => records().prop_map(|record| add(record, "/n", "1")),
        4 => (spliced, select(vec!["\"\"", "\"xy\"", "[]", "[0]"])).prop_map(
            |((record, path, at, remove), insert)| splice(record, path, at, remove, insert),
        ),
    ]
}

fn versions() -> impl Strategy<Value = u64> {
    prop_oneof![9 => 0..5u64, 1 => select(vec![u64::MAX, MAX_SAFE_INTEGER.unsigned_abs()])]
}

fn operations() -> impl Strategy<Value = Operation> {
    let effects = vec((changes(), versions()), 0..3).prop_map(|changes| {
        let effect = |(Change { key, edit, .. }, version)| Effect { key, version, edit };
        changes.into_iter().map(effect).collect::<Vec<_>>()
    });
    (revs(), authors(), req_ids(), any::<u64>(), effects).prop_map(
        |(rev, client_id, client_req_id, at, changes)| Operation {
            rev,
            client_id,
            client_req_id,
            at,
            changes,
        },
    )
}

/// Deltas that mostly are numbered well.
fn deltas() -> impl Strategy<Value = ServerMessage> {
    (revs(), vec(operations(), 0..4), prop::bool::weighted(0.8)).prop_map(
        |(from_rev, ops, well)| {
            let numbered = |(n, mut op): (usize, Operation)| {
                if well {
                    op.rev = Rev::new(from_rev.get().saturating_add(n as u64 + 1));
                }
                Arc::new(op)
            };
            let ops: Vec<_> = ops.into_iter().enumerate().map(numbered).collect();
            let to_rev = ops.last().map_or(from_rev, |op| op.rev);
            ServerMessage::Deltas(Deltas {
                from_rev,
                to_rev,
                ops,
            })
        },
    )
}

fn parts() -> impl Strategy<Value = ServerMessage> {
    (
        revs(),
        0..2u64,
        any::<bool>(),
        versions(),
        select(vec!["e", "f"]),
        any::<bool>(),
    )
        .prop_map(|(rev, part, last, version, name, right)| {
            let (key, mut state) = (key("n/a"), State::new());
            let record = Record::new(&key, version, 1, version, object(r#"{"t":"abc","l":[]}"#));
            let mut document = revring_protocol::document::Document::new();
            state
                .entry(key.collection)
                .or_default()
                .insert(key.id, Arc::new(record));
            document.add_part(&state);
            let checksum = right.then(|| document.checksum());
            let epoch = epoch(name);
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

fn rejects() -> impl Strategy<Value = ServerMessage> {
    let code = select(Code::ALL.to_vec());
    (req_ids(), code, prop::option::of(any::<u64>())).prop_map(|(id, code, after)| {
        let mut reject = Reject::new(id, code, "no");
        reject.retry_after_ms = after;
        ServerMessage::Reject(reject)
    })
}

fn gaps() -> impl Strategy<Value = ServerMessage> {
    let reason = select(vec![GapReason::Behind, GapReason::Ahead, GapReason::Epoch]);
    (revs(), reason, vec((req_ids(), revs()), 0..3)).prop_map(|(rev, reason, acked)| {
        let acked = acked
            .into_iter()
            .map(|(client_req_id, rev)| Acked { client_req_id, rev });
        ServerMessage::Gap(Gap {
            expected_rev: rev,
            server_rev: rev,
            buffer_first_rev: rev,
            resume_from: rev,
            reason,
            acked: acked.collect(),
        })
    })
}

fn joined() -> impl Strategy<Value = ServerMessage> {
    (revs(), any::<bool>(), select(vec!["e", "f"])).prop_map(|(rev, resumed, name)| {
        ServerMessage::Joined(Joined {
            client_id: me().client_id(),
            client_key: None,
            room: RoomName::new("r").unwrap(),
            epoch: epoch(name),
            rev,
            resumed,
            limits: Limits::DEFAULT,
            heartbeat_ms: 0,
        })
    })
}

fn acts() -> impl Strategy<Value = Act> {
    let server = prop_oneof![
        8 => deltas(),
        3 => parts(),
        3 => rejects(),
        2 => gaps(),
        2 => joined(),
        3 => (req_ids(), revs()).prop_map(|(client_req_id, rev)| ServerMessage::Ack {
            client_req_id,
            rev,
            duplicate: true
        }),
        1 => revs().prop_map(|rev| ServerMessage::Heartbeat { rev, checksum: "0".repeat(16) }),
    ];
    prop_oneof![
        12 => server.prop_map(Act::Server),
        8 => vec(changes(), 1..3).prop_map(Act::Update),
        5 => Just(Act::Send),
        1 => Just(Act::Connect),
        1 => Just(Act::Disconnect),
        1 => Just(Act::Resync),
        4 => Just(Act::Load),
    ]
}

proptest! {
    #[test]
    fn k10_no_server_breaks_a_replica(
        acts in vec(acts(), 1..60),
        discards in any::<bool>(),
    ) {
        let on_gap = if discards { OnGap::Discard } else { OnGap::Resubmit };
        let records = vec![put("n/a", r#"{"t":"abc","l":[],"n":0}"#), put("n/b", r#"{"t":""}"#)];
        let mut peer = Peer::live_with(on_gap, records);
        let (mut made, mut ended) = (0, BTreeSet::new());
        for act in acts {
            peer.now += 100;
            match act {
                Act::Server(message) => peer.give(message),
                Act::Update(changes) => {
                    made += usize::from(peer.try_make(&format!("u{made}"), changes).is_ok());
                }
                Act::Connect => peer.replica.connected(),
                Act::Disconnect => peer.replica.disconnected(),
                Act::Resync => peer.replica.resync(),
                Act::Send => drop(peer.sent()),
                Act::Load => {
                    peer.replica.resync();
                    peer.sent();
                    peer.joined(false);
                    peer.snapshot();
                }
            }
            peer.replica.check();
            for event in peer.events() {
                if let Event::Resolved { id, .. } = event {
                    prop_assert!(ended.insert(id.clone()), "{} ends once", id);
                }
            }
        }
        let open: BTreeSet<_> = peer.replica.pending().cloned().collect();
        prop_assert!(open.len() + ended.len() >= made, "no update is lost");
    }
}
