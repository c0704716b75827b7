//! Sockets: one WebSocket connection of an actor, seen frame by frame.

mod dial;
mod link;

pub(crate) use dial::{Dial, dial, refused_upgrade};
pub(crate) use link::{End, Event, Incoming, Link, frame};
