//! The task that drives one room: one batch in flight, everything else in between.

use std::{
    pin::Pin,
    sync::{Arc, Weak},
    time::Duration,
};

use revring_protocol::{
    codec::Codec,
    error::{CloseCode, Code},
    message::ServerMessage,
    room::Room,
};
use tokio::{
    sync::mpsc,
    time::{self, Instant, Sleep},
};

use super::{
    Ask, JoinAsk, Refusal, Shared, append::InFlight, authors::Undecided, catch_up::Deltas,
    checkpoint::Checkpoints, commit::found, members::Members, open::Seed, pace::Pace,
    snapshots::Snapshots,
};
use crate::{
    fanout::{Connection, Shards},
    hub::Hub,
    log::Log,
    presence::{self, Presence},
    snapshot::Snapshot,
    transport::ServiceSettings,
};

/// Asks taken from the inbox at once.
const TAKEN: usize = 256;
/// How long a room waits for whoever is about to join.
const GRACE: Duration = Duration::from_millis(100);
/// How long a room is quiet before its feed is emptied.
pub(super) const QUIET: Duration = Duration::from_secs(5);

/// One room and everything that happens to it.
pub(super) struct Driver {
    pub(super) shared: Arc<Shared>,
    asks: mpsc::Receiver<Ask>,
    /// Asks that were taken and not looked at yet.
    taken: Vec<Ask>,
    hub: Weak<Hub>,
    pub(super) shards: Arc<Shards>,
    pub(super) log: Arc<dyn Log>,
    settings: Arc<ServiceSettings>,
    pub(super) heartbeat_ms: u64,
    pub(super) room: Room,
    pub(super) members: Members,
    presence: Presence,
    pub(super) undecided: Undecided,
    pub(super) in_flight: Option<InFlight>,
    pub(super) pace: Pace,
    pub(super) deltas: Deltas,
    pub(super) snapshots: Snapshots,
    pub(super) checkpoints: Checkpoints,
    pub(super) timers: Timers,
}

/// When what is due.
#[derive(Debug)]
pub(super) struct Timers {
    presence: Option<Instant>,
    pub(super) quiet: Option<Instant>,
    idle: Option<Instant>,
    /// A time that is never waited for.
    never: Instant,
}

/// Whether the driver goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Go,
    End,
}

impl Driver {
    pub(super) fn new(seed: Seed, room: Room, checkpoints: Checkpoints) -> Self {
        let Seed {
            shared,
            asks,
            hub,
            shards,
            log,
            settings,
        } = seed;
        let head = room.head();
        Codec::ALL
            .iter()
            .for_each(|codec| shared.channel.feed(*codec).clear(head));
        shared.channel.set_head(head);
        let idle = Some(Instant::now() + settings.room_idle.max(GRACE));
        let never = Instant::now() + Duration::from_hours(24 * 365);
        Self {
            heartbeat_ms: u64::try_from(settings.heartbeat.as_millis()).unwrap_or(u64::MAX),
            members: Members::new(shards.count()),
            presence: Presence::new(Arc::clone(shared.channel.board())),
            undecided: Undecided::default(),
            in_flight: None,
            pace: Pace::new(head, room.limits()),
            deltas: Deltas::default(),
            snapshots: Snapshots::default(),
            checkpoints,
            timers: Timers {
                presence: None,
                quiet: None,
                idle,
                never,
            },
            shared,
            asks,
            taken: Vec::new(),
            hub,
            shards,
            log,
            settings,
            room,
        }
    }

