//! A log in one SQLite database per server: survives the end of the process and, by default, of the machine.
//!
//! One thread writes; a few connections read beside it. The tables are described in `schema.rs`.

mod checkpoint;
mod connection;
mod dir;
mod epochs;
mod error;
mod image;
mod import;
mod inspect;
mod load;
mod lock;
mod readers;
mod rows;
mod run;
mod schema;
mod sweep;
mod writer;

use std::{
    fmt,
    future::ready,
    path::PathBuf,
    str::FromStr,
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
};

use revring_protocol::{
    change::Operation,
    ids::{Epoch, Rev, RoomName},
};
use rusqlite::Connection;
use tokio::{
    sync::{Semaphore, oneshot},
    task::spawn_blocking,
};

pub(crate) use epochs::new_epoch;
pub use error::StoreError;
pub use import::{ImportError, import_room};
pub use inspect::{RoomCheck, RoomSummary, StoreView};

use self::{
    connection::Database,
    image::Rows,
    lock::Lock,
    readers::Readers,
    rows::{Body, ReadError},
    writer::{Append, Health, Job, Writer},
};
use super::{Appended, Checkpoint, Log, LogError, LogFuture, Stored};

/// The database in a store's directory.
const FILE: &str = "revring.db";

/// Images that may be on their way to the writer at once, by the size of what they write.
const IMAGES_KIB: u32 = 128 << 10;
/// What an image that is written by its changes usually stays under.
const USUAL_IMAGE: usize = 8 << 20;

/// What it means that an operation was acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// It is on disk: it survives the end of the process and of the machine.
    #[default]
    Full,
    /// The system has it: it survives the end of the process. If the machine ends in disorder, the latest may be lost, and every
    /// epoch is new.
    Os,
    /// Nothing: nothing is ever flushed. After a disorderly end every epoch is new; after one of the machine the store may be
    /// damaged.
    None,
}

impl Durability {
    /// Every one, the safest first.
    pub const ALL: [Self; 3] = [Self::Full, Self::Os, Self::None];
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "full",
            Self::Os => "os",
            Self::None => "none",
        })
    }
}

/// A text that names no [`Durability`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("durability is full, os or none")]
pub struct UnknownDurability;

impl FromStr for Durability {
    type Err = UnknownDurability;

    fn from_str(text: &str) -> Result<Self, UnknownDurability> {
        let found = Self::ALL.into_iter().find(|one| one.to_string() == text);
        found.ok_or(UnknownDurability)
    }
}

/// Where a store is, and what it promises.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreOptions {
    /// Its directory, which is made if need be.
    pub dir: PathBuf,
    /// What an acknowledgement means.
    pub durability: Durability,
    /// The SQLite file system to use, by the name it was registered under; `None`: the system's own.
    pub vfs: Option<String>,
}

impl StoreOptions {
    /// A store in `dir` that promises all.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            durability: Durability::Full,
            vfs: None,
        }
    }
}

/// Keeps rooms in a directory.
pub struct SqliteLog {
    jobs: Option<mpsc::Sender<Job>>,
    writer: Option<JoinHandle<()>>,
    readers: Arc<Readers>,
    /// KiB of images that may be on their way to the writer.
    images: Semaphore,
    health: Arc<Health>,
    rooms: usize,
    dir: PathBuf,
    /// Other servers stay out as long as this one is here.
    _lock: Arc<Lock>,
}

impl fmt::Debug for SqliteLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteLog")
            .field("dir", &self.dir)
            .finish_non_exhaustive()
    }
}

impl SqliteLog {
    /// Opens the store, makes what is missing of it, and starts its writer. Waits for the disk.
    ///
    /// # Errors
    /// When another server has it, or it is not a store that this version may use. Nothing is then changed.
    pub fn open(options: &StoreOptions) -> Result<Self, StoreError> {
        let dir = options.dir.clone();
        dir::make(&dir)?;
        let mut lock = Lock::take(&dir)?;
        let database = Database::of(options);
        // Another file system of SQLite keeps its files where this process may not find them.
        let in_place = options.vfs.is_none();
        let mut connection = database.writer(Some(lock.witness()).filter(|_| in_place))?;
        lock.keep();
        let lock = Arc::new(lock);
        let named = in_place.then(|| Arc::clone(&lock));
        let sqlite = |error| database.error(&error);
        let durability = options.durability;
        let renewed = run::begin(&mut connection, &database, named.as_deref(), durability)?;
        // Not before it stands on disk that this run promises less.
        connection::promise(&connection, durability).map_err(sqlite)?;
        if let Some(renewed) = renewed {
            tracing::warn!(reason = ?renewed, "every room has a new epoch: clients start from a snapshot");
        }
        dir::sync(&dir)?;
        let rooms = "SELECT count(*) FROM rooms";
        let rooms: i64 = connection
            .query_row(rooms, [], |row| row.get(0))
            .map_err(sqlite)?;

        // Each room asks for one append and one checkpoint at a time, which bounds what waits here.
        let (jobs, asked) = mpsc::channel();
        let health = Arc::new(Health::default());
        let readers = Arc::new(Readers::new(database.clone()));
        let writer = Writer::new(connection, database, named, asked, Arc::clone(&health));
        let writer = thread::Builder::new()
            .name("revring-log".to_owned())
            .spawn(move || writer.run())
            .map_err(|source| StoreError::Io {
                path: dir.clone(),
                source,
            })?;
        Ok(Self {
            jobs: Some(jobs),
            writer: Some(writer),
            readers,
            images: Semaphore::new(IMAGES_KIB as usize),
            health,
            rooms: usize::try_from(rooms).unwrap_or_default(),
            dir,
            _lock: lock,
        })
    }

