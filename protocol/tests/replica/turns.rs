//! What is sent when (rules S-8, C-9, K-8), and what composes.

use revring_protocol::{
    change::{Change, Edit, Update},
    ids::Rev,
    limits::Limits,
};

use crate::{
    peer::{Ended, Peer, ends},
    support::{If, id, key, put, set, splice},
};

fn typed(at: usize, text: &str) -> Vec<Change> {
    vec![splice("n/a", "/t", at, 0, &format!("{text:?}"))]
}

fn inserted(update: &Update) -> Vec<(usize, usize, String)> {
    let splices = update.changes.iter().map(|change| match &change.edit {
        Edit::Splice { splice, .. } => {
            let revring_protocol::change::Sequence::Text(text) = &splice.insert else {
                panic!("{splice:?} is of text")
            };
            (splice.at, splice.remove, text.clone())
        }
        other => panic!("{other:?} is no splice"),
    });
    splices.collect()
}

#[test]
fn s8_updates_without_splices_go_out_freely() {
    let mut peer = Peer::live(vec![put("n/a", "{}")]);
    peer.make("1", vec![set("n/a", "/x", "1")]);
    peer.make("2", vec![set("n/a", "/x", "2")]);
    peer.make("3", vec![put("n/b", "{}")]);
    let updates = peer.updates();
    assert_eq!(updates.len(), 3);
    let plain = |update: &Update| update.base_rev.is_none() && update.first_rev.is_none();
    assert!(updates.iter().all(plain));
}

#[test]
fn s8_one_splice_update_is_unanswered_and_what_is_typed_meanwhile_is_one_more() {
    let mut peer = Peer::with_text("");
    peer.make("1", typed(0, "h"));
    let first = peer.update();
    assert_eq!(
        (inserted(&first), first.base_rev),
        (vec![(0, 0, "h".to_owned())], Some(Rev::new(1)))
    );
    for (n, letter) in ["e", "l", "l", "o"].iter().enumerate() {
        peer.make(&format!("{}", n + 2), typed(n + 1, letter));
    }
    assert_eq!(peer.updates(), []);
    assert_eq!(peer.pending(), ["1", "2", "3", "4", "5"]);
    let rev = peer.accept(first);
    peer.deliver();
    let second = peer.update();
    assert_eq!(second.client_req_id, id("2"));
    assert_eq!(inserted(&second), [(1, 0, "ello".to_owned())]);
    assert_eq!(second.base_rev, Some(rev));
    peer.accept(second);
    peer.deliver();
    let accepted = |n: u64| Ended::Accepted(n);
    let told =
        [("1", 2), ("2", 3), ("3", 3), ("4", 3), ("5", 3)].map(|(id, rev)| (id, accepted(rev)));
    assert_eq!(peer.ended(), ends(&told));
    assert_eq!(peer.text(), "hello");
}

