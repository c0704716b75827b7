//! Operations and gaps of one room: sections O and F of SPEC.md.

mod support;

use std::collections::VecDeque;

use revring_protocol::{
    change::Update,
    error::Code,
    ids::{Epoch, Rev},
    limits::Limits,
    message::{Acked, GapReason, Position},
    room::{CatchUp, Outcome, Request, Room, Ticket},
};

use support::{Host, If, client, delete, id, merge, put, request, ring_of, set, update};

fn touch(req: &str) -> Update {
    update(req, vec![put("t/1", "{}")])
}

#[test]
fn o1_revisions_are_1_2_3_and_operations_never_change() {
    let mut host = Host::new();
    let mut seen = Vec::new();
    for n in 1..=20_u64 {
        let rev = host.accept("a", vec![put(&format!("t/{}", n % 3), "{}")]);
        assert_eq!(rev, Rev::new(n));
        seen.push(host.operation(rev));
        host.refuse(vec![delete("t/1").if_version(99)]);
    }
    let held: Vec<_> = host
        .room
        .after(Rev::ZERO)
        .map(|entry| entry.operation().clone())
        .collect();
    assert_eq!(held, seen);
}

#[test]
fn o1_an_operation_names_its_author_and_update() {
    let mut host = Host::new();
    host.accept_update("b", touch("the-update"));
    let operation = host.operation(Rev::new(1));
    assert_eq!(
        (&operation.client_id, &operation.client_req_id),
        (&client("b"), &id("the-update"))
    );
}

#[test]
fn o2_time_never_goes_back() {
    let mut host = Host::new();
    for (now, at) in [(50, 50), (40, 50), (60, 60)] {
        host.now = now;
        let rev = host.accept("a", vec![put("t/1", "{}")]);
        assert_eq!(host.operation(rev).at, at);
    }
    // Not in a room that comes back either.
    host.room = Room::restore(host.room.image(), &[], Limits::DEFAULT).unwrap();
    host.now = 5;
    let rev = host.accept("b", vec![put("t/1", "{}")]);
    assert_eq!(host.operation(rev).at, 60);
}

