//! One client: its connection, and who speaks over it.

use std::{net::SocketAddr, time::Instant};

use revring_protocol::change::Change;

use crate::{
    plan::Plan,
    revring::{self, Follower, Raw, Room, Tally},
    speaker::{Handshake, Heard, Kind, Outbox, Speaker},
    stamp::{self, Stamp},
};

use super::{
    author::{Author, Order},
    figures::{Class, Figures},
    link::{Link, Stage},
};

/// All that clients share.
#[derive(Debug)]
pub(super) struct World {
    clock: Instant,
    pub(super) rooms: Vec<Room>,
    pub(super) authors: Vec<Author>,
    /// The authors of each room, by their numbers there.
    pub(super) authors_of: Vec<Vec<usize>>,
    pub(super) figures: Figures,
    /// Authors whose window may have room.
    pub(super) hungry: Vec<usize>,
    /// Microseconds at the latest look at the clock.
    pub(super) latest: u64,
    heard: Heard,
}

impl World {
    pub(super) fn new(rooms: Vec<Room>) -> Self {
        Self {
            clock: Instant::now(),
            authors_of: vec![Vec::new(); rooms.len()],
            rooms,
            authors: Vec::new(),
            figures: Figures::new(),
            hungry: Vec::new(),
            latest: 0,
            heard: Heard::default(),
        }
    }

    /// Microseconds since the load began.
    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.clock.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// An update of `author` is answered.
    fn answered(&mut self, author: usize, sequence: u32) -> bool {
        let Some(known) = self.authors.get_mut(author) else {
            return false;
        };
        let first = known.answer(sequence);
        if first && !known.hungry {
            known.hungry = true;
            self.hungry.push(author);
        }
        first
    }
}

/// Who speaks.
pub(super) enum Voice {
    Raw(Box<Raw>),
    Follower(Box<Follower>),
    Other(Box<dyn Speaker>),
}

/// See the module.
pub(super) struct Client {
    pub(super) link: Option<Link>,
    pub(super) who: Who,
}

/// A client without its connection.
pub(super) struct Who {
    pub(super) voice: Voice,
    pub(super) room: usize,
    pub(super) class: Class,
    /// Its place among the authors.
    pub(super) author: Option<usize>,
    /// Whether it looks at stamps.
    pub(super) scans: bool,
    pub(super) live: bool,
    pub(super) order: Order,
    /// Operations that arrived.
    pub(super) deliveries: u64,
    /// What there was when it became live: operations that had arrived, and updates that had been sent to its room.
    since: (u64, u64),
}

impl Client {
    pub(super) fn new(voice: Voice, room: usize, class: Class, scans: bool) -> Self {
        Self {
            link: None,
            who: Who {
                voice,
                room,
                class,
                author: None,
                scans,
                live: false,
                order: Order::default(),
                deliveries: 0,
                since: (0, 0),
            },
        }
    }

    /// Takes bytes that came.
    pub(super) fn feed(&mut self, mut bytes: &[u8], world: &mut World) -> Result<(), String> {
        let Self {
            link: Some(link),
            who,
        } = self
        else {
            return Ok(());
        };
        if link.stage != Stage::Open {
            match link.answered(bytes)? {
                Some(rest) => bytes = rest,
                None => return Ok(()),
            }
            who.opened(&mut link.out, world)?;
        }
        // Looking at the clock takes as long as a short frame.
        let now = if who.scans { world.now() } else { world.latest };
        link.feed(bytes, |out, opcode, payload, length| {
            who.hear(opcode, payload, length, now, out, world)
        })
    }

    /// Ends the connection, if there is one.
    pub(super) fn close(&mut self, world: &mut World) {
        if self.link.take().is_some() {
            self.who.closed(world);
        }
    }

    pub(super) fn handshake(&self, plan: &Plan) -> Handshake {
        match &self.who.voice {
            Voice::Other(speaker) => speaker.handshake(),
            Voice::Raw(_) | Voice::Follower(_) => revring::handshake(plan.codec),
        }
    }

    /// The socket can be written to.
    pub(super) fn writable(&mut self, address: SocketAddr, plan: &Plan) -> std::io::Result<()> {
        let handshake = match &self.link {
            Some(link) if link.stage == Stage::Connecting => Some(self.handshake(plan)),
            _ => None,
        };
        match &mut self.link {
            Some(link) => link.writable(address, handshake.as_ref()),
            None => Ok(()),
        }
    }
}

