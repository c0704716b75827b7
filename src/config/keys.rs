//! The table of settings: the name of each, what it means, its place in [`Settings`] and its range.

use std::time::Duration;

use revring_protocol::limits::{BATCH_SHARE, FRAME_BYTES, MESSAGE_DEPTH};

use super::{Settings, kind::Kind};

/// One setting.
#[derive(Debug)]
pub struct Key {
    /// Its name in the file, after `--` and, in capitals, after `REVRING_`.
    pub name: &'static str,
    /// What it belongs to.
    pub group: Group,
    /// What it does, in a few words.
    pub summary: &'static str,
    /// What else there is to know; may be empty.
    pub details: &'static str,
    kind: Kind,
}

/// What a setting belongs to: a heading of `--help` and of the example file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Who can connect, and where.
    Network,
    /// Where rooms are kept.
    Storage,
    /// What each room holds.
    Rooms,
    /// What one client may send.
    Messages,
    /// How long things may take.
    Times,
    /// What the server says about itself.
    Logging,
}

impl Group {
    /// Every group, in the order of the table.
    pub const ALL: [Self; 6] = [
        Self::Network,
        Self::Storage,
        Self::Rooms,
        Self::Messages,
        Self::Times,
        Self::Logging,
    ];

    /// The group in words.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Network => "Network",
            Self::Storage => "Storage",
            Self::Rooms => "Rooms",
            Self::Messages => "Messages",
            Self::Times => "Times",
            Self::Logging => "Logging",
        }
    }
}

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
const MOMENT: Duration = Duration::from_millis(50);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);
/// Levels of a message around a record's data.
const ENVELOPE_DEPTH: usize = 8;
/// The most that `depth` can be set to.
pub(crate) const MOST_DEPTH: usize = MESSAGE_DEPTH - ENVELOPE_DEPTH;
/// The most that `document-bytes` can be set to.
pub(crate) const MOST_DOCUMENT_BYTES: usize = 2048 * MIB;

