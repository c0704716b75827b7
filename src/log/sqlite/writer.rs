//! The one thread that writes. What waits when a flush returns is the next transaction, whichever rooms it is for.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, TryRecvError},
    },
    time::Duration,
};

use parking_lot::Mutex;
use revring_protocol::ids::{Epoch, Rev, RoomName};
use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use tokio::sync::oneshot;

use super::{
    Durability,
    checkpoint::{Progress, Writing},
    connection::{self, Database},
    error::reason,
    image::Rows,
    lock::Lock,
    rows::{self, Body, ReadError, RoomRow, signed},
    run,
};
use crate::log::{Appended, LogError};

/// Bytes of operations in one transaction.
const GROUP_BYTES: usize = 8 << 20;
/// Rows of checkpoints in a transaction that batches wait for, for each of them: checkpoints end under any load.
const ROWS_ALONG: usize = 64;
/// Rows of checkpoints in a transaction that nobody waits for.
const ROWS_ALONE: usize = 8192;
/// Rows of checkpoints between two looks at who waits.
const ROWS_AT_ONCE: usize = 32;
/// How often a disk that failed is tried again.
const PROBE: Duration = Duration::from_secs(1);
/// What is written to try it: more than one page.
const PROBE_BYTES: i64 = 64 << 10;

/// Tells whoever asked what became of it.
pub(super) type Done<T> = oneshot::Sender<Result<T, LogError>>;

/// What the writer is asked for.
#[derive(Debug)]
pub(super) enum Job {
    Append(Append),
    Checkpoint(Box<Rows>, Done<()>),
    Close(Done<()>),
}

/// A batch to be appended.
#[derive(Debug)]
pub(super) struct Append {
    pub(super) room: RoomName,
    pub(super) epoch: Epoch,
    pub(super) expected_head: Rev,
    pub(super) body: Body,
    pub(super) done: Done<Appended>,
}

/// Why nothing can be written now.
pub(super) type Health = Mutex<Option<String>>;

/// The writer's connection and what it has still to do.
#[derive(Debug)]
pub(super) struct Writer {
    connection: Connection,
    database: Database,
    /// What is to be named anew at the end.
    lock: Option<Arc<Lock>>,
    jobs: Receiver<Job>,
    health: Arc<Health>,
    appends: VecDeque<Append>,
    checkpoints: VecDeque<(Writing, Done<()>)>,
    /// Who asked for the end.
    closing: Option<Done<()>>,
}

/// What came of a transaction, in the order in which it was asked for.
#[derive(Debug)]
struct Written {
    answers: Vec<Result<Appended, LogError>>,
    /// Of the checkpoints that ended.
    images: Vec<Result<(), LogError>>,
}

impl Writer {
    pub(super) fn new(
        connection: Connection,
        database: Database,
        lock: Option<Arc<Lock>>,
        jobs: Receiver<Job>,
        health: Arc<Health>,
    ) -> Self {
        Self {
            connection,
            database,
            lock,
            jobs,
            health,
            appends: VecDeque::new(),
            checkpoints: VecDeque::new(),
            closing: None,
        }
    }

    /// Writes until it is asked to close, or nobody can ask any more.
    pub(super) fn run(mut self) {
        loop {
            let end = !self.take();
            if !self.appends.is_empty() || !self.checkpoints.is_empty() {
                self.commit();
            } else if let Some(done) = self.closing.take() {
                // Whoever asked may have gone.
                let _ = done.send(self.close());
                return;
            } else if end {
                return;
            } else {
                self.probe();
            }
        }
    }

