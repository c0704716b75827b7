//! Payloads joined from parts that are encoded already (rules W-8, F-3 and F-7).

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails"
)]

mod support;

use bytes::Bytes;
use proptest::prelude::*;
use revring_protocol::{
    change::{Edit, Effect, Operation},
    codec::{Codec, delta_payload, delta_payloads, snapshot_payloads, snapshot_payloads_in_steps},
    document::Document,
    ids::{Epoch, Rev},
    limits::FRAME_BYTES,
    message::{Deltas, ServerMessage, SnapshotPart, State},
    record::Record,
    value::{Object, Value},
};
use std::{cell::Cell, collections::BTreeMap, sync::Arc};

use support::{arbitrary, client, id, key};

/// An operation whose encoding has about `bytes` bytes.
fn operation(rev: u64, bytes: usize) -> Operation {
    let data = Object::from([("text".to_owned(), Value::from("x".repeat(bytes)))]);
    let effect = Effect {
        key: key("c/i"),
        version: rev,
        edit: Edit::Put { data },
    };
    Operation {
        rev: Rev::new(rev),
        client_id: client("a"),
        client_req_id: id("u"),
        at: 1,
        changes: vec![effect],
    }
}

fn encoded(codec: Codec, operations: &[Operation]) -> Vec<Bytes> {
    operations
        .iter()
        .map(|operation| codec.encode(operation).into())
        .collect()
}

fn read_deltas(codec: Codec, payload: &[u8]) -> Deltas {
    match codec.decode_server(payload).unwrap() {
        ServerMessage::Deltas(deltas) => deltas,
        other => panic!("{other:?}"),
    }
}

fn read_part(codec: Codec, payload: &[u8]) -> SnapshotPart {
    match codec.decode_server(payload).unwrap() {
        ServerMessage::Snapshot(part) => part,
        other => panic!("{other:?}"),
    }
}

#[test]
fn w8_deltas_are_cut_at_the_bound_and_lose_nothing() {
    let operations: Vec<_> = (8..40).map(|rev| operation(rev, 100_000)).collect();
    for codec in Codec::ALL {
        let payloads = delta_payloads(
            codec,
            Rev::new(7),
            &encoded(codec, &operations),
            FRAME_BYTES,
        );
        assert!(payloads.len() >= 4, "{codec:?}: {} frames", payloads.len());
        let mut rev = Rev::new(7);
        let mut read = Vec::new();
        for (to, payload) in &payloads {
            assert!(payload.len() <= FRAME_BYTES);
            let deltas = read_deltas(codec, payload);
            assert_eq!((deltas.from_rev, deltas.to_rev), (rev, *to));
            rev = *to;
            read.extend(
                deltas
                    .ops
                    .iter()
                    .map(|operation| Operation::clone(operation)),
            );
        }
        assert_eq!(read, operations);
        // No frame could have held the first operation of the next.
        for pair in payloads.windows(2) {
            assert!(pair[0].1.len() + 101_000 > FRAME_BYTES, "frames are filled");
        }
    }
}

#[test]
fn w8_an_operation_over_the_bound_travels_alone() {
    let operations = [
        operation(1, 10),
        operation(2, FRAME_BYTES + 10),
        operation(3, 10),
    ];
    for codec in Codec::ALL {
        let payloads = delta_payloads(codec, Rev::ZERO, &encoded(codec, &operations), FRAME_BYTES);
        let revs: Vec<_> = payloads.iter().map(|(to, _)| to.get()).collect();
        assert_eq!(revs, [1, 2, 3]);
        assert_eq!(*read_deltas(codec, &payloads[1].1).ops[0], operations[1]);
    }
}

#[test]
fn w8_operations_that_just_fit_share_a_frame() {
    for codec in Codec::ALL {
        // The bound is met within what the fields around the operations take.
        let around = codec.encode(&operation(1, 100_000)).len() - 100_000;
        let half = FRAME_BYTES / 2 - around - 49;
        let fits = encoded(codec, &[operation(1, half), operation(2, half)]);
        assert_eq!(
            delta_payloads(codec, Rev::ZERO, &fits, FRAME_BYTES).len(),
            1
        );
        let over = encoded(codec, &[operation(1, half + 49), operation(2, half + 49)]);
        assert_eq!(
            delta_payloads(codec, Rev::ZERO, &over, FRAME_BYTES).len(),
            2
        );
    }
}

#[test]
fn f3_no_operations_make_no_delta() {
    assert!(delta_payloads(Codec::Json, Rev::new(3), &[], FRAME_BYTES).is_empty());
}

