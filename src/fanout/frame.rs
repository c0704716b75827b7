//! WebSocket frames from the server: never masked, never fragmented.

use bytes::Bytes;
use revring_protocol::codec::Codec;

const FIN: u8 = 0x80;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xa;

/// Most bytes of a control frame's payload (RFC 6455, 5.5).
const CONTROL_BYTES: usize = 125;

/// The header of a message of `length` payload bytes.
pub(crate) fn header(codec: Codec, length: usize) -> Header {
    let opcode = match codec {
        Codec::Json => TEXT,
        Codec::MessagePack => BINARY,
    };
    let mut bytes = [0; 10];
    bytes[0] = FIN | opcode;
    let used = match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ 0..=125), _) => {
            bytes[1] = short;
            2
        }
        (_, Ok(medium)) => {
            bytes[1] = 126;
            bytes[2..4].copy_from_slice(&medium.to_be_bytes());
            4
        }
        _ => {
            bytes[1] = 127;
            bytes[2..10].copy_from_slice(&(length as u64).to_be_bytes());
            10
        }
    };
    Header { bytes, used }
}

/// A frame's header.
pub(crate) struct Header {
    bytes: [u8; 10],
    used: usize,
}

impl Header {
    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.used]
    }
}

/// The frame of a message.
pub(crate) fn message(codec: Codec, payload: &[u8]) -> Bytes {
    let header = header(codec, payload.len());
    [header.as_slice(), payload].concat().into()
}

/// A ping without payload.
pub(crate) fn ping() -> Bytes {
    Bytes::from_static(&[FIN | PING, 0])
}

/// The answer to a ping with `payload`.
pub(crate) fn pong(payload: &[u8]) -> Bytes {
    control(PONG, payload)
}

/// A close frame; without a code it has no payload.
pub(crate) fn close(code: Option<u16>) -> Bytes {
    code.map_or_else(
        || control(CLOSE, &[]),
        |code| control(CLOSE, &code.to_be_bytes()),
    )
}

fn control(opcode: u8, payload: &[u8]) -> Bytes {
    let payload = &payload[..payload.len().min(CONTROL_BYTES)];
    let mut frame = Vec::with_capacity(2 + payload.len());
    frame.push(FIN | opcode);
    frame.extend(u8::try_from(payload.len()));
    frame.extend_from_slice(payload);
    frame.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn w7_lengths_take_the_shortest_form() {
        let cases: [(usize, &[u8]); 5] = [
            (0, &[0x81, 0]),
            (125, &[0x81, 125]),
            (126, &[0x81, 126, 0, 126]),
            (65_535, &[0x81, 126, 0xff, 0xff]),
            (65_536, &[0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ];
        for (length, expected) in cases {
            assert_eq!(header(Codec::Json, length).as_slice(), expected, "{length}");
        }
    }

    #[test]
    fn control_frames_carry_what_they_may() {
        assert_eq!(&close(Some(1012))[..], &[0x88, 2, 0x03, 0xf4]);
        assert_eq!(&close(None)[..], &[0x88, 0]);
        assert_eq!(&pong(b"hi")[..], &[0x8a, 2, b'h', b'i']);
        assert_eq!(pong(&[7; 300]).len(), 127);
    }
}
