//! A client that writes as fast as a window of unanswered updates lets it, and sees its own operations come back.

use std::{
    io::{self, Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use revring_protocol::{
    change::{Change, Edit, Update},
    codec::Codec,
    ids::{ClientReqId, Collection, RecordId, RecordKey, RoomName},
    message::{ClientMessage, Join, ServerMessage},
    value::{Object, Path, Value},
};

use super::wire::{frame, upgrade};

/// What came back to the writer.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Seen {
    /// Its accepted updates.
    pub(crate) operations: u64,
    /// Frames of deltas.
    pub(crate) frames: u64,
    /// Their bytes, headers included: what every other client got too.
    pub(crate) bytes: u64,
}

/// A connection that has joined the room `bench`.
pub(crate) struct Writer {
    socket: TcpStream,
    buffer: Vec<u8>,
    sent: u64,
    /// The record that is written again and again is there.
    warm: bool,
    name: String,
}

impl Writer {
    /// Joins and waits until nothing more comes of it.
    pub(crate) fn join(address: &str) -> Self {
        let mut socket = TcpStream::connect(address).expect("the server listens");
        socket.set_nodelay(true).expect("a TCP socket");
        upgrade(&mut socket, Codec::MessagePack).expect("the server upgrades");
        let room = RoomName::new("bench").expect("a valid name");
        let join = ClientMessage::Join(Join {
            room,
            client_key: None,
            position: None,
            token: None,
        });
        socket
            .write_all(&frame(Codec::MessagePack, &join))
            .expect("the socket is open");
        let name = format!(
            "{}-",
            socket.local_addr().expect("a connected socket").port()
        );
        let mut writer = Self {
            socket,
            buffer: Vec::new(),
            sent: 0,
            warm: false,
            name,
        };
        while !matches!(writer.next().0, ServerMessage::Presence { .. }) {}
        writer
    }

    /// Writes for `duration` with at most `window` unanswered updates of one record, then waits for the last answer.
    /// `took` is given the seconds each update took to come back.
    pub(crate) fn write(
        &mut self,
        duration: Duration,
        window: usize,
        payload: usize,
        mut took: impl FnMut(f64),
    ) -> Seen {
        let start = Instant::now();
        let mut seen = Seen::default();
        let mut sent = std::collections::VecDeque::new();
        while start.elapsed() < duration || !sent.is_empty() {
            let mut frames = Vec::new();
            while sent.len() < window && start.elapsed() < duration {
                frames.extend(self.update(payload));
                sent.push_back(Instant::now());
            }
            if sent.is_empty() {
                break;
            }
            self.socket.write_all(&frames).expect("the socket is open");
            let (message, bytes) = self.next();
            if let ServerMessage::Deltas(deltas) = message {
                seen.frames += 1;
                seen.bytes += bytes;
                seen.operations += deltas.ops.len() as u64;
                for at in sent.drain(..deltas.ops.len().min(sent.len())) {
                    took(at.elapsed().as_secs_f64());
                }
            }
        }
        seen
    }

    /// Puts `records` records of `payload` bytes.
    pub(crate) fn fill(&mut self, records: usize, payload: usize) {
        let ids: Vec<usize> = (0..records).collect();
        for ids in ids.chunks(100) {
            let changes = ids
                .iter()
                .map(|id| put(&format!("r{id}"), payload))
                .collect();
            let update = self.next_update(changes);
            self.socket.write_all(&update).expect("the socket is open");
            while !matches!(self.next().0, ServerMessage::Deltas(_)) {}
        }
    }

    fn update(&mut self, payload: usize) -> Vec<u8> {
        if !std::mem::replace(&mut self.warm, true) {
            return self.next_update(vec![put("hot", payload)]);
        }
        let path = Path::parse("/text").expect("a valid path");
        let value = Value::from("x".repeat(payload));
        self.next_update(vec![Change {
            key: key("hot"),
            if_version: None,
            edit: Edit::Set { path, value },
        }])
    }

    fn next_update(&mut self, changes: Vec<Change>) -> Vec<u8> {
        let client_req_id =
            ClientReqId::new(&format!("{}{}", self.name, self.sent)).expect("a valid id");
        self.sent += 1;
        let update = Update {
            client_req_id,
            changes,
            base_rev: None,
            first_rev: None,
        };
        frame_of(&ClientMessage::Update(update))
    }

    /// The next message, and the bytes of its frame.
    fn next(&mut self) -> (ServerMessage, u64) {
        loop {
            if let Some((header, payload)) = whole_frame(&self.buffer) {
                let end = header + payload;
                let message = match self.buffer[0] & 15 {
                    2 => Some(
                        Codec::MessagePack
                            .decode_server(&self.buffer[header..end])
                            .expect("a valid message"),
                    ),
                    8 => panic!("the server closed: {:?}", &self.buffer[header..end]),
                    _ => None,
                };
                self.buffer.drain(..end);
                match message {
                    Some(ServerMessage::Reject(reject)) => panic!("refused: {reject:?}"),
                    Some(message) => return (message, end as u64),
                    None => continue,
                }
            }
            let mut chunk = [0; 16 << 10];
            match self.socket.read(&mut chunk) {
                Ok(0) => panic!("the server closed"),
                Ok(n) => self.buffer.extend_from_slice(&chunk[..n]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => panic!("{error}"),
            }
        }
    }
}

fn frame_of(message: &ClientMessage) -> Vec<u8> {
    let payload = Codec::MessagePack.encode(message);
    if let Ok(length) = u32::try_from(payload.len())
        && length <= u32::from(u16::MAX)
    {
        return frame(Codec::MessagePack, message);
    }
    let mut frame = vec![0x82, 0x80 | 127];
    frame.extend_from_slice(&(payload.len() as u64).to_be_bytes());
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(&payload);
    frame
}

/// The lengths of the first frame's header and payload, when all of it is there.
fn whole_frame(bytes: &[u8]) -> Option<(usize, usize)> {
    let (header, payload) = match *bytes.get(1)? {
        126 => (
            4,
            usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)),
        ),
        127 => (
            10,
            usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)).ok()?,
        ),
        short => (2, usize::from(short)),
    };
    (bytes.len() >= header + payload).then_some((header, payload))
}

fn put(id: &str, payload: usize) -> Change {
    let data = Object::from([("text".to_owned(), Value::from("x".repeat(payload)))]);
    Change {
        key: key(id),
        if_version: None,
        edit: Edit::Put { data },
    }
}

fn key(id: &str) -> RecordKey {
    RecordKey {
        collection: Collection::new("bench").expect("a valid name"),
        id: RecordId::new(id).expect("a valid id"),
    }
}
