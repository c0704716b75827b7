//! What a replica tells its application, and why it refuses an update.

use std::collections::BTreeSet;

use crate::{
    document::EditError,
    error::Code,
    ids::{ClientId, ClientReqId, RecordKey, Rev},
    message::{Conflict, GapReason, Reject},
};

/// Something the application may want to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The server took the `JOIN`, or answered a `RESYNC`.
    Joined {
        /// Deltas follow, not a snapshot.
        resumed: bool,
    },
    /// The view changed.
    Changed {
        /// Where.
        keys: Keys,
    },
    /// What became of an update. Comes exactly once for each that was taken.
    Resolved {
        /// The id it was given.
        id: ClientReqId,
        /// What became of it.
        outcome: Outcome,
    },
    /// The server has no delta for this client; a snapshot follows.
    Gap(GapReason),
    /// A snapshot has replaced the confirmed state.
    Snapshot {
        /// Its revision.
        rev: Rev,
    },
    /// The presence of these clients changed.
    Presence {
        /// Who came, changed or left.
        clients: BTreeSet<ClientId>,
    },
    /// The server answered a heartbeat.
    Heartbeat {
        /// The room's head.
        head: Rev,
        /// How many of its operations are not confirmed here yet.
        lag: u64,
    },
    /// The server said something about the connection.
    Error {
        /// What was wrong.
        code: Code,
        /// The same in words.
        message: String,
        /// Whether the same can succeed later.
        retryable: bool,
        /// When to retry, in milliseconds.
        retry_after_ms: Option<u64>,
    },
    /// State and server disagree however often a snapshot is asked for. Nothing is sent or applied any more until
    /// [`super::Replica::resync`] or a new connection.
    Diverged,
}

/// Records whose view changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keys {
    /// Any of them may have.
    All,
    /// These, and no others.
    These(BTreeSet<RecordKey>),
}

/// What became of an update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is the operation of this revision.
    Accepted(Rev),
    /// It changed nothing.
    Rejected(Reject),
    /// It was given back after a gap ([`super::OnGap::Discard`]).
    Discarded,
}

/// Why an update was not taken. Nothing is stored of it and no event follows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UpdateError {
    /// No change in it.
    #[error("an update carries at least one change")]
    Empty,
    /// More changes than the server takes.
    #[error("the update has {changes} changes, the server takes {limit}")]
    TooManyChanges {
        /// How many it has.
        changes: usize,
        /// How many it may have.
        limit: usize,
    },
    /// More than the server takes in a message or a record.
    #[error("the update is too large: {0}")]
    TooLarge(String),
    /// An id that a pending update has.
    #[error("the id {0} names an update that is still pending; give each update its own")]
    DuplicateId(ClientReqId),
    /// As many are pending as may be.
    #[error("{0} updates are pending; wait for some to be answered")]
    TooManyPending(usize),
    /// A splice before any state has come.
    #[error("a splice needs the value it edits, and no state has come from the server yet")]
    NotSynced,
    /// It does not apply to the view.
    #[error("{key}: {problem}")]
    DoesNotApply {
        /// The record.
        key: RecordKey,
        /// Why.
        problem: EditError,
    },
    /// A record has another version in the view than `ifVersion` asks for.
    #[error("{}/{} has version {}, not the one the update asks for", .0.collection, .0.id, .0.version)]
    Conflict(Conflict),
}
