//! What can go wrong, one type per operation.

use revring_protocol::{error::Code, ids::Rev, message::Reject};

use crate::change::InvalidChange;

/// Why a room could not be opened: something about the arguments.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The address is not one the client can connect to.
    #[error("url {url:?}: {problem}")]
    Url {
        /// The address.
        url: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The room's name is not valid.
    #[error(transparent)]
    Room(#[from] revring_protocol::ids::InvalidName),
    /// An option has a value it cannot have.
    #[error("option {option} must be {allowed}")]
    Option {
        /// The method of [`Options`](crate::Options) that sets it.
        option: &'static str,
        /// What is allowed.
        allowed: &'static str,
    },
    /// The system has no random numbers to give.
    #[error("no random numbers: {0}")]
    Random(String),
    /// A room lives on a tokio runtime, and there is none here.
    #[error("call this from within a tokio runtime")]
    NoRuntime,
}

/// Why [`connect`](crate::connect()) has no room to give.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// Something about the arguments.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The first attempt failed, and a later one may succeed.
    #[error("not reachable: {0}")]
    Unreachable(String),
    /// The server refused for good.
    #[error(transparent)]
    Closed(#[from] Closed),
}

/// Why a room is closed for good: the client does not reconnect by itself any more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Closed {
    /// [`Room::close`](crate::Room::close) was called, or the last handle was dropped.
    #[error("the room was left")]
    Left,
    /// The same client joined the room over another connection (rule C-5).
    #[error("the same client joined elsewhere")]
    Superseded,
    /// The server refused, with a code that no retry mends.
    #[error("refused: {code}: {message}")]
    Refused {
        /// The code.
        code: Code,
        /// The server's words.
        message: String,
    },
    /// What answers at the address is not a revring server that takes this client.
    #[error("handshake failed: {0}")]
    Handshake(String),
    /// The server closed the connection with a final code and no other word.
    #[error("closed by the server with {code} {reason:?}")]
    ByServer {
        /// The close code (rule E-2).
        code: u16,
        /// The reason in the close frame.
        reason: String,
    },
}

/// Why an update was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UpdateError {
    /// A change is not valid; nothing was sent and nothing changed.
    #[error(transparent)]
    Invalid(#[from] InvalidChange),
    /// It cannot be sent, or does not apply to the view; nothing was sent and nothing changed.
    #[error(transparent)]
    Refused(#[from] revring_protocol::replica::UpdateError),
    /// The server, or a concurrent operation, rejected it; it changed nothing.
    #[error("rejected: {}: {}", .0.code, .0.message)]
    Rejected(Box<Reject>),
    /// A gap set it aside, and the room was opened with [`OnGap::Discard`](crate::OnGap::Discard).
    #[error("discarded on a gap")]
    Discarded,
    /// [`Options::max_pending`](crate::Options::max_pending) updates are unanswered;
    /// [`Room::try_update`](crate::Room::try_update) does not wait.
    #[error("too many updates are unanswered")]
    TooManyPending,
    /// The room was closed for good before an answer came: the update may or may not have been accepted.
    #[error("closed before it was answered: {0}")]
    Closed(#[from] Closed),
}

/// What becomes of an update: the revision it was accepted as, or why it was not.
pub type UpdateResult = Result<Rev, UpdateError>;
