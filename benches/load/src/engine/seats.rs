//! Who is in a crowd: makes its clients and deals them to the rooms.

use std::{
    collections::VecDeque,
    time::{SystemTime, UNIX_EPOCH},
};

use mio::{Events, Poll};
use revring_protocol::{
    codec::Codec,
    ids::{ClientKey, RoomName},
};
use rustix::process::{Resource, getrlimit, setrlimit};

use crate::{
    limit::Bare,
    plan::{Pace, Plan},
    revring::{Follower, Identity, Pen, Raw, Room, Source},
    speaker::Speaker,
};

use super::{
    BUFFER, Crowd, EVENTS, LoadError, Speak, Target,
    author::Author,
    client::{Client, Voice, World},
    figures::Class,
    pace::Pacing,
    turn::Timers,
};

/// Files beside the sockets.
const OTHER_FILES: usize = 64;
/// For how many seconds a returning client keeps its connection on average.
const STAY: f64 = 3.0;

/// Names of rooms and clients: another set for each crowd, so that a server may outlive many.
#[derive(Debug)]
pub(super) struct Seats {
    prefix: String,
    made: usize,
}

impl Seats {
    fn new() -> Self {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            prefix: format!("load-{:x}", since.as_nanos()),
            made: 0,
        }
    }

    fn room(&self, number: usize) -> Result<RoomName, LoadError> {
        RoomName::new(&format!("{}-{number}", self.prefix))
            .map_err(|error| LoadError::Plan(error.to_string()))
    }

    /// Another client in `room`.
    pub(super) fn identity(&mut self, room: RoomName, codec: Codec) -> Result<Identity, LoadError> {
        self.made += 1;
        let key = ClientKey::new(&format!("{}-client-{}", self.prefix, self.made))
            .map_err(|error| LoadError::Plan(error.to_string()))?;
        Ok(Identity { room, key, codec })
    }
}

impl<'a> Crowd<'a> {
    /// A crowd as `plan` wants it, not connected yet.
    ///
    /// # Errors
    /// When the plan asks for what cannot be, or for more sockets than there may be.
    pub(crate) fn new(plan: &Plan, target: Target<'a>) -> Result<Self, LoadError> {
        Self::with_sources(plan, target, Vec::new())
    }

    /// Like [`Self::new`], with updates that come from `sources`, one for each room, each written by the room's only writer, which
    /// holds a replica.
    ///
    /// # Errors
    /// Like those of [`Self::new`].
    pub(crate) fn with_sources(
        plan: &Plan,
        target: Target<'a>,
        sources: Vec<Box<dyn Source>>,
    ) -> Result<Self, LoadError> {
        check(plan, &target, sources.len())?;
        let seats = Seats::new();
        let rooms = (0..plan.rooms)
            .map(|number| Ok(Room::new(seats.room(number)?, plan.codec)))
            .collect::<Result<_, LoadError>>()?;
        let memory_before = match target.server {
            Some(server) => server.memory()?,
            None => 0,
        };
        let mut crowd = Self {
            plan: plan.clone(),
            target,
            poll: Poll::new()?,
            events: Events::with_capacity(EVENTS),
            buffer: vec![0; BUFFER],
            clients: Vec::new(),
            world: World::new(rooms),
            waiting: VecDeque::new(),
            opening: 0,
            pacing: Pacing::Quiet,
            timers: Timers::default(),
            length: sources.iter().map(|source| source.length()).sum(),
            sources,
            seats,
            memory_before,
            sampler: super::sample::Sampler::default(),
            busy: 0,
            checks: Vec::new(),
            unsettled: None,
        };
        crowd.seat_writers()?;
        crowd.seat_readers()?;
        Ok(crowd)
    }

    /// The name of the first room.
    pub(crate) fn room(&self) -> &RoomName {
        &self.world.rooms[0].name
    }

    fn seat_writers(&mut self) -> Result<(), LoadError> {
        for writer in 0..self.plan.writers {
            let room = writer % self.plan.rooms;
            let composes = !self.sources.is_empty();
            let voice = self.voice(room, composes, true)?;
            let number = u16::try_from(self.world.authors_of[room].len())
                .map_err(|_| LoadError::Plan("more than 65,535 writers in one room".to_owned()))?;
            let mut client = Client::new(voice, room, Class::Writers, true);
            client.who.author = Some(self.world.authors.len());
            self.world.authors_of[room].push(self.world.authors.len());
            self.world
                .authors
                .push(Author::new(self.clients.len(), number, composes));
            self.clients.push(client);
        }
        Ok(())
    }

