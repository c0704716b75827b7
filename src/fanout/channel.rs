//! What the driver of a room and the writers of its clients share.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use parking_lot::Mutex;
use revring_protocol::{codec::Codec, ids::Rev};
use tokio::sync::Notify;

use super::connection::Connection;
use crate::{feed::Feed, presence::Board};

/// A room as its writers see it: facts to read, and a way to tell the driver something.
#[derive(Debug)]
pub(crate) struct Channel {
    number: u64,
    feeds: [Feed; Codec::COUNT],
    board: Arc<Board>,
    head: AtomicU64,
    views: Box<[View]>,
    /// `None`: the driver has ended. Whoever is signalled has the channel itself, and would stay with it.
    signals: Mutex<Option<Signals>>,
    wake: Notify,
    /// The driver waits for the writers to pass on what they have.
    awaits_pass: AtomicBool,
}

/// The room in one shard.
#[derive(Debug, Default)]
struct View {
    /// The shard knows that there is something to pass on.
    queued: AtomicBool,
    /// The revision up to which the shard has passed everything on.
    passed: AtomicU64,
}

/// What writers and readers tell the driver: a connection's end twice at most, and once per delivery that it fell behind.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    /// Connections whose revision has left the feed.
    pub(crate) behind: Vec<Behind>,
    /// Connections that ended.
    pub(crate) gone: Vec<Arc<Connection>>,
    /// A snapshot was freed.
    pub(crate) snapshot_freed: bool,
}

/// A connection that cannot go on from the feed.
#[derive(Debug)]
pub(crate) struct Behind {
    pub(crate) connection: Arc<Connection>,
    /// The connection's delivery, so that a later `RESYNC` makes this void.
    pub(crate) delivery: u32,
    /// Where it stands.
    pub(crate) rev: Rev,
}

impl Channel {
    pub(crate) fn new(number: u64, shards: usize, feed_bytes: usize) -> Self {
        Self {
            number,
            feeds: Codec::ALL.map(|_| Feed::new(feed_bytes, Rev::ZERO)),
            board: Arc::new(Board::new()),
            head: AtomicU64::new(0),
            views: (0..shards).map(|_| View::default()).collect(),
            signals: Mutex::new(Some(Signals::default())),
            wake: Notify::new(),
            awaits_pass: AtomicBool::new(false),
        }
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn feed(&self, codec: Codec) -> &Feed {
        &self.feeds[codec.index()]
    }

    pub(crate) fn board(&self) -> &Arc<Board> {
        &self.board
    }

    /// The newest revision that the feeds have.
    pub(crate) fn head(&self) -> Rev {
        Rev::new(self.head.load(Ordering::Acquire))
    }

    pub(crate) fn set_head(&self, head: Rev) {
        self.head.store(head.get(), Ordering::Release);
    }

    /// Marks the room as having something for the clients of a shard. True when the shard is to be told.
    pub(crate) fn enqueue(&self, shard: usize) -> bool {
        !self.views[shard].queued.swap(true, Ordering::SeqCst)
    }

    /// The shard begins to pass on what there is.
    pub(crate) fn begin_pass(&self, shard: usize) {
        // What is read next must not be older than this.
        self.views[shard].queued.swap(false, Ordering::SeqCst);
    }

    /// The shard has offered everything up to `rev` to each of its clients.
    pub(crate) fn passed(&self, shard: usize, rev: Rev) {
        self.views[shard].passed.store(rev.get(), Ordering::SeqCst);
        if self.awaits_pass.swap(false, Ordering::SeqCst) {
            self.wake.notify_one();
        }
    }

    /// The revision up to which a shard has passed everything on.
    pub(crate) fn passed_by(&self, shard: usize) -> Rev {
        Rev::new(self.views[shard].passed.load(Ordering::SeqCst))
    }

    /// Has the driver woken by the next pass of any shard.
    pub(crate) fn await_pass(&self) {
        self.awaits_pass.store(true, Ordering::SeqCst);
    }

    pub(crate) fn signal_behind(&self, behind: Behind) {
        self.signal(|signals| signals.behind.push(behind));
    }

    pub(crate) fn signal_gone(&self, connection: Arc<Connection>) {
        self.signal(|signals| signals.gone.push(connection));
    }

    pub(crate) fn signal_snapshot_freed(&self) {
        self.signal(|signals| signals.snapshot_freed = true);
    }

    fn signal(&self, signal: impl FnOnce(&mut Signals)) {
        if let Some(signals) = &mut *self.signals.lock() {
            signal(signals);
        }
        self.wake.notify_one();
    }

    /// Resolves when there may be signals.
    pub(crate) async fn signalled(&self) {
        self.wake.notified().await;
    }

    pub(crate) fn take_signals(&self) -> Signals {
        let mut signals = self.signals.lock();
        signals.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// The driver has ended: nobody takes signals any more.
    pub(crate) fn end(&self) {
        let untaken = self.signals.lock().take();
        drop(untaken);
    }
}
