//! Pending splices under the operations of others (rules K-2 and K-7).

use revring_protocol::{change::Change, error::Code, ids::Rev, replica::Event};

use crate::{
    peer::{Ended, Peer, ends},
    support::{If, delete, id, key, merge, put, set, splice, unset},
};

fn typed(at: usize, remove: usize, text: &str) -> Vec<Change> {
    vec![splice("n/a", "/t", at, remove, &format!("{text:?}"))]
}

const CONFLICT: Ended = Ended::Rejected(Code::Conflict);

#[test]
fn k2_pending_splices_move_over_those_of_others() {
    let mut peer = Peer::with_text("hello world");
    peer.make("1", typed(5, 0, ","));
    let first = peer.update();
    peer.make("2", typed(12, 0, "!"));
    peer.other_splices(typed(0, 5, "Bye"));
    peer.other_splices(typed(3, 0, "-bye"));
    peer.deliver();
    assert_eq!(peer.text(), "Bye-bye, world!");
    peer.accept(first);
    peer.deliver();
    assert_eq!(peer.text(), "Bye-bye, world!");
    let second = peer.update();
    assert_eq!(second.base_rev, Some(Rev::new(4)));
    peer.accept(second);
    peer.deliver();
    assert_eq!(peer.text(), "Bye-bye, world!");
    assert_eq!(peer.pending(), [""; 0]);
}

#[test]
fn s4_what_others_insert_at_the_same_place_stands_left() {
    let mut peer = Peer::with_text("ab");
    peer.make("1", typed(1, 0, "MINE"));
    peer.other_splices(typed(1, 0, "theirs"));
    peer.deliver();
    assert_eq!(peer.text(), "atheirsMINEb");
    let update = peer.update();
    peer.accept(update);
    peer.deliver();
    assert_eq!(peer.text(), "atheirsMINEb");
}

#[test]
fn k2_a_splice_that_has_nothing_left_to_do_is_still_answered() {
    let mut peer = Peer::with_text("abc");
    peer.make("1", typed(1, 1, ""));
    peer.other_splices(typed(0, 3, ""));
    peer.deliver();
    assert_eq!(peer.text(), "");
    let update = peer.update();
    assert_eq!(
        update.changes.len(),
        1,
        "an update carries at least one change"
    );
    let rev = peer.accept(update);
    peer.deliver();
    assert_eq!(peer.ended(), ends(&[("1", Ended::Accepted(rev.get()))]));
}

