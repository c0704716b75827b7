//! The task that drives one room: one batch in flight, everything else in between.

use std::{
    pin::Pin,
    sync::{Arc, Weak},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures_util::FutureExt as _;
use revring_protocol::{
    codec::{Codec, delta_payload},
    error::{CloseCode, Code},
    ids::{Epoch, Millis, Rev},
    message::ServerMessage,
    room::{Batch, Room, RingEntry},
};
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{self, Instant, Sleep},
};

use super::{
    Ask, JoinAsk, Refusal, Shared,
    authors::Undecided,
    catch_up::Deltas,
    members::Members,
    pace::Pace,
    snapshots::Snapshots,
};
use crate::{
    fanout::{Connection, Shards, frame},
    hub::Hub,
    log::{Appended, Log, LogError, Stored},
    presence::{self, Presence},
    snapshot::Snapshot,
    transport::ServiceSettings,
};

/// Asks taken from the inbox at once.
const TAKEN: usize = 256;
/// Bytes of one frame of the feed, unless it carries exactly one operation. It is what a slow client may keep in memory.
const FRAME_BYTES: usize = 64 << 10;
/// How long a room waits for whoever is about to join.
const GRACE: Duration = Duration::from_millis(100);
/// How long a room is quiet before its feed is emptied.
const QUIET: Duration = Duration::from_secs(5);

/// What a driver is started with.
#[derive(Debug)]
pub(crate) struct Seed {
    pub(crate) shared: Arc<Shared>,
    pub(crate) asks: mpsc::Receiver<Ask>,
    pub(crate) hub: Weak<Hub>,
    pub(crate) shards: Arc<Shards>,
    pub(crate) log: Arc<dyn Log>,
    pub(crate) settings: Arc<ServiceSettings>,
}

/// Opens the room and drives it until it is idle.
pub(crate) async fn drive(mut seed: Seed) {
    let opened = seed.log.open(&seed.shared.name).await;
    let room = match opened.map(|stored| restore(stored, &seed)) {
        Ok(Some(room)) => room,
        Ok(None) => return refuse_all(&mut seed, Refusal::Unavailable),
        Err(LogError::Full) => return refuse_all(&mut seed, Refusal::TooManyRooms),
        Err(error) => {
            tracing::error!(room = %seed.shared.name, %error, "the room does not open");
            return refuse_all(&mut seed, Refusal::Unavailable);
        }
    };
    tracing::debug!(room = %seed.shared.name, rev = %room.head(), "room opened");
    let mut driver = Driver::new(seed, room);
    driver.run().await;
}

fn restore(stored: Option<Stored>, seed: &Seed) -> Option<Room> {
    let limits = seed.settings.limits.clone();
    let Some(Stored { image, tail }) = stored else {
        let mut random = [0; 12];
        getrandom::fill(&mut random).ok()?;
        return Some(Room::new(Epoch::from_random(random), limits));
    };
    match Room::restore(image, &tail, limits) {
        Ok(room) => Some(room),
        Err(error) => {
            tracing::error!(room = %seed.shared.name, %error, "the log holds what is not this room");
            None
        }
    }
}

/// Ends before the room was there. Whoever asks from now on gets a new driver.
fn refuse_all(seed: &mut Seed, refusal: Refusal) {
    if let Some(hub) = seed.hub.upgrade() {
        hub.forget(&seed.shared);
    }
    seed.asks.close();
    while let Ok(ask) = seed.asks.try_recv() {
        if let Ask::Join(join) = ask {
            // Whoever asked may have gone.
            let _ = join.answer.send(Err(refusal));
        }
    }
}

type Append = Pin<Box<dyn Future<Output = (Batch, Result<Appended, LogError>)> + Send>>;

