//! Connections: two streams of bytes each, bounded, slow, and lost at any moment. Bytes stay in order within a stream; between
//! streams there is none.

use std::collections::{BTreeMap, VecDeque};

use revring_protocol::codec::Codec;

use crate::dice::Dice;

/// A connection's number, never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

impl std::fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "c{}", self.0)
    }
}

/// One direction of a connection: what was written and not read, at most `capacity` bytes.
#[derive(Debug)]
pub struct Pipe {
    bytes: VecDeque<u8>,
    capacity: usize,
    /// Nothing is added any more: the reader comes to the end behind what there is.
    ended: bool,
    /// Whoever would have read is gone; what is written vanishes until the writer is told.
    unread: bool,
}

/// What a reader finds.
#[derive(Debug, PartialEq, Eq)]
pub enum Received {
    /// These bytes.
    Bytes(Vec<u8>),
    /// Nothing at present.
    Nothing,
    /// The end of the stream.
    End,
}

impl Pipe {
    fn new(capacity: usize) -> Self {
        Self {
            bytes: VecDeque::new(),
            capacity,
            ended: false,
            unread: false,
        }
    }

    /// Takes as many of `bytes` as there is room for; `None` when the connection is known to be lost.
    pub fn write(&mut self, bytes: &[u8]) -> Option<usize> {
        if self.ended {
            return None;
        }
        let taken = bytes.len().min(self.free());
        self.bytes.extend(&bytes[..taken]);
        Some(taken)
    }

    /// Gives at most `most` bytes.
    pub fn read(&mut self, most: usize) -> Received {
        if self.bytes.is_empty() {
            return if self.ended {
                Received::End
            } else {
                Received::Nothing
            };
        }
        let taken = most.min(self.bytes.len());
        Received::Bytes(self.bytes.drain(..taken).collect())
    }

    /// Bytes it would take now.
    #[must_use]
    pub fn free(&self) -> usize {
        self.capacity.saturating_sub(self.bytes.len())
    }

    /// Whether a reader would find something, be it the end.
    #[must_use]
    pub fn is_readable(&self) -> bool {
        !self.unread && (self.ended || !self.bytes.is_empty())
    }

    /// Whether nothing is on its way.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Ends it behind what was written.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// Loses what is on its way but the first bytes, however many.
    fn lose(&mut self, dice: &mut Dice) {
        let kept = dice.below(self.bytes.len() + 1);
        self.bytes.truncate(kept);
    }
}

/// One connection.
#[derive(Debug)]
pub struct Wire {
    /// How its messages are written.
    pub codec: Codec,
    /// From the client.
    pub up: Pipe,
    /// To the client.
    pub down: Pipe,
    /// Bytes that the client reads at once, at most.
    pub pace: usize,
}

/// All connections that either side still holds.
#[derive(Debug, Default)]
pub struct Network {
    wires: BTreeMap<ConnectionId, Wire>,
    opened: u64,
}

impl Network {
    /// Opens a connection whose streams hold `capacity` bytes each.
    pub fn open(&mut self, codec: Codec, capacity: usize, pace: usize) -> ConnectionId {
        self.opened += 1;
        let id = ConnectionId(self.opened);
        let (up, down) = (Pipe::new(capacity), Pipe::new(capacity));
        self.wires.insert(
            id,
            Wire {
                codec,
                up,
                down,
                pace,
            },
        );
        id
    }

    /// The connection `id`, if anyone holds it.
    pub fn wire(&mut self, id: ConnectionId) -> Option<&mut Wire> {
        self.wires.get_mut(&id)
    }

    /// Every connection, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (ConnectionId, &Wire)> {
        self.wires.iter().map(|(id, wire)| (*id, wire))
    }

    /// Bytes that the stream to the client takes now.
    #[must_use]
    pub fn free_down(&self, id: ConnectionId) -> usize {
        self.wires.get(&id).map_or(0, |wire| wire.down.free())
    }

    /// The connection is lost: each side gets a part of what was on its way, then the end.
    pub fn cut(&mut self, id: ConnectionId, dice: &mut Dice) {
        if let Some(wire) = self.wires.get_mut(&id) {
            for pipe in [&mut wire.up, &mut wire.down] {
                pipe.lose(dice);
                pipe.end();
            }
        }
    }

    /// The client is gone. The server is told, behind a part of what was on its way, if `told`; else it hears nothing.
    pub fn abandon(&mut self, id: ConnectionId, told: bool, dice: &mut Dice) {
        if let Some(wire) = self.wires.get_mut(&id) {
            wire.up.lose(dice);
            wire.up.ended = told;
            wire.down.unread = true;
        }
    }

    /// The server is gone with all it held: clients get a part of what was on its way, then the end.
    pub fn server_gone(&mut self, dice: &mut Dice) {
        self.wires.retain(|_, wire| !wire.down.unread);
        let ids: Vec<_> = self.wires.keys().copied().collect();
        ids.into_iter().for_each(|id| self.cut(id, dice));
    }

    /// Neither side holds the connection any more.
    pub fn forget(&mut self, id: ConnectionId) {
        self.wires.remove(&id);
    }

    /// Whether the client of `id` still reads.
    #[must_use]
    pub fn is_read(&self, id: ConnectionId) -> bool {
        self.wires.get(&id).is_some_and(|wire| !wire.down.unread)
    }
}
