//! Making updates and seeing them at once (rule K-1), and what is refused right away.

use revring_protocol::{
    document::EditError,
    ids::Rev,
    limits::Limits,
    message::ClientMessage,
    replica::{Event, Keys, OnGap, UpdateError},
};

use crate::{
    peer::{Ended, Peer, ends},
    support::{If, add, delete, id, key, merge, put, set, splice, unset},
};

#[test]
fn k1_own_updates_show_at_once() {
    let mut peer = Peer::live(vec![put("n/a", r#"{"x":1,"o":{}}"#)]);
    peer.make("1", vec![set("n/a", "/x", "2"), put("n/b", "{}")]);
    peer.make(
        "2",
        vec![
            add("n/a", "/x", "5"),
            merge("n/a", r#"{"o":{"y":null,"z":1}}"#),
        ],
    );
    peer.make("3", vec![unset("n/a", "/o/z"), delete("n/b")]);
    assert_eq!(peer.seen("n/a").unwrap(), r#"{"o":{},"x":7}"#);
    assert_eq!(peer.seen("n/b"), None);
    assert_eq!(peer.confirmed("n/a").unwrap(), r#"{"o":{},"x":1}"#);
    assert_eq!(peer.pending(), ["1", "2", "3"]);
}

#[test]
fn k1_versions_in_the_view_count_each_pending_update_once() {
    let mut peer = Peer::live(vec![put("n/a", "{}")]);
    peer.make("1", vec![set("n/a", "/x", "1"), set("n/a", "/y", "1")]);
    peer.make("2", vec![set("n/a", "/x", "2").if_version(2)]);
    assert_eq!(peer.replica.view().get(&key("n/a")).unwrap().version(), 3);
    peer.make("3", vec![delete("n/a")]);
    peer.make("4", vec![put("n/a", "{}").if_version(0)]);
    assert_eq!(peer.replica.view().get(&key("n/a")).unwrap().version(), 5);
}

#[test]
fn k1_the_changed_records_are_named() {
    let mut peer = Peer::live(vec![put("n/a", "{}"), put("n/b", "{}")]);
    let changed = |peer: &mut Peer| {
        let keys = peer.events().into_iter().find_map(|event| match event {
            Event::Changed {
                keys: Keys::These(keys),
            } => Some(keys),
            _ => None,
        });
        keys.unwrap()
            .into_iter()
            .map(|key| key.to_string())
            .collect::<Vec<_>>()
    };
    peer.make("1", vec![set("n/a", "/x", "1")]);
    assert_eq!(changed(&mut peer), ["n/a"]);
    peer.make("2", vec![set("n/a", "/x", "2"), set("n/b", "/x", "2")]);
    peer.events();
    peer.other(vec![put("n/c", "{}")]);
    peer.deliver();
    assert_eq!(changed(&mut peer), ["n/c"]);
    // What another changes of one record can take a pending update out of the view, and so change the other record.
    peer.other(vec![delete("n/a")]);
    peer.deliver();
    assert_eq!(changed(&mut peer), ["n/a", "n/b"]);
    assert_eq!(peer.seen("n/b").unwrap(), "{}");
}

#[test]
fn k1_an_update_that_no_longer_applies_is_left_out_but_stays_pending() {
    let mut peer = Peer::live(vec![put("n/a", "{}")]);
    peer.make("1", vec![set("n/a", "/x", "1")]);
    let update = peer.update();
    peer.other(vec![delete("n/a")]);
    peer.deliver();
    assert_eq!(peer.seen("n/a"), None);
    assert_eq!(peer.pending(), ["1"]);
    assert!(!peer.replica.shows(&id("1")));
    // The server judged it when the record was there again.
    peer.other(vec![put("n/a", r#"{"y":1}"#)]);
    let rev = peer.accept(update);
    peer.deliver();
    assert_eq!(peer.ended(), ends(&[("1", Ended::Accepted(rev.get()))]));
    assert_eq!(peer.seen("n/a").unwrap(), r#"{"x":1,"y":1}"#);
}

#[test]
fn k1_what_does_not_fit_the_view_is_refused_at_once() {
    let mut peer = Peer::live(vec![put("n/a", r#"{"t":"abc","n":1}"#)]);
    let does_not_apply = |result: Result<(), UpdateError>| match result {
        Err(UpdateError::DoesNotApply { problem, .. }) => problem,
        other => panic!("{other:?}"),
    };
    let problem = does_not_apply(peer.try_make("1", vec![set("n/b", "/x", "1")]));
    assert_eq!(problem, EditError::NoRecord);
    let problem = does_not_apply(peer.try_make("1", vec![set("n/a", "/x/y", "1")]));
    assert!(matches!(problem, EditError::NoParent(_)));
    let problem = does_not_apply(peer.try_make("1", vec![splice("n/a", "/t", 4, 0, "\"x\"")]));
    assert!(matches!(problem, EditError::OutOfBounds { length: 3, .. }));
    let problem = does_not_apply(peer.try_make("1", vec![add("n/a", "/n", "9007199254740991")]));
    assert!(matches!(problem, EditError::SumOutOfRange(_)));
    // All or nothing.
    let half = vec![set("n/a", "/x", "1"), set("n/b", "/x", "1")];
    does_not_apply(peer.try_make("1", half));
    let conflict = peer.try_make("1", vec![put("n/a", "{}").if_version(0)]);
    assert!(matches!(conflict, Err(UpdateError::Conflict(conflict)) if conflict.version == 1));
    assert_eq!(peer.updates(), []);
}

#[test]
fn k1_what_no_server_takes_is_refused_at_once() {
    let mut peer = Peer::live(vec![put("n/a", "{}")]);
    assert_eq!(peer.try_make("1", vec![]), Err(UpdateError::Empty));
    let many = vec![set("n/a", "/x", "1"); Limits::DEFAULT.changes_per_update + 1];
    assert!(matches!(
        peer.try_make("1", many),
        Err(UpdateError::TooManyChanges { .. })
    ));
    let deep = format!("{}0{}", "[".repeat(33), "]".repeat(33));
    let deep = peer.try_make("1", vec![set("n/a", "/x", &deep)]);
    assert!(matches!(deep, Err(UpdateError::TooLarge(_))));
    // What is inserted into an array is as deep as the array it is sent in.
    let levels = Limits::DEFAULT.depth + 1;
    let items = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let deep = peer.try_make("1", vec![splice("n/a", "/list", 0, 0, &items)]);
    assert!(matches!(deep, Err(UpdateError::TooLarge(_))));
    let long = format!("{:?}", "x".repeat(Limits::DEFAULT.message_bytes));
    let long = peer.try_make("1", vec![set("n/a", "/x", &long)]);
    assert!(matches!(long, Err(UpdateError::TooLarge(_))));
    let version = peer.try_make("1", vec![put("n/a", "{}").if_version(u64::MAX)]);
    assert!(matches!(version, Err(UpdateError::TooLarge(_))));
    peer.make("1", vec![set("n/a", "/x", "1")]);
    let twice = peer.try_make("1", vec![set("n/a", "/x", "2")]);
    assert_eq!(twice, Err(UpdateError::DuplicateId(id("1"))));
}

#[test]
fn k1_the_number_of_pending_updates_is_bounded() {
    let mut peer = Peer::offline(OnGap::Resubmit);
    let refused = (0..).find_map(|n| {
        let made = peer
            .replica
            .update(id(&n.to_string()), vec![put("n/a", "{}")]);
        made.err().map(|error| (n, error))
    });
    assert_eq!(refused, Some((4096, UpdateError::TooManyPending(4096))));
}

#[test]
fn k1_updates_made_before_the_first_state_show_and_wait() {
    let mut peer = Peer::offline(OnGap::Discard);
    peer.host.accept("other", vec![put("n/a", r#"{"t":""}"#)]);
    peer.make("1", vec![put("n/b", r#"{"t":"x"}"#)]);
    peer.make("2", vec![set("n/a", "/x", "1")]);
    peer.make("3", vec![splice("n/b", "/t", 1, 0, "\"y\"")]);
    let unknown = peer.try_make("4", vec![splice("n/a", "/t", 0, 0, "\"y\"")]);
    assert_eq!(unknown, Err(UpdateError::NotSynced));
    assert_eq!(peer.seen("n/b").unwrap(), r#"{"t":"xy"}"#);
    peer.replica.connected();
    assert!(matches!(peer.sent_one(), ClientMessage::Join(join) if join.position.is_none()));
    peer.joined(false);
    peer.snapshot();
    assert_eq!(peer.seen("n/a").unwrap(), r#"{"t":"","x":1}"#);
    assert_eq!(peer.seen("n/b").unwrap(), r#"{"t":"xy"}"#);
    assert_eq!(peer.ended(), [], "the first snapshot is no gap");
    assert_eq!(peer.update_ids(), ["1", "2"]);
    assert_eq!(peer.replica.confirmed_rev(), Rev::new(1));
}
