//! A deterministic simulation of revring: everything that happens follows from one number, the seed.
//!
//! One thread, its own clock, its own randomness: the same seed gives the same run, byte for byte, on every machine. A run is a number
//! of steps; each step is one thing that happens somewhere (a client types, a stream passes on bytes, the disk flushes, the power
//! goes), and after each step everything that must hold is checked. At the end the faults stop, everyone comes back, and all must
//! have the same.
//!
//! # What is real
//!
//! - [`Room`](revring_protocol::room::Room) with its ring, batches, judging and memory of accepted ids, and
//!   [`Replica`](revring_protocol::replica::Replica).
//! - The codecs: every message is encoded and decoded, in JSON or MessagePack.
//! - [`Feed`](revring::feed::Feed), from which readers are served by their cursors, and [`Pace`](revring::Pace), which
//!   holds commits back.
//! - The types and laws of [`revring::log`].
//!
//! # What is simulated
//!
//! - [`net`]: streams that are slow, bounded, and end anywhere, in the middle of a frame, too. Order holds within a stream, not
//!   between them: what an old connection still carries arrives after the new one has joined.
//! - [`disk`]: what is written is certain only once it is flushed. Torn and lost sectors, failed and ambiguous flushes, no space.
//! - [`log`]: a journal with checksums on that disk, one flush for all rooms, and checkpoints.
//! - [`server`]: what the drivers of rooms and the writers of connections do, as single steps, between any two of which the
//!   process may be killed.
//!
//! # What is not
//!
//! Threads, tokio, sockets, WebSocket frames, authentication, presence, `SQLite`. They have tests of their own.
//!
//! # What judges
//!
//! [`oracle`] reads the platter of the disk, with a document of its own making; [`monitor`] reads along every connection. What is shown
//! or acknowledged and is not on the platter is a failure at that very step. [`breakage`] breaks promises on purpose, to show that
//! each is watched.

pub mod batch;
pub mod breakage;
pub mod broken;
pub mod client;
pub mod counters;
pub mod dice;
pub mod disk;
pub mod log;
pub mod monitor;
pub mod net;
pub mod oracle;
pub mod run;
pub mod server;
pub mod shrink;
pub mod trace;
mod wire;
mod work;
pub mod world;

pub use run::{Options, Report, run};
