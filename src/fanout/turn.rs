//! One turn of writing to one connection: what goes in and what comes of it.

use std::{io, sync::Arc};

use revring_protocol::{codec::Codec, ids::Rev};
use rustix::{io::Errno, net::SendFlags};
use tokio::net::TcpStream;

use super::channel::Channel;
use crate::feed::Chunk;

/// Where the bytes go, and what they are taken from.
pub(super) struct Pass<'a> {
    pub(super) stream: &'a TcpStream,
    pub(super) codec: Codec,
    pub(super) channel: Option<&'a Arc<Channel>>,
    /// What the writer passes on to all.
    pub(super) news: Option<News<'a>>,
    /// For what only this connection needs.
    pub(super) scratch: &'a mut Chunk,
}

/// What is new in a room, for all of its clients.
#[derive(Clone, Copy)]
pub(super) struct News<'a> {
    /// The frames of the feed that are new.
    pub(super) chunk: &'a Chunk,
    /// The newest tick of presence.
    pub(super) tick: u64,
}

/// How a turn of writing ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// There is nothing to write.
    Idle,
    /// There is more, and the socket took all it was given.
    More,
    /// The socket is full: wait until it is writable.
    Full,
    /// The socket was full before; someone waits for it already.
    Parked,
    /// The last frame is out.
    Finished,
    /// The socket is broken.
    Broken,
}

/// What a turn did.
pub(super) struct Written {
    pub(super) turn: Turn,
    /// Bytes that the socket took.
    pub(super) bytes: usize,
    /// Answers that are on their way.
    pub(super) answered: usize,
    /// The socket took bytes after it had been full.
    pub(super) progressed: bool,
    /// The feed no longer has the client's revision: this delivery is to go on from it otherwise.
    pub(super) fell_behind: Option<(u32, Rev)>,
}

impl Written {
    pub(super) fn nothing() -> Self {
        Self {
            turn: Turn::Idle,
            bytes: 0,
            answered: 0,
            progressed: false,
            fell_behind: None,
        }
    }
}

/// Why writing stops.
pub(super) enum Stop {
    Full,
    Broken,
}

/// Gives `bytes` to the socket; it took as many as returned, at least one.
pub(super) fn send(stream: &TcpStream, bytes: &[u8]) -> Result<usize, Stop> {
    // Most sockets take everything: what the runtime knows of them is looked at (a cache miss each) only when one does not.
    let sent = match rustix::net::send(stream, bytes, SendFlags::NOSIGNAL) {
        Err(Errno::AGAIN) => stream.try_write(bytes),
        sent => sent.map_err(io::Error::from),
    };
    match sent {
        Ok(0) => Err(Stop::Broken),
        Ok(sent) => Ok(sent),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(Stop::Full),
        Err(_) => Err(Stop::Broken),
    }
}