/// A document of `count` records whose data has about `bytes` bytes each, in several collections.
fn document(count: usize, bytes: usize) -> Document {
    let mut state = State::new();
    for n in 0..count {
        let key = key(&format!("collection {}/{n}", n % 3));
        let data = Object::from([("text".to_owned(), Value::from("\"é".repeat(bytes / 4)))]);
        let record = Record::new(&key, 1, 2, 3, data);
        state
            .entry(key.collection)
            .or_default()
            .insert(key.id, Arc::new(record));
    }
    let mut document = Document::new();
    document.add_part(&state);
    document
}

fn epoch() -> Epoch {
    // As long as an epoch can be, and longer still in JSON.
    Epoch::new(&"\"".repeat(64)).unwrap()
}

/// Reads the parts of a snapshot, checking what holds of every one.
fn reassemble(codec: Codec, payloads: &[Vec<u8>]) -> (Document, Option<String>) {
    let mut document = Document::new();
    let mut checksum = None;
    for (number, payload) in payloads.iter().enumerate() {
        let part = read_part(codec, payload);
        assert_eq!(
            (part.rev, &part.epoch, part.part),
            (Rev::new(9), &epoch(), number as u64)
        );
        assert_eq!(part.last, number + 1 == payloads.len());
        assert_eq!(
            part.checksum.is_some(),
            part.last,
            "the checksum stands in the last part"
        );
        assert!(
            part.state.values().all(|records| !records.is_empty()),
            "no collection is empty"
        );
        let records: usize = part.state.values().map(BTreeMap::len).sum();
        assert!(payload.len() <= FRAME_BYTES || records == 1);
        document.add_part(&part.state);
        checksum = part.checksum;
    }
    document.check();
    (document, checksum)
}

#[test]
fn f7_parts_are_filled_to_the_bound_and_make_the_state() {
    // Records of every size around the bound and its halves.
    for (count, bytes) in [
        (0, 0),
        (1, 10),
        (2000, 100),
        (300, 20_000),
        (5, FRAME_BYTES / 2),
        (3, FRAME_BYTES),
    ] {
        let document = document(count, bytes);
        for codec in Codec::ALL {
            let payloads = snapshot_payloads(codec, &epoch(), Rev::new(9), &document);
            let (read, checksum) = reassemble(codec, &payloads);
            assert_eq!(read, document);
            assert_eq!(checksum, Some(document.checksum()));
            let least = payloads.iter().map(Vec::len).sum::<usize>() / FRAME_BYTES;
            assert!(
                payloads.len() <= 2 * least + 2,
                "{} parts for {least} MiB",
                payloads.len()
            );
        }
    }
}

#[test]
fn f7_a_snapshot_made_in_steps_is_the_same_and_pauses_often() {
    let document = document(2000, 100);
    for codec in Codec::ALL {
        let pauses = Cell::new(0);
        let pause = || pauses.set(pauses.get() + 1);
        let stepwise = snapshot_payloads_in_steps(codec, &epoch(), Rev::new(9), &document, &pause);
        assert_eq!(
            stepwise,
            snapshot_payloads(codec, &epoch(), Rev::new(9), &document)
        );
        assert!(pauses.get() >= 2000 / 64, "{} pauses", pauses.get());
    }
}

#[test]
fn f7_records_are_encoded_once_and_shared_by_later_snapshots() {
    let document = document(10, 100);
    for codec in Codec::ALL {
        let first = snapshot_payloads(codec, &epoch(), Rev::new(9), &document);
        let again = snapshot_payloads(codec, &epoch(), Rev::new(9), &document.clone());
        assert_eq!(first, again);
    }
}

proptest! {
    #[test]
    fn f3_joined_deltas_are_the_bytes_of_the_message(deltas in arbitrary::deltas()) {
        let operations: Vec<_> = deltas.ops.iter().map(|operation| Operation::clone(operation)).collect();
        for codec in Codec::ALL {
            let joined = delta_payload(codec, deltas.from_rev, &encoded(codec, &operations));
            let message = ServerMessage::Deltas(deltas.clone());
            prop_assert_eq!(&joined, &codec.encode(&message));
            prop_assert_eq!(delta_payloads(codec, deltas.from_rev, &encoded(codec, &operations), FRAME_BYTES), [(deltas.to_rev, joined)]);
        }
    }

    #[test]
    fn f7_a_joined_snapshot_is_the_bytes_of_the_message(state in arbitrary::states(), rev in 0..1_u64 << 53) {
        let mut document = Document::new();
        document.add_part(&state);
        let (epoch, rev) = (epoch(), Rev::new(rev));
        let checksum = Some(document.checksum());
        let part = SnapshotPart { rev, epoch: epoch.clone(), part: 0, last: true, state, checksum };
        for codec in Codec::ALL {
            let joined = snapshot_payloads(codec, &epoch, rev, &document);
            prop_assert_eq!(joined, [codec.encode(&ServerMessage::Snapshot(part.clone()))]);
        }
    }
}
