//! The whole: clients, connections, a server and its disk, and what happens between them, one thing at a time.

mod action;
mod faults;
mod profile;
mod serve;
mod settle;

use revring_protocol::ids::{Millis, RoomName};

use self::{action::Action, profile::Profile};
use crate::{
    breakage::Breakage,
    broken::{Broken, Checked},
    client::Client,
    counters::Counters,
    dice::Dice,
    log::Store,
    net::{ConnectionId, Network},
    oracle::Oracle,
    server::Server,
    trace::Trace,
};

/// How often a step looks for something that can happen.
const TRIES: usize = 8;
/// Most milliseconds between two steps, and one more.
const PAUSE: usize = 12;

/// The world of one seed.
#[derive(Debug)]
pub struct World {
    seed: u64,
    now: Millis,
    profile: Profile,
    net: Network,
    machine: Machine,
    clients: Vec<Client>,
    rooms: Vec<RoomName>,
    /// Connections of those who join and do not take part.
    strangers: Vec<ConnectionId>,
    oracle: Oracle,
    /// What was exercised.
    pub counters: Counters,
    /// What happened.
    pub trace: Trace,
}

/// The machine the server runs on.
#[derive(Debug)]
enum Machine {
    Up(Box<Server>),
    Down(Store),
}

/// All of it most of the time, else a part.
fn some_of(all: usize, dice: &mut Dice) -> usize {
    if dice.chance(700) {
        all
    } else {
        dice.between(1, all)
    }
}

/// What a step touched, and what happened.
struct Happened {
    /// This client.
    client: Option<usize>,
    /// The server, or what it holds.
    server: bool,
    what: String,
}

impl Happened {
    fn to_client(index: usize, what: impl Into<String>) -> Option<Self> {
        Some(Self {
            client: Some(index),
            server: false,
            what: what.into(),
        })
    }

    fn to_server(what: impl Into<String>) -> Option<Self> {
        Some(Self {
            client: None,
            server: true,
            what: what.into(),
        })
    }
}

impl World {
    /// The world of `seed`, in which `breakage` is broken.
    ///
    /// # Errors
    /// Never, as its names are valid.
    pub fn new(seed: u64, breakage: Option<Breakage>, whole_trace: bool) -> Checked<Self> {
        let mut dice = Dice::new(seed, 0);
        let profile = Profile::new(&mut dice, breakage);
        let names = (0..profile.rooms).map(|n| RoomName::new(&format!("room-{n}")));
        let rooms: Result<Vec<_>, _> = names.collect();
        let rooms = rooms.map_err(|error| Broken::new("names are valid", error))?;
        let manners = profile.clients.iter().cloned().enumerate();
        let clients =
            manners.map(|(n, manner)| Client::new(n, rooms[n % rooms.len()].clone(), manner));
        Ok(Self {
            seed,
            now: 1_000,
            clients: clients.collect::<Checked<_>>()?,
            machine: Machine::Up(Box::new(Server::new(
                profile.setting.clone(),
                Store::default(),
            ))),
            profile,
            net: Network::default(),
            rooms,
            strangers: Vec::new(),
            oracle: Oracle::default(),
            counters: Counters::default(),
            trace: Trace::new(whole_trace),
        })
    }

    /// Lets the thing happen that is the step `number`.
    ///
    /// # Errors
    /// When something does not hold afterwards.
    pub fn step(&mut self, number: u64) -> Checked {
        let mut dice = Dice::new(self.seed, number + 1);
        self.now += dice.below(PAUSE) as u64;
        for _ in 0..TRIES {
            let chosen = self.profile.choose(&mut dice);
            let action = self.at_worst(chosen, &mut dice);
            if let Some(happened) = self.act(action, &mut dice)? {
                self.trace.line(format_args!(
                    "{number:>6} {:>8} {action:?}: {}",
                    self.now, happened.what
                ));
                return self.check(&happened);
            }
        }
        Ok(())
    }

    /// Now and then the power goes just before a flush.
    fn at_worst(&self, action: Action, dice: &mut Dice) -> Action {
        match &self.machine {
            Machine::Up(server)
                if action == Action::Log
                    && server.has_unflushed()
                    && dice.chance(self.profile.bad_moments) =>
            {
                Action::PowerLoss
            }
            _ => action,
        }
    }

