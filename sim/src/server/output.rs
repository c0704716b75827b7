//! What one connection is still to be sent, in order: the queue of the real connection, over a simulated stream.

use std::{collections::VecDeque, rc::Rc};

use bytes::Bytes;
use revring::feed::{Chunk, Feed, Found};
use revring_protocol::{codec::Codec, ids::Rev, message::GapReason};

use crate::net::Pipe;

/// Bytes that one connection is sent at once.
const TURN_BYTES: usize = 4 << 10;

/// The gap that a snapshot follows: the client's last revision, and why it could not go on from there.
pub(super) type SnapshotGap = Option<(Rev, GapReason)>;

/// The frames of one snapshot.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) rev: Rev,
    pub(super) codec: Codec,
    pub(super) frames: Vec<Bytes>,
}

/// What is to be sent besides the feed.
#[derive(Debug)]
pub(super) enum Item {
    /// A message for this client alone.
    Message {
        frame: Bytes,
        /// It answers a request (rule C-9).
        answers: bool,
    },
    /// `JOINED`, which begins a new delivery.
    Joined(Bytes),
    /// A frame of a delivery.
    Delivery(Bytes),
    /// A snapshot from its part `next` on.
    Snapshot {
        snapshot: Rc<Snapshot>,
        next: usize,
        gap: SnapshotGap,
    },
    /// The client is at this revision and goes on from the feed.
    Follow(Rev),
    /// The last frame is out.
    End,
}

impl Item {
    fn is_delivery(&self) -> bool {
        matches!(
            self,
            Self::Delivery(_) | Self::Snapshot { .. } | Self::Follow(_)
        )
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    Closing,
    Ended,
}

/// What a turn of writing did.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// What the stream took, in order.
    pub(super) bytes: Vec<u8>,
    /// Answers that are on their way.
    pub(super) answered: usize,
    /// The feed no longer has this revision.
    pub(super) fell_behind: Option<Rev>,
    /// The stream took less than it was given.
    pub(super) partial: bool,
}

/// What a connection is still to be sent.
#[derive(Debug)]
pub(super) struct Output {
    /// The last revision sent, while the connection follows the feed.
    cursor: Option<Rev>,
    rest: Bytes,
    queue: VecDeque<Item>,
    /// Counts deliveries: one begins with each `JOINED`.
    delivery: u32,
    phase: Phase,
    /// The stream is full.
    blocked: bool,
}

/// Where the bytes go and what they are taken from.
pub(super) struct Pass<'a> {
    pub(super) pipe: &'a mut Pipe,
    pub(super) feed: Option<&'a Feed>,
    /// What is passed on to all.
    pub(super) news: Option<&'a Chunk>,
    /// The reader is to be told that it has what it was not sent.
    pub(super) skips: bool,
}

enum Step {
    Wrote,
    Idle,
    Full,
}

