//! Rooms: each has one driver task, which takes requests, has them committed and tells everyone.

mod append;
mod authors;
mod catch_up;
mod checkpoint;
mod commit;
mod driver;
mod members;
mod open;
mod pace;
mod snapshots;

use std::sync::Arc;

use revring_protocol::{
    change::Update,
    error::Code,
    ids::{ClientId, ClientKey, RoomName},
    message::Position,
    value::Object,
};
use tokio::sync::{
    Semaphore,
    mpsc::{self, error::TrySendError},
    oneshot,
};

use crate::fanout::{Channel, Connection};

pub(crate) use open::{Seed, drive};
pub use pace::Pace;

/// Requests that wait for the driver to look at them.
const INBOX: usize = 256;
/// Bytes of updates of one room that are not decided yet; writers wait when they are used up.
const UNDECIDED_BYTES: usize = 4 << 20;
/// Added to the length of an update for what it takes in memory.
const UPDATE_OVERHEAD: usize = 256;

/// What a connection asks of its room.
#[derive(Debug)]
pub(crate) enum Ask {
    /// To join.
    Join(Box<JoinAsk>),
    /// For an operation.
    Update {
        connection: Arc<Connection>,
        update: Update,
        /// What it takes of the room's budget.
        cost: u32,
    },
    /// To be seen like this.
    Presence {
        connection: Arc<Connection>,
        data: Option<Object>,
    },
    /// For the head and its checksum.
    Heartbeat { connection: Arc<Connection> },
    /// For everything from a position on, or a snapshot.
    Resync {
        connection: Arc<Connection>,
        position: Option<Position>,
    },
}

/// `JOIN`, once it is known who asks.
#[derive(Debug)]
pub(crate) struct JoinAsk {
    pub(crate) connection: Arc<Connection>,
    pub(crate) client: ClientId,
    /// The key that was made for the client.
    pub(crate) made_key: Option<ClientKey>,
    pub(crate) position: Option<Position>,
    pub(crate) answer: oneshot::Sender<Result<(), Refusal>>,
}

/// Why a room takes no one in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// The server has as many rooms as it may.
    #[error("the server has as many rooms as it may")]
    TooManyRooms,
    /// The room has as many connections as it may.
    #[error("the room has as many connections as it may")]
    RoomFull,
    /// The log does not return the room.
    #[error("the room cannot be opened now")]
    Unavailable,
}

impl Refusal {
    /// The code that tells it to the client (rule C-10).
    pub(crate) fn code(self) -> Code {
        match self {
            Self::TooManyRooms => Code::TooManyRooms,
            Self::RoomFull => Code::RoomFull,
            Self::Unavailable => Code::Unavailable,
        }
    }
}

/// The driver of the room has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Closed;

/// What a room's driver shares with whoever asks something of it.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) name: RoomName,
    /// Tells it apart from every other room of this server, past ones too.
    pub(crate) number: u64,
    pub(crate) channel: Arc<Channel>,
    /// Bytes of updates that may still be taken in.
    pub(super) budget: Semaphore,
}

/// A room, for those who ask something of it.
#[derive(Debug)]
pub(crate) struct RoomHandle {
    shared: Arc<Shared>,
    inbox: mpsc::Sender<Ask>,
}

impl RoomHandle {
    /// A room whose driver is still to be started, with its inbox.
    pub(crate) fn new(
        name: RoomName,
        number: u64,
        channel: Arc<Channel>,
    ) -> (Self, mpsc::Receiver<Ask>) {
        let (inbox, asks) = mpsc::channel(INBOX);
        let budget = Semaphore::new(UNDECIDED_BYTES);
        (
            Self {
                shared: Arc::new(Shared {
                    name,
                    number,
                    channel,
                    budget,
                }),
                inbox,
            },
            asks,
        )
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// What an update of `length` bytes takes of the room's budget.
    pub(crate) fn cost(length: usize) -> u32 {
        u32::try_from((length + UPDATE_OVERHEAD).min(UNDECIDED_BYTES)).unwrap_or(u32::MAX)
    }

    /// Asks, if that needs no waiting; else gives it back.
    pub(crate) fn try_ask(&self, ask: Ask) -> Result<(), Ask> {
        let Ok(permit) = self.shared.budget.try_acquire_many(ask.cost()) else {
            return Err(ask);
        };
        self.inbox.try_send(ask).map_err(TrySendError::into_inner)?;
        // The driver gives it back once the update is decided.
        permit.forget();
        Ok(())
    }

    /// Asks. Waits while the inbox is full, or the room has more undecided updates than it may.
    pub(crate) async fn ask(&self, ask: Ask) -> Result<(), Closed> {
        let permit = self
            .shared
            .budget
            .acquire_many(ask.cost())
            .await
            .map_err(|_| Closed)?;
        self.inbox.send(ask).await.map_err(|_| Closed)?;
        permit.forget();
        Ok(())
    }
}

impl Ask {
    /// What it takes of the room's budget.
    fn cost(&self) -> u32 {
        match self {
            Self::Update { cost, .. } => *cost,
            _ => 0,
        }
    }
}
