//! Passes bytes between clients and a server, and changes what one client is sent.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    thread,
};

use revring_protocol::{
    codec::Codec,
    error::Code,
    message::{Reject, ServerMessage},
};

/// What happens to one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tamper {
    /// It is left out.
    Drop,
    /// It comes twice.
    Repeat,
    /// A letter in it is another.
    Garble,
    /// It comes twice to the one who wrote it.
    RepeatToAuthor,
    /// The one who wrote it is told that it is refused.
    Refuse,
    /// A letter in a snapshot is another.
    Snapshot,
    /// A digit of the checksum in the answer to a heartbeat is another.
    Checksum,
}

impl Tamper {
    /// The connection that is changed. The first fills the room, the second writes, and is asked for the checksum at the end.
    fn connection(self) -> usize {
        match self {
            Self::Drop | Self::Repeat | Self::Garble | Self::Snapshot => 4,
            Self::RepeatToAuthor | Self::Refuse | Self::Checksum => 1,
        }
    }

    /// What comes in place of the server's message in `frame`, whose payload begins at `header`; `operations` counts those with
    /// operations so far, if this is one.
    fn apply(self, mut frame: Vec<u8>, header: usize, operations: Option<usize>) -> Vec<u8> {
        let chosen = operations == Some(MESSAGE);
        match self {
            Self::Drop if chosen => Vec::new(),
            Self::Repeat | Self::RepeatToAuthor if chosen => frame.repeat(2),
            Self::Garble if chosen => {
                *frame.last_mut().unwrap() = b'y';
                frame
            }
            Self::Refuse if chosen => refusal(&frame[header..]),
            Self::Snapshot if find(&frame, b"SYNC.SNAPSHOT").is_some() => {
                let text = find(&frame, b"xxxx").unwrap();
                frame[text] = b'y';
                frame
            }
            Self::Checksum if find(&frame[header..], b"HEARTBEAT").is_some() => {
                let name = b"checksum";
                let digit = find(&frame, name).unwrap() + name.len() + 4;
                frame[digit] = if frame[digit] == b'0' { b'1' } else { b'0' };
                frame
            }
            _ => frame,
        }
    }
}

/// A frame that refuses the update in `payload`.
fn refusal(payload: &[u8]) -> Vec<u8> {
    let Ok(ServerMessage::Deltas(deltas)) = Codec::MessagePack.decode_server(payload) else {
        panic!("no operations");
    };
    let id = deltas.ops[0].client_req_id.clone();
    let reject = Reject::new(id, Code::TooLarge, "no".to_owned());
    let message = Codec::MessagePack.encode(&ServerMessage::Reject(reject));
    let length = u16::try_from(message.len()).unwrap().to_be_bytes();
    [&[0x82, 126][..], &length, &message].concat()
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// Which of its messages with operations.
const MESSAGE: usize = 10;
/// How such a message begins.
const DELTAS: &[u8] = b"\x84\xa4type\xabSYNC.DELTAS";

/// A proxy that runs until the process ends.
pub(crate) struct Proxy {
    address: SocketAddr,
}

impl Proxy {
    pub(crate) fn start(server: SocketAddr, tamper: Tamper) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for (number, client) in listener.incoming().enumerate() {
                let (client, server) = (client.unwrap(), TcpStream::connect(server).unwrap());
                server.set_nodelay(true).unwrap();
                client.set_nodelay(true).unwrap();
                let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                thread::spawn(move || pass(from, to));
                if number == tamper.connection() {
                    thread::spawn(move || change(server, client, tamper));
                } else {
                    thread::spawn(move || pass(server, client));
                }
            }
        });
        Self { address }
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}", self.address)
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream) {
    // Either end may go first.
    let _ = std::io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Both);
}

/// Passes the answer to the handshake, then whole frames, of which one is changed.
fn change(mut from: TcpStream, mut to: TcpStream, tamper: Tamper) {
    let (mut bytes, mut upgraded, mut messages) = (Vec::new(), false, 0);
    let mut chunk = [0; 4096];
    while let Ok(read @ 1..) = from.read(&mut chunk) {
        bytes.extend_from_slice(&chunk[..read]);
        if !upgraded {
            let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
                continue;
            };
            to.write_all(&bytes[..end + 4]).unwrap();
            bytes.drain(..end + 4);
            upgraded = true;
        }
        while let Some((header, end)) = frame(&bytes) {
            let frame: Vec<u8> = bytes.drain(..end).collect();
            let operations = frame[header..].starts_with(DELTAS);
            messages += usize::from(operations);
            let count = operations.then_some(messages);
            if to.write_all(&tamper.apply(frame, header, count)).is_err() {
                return;
            }
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}

/// Where the payload of the first frame begins and ends, if it is whole.
fn frame(bytes: &[u8]) -> Option<(usize, usize)> {
    let (header, length) = match *bytes.get(1)? {
        126 => (
            4,
            usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().unwrap())),
        ),
        127 => (
            10,
            usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().unwrap())).unwrap(),
        ),
        short => (2, usize::from(short)),
    };
    (bytes.len() >= header + length).then_some((header, header + length))
}
