//! A store at work under a recorder: rooms that are written to, checkpoints, restarts, kills and faults; and what was promised.

use std::{
    future::poll_fn,
    path::{Path, PathBuf},
    sync::Arc,
    task::Poll,
};

use futures_util::future::{OptionFuture, join_all};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use revring::log::{
    Appended, Checkpoint, Durability, Log as _, LogError, LogFuture, SqliteLog, StoreOptions,
};
use revring_protocol::{
    change::Operation,
    ids::{Epoch, Rev, RoomName},
    limits::Limits,
    room::{Batch, Image, Room},
};
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;
use tokio::task::spawn_blocking;

use crate::{
    author::Author,
    journal::{Call, Fault},
    line::{Line, Violation},
    plan::{Counts, Plan},
    recorder::Recorder,
    vfs,
};

/// A store, its rooms, and the recorder of its files.
#[derive(Debug)]
pub(crate) struct World {
    plan: Plan,
    dice: SmallRng,
    home: TempDir,
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) rooms: Vec<Seat>,
    now: u64,
    pub(crate) counts: Counts,
}

/// A room and who writes to it.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) line: Line,
    pub(crate) author: Author,
    live: Option<Live>,
}

/// A room in memory.
#[derive(Debug)]
struct Live {
    room: Room,
    /// The image that the log has.
    since: Option<Image>,
}

