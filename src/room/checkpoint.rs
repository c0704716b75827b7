//! Lets the log forget what an image has, so that a room opens quickly however long its past is.

use std::sync::Arc;

use revring_protocol::{
    change::Operation,
    ids::{Rev, RoomName},
    room::{Image, Room},
};
use tokio::task::JoinHandle;

use crate::log::{Checkpoint, Log, LogError};

/// Operations after which an image is stored.
const OPERATIONS: usize = 8192;
/// Size of operations after which one is stored.
const BYTES: usize = 4 << 20;

/// The checkpoints of one room: what the log has, and what has happened since.
#[derive(Debug)]
pub(super) struct Checkpoints {
    /// The image that the log has; `None` when that is not known.
    stored: Option<Image>,
    operations: usize,
    bytes: usize,
    running: Option<Running>,
}

/// Yields the image that the log has then.
type Running = JoinHandle<Result<Image, Failed>>;

/// A checkpoint that was not stored.
#[derive(Debug)]
struct Failed {
    /// The image that the log has still; `None` when that is not known.
    stored: Option<Image>,
}

impl Checkpoints {
    /// Those of a room of which `stored` was opened, and `after` it.
    pub(super) fn new(stored: Image, after: &[Arc<Operation>]) -> Self {
        Self {
            stored: Some(stored),
            operations: after.len(),
            bytes: after.iter().map(|operation| operation.size()).sum(),
            running: None,
        }
    }

    /// Operations were committed.
    pub(super) fn count(&mut self, operations: usize, bytes: usize) {
        self.operations += operations;
        self.bytes += bytes;
    }

    /// Begins to store an image of `room` if enough has happened.
    pub(super) fn begin_if_due(&mut self, name: &RoomName, room: &Room, log: &Arc<dyn Log>) {
        if self.operations >= OPERATIONS || self.bytes >= BYTES {
            self.begin(name, room, log);
        }
    }

    /// Begins to store an image of `room`, unless one is being stored.
    pub(super) fn begin(&mut self, name: &RoomName, room: &Room, log: &Arc<dyn Log>) {
        if self.running.is_some() {
            return;
        }
        (self.operations, self.bytes) = (0, 0);
        let checkpoint = Checkpoint {
            since: self.stored.take(),
            image: room.image(),
            keep_after: Rev::new(room.buffer_first_rev().get() - 1),
        };
        self.running = Some(tokio::spawn(store(
            name.clone(),
            Arc::clone(log),
            checkpoint,
        )));
    }

    /// Whether an image is being stored.
    pub(super) fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Waits for the image that is being stored; yields whether it was.
    pub(super) async fn ended(&mut self) -> bool {
        let Some(running) = &mut self.running else {
            return false;
        };
        let ended = running.await;
        self.running = None;
        match ended {
            Ok(Ok(image)) => {
                self.stored = Some(image);
                true
            }
            Ok(Err(failed)) => {
                self.stored = failed.stored;
                false
            }
            // It panicked.
            Err(_) => false,
        }
    }

    /// Whether the log has an image of the room as it is.
    pub(super) fn has(&self, head: Rev) -> bool {
        self.stored
            .as_ref()
            .is_some_and(|stored| stored.rev == head)
    }
}

async fn store(name: RoomName, log: Arc<dyn Log>, checkpoint: Checkpoint) -> Result<Image, Failed> {
    let (since, image) = (checkpoint.since.clone(), checkpoint.image.clone());
    match log.checkpoint(&name, checkpoint).await {
        Ok(()) => Ok(image),
        Err(LogError::Closed) => Err(Failed { stored: None }),
        Err(LogError::OtherImage) => {
            tracing::warn!(room = %name, "the next checkpoint is a complete one");
            Err(Failed { stored: None })
        }
        Err(error) => {
            // While the log takes nothing at all, that was said once for all rooms.
            match log.health() {
                Ok(()) => tracing::warn!(room = %name, %error, "no checkpoint was stored"),
                Err(_) => tracing::debug!(room = %name, %error, "no checkpoint was stored"),
            }
            Err(Failed { stored: since })
        }
    }
}
