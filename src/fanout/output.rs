//! What one connection is still to be sent, in order.

use std::{collections::VecDeque, io, sync::Arc};

use bytes::Bytes;
use revring_protocol::{codec::Codec, ids::Rev, message::GapReason};
use tokio::net::TcpStream;

use super::channel::Channel;
use crate::{
    feed::{Chunk, Found},
    snapshot::Snapshot,
};

/// Bytes that one connection may be sent before it is the next one's turn.
const TURN_BYTES: usize = 256 << 10;

/// The gap that a snapshot follows, if any: the client's last revision, and why it could not go on from there.
pub(crate) type SnapshotGap = Option<(Rev, GapReason)>;

/// What is to be sent besides the feed.
#[derive(Debug)]
pub(crate) enum Item {
    /// A message for this client alone.
    Message {
        /// The frame.
        frame: Bytes,
        /// It answers a request, whose permit goes back once it is on its way (rule C-9).
        answers: bool,
    },
    /// `JOINED`, which begins a new delivery.
    Joined(Bytes),
    /// A frame of a delivery: operations that the feed no longer has, or a gap.
    Delivery(Bytes),
    /// A snapshot from its part `next` on.
    Snapshot {
        /// The snapshot, shared by all who are sent it.
        snapshot: Arc<Snapshot>,
        /// The part that comes next.
        next: usize,
        /// The gap it follows.
        gap: SnapshotGap,
    },
    /// The client is at this revision and goes on from the feed.
    Follow(Rev),
    /// The last frame is out: nothing more is written.
    End,
}

impl Item {
    /// Whether it belongs to the delivery of the room's state.
    fn is_delivery(&self) -> bool {
        matches!(self, Self::Delivery(_) | Self::Snapshot { .. } | Self::Follow(_))
    }
}

/// How far a connection is towards its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    /// Its last frames are queued.
    Closing,
    /// Nothing can be written any more.
    Ended,
}

/// What a connection is still to be sent.
#[derive(Debug)]
pub(super) struct Output {
    /// The last revision sent, while the connection follows the feed.
    cursor: Option<Rev>,
    /// The tick whose presence the client knows.
    seen: Option<u64>,
    /// What is to be sent besides; most of the time there is nothing.
    backlog: Option<Box<Backlog>>,
    /// When the client was last pinged.
    pub(super) pinged_at: u64,
    /// Counts deliveries: one begins with each `JOINED`.
    delivery: u32,
    phase: Phase,
    /// The socket was full.
    blocked: bool,
    /// The last thing written came from the feed.
    fed: bool,
    /// A `PRESENCE` may follow: what `JOINED` promised has been queued before it (rule C-6).
    shows_presence: bool,
}

/// What is to be sent before the feed goes on.
#[derive(Debug, Default)]
struct Backlog {
    /// What is missing of a frame that was begun.
    rest: Bytes,
    queue: VecDeque<Item>,
}

