//! Bytes to messages and back: the same protocol in JSON and MessagePack (rule W-3).

mod client;
mod entry;
mod fields;
mod frame;
mod json;
mod msgpack;
mod server;

use serde::Serialize;

pub use fields::DecodeError;
pub use frame::{delta_payload, delta_payloads, snapshot_payloads};

use crate::{
    message::{ClientMessage, ServerMessage},
    value::Value,
};

/// How messages stand on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// JSON in text frames.
    Json,
    /// MessagePack in binary frames.
    MessagePack,
}

impl Codec {
    /// How many there are.
    pub const COUNT: usize = 2;
    /// All of them, in the order of [`Codec::index`].
    pub const ALL: [Self; Self::COUNT] = [Self::Json, Self::MessagePack];

    /// Its WebSocket subprotocol (rule W-1).
    #[must_use]
    pub fn subprotocol(self) -> &'static str {
        match self {
            Self::Json => "revring.v1.json",
            Self::MessagePack => "revring.v1.msgpack",
        }
    }

    /// The codec of a WebSocket subprotocol, if it is known.
    #[must_use]
    pub fn from_subprotocol(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|codec| codec.subprotocol() == name)
    }

    /// Its place in tables with one entry per codec.
    #[must_use]
    pub fn index(self) -> usize {
        match self {
            Self::Json => 0,
            Self::MessagePack => 1,
        }
    }

    /// The bytes of `message`.
    #[must_use]
    pub fn encode<T: Serialize + ?Sized>(self, message: &T) -> Vec<u8> {
        match self {
            Self::Json => json::encode(message),
            Self::MessagePack => msgpack::encode(message),
        }
    }

    /// The value that stands in `bytes`, and nothing after it.
    ///
    /// # Errors
    /// [`DecodeError::Malformed`] when they break a rule under V or W-4.
    pub fn decode_value(self, bytes: &[u8]) -> Result<Value, DecodeError> {
        match self {
            Self::Json => json::decode(bytes),
            Self::MessagePack => msgpack::decode(bytes),
        }
    }

    /// The message of a client that stands in `bytes`.
    ///
    /// # Errors
    /// What is wrong with it, in the terms of rules W-2 and W-4.
    pub fn decode_client(self, bytes: &[u8]) -> Result<ClientMessage, DecodeError> {
        client::decode(self, self.decode_value(bytes)?)
    }

    /// The message of a server that stands in `bytes`.
    ///
    /// # Errors
    /// What is wrong with it, in the terms of rules W-2 and W-4.
    pub fn decode_server(self, bytes: &[u8]) -> Result<ServerMessage, DecodeError> {
        server::decode(self, self.decode_value(bytes)?)
    }
}
