//! A disk that fails or is full, and a process that is killed: what the log answers, and what is there afterwards.

use std::time::Duration;

use futures_util::future::join_all;
use rand::{SeedableRng as _, rngs::SmallRng};
use revring::log::{Appended, Checkpoint, Durability, Log, LogError, SqliteLog};
use revring_protocol::{ids::Rev, limits::Limits, room::Room};
use tokio::time::{sleep, timeout};

use crate::{
    crashes::run,
    disk::{Disk, Files, Kept, Names, Stage},
    journal::{Call, Event, Fault},
    line::{Line, Violation},
    plan::Plan,
    recorder::Recorder,
    world::World,
};

/// How long the log may take to find out that a disk works again.
const RECOVERY: Duration = Duration::from_secs(10);

/// A store with a room to which something was appended.
struct Store {
    world: World,
    log: SqliteLog,
    room: Room,
    dice: SmallRng,
}

impl Store {
    async fn new(durability: Durability) -> Self {
        let (seed, records, text) = (1, 10, 30);
        let plan = Plan {
            seed,
            durability,
            rooms: 1,
            steps: 0,
            records,
            text,
            trouble: false,
        };
        let world = World::new(plan);
        let log = SqliteLog::open(&world.options()).unwrap();
        let room = Room::new(world.rooms[0].line.image().epoch.clone(), Limits::DEFAULT);
        let mut store = Self {
            world,
            log,
            room,
            dice: SmallRng::seed_from_u64(seed),
        };
        assert_eq!(store.append().await, Ok(Appended::Committed));
        store
    }

    fn line(&mut self) -> &mut Line {
        &mut self.world.rooms[0].line
    }

    /// Appends a batch; it counts once it is committed.
    async fn append(&mut self) -> Result<Appended, LogError> {
        let seat = &mut self.world.rooms[0];
        let mut requests = seat.author.requests(&self.room, 10, &mut self.dice);
        let batch = self.room.propose(&mut requests, 1_000);
        seat.line
            .attempt(self.world.recorder.position(), batch.operations());
        let (epoch, operations) = (self.room.epoch().clone(), batch.operations().to_vec());
        let name = seat.line.name.clone();
        let answer = self
            .log
            .append(&name, &epoch, batch.expected_head(), &operations)
            .await;
        if answer == Ok(Appended::Committed) {
            self.room.commit(batch);
            let position = self.world.recorder.position();
            self.world.rooms[0]
                .line
                .promise(position, &operations, self.room.image());
        }
        answer
    }

    /// Has the log show the room, which must be right, and what it shows must stay.
    async fn show(&mut self) {
        let name = self.line().name.clone();
        let stored = self.log.open(&name).await.unwrap();
        let read = self.log.read(&name, Rev::ZERO).await.unwrap();
        let tail = stored
            .as_ref()
            .map_or(Vec::new(), |stored| stored.tail.clone());
        assert_eq!(read, tail, "open and read say the same");
        let position = self.world.recorder.position();
        let found = self.line().check(position, stored);
        let (room, more) = found.unwrap_or_else(|wrong| panic!("{wrong}")).unwrap();
        self.line().promise(position, &more, room.image());
        self.line().deny();
        self.room = room;
    }

    /// The process is killed, and the next one starts.
    fn kill(self) -> Self {
        let Self {
            mut world,
            log,
            room,
            dice,
        } = self;
        world.recorder.kill();
        drop(log);
        world.recorder.restart();
        world.rooms[0].line.restarted();
        let log = SqliteLog::open(&world.options()).unwrap();
        Self {
            world,
            log,
            room,
            dice,
        }
    }

    /// Takes the power now, in every way that the disk allows, and looks what is left.
    async fn lose_power(self) {
        let now = self.world.recorder.position();
        self.lose_power_since(now).await;
    }

    /// The same at every moment since `position`.
    async fn lose_power_since(self, position: usize) {
        let Self { world, log, .. } = self;
        world.recorder.kill();
        drop(log);
        let events = world.recorder.finish();
        let stage = Stage::new(&world.store(), &world.aside());
        for seed in 0..5 {
            let (mut disk, mut dice) = (Disk::default(), SmallRng::seed_from_u64(seed));
            let before = events.iter().take(position);
            before.for_each(|event| disk.step(event, &mut dice));
            for position in position..=events.len() {
                for kept in Kept::ALL {
                    let files = disk.after_power_loss(kept, Names::None, &mut dice);
                    if let Err(wrong) = look(&world, &stage, &files, position).await {
                        panic!("{kept:?} at {position}, seed {seed}: {wrong}");
                    }
                }
                if let Some(event) = events.get(position) {
                    disk.step(event, &mut dice);
                }
            }
        }
    }
}