impl Output {
    pub(super) fn new() -> Self {
        Self {
            cursor: None,
            seen: None,
            backlog: None,
            pinged_at: 0,
            delivery: 0,
            phase: Phase::Open,
            blocked: false,
            fed: false,
            shows_presence: false,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    pub(super) fn is_ended(&self) -> bool {
        self.phase == Phase::Ended
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// Bytes kept for this client alone: messages of its own and what is missing of a frame.
    pub(super) fn own_bytes(&self) -> usize {
        let own = |item: &Item| match item {
            Item::Message { frame, .. } | Item::Joined(frame) => frame.len(),
            _ => 0,
        };
        let backlog = self.backlog.as_ref();
        backlog.map_or(0, |backlog| backlog.rest.len() + backlog.queue.iter().map(own).sum::<usize>())
    }

    /// Queues `item`. False when nothing may be queued any more.
    pub(super) fn push(&mut self, item: Item) -> bool {
        if self.is_open() {
            self.queue([item]);
        }
        self.is_open()
    }

    /// Queues what belongs to a delivery, unless another has begun since.
    pub(super) fn deliver(&mut self, delivery: u32, items: impl IntoIterator<Item = Item>) -> bool {
        let current = self.is_open() && self.delivery == delivery;
        if current {
            self.queue(items);
        }
        current
    }

    /// Begins a new delivery with the frame of its `JOINED`. What was not begun of the last one is dropped.
    pub(super) fn begin_delivery(&mut self, joined: Bytes) -> Option<u32> {
        if !self.is_open() {
            return None;
        }
        self.drop_delivery();
        self.queue([Item::Joined(joined)]);
        Some(self.delivery)
    }

    /// Takes `snapshot` back, if the client is still being sent it. What was begun of a part still goes out.
    ///
    /// Returns the number of the delivery that is to follow, and the gap that the snapshot was for.
    pub(super) fn cut(&mut self, snapshot: &Arc<Snapshot>) -> Option<(u32, SnapshotGap)> {
        let gap = self.backlog.as_ref()?.queue.iter().find_map(|item| match item {
            Item::Snapshot { snapshot: queued, gap, .. } if Arc::ptr_eq(queued, snapshot) => Some(*gap),
            _ => None,
        })?;
        self.drop_delivery();
        Some((self.delivery, gap))
    }

    /// Queues the last frames. False when that was done before.
    pub(super) fn close(&mut self, last: impl IntoIterator<Item = Bytes>) -> bool {
        if !self.is_open() {
            return false;
        }
        self.drop_delivery();
        let last = last.into_iter().map(|frame| Item::Message { frame, answers: false });
        self.queue(last.chain([Item::End]));
        self.phase = Phase::Closing;
        self.shows_presence = false;
        true
    }

    /// Frees everything: nothing more will be written.
    pub(super) fn end(&mut self) {
        self.phase = Phase::Ended;
        self.backlog = None;
        self.cursor = None;
        self.shows_presence = false;
    }

    fn queue(&mut self, items: impl IntoIterator<Item = Item>) {
        self.backlog.get_or_insert_default().queue.extend(items);
    }

    fn drop_delivery(&mut self) {
        if let Some(backlog) = &mut self.backlog {
            backlog.queue.retain(|item| !item.is_delivery());
        }
        self.cursor = None;
        self.delivery = self.delivery.wrapping_add(1);
    }

    /// Writes what the socket takes now, in order: the rest of a frame, the queue, the feed, presence.
    pub(super) fn write(&mut self, mut pass: Pass<'_>) -> Written {
        let mut written = Written::nothing();
        if self.phase == Phase::Ended {
            return written;
        }
        if self.blocked && !pass.woken {
            written.turn = Turn::Parked;
            return written;
        }
        let was_blocked = std::mem::replace(&mut self.blocked, false);
        let mut left = TURN_BYTES;
        written.turn = loop {
            match self.step(&mut pass, &mut written) {
                Ok(Some(bytes)) => {
                    written.progressed |= was_blocked;
                    left = left.saturating_sub(bytes);
                    if self.has_all(&pass) {
                        break Turn::Idle;
                    }
                    if left == 0 {
                        break Turn::More;
                    }
                }
                Ok(None) if self.phase == Phase::Ended => break Turn::Finished,
                Ok(None) => break Turn::Idle,
                Err(Stop::Full) => {
                    self.blocked = true;
                    break Turn::Full;
                }
                Err(Stop::Broken) => {
                    self.end();
                    break Turn::Broken;
                }
            }
        };
        written
    }

    /// Whether the client got all that its writer passes on, as it usually does with one write.
    fn has_all(&self, pass: &Pass<'_>) -> bool {
        let current = |news: &News<'_>| {
            self.cursor == Some(news.chunk.to()) && self.seen == Some(news.tick)
        };
        self.backlog.is_none() && pass.news.as_ref().is_some_and(current)
    }

    /// Writes once. `None`: there is nothing to write.
    fn step(&mut self, pass: &mut Pass<'_>, written: &mut Written) -> Result<Option<usize>, Stop> {
        if self.backlog.is_some() {
            return self.write_backlog(pass.stream, written).map(Some);
        }
        // Presence has its turn after each run of operations, or one who lags would never hear of it.
        let feed_first = !std::mem::replace(&mut self.fed, false);
        if feed_first && let Some(bytes) = self.write_feed(pass, written)? {
            return Ok(Some(bytes));
        }
        self.queue_presence(pass);
        if self.backlog.is_some() {
            return self.write_backlog(pass.stream, written).map(Some);
        }
        if feed_first { Ok(None) } else { self.write_feed(pass, written) }
    }

    fn write_backlog(&mut self, stream: &TcpStream, written: &mut Written) -> Result<usize, Stop> {
        let Some(backlog) = &mut self.backlog else { return Ok(0) };
        let mut bytes = 0;
        if !backlog.rest.is_empty() {
            bytes = send(stream, &backlog.rest)?;
            backlog.rest = backlog.rest.split_off(bytes);
        } else if let Some(frame) = backlog.next_frame() {
            bytes = send(stream, frame)?;
            let rest = frame.slice(bytes..);
            backlog.rest = rest;
            self.begun(written);
        } else {
            self.take_mark();
        }
        if self.backlog.as_ref().is_some_and(|backlog| backlog.is_empty()) {
            self.backlog = None;
        }
        Ok(bytes)
    }

    /// The front of the queue is on its way.
    fn begun(&mut self, written: &mut Written) {
        let Some(backlog) = &mut self.backlog else { return };
        match backlog.queue.front_mut() {
            Some(Item::Message { answers, .. }) => written.answered += usize::from(*answers),
            Some(Item::Joined(_)) => {
                written.answered += 1;
                self.shows_presence = false;
                self.seen = None;
            }
            Some(Item::Snapshot { snapshot, next, .. }) if *next + 1 < snapshot.frames() => {
                *next += 1;
                return;
            }
            _ => {}
        }
        backlog.queue.pop_front();
    }

    /// Takes an item that has no bytes.
    fn take_mark(&mut self) {
        let Some(backlog) = &mut self.backlog else { return };
        match backlog.queue.pop_front() {
            Some(Item::Follow(rev)) => {
                self.cursor = Some(rev);
                self.shows_presence = true;
            }
            Some(Item::End) => self.phase = Phase::Ended,
            _ => {}
        }
    }

    fn write_feed(&mut self, pass: &mut Pass<'_>, written: &mut Written) -> Result<Option<usize>, Stop> {
        let (Some(rev), Some(channel)) = (self.cursor, pass.channel) else { return Ok(None) };
        let shared = pass.news.as_ref().and_then(|news| Some((news.chunk, news.chunk.after(rev)?)));
        let (chunk, bytes) = match shared {
            Some(shared) => shared,
            None => match channel.feed(pass.codec).copy_after(rev, pass.scratch, TURN_BYTES) {
                Found::AtHead => return Ok(None),
                Found::Newer => (&*pass.scratch, pass.scratch.after(rev).unwrap_or_default()),
                Found::Gone => {
                    self.cursor = None;
                    written.fell_behind = Some((self.delivery, rev));
                    return Ok(None);
                }
            },
        };
        if bytes.is_empty() {
            return Ok(None);
        }
        let sent = send(pass.stream, bytes)?;
        let progress = chunk.progress(bytes.len() - sent);
        self.cursor = Some(progress.rev);
        self.fed = true;
        if !progress.rest.is_empty() {
            self.backlog.get_or_insert_default().rest = Bytes::copy_from_slice(progress.rest);
        }
        Ok(Some(sent))
    }

    /// Queues what the client does not know of the room's presence.
    fn queue_presence(&mut self, pass: &Pass<'_>) {
        let Some(channel) = pass.channel.filter(|_| self.shows_presence) else { return };
        let Some((tick, frames)) = channel.board().after(self.seen, pass.codec) else { return };
        self.seen = Some(tick);
        self.queue(frames.iter().map(|frame| Item::Message { frame: frame.clone(), answers: false }));
    }
}

impl Backlog {
    fn is_empty(&self) -> bool {
        self.rest.is_empty() && self.queue.is_empty()
    }

    /// The frame at the front of the queue; `None` when what stands there has no bytes.
    fn next_frame(&self) -> Option<&Bytes> {
        match self.queue.front()? {
            Item::Message { frame, .. } | Item::Joined(frame) | Item::Delivery(frame) => Some(frame),
            Item::Snapshot { snapshot, next, .. } => Some(snapshot.frame(*next)),
            Item::Follow(_) | Item::End => None,
        }
    }
}

/// Where the bytes go, and what they are taken from.
pub(super) struct Pass<'a> {
    pub(super) stream: &'a TcpStream,
    pub(super) codec: Codec,
    pub(super) channel: Option<&'a Arc<Channel>>,
    /// What the writer passes on to all.
    pub(super) news: Option<News<'a>>,
    /// For what only this connection needs.
    pub(super) scratch: &'a mut Chunk,
    /// The socket became writable again.
    pub(super) woken: bool,
}

/// What is new in a room, for all of its clients.
#[derive(Clone, Copy)]
pub(super) struct News<'a> {
    /// The frames of the feed that are new.
    pub(super) chunk: &'a Chunk,
    /// The newest tick of presence.
    pub(super) tick: u64,
}

