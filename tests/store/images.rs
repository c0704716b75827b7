//! Images are written by what changed, and read back whole.

use std::{collections::VecDeque, path::Path, sync::Arc};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use revring::log::{Appended, Checkpoint, Log as _, SqliteLog, StoreOptions, Stored};
use revring_protocol::{
    change::{Change, Edit, Update},
    ids::{ClientKey, ClientReqId, Collection, Epoch, RecordId, RecordKey, Rev, RoomName},
    limits::Limits,
    room::{Image, Outcome, Request, Room, Ticket},
    value::{Object, Value},
};

/// A room, and what its log is known to have.
struct Kept {
    name: RoomName,
    room: Room,
    stored: Option<Image>,
    seed: u64,
    dice: StdRng,
    sent: u64,
}

impl Kept {
    fn new(seed: u64) -> Self {
        let epoch = Epoch::from_random([3; 12]);
        let limits = Limits {
            ring_ops: 64,
            ..Limits::DEFAULT
        };
        Self {
            name: "room".parse().unwrap(),
            room: Room::new(epoch.clone(), limits),
            stored: Some(Image::empty(epoch)),
            seed,
            dice: StdRng::seed_from_u64(seed),
            sent: 0,
        }
    }

    fn request(&mut self) -> Request {
        self.sent += 1;
        // One client writes much more than its window remembers, others hardly ever.
        let who = match self.dice.random_range(0..4) {
            0..=2 => 0,
            _ => self.dice.random_range(1..40),
        };
        let client_id = ClientKey::new(&format!("the-key-of-client-{who}"))
            .unwrap()
            .client_id();
        let collection = ["a", "b", "c"][self.dice.random_range(0..3)];
        let key = RecordKey {
            collection: Collection::new(collection).unwrap(),
            id: RecordId::new(&format!("r{}", self.dice.random_range(0..30))).unwrap(),
        };
        let edit = match self.dice.random_range(0..3) {
            0 => Edit::Delete,
            _ => {
                let mut data = Object::new();
                let text = "x".repeat(self.dice.random_range(0..200));
                data.insert("text".to_owned(), Value::String(text));
                Edit::Put { data }
            }
        };
        let update = Update {
            client_req_id: ClientReqId::new(&format!("u{}", self.sent)).unwrap(),
            changes: vec![Change {
                key,
                if_version: None,
                edit,
            }],
            base_rev: None,
            first_rev: None,
        };
        Request {
            client_id,
            update,
            ticket: Ticket(0),
        }
    }

    async fn write(&mut self, log: &SqliteLog, count: usize) {
        let mut requests: VecDeque<Request> = (0..count).map(|_| self.request()).collect();
        while !requests.is_empty() {
            let batch = self.room.propose(&mut requests, 1_000 + self.sent);
            let (head, epoch) = (batch.expected_head(), self.room.epoch().clone());
            let appended = log.append(&self.name, &epoch, head, batch.operations());
            assert_eq!(appended.await, Ok(Appended::Committed));
            self.room.commit(batch);
        }
    }

    async fn checkpoint(&mut self, log: &SqliteLog) {
        let checkpoint = Checkpoint {
            // Now and then it is not known what the log has.
            since: self
                .stored
                .take()
                .filter(|_| self.dice.random_range(0..5) > 0),
            image: self.room.image(),
            keep_after: Rev::new(self.room.buffer_first_rev().get() - 1),
        };
        let image = checkpoint.image.clone();
        log.checkpoint(&self.name, checkpoint).await.unwrap();
        self.stored = Some(image);
    }

    /// The room as the log returns it is the room as it was, ring included.
    async fn compare(&mut self, log: &SqliteLog) {
        let Stored { image, tail } = log.open(&self.name).await.unwrap().unwrap();
        let restored = Room::restore(image.clone(), &tail, self.room.limits().clone()).unwrap();
        restored.check();
        assert_eq!(restored.image(), self.room.image(), "seed {}", self.seed);
        let first = self.room.buffer_first_rev();
        assert_eq!(restored.buffer_first_rev(), first, "seed {}", self.seed);
        if let Some(stored) = &self.stored {
            assert_eq!(image, *stored, "seed {}", self.seed);
        }
    }
}

fn open(dir: &Path) -> SqliteLog {
    SqliteLog::open(&StoreOptions::new(dir)).unwrap()
}

#[tokio::test]
async fn c4_whatever_is_written_and_forgotten_a_reopened_room_is_the_same() {
    for seed in 0..4 {
        let dir = tempfile::tempdir().unwrap();
        let mut log = open(dir.path());
        let mut kept = Kept::new(seed);
        for _ in 0..40 {
            let count = kept.dice.random_range(1..120);
            kept.write(&log, count).await;
            match kept.dice.random_range(0..4) {
                0 | 1 => kept.checkpoint(&log).await,
                2 => {
                    drop(log);
                    log = open(dir.path());
                }
                _ => {}
            }
            kept.compare(&log).await;
        }
    }
}

#[tokio::test]
async fn u3_a_reopened_room_still_knows_what_it_accepted() {
    let dir = tempfile::tempdir().unwrap();
    let log = open(dir.path());
    let mut kept = Kept::new(9);
    let first = kept.request();
    let mut requests = VecDeque::from([first.clone()]);
    let batch = kept.room.propose(&mut requests, 1_000);
    let epoch = kept.room.epoch().clone();
    log.append(&kept.name, &epoch, Rev::ZERO, batch.operations())
        .await
        .unwrap();
    kept.room.commit(batch);
    kept.checkpoint(&log).await;
    log.close().await.unwrap();
    drop(log);

    let log = open(dir.path());
    let Stored { image, tail } = log.open(&kept.name).await.unwrap().unwrap();
    let room = Room::restore(image, &tail, Limits::DEFAULT).unwrap();
    let batch = room.propose(&mut VecDeque::from([first]), 2_000);
    assert!(batch.operations().is_empty(), "it counts once");
    let mut room = room;
    let answers = room.commit(batch).answers;
    assert!(matches!(answers[0].outcome, Outcome::Reply(_)));
}

#[tokio::test]
async fn o7_operations_of_many_rooms_share_their_flushes_and_stay_apart() {
    let dir = tempfile::tempdir().unwrap();
    let log = Arc::new(open(dir.path()));
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..20 {
        let log = Arc::clone(&log);
        tasks.spawn(async move {
            let mut kept = Kept::new(100 + n);
            kept.name = format!("room-{n}").parse().unwrap();
            for _ in 0..10 {
                kept.write(&log, 7).await;
                kept.checkpoint(&log).await;
            }
            kept
        });
    }
    let rooms = tasks.join_all().await;
    drop(log);
    let log = open(dir.path());
    assert_eq!(log.rooms(), 20);
    for mut kept in rooms {
        kept.compare(&log).await;
    }
}
