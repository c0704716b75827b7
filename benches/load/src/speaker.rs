//! One client as its server sees it, without a socket: what it says, and what it makes of what it hears. There is one kind for each
//! protocol that can be put under load.

use std::net::SocketAddr;

use crate::stamp::Stamp;

/// How a connection begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Handshake {
    /// Path and query of the WebSocket.
    pub(crate) path: String,
    /// The subprotocol asked for.
    pub(crate) subprotocol: Option<&'static str>,
}

impl Handshake {
    /// What it sends to a server at `address`.
    pub(crate) fn request(&self, address: SocketAddr) -> Vec<u8> {
        let subprotocol = self.subprotocol.map_or_else(String::new, |name| {
            format!("Sec-WebSocket-Protocol: {name}\r\n")
        });
        format!(
            "GET {} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{subprotocol}\r\n",
            self.path
        )
        .into_bytes()
    }
}

/// Whether a message is text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A text frame.
    Text,
    /// A binary frame.
    Binary,
}

/// A client's half of a protocol.
pub(crate) trait Speaker {
    /// What the WebSocket handshake asks for.
    fn handshake(&self) -> Handshake;

    /// The handshake is done. Speakers that have to say something first queue it here.
    fn opened(&mut self, out: &mut Outbox, heard: &mut Heard);

    /// A whole message came. Stamps of operations in `payload` are found by the caller; the speaker tells the rest.
    ///
    /// # Errors
    /// In words, when the server breaks the protocol or refuses what cannot be refused; the run fails with it.
    fn hear(
        &mut self,
        kind: Kind,
        payload: &[u8],
        out: &mut Outbox,
        heard: &mut Heard,
    ) -> Result<(), String>;

    /// Queues an update that carries `stamp` and, with it, about `bytes` bytes of payload.
    fn update(&mut self, stamp: Stamp, bytes: usize, out: &mut Outbox);
}

/// What a speaker made of a message.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// The client has joined and has its first state: it counts as live from now on.
    pub(crate) live: bool,
    /// Updates of this client, by sequence, that the server says it took. A server that shows authors their own operations need not
    /// say it in another way: the caller sees the stamp.
    pub(crate) acknowledged: Vec<u32>,
    /// The message carries operations (`false`: stamps in it, as in a first state, are not deliveries).
    pub(crate) operations: bool,
    /// How many operations, where the speaker knows without looking at each; 0: the caller counts stamps.
    pub(crate) deliveries: u64,
    /// Updates of this client, by sequence, that the server refused, each with the reason's name.
    pub(crate) refused: Vec<(u32, String)>,
    /// The server took the client back where it was.
    pub(crate) resumed: bool,
    /// Operations were left out; a state follows.
    pub(crate) gap: bool,
    /// A whole state came; operations go on from there, and stamps need not follow those seen before.
    pub(crate) snapshot: bool,
}

impl Heard {
    /// Forgets everything.
    pub(crate) fn reset(&mut self) {
        let Self {
            live,
            acknowledged,
            operations,
            deliveries,
            refused,
            resumed,
            gap,
            snapshot,
        } = self;
        (*live, *operations, *resumed, *gap, *snapshot) = (false, false, false, false, false);
        *deliveries = 0;
        acknowledged.clear();
        refused.clear();
    }
}

/// Frames that a client is about to send.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pub(crate) bytes: Vec<u8>,
}

impl Outbox {
    /// Queues a text message.
    pub(crate) fn text(&mut self, payload: &str) {
        self.frame(0x1, payload.as_bytes());
    }

    /// Queues a binary message.
    pub(crate) fn binary(&mut self, payload: &[u8]) {
        self.frame(0x2, payload);
    }

    /// Queues a frame, masked with zeros, so that the payload stands as it is.
    pub(crate) fn frame(&mut self, opcode: u8, payload: &[u8]) {
        self.bytes.push(0x80 | opcode);
        match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
            (Ok(short @ 0..=125), _) => self.bytes.push(0x80 | short),
            (_, Ok(medium)) => {
                self.bytes.push(0x80 | 126);
                self.bytes.extend_from_slice(&medium.to_be_bytes());
            }
            _ => {
                self.bytes.push(0x80 | 127);
                self.bytes
                    .extend_from_slice(&(payload.len() as u64).to_be_bytes());
            }
        }
        self.bytes.extend_from_slice(&[0; 4]);
        self.bytes.extend_from_slice(payload);
    }
}