    pub(super) async fn run(&mut self) {
        let shared = Arc::clone(&self.shared);
        let mut timer: Pin<Box<Sleep>> = Box::pin(time::sleep_until(self.next_timer()));
        loop {
            let due = self.next_timer();
            if timer.deadline() != due {
                timer.as_mut().reset(due);
            }
            let next = tokio::select! {
                biased;
                Some((batch, what)) = found(&mut self.in_flight) => self.found(batch, what),
                stored = self.checkpoints.ended(), if self.checkpoints.is_running() => self.on_checkpoint(stored),
                () = &mut timer => self.on_timer(),
                () = shared.channel.signalled() => self.on_signals(),
                Some(made) = self.snapshots.encoded(), if self.snapshots.is_encoding() => self.on_encoded(made.as_ref()),
                count = self.asks.recv_many(&mut self.taken, TAKEN) => self.on_asks(count),
            };
            if next == Next::End || self.advance().await == Next::End {
                break;
            }
        }
    }

    fn on_asks(&mut self, count: usize) -> Next {
        if count == 0 {
            return Next::End;
        }
        let mut taken = std::mem::take(&mut self.taken);
        taken.drain(..).for_each(|ask| self.answer(ask));
        self.taken = taken;
        Next::Go
    }

    fn answer(&mut self, ask: Ask) {
        match ask {
            Ask::Join(join) => self.join(*join),
            Ask::Update {
                connection,
                update,
                cost,
            } => match connection.client().cloned() {
                Some(client) if self.members.contains(&connection) => {
                    self.undecided.push(connection, client, update, cost);
                }
                // Whoever was superseded says no more (rule C-5).
                _ => self.shared.budget.add_permits(cost as usize),
            },
            Ask::Presence { connection, data } => {
                if self.members.contains(&connection)
                    && let Some(client) = connection.client()
                {
                    self.presence.set(client.clone(), data);
                    self.await_tick();
                }
                connection.settle();
            }
            Ask::Heartbeat { connection } => {
                let (rev, checksum) = (self.room.head(), self.room.document().checksum());
                connection.answer(&ServerMessage::Heartbeat { rev, checksum });
            }
            Ask::Resync {
                connection,
                position,
            } => {
                self.snapshots.forget(&connection);
                self.welcome(&connection, position.as_ref(), None);
            }
        }
    }

    fn join(&mut self, join: JoinAsk) {
        let JoinAsk {
            connection,
            client,
            made_key,
            position,
            answer,
        } = join;
        if connection.is_gone() {
            return;
        }
        let known = self.members.get(&client).cloned();
        if known.is_none() && self.members.len() >= self.settings.max_room_connections {
            // Whoever asked may have gone.
            let _ = answer.send(Err(Refusal::RoomFull));
            return;
        }
        if let Some(old) = known {
            let message = "the same client joined over another connection";
            old.close_because(CloseCode::Superseded, Code::Superseded, message);
            self.part(&old);
        }
        let (head, channel) = (self.room.head(), &self.shared.channel);
        if self.members.using(connection.codec()) == 0 {
            channel.feed(connection.codec()).clear(head);
        }
        if self.members.in_shard(connection.shard()) == 0 {
            channel.passed(connection.shard(), head);
        }
        if !connection.enter(client.clone(), Arc::clone(channel)) {
            return;
        }
        self.members.insert(client, Arc::clone(&connection));
        self.timers.idle = None;
        self.welcome(&connection, position.as_ref(), made_key);
        let _ = answer.send(Ok(()));
    }

    /// Removes a connection from the room, unless it was removed before (rule C-5).
    fn part(&mut self, connection: &Arc<Connection>) {
        if !self.members.remove(connection) {
            return;
        }
        if let Some(client) = connection.client() {
            self.presence.remove(client);
            self.await_tick();
        }
        self.snapshots.forget(connection);
        if self.members.using(connection.codec()) == 0 {
            self.shared
                .channel
                .feed(connection.codec())
                .clear(self.room.head());
        }
        if self.members.is_empty() {
            self.timers.idle = Some(Instant::now() + self.settings.room_idle);
        }
    }

