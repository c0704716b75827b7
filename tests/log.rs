//! Every log keeps the laws of `Log`.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use revring::log::{
    Appended, Checkpoint, Log, LogError, LogFuture, MemoryLog, SqliteLog, StoreOptions, Stored,
    contract,
};
use revring_protocol::{
    change::Operation,
    ids::{Epoch, Rev, RoomName},
};
use tempfile::TempDir;

fn memory() -> Arc<dyn Log> {
    Arc::new(MemoryLog::new(10))
}

fn sqlite(dir: &TempDir) -> SqliteLog {
    SqliteLog::open(&StoreOptions::new(dir.path())).unwrap()
}

#[tokio::test]
async fn c4_the_memory_log_keeps_every_law() {
    contract::check_all(memory).await;
}

#[tokio::test]
async fn c10_a_memory_log_that_is_full_opens_no_new_room() {
    let log = MemoryLog::new(1);
    contract::a_room_begins_with_its_first_operation(&log).await;
    let known: RoomName = "room".parse().unwrap();
    let unknown: RoomName = "another".parse().unwrap();
    assert!(log.open(&known).await.unwrap().is_some());
    assert_eq!(log.open(&unknown).await.unwrap_err(), LogError::Full);
}

#[tokio::test]
async fn c4_the_durable_log_keeps_every_law() {
    contract::check_all(|| Arc::new(Homed::new(sqlite))).await;
}

#[tokio::test]
async fn c4_the_durable_log_keeps_every_law_over_any_number_of_restarts() {
    contract::check_all(|| Arc::new(Homed::new(|dir| Restarting::new(dir, 3)))).await;
}

#[tokio::test]
async fn u6_what_a_log_that_fails_answers_next_is_what_it_has() {
    for seed in 0..20 {
        let flaky = Flaky::new(memory(), seed);
        contract::an_error_is_open_until_the_next_answer(&flaky, seed).await;
        assert!(flaky.failures.load(Ordering::Relaxed) > 0, "seed {seed}");
    }
    for seed in 0..4 {
        let flaky = Flaky::new(Arc::new(Homed::new(sqlite)), seed);
        contract::an_error_is_open_until_the_next_answer(&flaky, seed).await;
        assert!(flaky.failures.load(Ordering::Relaxed) > 0, "seed {seed}");
    }
}

/// A log in a directory that goes with it.
#[derive(Debug)]
struct Homed<L> {
    log: L,
    _dir: TempDir,
}

impl<L> Homed<L> {
    fn new(open: impl FnOnce(&TempDir) -> L) -> Self {
        // In memory if there is such a place: what is checked here is not whether the disk keeps it.
        let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        let dir = dir.unwrap();
        Self {
            log: open(&dir),
            _dir: dir,
        }
    }
}

impl<L: Log> Log for Homed<L> {
    fn open<'a>(&'a self, room: &'a RoomName) -> LogFuture<'a, Option<Stored>> {
        self.log.open(room)
    }

    fn append<'a>(
        &'a self,
        room: &'a RoomName,
        epoch: &'a Epoch,
        expected_head: Rev,
        operations: &'a [Arc<Operation>],
    ) -> LogFuture<'a, Appended> {
        self.log.append(room, epoch, expected_head, operations)
    }

    fn read<'a>(&'a self, room: &'a RoomName, after: Rev) -> LogFuture<'a, Vec<Arc<Operation>>> {
        self.log.read(room, after)
    }

    fn checkpoint<'a>(&'a self, room: &'a RoomName, checkpoint: Checkpoint) -> LogFuture<'a, ()> {
        self.log.checkpoint(room, checkpoint)
    }
}

/// A durable log that is closed and opened again, or dropped and opened again, before one call in three.
#[derive(Debug)]
struct Restarting {
    options: StoreOptions,
    log: tokio::sync::Mutex<Option<SqliteLog>>,
    dice: Mutex<SmallRng>,
}

