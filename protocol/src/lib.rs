//! The revring protocol, pure and synchronous: no network, no clock, no randomness.
//!
//! `SPEC.md` beside this crate is the specification; the rules it numbers (`F-3`) are named throughout.
//!
//! - [`message`], [`change`], [`record`], [`value`], [`ids`]: what is said.
//! - [`codec`]: how it stands on the wire, in JSON and MessagePack.
//! - [`document`]: the state, and what changes do to it.
//! - [`room`]: the server's half, a state machine: requests in, operations and answers out.
//! - [`replica`]: the client's half: confirmed state, pending updates, optimistic view.
//! - [`limits`], [`error`]: every bound and every code.

pub mod change;
pub mod codec;
pub mod document;
pub mod error;
pub mod ids;
pub mod limits;
pub mod message;
pub mod record;
pub mod replica;
pub mod room;
#[cfg(feature = "schema")]
pub mod schema;
pub mod value;

/// The version of the protocol: it stands in the path and the subprotocols (rules W-1 and W-9).
pub const PROTOCOL_VERSION: u32 = 1;