    /// Takes all that waits; waits for something if there is nothing to do. False once nobody is left who could ask.
    fn take(&mut self) -> bool {
        let idle = self.appends.is_empty() && self.checkpoints.is_empty();
        if idle && self.closing.is_none() {
            match self.jobs.recv_timeout(self.patience()) {
                Ok(job) => self.note(job),
                Err(RecvTimeoutError::Timeout) => return true,
                Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
        loop {
            match self.jobs.try_recv() {
                Ok(job) => self.note(job),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn patience(&self) -> Duration {
        match *self.health.lock() {
            Some(_) => PROBE,
            None => Duration::from_hours(24),
        }
    }

    fn note(&mut self, job: Job) {
        match job {
            Job::Append(append) => self.appends.push_back(append),
            Job::Checkpoint(..) if self.closing.is_some() => {}
            Job::Checkpoint(rows, done) => {
                self.checkpoints.push_back((Writing::new(*rows), done));
            }
            Job::Close(done) => {
                self.closing = Some(done);
                // Without an image its operations are kept: nobody waits for it now.
                self.checkpoints.clear();
            }
        }
    }

    /// One transaction: rows of checkpoints while nobody waits, then the operations of whoever waits.
    fn commit(&mut self) {
        let mut group = Vec::new();
        let written = self.write(&mut group);
        self.set_health(written.as_ref().err());
        match written {
            Ok(Written { answers, images }) => {
                for (append, answer) in group.into_iter().zip(answers) {
                    // Whoever asked may have gone.
                    let _ = append.done.send(answer);
                }
                let stored = self
                    .checkpoints
                    .drain(..images.len().min(self.checkpoints.len()));
                for ((_, done), image) in stored.zip(images) {
                    let _ = done.send(image);
                }
            }
            Err(error) => {
                let failed = LogError::Unavailable(reason(&error));
                for append in group.into_iter().chain(self.appends.drain(..)) {
                    let _ = append.done.send(Err(failed.clone()));
                }
                // Each begins anew: what they have written is not there.
                for (_, done) in self.checkpoints.drain(..) {
                    let _ = done.send(Err(failed.clone()));
                }
            }
        }
    }

    fn write(&mut self, group: &mut Vec<Append>) -> rusqlite::Result<Written> {
        // Dropped without commit, it is rolled back.
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut queue = Queue {
            jobs: &self.jobs,
            appends: &mut self.appends,
            arrived: Vec::new(),
        };
        let images = advance(&mut self.checkpoints, &transaction, &mut queue);
        let arrived = queue.arrived;
        take_group(&mut self.appends, group);
        let written = images.and_then(|images| {
            let answers = group.iter().map(|batch| append(&transaction, batch));
            let answers = answers.collect::<rusqlite::Result<_>>()?;
            transaction.commit()?;
            Ok(Written { answers, images })
        });
        arrived.into_iter().for_each(|job| self.note(job));
        written
    }

    /// Finds out whether a disk that failed works again.
    fn probe(&mut self) {
        if self.health.lock().is_none() {
            return;
        }
        let tried = self.try_disk();
        self.set_health(tried.as_ref().err());
    }

    fn set_health(&self, error: Option<&rusqlite::Error>) {
        let now = error.map(reason);
        let before = std::mem::replace(&mut *self.health.lock(), now.clone());
        match (before, now) {
            (None, Some(reason)) => tracing::error!(%reason, "the log cannot be written"),
            (Some(_), None) => tracing::info!("the log can be written again"),
            _ => {}
        }
    }

    fn try_disk(&mut self) -> rusqlite::Result<()> {
        let insert = "INSERT OR REPLACE INTO store (key, value) VALUES ('probe', zeroblob(?1))";
        self.connection.execute(insert, params![PROBE_BYTES])?;
        let delete = "DELETE FROM store WHERE key = 'probe'";
        self.connection.execute(delete, []).map(drop)
    }

    /// Leaves everything flushed.
    fn close(&self) -> Result<(), LogError> {
        let full = connection::promise(&self.connection, Durability::Full);
        full.map_err(|error| self.database.error(&error))
            .and_then(|()| run::end(&self.connection, &self.database, self.lock.as_deref()))
            .map_err(|error| LogError::Unavailable(error.to_string()))
    }
}

/// What comes while a transaction is being written.
struct Queue<'a> {
    jobs: &'a Receiver<Job>,
    appends: &'a mut VecDeque<Append>,
    arrived: Vec<Job>,
}

impl Queue<'_> {
    /// How many rows of checkpoints the transaction may have.
    fn rows_allowed(&mut self) -> usize {
        // Looking costs little against the rows between two looks.
        while let Ok(job) = self.jobs.try_recv() {
            match job {
                Job::Append(append) => self.appends.push_back(append),
                other => self.arrived.push(other),
            }
        }
        match self.appends.len() {
            0 => ROWS_ALONE,
            waiting => ROWS_ALONG * waiting,
        }
    }
}

/// Writes rows of checkpoints, one after the other, for as long as the transaction may have more of them. Yields what came of
/// those that ended.
fn advance(
    checkpoints: &mut VecDeque<(Writing, Done<()>)>,
    transaction: &Transaction<'_>,
    queue: &mut Queue<'_>,
) -> rusqlite::Result<Vec<Result<(), LogError>>> {
    let (mut ended, mut rows) = (Vec::new(), 0);
    while let Some((writing, _)) = checkpoints.get_mut(ended.len())
        && rows < queue.rows_allowed()
    {
        let (progress, spent) = writing.advance(transaction, ROWS_AT_ONCE)?;
        rows += spent.max(1);
        match progress {
            Progress::More => {}
            Progress::Done => ended.push(Ok(())),
            Progress::OtherSince => ended.push(Err(LogError::OtherImage)),
        }
    }
    Ok(ended)
}

/// Takes from `appends` what one transaction may hold, at least one.
fn take_group(appends: &mut VecDeque<Append>, group: &mut Vec<Append>) {
    let mut bytes = 0;
    while let Some(next) = appends.front() {
        bytes += next.body.bytes.len();
        if bytes > GROUP_BYTES && !group.is_empty() {
            break;
        }
        group.extend(appends.pop_front());
    }
}

fn append(
    transaction: &Transaction<'_>,
    append: &Append,
) -> rusqlite::Result<Result<Appended, LogError>> {
    let stored = match rows::room(transaction, &append.room) {
        Err(error) => return damaged(error),
        Ok(stored) => stored,
    };
    let room = match stored {
        None if append.expected_head != Rev::ZERO => {
            let missing = format!("{} is not stored", append.room);
            return Ok(Err(LogError::Unavailable(missing)));
        }
        None => add_room(transaction, append)?,
        Some(room) if room.epoch != append.epoch => {
            return Ok(Err(LogError::OtherEpoch(room.epoch)));
        }
        Some(room) => {
            if rows::head(transaction, &room)? != append.expected_head {
                return newer(transaction, &room, append.expected_head);
            }
            room.id
        }
    };
    let insert = "INSERT INTO operations (room, rev, body, sum) VALUES (?1, ?2, ?3, ?4)";
    let Body { bytes, last } = &append.body;
    let values = params![room, signed(*last), bytes, append.body.sum()];
    transaction.prepare_cached(insert)?.execute(values)?;
    Ok(Ok(Appended::Committed))
}

/// What was stored after `head`, for whoever expected it to be the last.
fn newer(
    transaction: &Transaction<'_>,
    room: &RoomRow,
    head: Rev,
) -> rusqlite::Result<Result<Appended, LogError>> {
    match rows::operations(transaction, room, head) {
        Ok(mut newer) => {
            newer.retain(|operation| operation.rev > head);
            Ok(Ok(Appended::Conflict(newer)))
        }
        Err(ReadError::Sqlite(error)) => damaged(error),
        Err(error) => Ok(Err(error.into())),
    }
}

/// An error of one room's rows is an answer to that room alone; any other is one of the whole transaction.
fn damaged<T>(error: rusqlite::Error) -> rusqlite::Result<Result<T, LogError>> {
    match ReadError::Sqlite(error) {
        ReadError::Sqlite(error) if !rows::is_damage(&error) => Err(error),
        damage => Ok(Err(damage.into())),
    }
}

fn add_room(transaction: &Transaction<'_>, append: &Append) -> rusqlite::Result<i64> {
    let insert = "INSERT INTO rooms (name, epoch) VALUES (?1, ?2)";
    let values = params![append.room.as_str(), append.epoch.as_str()];
    transaction.prepare_cached(insert)?.execute(values)?;
    Ok(transaction.last_insert_rowid())
}
