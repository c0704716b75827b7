//! MessagePack.

use rmp_serde::{Deserializer, decode::Error};
use serde::{
    Deserialize as _, Serialize,
    de::{DeserializeSeed as _, IgnoredAny},
};

use super::DecodeError;
use crate::{
    limits::MESSAGE_DEPTH,
    value::{Node, NodeSeed},
};

/// Bytes that most messages and operations fit in, so that writing one seldom moves it.
const USUAL_BYTES: usize = 256;

#[expect(
    clippy::expect_used,
    reason = "writing to a Vec cannot fail, and no Serialize of ours does"
)]
pub(super) fn encode<T: Serialize + ?Sized>(message: &T) -> Vec<u8> {
    let mut out = Vec::with_capacity(USUAL_BYTES);
    rmp_serde::encode::write_named(&mut out, message).expect("messages serialize");
    out
}

pub(super) fn decode(bytes: &[u8]) -> Result<Node<'_>, DecodeError> {
    let mut deserializer = Deserializer::from_read_ref(bytes);
    // Our own bound on nesting comes first and names itself.
    deserializer.set_max_depth(MESSAGE_DEPTH * 4);
    let node = NodeSeed::new(MESSAGE_DEPTH)
        .deserialize(&mut deserializer)
        .map_err(|error| malformed(&error))?;
    // A marker begins each value; where none can be read, nothing is left.
    match <()>::deserialize(&mut deserializer) {
        Err(Error::InvalidMarkerRead(_)) => Ok(node),
        _ => Err(surplus(bytes)),
    }
}

/// Tells how many bytes follow the value.
fn surplus(mut bytes: &[u8]) -> DecodeError {
    let mut deserializer = Deserializer::new(&mut bytes);
    deserializer.set_max_depth(MESSAGE_DEPTH * 4);
    match IgnoredAny::deserialize(&mut deserializer) {
        Err(error) => malformed(&error),
        Ok(IgnoredAny) => {
            let problem = format!("bytes after the end of the message: {}", bytes.len());
            DecodeError::malformed("MessagePack", &problem)
        }
    }
}

fn malformed(error: &Error) -> DecodeError {
    match error {
        // Reading from memory fails in one way only.
        Error::InvalidMarkerRead(_) | Error::InvalidDataRead(_) => {
            DecodeError::malformed("MessagePack", &"it ends too early")
        }
        error => DecodeError::malformed("MessagePack", error),
    }
}