/// Every setting, by group.
pub const KEYS: &[Key] = &[
    Key {
        name: "listen",
        group: Group::Network,
        summary: "Address and port to listen on",
        details: "Port 0 takes a free one; the line printed once the server listens names it. Without [[tokens]] in \
                  the configuration file only loopback addresses are accepted, unless --open is given.",
        kind: Kind::Address(|s| &mut s.listen),
    },
    Key {
        name: "open",
        group: Group::Network,
        summary: "Listen where others can reach it although there are no tokens",
        details: "Anyone who reaches the port can then read and write every room.",
        kind: Kind::Switch(|s| &mut s.open),
    },
    Key {
        name: "max-connections",
        group: Group::Network,
        summary: "Most connections at once",
        details: "Whoever comes after that gets HTTP 503 and is asked to come back.",
        kind: Kind::Count(|s| &mut s.max_connections, 1, 10_000_000),
    },
    Key {
        name: "send-buffer",
        group: Group::Network,
        summary: "Kernel memory for what a client has not read yet",
        details: "More of it hides for longer that a client is slow, and costs memory for each slow client. 0 leaves \
                  it to the kernel.",
        kind: Kind::Size(|s| &mut s.send_buffer, 0, 16 * MIB),
    },
    Key {
        name: "workers",
        group: Group::Network,
        summary: "Threads to work with; 0: one per processor",
        details: "",
        kind: Kind::Count(|s| &mut s.workers, 0, 1024),
    },
    Key {
        name: "data-dir",
        group: Group::Storage,
        summary: "Keep rooms in this directory",
        details: "It is made if need be, and used by one server at a time. A relative path starts at the directory that the \
                  server is started in, in a configuration file, too.",
        kind: Kind::Dir(|s| &mut s.data_dir),
    },
    Key {
        name: "durability",
        group: Group::Storage,
        summary: "What an acknowledged update survives: full, os or none",
        details: "full: the end of the process and of the machine, power loss included; every update is flushed to disk, many \
                  at once under load. os: the end of the process; if the machine ends in disorder the latest updates may be \
                  lost. none: nothing is ever flushed; if the machine ends in disorder the store may be damaged. Where \
                  something that clients have seen may be lost, rooms get a new epoch and clients start from a snapshot.",
        kind: Kind::Durability(|s| &mut s.durability),
    },
    Key {
        name: "ephemeral",
        group: Group::Storage,
        summary: "Keep rooms in memory only: they end with the process",
        details: "",
        kind: Kind::Switch(|s| &mut s.ephemeral),
    },
    Key {
        name: "max-rooms",
        group: Group::Rooms,
        summary: "Most rooms at once",
        details: "Whoever asks for one more gets TOO_MANY_ROOMS and is asked to come back.",
        kind: Kind::Count(|s| &mut s.max_rooms, 1, 10_000_000),
    },
    Key {
        name: "max-room-connections",
        group: Group::Rooms,
        summary: "Most connections at once in one room",
        details: "Whoever comes after that gets ROOM_FULL and is asked to come back.",
        kind: Kind::Count(|s| &mut s.max_room_connections, 1, 10_000_000),
    },
    Key {
        name: "ring-ops",
        group: Group::Rooms,
        summary: "Operations each room keeps for late clients",
        details: "A client that is further behind gets a snapshot instead of a delta. At most a quarter of the ring is \
                  committed at once.",
        kind: Kind::Count(|s| &mut s.ring_ops, BATCH_SHARE, 1 << 20),
    },
    Key {
        name: "ring-bytes",
        group: Group::Rooms,
        summary: "Most bytes of operations each room keeps for them",
        details: "Whichever of ring-ops and ring-bytes is reached first ends the ring.",
        kind: Kind::Size(|s| &mut s.ring_bytes, BATCH_SHARE * KIB, 1024 * MIB),
    },
    Key {
        name: "document-bytes",
        group: Group::Rooms,
        summary: "Largest document of a room",
        details: "An update that would make it larger is rejected with TOO_LARGE.",
        kind: Kind::Size(|s| &mut s.document_bytes, KIB, MOST_DOCUMENT_BYTES),
    },
    Key {
        name: "record-bytes",
        group: Group::Rooms,
        summary: "Largest record",
        details: "At most document-bytes; when not set, lowered to it.",
        kind: Kind::Size(|s| &mut s.record_bytes, KIB, FRAME_BYTES),
    },
    Key {
        name: "depth",
        group: Group::Rooms,
        summary: "Most levels that a record's data may nest",
        details: "",
        kind: Kind::Count(|s| &mut s.depth, 1, MOST_DEPTH),
    },
    Key {
        name: "message-bytes",
        group: Group::Messages,
        summary: "Largest message from a client",
        details: "A larger one ends the connection with TOO_LARGE.",
        kind: Kind::Size(|s| &mut s.message_bytes, KIB, FRAME_BYTES),
    },
    Key {
        name: "changes-per-update",
        group: Group::Messages,
        summary: "Most changes in one update",
        details: "",
        kind: Kind::Count(|s| &mut s.changes_per_update, 1, 65_536),
    },
    Key {
        name: "operation-bytes",
        group: Group::Messages,
        summary: "Largest operation: what an accepted update becomes",
        details: "At most a quarter of ring-bytes; when not set, lowered to it.",
        kind: Kind::Size(|s| &mut s.operation_bytes, KIB, FRAME_BYTES),
    },
    Key {
        name: "presence-bytes",
        group: Group::Messages,
        summary: "Largest presence of a client",
        details: "At most message-bytes; when not set, lowered to it.",
        kind: Kind::Size(|s| &mut s.presence_bytes, 16, 64 * KIB),
    },
    Key {
        name: "updates-per-second",
        group: Group::Messages,
        summary: "Most updates per second and connection; 0: no limit",
        details: "Updates over it are rejected with RATE_LIMITED and may be sent again. Without it a fast writer is held \
                  back by its socket and none of its updates is refused.",
        kind: Kind::Count(|s| &mut s.updates_per_second, 0, 1_000_000),
    },
    Key {
        name: "handshake-time",
        group: Group::Times,
        summary: "How long a client may take to send its HTTP request",
        details: "",
        kind: Kind::Time(|s| &mut s.handshake_time, MOMENT, HOUR),
    },
    Key {
        name: "join-time",
        group: Group::Times,
        summary: "How long a connected client may take to send JOIN",
        details: "",
        kind: Kind::Time(|s| &mut s.join_time, MOMENT, HOUR),
    },
    Key {
        name: "heartbeat",
        group: Group::Times,
        summary: "How long a client may be quiet before it is pinged",
        details: "Shorter than silence; when not set, lowered to a third of it.",
        kind: Kind::Time(|s| &mut s.heartbeat, MOMENT, DAY),
    },
    Key {
        name: "silence",
        group: Group::Times,
        summary: "How long a client may be silent before it is dropped",
        details: "A client that reads slowly is not silent.",
        kind: Kind::Time(|s| &mut s.silence, MOMENT, DAY),
    },
    Key {
        name: "room-idle",
        group: Group::Times,
        summary: "How long a room without connections stays in memory",
        details: "Its content and revisions stay; only a room that was never written to is forgotten.",
        kind: Kind::Time(|s| &mut s.room_idle, Duration::ZERO, DAY),
    },
    Key {
        name: "shutdown-grace",
        group: Group::Times,
        summary: "How long connections may take to end at shutdown",
        details: "",
        kind: Kind::Time(|s| &mut s.shutdown_grace, Duration::ZERO, HOUR),
    },
    Key {
        name: "reconnect-spread",
        group: Group::Times,
        summary: "Longest wait that clients are told at shutdown",
        details: "Each is told to come back after a random time up to this, so that they do not come all at once.",
        kind: Kind::Time(|s| &mut s.reconnect_spread, MOMENT, HOUR),
    },
    Key {
        name: "log",
        group: Group::Logging,
        summary: "What to log: error, warn, info, debug, trace or off",
        details: "Logs go to stderr. Parts of the server can have a level of their own: info,revring::server=debug.",
        kind: Kind::Filter(|s| &mut s.log),
    },
    Key {
        name: "log-format",
        group: Group::Logging,
        summary: "How log lines look: human or json",
        details: "",
        kind: Kind::Format(|s| &mut s.log_format),
    },
];

/// The setting called `name`, if there is one.
pub(super) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// The environment variable of the setting `key`.
pub(super) fn env_name(key: &str) -> String {
    format!("REVRING_{}", key.to_ascii_uppercase().replace('-', "_"))
}

impl Key {
    /// What stands for the value in `--help`; `None`: the setting is a switch.
    #[must_use]
    pub fn placeholder(&self) -> Option<&'static str> {
        self.kind.placeholder()
    }

    /// The value in `settings`, as it is written in the file; `None`: it has none.
    #[must_use]
    pub fn shown(&self, settings: &Settings) -> Option<String> {
        self.kind.shown(settings)
    }

    /// Sets the value in `settings` to what `text` says, or else says what is allowed.
    pub(super) fn set(&self, settings: &mut Settings, text: &str) -> Result<(), String> {
        self.kind.set(settings, text).ok_or_else(|| self.allowed())
    }

    /// Whether the value in `settings` is one that the setting may have.
    pub(super) fn in_range(&self, settings: &Settings) -> bool {
        self.kind.in_range(settings)
    }

    /// What the setting may be, in words.
    pub(super) fn allowed(&self) -> String {
        self.kind.allowed()
    }
}
