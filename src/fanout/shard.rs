//! The shards: each has a share of the connections and one writer task for them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;
use revring_protocol::codec::Codec;
use tokio::{
    net::TcpStream,
    sync::{Notify, oneshot},
    time::Instant,
};

use super::{channel::Channel, connection::Connection, writer::Writer};
use crate::transport::ConnectionPermit;

/// All shards of a server.
#[derive(Debug)]
pub struct Shards {
    shards: Box<[Arc<Shard>]>,
    next: AtomicU64,
    alive: Arc<Population>,
}

/// What the writers hold at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ShardStats {
    /// Connections for which anything is held.
    pub connections: usize,
    /// Connections that writers write to.
    pub served: usize,
    /// Connections in rooms.
    pub members: usize,
    /// Connections whose socket is full.
    pub full: usize,
    /// Bytes kept for single clients: messages of their own and rests of frames.
    pub own_bytes: usize,
}

/// When a quiet client is pinged, and when it counts as gone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Vigilance {
    pub(crate) heartbeat: Duration,
    pub(crate) silence: Duration,
}

impl Shards {
    /// Starts `count` writer tasks (at least one) on the current runtime.
    pub(crate) fn start(count: usize, vigilance: Vigilance) -> Self {
        let started = Instant::now();
        let shards = (0..count.max(1)).map(|index| {
            let shard = Arc::new(Shard::new(index, started));
            tokio::spawn(Writer::new(Arc::clone(&shard), vigilance).run());
            shard
        });
        Self {
            shards: shards.collect(),
            next: AtomicU64::new(0),
            alive: Arc::default(),
        }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.shards.len()
    }

    /// The shard with this index.
    pub(crate) fn shard(&self, index: usize) -> &Arc<Shard> {
        &self.shards[index]
    }

    /// Takes over the writing side of `stream`.
    pub(crate) fn connect(
        &self,
        stream: TcpStream,
        codec: Codec,
        permit: ConnectionPermit,
    ) -> Arc<Connection> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let index = usize::try_from(number % self.shards.len() as u64).unwrap_or_default();
        let shard = Arc::clone(&self.shards[index]);
        let alive = Alive::new(Arc::clone(&self.alive));
        let connection = Connection::new(number, codec, stream, Arc::clone(&shard), permit, alive);
        let connection = Arc::new(connection);
        shard.arrive(Arc::clone(&connection));
        connection
    }

    /// Counts what is held now.
    pub async fn stats(&self) -> ShardStats {
        let mut total = ShardStats {
            connections: self.alive.count(),
            ..ShardStats::default()
        };
        for shard in &self.shards {
            let (ask, answer) = oneshot::channel();
            shard.tell(|inbox| inbox.stats.push(ask));
            let Ok(stats) = answer.await else { continue };
            total.served += stats.served;
            total.members += stats.members;
            total.full += stats.full;
            total.own_bytes += stats.own_bytes;
        }
        total
    }

    /// Closes every connection, and each that still arrives (rule C-11), with a `retryAfterMs` of its own within `spread`.
    /// Returns once all have ended.
    pub(crate) async fn shut_down(&self, spread: Duration) {
        for shard in &self.shards {
            shard.tell(|inbox| inbox.shut_down = Some(spread));
        }
        self.alive.none_left().await;
    }

    /// Connections for which anything is held.
    pub(crate) fn connections(&self) -> usize {
        self.alive.count()
    }
}

impl Drop for Shards {
    fn drop(&mut self) {
        for shard in &self.shards {
            shard.tell(|inbox| inbox.stop = true);
        }
    }
}

/// What a writer is told. Whatever stands in one of its lists stands there once.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    /// Connections that are new.
    pub(super) arrived: Vec<Arc<Connection>>,
    /// Connections that joined a room.
    pub(super) entered: Vec<Arc<Connection>>,
    /// Connections that ended.
    pub(super) left: Vec<Arc<Connection>>,
    /// Connections for which something is queued.
    pub(super) queued: Vec<Arc<Connection>>,
    /// Rooms in which something happened.
    pub(super) rooms: Vec<Arc<Channel>>,
    /// Who wants to know what is held.
    pub(super) stats: Vec<oneshot::Sender<ShardStats>>,
    /// The server ends, and clients are to come back within this time.
    pub(super) shut_down: Option<Duration>,
    /// Nobody can connect any more: the writer ends with its last connection.
    pub(super) stop: bool,
}

/// One shard, as others see it.
#[derive(Debug)]
pub(crate) struct Shard {
    index: usize,
    started: Instant,
    inbox: Mutex<Inbox>,
    wake: Notify,
}

impl Shard {
    fn new(index: usize, started: Instant) -> Self {
        Self {
            index,
            started,
            inbox: Mutex::default(),
            wake: Notify::new(),
        }
    }

    pub(crate) fn index(&self) -> usize {
        self.index
    }

    /// Milliseconds since the server started.
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Something happened in the room behind `channel`.
    pub(crate) fn pass_on(&self, channel: &Arc<Channel>) {
        if channel.enqueue(self.index) {
            self.tell(|inbox| inbox.rooms.push(Arc::clone(channel)));
        }
    }

    pub(super) fn arrive(&self, connection: Arc<Connection>) {
        self.tell(|inbox| inbox.arrived.push(connection));
    }

    pub(super) fn enter(&self, connection: Arc<Connection>) {
        self.tell(|inbox| inbox.entered.push(connection));
    }

    pub(super) fn leave(&self, connection: Arc<Connection>) {
        self.tell(|inbox| inbox.left.push(connection));
    }

    pub(super) fn enqueue(&self, connection: Arc<Connection>) {
        self.tell(|inbox| inbox.queued.push(connection));
    }

    /// Takes what there is, in exchange for `empty`.
    pub(super) fn take(&self, empty: &mut Inbox) {
        std::mem::swap(&mut *self.inbox.lock(), empty);
    }

    /// Resolves when there may be something to take.
    pub(super) async fn woken(&self) {
        self.wake.notified().await;
    }

    fn tell(&self, tell: impl FnOnce(&mut Inbox)) {
        tell(&mut self.inbox.lock());
        self.wake.notify_one();
    }
}

/// How many connections there are.
#[derive(Debug, Default)]
pub(super) struct Population {
    count: AtomicUsize,
    empty: Notify,
}

impl Population {
    fn count(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    async fn none_left(&self) {
        loop {
            let empty = self.empty.notified();
            if self.count() == 0 {
                return;
            }
            empty.await;
        }
    }
}

/// Counts a connection for as long as it exists.
#[derive(Debug)]
pub(super) struct Alive(Arc<Population>);

impl Alive {
    fn new(population: Arc<Population>) -> Self {
        population.count.fetch_add(1, Ordering::AcqRel);
        Self(population)
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        if self.0.count.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.empty.notify_waiters();
        }
    }
}
