//! One client's connection: its socket, what it is to be sent, and what its reader, its writer and its room share.

use std::{
    net::Shutdown,
    os::fd::{AsFd as _, AsRawFd as _},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use parking_lot::Mutex;
use revring_protocol::{
    codec::Codec,
    error::{CloseCode, Code},
    ids::ClientId,
    limits::IN_FLIGHT,
    message::ServerMessage,
};
use socket2::SockRef;
use tokio::{
    net::TcpStream,
    sync::{Notify, Semaphore, SemaphorePermit},
};

use super::{
    channel::{Behind, Channel},
    frame,
    output::{Item, Output, SnapshotGap},
    shard::{Alive, Shard},
    turn::{News, Pass, Turn},
};
use crate::{feed::Chunk, snapshot::Snapshot, transport::ConnectionPermit};

/// An open connection. Its writer alone writes to the socket, its reader alone reads.
///
/// What every pass over a room touches stands together, at the beginning: each cache line counts there.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Connection {
    codec: Codec,
    output: Mutex<Output>,
    stream: TcpStream,
    /// The writer knows that something is queued.
    queued: AtomicBool,
    /// The writer has it in its line. Only the writer uses this.
    pub(super) in_line: AtomicBool,
    /// The reader waits for the server, not for the client.
    held: AtomicBool,
    closing: AtomicBool,
    /// Its reader has ended.
    gone: AtomicBool,
    /// Where the writer keeps it. Only the writer uses these.
    pub(super) place: Place,
    pub(super) room_place: Place,
    number: u64,
    /// The last sign of life, in the shard's milliseconds (rule H-3).
    sign: AtomicU64,
    shard: Arc<Shard>,
    member: OnceLock<Membership>,
    /// Requests that may still be taken (rule C-9).
    permits: Semaphore,
    /// Tells the reader that the end has begun, and then that the last frame is out.
    stop: Notify,
    _permit: ConnectionPermit,
    _alive: Alive,
}

/// Who a connection speaks for, and where.
#[derive(Debug)]
struct Membership {
    client: ClientId,
    channel: Arc<Channel>,
}

/// Where a writer keeps a connection in one of its lists.
#[derive(Debug, Default)]
pub(super) struct Place(AtomicU32);

impl Place {
    pub(super) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed) as usize
    }

    pub(super) fn set(&self, index: usize) {
        self.0
            .store(u32::try_from(index).unwrap_or(u32::MAX), Ordering::Relaxed);
    }
}

/// What a quiet connection needs (rules H-2 and H-3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Vigil {
    Alive,
    Ping,
    Silent,
}

impl Connection {
    pub(super) fn new(
        number: u64,
        codec: Codec,
        stream: TcpStream,
        shard: Arc<Shard>,
        permit: ConnectionPermit,
        alive: Alive,
    ) -> Self {
        let sign = AtomicU64::new(shard.now());
        Self {
            number,
            codec,
            stream,
            shard,
            output: Mutex::new(Output::new()),
            queued: AtomicBool::new(false),
            in_line: AtomicBool::new(false),
            permits: Semaphore::new(IN_FLIGHT),
            sign,
            held: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            gone: AtomicBool::new(false),
            stop: Notify::new(),
            member: OnceLock::new(),
            place: Place::default(),
            room_place: Place::default(),
            _permit: permit,
            _alive: alive,
        }
    }

    /// Tells it apart from every other connection of this server, past ones too.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn codec(&self) -> Codec {
        self.codec
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    pub(crate) fn shard(&self) -> usize {
        self.shard.index()
    }

    /// The client it speaks for, once it has joined.
    pub(crate) fn client(&self) -> Option<&ClientId> {
        self.member.get().map(|member| &member.client)
    }

    pub(super) fn channel(&self) -> Option<&Arc<Channel>> {
        self.member.get().map(|member| &member.channel)
    }

    /// Makes it a member of the room behind `channel`. False when its reader has ended, or it is a member already.
    pub(crate) fn enter(self: &Arc<Self>, client: ClientId, channel: Arc<Channel>) -> bool {
        // Under the lock, so that an end comes before this or sees the membership.
        let output = self.output.lock();
        let entered = !self.is_gone() && self.member.set(Membership { client, channel }).is_ok();
        if entered {
            self.shard.enter(Arc::clone(self));
        }
        drop(output);
        entered
    }