/// Starts the store on `files`: its room is as it must be after a crash at `position`.
async fn look(
    world: &World,
    stage: &Stage,
    files: &Files,
    position: usize,
) -> Result<(), Violation> {
    let line = world.rooms[0].line.at(position);
    world.recorder.restart();
    stage.reset().and_then(|()| stage.show(files)).unwrap();
    let log = SqliteLog::open(&world.options()).unwrap_or_else(|error| {
        panic!("at {position} it does not open: {error}");
    });
    line.check(0, log.open(&line.name).await.unwrap())?;
    world.recorder.kill();
    Ok(())
}

/// Waits until the log finds out that the disk works again. Nobody asks it for anything meanwhile.
pub(crate) async fn recovers(log: &SqliteLog) {
    let healthy = async {
        while log.health().is_err() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(RECOVERY, healthy)
        .await
        .expect("the log finds out by itself");
}

fn fault(call: Call, file: &'static str, skip: usize) -> Fault {
    Fault {
        call,
        file,
        skip,
        times: usize::MAX,
    }
}

/// What a log does while `hinder` hinders it, and after.
async fn hindered(hinder: impl Fn(&Recorder), reason: &str) {
    let mut store = Store::new(Durability::Full).await;
    assert_eq!(store.log.health(), Ok(()));
    hinder(&store.world.recorder);
    for _ in 0..3 {
        let answer = store.append().await;
        assert!(
            matches!(answer, Err(LogError::Unavailable(_))),
            "{answer:?}"
        );
        let health = store.log.health().unwrap_err();
        assert!(health.contains(reason), "{health}");
        store.show().await;
    }
    store.world.recorder.heal();
    recovers(&store.log).await;
    store.show().await;
    assert_eq!(store.append().await, Ok(Appended::Committed));
    assert_eq!(store.log.health(), Ok(()));
    let mut store = store.kill();
    store.show().await;
    store.lose_power().await;
}

#[test]
fn u6_a_full_disk_refuses_appends_and_is_used_again_when_it_has_room() {
    let full = [0, 4_000].map(|left| {
        let hinder = move |recorder: &Recorder| recorder.fill_disk(left);
        hindered(hinder, "the disk is full")
    });
    run(join_all(full));
}

#[test]
fn u6_a_disk_that_fails_refuses_appends_and_is_used_again_when_it_works() {
    let faults = [
        fault(Call::Sync, "-wal", 0),
        fault(Call::Write, "-wal", 0),
        fault(Call::Write, "-wal", 1),
        fault(Call::ShortWrite, "-wal", 0),
        fault(Call::ShortWrite, "-wal", 1),
    ];
    let broken = faults.map(|fault| {
        let hinder = move |recorder: &Recorder| recorder.fail(fault.clone());
        hindered(hinder, "the disk does not work")
    });
    run(join_all(broken));
}

#[test]
fn u6_what_came_of_an_append_whose_flush_failed_may_turn_out_later_but_only_once() {
    run(async {
        let mut store = Store::new(Durability::Full).await;
        store.world.recorder.fail(fault(Call::Sync, "-wal", 0));
        store.append().await.unwrap_err();
        store.show().await;
        store.show().await;
        store.world.recorder.heal();
        let mut store = store.kill();
        store.show().await;
        let mut store = store.kill();
        store.show().await;
        store.lose_power().await;
    });
}

#[test]
fn o8_power_loss_while_a_store_starts_after_a_failed_flush() {
    run(async {
        let mut shown = 0;
        for skip in 0..2 {
            let mut store = Store::new(Durability::Full).await.kill();
            store.show().await;
            let head = store.room.head();
            // A new write-ahead log is flushed once before its first operations are.
            store.world.recorder.fail(fault(Call::Sync, "-wal", skip));
            if store.append().await.is_ok() {
                continue;
            }
            store.world.recorder.heal();
            let killed = store.world.recorder.position();
            store = store.kill();
            store.show().await;
            shown += usize::from(store.room.head() > head);
            store.lose_power_since(killed).await;
        }
        assert!(
            shown > 0,
            "what was written is there when it could not be flushed"
        );
    });
}

#[test]
fn o8_power_loss_after_a_failed_flush_leaves_the_whole_batch_or_nothing() {
    run(async {
        let mut store = Store::new(Durability::Full).await;
        store.world.recorder.fail(fault(Call::Sync, "-wal", 0));
        store.append().await.unwrap_err();
        store.show().await;
        store.lose_power().await;
    });
}

#[test]
fn o8_what_a_killed_process_left_unflushed_and_the_next_one_shows_survives_power_loss() {
    run(async {
        let mut shown = 0;
        for calls in 0..40 {
            let mut store = Store::new(Durability::Full).await;
            let before = store.room.head();
            store.world.recorder.die_after(calls);
            let acknowledged = store.append().await.is_ok();
            let mut store = store.kill();
            store.show().await;
            shown += usize::from(!acknowledged && store.room.head() > before);
            store.lose_power().await;
            if acknowledged {
                break;
            }
        }
        assert!(shown > 0, "some operations were written and not flushed");
    });
}

#[test]
fn o8_a_store_does_not_show_what_it_cannot_flush() {
    run(async {
        let mut store = Store::new(Durability::Full).await;
        // Written, but the process ends before the flush.
        store.world.recorder.fail(fault(Call::Sync, "-wal", 0));
        store.append().await.unwrap_err();
        let Store {
            mut world,
            log,
            room,
            dice,
        } = store;
        world.recorder.kill();
        world.rooms[0].line.restarted();
        drop(log);
        world.recorder.restart();
        for file in ["-wal", ".db"] {
            world.recorder.heal();
            world.recorder.fail(fault(Call::Sync, file, 0));
            SqliteLog::open(&world.options()).unwrap_err();
            world.recorder.kill();
            world.recorder.restart();
        }
        world.recorder.heal();
        let log = SqliteLog::open(&world.options()).unwrap();
        let mut store = Store {
            world,
            log,
            room,
            dice,
        };
        store.show().await;
        store.lose_power().await;
    });
}

#[test]
fn o8_less_durability_survives_the_end_of_the_process() {
    run(async {
        let mut store = Store::new(Durability::Os).await.kill();
        store.show().await;
        assert_eq!(store.append().await, Ok(Appended::Committed));

        let store = Store::new(Durability::None).await;
        let (name, before) = (store.world.rooms[0].line.name.clone(), store.room.image());
        let store = store.kill();
        let found = store.log.open(&name).await.unwrap().unwrap();
        assert_ne!(
            found.image.epoch, before.epoch,
            "nobody knows what was shown"
        );
        let found = Room::restore(found.image, &found.tail, Limits::DEFAULT).unwrap();
        assert_eq!(found.document(), &before.document);
    });
}

#[test]
fn o8_a_checkpoint_that_fails_leaves_the_image_before_it() {
    run(async {
        for call in [Call::Sync, Call::Write, Call::ShortWrite] {
            let mut store = Store::new(Durability::Full).await;
            let name = store.line().name.clone();
            let image = store.room.image();
            let first = Checkpoint {
                since: None,
                image: image.clone(),
                keep_after: image.rev,
            };
            store.line().release(0, image.rev);
            store.log.checkpoint(&name, first).await.unwrap();
            store.append().await.unwrap();
            store.world.recorder.fail(fault(call, "-wal", 0));
            let (since, image) = (Some(image), store.room.image());
            let second = Checkpoint {
                since,
                image: image.clone(),
                keep_after: Rev::ZERO,
            };
            let answer = store.log.checkpoint(&name, second).await;
            assert!(
                matches!(answer, Err(LogError::Unavailable(_))),
                "{answer:?}"
            );
            store.show().await;
            store.world.recorder.heal();
            let third = Checkpoint {
                since: None,
                image,
                keep_after: Rev::ZERO,
            };
            store.log.checkpoint(&name, third).await.unwrap();
            store.show().await;
            let mut store = store.kill();
            store.show().await;
            store.lose_power().await;
        }
    });
}

#[test]
fn rooms_that_wait_share_a_flush() {
    run(async {
        let (seed, rooms, durability) = (1, 8, Durability::Full);
        let (records, text, steps, trouble) = (10, 30, 0, false);
        let mut world = World::new(Plan {
            seed,
            durability,
            rooms,
            steps,
            records,
            text,
            trouble,
        });
        let log = world.open_store().await.unwrap();
        // The first append creates the files' journal.
        world.append_to(&log, 1).await;
        let before = world.recorder.position();
        world.append_to(&log, 8).await;
        assert_eq!(world.counts.acknowledged, 9);
        let events = world.recorder.events();
        let flushes = events[before..]
            .iter()
            .filter(|event| matches!(event, Event::Sync { .. }));
        assert_eq!(flushes.count(), 2, "one for the first, one for the rest");
    });
}