    fn act(&mut self, action: Action, dice: &mut Dice) -> Checked<Option<Happened>> {
        match action {
            Action::Update
            | Action::Send
            | Action::ClientRead
            | Action::Connect
            | Action::Reconnect
            | Action::Heartbeat
            | Action::Resync => self.act_client(action, dice),
            Action::Cut
            | Action::Stranger
            | Action::Kill
            | Action::PowerLoss
            | Action::Start
            | Action::BadDisk
            | Action::FullDisk
            | Action::Mend
            | Action::Restore => self.act_fault(action, dice),
            Action::ServerRead
            | Action::Take
            | Action::Pass
            | Action::Write
            | Action::Advance
            | Action::Log
            | Action::Reload
            | Action::Encode
            | Action::Tick
            | Action::Silence
            | Action::Evict => self.act_server(action, dice),
        }
    }

    fn act_client(&mut self, action: Action, dice: &mut Dice) -> Checked<Option<Happened>> {
        let index = dice.below(self.clients.len());
        let Some(client) = self.clients.get_mut(index) else {
            return Ok(None);
        };
        let what = match action {
            Action::Update => {
                let made: Vec<_> = (0..dice.between(1, 3))
                    .filter_map(|_| client.update(dice, &mut self.counters))
                    .collect();
                (!made.is_empty()).then(|| format!("{made:?}"))
            }
            Action::Send => {
                let sent = client.send(self.now, &mut self.net);
                (sent > 0).then(|| format!("{sent} bytes"))
            }
            Action::ClientRead => {
                let most = some_of(client.manner.pace, dice);
                let read = client.read(most, self.now, &mut self.net)?;
                self.forget_unheld();
                let client = &self.clients[index];
                read.then(|| {
                    format!(
                        "up to {most} bytes, then at {}",
                        client.replica.confirmed_rev()
                    )
                })
            }
            Action::Connect => return Ok(self.connect(index, dice)),
            Action::Reconnect => {
                // What is still on its way then arrives late.
                if dice.chance(500) {
                    client.send(self.now, &mut self.net);
                }
                let Some(old) = client.disconnect() else {
                    return Ok(None);
                };
                self.net.abandon(old, dice.chance(700), dice);
                self.forget_unheld();
                let connected = self.connect(index, dice);
                let what = connected.map_or_else(|| "in vain".to_owned(), |done| done.what);
                Some(format!("gives {old} up, {what}"))
            }
            Action::Heartbeat => {
                client.replica.heartbeat();
                Some(String::new())
            }
            Action::Resync => {
                client.replica.resync();
                Some(String::new())
            }
            _ => None,
        };
        let name = format!("client {index}");
        Ok(what.and_then(|what| Happened::to_client(index, format!("{name} {what}"))))
    }

    fn connect(&mut self, index: usize, dice: &mut Dice) -> Option<Happened> {
        let Machine::Up(server) = &mut self.machine else {
            return None;
        };
        let client = self.clients.get_mut(index)?;
        if client.connection().is_some() {
            return None;
        }
        let manner = &client.manner;
        let id = self.net.open(manner.codec, manner.capacity, manner.pace);
        server.accept(id, manner.codec, self.now);
        client.connected(id);
        // Most send their JOIN at once.
        if dice.chance(800) {
            client.send(self.now, &mut self.net);
        }
        Happened::to_client(index, format!("client {index} is {id}"))
    }

    /// Checks everything that a step may have changed.
    fn check(&mut self, happened: &Happened) -> Checked {
        if happened.server {
            let store = match &self.machine {
                Machine::Up(server) => server.log().store(),
                Machine::Down(store) => store,
            };
            let new = self.oracle.observe(store)?;
            if new > 0 {
                let heads = self.rooms.iter().filter_map(|room| self.oracle.line(room));
                let heads: Vec<_> = heads.map(|line| line.head().get()).collect();
                self.trace
                    .line(format_args!("       durable now: {heads:?}"));
            }
            if let Machine::Up(server) = &mut self.machine {
                server.check(&self.oracle)?;
            }
        }
        match happened
            .client
            .and_then(|index| self.clients.get_mut(index))
        {
            Some(client) => client.check(&self.oracle, &mut self.counters),
            None => Ok(()),
        }
    }

    /// Frees connections that neither side holds.
    fn forget_unheld(&mut self) {
        let held = |id: &ConnectionId| match &self.machine {
            Machine::Up(server) => server.holds(*id),
            Machine::Down(_) => false,
        };
        let clients = &self.clients;
        let ids: Vec<_> = self.net.iter().map(|(id, _)| id).collect();
        for id in ids {
            let used = clients.iter().any(|client| client.connection() == Some(id))
                || self.strangers.contains(&id);
            if !used && !held(&id) {
                self.net.forget(id);
            }
        }
    }
}