    /// How many rooms there were when it was opened.
    #[must_use]
    pub fn rooms(&self) -> usize {
        self.rooms
    }

    /// Asks the writer and waits for its answer.
    async fn ask<T>(
        &self,
        job: impl FnOnce(oneshot::Sender<Result<T, LogError>>) -> Job,
    ) -> Result<T, LogError> {
        let (done, answer) = oneshot::channel();
        let sent = self
            .jobs
            .as_ref()
            .is_some_and(|jobs| jobs.send(job(done)).is_ok());
        match answer.await {
            Ok(answer) if sent => answer,
            _ => Err(LogError::Closed),
        }
    }

    /// Reads on a thread that may wait for the disk.
    async fn read_with<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut Connection) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, LogError> {
        let turn = self.readers.turn().await;
        let readers = Arc::clone(&self.readers);
        let read = spawn_blocking(move || {
            let _turn = turn;
            readers.with(read)
        });
        let read = read.await;
        Ok(read.map_err(|error| LogError::Unavailable(error.to_string()))??)
    }
}

impl Drop for SqliteLog {
    /// Waits for the writer: whoever opens the store next must not find it busy.
    fn drop(&mut self) {
        self.readers.close_idle();
        self.jobs = None;
        if let Some(writer) = self.writer.take() {
            // It leaves nothing undone if it panicked: what it had not committed is rolled back.
            let _ = writer.join();
        }
    }
}

impl Log for SqliteLog {
    fn open<'a>(&'a self, room: &'a RoomName) -> LogFuture<'a, Option<Stored>> {
        let name = room.clone();
        Box::pin(self.read_with(move |connection| load::room(connection, &name)))
    }

    fn append<'a>(
        &'a self,
        room: &'a RoomName,
        epoch: &'a Epoch,
        expected_head: Rev,
        operations: &'a [Arc<Operation>],
    ) -> LogFuture<'a, Appended> {
        let Some(body) = Body::of(operations) else {
            return Box::pin(ready(Ok(Appended::Committed)));
        };
        Box::pin(self.ask(move |done| {
            Job::Append(Append {
                room: room.clone(),
                epoch: epoch.clone(),
                expected_head,
                body,
                done,
            })
        }))
    }

    fn read<'a>(&'a self, room: &'a RoomName, after: Rev) -> LogFuture<'a, Vec<Arc<Operation>>> {
        let name = room.clone();
        Box::pin(self.read_with(move |connection| {
            let Some(room) = rows::room(connection, &name)? else {
                return Ok(Vec::new());
            };
            let mut operations = rows::operations(connection, &room, after)?;
            operations.retain(|operation| operation.rev > after);
            Ok(operations)
        }))
    }

    fn checkpoint<'a>(&'a self, room: &'a RoomName, checkpoint: Checkpoint) -> LogFuture<'a, ()> {
        let name = room.clone();
        Box::pin(async move {
            // Held until the writer is done: what waits for it has a bound.
            let _room = self.images.acquire_many(cost(&checkpoint)).await;
            let rows = spawn_blocking(move || Rows::of(name, &checkpoint)).await;
            let rows = rows.map_err(|error| LogError::Unavailable(error.to_string()))?;
            self.ask(|done| Job::Checkpoint(Box::new(rows), done)).await
        })
    }

    fn health(&self) -> Result<(), String> {
        if self.writer.as_ref().is_none_or(JoinHandle::is_finished) {
            return Err("the log has ended".to_owned());
        }
        self.health.lock().clone().map_or(Ok(()), Err)
    }

    fn close(&self) -> LogFuture<'_, ()> {
        // The writer's connection is to be the last that closes: it leaves nothing but the database.
        self.readers.close_idle();
        Box::pin(self.ask(Job::Close))
    }
}

/// What the rows of a checkpoint may take, in KiB.
fn cost(checkpoint: &Checkpoint) -> u32 {
    let size = checkpoint.image.document.size();
    let most = match checkpoint.since {
        Some(_) => size.min(USUAL_IMAGE),
        None => size,
    };
    u32::try_from(most >> 10).map_or(IMAGES_KIB, |kib| (kib + 1).min(IMAGES_KIB))
}
