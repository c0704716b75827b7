//! What every [`Log`] must do: its laws as checks, to be run by the tests of each back-end.
//!
//! A check panics when the log breaks its law. Each takes a log that holds nothing.

#![expect(clippy::expect_used, reason = "a check that cannot go on has failed")]

use std::sync::Arc;

use revring_protocol::{
    change::{Edit, Effect, Operation},
    ids::{ClientKey, ClientReqId, Collection, Epoch, RecordId, RecordKey, Rev, RoomName},
    limits::Limits,
    room::{Image, Room},
    value::Object,
};

use super::{Appended, Log, LogError, Stored};

/// Runs every check, each on a log of its own.
pub async fn check_all(make: impl Fn() -> Arc<dyn Log>) {
    a_room_begins_with_its_first_operation(&*make()).await;
    append_stores_all_or_returns_what_came_before(&*make()).await;
    another_epoch_is_refused(&*make()).await;
    a_checkpoint_replaces_what_it_shows_and_nothing_else(&*make()).await;
    an_old_or_foreign_checkpoint_changes_nothing(&*make()).await;
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
    assert_eq!(
        stored.tail,
        room.operations(5..=9),
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
                room.checkpoint(log, rev, keep_after).await;
                shown = shown.max(rev);
            }
            _ => {
                let Some(stored) = room.open(log).await else {
                    assert_eq!(head, 0, "seed {seed}");
                    continue;
                };
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
        let id = format!("{}-{}", self.room.as_str(), rev % 5);
        let collection = Collection::new("records").expect("a name");
        let key = RecordKey {
            collection,
            id: RecordId::new(&id).expect("an id"),
        };
        // The record `rev % 5` has been put once for each of its revisions.
        let version = (rev - 1) / 5 + 1;
        let effect = Effect {
            key,
            version,
            edit: Edit::Put {
                data: Object::new(),
            },
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
        let checkpoint = log.checkpoint(&self.room, self.image(rev), Rev::new(keep_after));
        checkpoint.await.expect("the log takes a checkpoint");
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
