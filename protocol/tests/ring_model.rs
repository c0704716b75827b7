//! The ring against a plain vector that forgets nothing (rules F-1 and F-2).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::sync::Arc;

use proptest::{collection::vec, prelude::*};
use revring_protocol::{
    change::{Edit, Effect, Operation},
    codec::Codec,
    ids::Rev,
    limits::Limits,
    room::Ring,
    value::{Object, Value},
};

use support::{client, id, key};

/// The operation of `rev` with about `bytes` bytes.
fn operation(rev: Rev, bytes: usize) -> Arc<Operation> {
    let data = Object::from([("x".to_owned(), Value::from("x".repeat(bytes)))]);
    let effect = Effect {
        key: key("c/i"),
        version: 1,
        edit: Edit::Put { data },
    };
    Arc::new(Operation {
        rev,
        client_id: client("a"),
        client_req_id: id("u"),
        at: 1,
        changes: vec![effect],
    })
}

/// What the ring must hold: the longest tail of `all` within both bounds.
fn held<'a>(all: &'a [Arc<Operation>], limits: &Limits) -> &'a [Arc<Operation>] {
    let fits = |tail: &[Arc<Operation>]| {
        tail.len() <= limits.ring_ops
            && tail.iter().map(|operation| operation.size()).sum::<usize>() <= limits.ring_bytes
    };
    (0..=all.len())
        .map(|start| &all[start..])
        .find(|tail| fits(tail))
        .unwrap()
}

proptest! {
    #[test]
    fn f1_f2_the_ring_is_the_longest_tail_within_its_bounds(
        start in prop_oneof![Just(0), 1..100_u64],
        ring_ops in 1..12_usize,
        ring_bytes in 300..6_000_usize,
        sizes in vec(prop_oneof![8 => 0..400_usize, 1 => 0..6_000_usize], 0..60),
    ) {
        let limits = Limits { ring_ops, ring_bytes, ..Limits::DEFAULT };
        let mut ring = Ring::new(Rev::new(start), &limits);
        let mut all: Vec<Arc<Operation>> = Vec::new();
        prop_assert_eq!(ring.first_rev(), Rev::new(start + 1), "an empty ring begins behind its head");

        for bytes in sizes {
            let operation = operation(ring.head().next(), bytes);
            let entry = ring.push(Arc::clone(&operation));
            prop_assert_eq!(entry.operation(), &operation);
            all.push(operation);

            let held = held(&all, &limits);
            let head = Rev::new(start + all.len() as u64);
            let first = Rev::new(head.get() + 1 - held.len() as u64);
            prop_assert_eq!(ring.head(), head);
            prop_assert_eq!(ring.first_rev(), first);
            prop_assert_eq!(ring.bytes(), held.iter().map(|operation| operation.size()).sum::<usize>());
            for rev in (0..=head.get() + 2).map(Rev::new) {
                prop_assert_eq!(ring.reaches(rev), rev.get() + 1 >= first.get() && rev <= head, "{}", rev);
                let after: Vec<_> = ring.after(rev).map(|entry| Arc::clone(entry.operation())).collect();
                let newer: Vec<_> = held.iter().filter(|operation| operation.rev > rev).cloned().collect();
                prop_assert_eq!(after, newer);
            }
        }
    }

    /// Both codecs gap alike: what the ring counts is no encoding, and no less than any.
    #[test]
    fn f1_the_bytes_of_the_ring_bound_every_encoding(sizes in vec(0..400_usize, 1..20)) {
        let mut ring = Ring::new(Rev::ZERO, &Limits::DEFAULT);
        for bytes in sizes {
            ring.push(operation(ring.head().next(), bytes));
        }
        for codec in Codec::ALL {
            let encoded: usize = ring.after(Rev::ZERO).map(|entry| entry.encoded(codec).len()).sum();
            prop_assert!(encoded <= ring.bytes());
        }
    }
}