#[test]
fn s8_composition_passes_updates_of_other_records() {
    let mut peer = Peer::live(vec![put("n/a", r#"{"t":""}"#), put("n/b", "{}")]);
    peer.make("1", typed(0, "a"));
    let first = peer.update();
    peer.make("2", typed(1, "b"));
    peer.make("3", vec![set("n/b", "/x", "1")]);
    peer.make("4", typed(2, "c"));
    assert_eq!(peer.pending(), ["1", "2", "4", "3"]);
    assert_eq!(peer.update_ids(), ["3"], "another record does not wait");
    peer.accept(first);
    peer.deliver();
    assert_eq!(inserted(&peer.update()), [(1, 0, "bc".to_owned())]);
}

#[test]
fn s8_what_does_more_than_splice_does_not_compose() {
    let mut peer = Peer::with_text("");
    peer.make("1", typed(0, "a"));
    let first = peer.update();
    peer.make("2", typed(1, "b"));
    peer.make("3", vec![set("n/a", "/n", "1")]);
    peer.make("4", typed(2, "c"));
    peer.make("5", vec![typed(3, "d").remove(0), set("n/a", "/n", "2")]);
    peer.make("6", vec![typed(4, "e").remove(0).if_version(6)]);
    peer.make("7", typed(5, "f"));
    assert_eq!(peer.text(), "abcdef");
    peer.accept(first);
    let mut rounds = Vec::new();
    while !peer.pending().is_empty() {
        peer.deliver();
        let sent = peer.updates();
        let count = |update: &Update| (update.client_req_id.to_string(), update.changes.len());
        rounds.push(sent.iter().map(count).collect::<Vec<_>>());
        sent.into_iter().for_each(|update| _ = peer.accept(update));
    }
    let flat: Vec<_> = rounds
        .iter()
        .flatten()
        .map(|(id, count)| (id.as_str(), *count))
        .collect();
    assert_eq!(
        flat,
        [("2", 1), ("3", 1), ("4", 1), ("5", 2), ("6", 1), ("7", 1)]
    );
    assert_eq!(peer.text(), "abcdef");
    assert_eq!(peer.pending(), [""; 0]);
}

#[test]
fn s8_typing_that_is_undone_leaves_no_empty_update() {
    let mut peer = Peer::with_text("");
    peer.make("1", typed(0, "a"));
    peer.make("2", vec![splice("n/a", "/t", 0, 1, "\"\"")]);
    assert_eq!(peer.text(), "");
    let first = peer.update();
    assert_eq!(inserted(&first), [(0, 0, "a".to_owned())]);
    peer.accept(first);
    peer.deliver();
    let second = peer.update();
    assert_eq!(inserted(&second), [(0, 1, String::new())]);
    peer.accept(second);
    peer.deliver();
    assert_eq!(peer.ended().len(), 2);
}

#[test]
fn s8_a_composed_update_stays_within_the_limits() {
    let mut peer = Peer::live(vec![put(
        "n/a",
        &format!(r#"{{"t":{:?}}}"#, "-".repeat(200)),
    )]);
    peer.limits = Limits {
        changes_per_update: 2,
        operation_bytes: 2000,
        ..Limits::DEFAULT
    };
    peer.reconnect();
    peer.joined(true);
    for n in 0..4_usize {
        peer.make(&format!("{n}"), typed(2 * n, "x"));
    }
    assert_eq!(
        inserted(&peer.update()).len(),
        2,
        "a third splice is one change too many"
    );
    peer.make("5", typed(0, &"y".repeat(1000)));
    peer.make("6", typed(1, &"z".repeat(1000)));
    assert_eq!(peer.pending(), ["0", "1", "2", "3", "5", "6"]);
    let too_large = peer.try_make("7", typed(0, &"y".repeat(2000)));
    assert!(too_large.is_err());
}

#[test]
fn s8_a_splice_waits_for_earlier_updates_of_its_record_to_be_confirmed() {
    let mut peer = Peer::with_text("");
    peer.make("1", vec![set("n/a", "/t", "\"abc\"")]);
    peer.make("2", typed(3, "d"));
    let first = peer.update();
    let rev = peer.accept(first);
    // It is answered, but what the splice was made on is not confirmed yet.
    peer.ack("1", rev);
    assert_eq!(peer.updates(), []);
    peer.deliver();
    let second = peer.update();
    assert_eq!(second.base_rev, Some(rev));
    peer.accept(second);
    peer.deliver();
    assert_eq!(peer.text(), "abcd");
}

#[test]
fn s8_an_update_waits_behind_an_unsent_one_of_its_record() {
    let mut peer = Peer::live(vec![put("n/a", r#"{"t":""}"#), put("n/b", r#"{"t":""}"#)]);
    peer.make("1", typed(0, "a"));
    peer.make("2", vec![splice("n/b", "/t", 0, 0, "\"b\"")]);
    peer.make("3", vec![set("n/b", "/x", "1")]);
    peer.make("4", vec![set("n/a", "/x", "1")]);
    peer.make("5", vec![set("n/b", "/x", "2"), put("n/c", "{}")]);
    peer.make("6", vec![set("n/c", "/x", "1")]);
    peer.make("7", vec![put("n/d", "{}")]);
    assert_eq!(peer.update_ids(), ["1", "4", "7"]);
}

#[test]
fn c9_as_many_updates_are_unanswered_as_the_server_allows() {
    let mut peer = Peer::live(vec![put("n/a", "{}")]);
    peer.limits = Limits {
        in_flight: 2,
        ..Limits::DEFAULT
    };
    peer.reconnect();
    peer.joined(true);
    for n in ["1", "2", "3", "4"] {
        peer.make(n, vec![set("n/a", "/x", n)]);
    }
    let sent = peer.updates();
    assert_eq!(sent.len(), 2);
    peer.accept(sent[0].clone());
    peer.deliver();
    assert_eq!(peer.update_ids(), ["3"]);
    peer.ack("2", Rev::new(9));
    assert_eq!(peer.update_ids(), ["4"], "what is answered does not count");
}

#[test]
fn k8_unanswered_updates_are_sent_again_in_order_once_caught_up() {
    let mut peer = Peer::live(vec![put("n/a", r#"{"t":"abc"}"#), put("n/b", "{}")]);
    peer.make("1", vec![set("n/b", "/x", "1")]);
    peer.make("2", typed(3, "!"));
    let lost = peer.updates();
    assert_eq!(lost.len(), 2);
    peer.make("3", vec![set("n/b", "/x", "3")]);
    // The first was accepted before the connection ended.
    peer.accept(lost[0].clone());
    peer.other_splices(vec![splice("n/a", "/t", 0, 0, "\">>\"")]);
    peer.reconnect();
    peer.joined(true);
    assert_eq!(
        peer.updates(),
        [],
        "what was accepted before JOINED comes first"
    );
    peer.deliver();
    assert_eq!(peer.ended(), ends(&[("1", Ended::Accepted(2))]));
    let sent = peer.updates();
    assert_eq!(inserted(&sent[0]), [(5, 0, "!".to_owned())], "as rebased");
    assert_eq!(
        (sent[0].base_rev, sent[0].first_rev),
        (Some(Rev::new(3)), Some(Rev::new(1)))
    );
    assert_eq!(
        (sent[1].client_req_id.as_str(), sent[1].first_rev),
        ("3", None)
    );
    peer.accept(sent[0].clone());
    peer.deliver();
    assert_eq!(peer.text(), ">>abc!");
}

#[test]
fn k8_a_sent_update_takes_in_no_more() {
    let mut peer = Peer::with_text("");
    peer.make("1", typed(0, "a"));
    peer.update();
    peer.reconnect();
    peer.make("2", typed(1, "b"));
    peer.joined(true);
    assert_eq!(
        inserted(&peer.update()),
        [(0, 0, "a".to_owned())],
        "the id stands for what was sent"
    );
}

#[test]
fn s2_base_rev_is_the_confirmed_revision_whatever_the_head_is() {
    let mut peer = Peer::with_text("");
    peer.make("1", typed(0, "a"));
    peer.heartbeat(Rev::new(9), "ffffffffffffffff");
    assert_eq!(peer.update().base_rev, Some(Rev::new(1)));
}

#[test]
fn s8_a_record_that_composition_leaves_alone_is_as_if_never_touched() {
    let mut peer = Peer::live(vec![put("n/a", r#"{"t":""}"#), put("n/b", r#"{"t":""}"#)]);
    let there = splice("n/b", "/t", 0, 0, "\"b\"");
    let back = splice("n/b", "/t", 0, 1, "\"\"");
    peer.make("1", vec![typed(0, "a").remove(0), there, back]);
    let version = |peer: &Peer| peer.replica.view().get(&key("n/b")).unwrap().version();
    assert_eq!(version(&peer), 2);
    peer.make("2", typed(1, "c"));
    assert_eq!((peer.text(), version(&peer)), ("ac".to_owned(), 1));
    assert_eq!(inserted(&peer.update()), [(0, 0, "ac".to_owned())]);
}

#[test]
fn w6_what_grew_past_the_size_of_a_message_ends_unsent() {
    let mut peer = Peer::with_text(&"-".repeat(40));
    peer.make("1", vec![set("n/a", "/n", "1")]);
    let first = peer.update();
    peer.make(
        "2",
        vec![splice(
            "n/a",
            "/t",
            0,
            40,
            &format!("{:?}", "x".repeat(400)),
        )],
    );
    peer.make("3", vec![put("n/b", "{}")]);
    // Each insertion of another splits the removal once more.
    peer.accept(first);
    for n in 0..10 {
        peer.other_splices(typed(3 + n * 4, "+"));
    }
    peer.deliver();
    peer.limits = Limits {
        message_bytes: 1000,
        ..Limits::DEFAULT
    };
    peer.reconnect();
    peer.joined(true);
    assert_eq!(peer.update_ids(), ["3"]);
    let told = [
        ("1", Ended::Accepted(2)),
        (
            "2",
            Ended::Rejected(revring_protocol::error::Code::TooLarge),
        ),
    ];
    assert_eq!(peer.ended(), ends(&told));
}
