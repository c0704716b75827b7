//! JSON text.

use serde::{Serialize, de::DeserializeSeed as _};

use super::DecodeError;
use crate::{
    limits::MESSAGE_DEPTH,
    value::{Node, NodeSeed},
};

/// Bytes that most messages and operations fit in, so that writing one seldom moves it.
const USUAL_BYTES: usize = 512;

#[expect(
    clippy::expect_used,
    reason = "messages have string keys and no failing Serialize"
)]
pub(super) fn encode<T: Serialize + ?Sized>(message: &T) -> Vec<u8> {
    let mut out = Vec::with_capacity(USUAL_BYTES);
    serde_json::to_writer(&mut out, message).expect("messages serialize");
    out
}

pub(super) fn decode(bytes: &[u8]) -> Result<Node<'_>, DecodeError> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = NodeSeed::new(MESSAGE_DEPTH)
        .deserialize(&mut deserializer)
        .map_err(|error| DecodeError::malformed("JSON", &error))?;
    deserializer
        .end()
        .map_err(|error| DecodeError::malformed("JSON", &error))?;
    Ok(value)
}