impl Output {
    pub(super) fn new() -> Self {
        Self {
            cursor: None,
            rest: Bytes::new(),
            queue: VecDeque::new(),
            delivery: 0,
            phase: Phase::Open,
            blocked: false,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    pub(super) fn is_ended(&self) -> bool {
        self.phase == Phase::Ended
    }

    /// Whether there is something to write that the feed does not have.
    pub(super) fn has_backlog(&self) -> bool {
        !self.rest.is_empty() || !self.queue.is_empty()
    }

    pub(super) fn cursor(&self) -> Option<Rev> {
        self.cursor
    }

    pub(super) fn push(&mut self, item: Item) -> bool {
        if self.is_open() {
            self.queue.push_back(item);
        }
        self.is_open()
    }

    /// Queues what belongs to a delivery, unless another has begun since.
    pub(super) fn deliver(&mut self, delivery: u32, items: impl IntoIterator<Item = Item>) {
        if self.is_open() && self.delivery == delivery {
            self.queue.extend(items);
        }
    }

    /// Begins a new delivery. What was not begun of the last one is dropped.
    pub(super) fn begin_delivery(&mut self, joined: Bytes) -> Option<u32> {
        if !self.is_open() {
            return None;
        }
        self.drop_delivery();
        self.queue.push_back(Item::Joined(joined));
        Some(self.delivery)
    }

    /// The number of the delivery under way.
    pub(super) fn delivery(&self) -> u32 {
        self.delivery
    }

    /// Takes `snapshot` back, if the client is still being sent it.
    pub(super) fn cut(&mut self, snapshot: &Rc<Snapshot>) -> Option<(u32, SnapshotGap)> {
        let gap = self.queue.iter().find_map(|item| match item {
            Item::Snapshot {
                snapshot: queued,
                gap,
                ..
            } if Rc::ptr_eq(queued, snapshot) => Some(*gap),
            _ => None,
        })?;
        self.drop_delivery();
        Some((self.delivery, gap))
    }

    /// Queues the last frame.
    pub(super) fn close(&mut self, last: Option<Bytes>) {
        if !self.is_open() {
            return;
        }
        self.drop_delivery();
        let answers = false;
        self.queue
            .extend(last.map(|frame| Item::Message { frame, answers }));
        self.queue.push_back(Item::End);
        self.phase = Phase::Closing;
    }

    /// Nothing more will be written.
    pub(super) fn end(&mut self) {
        self.phase = Phase::Ended;
        self.queue.clear();
        self.cursor = None;
    }

    fn drop_delivery(&mut self) {
        self.queue.retain(|item| !item.is_delivery());
        self.cursor = None;
        self.delivery = self.delivery.wrapping_add(1);
    }

    /// The stream may have room again.
    pub(super) fn unpark(&mut self) {
        self.blocked = false;
    }

    /// Writes what the stream takes now, in order: the rest of a frame, the queue, the feed.
    pub(super) fn write(&mut self, mut pass: Pass<'_>) -> Written {
        let mut written = Written::default();
        while self.phase != Phase::Ended && !self.blocked && written.bytes.len() < TURN_BYTES {
            let step = if self.has_backlog() {
                self.write_backlog(&mut pass, &mut written)
            } else {
                self.write_feed(&mut pass, &mut written)
            };
            match step {
                Step::Wrote => {}
                Step::Idle => break,
                Step::Full => self.blocked = true,
            }
        }
        written
    }

    fn write_backlog(&mut self, pass: &mut Pass<'_>, written: &mut Written) -> Step {
        if self.rest.is_empty() {
            let Some(frame) = self.next_frame().cloned() else {
                self.take_mark();
                return Step::Wrote;
            };
            if pass.pipe.free() == 0 {
                return Step::Full;
            }
            self.rest = frame;
            self.begun(written);
        }
        let Some(sent) = pass.pipe.write(&self.rest) else {
            self.end();
            return Step::Idle;
        };
        written.bytes.extend_from_slice(&self.rest[..sent]);
        self.rest = self.rest.slice(sent..);
        if self.rest.is_empty() {
            return Step::Wrote;
        }
        written.partial |= sent > 0;
        Step::Full
    }

    fn next_frame(&self) -> Option<&Bytes> {
        match self.queue.front()? {
            Item::Message { frame, .. } | Item::Joined(frame) | Item::Delivery(frame) => {
                Some(frame)
            }
            Item::Snapshot { snapshot, next, .. } => snapshot.frames.get(*next),
            Item::Follow(_) | Item::End => None,
        }
    }

    /// The front of the queue is on its way.
    fn begun(&mut self, written: &mut Written) {
        match self.queue.front_mut() {
            Some(Item::Message { answers, .. }) => written.answered += usize::from(*answers),
            Some(Item::Joined(_)) => written.answered += 1,
            Some(Item::Snapshot { snapshot, next, .. }) if *next + 1 < snapshot.frames.len() => {
                *next += 1;
                return;
            }
            _ => {}
        }
        self.queue.pop_front();
    }

    /// Takes an item that has no bytes.
    fn take_mark(&mut self) {
        match self.queue.pop_front() {
            Some(Item::Follow(rev)) => self.cursor = Some(rev),
            Some(Item::End) => self.phase = Phase::Ended,
            _ => {}
        }
    }

    fn write_feed(&mut self, pass: &mut Pass<'_>, written: &mut Written) -> Step {
        let (Some(rev), Some(feed)) = (self.cursor, pass.feed) else {
            return Step::Idle;
        };
        let mut scratch = Chunk::default();
        let shared = pass.news.and_then(|news| Some((news, news.after(rev)?)));
        let (chunk, bytes) = match shared {
            Some(shared) => shared,
            None => match feed.copy_after(rev, &mut scratch, TURN_BYTES) {
                Found::AtHead => return Step::Idle,
                Found::Newer => (&scratch, scratch.after(rev).unwrap_or_default()),
                Found::Gone => {
                    self.cursor = None;
                    written.fell_behind = Some(rev);
                    return Step::Idle;
                }
            },
        };
        if bytes.is_empty() {
            return Step::Idle;
        }
        if pass.skips {
            self.cursor = Some(chunk.to());
            return Step::Wrote;
        }
        let Some(sent) = pass.pipe.write(bytes) else {
            self.end();
            return Step::Idle;
        };
        if sent == 0 {
            return Step::Full;
        }
        written.bytes.extend_from_slice(&bytes[..sent]);
        let progress = chunk.progress(bytes.len() - sent);
        self.cursor = Some(progress.rev);
        self.rest = Bytes::copy_from_slice(progress.rest);
        if sent == bytes.len() {
            return Step::Wrote;
        }
        written.partial = true;
        Step::Full
    }
}
