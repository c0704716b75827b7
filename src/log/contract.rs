//! What every [`Log`] must do: its laws as checks, to be run by the tests of each back-end.
//!
//! A check panics when the log breaks its law. Each takes a log that holds nothing.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a check that cannot go on has failed"
)]

use std::sync::Arc;

use revring_protocol::{
    change::{Edit, Effect, Operation},
    ids::{ClientKey, ClientReqId, Collection, Epoch, RecordId, RecordKey, Rev, RoomName},
    limits::Limits,
    room::{Image, Room},
    value::Object,
};

use super::{Appended, Checkpoint, Log, LogError, Stored};

/// Runs every check, each on a log of its own.
pub async fn check_all(make: impl Fn() -> Arc<dyn Log>) {
    a_room_begins_with_its_first_operation(&*make()).await;
    append_stores_all_or_returns_what_came_before(&*make()).await;
    another_epoch_is_refused(&*make()).await;
    a_checkpoint_replaces_what_it_shows_and_nothing_else(&*make()).await;
    an_old_or_foreign_checkpoint_changes_nothing(&*make()).await;
    a_checkpoint_of_what_changed_is_as_good_as_a_complete_one(&*make()).await;
    a_checkpoint_that_starts_from_another_image_harms_nothing(&*make()).await;
    rooms_are_apart(&*make()).await;
    for seed in 0..20 {
        it_behaves_like_a_list(&*make(), seed).await;
    }
}

/// Law 4.
pub async fn a_room_begins_with_its_first_operation(log: &dyn Log) {
    let room = Line::new("room");
    assert!(room.open(log).await.is_none(), "nothing was stored");
    assert!(room.open(log).await.is_none(), "opening stores nothing");
    assert_eq!(room.append(log, 0, 1..=3).await, Ok(Appended::Committed));
    let stored = room.open(log).await.expect("three operations were stored");
    assert_eq!(stored.image.epoch, room.epoch);
    assert_eq!(restored(stored), room.image(3));
}

/// Laws 1, 2 and 6.
pub async fn append_stores_all_or_returns_what_came_before(log: &dyn Log) {
    let room = Line::new("room");
    assert_eq!(room.append(log, 0, 1..=2).await, Ok(Appended::Committed));
    let conflict = Ok(Appended::Conflict(room.operations(1..=2)));
    assert_eq!(
        room.append(log, 0, 1..=3).await,
        conflict,
        "the whole batch is refused"
    );
    assert_eq!(room.append(log, 2, 3..=4).await, Ok(Appended::Committed));
    let conflict = Ok(Appended::Conflict(room.operations(3..=4)));
    assert_eq!(room.append(log, 2, 3..=3).await, conflict);
    assert_eq!(room.read(log, 0).await, room.operations(1..=4));
    assert_eq!(room.read(log, 3).await, room.operations(4..=4));
    assert_eq!(room.read(log, 4).await, vec![]);
}

/// Law 1.
pub async fn another_epoch_is_refused(log: &dyn Log) {
    let (room, anew) = (
        Line::new("room"),
        Line {
            epoch: epoch(2),
            ..Line::new("room")
        },
    );
    assert_eq!(room.append(log, 0, 1..=1).await, Ok(Appended::Committed));
    assert_eq!(
        anew.append(log, 0, 1..=1).await,
        Err(LogError::OtherEpoch(room.epoch.clone()))
    );
    assert_eq!(
        anew.append(log, 1, 2..=2).await,
        Err(LogError::OtherEpoch(room.epoch.clone()))
    );
    assert_eq!(room.read(log, 0).await, room.operations(1..=1));
}

