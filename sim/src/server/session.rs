//! One connection as the server holds it.

use std::collections::BTreeMap;

use bytes::Bytes;
use revring_protocol::{
    codec::Codec,
    error::Code,
    ids::{ClientId, Millis, RoomName},
    message::ServerMessage,
};

use super::output::{Item, Output};
use crate::{monitor::Monitor, net::ConnectionId, wire};

/// The connections of a server.
pub(super) type Sessions = BTreeMap<ConnectionId, Session>;

/// One connection.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) codec: Codec,
    pub(super) frames: wire::Frames,
    /// Who joined which room.
    pub(super) joined: Option<(RoomName, ClientId)>,
    pub(super) output: Output,
    /// Requests without an answer on its way (rule C-9).
    pub(super) unanswered: usize,
    /// When a byte came last, or could be written past a full stream.
    pub(super) heard: Millis,
    pub(super) monitor: Monitor,
}

impl Session {
    pub(super) fn new(codec: Codec, now: Millis) -> Self {
        Self {
            codec,
            frames: wire::Frames::default(),
            joined: None,
            output: Output::new(),
            unanswered: 0,
            heard: now,
            monitor: Monitor::new(codec),
        }
    }

    /// The frame of `message`.
    pub(super) fn frame(&self, message: &ServerMessage) -> Bytes {
        wire::frame(&self.codec.encode(message)).into()
    }

    /// Answers a request.
    pub(super) fn answer(&mut self, message: &ServerMessage) {
        let frame = self.frame(message);
        self.output.push(Item::Message {
            frame,
            answers: true,
        });
    }

    /// A request needs no answer of its own.
    pub(super) fn settle(&mut self) {
        self.unanswered = self.unanswered.saturating_sub(1);
    }

    /// Ends the connection with `code`.
    pub(super) fn close_because(&mut self, code: Code, message: &str) {
        let frame = self.frame(&ServerMessage::error(code, message));
        self.output.close(Some(frame));
    }
}
