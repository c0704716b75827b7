//! Clients of revring: raw ones for the many, replicas for a sample, and the proof that all of them end with the server's state.

mod follower;
mod pen;
mod raw;
mod room;
mod verify;
mod wire;

use std::time::Duration;

use revring_protocol::{
    change::Change,
    codec::Codec,
    ids::{ClientKey, RoomName},
};

use crate::speaker::{Handshake, Outbox};

pub(crate) use follower::Follower;
pub(crate) use pen::{OPERATION_IDS, Pen, fill};
pub(crate) use raw::Raw;
pub(crate) use room::Room;
pub(crate) use verify::{Tally, verify};

/// Updates for a room that are not made by the plan but taken from elsewhere.
pub(crate) trait Source {
    /// The update with the number `sequence`, counted from 0; `None`: there are no more. Called once for each, in order.
    fn next(&mut self, sequence: u32) -> Option<Planned>;

    /// How many there are still; `None`: it does not know.
    fn length(&self) -> Option<u64> {
        None
    }
}

/// An update to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    /// When, counted from the start of the load; `None`: as soon as the plan's window has room.
    pub(crate) at: Option<Duration>,
    /// What it asks for. Positions of splices are those of the state after all updates before it.
    pub(crate) changes: Vec<Change>,
}

/// Who a client is, and where.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    /// Its room.
    pub(crate) room: RoomName,
    /// Its secret.
    pub(crate) key: ClientKey,
    /// How it encodes.
    pub(crate) codec: Codec,
}

/// What a client's WebSocket handshake asks for.
pub(crate) fn handshake(codec: Codec) -> Handshake {
    Handshake {
        path: "/v1/ws".to_owned(),
        subprotocol: Some(codec.subprotocol()),
    }
}

/// Queues `message`, encoded, in a frame of the codec's kind.
fn queue(codec: Codec, message: &revring_protocol::message::ClientMessage, out: &mut Outbox) {
    queue_bytes(codec, &codec.encode(message), out);
}

pub(crate) fn queue_bytes(codec: Codec, payload: &[u8], out: &mut Outbox) {
    match codec {
        Codec::Json => out.frame(0x1, payload),
        Codec::MessagePack => out.binary(payload),
    }
}
