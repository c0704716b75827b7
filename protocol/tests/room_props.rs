//! What holds of a room whatever is asked of it: the invariants, restoring, absorbing.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use proptest::prelude::*;
use revring_protocol::{
    change::Operation,
    document::Document,
    ids::{Epoch, Rev},
    limits::Limits,
    room::{AbsorbError, Image, Outcome, Room},
};

use support::{
    Host, put, ring_of,
    traffic::{commit, traffic},
};

fn small_ring() -> Limits {
    Limits {
        ring_ops: 16,
        ring_bytes: 16_000,
        ..Limits::DEFAULT
    }
}

fn empty(limits: Limits) -> Room {
    Room::new(Epoch::new("e").unwrap(), limits)
}

/// Every operation after `rev` that the ring holds.
fn operations(room: &Room, rev: Rev) -> Vec<Arc<Operation>> {
    room.after(rev)
        .map(|entry| Arc::clone(entry.operation()))
        .collect()
}

/// Commits the batch and takes note of its operations.
fn follow(
    room: &mut Room,
    batch: &(Vec<support::traffic::Ask>, u64),
    log: &mut Vec<Arc<Operation>>,
) {
    // One request at a time, so that the ring never drops what is not noted yet.
    for ask in &batch.0 {
        let head = room.head();
        commit(room, &(vec![ask.clone()], batch.1));
        log.extend(operations(room, head));
    }
}

fn same(a: &Room, b: &Room) {
    assert_eq!(a.image(), b.image());
    assert_eq!(a.document().checksum(), b.document().checksum());
    assert_eq!(a.buffer_first_rev(), b.buffer_first_rev());
    assert_eq!(operations(a, Rev::ZERO), operations(b, Rev::ZERO));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Invariants 1, 2, 4 and 5 of the protocol.
    #[test]
    fn f7_o1_u2_invariants_hold(traffic in traffic(40)) {
        let mut room = empty(small_ring());
        let mut log: Vec<Arc<Operation>> = Vec::new();
        for batch in &traffic {
            follow(&mut room, batch, &mut log);
            prop_assert!(room.head().get() + 1 - room.buffer_first_rev().get() <= 16);
        }
        let mut replayed = Document::new();
        let mut ids = BTreeMap::new();
        for (operation, rev) in log.iter().zip(1..) {
            prop_assert_eq!(operation.rev.get(), rev, "revisions are 1, 2, 3");
            let id = (operation.client_id.clone(), operation.client_req_id.clone());
            prop_assert_eq!(ids.insert(id, rev), None, "an update has at most one operation");
            replayed.apply(operation).unwrap();
        }
        prop_assert_eq!(&replayed, room.document(), "the state is its operations applied in order");
        prop_assert_eq!(replayed.checksum(), room.document().checksum());
    }

    #[test]
    fn c4_a_room_restored_from_image_and_tail_is_the_room(traffic in traffic(30), at in any::<prop::sample::Index>()) {
        let mut room = empty(small_ring());
        let mut images = vec![room.image()];
        for batch in &traffic {
            commit(&mut room, batch);
            images.push(room.image());
        }
        // An image as old as the ring allows, or newer, and all the ring holds.
        let tail = operations(&room, Rev::ZERO);
        let first = room.buffer_first_rev().get();
        images.retain(|image| image.rev.get() + 1 >= first);
        let image = at.get(&images).clone();
        let restored = Room::restore(image, &tail, small_ring()).unwrap();
        same(&restored, &room);
    }

    #[test]
    fn c4_a_restored_room_goes_on_as_the_room_would(before in traffic(15), after in traffic(15)) {
        let mut room = empty(small_ring());
        before.iter().for_each(|batch| commit(&mut room, batch));
        let mut restored = Room::restore(room.image(), &operations(&room, Rev::ZERO), small_ring()).unwrap();
        for batch in &after {
            commit(&mut room, batch);
            commit(&mut restored, batch);
        }
        same(&restored, &room);
    }

    #[test]
    fn o1_absorbing_is_committing(traffic in traffic(30)) {
        let mut room = empty(small_ring());
        let mut other = empty(small_ring());
        for batch in &traffic {
            let mut log = Vec::new();
            follow(&mut room, batch, &mut log);
            let entries = other.absorb(&log).unwrap();
            prop_assert_eq!(entries.len(), log.len());
            same(&other, &room);
        }
    }

    #[test]
    fn o4_o5_what_is_proposed_and_dropped_changes_nothing(before in traffic(10), dropped in traffic(10)) {
        let mut room = empty(small_ring());
        before.iter().for_each(|batch| commit(&mut room, batch));
        let (image, ring) = (room.image(), operations(&room, Rev::ZERO));
        for (asks, now) in &dropped {
            let mut requests: VecDeque<_> = asks.iter().map(|ask| ask.request(&room)).collect();
            let batch = room.propose(&mut requests, *now);
            // The batch says the same of each request however often it is proposed.
            let answers = format!("{:?}", batch.operations());
            let mut again: VecDeque<_> = batch.into_requests().into();
            prop_assert_eq!(format!("{:?}", room.propose(&mut again, *now).operations()), answers);
        }
        prop_assert_eq!(room.image(), image);
        prop_assert_eq!(operations(&room, Rev::ZERO), ring);
    }

    /// A batch is only a way to save flushes.
    #[test]
    fn o7_a_batch_is_its_updates_one_by_one(traffic in traffic(20)) {
        let mut batched = empty(ring_of(1024));
        let mut single = empty(ring_of(1024));
        for (asks, now) in &traffic {
            let requests: Vec<_> = asks.iter().map(|ask| ask.request(&batched)).collect();
            let batch = batched.propose(&mut requests.clone().into(), *now);
            let outcomes = batched.commit(batch).answers;
            for (request, answer) in requests.into_iter().zip(outcomes) {
                let batch = single.propose(&mut [request].into(), *now);
                let alone = single.commit(batch).answers.remove(0);
                prop_assert_eq!(alone, answer);
            }
            same(&single, &batched);
        }
    }
}

