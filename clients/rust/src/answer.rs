//! What becomes of an update.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use revring_protocol::{change::Change, ids::ClientReqId};
use tokio::sync::{AcquireError, OwnedSemaphorePermit, TryAcquireError, oneshot};

use crate::{
    change::InvalidChange,
    error::{UpdateError, UpdateResult},
    room::Room,
};

/// What becomes of an update: a future, from [`Room::update`]. It keeps the room open.
///
/// Polled after it was ready, it is never ready again.
#[derive(Debug)]
pub struct Answer {
    room: Room,
    stage: Stage,
}

enum Stage {
    /// As many updates as may be are unanswered.
    HeldBack {
        permit: Permit,
        id: Option<ClientReqId>,
        changes: Vec<Change>,
    },
    Taken {
        id: ClientReqId,
        answer: oneshot::Receiver<UpdateResult>,
    },
    Failed(UpdateError),
    Done,
}

type Permit = Pin<Box<dyn Future<Output = Result<OwnedSemaphorePermit, AcquireError>> + Send>>;

impl Answer {
    /// Takes an update, or holds it back.
    pub(crate) fn ask(
        room: Room,
        id: Option<ClientReqId>,
        changes: Result<Vec<Change>, InvalidChange>,
    ) -> Self {
        let permits = &room.shared().permits;
        let stage = match changes {
            Err(problem) => Stage::Failed(problem.into()),
            Ok(changes) => match Arc::clone(permits).try_acquire_owned() {
                Ok(permit) => Stage::take(&room, id, changes, permit),
                Err(TryAcquireError::Closed) => Stage::Failed(room.closed().into()),
                Err(TryAcquireError::NoPermits) => Stage::HeldBack {
                    permit: Box::pin(Arc::clone(permits).acquire_owned()),
                    id,
                    changes,
                },
            },
        };
        Self { room, stage }
    }

    /// The update's id, once it was taken.
    #[must_use]
    pub fn id(&self) -> Option<&ClientReqId> {
        match &self.stage {
            Stage::Taken { id, .. } => Some(id),
            Stage::HeldBack { .. } | Stage::Failed(_) | Stage::Done => None,
        }
    }

    pub(crate) fn is_held_back(&self) -> bool {
        matches!(self.stage, Stage::HeldBack { .. })
    }
}

impl Stage {
    fn take(
        room: &Room,
        id: Option<ClientReqId>,
        changes: Vec<Change>,
        permit: OwnedSemaphorePermit,
    ) -> Self {
        let taken = room.shared().core().take(id, changes, permit);
        room.shared().wake.notify_one();
        match taken {
            Ok((id, answer)) => Self::Taken { id, answer },
            Err(error) => Self::Failed(error),
        }
    }
}

impl Future for Answer {
    type Output = UpdateResult;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<UpdateResult> {
        let Self { room, stage } = &mut *self;
        if let Stage::HeldBack {
            permit,
            id,
            changes,
        } = stage
        {
            let permit = std::task::ready!(permit.as_mut().poll(cx));
            *stage = match permit {
                Ok(permit) => Stage::take(room, id.take(), std::mem::take(changes), permit),
                Err(_) => Stage::Failed(room.closed().into()),
            };
        }
        if let Stage::Taken { answer, .. } = stage {
            let answer = std::task::ready!(Pin::new(answer).poll(cx));
            *stage = Stage::Done;
            return Poll::Ready(answer.unwrap_or_else(|_| Err(room.closed().into())));
        }
        match std::mem::replace(stage, Stage::Done) {
            Stage::Failed(error) => Poll::Ready(Err(error)),
            _ => Poll::Pending,
        }
    }
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HeldBack { .. } => f.write_str("HeldBack"),
            Self::Taken { id, .. } => f.debug_tuple("Taken").field(id).finish(),
            Self::Failed(error) => f.debug_tuple("Failed").field(error).finish(),
            Self::Done => f.write_str("Done"),
        }
    }
}
