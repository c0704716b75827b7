//! JSON text.

use serde::{Serialize, de::DeserializeSeed as _};

use super::DecodeError;
use crate::{
    limits::MESSAGE_DEPTH,
    value::{Value, ValueSeed},
};

#[expect(
    clippy::expect_used,
    reason = "messages have string keys and no failing Serialize"
)]
pub(super) fn encode<T: Serialize + ?Sized>(message: &T) -> Vec<u8> {
    serde_json::to_vec(message).expect("messages serialize")
}

pub(super) fn decode(bytes: &[u8]) -> Result<Value, DecodeError> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = ValueSeed::new(MESSAGE_DEPTH)
        .deserialize(&mut deserializer)
        .map_err(|error| DecodeError::malformed("JSON", &error))?;
    deserializer
        .end()
        .map_err(|error| DecodeError::malformed("JSON", &error))?;
    Ok(value)
}
