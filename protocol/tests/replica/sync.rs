//! Joining, snapshots, deltas and what leads to `RESYNC` (rules C-6, C-7, F-3, F-7, K-4, P-3).

use std::sync::Arc;

use revring_protocol::{
    change::{Edit, Effect, Operation},
    error::Code,
    ids::{ClientKey, Rev},
    message::{ClientMessage, Deltas, Position, ServerMessage},
    replica::{Event, OnGap, Status},
};

use crate::{
    peer::{Peer, epoch, me},
    support::{client, delete, id, key, object, put, set},
};

fn position(rev: u64) -> Option<Position> {
    Some(Position {
        epoch: epoch("e"),
        last_rev: Rev::new(rev),
    })
}

/// A live replica at rev 2 with two records.
fn live() -> Peer {
    let mut peer = Peer::live(vec![put("n/a", "{}"), put("n/b", "{}")]);
    peer.other(vec![set("n/a", "/x", "1")]);
    peer.deliver();
    peer.events();
    peer
}

fn resync(position: Option<Position>) -> ClientMessage {
    ClientMessage::Resync(position)
}

#[test]
fn c6_join_without_state_gets_a_snapshot() {
    let mut peer = Peer::offline(OnGap::Resubmit);
    peer.other(vec![put("n/a", "{}"), put("n/b", "{}")]);
    assert_eq!(peer.replica.status(), Status::Offline);
    peer.replica.connected();
    let ClientMessage::Join(join) = peer.sent_one() else {
        panic!("JOIN comes first")
    };
    assert_eq!((join.position, join.client_key), (None, Some(me())));
    assert_eq!(peer.replica.status(), Status::Joining);
    peer.joined(false);
    assert_eq!(peer.replica.status(), Status::Loading);
    peer.snapshot();
    assert_eq!(peer.replica.status(), Status::Live);
    assert_eq!(peer.replica.confirmed(), peer.host.room.document());
    assert_eq!(peer.replica.confirmed_rev(), Rev::new(1));
    let events = peer.events();
    assert_eq!(events[0], Event::Joined { resumed: false });
    assert_eq!(events[1], Event::Snapshot { rev: Rev::new(1) });
}

#[test]
fn c6_reconnect_says_where_to_resume() {
    let mut peer = live();
    assert_eq!(peer.reconnect().position, position(2));
    peer.other(vec![delete("n/b")]);
    peer.joined(true);
    assert_eq!(peer.replica.lag(), 1);
    peer.deliver();
    assert_eq!(peer.replica.confirmed(), peer.host.room.document());
    assert_eq!(peer.replica.lag(), 0);
}

#[test]
fn n2_a_key_made_by_the_server_is_kept() {
    let mut peer = live();
    let mut replica =
        revring_protocol::replica::Replica::new(revring_protocol::replica::ReplicaConfig {
            room: revring_protocol::ids::RoomName::new("r").unwrap(),
            client_key: None,
            token: Some("t".to_owned()),
            on_gap: OnGap::Resubmit,
        });
    std::mem::swap(&mut replica, &mut peer.replica);
    assert_eq!(peer.replica.client_id(), None);
    peer.replica.connected();
    peer.sent_one();
    let key = ClientKey::from_random([7; 32]);
    let joined = revring_protocol::message::Joined {
        client_id: key.client_id(),
        client_key: Some(key.clone()),
        room: revring_protocol::ids::RoomName::new("r").unwrap(),
        epoch: epoch("e"),
        rev: peer.head(),
        resumed: false,
        limits: peer.limits.clone(),
        heartbeat_ms: 1,
    };
    peer.give(ServerMessage::Joined(joined));
    peer.snapshot();
    assert_eq!(peer.replica.client_id(), Some(&key.client_id()));
    let join = peer.reconnect();
    assert_eq!(
        (join.client_key, join.token),
        (Some(key), Some("t".to_owned()))
    );
}

#[test]
fn f7_a_part_0_begins_anew() {
    let mut peer = live();
    peer.replica.resync();
    assert_eq!(peer.sent_one(), resync(None));
    peer.joined(false);
    let old = peer.parts();
    peer.give(ServerMessage::Snapshot(old[0].clone()));
    peer.other(vec![delete("n/a")]);
    peer.snapshot();
    assert_eq!(peer.replica.confirmed(), peer.host.room.document());
    assert_eq!(peer.replica.confirmed_rev(), Rev::new(3));
}

