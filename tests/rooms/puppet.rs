//! A log that does what a test tells it.

use std::{
    future::ready,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use revring::log::{Appended, Checkpoint, Log, LogError, LogFuture, MemoryLog, Stored};
use revring_protocol::{
    change::Operation,
    ids::{Epoch, Rev, RoomName},
};
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};

use crate::support::WAIT;

/// A log that answers when told to, and how.
#[derive(Debug)]
pub(crate) struct Puppet {
    memory: MemoryLog,
    script: Mutex<Vec<Step>>,
    pub(crate) opens: bool,
    pub(crate) blind: AtomicBool,
    pub(crate) go_on: Notify,
    pub(crate) images: Mutex<Vec<ImageStep>>,
    pub(crate) asked: Mutex<Vec<Asked>>,
    pub(crate) store_image: Notify,
}

/// What becomes of a checkpoint.
#[derive(Debug)]
pub(crate) enum ImageStep {
    /// It waits until the test lets it go on.
    Wait,
    Fail(LogError),
}

/// A checkpoint that the log was asked for: the revisions that it starts from and ends at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) since: Option<u64>,
    pub(crate) rev: u64,
}

#[derive(Debug)]
pub(crate) enum Step {
    /// Waits until the test lets it go on.
    Wait,
    Fail,
    /// Stores the operations, and fails to say so.
    FailStored,
    /// Does one of these, and then cannot be read until the test lets it go on.
    FailBlind(Box<Self>),
    /// Another node was faster with these.
    Foreign(Vec<Arc<Operation>>),
    /// Says that others were first, and not who.
    Nobody,
}

impl Puppet {
    pub(crate) fn new(mut steps: Vec<Step>) -> Arc<Self> {
        steps.reverse();
        let (memory, script) = (MemoryLog::new(9), Mutex::new(steps));
        Arc::new(Self {
            memory,
            script,
            opens: true,
            blind: AtomicBool::new(false),
            go_on: Notify::new(),
            images: Mutex::default(),
            asked: Mutex::default(),
            store_image: Notify::new(),
        })
    }

    /// What becomes of the first checkpoints; later ones are stored.
    pub(crate) fn with_images(mut steps: Vec<ImageStep>) -> Arc<Self> {
        steps.reverse();
        let log = Self::new(vec![]);
        *log.images.lock() = steps;
        log
    }

    /// Waits until the log was asked for `count` checkpoints; yields them.
    pub(crate) async fn asked(&self, count: usize) -> Vec<Asked> {
        let asked = async {
            loop {
                let asked = self.asked.lock().clone();
                if asked.len() >= count {
                    return asked;
                }
                sleep(Duration::from_millis(2)).await;
            }
        };
        timeout(WAIT, asked).await.expect("a checkpoint")
    }
}

pub(crate) fn on_purpose() -> LogError {
    LogError::Unavailable("on purpose".to_owned())
}

impl Log for Puppet {
    fn open<'a>(&'a self, room: &'a RoomName) -> LogFuture<'a, Option<Stored>> {
        if !self.opens {
            return Box::pin(ready(Err(on_purpose())));
        }
        self.memory.open(room)
    }

    fn append<'a>(
        &'a self,
        room: &'a RoomName,
        epoch: &'a Epoch,
        expected_head: Rev,
        operations: &'a [Arc<Operation>],
    ) -> LogFuture<'a, Appended> {
        let mut step = self.script.lock().pop();
        if let Some(Step::FailBlind(then)) = step {
            self.blind.store(true, Ordering::Relaxed);
            step = Some(*then);
        }
        Box::pin(async move {
            match step {
                Some(Step::Wait) => self.go_on.notified().await,
                Some(Step::Fail) => return Err(on_purpose()),
                Some(Step::FailStored) => {
                    let log = &self.memory;
                    log.append(room, epoch, expected_head, operations).await?;
                    return Err(on_purpose());
                }
                Some(Step::Foreign(foreign)) => {
                    self.memory
                        .append(room, epoch, expected_head, &foreign)
                        .await?;
                }
                Some(Step::Nobody) => return Ok(Appended::Conflict(vec![])),
                Some(Step::FailBlind(_)) | None => {}
            }
            self.memory
                .append(room, epoch, expected_head, operations)
                .await
        })
    }

    fn read<'a>(&'a self, room: &'a RoomName, after: Rev) -> LogFuture<'a, Vec<Arc<Operation>>> {
        if self.blind.load(Ordering::Relaxed) {
            return Box::pin(ready(Err(on_purpose())));
        }
        self.memory.read(room, after)
    }

    fn checkpoint<'a>(&'a self, room: &'a RoomName, checkpoint: Checkpoint) -> LogFuture<'a, ()> {
        let asked = Asked {
            since: checkpoint.since.as_ref().map(|since| since.rev.get()),
            rev: checkpoint.image.rev.get(),
        };
        let step = self.images.lock().pop();
        self.asked.lock().push(asked);
        Box::pin(async move {
            match step {
                Some(ImageStep::Wait) => self.store_image.notified().await,
                Some(ImageStep::Fail(error)) => return Err(error),
                None => {}
            }
            self.memory.checkpoint(room, checkpoint).await
        })
    }
}