    /// Takes a permit for one request, if there is one.
    pub(crate) fn try_admit(&self) -> bool {
        self.permits
            .try_acquire()
            .map(SemaphorePermit::forget)
            .is_ok()
    }

    /// Takes a permit for one request; waits while as many are unanswered as may be (rule C-9).
    pub(crate) async fn admit(&self) {
        if let Ok(permit) = self.permits.acquire().await {
            permit.forget();
        }
    }

    /// A request is done without an answer of its own.
    pub(crate) fn settle(&self) {
        self.settle_all(1);
    }

    /// So many requests are done without an answer of their own.
    pub(crate) fn settle_all(&self, requests: usize) {
        self.permits.add_permits(requests);
    }

    /// Sends the answer to a request, which is done once the answer is on its way.
    pub(crate) fn answer(self: &Arc<Self>, message: &ServerMessage) {
        self.answer_frame(frame::message(self.codec, &self.codec.encode(message)));
    }

    /// Like [`Self::answer`], with a frame.
    pub(crate) fn answer_frame(self: &Arc<Self>, frame: Bytes) {
        self.queue(|output| {
            output.push(Item::Message {
                frame,
                answers: true,
            })
        });
    }

    /// Begins a delivery with its `JOINED`, which answers a request. Returns the number of the delivery.
    pub(crate) fn begin_delivery(self: &Arc<Self>, joined: &ServerMessage) -> Option<u32> {
        let frame = frame::message(self.codec, &self.codec.encode(joined));
        self.queue(|output| output.begin_delivery(frame))
    }

    /// Queues what belongs to `delivery`; nothing if another one has begun.
    pub(crate) fn deliver(self: &Arc<Self>, delivery: u32, items: impl IntoIterator<Item = Item>) {
        self.queue(|output| output.deliver(delivery, items));
    }

    /// Takes `snapshot` back, if it is still being sent. Returns the number of the delivery that is to follow, and the gap
    /// that the snapshot was for.
    pub(crate) fn cut(&self, snapshot: &Arc<Snapshot>) -> Option<(u32, SnapshotGap)> {
        self.output.lock().cut(snapshot)
    }

    /// Sends `error` and a close frame, then ends. Only the first call counts.
    pub(crate) fn close(self: &Arc<Self>, code: CloseCode, error: Option<&ServerMessage>) {
        let error = error.map(|error| frame::message(self.codec, &self.codec.encode(error)));
        self.close_with(error.into_iter().chain([frame::close(Some(code.get()))]));
    }

    /// Like [`Self::close`], with an `ERROR` that says no more than `code` and `message`.
    pub(crate) fn close_because(self: &Arc<Self>, close: CloseCode, code: Code, message: &str) {
        self.close(close, Some(&ServerMessage::error(code, message)));
    }

    /// Sends the last frames, then ends. Only the first call counts. The room parts with it at once.
    pub(crate) fn close_with(self: &Arc<Self>, last: impl IntoIterator<Item = Bytes>) {
        if self.queue(|output| output.close(last)) {
            self.closing.store(true, Ordering::Release);
            self.stop.notify_one();
            self.part();
        }
    }

    /// Whether its end has begun.
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// Whether nothing is written any more.
    pub(crate) fn is_ended(&self) -> bool {
        self.output.lock().is_ended()
    }

    /// Resolves when its end has begun, and again when its last frame is out.
    pub(crate) async fn stopped(&self) {
        self.stop.notified().await;
    }

    /// Whether its reader has ended.
    pub(crate) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    /// Its reader has ended: nothing more is read or written, and nothing is held for it.
    pub(crate) fn end(self: &Arc<Self>) {
        let mut output = self.output.lock();
        self.gone.store(true, Ordering::Release);
        output.end();
        drop(output);
        self.closing.store(true, Ordering::Release);
        // Wakes the writer if it waits for this socket.
        let _ = SockRef::from(&self.stream).shutdown(Shutdown::Both);
        self.shard.leave(Arc::clone(self));
        self.part();
    }