#[test]
fn k7_an_unsent_splice_whose_value_was_replaced_ends_at_once() {
    for theirs in [
        set("n/a", "/t", "\"new\""),
        unset("n/a", "/t"),
        merge("n/a", r#"{"t":"new"}"#),
        put("n/a", r#"{"t":"abc"}"#),
        delete("n/a"),
    ] {
        let mut peer = Peer::with_text("abc");
        peer.make("1", typed(3, 0, "!"));
        peer.make("2", vec![set("n/a", "/n", "1")]);
        peer.other(vec![theirs]);
        peer.deliver();
        let events = peer.events();
        let told = events.iter().find_map(|event| match event {
            Event::Resolved { id, outcome } => Some((id, outcome)),
            _ => None,
        });
        let (ended, outcome) = told.unwrap();
        assert_eq!(*ended, id("1"));
        let revring_protocol::replica::Outcome::Rejected(reject) = outcome else {
            panic!("{outcome:?}")
        };
        assert_eq!(reject.code, Code::Conflict);
        let conflict = reject.conflict.as_ref().unwrap();
        assert_eq!(conflict.path.as_ref().unwrap().as_str(), "/t");
        let version = peer.replica.confirmed().get(&key("n/a"));
        assert_eq!(
            conflict.version,
            version.map_or(0, |record| record.version())
        );
        assert_eq!(peer.pending(), ["2"]);
    }
}

#[test]
fn k7_what_replaces_a_value_beside_it_does_not_matter() {
    let mut peer = Peer::live(vec![put("n/a", r#"{"t":"abc","o":{"t":"abc"}}"#)]);
    peer.make("1", vec![splice("n/a", "/o/t", 3, 0, "\"!\"")]);
    peer.other(vec![
        merge("n/a", r#"{"o":{"u":1},"t":"x"}"#),
        set("n/a", "/o/v", "1"),
    ]);
    peer.deliver();
    assert_eq!(
        peer.seen("n/a").unwrap(),
        r#"{"o":{"t":"abc!","u":1,"v":1},"t":"x"}"#
    );
}

#[test]
fn k7_a_sent_splice_waits_for_the_servers_word_and_does_not_show() {
    let mut peer = Peer::with_text("abc");
    peer.make("1", typed(3, 0, "!"));
    peer.update();
    peer.make("2", typed(4, 0, "?"));
    peer.other(vec![set("n/a", "/t", "\"new\"")]);
    peer.deliver();
    assert_eq!(peer.text(), "new");
    assert_eq!(
        peer.ended(),
        ends(&[("2", CONFLICT)]),
        "what was made on it goes with it"
    );
    // What is made now is made on what shows, and is sent when the first is answered.
    peer.make("3", typed(3, 0, "er"));
    assert_eq!((peer.text(), peer.updates()), ("newer".to_owned(), vec![]));
    peer.reject("1", Code::Conflict);
    assert_eq!(peer.ended(), ends(&[("1", CONFLICT)]));
    assert_eq!(peer.text(), "newer");
    assert_eq!(peer.update_ids(), ["3"]);
}

#[test]
fn k7_without_a_connection_no_word_can_come() {
    let mut peer = Peer::with_text("abc");
    peer.make("1", typed(3, 0, "!"));
    peer.update();
    peer.other(vec![set("n/a", "/t", "\"new\"")]);
    peer.deliver();
    assert_eq!(peer.ended(), []);
    peer.replica.disconnected();
    assert_eq!(peer.ended(), ends(&[("1", CONFLICT)]));
}

#[test]
fn k7_a_splice_on_a_value_that_the_client_itself_set_is_its_own() {
    let mut peer = Peer::with_text("abc");
    peer.make(
        "1",
        vec![
            set("n/a", "/t", "\"mine\""),
            splice("n/a", "/t", 4, 0, "\"!\""),
        ],
    );
    peer.make("2", typed(5, 0, "?"));
    let first = peer.update();
    peer.other_splices(typed(0, 0, "xx"));
    peer.other(vec![set("n/a", "/t", "\"theirs\"")]);
    peer.deliver();
    assert_eq!((peer.text(), peer.ended()), ("mine!?".to_owned(), vec![]));
    peer.accept(first);
    peer.deliver();
    let second = peer.update();
    peer.accept(second);
    peer.deliver();
    assert_eq!(peer.text(), "mine!?");
}

#[test]
fn k2_operations_of_an_earlier_life_are_rebased_over_like_any_other() {
    let mut peer = Peer::with_text("abc");
    peer.make("1", typed(3, 0, "!"));
    let mut update = crate::support::update("of-another-tab", typed(0, 0, "> "));
    update.base_rev = Some(peer.head());
    peer.host.accept_update("me", update);
    peer.deliver();
    assert_eq!(peer.text(), "> abc!");
    assert_eq!(peer.ended(), []);
}

/// A splice that shows until another's operation changes the version it asks for, and waits for the server's word then.
fn hidden(peer: &mut Peer, at: usize, remove: usize, text: &str) {
    let version = peer.replica.view().get(&key("n/a")).unwrap().version();
    peer.make(
        "1",
        vec![splice("n/a", "/t", at, remove, &format!("{text:?}")).if_version(version)],
    );
    assert_eq!(peer.updates().len(), 1);
    peer.other(vec![set("n/a", "/n", "1")]);
    peer.deliver();
    assert!(!peer.replica.shows(&id("1")));
}

#[test]
fn k1_what_does_not_show_moves_nothing_made_later() {
    let mut peer = Peer::with_text("abc");
    hidden(&mut peer, 0, 3, "");
    peer.make("2", typed(1, 0, "!"));
    peer.other_splices(typed(2, 0, "X"));
    peer.deliver();
    assert_eq!(peer.text(), "a!bXc");
}

#[test]
fn k1_what_was_made_on_an_update_that_no_longer_shows_ends() {
    let mut peer = Peer::with_text("abc");
    peer.make("1", vec![set("n/a", "/t", "\"uvwxyz\"").if_version(1)]);
    peer.make("2", typed(1, 0, "!"));
    peer.make("3", vec![set("n/a", "/n", "3")]);
    peer.other(vec![set("n/a", "/n", "1")]);
    peer.deliver();
    assert_eq!(peer.ended(), ends(&[("2", CONFLICT)]));
    assert_eq!(peer.seen("n/a").unwrap(), r#"{"n":3,"t":"abc"}"#);
}

#[test]
fn k2_an_own_operation_the_view_did_not_show_moves_what_was_made_later() {
    let mut peer = Peer::with_text("abc");
    hidden(&mut peer, 0, 0, ">");
    peer.make("2", typed(3, 0, "!"));
    assert_eq!(peer.text(), "abc!");
    let mut update = crate::support::update("1", typed(0, 0, ">"));
    update.base_rev = Some(peer.head());
    peer.accept(update);
    peer.deliver();
    assert_eq!(peer.text(), ">abc!");
}

#[test]
fn k2_an_own_operation_that_came_out_otherwise_ends_what_was_made_on_it() {
    let mut peer = Peer::with_text("abc");
    peer.make("1", typed(3, 0, "!"));
    peer.update();
    peer.make("2", typed(4, 0, "?"));
    let mut update = crate::support::update("1", typed(0, 0, "!"));
    update.base_rev = Some(peer.head());
    let rev = peer.accept(update);
    peer.deliver();
    assert_eq!(
        peer.ended(),
        ends(&[("1", Ended::Accepted(rev.get())), ("2", CONFLICT)])
    );
}