/// Where stores of tests live: in memory, if there is such a place.
pub(crate) fn new_home() -> TempDir {
    let memory = Path::new("/dev/shm");
    let home = memory.is_dir().then(|| tempfile::tempdir_in(memory));
    let home = home.and_then(Result::ok);
    home.unwrap_or_else(|| tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory"))
}

impl World {
    pub(crate) fn new(plan: Plan) -> Self {
        let home = new_home();
        for name in ["store", "aside"] {
            std::fs::create_dir(home.path().join(name)).expect("a directory");
        }
        let recorder = Recorder::new(&home.path().join("store"));
        let seat = |n: u8| {
            let name = RoomName::new(&format!("room-{n}")).expect("a name");
            let epoch = Epoch::from_random([n; 12]);
            Seat {
                line: Line::new(name, Image::empty(epoch)),
                author: Author::new(n, plan.records, plan.text),
                live: None,
            }
        };
        Self {
            dice: SmallRng::seed_from_u64(plan.seed),
            home,
            recorder,
            rooms: (0..plan.rooms).map(seat).collect(),
            now: 1_000,
            counts: Counts::default(),
            plan,
        }
    }

    /// The directory of the store.
    pub(crate) fn store(&self) -> PathBuf {
        self.home
            .path()
            .join("store")
            .canonicalize()
            .expect("it is there")
    }

    /// A directory beside it.
    pub(crate) fn aside(&self) -> PathBuf {
        self.home.path().join("aside")
    }

    pub(crate) fn options(&self) -> StoreOptions {
        StoreOptions {
            dir: self.store(),
            durability: self.plan.durability,
            vfs: Some(vfs::register().to_owned()),
        }
    }

    /// Runs the whole plan. At the end the process is dead.
    pub(crate) async fn run(&mut self) -> Result<(), Violation> {
        let mut log = self.open_store().await?;
        for _ in 0..self.plan.steps {
            self.now += self.dice.random_range(0..50);
            match self.dice.random_range(0..100) {
                0..50 => self.append_to(&log, 1).await,
                50..65 => {
                    let count = self.dice.random_range(1..=self.rooms.len());
                    self.append_to(&log, count).await;
                }
                65..77 => self.checkpoint(&log).await,
                77..80 => self.move_log(),
                80..84 => self.show(&log).await?,
                84..88 => {
                    log.close().await.expect("nothing hinders it");
                    log = self.restart(log).await?;
                }
                88..93 if self.plan.trouble => log = self.kill(log).await?,
                93..100 if self.plan.trouble => {
                    self.in_trouble(&log).await?;
                    // The next process may find a disk that works, or one that does not.
                    if self.dice.random_ratio(1, 3) {
                        log = self.kill(log).await?;
                    }
                    self.recorder.heal();
                }
                _ => {}
            }
        }
        self.recorder.kill();
        Ok(())
    }

    /// Opens the store. Under a kill to come it may take several processes.
    pub(crate) async fn open_store(&mut self) -> Result<SqliteLog, Violation> {
        loop {
            match SqliteLog::open(&self.options()) {
                Ok(log) => {
                    self.show(&log).await?;
                    return Ok(log);
                }
                Err(error) => {
                    assert!(self.recorder.is_dead(), "a store opens: {error}");
                    self.recorder.restart();
                }
            }
        }
    }

    /// The next process.
    pub(crate) async fn restart(&mut self, log: SqliteLog) -> Result<SqliteLog, Violation> {
        self.counts.restarts += 1;
        drop(log);
        self.end_process();
        self.open_store().await
    }

    /// The process is killed while it appends, and perhaps the next one while it starts.
    async fn kill(&mut self, log: SqliteLog) -> Result<SqliteLog, Violation> {
        self.counts.kills += 1;
        self.recorder.die_after(self.dice.random_range(0..12));
        let count = self.dice.random_range(1..=self.rooms.len());
        self.append_to(&log, count).await;
        self.recorder.kill();
        drop(log);
        self.end_process();
        if self.dice.random_ratio(1, 3) {
            self.recorder.die_after(self.dice.random_range(0..12));
            let log = SqliteLog::open(&self.options());
            self.recorder.kill();
            drop(log);
            self.recorder.restart();
        }
        self.recorder.heal();
        self.open_store().await
    }

    fn end_process(&mut self) {
        for seat in &mut self.rooms {
            seat.live = None;
            seat.line.restarted();
        }
        self.recorder.restart();
    }

    /// Opens some rooms that are not in memory, and sees that they are right.
    async fn show(&mut self, log: &SqliteLog) -> Result<(), Violation> {
        for index in 0..self.rooms.len() {
            if self.dice.random_ratio(2, 3) {
                self.open(log, index).await?;
            }
        }
        Ok(())
    }

    /// Takes a room into memory: from here on others have seen it.
    async fn open(&mut self, log: &SqliteLog, index: usize) -> Result<(), Violation> {
        let seat = &mut self.rooms[index];
        let stored = match log.open(&seat.line.name).await {
            Ok(stored) => stored,
            Err(LogError::Unavailable(_)) => {
                seat.live = None;
                return Ok(());
            }
            Err(error) => panic!("{}: {error}", seat.line.name),
        };
        if self.recorder.is_dead() {
            return Ok(());
        }
        let position = self.recorder.position();
        let since = stored.as_ref().map(|stored| stored.image.clone());
        let room = match seat.line.check(position, stored)? {
            Some((room, more)) => {
                seat.line.promise(position, &more, room.image());
                room
            }
            None => Room::new(seat.line.image().epoch.clone(), Limits::DEFAULT),
        };
        seat.line.deny();
        seat.live = Some(Live { room, since });
        Ok(())
    }

    /// Appends to `count` rooms; all but the first share a flush.
    pub(crate) async fn append_to(&mut self, log: &SqliteLog, count: usize) {
        let chosen = rand::seq::index::sample(&mut self.dice, self.rooms.len(), count);
        self.append(log, chosen.into_vec(), None).await;
    }

    /// Appends to the rooms `chosen`. While the first waits for its flush the others are asked for, and before them a checkpoint
    /// of a room; returns what became of that.
    async fn append(
        &mut self,
        log: &SqliteLog,
        chosen: Vec<usize>,
        checkpoint: Option<(usize, Checkpoint)>,
    ) -> Option<Result<(), LogError>> {
        let mut batches = Vec::new();
        for index in chosen {
            if self.rooms[index].live.is_none() {
                self.open(log, index)
                    .await
                    .expect("a store that runs is right");
            }
            batches.extend(self.propose(index).map(|batch| (index, batch)));
        }
        let position = self.recorder.position();
        for (index, batch) in &batches {
            self.rooms[*index]
                .line
                .attempt(position, batch.operations());
        }
        let (answers, taken) = {
            let mut appends: Vec<_> = batches
                .iter()
                .map(|(index, batch)| {
                    let Line { name, .. } = &self.rooms[*index].line;
                    let epoch = &self.rooms[*index].line.image().epoch;
                    log.append(name, epoch, batch.expected_head(), batch.operations())
                })
                .collect();
            let mut checkpoint = checkpoint.map(|(index, checkpoint)| {
                log.checkpoint(&self.rooms[index].line.name, checkpoint)
            });
            self.start(&mut appends, checkpoint.as_mut()).await;
            let checkpoint = OptionFuture::from(checkpoint);
            tokio::join!(join_all(appends), checkpoint)
        };
        for ((index, batch), answer) in batches.into_iter().zip(answers) {
            self.settle(log, index, batch, answer).await;
        }
        taken
    }

    /// Asks in an order that is always the same: the writer stops in the first append until the rest has been asked for.
    async fn start(
        &self,
        appends: &mut [LogFuture<'_, Appended>],
        checkpoint: Option<&mut LogFuture<'_, ()>>,
    ) {
        let Some((first, others)) = appends.split_first_mut() else {
            return;
        };
        if others.is_empty() && checkpoint.is_none() {
            return;
        }
        self.recorder.close_gate("-wal");
        ask(first).await;
        self.recorder.wait_at_gate();
        if let Some(checkpoint) = checkpoint {
            ask(checkpoint).await;
            // Its rows are made on the only thread for such work, and so before this is done.
            spawn_blocking(|| ()).await.expect("nothing panics");
            ask(checkpoint).await;
        }
        for append in others {
            ask(append).await;
        }
        self.recorder.open_gate();
    }

    fn propose(&mut self, index: usize) -> Option<Batch> {
        let Seat { author, live, .. } = &mut self.rooms[index];
        let room = &live.as_ref()?.room;
        // Mostly small batches.
        let count = self
            .dice
            .random_range(1..=40_usize)
            .min(self.dice.random_range(1..=40));
        let mut requests = author.requests(room, count, &mut self.dice);
        let batch = room.propose(&mut requests, self.now);
        (!batch.operations().is_empty()).then_some(batch)
    }

    /// An append was answered. After an error the log tells what became of it.
    async fn settle(
        &mut self,
        log: &SqliteLog,
        index: usize,
        batch: Batch,
        answer: Result<Appended, LogError>,
    ) {
        let seat = &mut self.rooms[index];
        match answer {
            Ok(Appended::Committed) => self.counts.acknowledged += 1,
            Err(LogError::Unavailable(_)) => {
                self.counts.unavailable += 1;
                let found = log.read(&seat.line.name, batch.expected_head()).await;
                match found {
                    // The dead say nothing.
                    _ if self.recorder.is_dead() => return seat.live = None,
                    Ok(found) if found.is_empty() => return seat.line.deny(),
                    Ok(found) => {
                        assert_eq!(found, batch.operations(), "the whole batch or nothing");
                    }
                    Err(_) => return seat.live = None,
                }
            }
            other => panic!("{} in a room of one writer: {other:?}", seat.line.name),
        }
        let position = self.recorder.position();
        let live = seat.live.as_mut().expect("it proposed");
        let operations: Vec<Arc<Operation>> = batch.operations().to_vec();
        live.room.commit(batch);
        seat.line.promise(position, &operations, live.room.image());
    }

    /// A checkpoint of a room, now and then among appends.
    async fn checkpoint(&mut self, log: &SqliteLog) {
        let index = self.dice.random_range(0..self.rooms.len());
        let seat = &mut self.rooms[index];
        let Some(live) = &mut seat.live else {
            return;
        };
        let head = live.room.head().get();
        let keep_after = Rev::new(head.saturating_sub(self.dice.random_range(0..80)));
        let image = live.room.image();
        let since = live.since.take().filter(|_| !self.dice.random_ratio(1, 8));
        seat.line.release(self.recorder.position(), keep_after);
        let checkpoint = Checkpoint {
            since,
            image: image.clone(),
            keep_after,
        };
        let taken = if self.dice.random_ratio(1, 3) {
            let all = (0..self.rooms.len()).collect();
            self.append(log, all, Some((index, checkpoint))).await
        } else {
            Some(
                log.checkpoint(&self.rooms[index].line.name, checkpoint)
                    .await,
            )
        };
        if taken == Some(Ok(())) {
            self.counts.checkpoints += 1;
            if let Some(live) = &mut self.rooms[index].live {
                live.since = Some(image);
            }
        }
    }

    /// SQLite moves its log into the database, as the store has it do once that has become long.
    pub(crate) fn move_log(&mut self) {
        let (file, flags) = (
            self.store().join("revring.db"),
            OpenFlags::SQLITE_OPEN_READ_WRITE,
        );
        let connection = Connection::open_with_flags_and_vfs(file, flags, vfs::register());
        let synchronous = match self.plan.durability {
            Durability::None => "OFF",
            Durability::Full | Durability::Os => "FULL",
        };
        let moved = connection.and_then(|connection| {
            connection.pragma_update(None, "synchronous", synchronous)?;
            let move_log = "PRAGMA wal_checkpoint(PASSIVE)";
            connection.query_row(move_log, [], |row| row.get::<_, i64>(2))
        });
        self.counts.moves += usize::from(moved.is_ok_and(|pages| pages > 0));
    }

    /// A few steps during which calls fail.
    async fn in_trouble(&mut self, log: &SqliteLog) -> Result<(), Violation> {
        let times = if self.dice.random() { 1 } else { usize::MAX };
        let skip = self.dice.random_range(0..4);
        let file = if self.dice.random_ratio(3, 4) {
            "-wal"
        } else {
            ".db"
        };
        let call = match self.dice.random_range(0..5) {
            0..=1 => Some(Call::Sync),
            2 => Some(Call::Write),
            3 => Some(Call::ShortWrite),
            _ => None,
        };
        match call {
            None => self.recorder.fill_disk(self.dice.random_range(0..60_000)),
            Some(call) => self.recorder.fail(Fault {
                call,
                file,
                skip,
                times,
            }),
        }
        for _ in 0..self.dice.random_range(1..6) {
            match self.dice.random_range(0..5) {
                4 => self.move_log(),
                0 => self.checkpoint(log).await,
                1 => self.show(log).await?,
                2 => self.append_to(log, self.rooms.len()).await,
                _ => self.append_to(log, 1).await,
            }
        }
        Ok(())
    }
}

/// Takes a call to where it waits for the writer, which stands at the gate.
async fn ask<T>(call: &mut LogFuture<'_, T>) {
    let waits = poll_fn(|context| Poll::Ready(call.as_mut().poll(context).is_pending())).await;
    assert!(waits, "the gate is closed");
}
