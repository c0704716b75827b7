//! One connection: its socket, what came of it and is not whole, what is to be sent and was not taken yet.

use std::{
    io::{self, Read as _, Write as _},
    net::SocketAddr,
};

use mio::{Interest, Registry, Token, net::TcpStream};
use socket2::{Domain, Protocol, Socket, Type};

use crate::speaker::{Handshake, Outbox};

use super::frames::{self, Frame};

/// Kernel memory for what a slow reader has not read, so that its server sees that it is slow.
const SLOW_BUFFER: usize = 8 << 10;
/// Segments of a slow reader: a window as small as its buffer still takes several.
const SLOW_SEGMENT: u32 = 1448;
/// Memory that a connection keeps for its next frame in parts.
const KEPT: usize = 16 << 10;
/// The most bytes of an answer to the handshake.
const HEAD: usize = 16 << 10;

/// How far a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// The kernel has not said yet whether it is open.
    Connecting,
    /// The handshake is sent.
    Upgrading,
    /// Messages come.
    Open,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Link {
    socket: TcpStream,
    pub(super) stage: Stage,
    /// A frame of which a part came, or the answer to the handshake.
    part: Vec<u8>,
    /// A message of which some frames came.
    message: Option<Box<Begun>>,
    pub(super) out: Outbox,
    /// Bytes of `out` that the kernel has taken.
    taken: usize,
}

/// A message that is not whole.
#[derive(Debug)]
struct Begun {
    opcode: u8,
    payload: Vec<u8>,
    /// Bytes of its frames, headers included.
    length: usize,
}

