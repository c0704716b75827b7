//! The messages of both directions (SPEC.md, section W).

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::Serialize;

use crate::{
    change::{Operation, Update},
    error::Code,
    ids::{
        ClientId, ClientKey, ClientReqId, Collection, Epoch, RecordId, RecordKey, Rev, RoomName,
    },
    limits::Limits,
    value::{Object, Path},
};

pub use crate::record::State;

/// Where a client stands: a revision in the life of a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The epoch the revision belongs to.
    pub epoch: Epoch,
    /// The last revision the client has.
    pub last_rev: Rev,
}

/// `JOIN`: the first message of a connection. Its `Debug` form hides the token.
#[derive(Clone, PartialEq, Eq)]
pub struct Join {
    /// The room.
    pub room: RoomName,
    /// The client's secret; without one the server makes it.
    pub client_key: Option<ClientKey>,
    /// Where to resume.
    pub position: Option<Position>,
    /// The access token.
    pub token: Option<String>,
}

impl fmt::Debug for Join {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Join")
            .field("room", &self.room)
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

/// What a client sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientMessage {
    /// Chooses room and identity, and resumes.
    Join(Join),
    /// Asks for one operation.
    Update(Update),
    /// Says what others see of this client while it is connected; `None`: nothing.
    Presence(Option<Object>),
    /// Asks for the head and its checksum.
    Heartbeat,
    /// Asks to be sent everything from a position, or a snapshot.
    Resync(Option<Position>),
    /// Ends the connection.
    Leave,
}

/// What a server sends. Serialized as it stands on the wire, in JSON or MessagePack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum ServerMessage {
    /// Answers `JOIN` and `RESYNC`.
    #[serde(rename = "JOINED")]
    Joined(Joined),
    /// One part of the state at a revision.
    #[serde(rename = "SYNC.SNAPSHOT")]
    Snapshot(SnapshotPart),
    /// The operations in (`from_rev`, `to_rev`].
    #[serde(rename = "SYNC.DELTAS")]
    Deltas(Deltas),
    /// The client's next operation is not in the ring; a snapshot follows.
    #[serde(rename = "REVISION_GAP")]
    Gap(Gap),
    /// What became of a resend: it was accepted as `rev`.
    #[serde(rename = "ACK")]
    Ack {
        /// The update's id.
        client_req_id: ClientReqId,
        /// The revision it got.
        rev: Rev,
        /// It was accepted before.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        duplicate: bool,
    },
    /// The update changed nothing.
    #[serde(rename = "REJECT")]
    Reject(Reject),
    /// Who is present, or what changed since.
    #[serde(rename = "PRESENCE")]
    Presence {
        /// The presence of each client; `None`: gone.
        clients: BTreeMap<ClientId, Option<Object>>,
        /// These are all that are present.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        full: bool,
    },
    /// The head and the checksum there.
    #[serde(rename = "HEARTBEAT")]
    Heartbeat {
        /// The head.
        rev: Rev,
        /// The checksum at `rev`.
        checksum: String,
    },
    /// Something about the connection.
    #[serde(rename = "ERROR")]
    Error {
        /// What was wrong.
        code: Code,
        /// The same in words, naming what to do.
        message: String,
        /// Whether the same can succeed later.
        retryable: bool,
        /// When to retry, in milliseconds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after_ms: Option<u64>,
    },
}

impl ServerMessage {
    /// An `ERROR` with `code`, in the words of `message`.
    #[must_use]
    pub fn error(code: Code, message: impl Into<String>) -> Self {
        Self::Error {
            code,
            message: message.into(),
            retryable: code.retryable(),
            retry_after_ms: None,
        }
    }
}

/// `JOINED`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Joined {
    /// The client's public id.
    pub client_id: ClientId,
    /// The client's secret, when the server made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_key: Option<ClientKey>,
    /// The room.
    pub room: RoomName,
    /// Its epoch.
    pub epoch: Epoch,
    /// Its head.
    pub rev: Rev,
    /// False exactly when a snapshot follows.
    pub resumed: bool,
    /// The room's bounds.
    pub limits: Limits,
    /// Milliseconds after which the server pings a quiet client.
    pub heartbeat_ms: u64,
}

/// `SYNC.SNAPSHOT`: one part of the state at `rev`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SnapshotPart {
    /// The revision of the state.
    pub rev: Rev,
    /// Its epoch.
    pub epoch: Epoch,
    /// The part's number, from 0.
    pub part: u64,
    /// No part follows.
    pub last: bool,
    /// The records of this part.
    pub state: State,
    /// The checksum of the whole state, in the last part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<String>,
}

/// `SYNC.DELTAS`: the operations in (`from_rev`, `to_rev`], at least one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Deltas {
    /// The revision before the first operation.
    pub from_rev: Rev,
    /// The revision of the last operation.
    pub to_rev: Rev,
    /// The operations, in order.
    pub ops: Vec<Arc<Operation>>,
}

/// Why a client gets no delta.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum GapReason {
    /// Its next operation has left the ring.
    Behind,
    /// Its revision is above the head.
    Ahead,
    /// Its revision is of another epoch.
    Epoch,
}

/// An update of this client that was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Acked {
    /// The update's id.
    pub client_req_id: ClientReqId,
    /// The revision it got.
    pub rev: Rev,
}

/// `REVISION_GAP`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Gap {
    /// The client's last revision.
    pub expected_rev: Rev,
    /// The head.
    pub server_rev: Rev,
    /// The oldest revision in the ring.
    pub buffer_first_rev: Rev,
    /// The revision of the snapshot that follows.
    pub resume_from: Rev,
    /// Why.
    pub reason: GapReason,
    /// This client's remembered operations after `expected_rev`.
    pub acked: Vec<Acked>,
}

/// `REJECT`: the update changed nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Reject {
    /// The update's id.
    pub client_req_id: ClientReqId,
    /// Why.
    pub code: Code,
    /// The same in words, naming what to do.
    pub message: String,
    /// Whether the same update can succeed later.
    pub retryable: bool,
    /// When to retry, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// What stood in the way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conflict: Option<Conflict>,
}

impl Reject {
    /// A refusal of `client_req_id` with `code`, in the words of `message`.
    #[must_use]
    pub fn new(client_req_id: ClientReqId, code: Code, message: impl Into<String>) -> Self {
        Self {
            client_req_id,
            code,
            message: message.into(),
            retryable: code.retryable(),
            retry_after_ms: None,
            conflict: None,
        }
    }
}

/// What stood in the way of an update.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Conflict {
    /// The record's collection.
    pub collection: Collection,
    /// The record's id.
    pub id: RecordId,
    /// The record's version now; 0: it does not exist.
    pub version: u64,
    /// The value that was replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<Path>,
}

impl Conflict {
    /// The conflict on the record `key`, which is at `version`.
    #[must_use]
    pub fn on(key: &RecordKey, version: u64, path: Option<Path>) -> Self {
        Self {
            collection: key.collection.clone(),
            id: key.id.clone(),
            version,
            path,
        }
    }
}
