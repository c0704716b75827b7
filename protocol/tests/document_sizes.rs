//! Sizes, bounds and checksums: rules D-7 to D-9.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "contract/mod.rs"]
#[allow(dead_code, reason = "the wire's test uses the rest")]
mod contract;
mod support;

use std::sync::Arc;

use proptest::prelude::*;
use revring_protocol::{
    document::Document,
    error::Code,
    limits::Limits,
    message::State,
    value::{Value, canonical, object_size, string_size},
};
use twox_hash::XxHash64;

use support::{Host, arbitrary, delete, key, merge, put, set, splice, unset, update};

fn text(bytes: usize) -> String {
    format!(r#"{{"t":"{}"}}"#, "x".repeat(bytes))
}

#[test]
fn d9_sizes_are_those_of_the_formulas() {
    let mut host = Host::new();
    let data = r#"{"ü\n":[1.5,-20,null,true]}"#;
    let rev = host.accept(
        "a",
        vec![
            put("tasks/one", data),
            set("tasks/one", "/a", "\"b\""),
            delete("x/y"),
        ],
    );
    // {} 128, entry 2, key 5 + 4, array 5, elements 1 each and 25, 3, 4, 5; then "/a": 2 + 6 + 6.
    let (data, set) = (128 + 2 + 9 + 5 + 4 + 25 + 3 + 4 + 5, 2 + 6 + 6);
    let names = (5 + 5) + (5 + 3);
    let record = host.room.document().get(&key("tasks/one")).unwrap().size();
    assert_eq!(record, data + set + names + 96);
    assert_eq!(host.room.document().size(), record);
    let operation = 256 + (160 + names + data) + (160 + names + (5 + 2) + 6);
    assert_eq!(host.operation(rev).size(), operation);
}

#[test]
fn d9_the_size_of_a_document_follows_every_change() {
    let mut host = Host::new();
    host.accept(
        "a",
        vec![put("t/1", "{}"), put("t/2", &text(100)), put("u/1", "{}")],
    );
    host.accept("a", vec![merge("t/2", r#"{"t":null}"#), delete("u/1")]);
    assert_eq!(host.room.document().size(), 2 * (6 + 6 + 128 + 96));
    assert_eq!(host.room.document().len(), 2);
}

/// A room whose record `t/1` is `room` bytes below its bound.
fn bounded(room: usize) -> Host {
    let mut host = Host::new();
    host.accept("a", vec![put("t/1", &text(1000))]);
    let size = host.room.document().get(&key("t/1")).unwrap().size();
    let limits = Limits {
        record_bytes: size + room,
        ..Limits::DEFAULT
    };
    let mut host = Host::with(limits);
    host.accept("a", vec![put("t/1", &text(1000))]);
    host
}

#[test]
fn d7_a_record_may_be_as_large_as_its_bound() {
    let mut host = bounded(10);
    host.accept("a", vec![put("t/1", &text(1010))]);
    assert_eq!(
        host.refused_with(vec![put("t/1", &text(1011))]),
        Code::TooLarge
    );
    let mut longer = update("u", vec![splice("t/1", "/t", 5, 0, "\"y\"")]);
    longer.base_rev = Some(host.room.head());
    assert_eq!(host.refuse_update("a", longer).code, Code::TooLarge);
    // In between it may be larger.
    host.accept(
        "a",
        vec![
            set("t/1", "/more", "\"more and more\""),
            unset("t/1", "/more"),
        ],
    );
}

#[test]
fn d7_what_shrinks_a_record_is_taken_though_it_stays_too_large() {
    let mut old = Host::new();
    old.accept("a", vec![put("t/1", &text(1000)), put("t/2", &text(1000))]);
    let limits = Limits {
        record_bytes: 500,
        document_bytes: 1000,
        ..Limits::DEFAULT
    };
    let room = revring_protocol::room::Room::restore(old.room.image(), &[], limits).unwrap();
    let mut host = Host::new();
    host.room = room;
    host.accept("b", vec![put("t/1", &text(900))]);
    assert_eq!(
        host.refused_with(vec![put("t/1", &text(901))]),
        Code::TooLarge
    );
    assert_eq!(
        host.refused_with(vec![put("t/3", "{}")]),
        Code::TooLarge,
        "the document is over its bound"
    );
    host.accept("b", vec![delete("t/2"), delete("t/1")]);
    host.accept("b", vec![put("t/3", "{}")]);
}

#[test]
fn d7_a_document_may_be_as_large_as_its_bound() {
    let size = |bytes: usize| 6 + 6 + 128 + 2 + 6 + 5 + bytes + 96;
    let mut host = Host::with(Limits {
        document_bytes: 3 * size(100),
        ..Limits::DEFAULT
    });
    host.accept(
        "a",
        vec![
            put("t/1", &text(100)),
            put("t/2", &text(100)),
            put("t/3", &text(100)),
        ],
    );
    assert_eq!(
        host.refused_with(vec![put("t/1", &text(101))]),
        Code::TooLarge
    );
    host.accept("a", vec![put("t/1", &text(99)), put("t/2", &text(101))]);
}

#[test]
fn d7_an_operation_may_be_as_large_as_its_bound() {
    let size = |bytes: usize| 256 + 160 + 6 + 6 + 128 + 2 + 6 + 5 + bytes;
    let mut host = Host::with(Limits {
        operation_bytes: size(100),
        ..Limits::DEFAULT
    });
    host.accept("a", vec![put("t/1", &text(100))]);
    let reject = host.refuse(vec![put("t/1", &text(101))]);
    assert_eq!(reject.code, Code::TooLarge);
    assert!(
        reject.message.contains("send several updates"),
        "{}",
        reject.message
    );
}

#[test]
fn d7_an_update_has_a_number_of_changes_at_most() {
    let mut host = Host::with(Limits {
        changes_per_update: 3,
        ..Limits::DEFAULT
    });
    host.accept("a", vec![delete("t/1"); 3]);
    assert_eq!(host.refused_with(vec![delete("t/1"); 4]), Code::TooLarge);
}

/// Objects in objects, `levels` deep.
fn nested(levels: usize) -> String {
    format!(
        "{}{}",
        r#"{"a":"#.repeat(levels - 1) + "{}",
        "}".repeat(levels - 1)
    )
}

#[test]
fn d7_data_nests_as_deep_as_it_may_and_no_deeper() {
    let mut host = Host::new();
    let depth = Limits::DEFAULT.depth;
    host.accept("a", vec![put("t/1", &nested(depth))]);
    assert_eq!(
        host.refused_with(vec![put("t/1", &nested(depth + 1))]),
        Code::TooLarge
    );
    host.accept("a", vec![put("t/1", &nested(depth - 1))]);
    let leaf = "/a".repeat(depth - 1);
    assert_eq!(
        host.refused_with(vec![set("t/1", &leaf, "[[]]")]),
        Code::TooLarge
    );
    host.accept("a", vec![set("t/1", &leaf, "[]")]);
}

/// Whoever takes part must be able to read every operation, not only what comes of it (rule V-5).
#[test]
fn d7_no_effect_nests_deeper_than_data_may() {
    let mut host = Host::new();
    let deep = nested(44);
    host.accept("a", vec![put("t/1", "{}")]);
    assert_eq!(
        host.refused_with(vec![put("t/1", &deep), put("t/1", "{}")]),
        Code::TooLarge
    );
    assert_eq!(
        host.refused_with(vec![merge("t/1", &deep), put("t/1", "{}")]),
        Code::TooLarge
    );
    assert_eq!(
        host.refused_with(vec![set("t/1", "/a", &deep), unset("t/1", "/a")]),
        Code::TooLarge
    );
    let array = format!("{}{}", "[".repeat(44), "]".repeat(44));
    let mut inserted = update(
        "u",
        vec![
            set("t/1", "/a", "[]"),
            splice("t/1", "/a", 0, 0, &array),
            unset("t/1", "/a"),
        ],
    );
    inserted.base_rev = Some(host.room.head());
    assert_eq!(host.refuse_update("a", inserted).code, Code::TooLarge);
}

#[test]
fn d8_checksums_are_those_of_the_vectors() {
    contract::checksums::lines();
    assert_eq!(Document::new().checksum(), "0000000000000000");
}

/// The checksum as rule D-8 puts it, from the whole state.
fn recomputed(document: &Document) -> String {
    let mut sum = 0_u64;
    for (collection, records) in document.collections() {
        for (id, record) in records {
            let numbers = format!(
                "{},{},{}",
                record.version(),
                record.created_at(),
                record.updated_at()
            );
            let [collection, id] =
                [collection.as_str(), id.as_str()].map(|name| canonical(&Value::from(name)));
            let data = canonical(&Value::Object(record.data().clone()));
            let text = format!("[{collection},{id},{numbers},{data}]");
            sum = sum.wrapping_add(XxHash64::oneshot(0, text.as_bytes()));
        }
    }
    format!("{sum:016x}")
}

#[test]
fn d8_the_checksum_follows_every_change() {
    let mut host = Host::new();
    let empty = host.room.document().checksum();
    let changes = [
        put("t/1", r#"{"n":0.1}"#),
        merge("t/1", r#"{"é":1}"#),
        put("u/1", "{}"),
        delete("t/1"),
        put("t/1", "{}"),
    ];
    for change in changes {
        let before = host.room.document().checksum();
        host.now += 1;
        host.accept("a", vec![change]);
        assert_ne!(host.room.document().checksum(), before);
        assert_eq!(
            host.room.document().checksum(),
            recomputed(host.room.document())
        );
    }
    host.accept("a", vec![delete("t/1"), delete("u/1")]);
    assert_eq!(host.room.document().checksum(), empty);
}

proptest! {
    #[test]
    fn d8_the_order_of_records_does_not_matter(state in arbitrary::states(), seed in any::<u64>()) {
        let mut whole = Document::new();
        whole.add_part(&state);
        prop_assert_eq!(whole.checksum(), recomputed(&whole));

        let mut singles: Vec<State> = Vec::new();
        for (collection, records) in &state {
            for (id, record) in records {
                singles.push([(collection.clone(), [(id.clone(), Arc::clone(record))].into())].into());
            }
        }
        let by = usize::try_from(seed % 7).unwrap() % singles.len().max(1);
        singles.rotate_left(by);
        let mut parts = Document::new();
        singles.iter().for_each(|part| parts.add_part(part));
        prop_assert_eq!(parts.checksum(), whole.checksum());
        prop_assert_eq!(&parts, &whole);
        parts.check();
    }

    #[test]
    fn d9_the_size_of_a_record_is_that_of_its_parts((key, record) in arbitrary::records()) {
        let names = string_size(key.collection.as_str()) + string_size(key.id.as_str());
        prop_assert_eq!(record.size(), object_size(record.data()) + names + 96);
    }
}

#[test]
fn f7_an_empty_collection_of_a_part_is_none() {
    let part: State = [(key("t/1").collection, [].into())].into();
    let mut document = Document::new();
    document.add_part(&part);
    assert_eq!(document, Document::new());
}