/// How a turn of writing ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// There is nothing to write.
    Idle,
    /// There is more, and the socket took all it was given.
    More,
    /// The socket is full: wait until it is writable.
    Full,
    /// The socket was full before; someone waits for it already.
    Parked,
    /// The last frame is out.
    Finished,
    /// The socket is broken.
    Broken,
}

/// What a turn did.
pub(super) struct Written {
    pub(super) turn: Turn,
    /// Answers that are on their way.
    pub(super) answered: usize,
    /// The socket took bytes after it had been full.
    pub(super) progressed: bool,
    /// The feed no longer has the client's revision: this delivery is to go on from it otherwise.
    pub(super) fell_behind: Option<(u32, Rev)>,
}

impl Written {
    fn nothing() -> Self {
        Self { turn: Turn::Idle, answered: 0, progressed: false, fell_behind: None }
    }
}

/// Why writing stops.
enum Stop {
    Full,
    Broken,
}

/// Gives `bytes` to the socket; it took as many as returned, at least one.
fn send(stream: &TcpStream, bytes: &[u8]) -> Result<usize, Stop> {
    match stream.try_write(bytes) {
        Ok(0) => Err(Stop::Broken),
        Ok(sent) => Ok(sent),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(Stop::Full),
        Err(_) => Err(Stop::Broken),
    }
}
