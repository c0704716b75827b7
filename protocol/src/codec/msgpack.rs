//! MessagePack.

use serde::{Serialize, de::DeserializeSeed as _};

use super::DecodeError;
use crate::{
    limits::MESSAGE_DEPTH,
    value::{Value, ValueSeed},
};

#[expect(
    clippy::expect_used,
    reason = "writing to a Vec cannot fail, and no Serialize of ours does"
)]
pub(super) fn encode<T: Serialize + ?Sized>(message: &T) -> Vec<u8> {
    rmp_serde::to_vec_named(message).expect("messages serialize")
}

pub(super) fn decode(bytes: &[u8]) -> Result<Value, DecodeError> {
    let mut rest = bytes;
    let mut deserializer = rmp_serde::Deserializer::new(&mut rest);
    // Our own bound on nesting comes first and names itself.
    deserializer.set_max_depth(MESSAGE_DEPTH * 4);
    let value = ValueSeed::new(MESSAGE_DEPTH)
        .deserialize(&mut deserializer)
        .map_err(|error| malformed(&error))?;
    if !rest.is_empty() {
        let problem = format!("bytes after the end of the message: {}", rest.len());
        return Err(DecodeError::malformed("MessagePack", &problem));
    }
    Ok(value)
}

fn malformed(error: &rmp_serde::decode::Error) -> DecodeError {
    use rmp_serde::decode::Error;
    match error {
        // Reading from memory fails in one way only.
        Error::InvalidMarkerRead(_) | Error::InvalidDataRead(_) => {
            DecodeError::malformed("MessagePack", &"it ends too early")
        }
        error => DecodeError::malformed("MessagePack", error),
    }
}
