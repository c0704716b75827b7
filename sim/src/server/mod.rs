//! The server's side: connections, rooms and the log's writer, each step of which happens when the world says so.
//!
//! It does what `src/room` and `src/fanout` do, without tasks: the room, the feed, the pace of commits, the codecs and what is
//! judged are the real ones; who is written to when, and what the log answers, is the world's choice.

mod asks;
mod commit;
mod delivery;
mod driver;
mod group;
mod output;
mod session;
mod snapshots;

use std::collections::{BTreeMap, VecDeque};

use revring_protocol::{
    ids::{Millis, Rev, RoomName},
    limits::Limits,
    message::ClientMessage,
    room::Room,
};

use self::{
    driver::Driver,
    group::Group,
    session::{Session, Sessions},
};
use crate::{
    breakage::Breakage,
    broken::{Checked, ensure},
    counters::Counters,
    dice::Dice,
    log::{SimLog, Store},
    net::{ConnectionId, Network},
    oracle::Oracle,
};

/// How a server is configured.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The bounds of its rooms.
    pub limits: Limits,
    /// Bytes of a feed.
    pub feed_bytes: usize,
    /// Bytes of one frame of a feed, unless it carries exactly one operation.
    pub frame_bytes: usize,
    /// Bytes of one merged delta.
    pub delta_bytes: usize,
    /// Documents up to this size are encoded at once.
    pub small_document: usize,
    /// Records of one part of a snapshot; 0: as the protocol has it.
    pub part_records: usize,
    /// Updates over the rate limit, of 1,000.
    pub rate_limited: usize,
    /// When to send an update again that the log did not take.
    pub retry_ms: u64,
    /// How long a connection may be silent.
    pub silence_ms: u64,
    /// What it does wrong on purpose.
    pub breakage: Option<Breakage>,
}

/// What a step of the server has at hand.
#[derive(Debug)]
pub struct Context<'a> {
    /// The time.
    pub now: Millis,
    /// The connections.
    pub net: &'a mut Network,
    /// What happens by chance.
    pub dice: &'a mut Dice,
    /// What is counted.
    pub counters: &'a mut Counters,
    /// What must be true.
    pub oracle: &'a Oracle,
}

/// A server process.
#[derive(Debug)]
pub struct Server {
    setting: Setting,
    log: SimLog,
    rooms: BTreeMap<RoomName, Driver>,
    sessions: Sessions,
    /// What connections ask for and nobody has looked at.
    inbox: VecDeque<(ConnectionId, ClientMessage)>,
    group: Group,
}

impl Server {
    /// A server that starts on `store`.
    #[must_use]
    pub fn new(setting: Setting, store: Store) -> Self {
        Self {
            log: SimLog::new(store, setting.breakage),
            setting,
            rooms: BTreeMap::new(),
            sessions: Sessions::new(),
            inbox: VecDeque::new(),
            group: Group::Idle,
        }
    }

    /// What outlives the process.
    #[must_use]
    pub fn into_store(self) -> Store {
        self.log.into_store()
    }

    /// The log.
    #[must_use]
    pub fn log(&self) -> &SimLog {
        &self.log
    }

    /// The log.
    pub fn log_mut(&mut self) -> &mut SimLog {
        &mut self.log
    }

    /// The connections it holds.
    pub fn connections(&self) -> impl Iterator<Item = ConnectionId> {
        self.sessions.keys().copied()
    }

    /// Whether it holds the connection `id`.
    #[must_use]
    pub fn holds(&self, id: ConnectionId) -> bool {
        self.sessions.contains_key(&id)
    }

    /// The rooms in memory.
    pub fn rooms(&self) -> impl Iterator<Item = (&RoomName, &Room)> {
        self.rooms.iter().map(|(name, driver)| (name, &driver.room))
    }

    /// The room `name`, if it is in memory.
    #[must_use]
    pub fn room(&self, name: &RoomName) -> Option<&Room> {
        Some(&self.rooms.get(name)?.room)
    }

    /// The connections that lack something and whose stream takes it.
    pub fn to_write(&self, net: &Network) -> Vec<ConnectionId> {
        let lacks = |id: &ConnectionId, session: &Session| {
            let joined = session.joined.as_ref();
            let driver = joined.and_then(|(room, _)| self.rooms.get(room));
            let head = driver.map_or(Rev::ZERO, |driver| driver.room.head());
            let takes = net.free_down(*id) > 0;
            takes
                && (session.output.has_backlog()
                    || session.output.cursor().is_some_and(|cursor| cursor < head))
        };
        let sessions = self.sessions.iter();
        sessions
            .filter(|(id, session)| lacks(id, session))
            .map(|(id, _)| *id)
            .collect()
    }

