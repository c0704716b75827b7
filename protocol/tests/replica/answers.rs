//! `ACK`, `REJECT`, retries (rules K-3, K-9, K-10, U-1).

use revring_protocol::{
    error::Code,
    ids::Rev,
    message::{Reject, ServerMessage},
};

use crate::{
    peer::{Ended, Peer, ends},
    support::{id, put, set, splice},
};

fn live() -> Peer {
    Peer::live(vec![put("n/a", r#"{"t":"abc","x":0}"#)])
}

fn retry(peer: &mut Peer, req: &str, code: Code, after: Option<u64>) {
    let mut reject = Reject::new(id(req), code, "later");
    reject.retry_after_ms = after;
    peer.give(ServerMessage::Reject(reject));
}

#[test]
fn k3_an_acknowledged_update_stays_in_the_view_until_it_is_confirmed() {
    let mut peer = live();
    peer.make("1", vec![set("n/a", "/x", "1")]);
    let update = peer.update();
    peer.other(vec![put("n/b", "{}")]);
    let rev = peer.accept(update);
    peer.ack("1", rev);
    assert_eq!(peer.ended(), ends(&[("1", Ended::Accepted(rev.get()))]));
    assert_eq!(
        (peer.seen("n/a").unwrap(), peer.pending()),
        (r#"{"t":"abc","x":1}"#.to_owned(), vec!["1".to_owned()])
    );
    // It is not sent again, and its refusal would come too late.
    peer.reject("1", Code::Conflict);
    peer.reconnect();
    peer.joined(true);
    assert_eq!(peer.updates(), []);
    peer.deliver();
    assert_eq!(
        (peer.seen("n/a").unwrap(), peer.pending()),
        (r#"{"t":"abc","x":1}"#.to_owned(), vec![])
    );
    assert_eq!(peer.ended(), [], "once is enough");
}

#[test]
fn k3_an_acknowledged_splice_goes_on_being_rebased() {
    let mut peer = live();
    peer.make("1", vec![splice("n/a", "/t", 3, 0, "\"!\"")]);
    let update = peer.update();
    peer.other_splices(vec![splice("n/a", "/t", 0, 0, "\">\"")]);
    let rev = peer.accept(update);
    peer.ack("1", rev);
    let first = Rev::new(2);
    let ops = peer
        .host
        .room
        .after(Rev::new(1))
        .take(1)
        .map(|entry| entry.operation().clone());
    let ops = ops.collect();
    let deltas = revring_protocol::message::Deltas {
        from_rev: Rev::new(1),
        to_rev: first,
        ops,
    };
    peer.give(ServerMessage::Deltas(deltas));
    assert_eq!(peer.text(), ">abc!");
    peer.deliver();
    assert_eq!(peer.text(), ">abc!");
}

#[test]
fn k3_what_a_snapshot_already_holds_is_dropped_when_it_is_acknowledged() {
    let mut peer = Peer::live(vec![put("n/a", r#"{"x":1}"#)]);
    peer.make("1", vec![crate::support::add("n/a", "/x", "1")]);
    let update = peer.update();
    let rev = peer.accept(update);
    peer.replica.resync();
    peer.sent_one();
    peer.joined(false);
    peer.snapshot();
    // Nothing tells yet that the snapshot has it.
    assert_eq!(peer.seen("n/a").unwrap(), r#"{"x":3}"#);
    let again = peer.update();
    assert_eq!(again.first_rev, Some(Rev::new(1)));
    peer.ack("1", rev);
    assert_eq!(peer.seen("n/a").unwrap(), r#"{"x":2}"#);
    assert_eq!(
        (peer.pending(), peer.ended()),
        (vec![], ends(&[("1", Ended::Accepted(2))]))
    );
}

#[test]
fn k9_a_refusal_that_is_not_retryable_ends_the_update() {
    let mut peer = live();
    peer.make("1", vec![set("n/a", "/x", "1")]);
    peer.update();
    peer.reject("1", Code::TooLarge);
    assert_eq!(peer.seen("n/a").unwrap(), r#"{"t":"abc","x":0}"#);
    assert_eq!(
        peer.ended(),
        ends(&[("1", Ended::Rejected(Code::TooLarge))])
    );
    assert_eq!(peer.updates(), []);
}

#[test]
fn k9_a_retryable_refusal_is_sent_again_in_time() {
    let mut peer = live();
    peer.now = 1000;
    peer.make("1", vec![set("n/a", "/x", "1")]);
    peer.make("2", vec![set("n/a", "/x", "2")]);
    assert_eq!(peer.updates().len(), 2);
    retry(&mut peer, "1", Code::RateLimited, Some(300));
    retry(&mut peer, "2", Code::RateLimited, Some(200));
    assert_eq!(
        peer.seen("n/a").unwrap(),
        r#"{"t":"abc","x":2}"#,
        "they stay in the view"
    );
    assert_eq!(peer.replica.poll_timeout(), Some(1300));
    peer.make("3", vec![put("n/b", "{}")]);
    peer.now = 1299;
    assert_eq!(peer.updates(), [], "the server wants a pause");
    peer.now = 1300;
    let sent = peer.updates();
    let ids: Vec<_> = sent
        .iter()
        .map(|update| update.client_req_id.as_str())
        .collect();
    assert_eq!(ids, ["1", "2", "3"]);
    assert_eq!(
        sent[0].first_rev, None,
        "it is certain that the first time came to nothing"
    );
    assert_eq!((peer.replica.poll_timeout(), peer.ended()), (None, vec![]));
}

#[test]
fn u6_an_update_refused_as_unavailable_may_be_an_operation() {
    let mut peer = live();
    peer.make("1", vec![splice("n/a", "/t", 3, 0, "\"!\"")]);
    let sent = peer.update();
    retry(&mut peer, "1", Code::Unavailable, Some(1));
    peer.now += 1;
    // The log had it after all, and the snapshot does not say whose it is.
    let rev = peer.accept(sent.clone());
    peer.replica.resync();
    peer.sent_one();
    peer.joined(false);
    peer.snapshot();
    assert_eq!(peer.ended(), [], "nothing is known of it");
    let again = peer.update();
    assert_eq!(
        (again.base_rev, again.first_rev),
        (sent.base_rev, Some(Rev::new(1))),
        "the server is asked what became of it"
    );
    peer.ack("1", rev);
    assert_eq!(peer.ended(), ends(&[("1", Ended::Accepted(2))]));
    assert_eq!((peer.text(), peer.pending()), ("abc!".to_owned(), vec![]));
}

#[test]
fn k9_a_refusal_that_names_no_time_backs_off() {
    let mut peer = live();
    peer.make("1", vec![set("n/a", "/x", "1")]);
    let mut waits = Vec::new();
    for _ in 0..9 {
        peer.update();
        retry(&mut peer, "1", Code::Unavailable, None);
        let due = peer.replica.poll_timeout().unwrap();
        waits.push(due - peer.now);
        peer.now = due;
    }
    assert_eq!(
        waits,
        [500, 1000, 2000, 4000, 8000, 16_000, 32_000, 32_000, 32_000]
    );
    let update = peer.update();
    peer.accept(update);
    peer.deliver();
    peer.make("2", vec![set("n/a", "/x", "1")]);
    peer.update();
    retry(&mut peer, "2", Code::Unavailable, None);
    assert_eq!(peer.replica.poll_timeout(), Some(peer.now + 500));
    retry(&mut peer, "2", Code::Unavailable, Some(u64::MAX));
    peer.reconnect();
    assert_eq!(peer.replica.poll_timeout(), None, "nothing can be sent yet");
}

#[test]
fn k10_repeated_and_unknown_answers_are_ignored() {
    let mut peer = live();
    peer.make("1", vec![set("n/a", "/x", "1")]);
    // Not sent yet: this cannot be about it.
    peer.reject("1", Code::Conflict);
    let update = peer.update();
    peer.ack("nobody", Rev::new(9));
    peer.reject("nobody", Code::Conflict);
    let rev = peer.accept(update);
    peer.ack("1", rev);
    peer.ack("1", rev);
    peer.ack("1", Rev::new(77));
    peer.deliver();
    peer.ack("1", rev);
    peer.reject("1", Code::Conflict);
    assert_eq!(peer.ended(), ends(&[("1", Ended::Accepted(rev.get()))]));
    assert_eq!(peer.updates(), []);
}

#[test]
fn u1_an_operation_under_the_id_of_another_client_is_not_ones_own() {
    let mut peer = live();
    peer.make("1", vec![set("n/a", "/x", "1")]);
    peer.update();
    let update = crate::support::update("1", vec![set("n/a", "/x", "7")]);
    peer.host.accept_update("other", update);
    peer.deliver();
    assert_eq!(
        (peer.pending(), peer.ended()),
        (vec!["1".to_owned()], vec![])
    );
    assert_eq!(peer.seen("n/a").unwrap(), r#"{"t":"abc","x":1}"#);
}

#[test]
fn k9_what_was_made_on_a_refused_update_ends_with_it() {
    let mut peer = live();
    peer.make(
        "1",
        vec![set("n/a", "/t", "\"xyz\""), put("n/b", r#"{"t":""}"#)],
    );
    peer.make("2", vec![splice("n/a", "/t", 3, 0, "\"!\"")]);
    peer.make("3", vec![splice("n/b", "/t", 0, 0, "\"?\"")]);
    peer.make("4", vec![set("n/a", "/x", "4")]);
    assert_eq!(peer.update_ids(), ["1"]);
    peer.reject("1", Code::Forbidden);
    let conflict = Ended::Rejected(Code::Conflict);
    let told = [
        ("2", conflict.clone()),
        ("3", conflict),
        ("1", Ended::Rejected(Code::Forbidden)),
    ];
    assert_eq!(peer.ended(), ends(&told));
    assert_eq!(peer.seen("n/a").unwrap(), r#"{"t":"abc","x":4}"#);
    assert_eq!(peer.update_ids(), ["4"]);
}

#[test]
fn k9_a_splice_on_a_value_set_after_the_refused_update_stays() {
    let mut peer = live();
    peer.make("1", vec![set("n/a", "/t", "\"xyz\"")]);
    peer.make("2", vec![set("n/a", "/t", "\"uvw\"")]);
    peer.make("3", vec![splice("n/a", "/t", 3, 0, "\"!\"")]);
    peer.updates();
    peer.reject("1", Code::Forbidden);
    assert_eq!(peer.text(), "uvw!");
    assert_eq!(peer.ended().len(), 1);
}

#[test]
fn k9_a_refused_update_overtaken_by_a_later_one_is_rebased_over_it() {
    let mut peer = live();
    peer.make("1", vec![splice("n/a", "/t", 3, 0, "\"!\"")]);
    peer.make("2", vec![set("n/a", "/t", "\"uvw\"")]);
    peer.make("3", vec![splice("n/a", "/t", 3, 0, "\"?\"")]);
    let sent = peer.updates();
    assert_eq!(sent.len(), 2);
    retry(&mut peer, "1", Code::RateLimited, Some(1));
    peer.accept(sent[1].clone());
    peer.deliver();
    let told = [
        ("2", Ended::Accepted(2)),
        ("1", Ended::Rejected(Code::Conflict)),
    ];
    assert_eq!(peer.ended(), ends(&told));
    assert_eq!(peer.text(), "uvw?");
}

#[test]
fn k3_an_acknowledged_update_does_not_outlive_its_revision() {
    let mut peer = live();
    peer.make("1", vec![set("n/a", "/x", "1")]);
    peer.update();
    peer.ack("1", Rev::new(2));
    // What the server says is not so, but nothing waits for ever.
    peer.other(vec![put("n/b", "{}")]);
    peer.deliver();
    assert_eq!(
        (peer.pending(), peer.seen("n/a").unwrap()),
        (vec![], r#"{"t":"abc","x":0}"#.to_owned())
    );
}
