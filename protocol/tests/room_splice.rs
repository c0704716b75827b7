//! Concurrent splices as a room settles them: section S of SPEC.md.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "contract/mod.rs"]
#[allow(dead_code, reason = "the wire's test uses the rest")]
mod contract;
mod support;

use revring_protocol::{
    change::{Change, Edit, Update},
    error::Code,
    ids::Rev,
    message::{Conflict, Reject},
    room::Outcome,
};

use support::{
    Host, add, delete, key, merge, object, path, put, ring_of, set, splice, unset, update,
};

/// A room with the record `t/1` of `data`, at revision 1.
fn host(data: &str) -> Host {
    let mut host = Host::new();
    host.accept("a", vec![put("t/1", data)]);
    host
}

fn based(req: &str, base: u64, changes: Vec<Change>) -> Update {
    Update {
        base_rev: Some(Rev::new(base)),
        ..update(req, changes)
    }
}

#[test]
fn s3_s4_s5_concurrent_splices_come_out_as_the_vectors_say() {
    contract::splices::CASES
        .iter()
        .for_each(contract::splices::check);
}

#[test]
fn s2_a_splice_needs_a_base() {
    let mut host = host(r#"{"s":"abc"}"#);
    let reject = host.refuse(vec![put("t/2", "{}"), splice("t/1", "/s", 0, 0, "\"x\"")]);
    assert_eq!(reject.code, Code::Invalid);
    assert_eq!(
        reject.message,
        "baseRev is missing; an update with a splice needs it"
    );
}

#[test]
fn s2_each_splice_sees_the_result_of_the_changes_before_it() {
    let mut host = host(r#"{"s":"abc","l":[]}"#);
    let changes = vec![
        splice("t/1", "/s", 3, 0, "\"def\""),
        splice("t/1", "/s", 5, 1, "\"F\""),
        splice("t/1", "/l", 0, 0, "[1]"),
        set("t/1", "/s2", "\"xyz\""),
        splice("t/1", "/s2", 0, 2, "\"\""),
        splice("t/1", "/l", 1, 0, "[2]"),
    ];
    host.accept_update("a", based("u", 1, changes));
    assert_eq!(
        host.data("t/1").unwrap(),
        r#"{"l":[1,2],"s":"abcdeF","s2":"z"}"#
    );
}

#[test]
fn s3_positions_are_moved_over_what_came_after_the_base_and_no_more() {
    let mut host = host(r#"{"s":"abc"}"#);
    host.accept_update(
        "b",
        based("u1", 1, vec![splice("t/1", "/s", 0, 0, "\"11\"")]),
    );
    host.accept_update(
        "b",
        based("u2", 2, vec![splice("t/1", "/s", 0, 0, "\"22\"")]),
    );
    host.accept_update(
        "c",
        based("u1", 2, vec![splice("t/1", "/s", 5, 0, "\"C\"")]),
    );
    host.accept_update(
        "d",
        based("u1", 1, vec![splice("t/1", "/s", 1, 0, "\"D\"")]),
    );
    assert_eq!(host.data("t/1").unwrap(), r#"{"s":"2211aDbcC"}"#);
}

#[test]
fn s3_splices_of_other_values_move_nothing() {
    let mut host = host(r#"{"s":"abc","x":{"s":"abc"}}"#);
    host.accept("a", vec![put("t/2", r#"{"s":"abc"}"#)]);
    for (n, (record, at)) in [("t/2", "/s"), ("t/1", "/x/s")].into_iter().enumerate() {
        host.accept_update(
            "b",
            based(
                &format!("u{n}"),
                2,
                vec![splice(record, at, 0, 0, "\"11\"")],
            ),
        );
    }
    host.accept_update("c", based("u", 2, vec![splice("t/1", "/s", 1, 0, "\"C\"")]));
    assert_eq!(
        host.data("t/1").unwrap(),
        r#"{"s":"aCbc","x":{"s":"11abc"}}"#
    );
}

#[test]
fn s3_operations_earlier_in_the_batch_count() {
    let mut host = host(r#"{"s":"abc"}"#);
    let typing = |insert| based("u", 1, vec![splice("t/1", "/s", 1, 0, insert)]);
    let committed = host.batch(vec![
        support::request("a", typing("\"1\"")),
        support::request("b", typing("\"2\"")),
        support::request("c", typing("\"3\"")),
    ]);
    assert_eq!(committed.operations.len(), 3);
    assert_eq!(host.data("t/1").unwrap(), r#"{"s":"a123bc"}"#);
}

#[test]
fn s5_what_is_left_without_anything_to_do_is_an_operation_without_effect() {
    let mut host = host(r#"{"s":"abc"}"#);
    host.accept_update("b", based("u", 1, vec![splice("t/1", "/s", 1, 1, "\"\"")]));
    let rev = host.accept_update("c", based("u", 1, vec![splice("t/1", "/s", 1, 1, "\"\"")]));
    assert_eq!(host.edits(rev), []);
    assert_eq!(host.version("t/1"), Some(2), "it changed nothing");
    let rev = host.accept_update(
        "c",
        based(
            "v",
            3,
            vec![set("t/1", "/s", "\"x\""), splice("t/1", "/s", 0, 0, "\"\"")],
        ),
    );
    assert_eq!(host.edits(rev).len(), 1);
}

/// What an update with a splice of `/o/s` gets after `theirs`.
fn after(theirs: Vec<Change>) -> Result<String, Box<Reject>> {
    let mut host = host(r#"{"o":{"s":"abc","n":1},"n":1}"#);
    host.accept("b", theirs);
    let update = based("u", 1, vec![splice("t/1", "/o/s", 1, 0, "\"X\"")]);
    match host.offer("c", update.clone()) {
        Outcome::Accepted(_) => Ok(host.data("t/1").unwrap()),
        Outcome::Reply(_) => Err(host.refuse_update("c", update).into()),
    }
}

#[test]
fn s6_a_value_that_was_replaced_is_a_conflict() {
    let replacing = [
        vec![put("t/1", r#"{"o":{"s":"abc"}}"#)],
        vec![delete("t/1")],
        vec![delete("t/1"), put("t/1", r#"{"o":{"s":"abc"}}"#)],
        vec![set("t/1", "/o/s", "\"abc\"")],
        vec![set("t/1", "/o", r#"{"s":"abc"}"#)],
        vec![unset("t/1", "/o/s")],
        vec![unset("t/1", "/o"), set("t/1", "/o", r#"{"s":"abc"}"#)],
        vec![merge("t/1", r#"{"o":{"s":"abc"}}"#)],
        vec![merge("t/1", r#"{"o":null}"#)],
        vec![merge("t/1", r#"{"o":[]}"#)],
        vec![merge("t/1", r#"{"o":{"s":{}}}"#)],
        vec![unset("t/1", "/o/s"), add("t/1", "/o/s", "1")],
    ];
    for theirs in replacing {
        let deleted = matches!(
            theirs[..],
            [Change {
                edit: Edit::Delete,
                ..
            }]
        );
        let reject = after(theirs.clone()).expect_err("it was replaced");
        assert_eq!(reject.code, Code::Conflict, "{theirs:?}");
        let version = if deleted { 0 } else { 2 };
        assert_eq!(
            reject.conflict,
            Some(Conflict::on(&key("t/1"), version, Some(path("/o/s")))),
            "{theirs:?}"
        );
    }
}

#[test]
fn s6_what_is_changed_beside_the_value_is_none() {
    let beside = [
        vec![put("t/2", "{}")],
        vec![set("t/1", "/o/n", "2")],
        vec![set("t/1", "/os", "2")],
        vec![unset("t/1", "/n")],
        vec![add("t/1", "/o/n", "1")],
        vec![merge("t/1", r#"{"o":{"n":null},"n":2}"#)],
        vec![merge("t/1", r#"{"o":{}}"#)],
        vec![merge("t/1", "{}")],
    ];
    for theirs in beside {
        let data = after(theirs.clone()).unwrap_or_else(|reject| panic!("{theirs:?}: {reject:?}"));
        assert!(data.contains(r#""s":"aXbc""#), "{data}");
    }
}

#[test]
fn s6_what_the_update_itself_replaces_is_none() {
    let mut host = host(r#"{"s":"abc"}"#);
    host.accept("b", vec![set("t/1", "/s", "\"other\"")]);
    let changes = vec![
        set("t/1", "/s", "\"own\""),
        splice("t/1", "/s", 3, 0, "\"!\""),
    ];
    host.accept_update("c", based("u", 1, changes));
    assert_eq!(host.data("t/1").unwrap(), r#"{"s":"own!"}"#);
    let changes = vec![
        put("t/9", r#"{"s":"new"}"#),
        splice("t/9", "/s", 0, 0, "\"a \""),
    ];
    host.accept_update("c", based("v", 1, changes));
    assert_eq!(host.data("t/9").unwrap(), r#"{"s":"a new"}"#);
}

#[test]
fn s6_a_splice_before_the_own_replacement_is_moved_all_the_same() {
    let mut host = host(r#"{"s":"abc"}"#);
    host.accept_update(
        "b",
        based("u", 1, vec![splice("t/1", "/s", 0, 0, "\"11\"")]),
    );
    let changes = vec![
        splice("t/1", "/s", 1, 0, "\"X\""),
        set("t/1", "/s", "\"own\""),
        splice("t/1", "/s", 1, 0, "\"Y\""),
    ];
    let rev = host.accept_update("c", based("u", 1, changes));
    let Edit::Splice { splice, .. } = &host.edits(rev)[0] else {
        panic!("the splice stands first")
    };
    assert_eq!(splice.at, 3);
    assert_eq!(host.data("t/1").unwrap(), r#"{"s":"oYwn"}"#);
}

#[test]
fn s6_one_conflict_refuses_the_whole_update() {
    let mut host = host(r#"{"s":"abc","t":"abc"}"#);
    host.accept("b", vec![set("t/1", "/s", "\"x\"")]);
    let changes = vec![
        splice("t/1", "/t", 0, 0, "\"1\""),
        splice("t/1", "/s", 0, 0, "\"1\""),
    ];
    assert_eq!(
        host.refuse_update("c", based("u", 1, changes)).code,
        Code::Conflict
    );
}

#[test]
fn s7_a_base_at_the_edge_of_the_ring_is_taken_and_one_below_is_too_old() {
    let mut host = Host::with(ring_of(4));
    host.accept("a", vec![put("t/1", r#"{"s":""}"#)]);
    for n in 0..6 {
        host.accept("a", vec![put("other/1", &format!(r#"{{"n":{n}}}"#))]);
    }
    assert_eq!(
        (host.room.head().get(), host.room.buffer_first_rev().get()),
        (7, 4)
    );
    let reject = host.refuse_update("b", based("u", 2, vec![splice("t/1", "/s", 0, 0, "\"x\"")]));
    assert_eq!(reject.code, Code::BaseTooOld);
    host.accept_update("b", based("u", 3, vec![splice("t/1", "/s", 0, 0, "\"x\"")]));
    assert_eq!(host.data("t/1").unwrap(), r#"{"s":"x"}"#);
}

#[test]
fn s7_a_base_above_head_is_invalid() {
    let mut host = host(r#"{"s":"abc"}"#);
    let reject = host.refuse_update("b", based("u", 2, vec![splice("t/1", "/s", 0, 0, "\"x\"")]));
    assert_eq!(reject.code, Code::Invalid);
    assert_eq!(reject.message, "baseRev 2 is above the room's revision 1");
}

#[test]
fn s7_the_base_of_an_update_without_splices_does_not_matter() {
    let mut host = Host::with(ring_of(4));
    for n in 0..6 {
        host.accept_update(
            "a",
            based(&format!("u{n}"), n * 1000, vec![put("t/1", "{}")]),
        );
    }
    assert_eq!(
        host.data("t/1").map(|data| object(&data)),
        Some(object("{}"))
    );
}

#[test]
fn s7_an_update_that_moves_too_many_splices_is_too_old() {
    let text = "x".repeat(200);
    let mut host = host(&format!(r#"{{"s":"{text}"}}"#));
    // Each insertion has a letter on both sides, so removing all of the text falls into pieces.
    for n in 0..199_u64 {
        let at = usize::try_from(2 * n + 1).unwrap();
        host.accept_update(
            "a",
            based(
                &format!("i{n}"),
                n + 1,
                vec![splice("t/1", "/s", at, 0, "\"y\"")],
            ),
        );
    }
    let all = |req: &str| based(req, 1, vec![splice("t/1", "/s", 0, 200, "\"\"")]);
    assert_eq!(host.refuse_update("b", all("b1")).code, Code::BaseTooOld);
    let few = based("b2", 150, vec![splice("t/1", "/s", 0, 100, "\"\"")]);
    host.accept_update("b", few);
}
