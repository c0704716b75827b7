//! Executable conformance fixtures for revring servers and clients, and their runner.
//!
//! A [fixture](fixture::Fixture) says what actors send and receive, message by message. [`suite::run`] takes it to a server
//! over real sockets; [`play::play`] takes it to a client under test, with the [reference server](mod@reference) behind it. The
//! format is described in `README.md` beside this crate.

pub mod cli;
pub mod fixture;
mod net;
mod pattern;
pub mod play;
mod random;
pub mod reference;
pub mod report;
mod server;
mod stage;
pub mod suite;
mod transcode;

pub use server::ServerError;
