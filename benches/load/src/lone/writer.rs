//! The writer itself: one socket, one thread that sleeps until an update is due or something came.

use std::{
    io::{self, Read as _, Write as _},
    net::TcpStream,
    os::fd::AsFd,
    time::Duration,
};

use revring_protocol::{codec::Codec, ids::ClientKey};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};

use super::{Account, Task, answers::Answers, now};
use crate::{
    engine::{
        LoadError,
        frames::{self, Frame},
    },
    plan::Work,
    revring::{Identity, Pen, Raw, Room, handshake},
    speaker::{Heard, Outbox},
    stamp::Stamp,
};

/// Bytes read at once.
const BUFFER: usize = 64 << 10;
/// How long nothing may come before what is missing counts as missing for good.
const PATIENCE: Duration = Duration::from_secs(3);
const CODEC: Codec = Codec::MessagePack;

/// See the module.
pub(super) struct Writer {
    socket: TcpStream,
    speaker: Raw,
    room: Room,
    heard: Heard,
    live: bool,
    buffer: Vec<u8>,
    /// Bytes that came and are no whole frame.
    part: Vec<u8>,
    answers: Answers,
}

/// When updates are due.
struct Schedule {
    began: u64,
    /// Nanoseconds between two.
    every: f64,
    /// How many there are to be.
    updates: u32,
}

impl Writer {
    /// Connects and joins; returns when it is live.
    ///
    /// # Errors
    /// When the task makes no sense, or the server does not let it in.
    pub(super) fn join(task: &Task) -> Result<Self, LoadError> {
        if !task.rate.is_finite() || task.rate <= 0.0 {
            return Err(LoadError::Plan("the rate is a positive number".to_owned()));
        }
        let address = task.server;
        let socket =
            TcpStream::connect(address).map_err(|source| LoadError::Connect { address, source })?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        // It always puts the same record, which need not be there.
        let pen = Pen::new(CODEC, Work::Put, task.payload, 1).map_err(LoadError::Plan)?;
        let key = ClientKey::new(&format!("lone-writer-{:x}", now()));
        let identity = Identity {
            room: task.room.clone(),
            key: key.map_err(|error| LoadError::Plan(error.to_string()))?,
            codec: CODEC,
        };
        let mut writer = Self {
            socket,
            speaker: Raw::new(identity, Some(pen)),
            room: Room::new(task.room.clone(), CODEC),
            heard: Heard::default(),
            live: false,
            buffer: vec![0; BUFFER],
            part: Vec::new(),
            answers: Answers::default(),
        };
        writer.upgrade(task)?;
        let mut out = Outbox::default();
        writer.speaker.opened(&writer.room, &mut out);
        writer.socket.write_all(&out.bytes)?;
        while !writer.live {
            if !writer.read()? {
                return Err(failed("the server does not answer the JOIN"));
            }
        }
        Ok(writer)
    }

    /// Writes until the task's time is over or `end` has ended, then waits for what is to come back.
    ///
    /// # Errors
    /// When the server drops it.
    pub(super) fn write(mut self, task: &Task, end: impl AsFd) -> Result<Account, LoadError> {
        let schedule = Schedule::new(task);
        while let Some(due) = schedule.due(self.answers.next()) {
            let now = now();
            if due <= now {
                self.send(due, now)?;
                continue;
            }
            let (came, ended) = self.wait(&end, Duration::from_nanos(due - now))?;
            if came {
                self.read()?;
            }
            if ended {
                break;
            }
        }
        // What never comes is told by the account.
        while !self.answers.are_complete() && self.read()? {}
        Ok(self.answers.account(&self.speaker))
    }

    fn send(&mut self, due: u64, now: u64) -> Result<(), LoadError> {
        // Times are told by the account: a crowd that sees the stamp has another clock.
        let stamp = Stamp {
            writer: 0,
            sequence: self.answers.next(),
            intended: 0,
        };
        let mut out = Outbox::default();
        self.speaker.update(stamp, &mut out);
        self.socket.write_all(&out.bytes)?;
        self.answers.sent(due, now);
        Ok(())
    }

