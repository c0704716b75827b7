//! A WebSocket client that costs next to nothing: frames are counted, not parsed.

use std::io::{self, Read, Write};

use revring_protocol::{codec::Codec, message::ClientMessage};

/// A frame of a client: masked with zeros, so that the payload stands as it is.
pub(crate) fn frame(codec: Codec, message: &ClientMessage) -> Vec<u8> {
    let payload = codec.encode(message);
    let mut frame = vec![match codec {
        Codec::Json => 0x81,
        Codec::MessagePack => 0x82,
    }];
    match payload.len() {
        n @ 0..=125 => frame.push(0x80 | u8::try_from(n).expect("at most 125")),
        n => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(
                &u16::try_from(n)
                    .expect("bench messages are short")
                    .to_be_bytes(),
            );
        }
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(&payload);
    frame
}

/// Asks for the upgrade and reads the answer's head.
pub(crate) fn upgrade(socket: &mut (impl Read + Write), codec: Codec) -> io::Result<()> {
    let protocol = codec.subprotocol();
    write!(
        socket,
        "GET /v1/ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: {protocol}\r\n\r\n"
    )?;
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        socket.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    if head.starts_with(b"HTTP/1.1 101") {
        return Ok(());
    }
    Err(io::Error::other(
        String::from_utf8_lossy(&head).into_owned(),
    ))
}

/// Walks over the frames in a stream of bytes.
#[derive(Default)]
pub(crate) struct Frames {
    header: Vec<u8>,
    rest: u64,
    /// Whole frames seen.
    pub(crate) count: u64,
}

impl Frames {
    /// Takes the next bytes of the stream.
    pub(crate) fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.rest > 0 {
                let skip = usize::try_from(self.rest)
                    .unwrap_or(usize::MAX)
                    .min(bytes.len());
                self.rest -= skip as u64;
                bytes = &bytes[skip..];
                self.count += u64::from(self.rest == 0);
                continue;
            }
            self.header.push(bytes[0]);
            bytes = &bytes[1..];
            if let Some(length) = self.length() {
                self.header.clear();
                self.rest = length;
                self.count += u64::from(length == 0);
            }
        }
    }

    /// The payload's length, once the header is whole.
    fn length(&self) -> Option<u64> {
        match (self.header.get(1)?, &self.header[2..]) {
            (126, [a, b]) => Some(u64::from(u16::from_be_bytes([*a, *b]))),
            (127, [a, b, c, d, e, f, g, h]) => {
                Some(u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]))
            }
            (126 | 127, _) => None,
            (short, _) => Some(u64::from(*short)),
        }
    }
}
