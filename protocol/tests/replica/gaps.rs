//! Gaps, snapshots in place of deltas, and new epochs (rules K-5, K-6 and K-8).

use revring_protocol::{
    change::Change,
    error::Code,
    ids::Rev,
    message::{ClientMessage, GapReason},
    replica::{Event, OnGap, Status},
    room::Room,
};

use crate::{
    peer::{Ended, Peer, ends, epoch},
    support::{add, put, set, splice},
};

fn typed(at: usize, text: &str) -> Vec<Change> {
    vec![splice("n/a", "/t", at, 0, &format!("{text:?}"))]
}

const CONFLICT: Ended = Ended::Rejected(Code::Conflict);

/// The client falls behind: gap and snapshot on the live connection.
fn fall_behind(peer: &mut Peer, acked: &[(&str, Rev)]) {
    peer.gap(GapReason::Behind, acked);
    peer.snapshot();
}

/// The room goes on under a new epoch, with what it had.
fn new_epoch(peer: &mut Peer) {
    peer.epoch = epoch("f");
    let mut image = peer.host.room.image();
    image.epoch = peer.epoch.clone();
    peer.host.room = Room::restore(image, &[], peer.limits.clone()).unwrap();
}

#[test]
fn k5_pending_updates_are_offered_again_under_their_ids() {
    let mut peer = Peer::live(vec![put("n/a", r#"{"x":0}"#)]);
    for n in ["1", "2", "3"] {
        peer.make(n, vec![add("n/a", "/x", n)]);
    }
    let sent = peer.updates();
    let rev = peer.accept(sent[0].clone());
    peer.other(vec![add("n/a", "/x", "100")]);
    peer.gap(GapReason::Behind, &[("1", rev)]);
    assert_eq!(peer.replica.status(), Status::Loading);
    assert_eq!(
        peer.seen("n/a").unwrap(),
        r#"{"x":6}"#,
        "the view stands until the snapshot is there"
    );
    peer.make("4", vec![add("n/a", "/x", "4")]);
    peer.snapshot();
    let events = peer.events();
    assert!(events.contains(&Event::Gap(GapReason::Behind)));
    assert!(events.contains(&Event::Snapshot { rev: Rev::new(3) }));
    assert_eq!(peer.seen("n/a").unwrap(), r#"{"x":110}"#);
    assert_eq!(peer.pending(), ["2", "3", "4"]);
    let again = peer.updates();
    let first_revs: Vec<_> = again
        .iter()
        .map(|update| update.first_rev.map(Rev::get))
        .collect();
    assert_eq!(first_revs, [Some(1), Some(1), None]);
    again.into_iter().for_each(|update| _ = peer.accept(update));
    peer.deliver();
    assert_eq!(peer.seen("n/a").unwrap(), r#"{"x":110}"#);
}

#[test]
fn k5_acked_names_what_was_accepted_and_the_snapshot_has_it() {
    let mut peer = Peer::live(vec![put("n/a", r#"{"x":0}"#)]);
    peer.make("1", vec![add("n/a", "/x", "1")]);
    let update = peer.update();
    let rev = peer.accept(update);
    peer.gap(GapReason::Behind, &[("1", rev), ("long-gone", Rev::new(1))]);
    assert_eq!(peer.ended(), ends(&[("1", Ended::Accepted(2))]));
    peer.snapshot();
    assert_eq!(
        (peer.seen("n/a").unwrap(), peer.pending()),
        (r#"{"x":1}"#.to_owned(), vec![])
    );
    assert_eq!(peer.updates(), []);
}

#[test]
fn k5_what_was_accepted_after_the_snapshot_stays_in_the_view() {
    let mut peer = Peer::live(vec![put("n/a", r#"{"x":0}"#)]);
    peer.make("1", vec![add("n/a", "/x", "1")]);
    let update = peer.update();
    let parts = peer.parts();
    let rev = peer.accept(update);
    // The snapshot is an older one, from which the ring leads on.
    peer.gap(GapReason::Behind, &[("1", rev)]);
    parts.into_iter().for_each(|part| {
        peer.give(revring_protocol::message::ServerMessage::Snapshot(part));
    });
    assert_eq!(
        (peer.seen("n/a").unwrap(), peer.pending()),
        (r#"{"x":1}"#.to_owned(), vec!["1".to_owned()])
    );
    assert_eq!(peer.updates(), []);
    peer.deliver();
    assert_eq!(
        (peer.seen("n/a").unwrap(), peer.pending()),
        (r#"{"x":1}"#.to_owned(), vec![])
    );
}

#[test]
fn k5_discard_gives_them_back() {
    let mut peer = Peer::live_with(OnGap::Discard, vec![put("n/a", r#"{"x":0}"#)]);
    peer.make("1", vec![add("n/a", "/x", "1")]);
    peer.make("2", vec![add("n/a", "/x", "2")]);
    let sent = peer.updates();
    let rev = peer.accept(sent[0].clone());
    fall_behind(&mut peer, &[("1", rev)]);
    assert_eq!(
        peer.ended(),
        ends(&[("1", Ended::Accepted(2)), ("2", Ended::Discarded)])
    );
    assert_eq!(
        (peer.seen("n/a").unwrap(), peer.updates()),
        (r#"{"x":1}"#.to_owned(), vec![])
    );
}

#[test]
fn k5_an_ordinary_reconnect_discards_nothing() {
    let mut peer = Peer::live_with(OnGap::Discard, vec![put("n/a", r#"{"x":0}"#)]);
    peer.make("1", vec![add("n/a", "/x", "1")]);
    peer.updates();
    peer.reconnect();
    peer.joined(true);
    assert_eq!(peer.update_ids(), ["1"]);
}

#[test]
fn k6_a_splice_is_offered_again_on_an_unchanged_value() {
    let mut peer = Peer::with_text("abc");
    peer.make("1", typed(3, "!"));
    peer.update();
    peer.make("2", typed(4, "?"));
    peer.other(vec![set("n/a", "/n", "1"), put("n/z", "{}")]);
    fall_behind(&mut peer, &[]);
    assert_eq!((peer.text(), peer.ended()), ("abc!?".to_owned(), vec![]));
    let again = peer.update();
    assert_eq!(
        (again.base_rev, again.first_rev),
        (Some(Rev::new(2)), Some(Rev::new(1)))
    );
    // The copy sent before the gap is refused; the one sent after it counts.
    peer.reject("1", Code::BaseTooOld);
    assert_eq!(peer.ended(), []);
    peer.accept(again);
    peer.deliver();
    assert_eq!(peer.ended(), ends(&[("1", Ended::Accepted(3))]));
    assert_eq!(peer.text(), "abc!?");
}

#[test]
fn k6_a_refusal_of_the_old_copy_may_come_before_the_snapshot() {
    let mut peer = Peer::with_text("abc");
    peer.make("1", typed(3, "!"));
    peer.update();
    peer.other(vec![set("n/a", "/n", "1")]);
    peer.gap(GapReason::Behind, &[]);
    peer.reject("1", Code::BaseTooOld);
    peer.snapshot();
    assert_eq!(
        (peer.ended(), peer.update_ids()),
        (vec![], vec!["1".to_owned()])
    );
}

#[test]
fn k6_a_splice_on_a_changed_value_ends() {
    let mut peer = Peer::with_text("abc");
    peer.make("1", typed(3, "!"));
    peer.update();
    peer.make("2", typed(4, "?"));
    peer.make("3", vec![set("n/a", "/n", "3")]);
    peer.other_splices(typed(0, "> "));
    fall_behind(&mut peer, &[]);
    assert_eq!(peer.ended(), ends(&[("1", CONFLICT), ("2", CONFLICT)]));
    assert_eq!(peer.text(), "> abc");
    assert_eq!(peer.update_ids(), ["3"]);
}

#[test]
fn k6_what_was_accepted_is_part_of_what_a_splice_was_made_on() {
    let mut peer = Peer::with_text("abc");
    peer.make("1", typed(3, "!"));
    let update = peer.update();
    peer.make("2", typed(4, "?"));
    let rev = peer.accept(update);
    fall_behind(&mut peer, &[("1", rev)]);
    assert_eq!(peer.ended(), ends(&[("1", Ended::Accepted(2))]));
    assert_eq!(peer.text(), "abc!?");
    assert_eq!(peer.update().base_rev, Some(rev));
}

#[test]
fn k8_in_a_new_epoch_there_is_no_first_rev() {
    let mut peer = Peer::with_text("abc");
    peer.make("1", vec![set("n/a", "/n", "1")]);
    peer.make("2", vec![set("n/a", "/n", "2")]);
    let sent = peer.updates();
    let rev = peer.accept(sent[0].clone());
    new_epoch(&mut peer);
    let join = peer.reconnect();
    assert_eq!(join.position.unwrap().epoch, epoch("e"));
    peer.joined(false);
    peer.gap(GapReason::Epoch, &[("1", rev)]);
    peer.snapshot();
    assert_eq!(peer.replica.epoch(), Some(&epoch("f")));
    assert_eq!(peer.ended(), ends(&[("1", Ended::Accepted(2))]));
    let again = peer.update();
    assert_eq!((again.client_req_id.as_str(), again.first_rev), ("2", None));
    peer.reconnect();
    peer.joined(true);
    assert_eq!(
        peer.update().first_rev,
        Some(Rev::new(2)),
        "the revision in this epoch"
    );
}

#[test]
fn k3_what_was_accepted_in_a_lost_epoch_is_not_waited_for() {
    let mut peer = Peer::live(vec![put("n/a", r#"{"x":0}"#)]);
    peer.make("1", vec![add("n/a", "/x", "1")]);
    peer.update();
    peer.ack("1", Rev::new(70));
    new_epoch(&mut peer);
    peer.reconnect();
    peer.joined(false);
    peer.gap(GapReason::Epoch, &[]);
    peer.snapshot();
    assert_eq!(
        (peer.pending(), peer.seen("n/a").unwrap()),
        (vec![], r#"{"x":0}"#.to_owned())
    );
}

#[test]
fn k8_after_a_snapshot_without_acked_the_server_is_asked() {
    let mut peer = Peer::with_text("abc");
    peer.make("1", typed(3, "!"));
    let update = peer.update();
    peer.replica.resync();
    assert_eq!(peer.sent_one(), ClientMessage::Resync(None));
    let rev = peer.accept(update.clone());
    peer.joined(false);
    peer.snapshot();
    // The value is another: by this very splice or not, only the server knows.
    assert_eq!((peer.text(), peer.ended()), ("abc!".to_owned(), vec![]));
    let asked = peer.update();
    assert_eq!(asked.changes, update.changes);
    assert_eq!(
        (asked.base_rev, asked.first_rev),
        (update.base_rev, Some(Rev::new(1)))
    );
    peer.ack("1", rev);
    assert_eq!(peer.ended(), ends(&[("1", Ended::Accepted(2))]));
    assert_eq!((peer.text(), peer.pending()), ("abc!".to_owned(), vec![]));
}

#[test]
fn k8_in_a_new_epoch_without_acked_the_outcome_of_a_splice_is_unknown() {
    let mut peer = Peer::with_text("abc");
    peer.make("1", typed(3, "!"));
    peer.update();
    peer.replica.resync();
    peer.other_splices(typed(0, "> "));
    new_epoch(&mut peer);
    assert_eq!(peer.reconnect().position, None);
    peer.joined(false);
    peer.snapshot();
    assert_eq!(
        peer.ended(),
        ends(&[("1", Ended::Rejected(Code::OutcomeUnknown))])
    );
    assert_eq!(peer.text(), "> abc");
}

#[test]
fn k8_resync_with_a_position_leaves_what_is_sent_to_be_answered() {
    let mut peer = Peer::live(vec![put("n/a", r#"{"x":0}"#)]);
    peer.make("1", vec![add("n/a", "/x", "1")]);
    let update = peer.update();
    peer.other(vec![put("n/b", "{}")]);
    peer.other(vec![put("n/c", "{}")]);
    peer.deliver_from(Rev::new(2));
    assert!(matches!(peer.sent_one(), ClientMessage::Resync(Some(_))));
    peer.joined(true);
    peer.deliver();
    assert_eq!(peer.updates(), []);
    let rev = peer.accept(update);
    peer.deliver();
    assert_eq!(peer.ended(), ends(&[("1", Ended::Accepted(rev.get()))]));
}

#[test]
fn k7_what_a_snapshot_without_acked_may_hold_is_asked_for_before_it_ends() {
    let mut peer = Peer::with_text("abc");
    let old = peer.parts();
    peer.make("1", typed(3, "!"));
    let update = peer.update();
    peer.replica.resync();
    peer.sent();
    peer.other(vec![set("n/a", "/t", "\"new\"")]);
    peer.joined(false);
    // The snapshot is an older one; until the replica has caught up nothing is sent.
    for part in old {
        peer.give(revring_protocol::message::ServerMessage::Snapshot(part));
    }
    assert_eq!((peer.text(), peer.updates()), ("abc!".to_owned(), vec![]));
    peer.deliver();
    assert_eq!((peer.text(), peer.ended()), ("new".to_owned(), vec![]));
    let asked = peer.update();
    assert_eq!(
        (asked.changes, asked.base_rev),
        (update.changes, update.base_rev)
    );
    peer.reject("1", Code::Conflict);
    assert_eq!(peer.ended(), [], "that was the first copy");
    peer.reject("1", Code::Conflict);
    assert_eq!(peer.ended(), ends(&[("1", CONFLICT)]));
}
