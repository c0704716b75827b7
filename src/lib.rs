//! A real-time revision server: every room has one revision line, and every client reads it at its own pace.
//!
//! [`Server`] is the whole of it, to be embedded or run as the `revring` command; [`config::Settings`] is what it
//! can be told. The protocol stands in `protocol/SPEC.md`.

pub mod auth;
pub mod cli;
pub mod config;
mod exchange;
pub mod fanout;
pub mod feed;
mod files;
pub mod hub;
pub mod log;
pub mod logging;
mod presence;
mod room;
pub mod server;
pub mod shutdown;
mod snapshot;
mod text;
pub mod transport;

pub use room::Pace;
pub use server::Server;
