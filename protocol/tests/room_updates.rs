//! What becomes of updates that are sent again: section U of SPEC.md.

mod support;

use revring_protocol::{
    change::Update,
    error::Code,
    ids::{ClientKey, Rev},
    limits::{Limits, REMEMBERED_CLIENTS, REMEMBERED_IDS},
    message::ServerMessage,
    room::{Outcome, Request, Ticket},
};

use support::{Host, delete, id, merge, put, request, ring_of, update};

fn touch(req: &str) -> Update {
    update(req, vec![put("t/1", "{}")])
}

fn duplicate_of(rev: u64, req: &str) -> Outcome {
    Outcome::Reply(ServerMessage::Ack {
        client_req_id: id(req),
        rev: Rev::new(rev),
        duplicate: true,
    })
}

#[test]
fn u2_a_resend_is_answered_with_its_first_revision_and_changes_nothing() {
    let mut host = Host::new();
    host.accept_update("a", touch("u1"));
    host.accept_update("a", touch("u2"));
    let before = host.room.image();
    // What it carries does not matter: the id decides.
    assert_eq!(
        host.offer("a", update("u1", vec![delete("t/1")])),
        duplicate_of(1, "u1")
    );
    assert_eq!(host.offer("a", update("u1", vec![])), duplicate_of(1, "u1"));
    assert_eq!(host.room.image(), before);
    assert_eq!(
        host.accept_update("b", touch("u1")),
        Rev::new(3),
        "another client's id is another id"
    );
}

#[test]
fn u2_of_two_in_one_batch_the_second_is_the_duplicate() {
    let mut host = Host::new();
    let committed = host.batch(vec![
        request("a", touch("u")),
        request("b", touch("u")),
        request("a", touch("u")),
    ]);
    let outcomes: Vec<_> = committed
        .answers
        .into_iter()
        .map(|answer| answer.outcome)
        .collect();
    assert_eq!(
        outcomes,
        [
            Outcome::Accepted(Rev::new(1)),
            Outcome::Accepted(Rev::new(2)),
            duplicate_of(1, "u")
        ]
    );
}

#[test]
fn u3_ids_are_remembered_longer_than_the_ring() {
    let mut host = Host::with(ring_of(4));
    for n in 1..=REMEMBERED_IDS {
        host.accept_update("a", touch(&format!("u{n}")));
    }
    assert_eq!(host.offer("a", touch("u1")), duplicate_of(1, "u1"));
    host.accept_update("b", touch("u1"));
    assert_eq!(
        host.offer("a", touch("u1")),
        duplicate_of(1, "u1"),
        "others push nothing out"
    );
    host.accept_update("a", touch("one-more"));
    assert_eq!(host.offer("a", touch("u2")), duplicate_of(2, "u2"));
    assert_eq!(
        host.accept_update("a", touch("u1")),
        Rev::new(259),
        "forgotten, and not said to be a resend"
    );
}

fn resent(req: &str, first_rev: u64) -> Update {
    Update {
        first_rev: Some(Rev::new(first_rev)),
        ..touch(req)
    }
}

#[test]
fn u5_a_resend_whose_outcome_is_forgotten_is_not_applied() {
    let mut host = Host::new();
    for n in 1..=REMEMBERED_IDS + 3 {
        host.accept_update("a", touch(&format!("u{n}")));
    }
    // Revisions 1 to 3 of this client are forgotten.
    let reject = host.refuse_update("a", resent("u1", 0));
    assert_eq!(
        (reject.code, reject.retryable),
        (Code::OutcomeUnknown, false)
    );
    assert_eq!(
        host.refuse_update("a", resent("u4x", 2)).code,
        Code::OutcomeUnknown
    );
    host.accept_update("a", resent("first-sent-at-3", 3));
    assert_eq!(
        host.offer("a", resent("u5", 0)),
        duplicate_of(5, "u5"),
        "what is known is told"
    );
    host.accept_update("b", resent("u1", 0));
}

#[test]
fn u4_of_too_many_clients_the_longest_silent_is_forgotten() {
    let limits = Limits {
        ring_ops: 1 << 20,
        ring_bytes: usize::MAX,
        ..Limits::DEFAULT
    };
    let mut host = Host::with(limits);
    let name = |n: usize| {
        let mut random = [0; 32];
        random[..8].copy_from_slice(&n.to_le_bytes());
        ClientKey::from_random(random).client_id()
    };
    let mut requests: Vec<_> = (0..REMEMBERED_CLIENTS)
        .map(|n| Request {
            client_id: name(n),
            update: update("u", vec![delete("t/1")]),
            ticket: Ticket(0),
        })
        .collect();
    requests.push(Request {
        client_id: name(0),
        update: touch("v"),
        ticket: Ticket(0),
    });
    host.batch(requests);
    // The room is full of clients; client 0 spoke last, so client 1 is the longest silent.
    host.accept_update("newcomer", touch("u"));
    let mut answer = |n: usize, update: Update| {
        host.batch(vec![Request {
            client_id: name(n),
            update,
            ticket: Ticket(0),
        }])
        .answers
        .remove(0)
        .outcome
    };
    assert_eq!(answer(0, resent("u", 0)), duplicate_of(1, "u"));
    assert_eq!(answer(2, resent("u", 0)), duplicate_of(3, "u"));
    let Outcome::Reply(ServerMessage::Reject(reject)) = answer(1, resent("u", 1)) else {
        panic!("it was forgotten")
    };
    assert_eq!(reject.code, Code::OutcomeUnknown);
    // The revision is noted for the room: it may have been anyone's.
    let reject = host.refuse_update("never-seen", resent("u", 1));
    assert_eq!(reject.code, Code::OutcomeUnknown);
    host.accept_update("never-seen", resent("u", 2));
}

#[test]
fn u6_a_refused_id_is_judged_again() {
    let mut host = Host::new();
    let update = update("u", vec![merge("t/1", "{}")]);
    assert_eq!(host.refuse_update("a", update.clone()).code, Code::NotFound);
    host.accept("b", vec![put("t/1", "{}")]);
    assert_eq!(host.accept_update("a", update), Rev::new(2));
}