#[test]
fn f7_a_part_that_is_not_the_next_leads_to_a_new_snapshot() {
    for break_it in [
        |peer: &mut Peer| {
            let last = peer.parts().remove(1);
            peer.give(ServerMessage::Snapshot(last));
        },
        |peer: &mut Peer| {
            let mut parts = peer.parts();
            parts[1].rev = Rev::new(9);
            parts
                .into_iter()
                .for_each(|part| peer.give(ServerMessage::Snapshot(part)));
        },
        |peer: &mut Peer| {
            let mut parts = peer.parts();
            parts[1].epoch = epoch("other");
            parts
                .into_iter()
                .for_each(|part| peer.give(ServerMessage::Snapshot(part)));
        },
        |peer: &mut Peer| {
            let mut parts = peer.parts();
            parts[1].checksum = None;
            parts
                .into_iter()
                .for_each(|part| peer.give(ServerMessage::Snapshot(part)));
        },
        |peer: &mut Peer| {
            let first = peer.parts().remove(0);
            peer.give(ServerMessage::Snapshot(first));
            peer.other(vec![delete("n/a")]);
            peer.deliver_from(Rev::new(2));
        },
    ] {
        let mut peer = live();
        let before = peer.replica.confirmed().clone();
        peer.replica.resync();
        peer.sent_one();
        peer.joined(false);
        break_it(&mut peer);
        assert_eq!(peer.sent_one(), resync(None));
        assert_eq!(*peer.replica.confirmed(), before, "half a snapshot is none");
        peer.joined(false);
        peer.snapshot();
        assert_eq!(peer.replica.confirmed(), peer.host.room.document());
    }
}

#[test]
fn k4_a_delta_from_elsewhere_leads_to_resync_from_the_confirmed_position() {
    let mut peer = live();
    peer.other(vec![set("n/a", "/x", "2")]);
    peer.other(vec![set("n/a", "/x", "3")]);
    peer.deliver_from(Rev::new(3));
    assert_eq!(peer.sent(), [resync(position(2))]);
    peer.joined(true);
    peer.deliver();
    assert_eq!(peer.replica.confirmed(), peer.host.room.document());
}

#[test]
fn k4_an_operation_that_does_not_apply_leads_to_a_snapshot() {
    let operation = |rev: u64, effect: Effect| {
        let (client_id, client_req_id) = (client("x"), id("q"));
        let rev = Rev::new(rev);
        Arc::new(Operation {
            rev,
            client_id,
            client_req_id,
            at: 1,
            changes: vec![effect],
        })
    };
    let good = Effect {
        key: key("n/a"),
        version: 3,
        edit: Edit::Merge { data: object("{}") },
    };
    let bad = Effect {
        key: key("n/z"),
        version: 3,
        edit: Edit::Merge { data: object("{}") },
    };
    let deltas = |ops: Vec<Arc<Operation>>| {
        let (from_rev, to_rev) = (Rev::new(2), Rev::new(2 + ops.len() as u64));
        ServerMessage::Deltas(Deltas {
            from_rev,
            to_rev,
            ops,
        })
    };
    for deltas in [
        deltas(vec![operation(3, good.clone()), operation(4, bad)]),
        deltas(vec![operation(4, good.clone())]),
        deltas(vec![operation(3, good.clone()), operation(3, good)]),
        deltas(vec![]),
    ] {
        let mut peer = live();
        let before = peer.replica.confirmed().clone();
        peer.give(deltas);
        assert_eq!(
            *peer.replica.confirmed(),
            before,
            "all of a delta or nothing"
        );
        assert_eq!(peer.sent(), [resync(None)]);
        // Nor does a new connection resume from what is not to be trusted.
        assert_eq!(peer.reconnect().position, None);
    }
}

#[test]
fn k4_another_checksum_at_the_same_rev_leads_to_a_snapshot() {
    let mut peer = live();
    let checksum = peer.host.room.document().checksum();
    peer.heartbeat(Rev::new(2), &checksum);
    peer.heartbeat(Rev::new(5), "ffffffffffffffff");
    assert_eq!(peer.sent(), []);
    let heartbeat = Event::Heartbeat {
        head: Rev::new(5),
        lag: 3,
    };
    assert_eq!(peer.events().last(), Some(&heartbeat));
    peer.heartbeat(Rev::new(2), "ffffffffffffffff");
    assert_eq!(peer.sent(), [resync(None)]);
}

#[test]
fn k4_it_gives_up_in_the_end() {
    let mut peer = live();
    peer.replica.resync();
    for _ in 0..4 {
        assert_eq!(peer.sent_one(), resync(None));
        peer.joined(false);
        let mut parts = peer.parts();
        parts[1].checksum = Some("0".repeat(16));
        parts
            .into_iter()
            .for_each(|part| peer.give(ServerMessage::Snapshot(part)));
    }
    assert_eq!(peer.replica.status(), Status::Diverged);
    assert_eq!(peer.events().last(), Some(&Event::Diverged));
    peer.make("1", vec![set("n/a", "/x", "5")]);
    peer.snapshot();
    assert_eq!(peer.sent(), []);
    // Until it is asked to try once more.
    peer.replica.resync();
    assert_eq!(peer.sent_one(), resync(None));
    peer.joined(false);
    peer.snapshot();
    assert_eq!(peer.update_ids(), ["1"]);
}