impl Who {
    /// The revision it is at; for others than revring's clients, the operations it got.
    pub(super) fn place(&self) -> u64 {
        match &self.voice {
            Voice::Raw(raw) => raw.rev,
            Voice::Follower(follower) => follower.rev(),
            Voice::Other(_) => self.deliveries,
        }
    }

    /// For the proof at the end; `None`: it has no revisions.
    pub(super) fn tally(&self) -> Option<Tally<'_>> {
        match &self.voice {
            Voice::Raw(raw) => Some(Tally::Raw(raw)),
            Voice::Follower(follower) => Some(Tally::Follower(follower)),
            Voice::Other(_) => None,
        }
    }

    /// Whether it reads from a server without revisions and lacks updates that were sent since it is live, or got more than those.
    pub(super) fn lacks(&self, world: &World) -> bool {
        if self.author.is_some() || !matches!(self.voice, Voice::Other(_)) {
            return false;
        }
        if self.scans {
            let mut authors = world.authors_in(self.room);
            return !authors.all(|author| self.order.has_all(author.number, author.sent));
        }
        let (deliveries, sent) = self.since;
        let (got, wanted) = (
            self.deliveries - deliveries,
            world.sent_to(self.room) - sent,
        );
        // What was on its way when it became live may come on top.
        got < wanted || (sent == 0 && got > wanted)
    }

    /// When it has something to send that only time makes due, in microseconds.
    pub(super) fn due(&self) -> Option<u64> {
        match &self.voice {
            Voice::Follower(follower) => follower.due().map(|millis| millis.saturating_mul(1000)),
            Voice::Raw(_) | Voice::Other(_) => None,
        }
    }

    /// Sends an update of the plan.
    pub(super) fn update(
        &mut self,
        stamp: Stamp,
        plan: &Plan,
        now: u64,
        out: &mut Outbox,
    ) -> Result<(), String> {
        match &mut self.voice {
            Voice::Raw(raw) => raw.update(stamp, out),
            Voice::Other(speaker) => speaker.update(stamp, plan.payload, out),
            Voice::Follower(follower) => {
                follower.update(stamp, plan.work, plan.payload, now / 1000, out)?;
            }
        }
        Ok(())
    }

    /// Sends an update of these changes. Only replicas can.
    pub(super) fn change(
        &mut self,
        stamp: Stamp,
        changes: Vec<Change>,
        now: u64,
        out: &mut Outbox,
    ) -> Result<(), String> {
        match &mut self.voice {
            Voice::Follower(follower) => follower.change(stamp, changes, now / 1000, out),
            Voice::Raw(_) | Voice::Other(_) => Err("only a replica sends given changes".to_owned()),
        }
    }

    /// Sends what time has made due.
    pub(super) fn remind(&mut self, now: u64, out: &mut Outbox) {
        if let Voice::Follower(follower) = &mut self.voice {
            follower.send(now / 1000, out);
        }
    }

    /// Asks for the head and its checksum.
    pub(super) fn ask_head(&mut self, now: u64, out: &mut Outbox) {
        match &mut self.voice {
            Voice::Raw(raw) => raw.ask_head(out),
            Voice::Follower(follower) => follower.ask_head(now / 1000, out),
            Voice::Other(_) => {}
        }
    }

    fn opened(&mut self, out: &mut Outbox, world: &mut World) -> Result<(), String> {
        let now = world.now();
        match &mut self.voice {
            Voice::Raw(raw) => {
                let room = world.rooms.get(self.room).ok_or("a client without room")?;
                raw.opened(room, out);
            }
            Voice::Follower(follower) => follower.opened(now / 1000, out),
            Voice::Other(speaker) => {
                let mut heard = Heard::default();
                speaker.opened(out, &mut heard);
                self.take(&heard, &[], 0, now, world);
            }
        }
        Ok(())
    }

    fn closed(&mut self, world: &mut World) {
        world.figures.live -= u64::from(std::mem::take(&mut self.live));
        match &mut self.voice {
            Voice::Raw(raw) => raw.closed(),
            Voice::Follower(follower) => follower.closed(),
            Voice::Other(_) => self.order.loosen(),
        }
    }

    fn hear(
        &mut self,
        opcode: u8,
        payload: &[u8],
        length: usize,
        now: u64,
        out: &mut Outbox,
        world: &mut World,
    ) -> Result<(), String> {
        let kind = match opcode {
            1 => Kind::Text,
            2 => Kind::Binary,
            8 => return Err(closing(payload)),
            9 => {
                out.frame(0xa, payload);
                return Ok(());
            }
            10 => return Ok(()),
            other => {
                return Err(format!(
                    "the server sent a frame of the unknown kind {other}"
                ));
            }
        };
        let mut heard = std::mem::take(&mut world.heard);
        heard.reset();
        let room = world
            .rooms
            .get_mut(self.room)
            .ok_or("a client without room")?;
        match &mut self.voice {
            Voice::Raw(raw) => raw.hear(payload, room, &mut heard)?,
            Voice::Follower(follower) => {
                follower.hear(payload, room, now / 1000, out, &mut heard)?;
            }
            Voice::Other(speaker) => speaker.hear(kind, payload, out, &mut heard)?,
        }
        if heard.operations && heard.deliveries == 0 {
            heard.deliveries = memchr::memmem::find_iter(payload, stamp::MARK).count() as u64;
        }
        self.take(&heard, payload, length, now, world);
        world.heard = heard;
        Ok(())
    }

    fn take(&mut self, heard: &Heard, payload: &[u8], length: usize, now: u64, world: &mut World) {
        world.figures.hear(heard, length);
        self.deliveries += heard.deliveries;
        if heard.gap || heard.snapshot {
            self.order.loosen();
        }
        if heard.live && !self.live {
            self.live = true;
            world.figures.live += 1;
            self.await_updates(world);
        }
        if heard.operations && self.scans {
            for stamp in stamp::all_in(payload) {
                self.arrived(stamp, now, world);
            }
        }
        if let Some(author) = self.author {
            for sequence in &heard.acknowledged {
                let first = world.acknowledge(author, *sequence);
                if first && heard.gap {
                    world.authors[author].tell(*sequence);
                }
            }
            for (sequence, code) in &heard.refused {
                world.refuse(author, *sequence, code);
            }
        }
    }

    /// It is live: without revisions, only what was sent tells what is still to come.
    fn await_updates(&mut self, world: &World) {
        if self.author.is_some() || !matches!(self.voice, Voice::Other(_)) {
            return;
        }
        self.since = (self.deliveries, world.sent_to(self.room));
        if self.scans {
            for author in world.authors_in(self.room) {
                self.order.expect(author.number, author.sent);
            }
        }
    }

    /// An operation with `stamp` came.
    fn arrived(&mut self, stamp: Stamp, now: u64, world: &mut World) {
        let writers = world.authors_of.get(self.room);
        let writer = writers
            .and_then(|writers| writers.get(usize::from(stamp.writer)))
            .copied();
        let known = writer.and_then(|writer| world.authors.get(writer));
        if !known.is_some_and(|known| known.composes) {
            let holes = known.is_some_and(|known| known.refused > 0);
            self.order.arrive(stamp.writer, stamp.sequence, holes);
        }
        let Some(own) = self.author else {
            world.figures.arrived(self.class, stamp.intended, now);
            return;
        };
        if writer != Some(own) {
            return;
        }
        world.figures.arrived(Class::Writers, stamp.intended, now);
        let allowed = match &self.voice {
            // The replica says itself what is answered.
            Voice::Follower(_) => world.authors[own].show(stamp.sequence),
            Voice::Raw(_) => {
                world.acknowledge(own, stamp.sequence)
                    || world.authors[own].may_show(stamp.sequence)
            }
            // It may have said it before in another way.
            Voice::Other(_) => {
                world.acknowledge(own, stamp.sequence);
                true
            }
        };
        world.authors[own].repeated += u64::from(!allowed);
    }
}

impl World {
    fn acknowledge(&mut self, author: usize, sequence: u32) -> bool {
        let first = self.answered(author, sequence);
        self.figures.total.acknowledged += u64::from(first);
        first
    }

    fn refuse(&mut self, author: usize, sequence: u32, code: &str) {
        if self.answered(author, sequence) {
            *self
                .figures
                .total
                .refused
                .entry(code.to_owned())
                .or_default() += 1;
            if let Some(author) = self.authors.get_mut(author) {
                author.refused += 1;
            }
        }
    }

    fn authors_in(&self, room: usize) -> impl Iterator<Item = &Author> {
        let authors = self.authors_of.get(room).into_iter().flatten();
        authors.filter_map(|author| self.authors.get(*author))
    }

    /// Updates that were sent to `room`.
    fn sent_to(&self, room: usize) -> u64 {
        self.authors_in(room)
            .map(|author| u64::from(author.sent))
            .sum()
    }
}

fn closing(payload: &[u8]) -> String {
    match payload {
        [a, b, reason @ ..] => format!(
            "the server closed the connection: {} {}",
            u16::from_be_bytes([*a, *b]),
            String::from_utf8_lossy(reason)
        ),
        _ => "the server closed the connection".to_owned(),
    }
}