    fn seat_readers(&mut self) -> Result<(), LoadError> {
        let slow = self.plan.slow.map_or(0, |slow| slow.clients);
        let plain = self.plan.readers - self.plan.replicas - slow;
        let share = self.plan.reconnecting * STAY;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a share of a count"
        )]
        let returning = ((self.plan.readers as f64 * share).ceil() as usize).min(plain);
        let classes = [
            (Class::Replicas, self.plan.replicas),
            (Class::Slow, slow),
            (Class::Returning, returning),
            (Class::Readers, plain - returning),
        ];
        let mut seat = 0;
        for (class, count) in classes {
            for _ in 0..count {
                self.seat(seat, class)?;
                seat += 1;
            }
        }
        Ok(())
    }

    /// Adds the reader with the number `seat`; yields its place.
    pub(super) fn seat(&mut self, seat: usize, class: Class) -> Result<usize, LoadError> {
        let room = seat % self.plan.rooms;
        let voice = self.voice(room, class == Class::Replicas, false)?;
        // Without revisions only stamps tell whether one that comes later lacks something.
        let later = matches!(class, Class::Joining | Class::Returning);
        let always = matches!(class, Class::Replicas | Class::Slow)
            || (later && self.target.speak != Speak::Revring);
        let scans =
            always || (seat / self.plan.rooms).is_multiple_of(self.plan.stamps_of_one_in.max(1));
        self.clients.push(Client::new(voice, room, class, scans));
        let place = self.clients.len() - 1;
        match class {
            Class::Slow => self.timers.slow.push(place),
            Class::Returning => self.timers.returning.push(place),
            Class::Readers | Class::Replicas | Class::Joining | Class::Writers => {}
        }
        Ok(place)
    }

    fn voice(&mut self, room: usize, replica: bool, writes: bool) -> Result<Voice, LoadError> {
        let plan = &self.plan;
        let speaker: Box<dyn Speaker> = match self.target.speak {
            Speak::Bare => Box::new(Bare),
            Speak::Peer(kind) => kind.speaker(),
            Speak::Revring => {
                let identity = self
                    .seats
                    .identity(self.world.rooms[room].name.clone(), plan.codec)?;
                if replica {
                    return Ok(Voice::Follower(Box::new(Follower::new(identity))));
                }
                let pen = || Pen::new(plan.codec, plan.work, plan.payload, plan.records);
                let pen = writes.then(pen).transpose().map_err(LoadError::Plan)?;
                return Ok(Voice::Raw(Box::new(Raw::new(identity, pen))));
            }
        };
        Ok(Voice::Other(speaker))
    }
}

fn check(plan: &Plan, target: &Target<'_>, sources: usize) -> Result<(), LoadError> {
    let wrong = |problem: &str| Err(LoadError::Plan(problem.to_owned()));
    let slow = plan.slow.map_or(0, |slow| slow.clients);
    if plan.rooms == 0 {
        return wrong("a load needs at least one room");
    }
    if plan.readers + plan.writers == 0 {
        return wrong("a load needs at least one client that reads or writes");
    }
    if plan.replicas + slow > plan.readers {
        return wrong(
            "replicas and slow readers are counted among the readers; there are more of them than readers",
        );
    }
    if plan
        .slow
        .is_some_and(|slow| slow.clients > 0 && slow.bytes_per_second == 0)
    {
        return wrong("a slow reader reads at least 1 byte per second");
    }
    if !(0.0..=1.0).contains(&plan.reconnecting) {
        return wrong("the share of readers that reconnect each second is a number from 0 to 1");
    }
    if !plan.ramp.is_finite() || plan.ramp <= 0.0 {
        return wrong("the ramp is a positive number of connections per second");
    }
    match plan.pace {
        Pace::Rate(rate) if !rate.is_finite() || rate <= 0.0 => {
            return wrong("the rate is a positive number of updates per second");
        }
        Pace::Window(0) => return wrong("a window holds at least one update"),
        Pace::Rate(_) | Pace::Window(_) if plan.writers == 0 => {
            return wrong("updates need at least one writer");
        }
        Pace::Quiet | Pace::Rate(_) | Pace::Window(_) => {}
    }
    if target.speak != Speak::Revring
        && (plan.rooms > 1 || plan.replicas > 0 || plan.records > 0 || sources > 0)
    {
        return wrong("rooms, replicas, records and streams are there for revring alone");
    }
    if sources > 0 && (sources != plan.rooms || plan.writers != plan.rooms) {
        return wrong("a stream needs a room of its own with one writer");
    }
    files(plan.readers + plan.writers)
}

/// Makes sure that the process may have as many open files as `clients` need.
pub(super) fn files(clients: usize) -> Result<(), LoadError> {
    let needed = clients + OTHER_FILES;
    let mut limit = getrlimit(Resource::Nofile);
    let enough = |allowed: Option<u64>| allowed.is_none_or(|allowed| needed as u64 <= allowed);
    if enough(limit.current) {
        return Ok(());
    }
    if !enough(limit.maximum) {
        return Err(LoadError::Files {
            needed,
            allowed: limit.maximum.unwrap_or(u64::MAX),
        });
    }
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).map_err(|error| LoadError::Poll(error.into()))
}
