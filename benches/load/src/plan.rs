//! What a crowd of clients is to do.

use std::time::Duration;

use revring_protocol::codec::Codec;

/// What one run does.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Which run it is, for tables and progress bars.
    pub(crate) name: String,
    /// Rooms, over which clients and writers are dealt in turn.
    pub(crate) rooms: usize,
    /// Clients that read, in all rooms together; writers are clients too and come on top.
    pub(crate) readers: usize,
    /// Clients that write.
    pub(crate) writers: usize,
    /// When writers write.
    pub(crate) pace: Pace,
    /// Bytes of payload in an update, its ids and frame not counted.
    pub(crate) payload: usize,
    /// How all clients encode.
    pub(crate) codec: Codec,
    /// What an update is.
    pub(crate) work: Work,
    /// Records put into each room, of `record_bytes` bytes each, before the readers come.
    pub(crate) records: usize,
    /// Bytes of each of those records.
    pub(crate) record_bytes: usize,
    /// Readers that hold a whole replica, of those in `readers`.
    pub(crate) replicas: usize,
    /// Readers that read slowly, of those in `readers`.
    pub(crate) slow: Option<Slow>,
    /// Share of the readers that lose their connection each second and come back, 0 to 1.
    pub(crate) reconnecting: f64,
    /// Of how many readers one has the stamps of its operations looked at; 1 for all. The others' frames are checked and counted.
    pub(crate) stamps_of_one_in: usize,
    /// Connections opened per second at the start.
    pub(crate) ramp: f64,
    /// Load before the measured time.
    pub(crate) warm_up: Duration,
    /// The measured time.
    pub(crate) duration: Duration,
    /// Never sleeps while it waits: what a write costs the server depends on whether its reader sleeps.
    pub(crate) awake: bool,
}

/// When updates are sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Pace {
    /// Never.
    Quiet,
    /// So many updates each second over all writers, whatever the server does. Latencies count from the intended time.
    Rate(f64),
    /// As fast as it goes, with at most so many unanswered updates for each writer.
    Window(usize),
}

/// What an update does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// `merge` of one field of one record that all write.
    Merge,
    /// `set` at one path of one record that all write.
    Set,
    /// `put` of a record of its own, one of as many as `records`.
    Put,
}

/// Clients that read slowly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Slow {
    /// How many readers.
    pub(crate) clients: usize,
    /// Bytes that each reads in a second.
    pub(crate) bytes_per_second: u64,
}