#[test]
fn o3_an_update_is_all_or_nothing() {
    let mut host = Host::new();
    host.accept("a", vec![put("t/1", r#"{"n":1}"#)]);
    let changes = vec![
        put("t/2", "{}"),
        set("t/1", "/n", "2"),
        delete("t/1"),
        set("t/9", "/a", "1"),
    ];
    assert_eq!(host.refused_with(changes), Code::NotFound);
    assert_eq!(host.data("t/1").as_deref(), Some(r#"{"n":1}"#));
}

#[test]
fn o3_an_update_without_changes_is_invalid() {
    assert_eq!(Host::new().refused_with(vec![]), Code::Invalid);
}

#[test]
fn o3_changes_apply_in_order() {
    let mut host = Host::new();
    host.accept(
        "a",
        vec![
            put("t/1", r#"{"n":1}"#),
            merge("t/1", r#"{"n":2,"m":3}"#),
            set("t/1", "/n", "4"),
        ],
    );
    assert_eq!(host.data("t/1").as_deref(), Some(r#"{"m":3,"n":4}"#));
}

#[test]
fn o4_nothing_shows_before_the_commit() {
    let mut host = Host::new();
    host.accept("a", vec![put("t/1", "{}")]);
    let before = host.room.image();
    let mut requests = VecDeque::from([
        request("a", touch("u")),
        request("b", update("u", vec![delete("t/1")])),
    ]);
    let batch = host.room.propose(&mut requests, 2000);
    assert_eq!(batch.operations().len(), 2);
    assert_eq!(batch.expected_head(), Rev::new(1));
    assert_eq!(host.room.image(), before);
    assert_eq!(
        host.room.catch_up(Some(&position(&host, 1))),
        CatchUp::Nothing
    );
    assert_eq!(host.room.after(Rev::new(1)).count(), 0);

    // Given up, the batch leaves no trace, and its requests can be proposed again.
    requests = batch.into_requests().into();
    let again = host.room.propose(&mut requests, 2000);
    host.room.commit(again);
    assert_eq!(host.room.head(), Rev::new(3));
}

#[test]
fn o5_a_refused_update_leaves_no_trace() {
    let mut host = Host::new();
    host.accept("a", vec![put("t/1", r#"{"n":1}"#)]);
    host.accept("a", vec![delete("t/1")]);
    // `refuse` compares the whole image: document, versions, tombstones, remembered ids.
    host.refuse(vec![
        put("t/1", "{}"),
        put("t/2", "{}"),
        set("t/1", "/a/b", "1"),
    ]);
    host.refuse(vec![put("t/1", "{}").if_version(2)]);
    host.accept("a", vec![put("t/1", "{}")]);
    assert_eq!(host.version("t/1"), Some(3));
}

#[test]
fn o5_a_refused_update_does_not_stop_its_batch() {
    let mut host = Host::new();
    let mut requests = Vec::new();
    for (n, changes) in [
        vec![put("t/1", "{}")],
        vec![merge("t/2", "{}")],
        vec![merge("t/1", "{}")],
    ]
    .into_iter()
    .enumerate()
    {
        let ticket = Ticket(n as u64);
        requests.push(Request {
            client_id: client("a"),
            update: update(&format!("u{n}"), changes),
            ticket,
        });
    }
    let committed = host.batch(requests);
    let accepted: Vec<_> = committed
        .answers
        .iter()
        .map(|answer| {
            (
                answer.ticket.0,
                matches!(answer.outcome, Outcome::Accepted(_)),
            )
        })
        .collect();
    assert_eq!(accepted, [(0, true), (1, false), (2, true)]);
    assert_eq!(host.version("t/1"), Some(2));
}

#[test]
fn o7_a_batch_is_a_quarter_of_the_ring_in_operations() {
    let host = Host::with(ring_of(16));
    let mut requests: VecDeque<_> = (0..10)
        .map(|n| request("a", touch(&format!("u{n}"))))
        .collect();
    let batch = host.room.propose(&mut requests, 0);
    assert_eq!((batch.operations().len(), requests.len()), (4, 6));
    assert_eq!(
        requests[0].update.client_req_id,
        id("u4"),
        "the rest keeps its order"
    );
}

#[test]
fn o7_a_batch_is_a_quarter_of_the_ring_in_bytes() {
    let size = {
        let mut host = Host::new();
        let rev = host.accept_update("a", touch("u1"));
        host.operation(rev).size()
    };
    for (bytes, taken) in [(3 * size, 3), (4 * size - 1, 3), (4 * size, 4)] {
        let host = Host::with(Limits {
            ring_bytes: 4 * bytes,
            ..Limits::DEFAULT
        });
        let mut requests: VecDeque<_> = (0..9)
            .map(|n| request("a", touch(&format!("u{n}"))))
            .collect();
        let batch = host.room.propose(&mut requests, 0);
        assert_eq!(batch.operations().len(), taken);
        assert_eq!(requests.len(), 9 - taken);
    }
}

#[test]
fn o7_one_operation_always_fits() {
    let mut host = Host::with(Limits {
        ring_ops: 1,
        ring_bytes: 4,
        ..Limits::DEFAULT
    });
    host.accept("a", vec![put("t/1", "{}")]);
    assert_eq!(
        host.room.after(Rev::ZERO).count(),
        0,
        "the ring cannot hold it"
    );
    assert_eq!(host.room.buffer_first_rev(), Rev::new(2));
}

#[test]
fn o7_refused_updates_and_duplicates_take_no_place_in_a_batch() {
    let mut host = Host::with(ring_of(8));
    host.accept_update("a", touch("known"));
    let mut requests: VecDeque<_> = (0..50)
        .map(|n| {
            if n % 2 == 0 {
                request("a", touch("known"))
            } else {
                request("b", update(&format!("u{n}"), vec![]))
            }
        })
        .collect();
    requests.push_back(request("c", touch("new")));
    let batch = host.room.propose(&mut requests, 0);
    assert!(requests.is_empty());
    assert_eq!(batch.operations().len(), 1);
}

fn position(host: &Host, rev: u64) -> Position {
    Position {
        epoch: host.room.epoch().clone(),
        last_rev: Rev::new(rev),
    }
}

#[test]
fn f1_the_ring_holds_at_most_its_operations_and_bytes() {
    let mut host = Host::with(ring_of(4));
    for n in 1..=10_u64 {
        host.accept("a", vec![put("t/1", "{}")]);
        assert_eq!(
            host.room.buffer_first_rev().get(),
            n.saturating_sub(3).max(1)
        );
    }
    let size = host.operation(Rev::new(10)).size();
    let mut host = Host::with(Limits {
        ring_bytes: 5 * size + 1,
        ..Limits::DEFAULT
    });
    for _ in 0..9 {
        host.accept("a", vec![put("t/1", "{}")]);
    }
    assert_eq!(host.room.after(Rev::ZERO).count(), 5);
    assert_eq!(host.room.buffer_first_rev().get(), 5);
}

#[test]
fn f2_a_delta_is_possible_from_the_edge_of_the_ring_to_the_head() {
    let mut host = Host::with(ring_of(4));
    for _ in 0..10 {
        host.accept("a", vec![put("t/1", "{}")]);
    }
    let catch_up = |rev| host.room.catch_up(Some(&position(&host, rev)));
    assert_eq!(catch_up(5), CatchUp::Gap(GapReason::Behind));
    assert_eq!(catch_up(6), CatchUp::Delta { from: Rev::new(6) });
    assert_eq!(catch_up(9), CatchUp::Delta { from: Rev::new(9) });
    assert_eq!(catch_up(10), CatchUp::Nothing);
    assert_eq!(catch_up(11), CatchUp::Gap(GapReason::Ahead));
    assert_eq!(catch_up(0), CatchUp::Gap(GapReason::Behind));
    let revs: Vec<_> = host
        .room
        .after(Rev::new(6))
        .map(|entry| entry.operation().rev.get())
        .collect();
    assert_eq!(revs, [7, 8, 9, 10]);
}

#[test]
fn f2_the_epoch_must_be_the_rooms() {
    let mut host = Host::new();
    host.accept("a", vec![put("t/1", "{}")]);
    for rev in [0, 1, 2] {
        let position = Position {
            epoch: Epoch::new("other").unwrap(),
            last_rev: Rev::new(rev),
        };
        assert_eq!(
            host.room.catch_up(Some(&position)),
            CatchUp::Gap(GapReason::Epoch)
        );
    }
}

#[test]
fn f2_an_empty_room_and_a_client_without_anything() {
    let host = Host::new();
    assert_eq!(
        host.room.catch_up(Some(&position(&host, 0))),
        CatchUp::Nothing
    );
    assert_eq!(host.room.catch_up(None), CatchUp::Snapshot);
    assert_eq!(
        host.room.catch_up(Some(&position(&host, 1))),
        CatchUp::Gap(GapReason::Ahead)
    );
    assert_eq!(host.room.buffer_first_rev(), Rev::new(1));
}

#[test]
fn f2_a_room_restored_without_its_tail_can_serve_its_head_only() {
    let mut host = Host::new();
    for _ in 0..3 {
        host.accept("a", vec![put("t/1", "{}")]);
    }
    let room = Room::restore(host.room.image(), &[], Limits::DEFAULT).unwrap();
    assert_eq!((room.head().get(), room.buffer_first_rev().get()), (3, 4));
    assert_eq!(room.behind(Rev::new(3)), CatchUp::Nothing);
    assert_eq!(room.behind(Rev::new(2)), CatchUp::Gap(GapReason::Behind));
}

fn acked(pairs: &[(&str, u64)]) -> Vec<Acked> {
    pairs
        .iter()
        .map(|(req, rev)| Acked {
            client_req_id: id(req),
            rev: Rev::new(*rev),
        })
        .collect()
}

#[test]
fn f5_f6_a_gap_tells_the_revisions_and_what_was_acknowledged() {
    let mut host = Host::with(ring_of(4));
    for (author, req) in [
        ("a", "u1"),
        ("b", "u1"),
        ("a", "u2"),
        ("b", "u2"),
        ("a", "u3"),
        ("b", "u3"),
        ("b", "u4"),
    ] {
        host.accept_update(author, touch(req));
    }
    let gap = |rev, reason| {
        host.room
            .gap(&client("a"), Rev::new(rev), reason, Rev::new(6))
    };
    let behind = gap(1, GapReason::Behind);
    assert_eq!(
        (
            behind.expected_rev.get(),
            behind.server_rev.get(),
            behind.buffer_first_rev.get()
        ),
        (1, 7, 4)
    );
    assert_eq!(
        (behind.resume_from.get(), behind.reason),
        (6, GapReason::Behind)
    );
    assert_eq!(
        behind.acked,
        acked(&[("u2", 3), ("u3", 5)]),
        "those after expectedRev"
    );
    let all = acked(&[("u1", 1), ("u2", 3), ("u3", 5)]);
    assert_eq!(gap(99, GapReason::Ahead).acked, all);
    assert_eq!(gap(3, GapReason::Epoch).acked, all);
    assert_eq!(
        host.room
            .gap(&client("c"), Rev::ZERO, GapReason::Behind, Rev::new(7))
            .acked,
        []
    );
}

#[test]
fn f3_the_ring_encodes_each_operation_once_per_codec() {
    let mut host = Host::new();
    host.accept("a", vec![put("t/1", "{}")]);
    let entry = host.room.after(Rev::ZERO).next().unwrap();
    for codec in revring_protocol::codec::Codec::ALL {
        assert_eq!(entry.encoded(codec), &codec.encode(&**entry.operation()));
        assert_eq!(entry.encoded(codec).as_ptr(), entry.encoded(codec).as_ptr());
    }
}
