//! The loop itself.

use std::{
    io::{self, Read as _, Write as _},
    net::TcpListener,
    time::Duration,
};

use mio::{Events, Interest, Poll, Token};
use rustix::event::{PollFd, PollFlags, poll};

/// How long an incomplete batch waits: far longer than the way there and back.
const LAST_CALL: Duration = Duration::from_millis(20);
/// Bytes read at once, from writers that are far ahead.
const READ: usize = 256 << 10;
const LISTENER: Token = Token(usize::MAX);
/// The answer to the key that RFC 6455 has as its example.
const WELCOME: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// Bytes of the answer to a client that says something in text: more than the 536 that a kernel takes for the least segment, as the
/// answer to a `JOIN` and its snapshot are, and so acknowledged at once.
const GREETING: usize = 1000;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;

/// Copies what the clients of `listener` send in binary frames to all of them, `batch` messages joined in one frame and one write.
pub(super) fn run(listener: TcpListener, batch: usize) -> io::Result<()> {
    Copier::new(listener, batch.max(1))?.run()
}

struct Copier {
    poll: Poll,
    listener: mio::net::TcpListener,
    clients: Vec<Option<Client>>,
    batch: usize,
    /// Messages that no client has yet, back to back, and where each ends.
    messages: Vec<u8>,
    ends: Vec<usize>,
    /// What is written to each client.
    frame: Vec<u8>,
    buffer: Box<[u8]>,
}

struct Client {
    socket: mio::net::TcpStream,
    /// What came and is not a whole request or frame yet.
    unread: Vec<u8>,
    open: bool,
}

/// A client that has ended, or sent what is not understood.
struct Gone;

impl Copier {
    fn new(listener: TcpListener, batch: usize) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let mut listener = mio::net::TcpListener::from_std(listener);
        let poll = Poll::new()?;
        poll.registry()
            .register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Self {
            poll,
            listener,
            clients: Vec::new(),
            batch,
            messages: Vec::new(),
            ends: Vec::new(),
            frame: Vec::new(),
            buffer: vec![0; READ].into(),
        })
    }

    fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        loop {
            let wait = (!self.ends.is_empty()).then_some(LAST_CALL);
            match self.poll.poll(&mut events, wait) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                polled => polled?,
            }
            if events.is_empty() {
                self.copy(self.ends.len());
            }
            for event in &events {
                match event.token() {
                    LISTENER => self.accept()?,
                    Token(client) => self.read(client),
                }
            }
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            let mut socket = match self.listener.accept() {
                Ok((socket, _)) => socket,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(_) => continue,
            };
            socket.set_nodelay(true)?;
            self.poll.registry().register(
                &mut socket,
                Token(self.clients.len()),
                Interest::READABLE,
            )?;
            self.clients.push(Some(Client {
                socket,
                unread: Vec::new(),
                open: false,
            }));
        }
    }

    /// Takes all that has come from a client, and copies each batch as soon as it is whole.
    fn read(&mut self, index: usize) {
        loop {
            let Some(client) = self.clients.get_mut(index).and_then(Option::as_mut) else {
                return;
            };
            match client.socket.read(&mut self.buffer) {
                Ok(bytes) if bytes > 0 => client.unread.extend_from_slice(&self.buffer[..bytes]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Ok(_) | Err(_) => {
                    self.clients[index] = None;
                    return;
                }
            }
            if client.take(&mut self.messages, &mut self.ends).is_err() {
                self.clients[index] = None;
            }
            while self.ends.len() >= self.batch {
                self.copy(self.batch);
            }
        }
    }

    /// Writes the first `count` messages to every client, in one write each.
    fn copy(&mut self, count: usize) {
        let Some(end) = count.checked_sub(1).and_then(|last| self.ends.get(last)) else {
            return;
        };
        let end = *end;
        self.frame.clear();
        header(BINARY, end, &mut self.frame);
        self.frame.extend(self.messages.drain(..end));
        for client in &mut self.clients {
            let Some(open) = client.as_mut().filter(|client| client.open) else {
                continue;
            };
            if write(&mut open.socket, &self.frame).is_err() {
                *client = None;
            }
        }
        self.ends.drain(..count);
        self.ends.iter_mut().for_each(|later| *later -= end);
    }
}

impl Client {
    /// Moves whole frames out of what came; before them, answers the request.
    fn take(&mut self, messages: &mut Vec<u8>, ends: &mut Vec<usize>) -> Result<(), Gone> {
        if !self.open {
            let Some(end) = memchr::memmem::find(&self.unread, b"\r\n\r\n") else {
                return Ok(());
            };
            self.unread.drain(..end + 4);
            write(&mut self.socket, WELCOME).map_err(|_| Gone)?;
            self.open = true;
        }
        let mut taken = 0;
        while let Some((header, length)) = whole(&self.unread[taken..]) {
            let start = taken + header;
            match self.unread[taken] & 15 {
                TEXT => self.greet()?,
                BINARY => {
                    let payload = &self.unread[start..start + length];
                    unmasked(&self.unread[start - 4..start], payload, messages);
                    ends.push(messages.len());
                }
                CLOSE => return Err(Gone),
                _ => {}
            }
            taken = start + length;
        }
        self.unread.drain(..taken);
        Ok(())
    }

    fn greet(&mut self) -> Result<(), Gone> {
        let mut frame = Vec::new();
        header(TEXT, GREETING, &mut frame);
        frame.resize(frame.len() + GREETING, b' ');
        write(&mut self.socket, &frame).map_err(|_| Gone)
    }
}

/// The lengths of the first frame's header and payload, when all of it is there.
fn whole(bytes: &[u8]) -> Option<(usize, usize)> {
    let (plain, length) = match bytes.get(1)? & 0x7f {
        126 => (
            4,
            u64::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)),
        ),
        127 => (10, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)),
        short => (2, u64::from(short)),
    };
    // A client's frame carries a mask.
    let header: usize = plain + 4;
    let length = usize::try_from(length).ok()?;
    (bytes.len() >= header.checked_add(length)?).then_some((header, length))
}

/// Appends a client's payload without its mask.
fn unmasked(mask: &[u8], payload: &[u8], messages: &mut Vec<u8>) {
    let masked = payload.iter().zip(mask.iter().cycle());
    messages.extend(masked.map(|(byte, mask)| byte ^ mask));
}

/// Appends the header of a frame of `length` bytes.
fn header(opcode: u8, length: usize, frame: &mut Vec<u8>) {
    frame.push(0x80 | opcode);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ 0..=125), _) => frame.push(short),
        (_, Ok(medium)) => {
            frame.push(126);
            frame.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            frame.push(127);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

/// Writes everything; a full socket is waited for.
fn write(socket: &mut mio::net::TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match socket.write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                poll(&mut [PollFd::new(socket, PollFlags::OUT)], None)?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
