//! Where accepted operations are kept: [`Log`], its laws, and its back-ends.
//!
//! A log holds facts, never requests. It knows nothing of clients.

pub mod contract;
mod memory;
mod sqlite;

use std::{fmt, pin::Pin, sync::Arc};

use revring_protocol::{
    change::Operation,
    ids::{Epoch, Rev, RoomName},
    room::Image,
};

pub use memory::MemoryLog;
pub(crate) use sqlite::new_epoch;
pub use sqlite::{
    Durability, ImportError, RoomCheck, RoomSummary, SqliteLog, StoreError, StoreOptions,
    StoreView, import_room,
};

/// What a [`Log`] answers, later.
pub type LogFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, LogError>> + Send + 'a>>;

/// Keeps the operations of rooms.
///
/// # Laws
///
/// 1. *Compare and append.* [`append`](Self::append) stores all of its operations or none. It stores them only if the room's last
///    stored revision is the expected one, and in the room's epoch; otherwise it returns what came after that revision.
/// 2. *Stored means kept.* What `append` reported as committed is returned by every later [`open`](Self::open) and
///    [`read`](Self::read), until a checkpoint replaces it.
/// 3. *An error is open.* After an error of `append` the operations may or may not be stored, all of them or none; the next answer of
///    `read` or `append` tells, and it stays so for as long as the log is open.
/// 4. *A room begins with its first operation.* Opening stores nothing: a room without operations is unknown.
/// 5. *Checkpoints lose nothing.* A [`checkpoint`](Self::checkpoint) at a revision replaces older ones and lets the operations up to
///    `keep_after` go, now or later; the operations after its own revision stay, whatever `keep_after` says. One older than
///    the last changes nothing.
/// 6. *Revisions without hole.* What is opened or read are consecutive revisions, up to the last stored.
/// 7. *Rooms are apart.* Nothing done to one room is seen in another.
pub trait Log: fmt::Debug + Send + Sync {
    /// What is stored of `room`; `None` when it never had an operation.
    fn open<'a>(&'a self, room: &'a RoomName) -> LogFuture<'a, Option<Stored>>;

    /// Stores `operations` if the room is in `epoch` and at `expected_head`, which they follow.
    fn append<'a>(
        &'a self,
        room: &'a RoomName,
        epoch: &'a Epoch,
        expected_head: Rev,
        operations: &'a [Arc<Operation>],
    ) -> LogFuture<'a, Appended>;

    /// The stored operations after `after`, oldest first; those that a checkpoint replaced are gone.
    fn read<'a>(&'a self, room: &'a RoomName, after: Rev) -> LogFuture<'a, Vec<Arc<Operation>>>;

    /// Remembers an image, so that operations before it need not be kept. Appends to the room go on meanwhile.
    fn checkpoint<'a>(&'a self, room: &'a RoomName, checkpoint: Checkpoint) -> LogFuture<'a, ()>;

    /// Why the log takes no operations now; `Ok` as long as nothing says that it does not.
    ///
    /// # Errors
    /// The reason, for people.
    fn health(&self) -> Result<(), String> {
        Ok(())
    }

    /// Ends the log in order, once nobody uses it any more.
    fn close(&self) -> LogFuture<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// What a log is to remember of a room.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// What the log has already: the image that it returned last from [`Log::open`], or took last. Only what changed since is
    /// written. `None`: everything is.
    pub since: Option<Image>,
    /// The room as it is.
    pub image: Image,
    /// Operations up to here need not be kept.
    pub keep_after: Rev,
}

/// What is stored of a room.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Its state at some revision.
    pub image: Image,
    /// The operations that are kept: around and after the image, without hole.
    pub tail: Vec<Arc<Operation>>,
}

/// What became of an append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Appended {
    /// The operations are stored.
    Committed,
    /// Others were first: these are stored after the expected head.
    Conflict(Vec<Arc<Operation>>),
}

/// Why a log does not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// It cannot now; later it may.
    #[error("the log is not available: {0}")]
    Unavailable(String),
    /// It keeps as many rooms as it may.
    #[error("the log keeps as many rooms as it may")]
    Full,
    /// The room is stored under another epoch: it began anew elsewhere.
    #[error("the room began anew: its epoch is {0}")]
    OtherEpoch(Epoch),
    /// A checkpoint starts from another image than the one that is stored.
    #[error("another image is stored than the one to start from")]
    OtherImage,
    /// It has ended.
    #[error("the log has ended")]
    Closed,
    /// What is stored cannot be what was stored.
    #[error("the log is damaged: {0}")]
    Damaged(String),
}
