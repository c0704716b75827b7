//! Has a batch committed, and finds out what became of it when the log does not say.

use std::{pin::Pin, sync::Arc, time::Duration};

use revring_protocol::{
    change::Operation,
    ids::{Epoch, Rev, RoomName},
    room::Batch,
};
use tokio::time::sleep;

use crate::log::{Appended, Log, LogError};

/// How long to wait before the log is asked again what it has.
const AGAIN: Duration = Duration::from_millis(500);

/// A batch that the log is asked to commit, or without one the question what it has.
pub(super) type InFlight = Pin<Box<dyn Future<Output = (Option<Batch>, Found)> + Send>>;

/// What the log has after the room's head.
#[derive(Debug)]
pub(super) enum Found {
    /// The batch.
    Batch,
    /// These, from elsewhere.
    Others(Vec<Arc<Operation>>),
    /// Nothing, for this reason; `None`: nothing was to be appended.
    Nothing(Option<LogError>),
    /// That cannot be told now.
    Unknown(LogError),
    /// What is not this room.
    OtherRoom(LogError),
}

/// The room at its head, for its log.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) log: Arc<dyn Log>,
    pub(super) room: RoomName,
    pub(super) epoch: Epoch,
    pub(super) head: Rev,
}

impl Place {
    /// Has `batch` committed.
    pub(super) fn append(self, batch: Batch) -> InFlight {
        Box::pin(async move {
            let operations = batch.operations();
            let appended = self
                .log
                .append(&self.room, &self.epoch, self.head, operations);
            let found = match appended.await {
                Ok(Appended::Committed) => Found::Batch,
                Ok(Appended::Conflict(others)) => Found::Others(others),
                Err(error @ (LogError::OtherEpoch(_) | LogError::Damaged(_))) => {
                    Found::OtherRoom(error)
                }
                Err(error) => self.look(operations, Some(error)).await,
            };
            (Some(batch), found)
        })
    }

    /// Asks, after a while, what the log has.
    pub(super) fn ask_again(self) -> InFlight {
        Box::pin(async move {
            sleep(AGAIN).await;
            (None, self.look(&[], None).await)
        })
    }

    /// After a failed append its operations may be stored or not (law 3 of logs): only the log knows.
    async fn look(&self, ours: &[Arc<Operation>], failed: Option<LogError>) -> Found {
        match self.log.read(&self.room, self.head).await {
            Ok(found) if found.is_empty() => Found::Nothing(failed),
            Ok(found) if found == ours => Found::Batch,
            Ok(found) => Found::Others(found),
            Err(error @ LogError::Damaged(_)) => Found::OtherRoom(error),
            Err(error) => Found::Unknown(failed.unwrap_or(error)),
        }
    }
}