    fn on_signals(&mut self) -> Next {
        let signals = self.shared.channel.take_signals();
        for connection in &signals.gone {
            self.part(connection);
        }
        for behind in signals.behind {
            self.bring_on(behind);
        }
        if signals.snapshot_freed {
            self.serve_snapshots();
        }
        Next::Go
    }

    fn on_encoded(&mut self, made: Option<&Arc<Snapshot>>) -> Next {
        match made {
            Some(snapshot) => self.serve_fresh_snapshot(snapshot),
            None => self.serve_snapshots(),
        }
        Next::Go
    }

    fn await_tick(&mut self) {
        if self.presence.is_due() && self.timers.presence.is_none() {
            self.timers.presence = Some(Instant::now() + presence::TICK);
        }
    }

    fn next_timer(&self) -> Instant {
        let Timers {
            presence,
            quiet,
            idle,
            never,
        } = self.timers;
        let snapshots = [self.snapshots.patience_ends(), self.snapshots.kept_until()];
        let times = [presence, quiet, idle].into_iter().chain(snapshots);
        times.flatten().min().unwrap_or(never)
    }

    fn on_timer(&mut self) -> Next {
        let now = Instant::now();
        let is_due = |time: Option<Instant>| time.is_some_and(|time| time <= now);
        if is_due(self.timers.presence) {
            self.timers.presence = None;
            self.presence.tick();
            self.pass_on();
        }
        if is_due(self.timers.quiet) {
            self.timers.quiet = None;
            self.free_spare_memory();
        }
        if is_due(self.snapshots.kept_until()) {
            self.snapshots.keep_none();
        }
        self.take_snapshot_back();
        if is_due(self.timers.idle) {
            self.leave_memory()
        } else {
            Next::Go
        }
    }

    /// Frees what a busy room keeps at hand and a quiet one does not need.
    fn free_spare_memory(&mut self) {
        self.deltas.clear();
        self.undecided.shrink();
        self.taken = Vec::new();
        let feeds = Codec::ALL.map(|codec| self.shared.channel.feed(codec));
        feeds.iter().for_each(|feed| feed.clear(self.room.head()));
    }

    /// Tells the shards that something happened.
    pub(super) fn pass_on(&self) {
        for shard in self.members.shards() {
            self.shards.shard(shard).pass_on(&self.shared.channel);
        }
    }

    /// Ends an idle room, once the log has an image of it (rule C-4). Whoever comes in the meantime is served.
    fn leave_memory(&mut self) -> Next {
        self.timers.idle = None;
        if !self.members.is_empty() {
            return Next::Go;
        }
        // What came just now is looked at first.
        let asked = !self.asks.is_empty() || !self.undecided.is_empty() || self.in_flight.is_some();
        if asked {
            self.timers.idle = Some(Instant::now() + self.settings.room_idle.max(GRACE));
            return Next::Go;
        }
        if self.checkpoints.has(self.room.head()) {
            tracing::debug!(room = %self.shared.name, rev = %self.room.head(), "idle room left memory");
            return Next::End;
        }
        let (name, log) = (&self.shared.name, &self.log);
        self.checkpoints.begin(name, &self.room, log);
        Next::Go
    }

    fn on_checkpoint(&mut self, stored: bool) -> Next {
        if self.members.is_empty() && self.timers.idle.is_none() {
            let wait = match stored {
                true => Duration::ZERO,
                false => self.settings.room_idle.max(QUIET),
            };
            self.timers.idle = Some(Instant::now() + wait);
        }
        Next::Go
    }
}

impl Drop for Driver {
    /// Leaves nothing behind, whatever ended the task. Who asked to join in the meantime asks again.
    fn drop(&mut self) {
        if let Some(hub) = self.hub.upgrade() {
            hub.forget(&self.shared);
        }
        self.asks.close();
        self.shared.budget.close();
        self.shared.channel.end();
        for connection in self.members.iter() {
            connection.close_because(
                CloseCode::TryLater,
                Code::Unavailable,
                "the room is not available now",
            );
        }
    }
}