#[test]
fn c4_a_tail_with_a_hole_is_refused() {
    let mut host = Host::new();
    for _ in 0..5 {
        host.accept("a", vec![put("t/1", "{}")]);
    }
    let all = operations(&host.room, Rev::ZERO);
    let image = host.room.image();
    let hole = |head: u64, found: u64| {
        Some(AbsorbError::Hole {
            head: Rev::new(head),
            found: Rev::new(found),
        })
    };
    let restore =
        |image: Image, tail: &[Arc<Operation>]| Room::restore(image, tail, Limits::DEFAULT).err();

    assert_eq!(restore(image.clone(), &all), None);
    assert_eq!(restore(image.clone(), &all[3..]), None);
    assert_eq!(
        restore(image.clone(), &[Arc::clone(&all[0]), Arc::clone(&all[2])]),
        hole(1, 3)
    );
    assert_eq!(
        restore(image, &all[..4]),
        hole(4, 5),
        "the tail ends before the image"
    );
    let early = Image::empty(Epoch::new("e").unwrap());
    assert_eq!(restore(early.clone(), &all), None);
    assert_eq!(restore(early, &all[1..]), hole(0, 2));
}

#[test]
fn o1_what_does_not_follow_or_fit_is_not_absorbed() {
    let mut host = Host::new();
    host.accept("a", vec![put("t/1", "{}")]);
    host.accept("a", vec![support::merge("t/1", r#"{"n":1}"#)]);
    let all = operations(&host.room, Rev::ZERO);
    let mut other = empty(Limits::DEFAULT);
    assert!(matches!(
        other.absorb(&all[1..]),
        Err(AbsorbError::Hole { .. })
    ));
    assert_eq!(other.head(), Rev::ZERO);

    let unfit = Arc::new(Operation {
        rev: Rev::new(1),
        ..Operation::clone(&all[1])
    });
    assert!(matches!(
        other.absorb(&[unfit]),
        Err(AbsorbError::Diverged(_))
    ));
    assert_eq!(other.image(), empty(Limits::DEFAULT).image());
}

#[test]
fn o4_a_batch_that_lost_the_race_is_proposed_again_on_what_won() {
    let mut host = Host::new();
    host.accept("a", vec![put("t/1", "{}")]);
    let mut winner = empty(Limits::DEFAULT);
    winner.absorb(&operations(&host.room, Rev::ZERO)).unwrap();

    let add = || support::update("u", vec![support::add("t/1", "/n", "1")]);
    let batch = host
        .room
        .propose(&mut [support::request("a", add())].into(), 1);
    let won = winner.propose(&mut [support::request("b", add())].into(), 1);
    winner.commit(won);

    // The log refuses the first batch and gives what it has instead.
    host.room
        .absorb(&operations(&winner, batch.expected_head()))
        .unwrap();
    let again = host.room.propose(&mut batch.into_requests().into(), 1);
    let committed = host.room.commit(again);
    assert_eq!(committed.answers[0].outcome, Outcome::Accepted(Rev::new(3)));
    assert_eq!(host.data("t/1").as_deref(), Some(r#"{"n":2}"#));
}
