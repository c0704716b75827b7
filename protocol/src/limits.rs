//! Every bound of the protocol, and the relations between them.

/// The largest integer that every client can hold exactly: 2^53 − 1.
pub const MAX_SAFE_INTEGER: i64 = (1 << 53) - 1;

/// Payload bytes of a frame from the server, unless it carries exactly one operation or record (rule W-8).
pub const FRAME_BYTES: usize = 1 << 20;
/// Nesting levels of a whole message (rule V-5).
pub const MESSAGE_DEPTH: usize = 48;

/// Bytes of a room's name (rule N-1).
pub const ROOM_NAME_BYTES: usize = 128;
/// Bytes of a collection's name (rule N-1).
pub const COLLECTION_BYTES: usize = 64;
/// Bytes of a record's id (rule N-1).
pub const RECORD_ID_BYTES: usize = 128;
/// Bytes of a `clientReqId` (rule N-1).
pub const CLIENT_REQ_ID_BYTES: usize = 64;
/// Bytes of an epoch (rule N-1).
pub const EPOCH_BYTES: usize = 64;
/// Least bytes of a `clientKey` (rule N-2).
pub const CLIENT_KEY_MIN_BYTES: usize = 16;
/// Most bytes of a `clientKey` (rule N-2).
pub const CLIENT_KEY_MAX_BYTES: usize = 128;
/// Characters of a `clientId` (rule N-2).
pub const CLIENT_ID_CHARS: usize = 16;
/// Bytes of a path (rule N-3).
pub const PATH_BYTES: usize = 1024;
/// Bytes of an access token in `JOIN`.
pub const TOKEN_BYTES: usize = 4096;

/// Unanswered requests of one connection (rule C-9).
pub const IN_FLIGHT: usize = 256;
/// Accepted ids remembered per client (rule U-3).
pub const REMEMBERED_IDS: usize = 256;
/// Clients whose ids a room remembers (rule U-4).
pub const REMEMBERED_CLIENTS: usize = 65_536;
/// Tombstones of a room (rule D-6).
pub const TOMBSTONES: usize = 65_536;
/// Changes that one batch judges, those refused included, unless a single update has more.
pub const BATCH_CHANGES: usize = 2048;
/// Size of an object without entries: what it takes in memory is a multiple of its encoding (rule V-6).
pub const OBJECT_OVERHEAD: usize = 128;
/// How often one update may move a splice over another (rule S-7).
pub const SPLICE_MOVES: usize = 1 << 14;
/// A batch is at most this part of the ring, in operations and bytes (rule O-7).
pub const BATCH_SHARE: usize = 4;
/// Snapshots of one room alive at once.
pub const SNAPSHOTS_ALIVE: usize = 4;

/// Size added to each record for its numbers (rule D-9).
pub const RECORD_OVERHEAD: usize = 96;
/// Size added to each operation for its ids and numbers (rule D-9).
pub const OPERATION_OVERHEAD: usize = 256;
/// Size added to each change for its names and numbers (rule D-9).
pub const CHANGE_OVERHEAD: usize = 160;

// Whatever is unanswered is still remembered when its resend arrives.
const _: () = assert!(IN_FLIGHT <= REMEMBERED_IDS);
// Data that a record may hold can be sent back in an update: message, changes, change and data are levels too.
const _: () = assert!(Limits::DEFAULT.depth + 8 <= MESSAGE_DEPTH);
// A batch of one operation fits, and an operation fits in a frame.
const _: () = assert!(Limits::DEFAULT.operation_bytes <= Limits::DEFAULT.ring_bytes / BATCH_SHARE);
const _: () = assert!(Limits::DEFAULT.operation_bytes <= FRAME_BYTES);
const _: () = assert!(Limits::DEFAULT.record_bytes <= FRAME_BYTES);
const _: () = assert!(Limits::DEFAULT.message_bytes <= FRAME_BYTES);

/// The bounds of one room, as its server is configured; told to clients in `JOINED.limits`.
///
/// "Size" is the codec-independent size of rule V-6.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Limits {
    /// Operations the ring holds.
    pub ring_ops: usize,
    /// Bytes the ring holds, in the size of its operations.
    pub ring_bytes: usize,
    /// Unanswered requests of one connection.
    pub in_flight: usize,
    /// Bytes of one message from a client, as it stands on the wire.
    pub message_bytes: usize,
    /// Changes of one update.
    pub changes_per_update: usize,
    /// Size of one operation.
    pub operation_bytes: usize,
    /// Size of one record.
    pub record_bytes: usize,
    /// Size of the document.
    pub document_bytes: usize,
    /// Nesting levels of a record's data, the data itself being the first.
    pub depth: usize,
    /// Size of one client's presence.
    pub presence_bytes: usize,
    /// Milliseconds of silence after which a connection is ended.
    pub silence_ms: u64,
    /// Updates per second and connection; 0: no limit.
    pub updates_per_second: u32,
}

impl Limits {
    /// The bounds a server has when nothing is configured.
    pub const DEFAULT: Self = Self {
        ring_ops: 1024,
        ring_bytes: 4 << 20,
        in_flight: IN_FLIGHT,
        message_bytes: 256 << 10,
        changes_per_update: 256,
        operation_bytes: 1 << 20,
        record_bytes: 512 << 10,
        document_bytes: 64 << 20,
        depth: 32,
        presence_bytes: 4 << 10,
        silence_ms: 45_000,
        updates_per_second: 0,
    };

    /// Operations that one batch may hold (rule O-7).
    #[must_use]
    pub fn batch_ops(&self) -> usize {
        (self.ring_ops / BATCH_SHARE).max(1)
    }

    /// Size that one batch may have (rule O-7).
    #[must_use]
    pub fn batch_bytes(&self) -> usize {
        self.ring_bytes / BATCH_SHARE
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