/// Law 5.
pub async fn a_checkpoint_replaces_what_it_shows_and_nothing_else(log: &dyn Log) {
    let room = Line::new("room");
    assert_eq!(room.append(log, 0, 1..=9).await, Ok(Appended::Committed));
    room.checkpoint(log, 6, 4).await;
    let stored = room.open(log).await.expect("the room is stored");
    assert_eq!(stored.image, room.image(6));
    assert!(
        stored.tail.ends_with(&room.operations(5..=9)),
        "what the ring needs stays"
    );
    assert_eq!(restored(stored), room.image(9));
    room.checkpoint(log, 9, 99).await;
    let stored = room.open(log).await.expect("the room is stored");
    assert_eq!(
        (stored.image.rev, restored(stored)),
        (Rev::new(9), room.image(9))
    );
    assert_eq!(
        room.append(log, 9, 10..=10).await,
        Ok(Appended::Committed),
        "the head is kept without operations"
    );
    room.checkpoint(log, 9, 99).await;
    assert_eq!(room.read(log, 9).await, room.operations(10..=10));
}

/// Law 5.
pub async fn an_old_or_foreign_checkpoint_changes_nothing(log: &dyn Log) {
    let room = Line::new("room");
    room.checkpoint(log, 3, 0).await;
    assert!(room.open(log).await.is_none(), "a checkpoint makes no room");
    assert_eq!(room.append(log, 0, 1..=5).await, Ok(Appended::Committed));
    room.checkpoint(log, 4, 2).await;
    room.checkpoint(log, 3, 3).await;
    let anew = Line {
        epoch: epoch(2),
        ..Line::new("room")
    };
    anew.checkpoint(log, 5, 5).await;
    let stored = room.open(log).await.expect("the room is stored");
    assert_eq!(stored.image, room.image(4));
    assert_eq!(restored(stored), room.image(5));
}

/// Law 5.
pub async fn a_checkpoint_of_what_changed_is_as_good_as_a_complete_one(log: &dyn Log) {
    let room = Line::new("room");
    assert_eq!(room.append(log, 0, 1..=12).await, Ok(Appended::Committed));
    let mut since = 0;
    // Records are deleted from one to the next, and come back; the last has nothing new.
    for (rev, keep_after) in [(5, 0), (10, 6), (12, 12), (12, 12)] {
        let stored = room.checkpoint_since(log, Some(since), rev, keep_after);
        assert_eq!(stored.await, Ok(()));
        let stored = room.open(log).await.expect("the room is stored");
        assert_eq!(stored.image, room.image(rev));
        assert_eq!(restored(stored), room.image(12));
        since = rev;
    }
    for head in (12..60).step_by(4) {
        let appended = room.append(log, head, head + 1..=head + 4).await;
        assert_eq!(appended, Ok(Appended::Committed));
        // Now and then it is not known what the log has.
        let since = (head % 16 != 0).then_some(since.max(head));
        let stored = room.checkpoint_since(log, since, head + 4, head);
        assert_eq!(stored.await, Ok(()));
        let stored = room.open(log).await.expect("the room is stored");
        assert_eq!(stored.image, room.image(head + 4));
        assert!(stored.tail.ends_with(&room.operations(head + 1..=head + 4)));
    }
}

/// Law 5. Whether such a checkpoint is refused or stored is the log's affair.
pub async fn a_checkpoint_that_starts_from_another_image_harms_nothing(log: &dyn Log) {
    let room = Line::new("room");
    assert_eq!(room.append(log, 0, 1..=20).await, Ok(Appended::Committed));
    let mut stored = 10;
    assert_eq!(room.checkpoint_since(log, Some(0), stored, 4).await, Ok(()));
    let anew = Line {
        epoch: epoch(2),
        ..Line::new("room")
    };
    for (since, rev) in [(5, 14), (0, 15), (12, 16), (16, 16), (19, 18)] {
        match room.checkpoint_since(log, Some(since), rev, rev).await {
            Ok(()) => stored = rev,
            Err(error) => assert_eq!(error, LogError::OtherImage),
        }
        let checkpoint = Checkpoint {
            since: Some(anew.image(stored)),
            ..room.complete_checkpoint(rev, rev)
        };
        match log.checkpoint(&room.room, checkpoint).await {
            Ok(()) => stored = rev,
            Err(error) => assert_eq!(error, LogError::OtherImage),
        }
        let opened = room.open(log).await.expect("the room is stored");
        assert_eq!(opened.image, room.image(stored));
        assert_eq!(restored(opened), room.image(20));
    }
    // From what it does have, it goes on.
    assert_eq!(
        room.checkpoint_since(log, Some(stored), 20, 20).await,
        Ok(())
    );
    let opened = room.open(log).await.expect("the room is stored");
    assert_eq!(opened.image, room.image(20));
}