/// One room and everything that happens to it.
pub(super) struct Driver {
    pub(super) shared: Arc<Shared>,
    asks: mpsc::Receiver<Ask>,
    hub: Weak<Hub>,
    shards: Arc<Shards>,
    log: Arc<dyn Log>,
    settings: Arc<ServiceSettings>,
    pub(super) heartbeat_ms: u64,
    pub(super) room: Room,
    pub(super) members: Members,
    presence: Presence,
    undecided: Undecided,
    in_flight: Option<Append>,
    pace: Pace,
    pub(super) deltas: Deltas,
    pub(super) snapshots: Snapshots,
    checkpoint: Checkpoint,
    timers: Timers,
}

/// When what is due.
#[derive(Debug)]
struct Timers {
    presence: Option<Instant>,
    quiet: Option<Instant>,
    idle: Option<Instant>,
    /// A time that is never waited for.
    never: Instant,
}

/// What has been stored since the last checkpoint.
#[derive(Debug, Default)]
struct Checkpoint {
    ops: usize,
    bytes: usize,
    running: Option<JoinHandle<()>>,
}

/// Whether the driver goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Go,
    End,
}

impl Driver {
    fn new(seed: Seed, room: Room) -> Self {
        let Seed { shared, asks, hub, shards, log, settings } = seed;
        let head = room.head();
        Codec::ALL.iter().for_each(|codec| shared.channel.feed(*codec).clear(head));
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
            checkpoint: Checkpoint::default(),
            timers: Timers { presence: None, quiet: None, idle, never },
            shared,
            asks,
            hub,
            shards,
            log,
            settings,
            room,
        }
    }

    async fn run(&mut self) {
        let mut taken = Vec::new();
        let shared = Arc::clone(&self.shared);
        let mut timer: Pin<Box<Sleep>> = Box::pin(time::sleep_until(self.next_timer()));
        loop {
            let due = self.next_timer();
            if timer.deadline() != due {
                timer.as_mut().reset(due);
            }
            let next = tokio::select! {
                biased;
                Some((batch, appended)) = appended(&mut self.in_flight) => self.appended(batch, appended),
                () = &mut timer => self.on_timer().await,
                () = shared.channel.signalled() => self.on_signals(),
                Some(snapshot) = self.snapshots.encoded(), if self.snapshots.is_encoding() => self.on_encoded(&snapshot),
                count = self.asks.recv_many(&mut taken, TAKEN) => self.on_asks(count, &mut taken),
            };
            if next == Next::End || self.advance() == Next::End {
                break;
            }
        }
    }

    fn on_asks(&mut self, count: usize, taken: &mut Vec<Ask>) -> Next {
        if count == 0 {
            return Next::End;
        }
        taken.drain(..).for_each(|ask| self.answer(ask));
        Next::Go
    }

    fn answer(&mut self, ask: Ask) {
        match ask {
            Ask::Join(join) => self.join(*join),
            Ask::Update { connection, update, cost } => match connection.client().cloned() {
                Some(client) => self.undecided.push(connection, client, update, cost),
                None => self.shared.budget.add_permits(cost as usize),
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
            Ask::Resync { connection, position } => {
                self.snapshots.forget(&connection);
                self.welcome(&connection, position.as_ref(), None);
            }
        }
    }

    fn join(&mut self, join: JoinAsk) {
        let JoinAsk { connection, client, made_key, position, answer } = join;
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
        if self.members.using(connection.codec()) == 0 {
            self.shared.channel.feed(connection.codec()).clear(self.room.head());
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

    fn on_encoded(&mut self, snapshot: &Arc<Snapshot>) -> Next {
        self.serve_fresh_snapshot(snapshot);
        Next::Go
    }

    fn await_tick(&mut self) {
        if self.presence.is_due() && self.timers.presence.is_none() {
            self.timers.presence = Some(Instant::now() + presence::TICK);
        }
    }

    fn next_timer(&self) -> Instant {
        let Timers { presence, quiet, idle, never } = self.timers;
        let times = [presence, quiet, idle, self.snapshots.patience_ends()];
        times.into_iter().flatten().min().unwrap_or(never)
    }

    async fn on_timer(&mut self) -> Next {
        let now = Instant::now();
        let is_due = |time: Option<Instant>| time.is_some_and(|time| time <= now);
        if is_due(self.timers.presence) {
            self.timers.presence = None;
            self.presence.tick();
            self.pass_on();
        }
        if is_due(self.timers.quiet) {
            self.timers.quiet = None;
            self.deltas.clear();
            let feeds = Codec::ALL.map(|codec| self.shared.channel.feed(codec));
            feeds.iter().for_each(|feed| feed.clear(self.room.head()));
        }
        self.take_snapshot_back();
        if is_due(self.timers.idle) { self.leave_memory().await } else { Next::Go }
    }

    /// Proposes and commits as far as that goes without waiting.
    fn advance(&mut self) -> Next {
        while self.in_flight.is_none() && !self.undecided.is_empty() && self.may_commit() {
            let batch = self.room.propose(&mut self.undecided.requests, now());
            if batch.operations().is_empty() {
                self.commit(batch);
                continue;
            }
            let mut append = self.append(batch);
            // A log in memory answers at once.
            let Some((batch, appended)) = (&mut append).now_or_never() else {
                self.in_flight = Some(append);
                break;
            };
            if self.appended(batch, appended) == Next::End {
                return Next::End;
            }
        }
        Next::Go
    }

    /// Whether the writers have passed on enough. If not, the next pass wakes this task.
    fn may_commit(&mut self) -> bool {
        self.note_passes();
        if self.pace.allows_more() {
            return true;
        }
        self.shared.channel.await_pass();
        self.note_passes();
        self.pace.allows_more()
    }

    fn note_passes(&mut self) {
        let channel = &self.shared.channel;
        let passed = self.members.shards().map(|shard| channel.passed_by(shard)).min();
        self.pace.passed(passed.unwrap_or_else(|| self.room.head()));
    }

    fn append(&self, batch: Batch) -> Append {
        let (log, shared) = (Arc::clone(&self.log), Arc::clone(&self.shared));
        let epoch = self.room.epoch().clone();
        Box::pin(async move {
            let (head, operations) = (batch.expected_head(), batch.operations());
            let appended = log.append(&shared.name, &epoch, head, operations).await;
            (batch, appended)
        })
    }

    fn appended(&mut self, batch: Batch, appended: Result<Appended, LogError>) -> Next {
        let room = &self.shared.name;
        match appended {
            Ok(Appended::Committed) => self.commit(batch),
            Ok(Appended::Conflict(foreign)) => {
                self.undecided.take_back(batch.into_requests());
                let before = self.room.head();
                let absorbed = self.room.absorb(&foreign);
                match absorbed {
                    Ok(entries) => self.publish(before, &entries),
                    Err(error) => {
                        tracing::error!(%room, %error, "the log holds what is not this room");
                        return Next::End;
                    }
                }
            }
            Err(error @ LogError::OtherEpoch(_)) => {
                tracing::error!(%room, %error, "the room is driven elsewhere");
                return Next::End;
            }
            Err(error) => {
                tracing::warn!(%room, %error, "updates were not committed");
                self.undecided.refuse(batch.into_requests(), &self.shared.budget);
            }
        }
        Next::Go
    }

    fn commit(&mut self, batch: Batch) {
        let before = self.room.head();
        let committed = self.room.commit(batch);
        self.publish(before, &committed.operations);
        self.undecided.decide(committed.answers, &self.shared.budget);
    }

    /// Shows everyone the operations after `before`.
    fn publish(&mut self, before: Rev, entries: &[Arc<RingEntry>]) {
        if entries.is_empty() {
            return;
        }
        let head = self.room.head();
        for codec in self.members.codecs() {
            let feed = self.shared.channel.feed(codec);
            publish_frames(codec, before, entries, |pieces, to| feed.publish(pieces, to));
            feed.trim(Rev::new(self.room.buffer_first_rev().get() - 1));
        }
        self.shared.channel.set_head(head);
        let bytes = entries.iter().map(|entry| entry.operation().size()).sum();
        self.pace.committed(head, bytes);
        self.timers.quiet = Some(Instant::now() + QUIET);
        self.pass_on();
        self.checkpoint.ops += entries.len();
        self.checkpoint.bytes += bytes;
        self.checkpoint_if_due();
    }

    /// Tells the shards that something happened.
    fn pass_on(&self) {
        for shard in self.members.shards() {
            self.shards.shard(shard).pass_on(&self.shared.channel);
        }
    }

    /// Lets the log forget what the ring and a checkpoint have, each time the ring has been filled anew.
    fn checkpoint_if_due(&mut self) {
        let limits = self.room.limits();
        let full = self.checkpoint.ops >= limits.ring_ops || self.checkpoint.bytes >= limits.ring_bytes;
        let running = self.checkpoint.running.as_ref().is_some_and(|running| !running.is_finished());
        if !full || running {
            return;
        }
        let (log, shared, image) = (Arc::clone(&self.log), Arc::clone(&self.shared), self.room.image());
        let keep_after = Rev::new(self.room.buffer_first_rev().get() - 1);
        let running = tokio::spawn(async move {
            if let Err(error) = log.checkpoint(&shared.name, image, keep_after).await {
                tracing::warn!(room = %shared.name, %error, "no checkpoint was stored");
            }
        });
        self.checkpoint = Checkpoint { running: Some(running), ..Checkpoint::default() };
    }

    /// Ends an idle room, once the log can return it (rule C-4).
    async fn leave_memory(&mut self) -> Next {
        self.timers.idle = None;
        if !self.members.is_empty() {
            return Next::Go;
        }
        let (image, keep_after) = (self.room.image(), Rev::new(self.room.buffer_first_rev().get() - 1));
        if let Err(error) = self.log.checkpoint(&self.shared.name, image, keep_after).await {
            tracing::warn!(room = %self.shared.name, %error, "an idle room stays in memory");
            self.timers.idle = Some(Instant::now() + self.settings.room_idle.max(QUIET));
            return Next::Go;
        }
        // What came in the meantime is looked at first.
        let asked = !self.asks.is_empty() || !self.undecided.is_empty() || self.in_flight.is_some();
        if asked {
            self.timers.idle = Some(Instant::now() + self.settings.room_idle.max(GRACE));
            return Next::Go;
        }
        tracing::debug!(room = %self.shared.name, rev = %self.room.head(), "idle room left memory");
        Next::End
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
        for connection in self.members.iter() {
            connection.close_because(CloseCode::TryLater, Code::Unavailable, "the room is not available now");
        }
    }
}

/// What the log says about the batch in flight; nothing without one.
async fn appended(in_flight: &mut Option<Append>) -> Option<(Batch, Result<Appended, LogError>)> {
    let answer = in_flight.as_mut()?.await;
    *in_flight = None;
    Some(answer)
}

/// Gives `publish` the frames of `entries`, which follow `before`.
fn publish_frames(codec: Codec, before: Rev, entries: &[Arc<RingEntry>], publish: impl Fn(&[&[u8]], Rev)) {
    let (mut from, mut rest) = (before, entries);
    while !rest.is_empty() {
        let mut bytes = 0;
        let over = rest.iter().position(|entry| {
            bytes += entry.encoded(codec).len() + 1;
            bytes > FRAME_BYTES
        });
        let (now, later) = rest.split_at(over.unwrap_or(rest.len()).max(1));
        let ops: Vec<_> = now.iter().map(|entry| entry.encoded(codec).clone()).collect();
        let payload = delta_payload(codec, from, &ops);
        let to = Rev::new(from.get() + ops.len() as u64);
        publish(&[frame::header(codec, payload.len()).as_slice(), &payload], to);
        (from, rest) = (to, later);
    }
}

/// The server's clock.
fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
