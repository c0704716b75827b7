//! The task that writes to the connections of one shard.

use std::{
    collections::{HashMap, VecDeque},
    hint::black_box,
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures_util::{FutureExt as _, StreamExt as _, stream::FuturesUnordered};
use rand::RngExt as _;
use revring_protocol::{
    codec::Codec,
    error::{CloseCode, Code},
    ids::Rev,
    message::ServerMessage,
};
use tokio::{
    task::{coop::consume_budget, yield_now},
    time,
};

use super::{
    channel::Channel,
    connection::{Connection, Vigil},
    shard::{Inbox, Shard, ShardStats, Vigilance},
    turn::{News, Turn},
};
use crate::feed::{Chunk, Found};

/// Connections written to before other tasks have their turn.
const STRETCH: usize = 64;
/// Connections brought into the cache at once, so that waiting for memory is done for all of them together.
const TOGETHER: usize = 8;
/// Bytes written before other tasks have their turn.
const STRETCH_BYTES: usize = 512 << 10;
/// Bytes written to those who lag, before what is new in rooms comes first again.
const LINE_BYTES: usize = 32 << 10;
/// Bytes on top for each connection that a pass over a room has offered something: where passes are long, the line goes on too.
const LINE_BYTES_PER_WRITE: usize = 512;
/// Bytes that one pass over a room offers to each client, but at least one frame.
const PASS_BYTES: usize = 256 << 10;
/// A room's connection and its socket that is full; resolves when it is writable.
type Parked = Pin<Box<dyn Future<Output = Arc<Connection>> + Send>>;

/// Owns the writing of one shard.
pub(super) struct Writer {
    shard: Arc<Shard>,
    vigilance: Vigilance,
    connections: Vec<Arc<Connection>>,
    rooms: HashMap<u64, LocalRoom>,
    parked: FuturesUnordered<Parked>,
    /// Connections that lack more than what is new, each for a turn.
    line: VecDeque<Arc<Connection>>,
    /// Bytes that the line has on top in its next turn.
    line_extra: usize,
    /// What is passed on to a room, by codec.
    chunks: [Chunk; Codec::COUNT],
    /// What one connection alone is sent.
    scratch: Chunk,
    work: Inbox,
    shut_down: Option<Duration>,
    stop: bool,
}

/// The clients of one room in this shard.
struct LocalRoom {
    channel: Arc<Channel>,
    members: Vec<Arc<Connection>>,
    users: [usize; Codec::COUNT],
    /// The revisions up to which everything has been passed on.
    passed: [Rev; Codec::COUNT],
}

impl Writer {
    pub(super) fn new(shard: Arc<Shard>, vigilance: Vigilance) -> Self {
        Self {
            shard,
            vigilance,
            connections: Vec::new(),
            rooms: HashMap::new(),
            parked: FuturesUnordered::new(),
            line: VecDeque::new(),
            line_extra: 0,
            chunks: Default::default(),
            scratch: Chunk::default(),
            work: Inbox::default(),
            shut_down: None,
            stop: false,
        }
    }

    pub(super) async fn run(mut self) {
        let shard = Arc::clone(&self.shard);
        let mut watch =
            time::interval((self.vigilance.heartbeat / 4).max(Duration::from_millis(5)));
        watch.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        while !(self.stop && self.connections.is_empty()) {
            consume_budget().await;
            tokio::select! {
                biased;
                () = shard.woken() => {}
                Some(connection) = self.parked.next() => self.unpark(connection),
                _ = watch.tick() => self.watch().await,
                () = yield_now(), if !self.line.is_empty() => {}
            }
            self.take_inbox().await;
            self.serve_line();
        }
    }

    async fn take_inbox(&mut self) {
        let mut work = std::mem::take(&mut self.work);
        self.shard.take(&mut work);
        self.stop |= work.stop;
        for connection in work.arrived.drain(..) {
            self.arrive(connection);
        }
        for connection in work.entered.drain(..) {
            self.enter(connection);
        }
        for connection in work.left.drain(..) {
            self.leave(&connection);
        }
        if let Some(spread) = work.shut_down.take() {
            self.shut_down = Some(spread);
            self.connections
                .iter()
                .for_each(|connection| dismiss(connection, spread));
        }
        for channel in work.rooms.drain(..) {
            self.pass_on(&channel).await;
        }
        let mut stretch = Stretch::default();
        for connection in work.queued.drain(..) {
            connection.noticed();
            if connection.is_bulky() {
                self.line_up(&connection);
            } else {
                stretch.add(self.write(&connection)).await;
            }
        }
        for asked in work.stats.drain(..) {
            // Whoever asked may have gone.
            let _ = asked.send(self.stats());
        }
        self.work = work;
    }

    /// Writes to those who lag, in turn.
    fn serve_line(&mut self) {
        let most = LINE_BYTES + std::mem::take(&mut self.line_extra);
        let mut bytes = 0;
        for _ in 0..STRETCH {
            let Some(connection) = self.line.pop_front() else {
                break;
            };
            connection.in_line.store(false, Ordering::Relaxed);
            bytes += self.write(&connection);
            if bytes >= most {
                break;
            }
        }
    }

    /// Goes on with sockets that are writable again.
    fn unpark(&mut self, connection: Arc<Connection>) {
        let mut next = Some(connection);
        while let Some(connection) = next {
            connection.unpark();
            self.line_up(&connection);
            next = self.parked.next().now_or_never().flatten();
        }
    }

    fn line_up(&mut self, connection: &Arc<Connection>) {
        if !connection.in_line.swap(true, Ordering::Relaxed) {
            self.line.push_back(Arc::clone(connection));
        }
    }

    fn arrive(&mut self, connection: Arc<Connection>) {
        if connection.is_gone() {
            return;
        }
        if let Some(spread) = self.shut_down {
            dismiss(&connection, spread);
        }
        connection.place.set(self.connections.len());
        self.connections.push(connection);
    }

    fn enter(&mut self, connection: Arc<Connection>) {
        let Some(channel) = connection.channel().filter(|_| !connection.is_gone()) else {
            return;
        };
        let room = self
            .rooms
            .entry(channel.number())
            .or_insert_with(|| LocalRoom::new(channel));
        room.enter(connection);
    }

    fn leave(&mut self, connection: &Arc<Connection>) {
        remove(&mut self.connections, connection, |connection| {
            &connection.place
        });
        let Some(channel) = connection.channel() else {
            return;
        };
        let Some(room) = self.rooms.get_mut(&channel.number()) else {
            return;
        };
        room.leave(connection);
        if room.members.is_empty() {
            self.rooms.remove(&channel.number());
        }
        // The driver may be waiting for what this connection was the last to get.
        self.shard.pass_on(channel);
    }

    /// Offers everything new of a room to each of its clients.
    async fn pass_on(&mut self, channel: &Arc<Channel>) {
        channel.begin_pass(self.shard.index());
        let (head, tick) = (channel.head(), channel.board().tick());
        let Some(room) = self.rooms.get_mut(&channel.number()) else {
            channel.passed(self.shard.index(), head);
            return;
        };
        let complete = room.copy_news(&mut self.chunks);
        let passed = room.passed_by_all(head);
        // Nobody enters or leaves while this pass runs: that is taken up between passes.
        let members = std::mem::take(&mut room.members);
        let mut stretch = Stretch::default();
        for together in members.chunks(TOGETHER) {
            let touched: usize = together.iter().map(|connection| connection.touch()).sum();
            black_box(touched);
            for connection in together {
                let news = News {
                    chunk: &self.chunks[connection.codec().index()],
                    tick,
                };
                let (turn, bytes) = connection.write(Some(channel), Some(news), &mut self.scratch);
                self.follow_up(connection, turn);
                stretch.add(bytes).await;
            }
        }
        self.line_extra += members.len() * LINE_BYTES_PER_WRITE;
        if let Some(room) = self.rooms.get_mut(&channel.number()) {
            room.members = members;
        }
        channel.passed(self.shard.index(), passed);
        if !complete {
            self.shard.pass_on(channel);
        }
    }

    /// Writes what a connection lacks; returns the bytes.
    fn write(&mut self, connection: &Arc<Connection>) -> usize {
        let (turn, bytes) = connection.write(connection.channel(), None, &mut self.scratch);
        self.follow_up(connection, turn);
        bytes
    }

    fn follow_up(&mut self, connection: &Arc<Connection>, turn: Turn) {
        match turn {
            Turn::More => self.line_up(connection),
            Turn::Full => self.parked.push(Box::pin(writable(Arc::clone(connection)))),
            Turn::Idle | Turn::Parked | Turn::Finished | Turn::Broken => {}
        }
    }

    /// Pings the quiet and ends the silent (rules H-2 and H-3).
    async fn watch(&mut self) {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let (heartbeat, silence) = (
            millis(self.vigilance.heartbeat),
            millis(self.vigilance.silence),
        );
        let now = self.shard.now();
        let mut stretch = Stretch::default();
        for connection in &self.connections {
            match connection.watch(now, heartbeat, silence) {
                Vigil::Alive => {}
                Vigil::Ping => connection.ping(),
                Vigil::Silent => {
                    let message = format!("nothing came from this client for {silence} ms");
                    connection.close_because(CloseCode::Silent, Code::Silent, &message);
                }
            }
            stretch.add(0).await;
        }
    }

    fn stats(&self) -> ShardStats {
        let mut stats = ShardStats {
            served: self.connections.len(),
            ..ShardStats::default()
        };
        let members = self.rooms.values().flat_map(|room| &room.members);
        stats.members = members
            .filter(|connection| !connection.is_closing())
            .count();
        for connection in &self.connections {
            let (full, bytes) = connection.backlog();
            stats.full += usize::from(full);
            stats.own_bytes += bytes;
        }
        stats
    }
}

impl LocalRoom {
    fn new(channel: &Arc<Channel>) -> Self {
        let (users, passed) = ([0; Codec::COUNT], [Rev::ZERO; Codec::COUNT]);
        Self {
            channel: Arc::clone(channel),
            members: Vec::new(),
            users,
            passed,
        }
    }

    fn enter(&mut self, connection: Arc<Connection>) {
        let codec = connection.codec();
        if self.users[codec.index()] == 0 {
            self.passed[codec.index()] = self.channel.feed(codec).head();
        }
        self.users[codec.index()] += 1;
        connection.room_place.set(self.members.len());
        self.members.push(connection);
    }

    fn leave(&mut self, connection: &Arc<Connection>) {
        if remove(&mut self.members, connection, |connection| {
            &connection.room_place
        }) {
            self.users[connection.codec().index()] -= 1;
        }
    }

    /// Copies what has not been passed on yet, by codec in use. False when there is more.
    fn copy_news(&mut self, chunks: &mut [Chunk; Codec::COUNT]) -> bool {
        let mut complete = true;
        for codec in Codec::ALL
            .into_iter()
            .filter(|codec| self.users[codec.index()] > 0)
        {
            let (feed, passed) = (self.channel.feed(codec), &mut self.passed[codec.index()]);
            let chunk = &mut chunks[codec.index()];
            if feed.copy_after(*passed, chunk, PASS_BYTES) == Found::Gone {
                chunk.clear(feed.head());
            }
            *passed = chunk.to();
            complete &= *passed == feed.head();
        }
        complete
    }

    /// The revision up to which everything has been passed on in every codec in use.
    fn passed_by_all(&self, head: Rev) -> Rev {
        let used = Codec::ALL
            .into_iter()
            .filter(|codec| self.users[codec.index()] > 0);
        // A feed whose last member has parted stands still while that member is still here.
        let behind =
            used.filter(|codec| self.passed[codec.index()] != self.channel.feed(*codec).head());
        behind
            .map(|codec| self.passed[codec.index()])
            .min()
            .unwrap_or(head)
    }
}

/// What was written since other tasks had their turn.
#[derive(Default)]
struct Stretch {
    writes: usize,
    bytes: usize,
}

impl Stretch {
    /// Counts a write, and gives others their turn when it was enough.
    async fn add(&mut self, bytes: usize) {
        self.writes += 1;
        self.bytes += bytes;
        if self.writes >= STRETCH || self.bytes >= STRETCH_BYTES {
            *self = Self::default();
            yield_now().await;
        }
    }
}

/// Takes `connection` out of `list`, where it stands at its `place`.
fn remove(
    list: &mut Vec<Arc<Connection>>,
    connection: &Arc<Connection>,
    place: fn(&Connection) -> &super::connection::Place,
) -> bool {
    let index = place(connection).get();
    if !list
        .get(index)
        .is_some_and(|found| Arc::ptr_eq(found, connection))
    {
        return false;
    }
    list.swap_remove(index);
    if let Some(moved) = list.get(index) {
        place(moved).set(index);
    }
    true
}

/// Tells a client that the server ends, and when to come back.
fn dismiss(connection: &Arc<Connection>, spread: Duration) {
    let spread = u64::try_from(spread.as_millis()).unwrap_or(u64::MAX);
    let error = ServerMessage::Error {
        code: Code::ShuttingDown,
        message: "the server restarts".to_owned(),
        retryable: Code::ShuttingDown.retryable(),
        retry_after_ms: Some(rand::rng().random_range(0..=spread)),
    };
    connection.close(CloseCode::Restart, Some(&error));
}

async fn writable(connection: Arc<Connection>) -> Arc<Connection> {
    // An error shows in the write that follows.
    let _ = connection.stream().writable().await;
    connection
}