/// Law 7.
pub async fn rooms_are_apart(log: &dyn Log) {
    let (one, other) = (
        Line::new("one"),
        Line {
            epoch: epoch(2),
            ..Line::new("other")
        },
    );
    assert_eq!(one.append(log, 0, 1..=3).await, Ok(Appended::Committed));
    assert!(other.open(log).await.is_none());
    assert_eq!(other.append(log, 0, 1..=1).await, Ok(Appended::Committed));
    one.checkpoint(log, 3, 3).await;
    assert_eq!(other.read(log, 0).await, other.operations(1..=1));
    let stored = one.open(log).await.expect("the room is stored");
    assert_eq!(restored(stored), one.image(3));
}

/// Every law: whatever is done in whatever order, the log answers like a plain list.
pub async fn it_behaves_like_a_list(log: &dyn Log, seed: u64) {
    let room = Line::new("room");
    let (mut head, mut shown) = (0, 0);
    let mut dice = Dice(seed);
    for _ in 0..100 {
        match dice.below(4) {
            0 | 1 => {
                let (expected, count) = (head - dice.below(3).min(head), 1 + dice.below(4));
                let appended = room
                    .append(log, expected, expected + 1..=expected + count)
                    .await;
                if expected == head {
                    assert_eq!(appended, Ok(Appended::Committed), "seed {seed}");
                    head += count;
                } else {
                    let conflict =
                        Appended::Conflict(room.operations(expected.max(shown) + 1..=head));
                    // What a checkpoint replaced is gone, and nobody may ask for it any more.
                    assert!(expected < shown || appended == Ok(conflict), "seed {seed}");
                }
            }
            2 if head > 0 => {
                let (rev, keep_after) = (dice.below(head + 1), dice.below(head + 1));
                // What it has is known, not known, or mistaken.
                let since = [Some(shown), None, Some(dice.below(head + 1))];
                let since =
                    since[usize::from(dice.below(4) == 0) + usize::from(dice.below(4) == 0)];
                match room.checkpoint_since(log, since, rev, keep_after).await {
                    Ok(()) => shown = shown.max(rev),
                    Err(error) => {
                        let mistaken = since.is_some_and(|since| since != shown);
                        let refused = error == LogError::OtherImage && mistaken;
                        assert!(refused, "seed {seed}: {error}");
                    }
                }
            }
            _ => {
                let Some(stored) = room.open(log).await else {
                    assert_eq!(head, 0, "seed {seed}");
                    continue;
                };
                assert_eq!(stored.image, room.image(shown), "seed {seed}");
                assert_eq!(restored(stored), room.image(head), "seed {seed}");
                assert_eq!(
                    room.read(log, shown).await,
                    room.operations(shown + 1..=head),
                    "seed {seed}"
                );
            }
        }
    }
}

/// Law 3, on a log that fails now and then: whoever goes by its answers loses nothing and stores nothing twice.
pub async fn an_error_is_open_until_the_next_answer(log: &dyn Log, seed: u64) {
    let room = Line::new("room");
    let (mut head, mut dice) = (0, Dice(seed));
    for _ in 0..100 {
        let to = head + 1 + dice.below(4);
        head = loop {
            match room.append(log, head, head + 1..=to).await {
                Ok(Appended::Committed) => break to,
                Ok(Appended::Conflict(found)) => {
                    assert_eq!(found, room.operations(head + 1..=to), "seed {seed}");
                    break to;
                }
                Err(LogError::Unavailable(_)) => {}
                Err(error) => panic!("seed {seed}: {error}"),
            }
            // Either the next append tells, or reading does.
            let told = log.read(&room.room, Rev::new(head)).await;
            if dice.below(2) == 0
                && let Ok(found) = told
            {
                assert!(
                    found.is_empty() || found == room.operations(head + 1..=to),
                    "seed {seed}: all of them or none"
                );
                if !found.is_empty() {
                    break to;
                }
            }
        };
        if dice.below(8) == 0 {
            let checkpoint = room.complete_checkpoint(head, dice.below(head + 1));
            let _taken_or_not = log.checkpoint(&room.room, checkpoint).await;
        }
    }
    let stored = loop {
        if let Ok(stored) = log.open(&room.room).await {
            break stored.expect("operations were stored");
        }
    };
    assert_eq!(restored(stored), room.image(head), "seed {seed}");
}