impl Link {
    /// Begins to connect. A `slow` reader has little room in the kernel.
    pub(super) fn open(
        address: SocketAddr,
        slow: bool,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Self> {
        let socket = Socket::new(
            Domain::for_address(address),
            Type::STREAM,
            Some(Protocol::TCP),
        )?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        if slow {
            socket.set_recv_buffer_size(SLOW_BUFFER)?;
            socket.set_tcp_mss(SLOW_SEGMENT)?;
        }
        match socket.connect(&address.into()) {
            Err(error)
                if error.raw_os_error() != Some(rustix::io::Errno::INPROGRESS.raw_os_error()) =>
            {
                return Err(error);
            }
            _ => {}
        }
        let mut socket = TcpStream::from_std(socket.into());
        registry.register(&mut socket, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self {
            socket,
            stage: Stage::Connecting,
            part: Vec::new(),
            message: None,
            out: Outbox::default(),
            taken: 0,
        })
    }

    /// The socket can be written to. Once it is connected, `handshake` goes out.
    pub(super) fn writable(
        &mut self,
        address: SocketAddr,
        handshake: Option<&Handshake>,
    ) -> io::Result<()> {
        let Some(handshake) = handshake else {
            return self.flush();
        };
        if let Some(error) = self.socket.take_error()? {
            return Err(error);
        }
        if self.socket.peer_addr().is_err() {
            return Ok(());
        }
        self.stage = Stage::Upgrading;
        self.out
            .bytes
            .extend_from_slice(&handshake.request(address));
        self.flush()
    }

    /// Sends what the kernel takes.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        while self.taken < self.out.bytes.len() {
            match self.socket.write(&self.out.bytes[self.taken..]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => self.taken += n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.taken = 0;
        self.out.bytes.clear();
        if self.out.bytes.capacity() > KEPT {
            self.out.bytes = Vec::new();
        }
        Ok(())
    }

    /// Whether all that is queued has been taken by the kernel.
    pub(super) fn is_flushed(&self) -> bool {
        self.out.bytes.is_empty()
    }

    /// Reads once into `buffer`; `None`: nothing is there now.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        loop {
            match self.socket.read(buffer) {
                Ok(n) => return Ok(Some(n)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes bytes of the answer to the handshake. Yields those after it, once it is whole.
    ///
    /// # Errors
    /// When the server refuses.
    pub(super) fn answered<'a>(&mut self, bytes: &'a [u8]) -> Result<Option<&'a [u8]>, String> {
        let before = self.part.len();
        self.part.extend_from_slice(bytes);
        let Some(end) = memchr::memmem::find(&self.part, b"\r\n\r\n") else {
            if self.part.len() > HEAD {
                return Err("the answer to the WebSocket handshake has no end".to_owned());
            }
            return Ok(None);
        };
        if !self.part.starts_with(b"HTTP/1.1 101") {
            let shown =
                String::from_utf8_lossy(&self.part[..self.part.len().min(512)]).into_owned();
            return Err(format!(
                "the WebSocket handshake was refused: {}",
                shown.trim()
            ));
        }
        self.part = Vec::new();
        self.stage = Stage::Open;
        Ok(Some(&bytes[end + 4 - before..]))
    }

    /// Takes bytes of the stream and hands each whole message to `hear`: opcode, payload and bytes with header.
    ///
    /// # Errors
    /// What `hear` says, and when the frames are not those of a server.
    pub(super) fn feed(
        &mut self,
        mut bytes: &[u8],
        mut hear: impl FnMut(&mut Outbox, u8, &[u8], usize) -> Result<(), String>,
    ) -> Result<(), String> {
        if !self.part.is_empty() {
            match self.complete(bytes)? {
                Some(rest) => bytes = rest,
                None => return Ok(()),
            }
            let mut part = std::mem::take(&mut self.part);
            if let Some(frame) = frames::first(&part)? {
                self.take(frame, &mut hear)?;
            }
            part.clear();
            if part.capacity() <= KEPT {
                self.part = part;
            }
        }
        while let Some(frame) = frames::first(bytes)? {
            self.take(frame, &mut hear)?;
            bytes = &bytes[frame.length..];
        }
        self.part.extend_from_slice(bytes);
        Ok(())
    }

    /// Adds to the frame in parts what it lacks. Yields the bytes after it, once it is whole.
    fn complete<'a>(&mut self, mut bytes: &'a [u8]) -> Result<Option<&'a [u8]>, String> {
        loop {
            let whole = match frames::lengths(&self.part)? {
                Some((header, payload)) => header + payload,
                None if self.part.len() < frames::HEADER => self.part.len() + 1,
                None => return Err("a frame without length".to_owned()),
            };
            if self.part.len() == whole {
                return Ok(Some(bytes));
            }
            if bytes.is_empty() {
                return Ok(None);
            }
            let more = (whole - self.part.len()).min(bytes.len());
            self.part.extend_from_slice(&bytes[..more]);
            bytes = &bytes[more..];
        }
    }

    fn take(
        &mut self,
        frame: Frame<'_>,
        hear: &mut impl FnMut(&mut Outbox, u8, &[u8], usize) -> Result<(), String>,
    ) -> Result<(), String> {
        match (frame.opcode, frame.last) {
            (0, last) => {
                let Some(mut message) = self.message.take() else {
                    return Err(
                        "the server went on with a message that it had not begun".to_owned()
                    );
                };
                message.payload.extend_from_slice(frame.payload);
                message.length += frame.length;
                if last {
                    let Begun {
                        opcode,
                        payload,
                        length,
                    } = *message;
                    return hear(&mut self.out, opcode, &payload, length);
                }
                self.message = Some(message);
                Ok(())
            }
            (opcode, false) => {
                self.message = Some(Box::new(Begun {
                    opcode,
                    payload: frame.payload.to_vec(),
                    length: frame.length,
                }));
                Ok(())
            }
            (opcode, true) => hear(&mut self.out, opcode, frame.payload, frame.length),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_message_in_frames_counts_the_bytes_of_all() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let poll = mio::Poll::new().unwrap();
        let address = listener.local_addr().unwrap();
        let mut link = Link::open(address, false, poll.registry(), Token(0)).unwrap();
        let mut messages = Vec::new();
        // A ping stands between the frames of the first message.
        for bytes in [&b"\x02\x03abc\x00\x01"[..], b"d\x89\x00\x80\x02ef\x82\x01g"] {
            let hear = |_: &mut Outbox, opcode, payload: &[u8], length| {
                messages.push((opcode, payload.to_vec(), length));
                Ok(())
            };
            link.feed(bytes, hear).unwrap();
        }
        let expected = [(9, "", 2), (2, "abcdef", 12), (2, "g", 3)];
        assert_eq!(
            messages,
            expected.map(|(opcode, text, length)| (opcode, text.as_bytes().to_vec(), length))
        );
    }
}