    fn part(self: &Arc<Self>) {
        if let Some(channel) = self.channel() {
            channel.signal_gone(Arc::clone(self));
        }
    }

    /// A byte came from the client.
    pub(crate) fn heard(&self) {
        self.sign.store(self.shard.now(), Ordering::Relaxed);
    }

    /// The reader begins or ends waiting for the server.
    pub(crate) fn hold(&self, held: bool) {
        self.held.store(held, Ordering::Relaxed);
    }

    /// Writes what the socket takes now: `news` of the room behind `channel`, or whatever else there is. Returns how that ended, and
    /// the bytes.
    pub(super) fn write(
        self: &Arc<Self>,
        channel: Option<&Arc<Channel>>,
        news: Option<News<'_>>,
        scratch: &mut Chunk,
    ) -> (Turn, usize) {
        let pass = Pass {
            stream: &self.stream,
            codec: self.codec,
            channel,
            news,
            scratch,
        };
        let written = self.output.lock().write(pass);
        if written.answered > 0 {
            self.permits.add_permits(written.answered);
        }
        if written.progressed {
            self.heard();
        }
        if let (Some((delivery, rev)), Some(channel)) = (written.fell_behind, channel) {
            channel.signal_behind(Behind {
                connection: Arc::clone(self),
                delivery,
                rev,
            });
        }
        match written.turn {
            Turn::Finished => {
                let _ = SockRef::from(&self.stream).shutdown(Shutdown::Write);
                self.stop.notify_one();
            }
            Turn::Broken => {
                self.closing.store(true, Ordering::Release);
                self.stop.notify_one();
            }
            Turn::Idle | Turn::More | Turn::Full | Turn::Parked => {}
        }
        (written.turn, written.bytes)
    }

    /// Reads what a write needs first, to have it in the cache. The sum means nothing.
    pub(super) fn touch(&self) -> usize {
        let socket = self.stream.as_fd().as_raw_fd().unsigned_abs() as usize;
        self.codec.index() + usize::from(self.output.is_locked()) + socket
    }

    /// The socket is writable again.
    pub(super) fn unpark(&self) {
        self.output.lock().unpark();
    }

    /// Judges its silence, `now` in the shard's milliseconds.
    pub(super) fn watch(&self, now: u64, heartbeat: u64, silence: u64) -> Vigil {
        let mut output = self.output.lock();
        if !output.is_open() {
            return Vigil::Alive;
        }
        if self.held.load(Ordering::Relaxed) && !output.is_blocked() {
            self.sign.store(now, Ordering::Relaxed);
            return Vigil::Alive;
        }
        let sign = self.sign.load(Ordering::Relaxed);
        if now.saturating_sub(sign) >= silence {
            return Vigil::Silent;
        }
        if now.saturating_sub(sign.max(output.pinged_at)) < heartbeat {
            return Vigil::Alive;
        }
        output.pinged_at = now;
        // Behind a full socket a ping would only wait.
        if output.is_blocked() {
            Vigil::Alive
        } else {
            Vigil::Ping
        }
    }

    pub(super) fn ping(self: &Arc<Self>) {
        self.queue(|output| {
            output.push(Item::Message {
                frame: frame::ping(),
                answers: false,
            })
        });
    }

    /// The writer takes notice: what is queued from now on is told to it again.
    pub(super) fn noticed(&self) {
        self.queued.store(false, Ordering::Release);
    }

    /// Has the writer look at it.
    pub(super) fn wake_writer(self: &Arc<Self>) {
        if !self.queued.swap(true, Ordering::AcqRel) {
            self.shard.enqueue(Arc::clone(self));
        }
    }

    fn queue<T>(self: &Arc<Self>, queue: impl FnOnce(&mut Output) -> T) -> T {
        let queued = queue(&mut self.output.lock());
        self.wake_writer();
        queued
    }

    /// Whether so much is queued for it alone that it waits for its turn in line.
    pub(super) fn is_bulky(&self) -> bool {
        self.output.lock().is_bulky()
    }

    /// Whether its socket is full, and the bytes kept for it alone.
    pub(super) fn backlog(&self) -> (bool, usize) {
        let output = self.output.lock();
        (output.is_blocked(), output.own_bytes())
    }
}
