//! Settings: what each means, where it may come from, and what it may be.
//!
//! Every setting has one name everywhere: the flag `--ring-ops`, the environment variable
//! `REVRING_RING_OPS` and the key `ring-ops` of the configuration file. Flags come before the environment,
//! the environment before the file, the file before the default.

mod error;
mod file;
mod keys;
mod kind;
mod layers;
mod relations;
mod value;

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use revring_protocol::limits::{IN_FLIGHT, Limits};

pub use error::{ConfigError, Origin};
pub use keys::{Group, KEYS, Key};
pub(crate) use keys::{MOST_DEPTH, MOST_DOCUMENT_BYTES};
pub use layers::{Loaded, Sources};

use crate::{auth::TokenRule, log::Durability};

/// Everything a server can be told. [`Settings::default`] is what `revring serve` does when told nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Address and port to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Without tokens, serve on addresses that others can reach, too.
    pub open: bool,
    /// Who may open which rooms; none: everyone, all of them.
    pub tokens: Vec<TokenRule>,

    /// Keep rooms in memory; they end with the process.
    pub ephemeral: bool,
    /// Where rooms are kept, unless they are ephemeral.
    pub data_dir: PathBuf,
    /// What it means that an update was acknowledged, unless rooms are ephemeral.
    pub durability: Durability,

    /// Connections at once.
    pub max_connections: usize,
    /// Connections at once in one room.
    pub max_room_connections: usize,
    /// Rooms in memory at once.
    pub max_rooms: usize,
    /// How long a room without connections stays in memory.
    pub room_idle: Duration,

    /// Operations the ring of a room holds.
    pub ring_ops: usize,
    /// Bytes the ring of a room holds.
    pub ring_bytes: usize,
    /// Bytes of one message from a client.
    pub message_bytes: usize,
    /// Changes of one update.
    pub changes_per_update: usize,
    /// Size of one operation.
    pub operation_bytes: usize,
    /// Size of one record.
    pub record_bytes: usize,
    /// Size of the document of a room.
    pub document_bytes: usize,
    /// Nesting levels of a record's data.
    pub depth: usize,
    /// Size of one client's presence.
    pub presence_bytes: usize,
    /// Updates per second and connection; 0: no limit.
    pub updates_per_second: usize,

    /// How long a client may take over its HTTP request head.
    pub handshake_time: Duration,
    /// How long a client may take from the upgrade to its `JOIN` (rule C-1).
    pub join_time: Duration,
    /// A client from which nothing came for this long is pinged (rule H-2).
    pub heartbeat: Duration,
    /// A client that is silent for this long is ended (rule H-3).
    pub silence: Duration,
    /// How long connections may take to end when the server shuts down.
    pub shutdown_grace: Duration,
    /// At shutdown, clients are told to come back within this time, each at a moment of its own (rule C-11).
    pub reconnect_spread: Duration,

    /// Bytes the kernel may hold for one connection that does not read.
    pub send_buffer: usize,
    /// Worker threads; 0: one per processor.
    pub workers: usize,

    /// What is logged: a level, or a filter of `tracing`.
    pub log: String,
    /// How log lines look.
    pub log_format: LogFormat,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Human,
    /// For programs: one JSON object per line.
    Json,
}

impl Settings {
    /// The bounds of each room, as clients are told them in `JOINED`.
    #[must_use]
    pub fn limits(&self) -> Limits {
        Limits {
            ring_ops: self.ring_ops,
            ring_bytes: self.ring_bytes,
            in_flight: IN_FLIGHT,
            message_bytes: self.message_bytes,
            changes_per_update: self.changes_per_update,
            operation_bytes: self.operation_bytes,
            record_bytes: self.record_bytes,
            document_bytes: self.document_bytes,
            depth: self.depth,
            presence_bytes: self.presence_bytes,
            silence_ms: u64::try_from(self.silence.as_millis()).unwrap_or(u64::MAX),
            updates_per_second: u32::try_from(self.updates_per_second).unwrap_or(u32::MAX),
        }
    }

    /// Checks every value and how the values fit together.
    ///
    /// # Errors
    /// Names the first setting that does not fit, its value and what is allowed.
    pub fn check(&self) -> Result<(), ConfigError> {
        relations::check(self, &|_| Origin::Given)
    }
}

impl Default for Settings {
    fn default() -> Self {
        let limits = Limits::DEFAULT;
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 7700)),
            open: false,
            tokens: Vec::new(),
            ephemeral: false,
            data_dir: PathBuf::from("revring-data"),
            durability: Durability::Full,
            max_connections: 16_384,
            max_room_connections: 10_000,
            max_rooms: 10_000,
            room_idle: Duration::from_mins(1),
            ring_ops: limits.ring_ops,
            ring_bytes: limits.ring_bytes,
            message_bytes: limits.message_bytes,
            changes_per_update: limits.changes_per_update,
            operation_bytes: limits.operation_bytes,
            record_bytes: limits.record_bytes,
            document_bytes: limits.document_bytes,
            depth: limits.depth,
            presence_bytes: limits.presence_bytes,
            updates_per_second: limits.updates_per_second as usize,
            handshake_time: Duration::from_secs(10),
            join_time: Duration::from_secs(10),
            heartbeat: Duration::from_secs(15),
            silence: Duration::from_millis(limits.silence_ms),
            shutdown_grace: Duration::from_secs(10),
            reconnect_spread: Duration::from_secs(5),
            send_buffer: 128 << 10,
            workers: 0,
            log: "info".to_owned(),
            log_format: LogFormat::Human,
        }
    }
}