#[test]
fn c7_what_comes_before_the_answer_to_resync_does_not_count() {
    let mut peer = live();
    peer.other(vec![set("n/a", "/x", "2")]);
    peer.replica.resync();
    peer.replica.resync();
    peer.deliver();
    assert_eq!(peer.sent(), [resync(None)], "one is under way at a time");
    peer.deliver();
    peer.gap(revring_protocol::message::GapReason::Behind, &[]);
    peer.snapshot();
    peer.replica.resync();
    peer.heartbeat(Rev::new(2), "ffffffffffffffff");
    assert_eq!(peer.replica.confirmed_rev(), Rev::new(2));
    assert_eq!(peer.sent(), []);
    peer.joined(false);
    peer.snapshot();
    assert_eq!(peer.replica.confirmed(), peer.host.room.document());
}

#[test]
fn c6_resumed_from_nowhere_is_not_believed() {
    let mut peer = Peer::offline(OnGap::Resubmit);
    peer.replica.connected();
    peer.sent_one();
    peer.joined(true);
    assert_eq!(peer.sent(), [resync(None)]);
    let mut peer = live();
    peer.reconnect();
    peer.epoch = epoch("another");
    peer.joined(true);
    assert_eq!(peer.sent(), [resync(None)]);
}

#[test]
fn c2_nothing_is_sent_before_joined_nor_taken_unasked() {
    let mut peer = live();
    peer.joined(false);
    assert_eq!(peer.replica.status(), Status::Live, "no one asked");
    peer.snapshot();
    peer.reconnect();
    peer.make("1", vec![set("n/a", "/x", "2")]);
    peer.replica.set_presence(Some(object("{}")));
    peer.replica.heartbeat();
    peer.replica.leave();
    assert_eq!(peer.sent(), []);
    peer.joined(true);
    let sent = peer.sent();
    let [presence, heartbeat, update, leave] = sent.as_slice() else {
        panic!("{sent:?}")
    };
    assert_eq!(*presence, ClientMessage::Presence(Some(object("{}"))));
    assert_eq!(*heartbeat, ClientMessage::Heartbeat);
    assert!(matches!(update, ClientMessage::Update(_)));
    assert_eq!(*leave, ClientMessage::Leave);
    assert_eq!(peer.replica.status(), Status::Offline);
}

#[test]
fn p1_presence_is_said_again_after_a_reconnect() {
    let mut peer = live();
    peer.replica.set_presence(Some(object(r#"{"x":1}"#)));
    peer.replica.set_presence(Some(object(r#"{"x":2}"#)));
    assert_eq!(
        peer.sent(),
        [ClientMessage::Presence(Some(object(r#"{"x":2}"#)))]
    );
    peer.reconnect();
    peer.joined(true);
    assert_eq!(
        peer.sent(),
        [ClientMessage::Presence(Some(object(r#"{"x":2}"#)))]
    );
    peer.replica.set_presence(None);
    assert_eq!(peer.sent(), [ClientMessage::Presence(None)]);
    peer.reconnect();
    peer.joined(true);
    assert_eq!(peer.sent(), []);
}

#[test]
fn p3_a_full_presence_replaces_what_was_known() {
    let mut peer = live();
    let presence = |clients: &[(&str, Option<&str>)], full| ServerMessage::Presence {
        clients: clients
            .iter()
            .map(|(name, data)| (client(name), data.map(object)))
            .collect(),
        full,
    };
    let changed = |peer: &mut Peer| match peer.events().pop() {
        Some(Event::Presence { clients }) => clients,
        other => panic!("{other:?}"),
    };
    peer.give(presence(&[("a", Some("{}")), ("b", Some("{}"))], true));
    assert_eq!(changed(&mut peer), [client("a"), client("b")].into());
    peer.give(presence(
        &[("a", None), ("b", Some("{}")), ("c", Some("{}"))],
        false,
    ));
    assert_eq!(changed(&mut peer), [client("a"), client("c")].into());
    peer.give(presence(&[("c", Some("{}"))], true));
    assert_eq!(changed(&mut peer), [client("b")].into());
    assert_eq!(
        peer.replica.presence().keys().collect::<Vec<_>>(),
        [&client("c")]
    );
}

#[test]
fn e1_errors_are_passed_on() {
    let mut peer = live();
    peer.give(ServerMessage::error(Code::Superseded, "elsewhere"));
    let told = peer.events().pop();
    assert!(matches!(
        told,
        Some(Event::Error {
            code: Code::Superseded,
            retryable: false,
            ..
        })
    ));
}
