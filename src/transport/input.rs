//! The reading side of a socket: bytes through tungstenite to messages.

use std::{
    cell::RefCell,
    io::{self, Read, Write},
    sync::Arc,
};

use bytes::{Buf as _, Bytes};
use tokio_tungstenite::tungstenite::{
    Error, Message, WebSocket,
    protocol::{Role, WebSocketConfig},
};

use crate::fanout::Connection;

/// Bytes of a connection's own read buffer; larger reads pass through a buffer that all share.
const READ_BUFFER: usize = 512;
/// Bytes read from a socket at once.
const READ_BYTES: usize = 16 << 10;
/// A message from this length on leaves a large buffer behind in tungstenite.
const SWELLING: usize = 4 << 10;

thread_local! {
    /// Where a read begins, so that no connection needs a large buffer of its own.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES].into());
}

/// The messages of one connection.
pub(super) struct Inlet {
    socket: WebSocket<Input>,
    message_bytes: usize,
    /// Bytes that the messages so far took at least.
    taken: u64,
    swollen: bool,
}

impl Inlet {
    /// Reads `leftover`, then the connection's socket; messages have at most `message_bytes`.
    pub(super) fn new(connection: Arc<Connection>, leftover: Bytes, message_bytes: usize) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_message_size(Some(message_bytes))
            .max_frame_size(Some(message_bytes));
        let input = Input {
            connection,
            ahead: leftover,
            given: 0,
        };
        let socket = WebSocket::from_raw_socket(input, Role::Server, Some(config));
        Self {
            socket,
            message_bytes,
            taken: 0,
            swollen: false,
        }
    }

    /// The next message; `None` when it has not arrived.
    pub(super) fn read(&mut self) -> Result<Option<Message>, Error> {
        match self.socket.read() {
            Ok(message) => {
                self.note(message.len());
                Ok(Some(message))
            }
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                self.shrink();
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Reads and forgets. `Ok(false)` at the end of the stream.
    pub(super) fn discard(&mut self) -> io::Result<bool> {
        self.socket.get_mut().discard()
    }

    fn note(&mut self, length: usize) {
        let header = match length {
            0..=125 => 6,
            126..=0xffff => 8,
            _ => 14,
        };
        self.taken += (header + length) as u64;
        self.swollen |= length >= SWELLING;
    }

    /// Frees the buffer that a large message left behind, once nothing is in it for certain: all that came has been taken.
    fn shrink(&mut self) {
        let input = self.socket.get_ref();
        if self.swollen && input.given == self.taken {
            let connection = Arc::clone(&input.connection);
            *self = Self::new(connection, Bytes::new(), self.message_bytes);
        }
    }
}

/// Reads a connection's socket. What tungstenite writes on its own (pongs, close frames) is swallowed: the writer answers.
struct Input {
    connection: Arc<Connection>,
    /// What was read and not given on yet.
    ahead: Bytes,
    /// Bytes given on.
    given: u64,
}

impl Input {
    fn discard(&mut self) -> io::Result<bool> {
        self.ahead = Bytes::new();
        let read = SCRATCH.with_borrow_mut(|scratch| self.connection.stream().try_read(scratch))?;
        Ok(read > 0)
    }

    fn read_socket(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        SCRATCH.with_borrow_mut(|scratch| {
            let read = self.connection.stream().try_read(scratch)?;
            if read > 0 {
                self.connection.heard();
            }
            let (now, later) = scratch[..read].split_at(read.min(buffer.len()));
            buffer[..now.len()].copy_from_slice(now);
            if !later.is_empty() {
                self.ahead = Bytes::copy_from_slice(later);
            }
            Ok(now.len())
        })
    }

    fn read_ahead(&mut self, buffer: &mut [u8]) -> usize {
        let taken = self.ahead.len().min(buffer.len());
        self.ahead.copy_to_slice(&mut buffer[..taken]);
        if self.ahead.is_empty() {
            self.ahead = Bytes::new();
        }
        taken
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match self.ahead.is_empty() {
            true => self.read_socket(buffer)?,
            false => self.read_ahead(buffer),
        };
        self.given += read as u64;
        Ok(read)
    }
}

impl Write for Input {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
