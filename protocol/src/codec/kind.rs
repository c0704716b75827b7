//! The two codecs, and what does not depend on what is said in them.

use serde::Serialize;

use super::{fields::DecodeError, json, msgpack};
use crate::value::{Node, Value};

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
        self.decode_node(bytes).map(Value::from)
    }

    /// Like [`Self::decode_value`], without copying texts.
    pub(super) fn decode_node(self, bytes: &[u8]) -> Result<Node<'_>, DecodeError> {
        match self {
            Self::Json => json::decode(bytes),
            Self::MessagePack => msgpack::decode(bytes),
        }
    }
}