    /// Waits for `time` at most; tells whether something came, and whether `end` has ended.
    fn wait(&self, end: &impl AsFd, time: Duration) -> Result<(bool, bool), LoadError> {
        let mut files = [
            PollFd::new(&self.socket, PollFlags::IN),
            PollFd::new(end, PollFlags::IN),
        ];
        let time = Timespec::try_from(time).map_err(io::Error::other)?;
        match poll(&mut files, Some(&time)) {
            Ok(_) => {}
            Err(Errno::INTR) => return Ok((false, false)),
            Err(error) => return Err(LoadError::Poll(error.into())),
        }
        let [came, ended] = files.map(|file| !file.revents().is_empty());
        Ok((came, ended))
    }

    fn upgrade(&mut self, task: &Task) -> Result<(), LoadError> {
        let request = handshake(CODEC).request(task.server);
        self.socket.write_all(&request)?;
        let end = loop {
            if let Some(end) = memchr::memmem::find(&self.part, b"\r\n\r\n") {
                break end + 4;
            }
            if self.receive()?.is_none() {
                return Err(failed("the server does not answer the WebSocket handshake"));
            }
        };
        let answer: Vec<u8> = self.part.drain(..end).collect();
        if !answer.starts_with(b"HTTP/1.1 101") {
            let answer = String::from_utf8_lossy(&answer);
            return Err(failed(format!(
                "the WebSocket handshake was refused: {}",
                answer.trim()
            )));
        }
        Ok(())
    }

    /// Reads once, and takes all messages that are whole; `false`: nothing came for long.
    fn read(&mut self) -> Result<bool, LoadError> {
        let Some(now) = self.receive()? else {
            return Ok(false);
        };
        let part = std::mem::take(&mut self.part);
        let mut rest = &*part;
        while let Some(frame) = frames::first(rest).map_err(failed)? {
            self.take(frame, now)?;
            rest = &rest[frame.length..];
        }
        self.part = rest.to_vec();
        Ok(true)
    }

    /// Adds bytes to what came; yields when. `None`: none came for long.
    fn receive(&mut self) -> Result<Option<u64>, LoadError> {
        match self.socket.read(&mut self.buffer) {
            Ok(0) => Err(failed("the server closed the connection")),
            Ok(read) => {
                self.part.extend_from_slice(&self.buffer[..read]);
                Ok(Some(now()))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(failed(error.to_string())),
        }
    }

    /// Takes a message that came at `now`.
    fn take(&mut self, frame: Frame<'_>, now: u64) -> Result<(), LoadError> {
        match (frame.opcode, frame.last) {
            (2, true) => {
                self.heard.reset();
                self.speaker
                    .hear(frame.payload, &mut self.room, &mut self.heard)
                    .map_err(failed)?;
                self.live |= self.heard.live;
                self.answers.hear(&self.heard, frame.payload, now);
                Ok(())
            }
            (9, true) => {
                let mut out = Outbox::default();
                out.frame(0xa, frame.payload);
                Ok(self.socket.write_all(&out.bytes)?)
            }
            (opcode, _) => Err(failed(format!(
                "the server sent a frame of the kind {opcode}"
            ))),
        }
    }
}

impl Schedule {
    /// That of `task`, beginning now.
    fn new(task: &Task) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "as many as there may be at most"
        )]
        let updates = (task.rate * task.seconds) as u32;
        Self {
            began: now(),
            every: 1e9 / task.rate,
            updates,
        }
    }

    /// When the update with this number is; `None`: there are not so many.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "nanoseconds of a task"
    )]
    fn due(&self, number: u32) -> Option<u64> {
        let after = (self.every * f64::from(number)) as u64;
        (number < self.updates).then(|| self.began.saturating_add(after))
    }
}

fn failed(problem: impl Into<String>) -> LoadError {
    LoadError::Client {
        who: "the lone writer".to_owned(),
        problem: problem.into(),
    }
}
