//! Random requests to a room: few records, few fields and few ids, so that they meet.

use std::collections::VecDeque;

use proptest::{collection::vec, option, prelude::*, sample::select};
use revring_protocol::{
    change::{Change, Update},
    ids::{Millis, Rev},
    room::{Request, Room, Ticket},
};

use super::{If, add, client, delete, id, merge, put, set, splice, unset};

const WHOLE: &str = r#"{"s":"hello","l":[1,2,3],"n":1,"o":{"s":"😀é","l":[],"n":0.5}}"#;

/// A request, with revisions counted back from the head at which it is made.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    author: &'static str,
    req: u8,
    changes: Vec<Change>,
    base: Option<u64>,
    first: Option<u64>,
}

impl Ask {
    pub(crate) fn request(&self, room: &Room) -> Request {
        let back = |by: u64| Rev::new(room.head().get().saturating_sub(by));
        let update = Update {
            client_req_id: id(&format!("u{}", self.req)),
            changes: self.changes.clone(),
            base_rev: self.base.map(back),
            first_rev: self.first.map(back),
        };
        Request {
            client_id: client(self.author),
            update,
            ticket: Ticket(self.req.into()),
        }
    }
}

fn records() -> impl Strategy<Value = &'static str> {
    prop_oneof![8 => Just("t/1"), 2 => Just("t/2"), 1 => Just("u/1")]
}

fn fields() -> impl Strategy<Value = &'static str> {
    select(vec!["/s", "/l", "/o", "/o/s", "/o/l", "/n", "/o/n"])
}

fn data() -> impl Strategy<Value = &'static str> {
    select(vec![
        WHOLE,
        WHOLE,
        WHOLE,
        "{}",
        r#"{"s":"","o":{}}"#,
        r#"{"o":null,"n":9007199254740991}"#,
        r#"{"s":null,"o":{"s":"x","l":null}}"#,
    ])
}

fn scalars() -> impl Strategy<Value = &'static str> {
    select(vec![
        "null",
        "1",
        "-0.5",
        "\"text\"",
        "[1,[2]]",
        r#"{"s":"new","n":2}"#,
        "[]",
        "\"\"",
    ])
}

fn inserts() -> impl Strategy<Value = &'static str> {
    select(vec![
        "\"a\"",
        "\"\"",
        "\"é😀\"",
        "\"longer text\"",
        "[null]",
        "[{\"a\":1},2]",
    ])
}

fn changes() -> impl Strategy<Value = Change> {
    let change = prop_oneof![
        2 => (records(), data()).prop_map(|(record, data)| put(record, data)),
        2 => (records(), data()).prop_map(|(record, data)| merge(record, data)),
        2 => (records(), fields(), scalars()).prop_map(|(record, at, json)| set(record, at, json)),
        1 => (records(), fields()).prop_map(|(record, at)| unset(record, at)),
        1 => records().prop_map(delete),
        1 => (records(), fields(), select(vec!["1", "-3", "0.25", "9007199254740991"])).prop_map(|(record, at, by)| add(record, at, by)),
        4 => (records(), fields(), 0..4_usize, 0..3_usize, inserts())
            .prop_map(|(record, at, place, remove, insert)| splice(record, at, place, remove, insert)),
        30 => (records(), select(vec!["/s", "/o/s"]), 0..4_usize, 0..2_usize, select(vec!["\"ab\"", "\"\"", "\"😀\""]))
            .prop_map(|(record, at, place, remove, insert)| splice(record, at, place, remove, insert)),
    ];
    (change, option::weighted(0.05, 0..4_u64)).prop_map(|(change, version)| match version {
        Some(version) => change.if_version(version),
        None => change,
    })
}

pub(crate) fn asks() -> impl Strategy<Value = Ask> {
    let base = option::weighted(
        0.97,
        prop_oneof![4 => Just(0), 4 => 0..3_u64, 1 => 0..20_u64],
    );
    (
        select(vec!["a", "b", "c"]),
        0..60_u8,
        vec(changes(), 1..3),
        base,
        option::weighted(0.2, 0..30_u64),
    )
        .prop_map(|(author, req, changes, base, first)| Ask {
            author,
            req,
            changes,
            base,
            first,
        })
}

/// One batch after the other, each with the time it is made at.
pub(crate) fn traffic(batches: usize) -> impl Strategy<Value = Vec<(Vec<Ask>, Millis)>> {
    let start = Ask {
        author: "a",
        req: 200,
        changes: vec![put("t/1", WHOLE), put("t/2", WHOLE)],
        base: None,
        first: None,
    };
    vec((vec(asks(), 1..5), 0..20_u64), 1..batches).prop_map(move |mut batches| {
        batches.insert(0, (vec![start.clone()], 1));
        batches
    })
}

/// Commits one batch of traffic, in as many steps as rule O-7 asks for.
pub(crate) fn commit(room: &mut Room, (asks, now): &(Vec<Ask>, Millis)) {
    let mut requests: VecDeque<_> = asks.iter().map(|ask| ask.request(room)).collect();
    while !requests.is_empty() {
        let batch = room.propose(&mut requests, *now);
        room.commit(batch);
        room.check();
    }
}
