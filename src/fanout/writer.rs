//! The task that writes to the connections of one shard.

use std::{collections::HashMap, pin::Pin, sync::Arc, time::Duration};

use futures_util::{FutureExt as _, StreamExt as _, stream::FuturesUnordered};
use rand::RngExt as _;
use revring_protocol::{
    codec::Codec,
    error::{CloseCode, Code},
    ids::Rev,
    message::ServerMessage,
};
use tokio::{task::yield_now, time};

use super::{
    channel::Channel,
    connection::{Connection, Vigil},
    output::{News, Turn},
    shard::{Inbox, Shard, ShardStats, Vigilance},
};
use crate::feed::{Chunk, Found};

/// Connections written to before other tasks have their turn.
const STRETCH: usize = 64;
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
            chunks: Default::default(),
            scratch: Chunk::default(),
            work: Inbox::default(),
            shut_down: None,
            stop: false,
        }
    }

    pub(super) async fn run(mut self) {
        let shard = Arc::clone(&self.shard);
        let mut watch = time::interval((self.vigilance.heartbeat / 4).max(Duration::from_millis(5)));
        watch.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        while !(self.stop && self.connections.is_empty()) {
            tokio::select! {
                () = shard.woken() => self.take_inbox().await,
                Some(connection) = self.parked.next() => self.resume(connection),
                _ = watch.tick() => self.watch().await,
            }
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
            self.connections.iter().for_each(|connection| dismiss(connection, spread));
        }
        for (n, connection) in work.queued.drain(..).enumerate() {
            connection.noticed();
            self.write(&connection, false);
            if n % STRETCH == STRETCH - 1 {
                yield_now().await;
            }
        }
        for channel in work.rooms.drain(..) {
            self.pass_on(&channel).await;
        }
        for asked in work.stats.drain(..) {
            // Whoever asked may have gone.
            let _ = asked.send(self.stats());
        }
        self.work = work;
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
        let Some(channel) = connection.channel().filter(|_| !connection.is_gone()) else { return };
        let room = self.rooms.entry(channel.number()).or_insert_with(|| LocalRoom::new(channel));
        room.enter(connection);
    }

    fn leave(&mut self, connection: &Arc<Connection>) {
        remove(&mut self.connections, connection, |connection| &connection.place);
        let Some(channel) = connection.channel() else { return };
        let Some(room) = self.rooms.get_mut(&channel.number()) else { return };
        room.leave(connection);
        if room.members.is_empty() {
            self.rooms.remove(&channel.number());
        }
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
        for (n, connection) in members.iter().enumerate() {
            let news = News { chunk: &self.chunks[connection.codec().index()], tick };
            let turn = connection.write(Some(channel), Some(news), &mut self.scratch, false);
            self.follow_up(connection, turn);
            if n % STRETCH == STRETCH - 1 {
                yield_now().await;
            }
        }
        if let Some(room) = self.rooms.get_mut(&channel.number()) {
            room.members = members;
        }
        channel.passed(self.shard.index(), passed);
        if !complete {
            self.shard.pass_on(channel);
        }
    }

    fn write(&mut self, connection: &Arc<Connection>, woken: bool) {
        let turn = connection.write(connection.channel(), None, &mut self.scratch, woken);
        self.follow_up(connection, turn);
    }

    fn follow_up(&self, connection: &Arc<Connection>, turn: Turn) {
        match turn {
            Turn::More => connection.wake_writer(),
            Turn::Full => self.parked.push(Box::pin(writable(Arc::clone(connection)))),
            Turn::Idle | Turn::Parked | Turn::Finished | Turn::Broken => {}
        }
    }

    /// Goes on with sockets that are writable again.
    fn resume(&mut self, connection: Arc<Connection>) {
        let mut next = Some(connection);
        for _ in 0..STRETCH {
            let Some(connection) = next else { break };
            self.write(&connection, true);
            next = self.parked.next().now_or_never().flatten();
        }
        if let Some(connection) = next {
            self.write(&connection, true);
        }
    }

    /// Pings the quiet and ends the silent (rules H-2 and H-3).
    async fn watch(&mut self) {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let (heartbeat, silence) = (millis(self.vigilance.heartbeat), millis(self.vigilance.silence));
        let now = self.shard.now();
        for (n, connection) in self.connections.iter().enumerate() {
            match connection.watch(now, heartbeat, silence) {
                Vigil::Alive => {}
                Vigil::Ping => connection.ping(),
                Vigil::Silent => {
                    let message = format!("nothing came from this client for {silence} ms");
                    connection.close_because(CloseCode::Silent, Code::Silent, &message);
                }
            }
            if n % (STRETCH * 4) == STRETCH * 4 - 1 {
                yield_now().await;
            }
        }
    }

    fn stats(&self) -> ShardStats {
        let mut stats = ShardStats { served: self.connections.len(), ..ShardStats::default() };
        let members = self.rooms.values().flat_map(|room| &room.members);
        stats.members = members.filter(|connection| !connection.is_closing()).count();
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
        Self { channel: Arc::clone(channel), members: Vec::new(), users, passed }
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
        if remove(&mut self.members, connection, |connection| &connection.room_place) {
            self.users[connection.codec().index()] -= 1;
        }
    }

    /// Copies what has not been passed on yet, by codec in use. False when there is more.
    fn copy_news(&mut self, chunks: &mut [Chunk; Codec::COUNT]) -> bool {
        let mut complete = true;
        for codec in Codec::ALL.into_iter().filter(|codec| self.users[codec.index()] > 0) {
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
        let used = self.passed.iter().zip(self.users).filter(|(_, users)| *users > 0);
        used.map(|(passed, _)| *passed).min().unwrap_or(head)
    }
}

/// Takes `connection` out of `list`, where it stands at its `place`.
fn remove(
    list: &mut Vec<Arc<Connection>>,
    connection: &Arc<Connection>,
    place: fn(&Connection) -> &super::connection::Place,
) -> bool {
    let index = place(connection).get();
    if !list.get(index).is_some_and(|found| Arc::ptr_eq(found, connection)) {
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