impl Restarting {
    fn new(dir: &TempDir, seed: u64) -> Self {
        Self {
            options: StoreOptions::new(dir.path()),
            log: tokio::sync::Mutex::new(Some(sqlite(dir))),
            dice: Mutex::new(SmallRng::seed_from_u64(seed)),
        }
    }

    /// Does `call` with the log, which may be another than before.
    async fn with<T>(&self, call: impl AsyncFnOnce(&SqliteLog) -> T) -> T {
        let mut log = self.log.lock().await;
        let chance = self.dice.lock().unwrap().random_range(0..6);
        if chance < 2 {
            let before = log.take().unwrap();
            if chance == 0 {
                before.close().await.unwrap();
            }
            drop(before);
            *log = Some(SqliteLog::open(&self.options).unwrap());
        }
        call(log.as_ref().unwrap()).await
    }
}

impl Log for Restarting {
    fn open<'a>(&'a self, room: &'a RoomName) -> LogFuture<'a, Option<Stored>> {
        Box::pin(self.with(async |log: &SqliteLog| log.open(room).await))
    }

    fn append<'a>(
        &'a self,
        room: &'a RoomName,
        epoch: &'a Epoch,
        expected_head: Rev,
        operations: &'a [Arc<Operation>],
    ) -> LogFuture<'a, Appended> {
        Box::pin(self.with(async move |log: &SqliteLog| {
            log.append(room, epoch, expected_head, operations).await
        }))
    }

    fn read<'a>(&'a self, room: &'a RoomName, after: Rev) -> LogFuture<'a, Vec<Arc<Operation>>> {
        Box::pin(self.with(async move |log: &SqliteLog| log.read(room, after).await))
    }

    fn checkpoint<'a>(&'a self, room: &'a RoomName, checkpoint: Checkpoint) -> LogFuture<'a, ()> {
        Box::pin(self.with(async move |log: &SqliteLog| log.checkpoint(room, checkpoint).await))
    }
}

/// Fails now and then, before or after the log behind it has done what it was asked for.
#[derive(Debug)]
struct Flaky {
    log: Arc<dyn Log>,
    dice: Mutex<SmallRng>,
    failures: AtomicUsize,
}

/// When a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failure {
    Before,
    After,
}

impl Flaky {
    fn new(log: Arc<dyn Log>, seed: u64) -> Self {
        Self {
            log,
            dice: Mutex::new(SmallRng::seed_from_u64(seed)),
            failures: AtomicUsize::new(0),
        }
    }

    fn failing<'a, T: Send + 'a>(
        &'a self,
        call: impl FnOnce() -> LogFuture<'a, T> + Send + 'a,
    ) -> LogFuture<'a, T> {
        let failure = match self.dice.lock().unwrap().random_range(0..6) {
            0 => Failure::Before,
            1 => Failure::After,
            _ => return call(),
        };
        self.failures.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            if failure == Failure::After {
                call().await?;
            }
            Err(LogError::Unavailable(format!("{failure:?}")))
        })
    }
}

impl Log for Flaky {
    fn open<'a>(&'a self, room: &'a RoomName) -> LogFuture<'a, Option<Stored>> {
        self.failing(move || self.log.open(room))
    }

    fn append<'a>(
        &'a self,
        room: &'a RoomName,
        epoch: &'a Epoch,
        expected_head: Rev,
        operations: &'a [Arc<Operation>],
    ) -> LogFuture<'a, Appended> {
        self.failing(move || self.log.append(room, epoch, expected_head, operations))
    }

    fn read<'a>(&'a self, room: &'a RoomName, after: Rev) -> LogFuture<'a, Vec<Arc<Operation>>> {
        self.failing(move || self.log.read(room, after))
    }

    fn checkpoint<'a>(&'a self, room: &'a RoomName, checkpoint: Checkpoint) -> LogFuture<'a, ()> {
        self.failing(move || self.log.checkpoint(room, checkpoint))
    }
}