    /// The rooms that have something new for those in them.
    pub fn to_pass(&self) -> impl Iterator<Item = &RoomName> {
        self.named(|driver| driver.passed_by_all < driver.room.head() && !driver.members.is_empty())
    }

    /// The rooms that have updates to propose.
    pub fn to_advance(&self) -> impl Iterator<Item = &RoomName> {
        self.named(Driver::may_advance)
    }

    /// The rooms that must read the log.
    pub fn to_reload(&self) -> impl Iterator<Item = &RoomName> {
        self.named(|driver| driver.must_reload)
    }

    /// The rooms that have a snapshot in the making.
    pub fn to_encode(&self) -> impl Iterator<Item = &RoomName> {
        self.named(|driver| driver.snapshots.is_encoding())
    }

    /// The rooms that nobody is in.
    pub fn to_evict(&self) -> impl Iterator<Item = &RoomName> {
        self.named(|driver| {
            driver.members.is_empty() && driver.requests.is_empty() && driver.is_settled()
        })
    }

    fn named(&self, holds: impl Fn(&Driver) -> bool) -> impl Iterator<Item = &RoomName> {
        let rooms = self.rooms.iter();
        rooms
            .filter(move |(_, driver)| holds(driver))
            .map(|(name, _)| name)
    }

    /// Whether nothing waits to be decided, or written to someone who reads.
    #[must_use]
    pub fn is_idle(&self, net: &Network) -> bool {
        let settled = |driver: &Driver| driver.is_settled() && driver.requests.is_empty();
        let written = |(id, session): (&ConnectionId, &Session)| {
            !session.output.has_backlog() || !net.is_read(*id)
        };
        self.inbox.is_empty()
            && self.rooms.values().all(settled)
            && self.sessions.iter().all(written)
    }

    /// Proposes a room's next batch. True when the log is to commit it.
    ///
    /// # Errors
    /// When something does not hold.
    pub fn advance(&mut self, name: &RoomName, cx: &mut Context<'_>) -> Checked<bool> {
        match self.rooms.get_mut(name) {
            Some(driver) => driver.advance(&mut self.sessions, cx),
            None => Ok(false),
        }
    }

    /// A room reads the log after a failed append.
    ///
    /// # Errors
    /// When something does not hold.
    pub fn reload(&mut self, name: &RoomName, cx: &mut Context<'_>) -> Checked {
        match self.rooms.get_mut(name) {
            Some(driver) => driver.reload(&mut self.log, &mut self.sessions, cx),
            None => Ok(()),
        }
    }

    /// A snapshot in the making is ready.
    pub fn finish_snapshot(&mut self, name: &RoomName, cx: &mut Context<'_>) {
        if let Some(driver) = self.rooms.get_mut(name) {
            driver.on_encoded(&mut self.sessions, cx);
        }
    }

    /// A room's timers: whoever waited too long for a snapshot gets one.
    pub fn tick(&mut self, name: &RoomName, cx: &mut Context<'_>) {
        if let Some(driver) = self.rooms.get_mut(name) {
            driver.take_snapshot_back(&mut self.sessions, cx);
        }
    }

    /// Checks what must hold of a server at any time.
    ///
    /// # Errors
    /// Names what does not.
    pub fn check(&mut self, oracle: &Oracle) -> Checked {
        for (name, driver) in &mut self.rooms {
            driver.check(&self.sessions)?;
            let (epoch, head) = (driver.room.epoch(), driver.room.head());
            oracle.check_reached(name, epoch, head)?;
            let Some(line) = oracle.line_in(name, epoch) else {
                continue;
            };
            // A state is another only at another revision.
            if driver.checked.replace(head) != Some(head) {
                driver.room.check();
                ensure(
                    line.state(head) == Some(driver.room.document()),
                    "a state is its operations, applied in order",
                    || format!("{name} at {head}"),
                )?;
            }
            let current = !driver.is_settled() || head == line.head();
            ensure(current, "a room lacks nothing that is durable", || {
                format!("{name} is at {head}, the log at {}", line.head())
            })?;
        }
        let bound = self.setting.limits.in_flight;
        let over = self
            .sessions
            .iter()
            .find(|(_, session)| session.unanswered > bound);
        ensure(
            over.is_none(),
            "requests of a connection are bounded",
            || over.map_or(0, |(id, _)| id.0),
        )
    }
}
