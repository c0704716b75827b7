//! The reading side of a socket, for tungstenite.

use std::{
    cell::RefCell,
    io::{self, Read, Write},
    sync::Arc,
};

use bytes::{Buf as _, Bytes};

use crate::fanout::Connection;

/// Bytes read from a socket at once.
const READ_BYTES: usize = 16 << 10;

thread_local! {
    /// Where a read begins, so that no connection needs a large buffer of its own.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES].into());
}

/// Reads a connection's socket. What tungstenite writes on its own (pongs, close frames) is swallowed: the writer answers.
pub(super) struct Input {
    connection: Arc<Connection>,
    /// What was read and not taken yet.
    ahead: Bytes,
}

impl Input {
    /// Reads `leftover`, then the socket.
    pub(super) fn new(connection: Arc<Connection>, leftover: Bytes) -> Self {
        Self { connection, ahead: leftover }
    }

    /// Reads and forgets. `Ok(false)` at the end of the stream.
    pub(super) fn discard(&mut self) -> io::Result<bool> {
        self.ahead = Bytes::new();
        let read = SCRATCH.with_borrow_mut(|scratch| self.connection.stream().try_read(scratch))?;
        Ok(read > 0)
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.ahead.is_empty() {
            return SCRATCH.with_borrow_mut(|scratch| {
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
            });
        }
        let taken = self.ahead.len().min(buffer.len());
        self.ahead.copy_to_slice(&mut buffer[..taken]);
        if self.ahead.is_empty() {
            self.ahead = Bytes::new();
        }
        Ok(taken)
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