/// A line of operations that is always the same.
struct Line {
    room: RoomName,
    epoch: Epoch,
}

fn epoch(n: u8) -> Epoch {
    Epoch::from_random([n; 12])
}

fn restored(stored: Stored) -> Image {
    let room = Room::restore(stored.image, &stored.tail, Limits::DEFAULT);
    room.expect("image and tail fit each other").image()
}

impl Line {
    fn new(room: &str) -> Self {
        Self {
            room: RoomName::new(room).expect("a name"),
            epoch: epoch(1),
        }
    }

    fn operations(&self, revs: std::ops::RangeInclusive<u64>) -> Vec<Arc<Operation>> {
        revs.map(|rev| Arc::new(self.operation(rev))).collect()
    }

    fn operation(&self, rev: u64) -> Operation {
        // Each of five records is put or deleted in turn, deleted every third time.
        let (turn, record) = ((rev - 1) / 5, rev % 5);
        let id = format!("{}-{record}", self.room.as_str());
        let collection = Collection::new("records").expect("a name");
        let key = RecordKey {
            collection,
            id: RecordId::new(&id).expect("an id"),
        };
        let edit = match turn > 0 && (turn + record) % 3 == 2 {
            true => Edit::Delete,
            false => Edit::Put {
                data: Object::new(),
            },
        };
        let effect = Effect {
            key,
            version: turn + 1,
            edit,
        };
        Operation {
            rev: Rev::new(rev),
            client_id: ClientKey::from_random([7; 32]).client_id(),
            client_req_id: ClientReqId::new(&format!("u{rev}")).expect("an id"),
            at: 1_000 + rev,
            changes: vec![effect],
        }
    }

    fn image(&self, rev: u64) -> Image {
        let mut room = Room::new(self.epoch.clone(), Limits::DEFAULT);
        room.absorb(&self.operations(1..=rev))
            .expect("the line fits itself");
        room.image()
    }

    async fn open(&self, log: &dyn Log) -> Option<Stored> {
        log.open(&self.room).await.expect("the log opens")
    }

    async fn append(
        &self,
        log: &dyn Log,
        expected_head: u64,
        revs: std::ops::RangeInclusive<u64>,
    ) -> Result<Appended, LogError> {
        let operations = self.operations(revs);
        log.append(
            &self.room,
            &self.epoch,
            Rev::new(expected_head),
            &operations,
        )
        .await
    }

    async fn read(&self, log: &dyn Log, after: u64) -> Vec<Arc<Operation>> {
        log.read(&self.room, Rev::new(after))
            .await
            .expect("the log reads")
    }

    async fn checkpoint(&self, log: &dyn Log, rev: u64, keep_after: u64) {
        let taken = self.checkpoint_since(log, None, rev, keep_after).await;
        taken.expect("the log takes a checkpoint");
    }

    async fn checkpoint_since(
        &self,
        log: &dyn Log,
        since: Option<u64>,
        rev: u64,
        keep_after: u64,
    ) -> Result<(), LogError> {
        let checkpoint = Checkpoint {
            since: since.map(|since| self.image(since)),
            ..self.complete_checkpoint(rev, keep_after)
        };
        log.checkpoint(&self.room, checkpoint).await
    }

    fn complete_checkpoint(&self, rev: u64, keep_after: u64) -> Checkpoint {
        Checkpoint {
            since: None,
            image: self.image(rev),
            keep_after: Rev::new(keep_after),
        }
    }
}

/// Numbers that are the same for the same seed.
struct Dice(u64);

impl Dice {
    /// A number below `n`.
    fn below(&mut self, n: u64) -> u64 {
        // Knuth's MMIX; the high bits are the good ones.
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}
