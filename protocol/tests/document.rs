//! What changes do to records: section D of SPEC.md, through a room.

#[path = "contract/mod.rs"]
#[allow(dead_code, reason = "the wire's test uses the rest")]
mod contract;
mod support;

use revring_protocol::{
    change::Edit,
    error::Code,
    limits::{Limits, TOMBSTONES},
    message::Conflict,
};

use support::{
    Host, If, add, delete, key, merge, object, path, put, set, splice, unset, update, value,
};

/// A room with the record `t/1` of `data`.
fn host(data: &str) -> Host {
    let mut host = Host::new();
    host.accept("a", vec![put("t/1", data)]);
    host
}

#[test]
fn d1_put_creates_and_replaces() {
    let mut host = host(r#"{"a":1,"b":2}"#);
    let rev = host.accept("a", vec![put("t/1", r#"{"c":null}"#)]);
    assert_eq!(host.data("t/1").unwrap(), r#"{"c":null}"#);
    assert_eq!(
        host.edits(rev),
        [Edit::Put {
            data: object(r#"{"c":null}"#)
        }]
    );
}

#[test]
fn d1_merge_is_rfc_7396() {
    contract::merges::lines();
    for (data, patch, result) in contract::merges::CASES {
        let mut host = host(data);
        let rev = host.accept("a", vec![merge("t/1", patch)]);
        assert_eq!(
            host.data("t/1").as_deref(),
            Some(*result),
            "{data} with {patch}"
        );
        assert_eq!(
            host.edits(rev),
            [Edit::Merge {
                data: object(patch)
            }],
            "the effect is the patch"
        );
    }
}

#[test]
fn d1_set_takes_any_value_where_the_parent_exists() {
    let mut host = host(r#"{"a":{"b":1}}"#);
    let changes = [
        ("/a/b", "null"),
        ("/a/c", r#"[{"d":1}]"#),
        ("/e", r#"{"f":{}}"#),
        ("/e/f/g", "true"),
    ];
    host.accept("a", changes.map(|(at, json)| set("t/1", at, json)).to_vec());
    assert_eq!(
        host.data("t/1").unwrap(),
        r#"{"a":{"b":null,"c":[{"d":1}]},"e":{"f":{"g":true}}}"#
    );
    let rev = host.accept("a", vec![set("t/1", "/a", "0")]);
    assert_eq!(
        host.edits(rev),
        [Edit::Set {
            path: path("/a"),
            value: value("0")
        }]
    );
}

#[test]
fn d1_unset_removes_a_field_if_it_is_there() {
    let mut host = host(r#"{"a":{"b":1,"":2}}"#);
    host.accept(
        "a",
        vec![
            unset("t/1", "/a/b"),
            unset("t/1", "/a/"),
            unset("t/1", "/missing"),
        ],
    );
    assert_eq!(host.data("t/1").unwrap(), r#"{"a":{}}"#);
}

#[test]
fn d1_delete_of_nothing_is_an_operation_without_effect() {
    let mut host = host("{}");
    assert_eq!(host.accept("a", vec![delete("t/1")]).get(), 2);
    assert_eq!(host.data("t/1"), None);
    assert_eq!(
        host.room.document().collections().count(),
        0,
        "no collection stays behind"
    );
    let rev = host.accept("a", vec![delete("t/1"), delete("never/was")]);
    assert_eq!(rev.get(), 3, "it takes a revision");
    assert_eq!(host.edits(rev), []);
}

#[test]
fn d1_add_is_exact_and_its_effect_is_the_sum() {
    let mut host = host(r#"{"n":9007199254740990,"x":0.25,"o":{}}"#);
    let rev = host.accept(
        "a",
        vec![
            add("t/1", "/n", "1"),
            add("t/1", "/x", "0.75"),
            add("t/1", "/o/new", "-3"),
        ],
    );
    assert_eq!(
        host.data("t/1").unwrap(),
        r#"{"n":9007199254740991,"o":{"new":-3},"x":1}"#
    );
    let sums = [("/n", "9007199254740991"), ("/x", "1"), ("/o/new", "-3")];
    assert_eq!(
        host.edits(rev),
        sums.map(|(at, json)| Edit::Set {
            path: path(at),
            value: value(json)
        })
    );
}

#[test]
fn d1_adds_of_several_clients_all_count() {
    let mut host = host("{}");
    for author in ["a", "b", "c"] {
        host.accept(author, vec![add("t/1", "/n", "1"), add("t/1", "/n", "10")]);
    }
    assert_eq!(host.data("t/1").unwrap(), r#"{"n":33}"#);
}

#[test]
fn d1_splice_edits_text_by_code_points_and_arrays_by_elements() {
    let mut host = host(r#"{"s":"a😀é","l":[1,2,3]}"#);
    let mut update = update(
        "u",
        vec![
            splice("t/1", "/s", 1, 1, "\"xy\""),
            splice("t/1", "/l", 3, 0, "[{}]"),
        ],
    );
    update.base_rev = Some(host.room.head());
    host.accept_update("a", update);
    assert_eq!(host.data("t/1").unwrap(), r#"{"l":[1,2,3,{}],"s":"axyé"}"#);
}

#[test]
fn d2_every_change_but_put_and_delete_needs_a_record() {
    let mut host = host("{}");
    let changes = [
        merge("t/2", "{}"),
        set("t/2", "/a", "1"),
        unset("t/2", "/a"),
        add("t/2", "/a", "1"),
    ];
    for change in changes {
        assert_eq!(
            host.refused_with(vec![change.clone()]),
            Code::NotFound,
            "{change:?}"
        );
        assert_eq!(
            host.refused_with(vec![put("t/2", "{}"), delete("t/2"), change]),
            Code::NotFound
        );
    }
    for insert in ["\"x\"", "\"\"", "[]"] {
        let mut update = update("u", vec![splice("t/2", "/a", 0, 0, insert)]);
        update.base_rev = Some(host.room.head());
        assert_eq!(
            host.refuse_update("a", update).code,
            Code::NotFound,
            "inserting {insert}"
        );
    }
}

#[test]
fn d2_what_does_not_fit_the_data_is_an_invalid_change() {
    let mut host = host(r#"{"s":"abc","l":[1,2],"n":9007199254740991,"o":{},"z":null}"#);
    let changes = [
        set("t/1", "/missing/a", "1"),
        set("t/1", "/s/a", "1"),
        set("t/1", "/l/0", "1"),
        set("t/1", "/z/a", "1"),
        unset("t/1", "/missing/a"),
        unset("t/1", "/l/0"),
        add("t/1", "/s", "1"),
        add("t/1", "/z", "1"),
        add("t/1", "/o", "1"),
        add("t/1", "/missing/n", "1"),
        add("t/1", "/n", "1"),
        splice("t/1", "/s", 4, 0, "\"x\""),
        splice("t/1", "/s", 2, 2, "\"\""),
        splice(
            "t/1",
            "/s",
            9_007_199_254_740_991,
            9_007_199_254_740_991,
            "\"\"",
        ),
        splice("t/1", "/s", 0, 0, "[1]"),
        splice("t/1", "/l", 3, 0, "[1]"),
        splice("t/1", "/l", 1, 2, "[]"),
        splice("t/1", "/l", 0, 0, "\"x\""),
        splice("t/1", "/n", 0, 0, "\"x\""),
        splice("t/1", "/missing", 0, 0, "\"x\""),
        splice("t/1", "/l", 0, 0, "\"\""),
    ];
    for (n, change) in changes.into_iter().enumerate() {
        let mut update = update(&format!("u{n}"), vec![change.clone()]);
        update.base_rev = Some(host.room.head());
        assert_eq!(
            host.refuse_update("a", update).code,
            Code::InvalidChange,
            "{change:?}"
        );
    }
}

#[test]
fn d2_refusals_say_where_and_what() {
    let mut host = host(r#"{"s":"abc","n":1}"#);
    let mut told = |change| {
        let mut update = update("u", vec![change]);
        update.base_rev = Some(host.room.head());
        host.refuse_update("a", update).message
    };
    assert_eq!(
        told(merge("t/2", "{}")),
        "t/2: the record does not exist; put creates it"
    );
    assert_eq!(
        told(set("t/1", "/x/y", "1")),
        "t/1: nothing can be at /x/y: what holds it must be an object that exists"
    );
    assert_eq!(
        told(add("t/1", "/s", "1")),
        "t/1: the value at /s must be a number, it is a string"
    );
    assert_eq!(
        told(splice("t/1", "/s", 2, 5, "\"\"")),
        "t/1: splice at 2 removing 5 reaches past the end of /s, which has 3 elements"
    );
}

#[test]
fn d3_a_condition_is_about_the_version_before_the_update() {
    let mut host = host("{}");
    host.accept(
        "a",
        vec![
            merge("t/1", r#"{"a":1}"#).if_version(1),
            merge("t/1", r#"{"b":1}"#).if_version(1),
        ],
    );
    host.accept("a", vec![put("t/2", "{}").if_version(0)]);
    let reject = host.refuse(vec![put("t/1", "{}").if_version(1)]);
    assert_eq!(reject.code, Code::Conflict);
    assert_eq!(reject.conflict, Some(Conflict::on(&key("t/1"), 2, None)));
    let reject = host.refuse(vec![put("t/1", "{}").if_version(0)]);
    assert_eq!(
        (reject.code, reject.conflict.unwrap().version),
        (Code::Conflict, 2)
    );
    let reject = host.refuse(vec![delete("t/3").if_version(4)]);
    assert_eq!(
        (reject.code, reject.conflict.unwrap().version),
        (Code::Conflict, 0)
    );
}

#[test]
fn d3_conditions_come_before_the_first_change() {
    let mut host = host("{}");
    let reject = host.refuse(vec![set("t/9", "/a", "1"), put("t/1", "{}").if_version(7)]);
    assert_eq!(reject.code, Code::Conflict, "not NOT_FOUND");
}

#[test]
fn d3_a_deleted_record_has_version_0() {
    let mut host = host("{}");
    host.accept("a", vec![delete("t/1").if_version(1)]);
    assert_eq!(
        host.refuse(vec![put("t/1", "{}").if_version(2)])
            .conflict
            .unwrap()
            .version,
        0
    );
    host.accept("a", vec![put("t/1", "{}").if_version(0)]);
    assert_eq!(host.version("t/1"), Some(3));
}

#[test]
fn d3_of_two_in_one_batch_the_second_sees_the_first() {
    let mut host = host("{}");
    let racing = |req: &str| update(req, vec![merge("t/1", "{}").if_version(1)]);
    let committed = host.batch(vec![
        support::request("a", racing("u1")),
        support::request("b", racing("u1")),
    ]);
    assert_eq!(committed.operations.len(), 1);
    assert_eq!(host.version("t/1"), Some(2));
}

#[test]
fn d4_versions_grow_by_one_for_each_operation_and_go_on_after_a_delete() {
    let mut host = host("{}");
    host.accept(
        "a",
        vec![
            set("t/1", "/a", "1"),
            set("t/1", "/a", "2"),
            unset("t/1", "/a"),
        ],
    );
    assert_eq!(host.version("t/1"), Some(2));
    let rev = host.accept("a", vec![delete("t/1")]);
    assert_eq!(
        host.operation(rev).changes[0].version,
        3,
        "the deletion counts"
    );
    host.accept("a", vec![put("t/1", "{}")]);
    assert_eq!(host.version("t/1"), Some(4));
    host.accept("a", vec![delete("t/1"), put("t/1", "{}")]);
    assert_eq!(host.version("t/1"), Some(5), "one operation, one version");
    let rev = host.accept("a", vec![put("t/1", "{}"), delete("t/1")]);
    assert_eq!(
        host.operation(rev)
            .changes
            .iter()
            .map(|effect| effect.version)
            .collect::<Vec<_>>(),
        [6, 6]
    );
    host.accept("a", vec![put("t/1", "{}")]);
    assert_eq!(host.version("t/1"), Some(7));
}

#[test]
fn d4_a_record_that_was_made_and_deleted_at_once_leaves_its_version() {
    let mut host = Host::new();
    host.accept("a", vec![put("t/1", "{}"), delete("t/1"), delete("t/1")]);
    host.accept("a", vec![put("t/1", "{}")]);
    assert_eq!(host.version("t/1"), Some(2));
}

#[test]
fn d5_times_are_those_of_the_operations() {
    let mut host = Host::new();
    let mut times = Vec::new();
    let steps = [
        vec![put("t/1", "{}")],
        vec![put("t/1", "{}")],
        vec![delete("t/1"), put("t/1", "{}")],
    ];
    for (changes, now) in steps.into_iter().zip([10, 20, 30]) {
        host.now = now;
        host.accept("a", changes);
        let record = &host.room.document().get(&key("t/1")).unwrap();
        times.push((record.created_at(), record.updated_at()));
    }
    assert_eq!(times, [(10, 10), (10, 20), (30, 30)]);
}

#[test]
fn d6_the_oldest_tombstone_is_forgotten_first_and_the_highest_version_remembered() {
    let limits = Limits {
        changes_per_update: TOMBSTONES + 2,
        operation_bytes: usize::MAX,
        ring_bytes: usize::MAX,
        ..Limits::DEFAULT
    };
    let mut host = Host::with(limits);
    host.accept("a", vec![put("old/1", "{}"), put("old/2", "{}")]);
    for _ in 0..5 {
        host.accept("a", vec![merge("old/1", "{}")]);
    }
    host.accept("a", vec![delete("old/1")]);
    host.accept("a", vec![delete("old/2")]);
    let both = |n: usize| [put(&format!("t/{n}"), "{}"), delete(&format!("t/{n}"))];
    // One tombstone more than the room keeps: that of old/1, at version 7.
    for all in (0..TOMBSTONES - 1)
        .collect::<Vec<_>>()
        .chunks(TOMBSTONES / 2)
    {
        host.accept("a", all.iter().flat_map(|n| both(*n)).collect());
    }
    host.accept(
        "a",
        vec![put("old/1", "{}"), put("old/2", "{}"), put("new/1", "{}")],
    );
    assert_eq!(
        host.version("old/1"),
        Some(8),
        "above every forgotten version"
    );
    assert_eq!(host.version("old/2"), Some(3), "it was not forgotten");
    assert_eq!(host.version("new/1"), Some(8));
}
