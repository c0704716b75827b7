//! What one connection is still to be sent, in order.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use revring_protocol::{ids::Rev, message::GapReason};
use tokio::net::TcpStream;

use super::turn::{News, Pass, Stop, Turn, Written, send};
use crate::{feed::Found, presence::Shown, snapshot::Snapshot};

/// Bytes that one connection is sent of what it alone lacks, before it is the next one's turn.
const TURN_BYTES: usize = 32 << 10;

/// From so many bytes of its own on, a connection waits for its turn in line: a pass over a room is for what is new.
const BULK: usize = 4 << 10;

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
    /// The frame that it sends next.
    fn frame(&self) -> Option<&Bytes> {
        match self {
            Self::Message { frame, .. } | Self::Joined(frame) | Self::Delivery(frame) => {
                Some(frame)
            }
            Self::Snapshot { snapshot, next, .. } => Some(snapshot.frame(*next)),
            Self::Follow(_) | Self::End => None,
        }
    }

    /// Whether it belongs to the delivery of the room's state.
    fn is_delivery(&self) -> bool {
        matches!(
            self,
            Self::Delivery(_) | Self::Snapshot { .. } | Self::Follow(_)
        )
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
    /// The part of a tick that the client was shown.
    shown: Option<Shown>,
    /// The tick whose presence the client knows.
    seen: Option<u64>,
    /// What is to be sent besides; most of the time there is nothing.
    backlog: Option<Box<Backlog>>,
    /// When the client was last pinged.
    pub(super) pinged_at: u64,
    /// Counts deliveries: one begins with each `JOINED`.
    delivery: u32,
    phase: Phase,
    /// The socket is full.
    blocked: bool,
    /// The socket was full and has taken nothing since.
    recovering: bool,
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
            recovering: false,
            fed: false,
            shows_presence: false,
            shown: None,
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

    /// Whether what comes next for this client alone is so much that others should not wait for it.
    pub(super) fn is_bulky(&self) -> bool {
        self.backlog
            .as_ref()
            .is_some_and(|backlog| backlog.next_bytes() > BULK)
    }

    /// Bytes kept for this client alone: messages of its own and what is missing of a frame.
    pub(super) fn own_bytes(&self) -> usize {
        let own = |item: &Item| match item {
            Item::Message { frame, .. } | Item::Joined(frame) => frame.len(),
            _ => 0,
        };
        let backlog = self.backlog.as_ref();
        backlog.map_or(0, |backlog| {
            backlog.rest.len() + backlog.queue.iter().map(own).sum::<usize>()
        })
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
        let gap = self
            .backlog
            .as_ref()?
            .queue
            .iter()
            .find_map(|item| match item {
                Item::Snapshot {
                    snapshot: queued,
                    gap,
                    ..
                } if Arc::ptr_eq(queued, snapshot) => Some(*gap),
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
        let last = last.into_iter().map(|frame| Item::Message {
            frame,
            answers: false,
        });
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
        if self.blocked {
            written.turn = Turn::Parked;
            return written;
        }
        if pass.news.is_some() && self.is_bulky() {
            written.turn = Turn::More;
            return written;
        }
        written.turn = loop {
            match self.step(&mut pass, &mut written) {
                Ok(true) if self.has_all(&pass) => break Turn::Idle,
                Ok(true) if written.bytes >= TURN_BYTES => break Turn::More,
                Ok(true) => {}
                Ok(false) if self.phase == Phase::Ended => break Turn::Finished,
                Ok(false) => break Turn::Idle,
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
        written.progressed = self.recovering && written.bytes > 0;
        self.recovering &= !written.progressed;
        written
    }

    /// The socket is writable again.
    pub(super) fn unpark(&mut self) {
        self.blocked = false;
        self.recovering = true;
    }

    /// Whether the client got all that its writer passes on, as it usually does with one write.
    fn has_all(&self, pass: &Pass<'_>) -> bool {
        let current =
            |news: &News<'_>| self.cursor == Some(news.chunk.to()) && self.seen == Some(news.tick);
        self.backlog.is_none() && pass.news.as_ref().is_some_and(current)
    }

    /// Writes once, or takes a mark. False when there is nothing to do.
    fn step(&mut self, pass: &mut Pass<'_>, written: &mut Written) -> Result<bool, Stop> {
        if self.backlog.is_some() {
            return self.write_backlog(pass.stream, written);
        }
        // Presence has its turn after each run of operations, or one who lags would never hear of it.
        let feed_first = !std::mem::replace(&mut self.fed, false);
        if feed_first && self.write_feed(pass, written)? {
            return Ok(true);
        }
        self.queue_presence(pass);
        if self.backlog.is_some() {
            return self.write_backlog(pass.stream, written);
        }
        if feed_first {
            Ok(false)
        } else {
            self.write_feed(pass, written)
        }
    }

    fn write_backlog(&mut self, stream: &TcpStream, written: &mut Written) -> Result<bool, Stop> {
        let Some(backlog) = &mut self.backlog else {
            return Ok(false);
        };
        let left = TURN_BYTES.saturating_sub(written.bytes).max(1);
        if !backlog.rest.is_empty() {
            let sent = send(stream, &backlog.rest[..left.min(backlog.rest.len())])?;
            backlog.rest = backlog.rest.split_off(sent);
            written.bytes += sent;
        } else if let Some(frame) = backlog.next_frame() {
            let sent = send(stream, &frame[..left.min(frame.len())])?;
            backlog.rest = frame.slice(sent..);
            written.bytes += sent;
            self.begun(written);
        } else {
            self.take_mark();
        }
        if self
            .backlog
            .as_ref()
            .is_some_and(|backlog| backlog.is_empty())
        {
            self.backlog = None;
        }
        Ok(true)
    }

    /// The front of the queue is on its way.
    fn begun(&mut self, written: &mut Written) {
        let Some(backlog) = &mut self.backlog else {
            return;
        };
        match backlog.queue.front_mut() {
            Some(Item::Message { answers, .. }) => written.answered += usize::from(*answers),
            Some(Item::Joined(_)) => {
                written.answered += 1;
                self.shows_presence = false;
                self.shown = None;
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
        let Some(backlog) = &mut self.backlog else {
            return;
        };
        match backlog.queue.pop_front() {
            Some(Item::Follow(rev)) => {
                self.cursor = Some(rev);
                self.shows_presence = true;
            }
            Some(Item::End) => self.phase = Phase::Ended,
            _ => {}
        }
    }

    fn write_feed(&mut self, pass: &mut Pass<'_>, written: &mut Written) -> Result<bool, Stop> {
        let (Some(rev), Some(channel)) = (self.cursor, pass.channel) else {
            return Ok(false);
        };
        let shared = pass
            .news
            .as_ref()
            .and_then(|news| Some((news.chunk, news.chunk.after(rev)?)));
        let (chunk, bytes) = match shared {
            Some(shared) => shared,
            None => match channel
                .feed(pass.codec)
                .copy_after(rev, pass.scratch, TURN_BYTES)
            {
                Found::AtHead => return Ok(false),
                Found::Newer => (&*pass.scratch, pass.scratch.after(rev).unwrap_or_default()),
                Found::Gone => {
                    self.cursor = None;
                    written.fell_behind = Some((self.delivery, rev));
                    return Ok(false);
                }
            },
        };
        if bytes.is_empty() {
            return Ok(false);
        }
        let sent = send(pass.stream, bytes)?;
        written.bytes += sent;
        let progress = chunk.progress(bytes.len() - sent);
        self.cursor = Some(progress.rev);
        self.fed = true;
        if !progress.rest.is_empty() {
            self.backlog.get_or_insert_default().rest = Bytes::copy_from_slice(progress.rest);
        }
        Ok(true)
    }

    /// Queues the next frame of what the client does not know of the room's presence.
    fn queue_presence(&mut self, pass: &Pass<'_>) {
        let Some(channel) = pass.channel.filter(|_| self.shows_presence) else {
            return;
        };
        let next = channel.board().next(self.seen, self.shown, pass.codec);
        let Some((frame, shown)) = next else { return };
        if shown.whole {
            self.seen = Some(shown.tick);
        }
        self.shown = Some(shown).filter(|shown| !shown.whole);
        self.queue([Item::Message {
            frame,
            answers: false,
        }]);
    }
}

impl Backlog {
    fn is_empty(&self) -> bool {
        self.rest.is_empty() && self.queue.is_empty()
    }

    /// What is missing of a frame, or else the length of the next two: a `JOINED` is short, and what follows it is not.
    fn next_bytes(&self) -> usize {
        let frames = self.queue.iter().take(2).filter_map(Item::frame);
        self.rest.len() + frames.map(Bytes::len).sum::<usize>()
    }

    /// The frame at the front of the queue; `None` when what stands there has no bytes.
    fn next_frame(&self) -> Option<&Bytes> {
        self.queue.front()?.frame()
    }
}

#[cfg(test)]
mod tests {
    use revring_protocol::codec::Codec;
    use tokio::net::TcpListener;

    use super::*;
    use crate::feed::Chunk;

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap());
        let (client, server) = tokio::join!(client, listener.accept());
        (client.unwrap(), server.unwrap().0)
    }

    fn pass<'a>(stream: &'a TcpStream, news: Option<News<'a>>, scratch: &'a mut Chunk) -> Pass<'a> {
        Pass {
            stream,
            codec: Codec::Json,
            channel: None,
            news,
            scratch,
        }
    }

    #[tokio::test]
    async fn w8_a_pass_over_a_room_leaves_large_frames_for_the_line() {
        let (_client, stream) = pair().await;
        let (chunk, mut scratch) = (Chunk::default(), Chunk::default());
        let news = || {
            Some(News {
                chunk: &chunk,
                tick: 0,
            })
        };
        let mut output = Output::new();
        let delivery = output.begin_delivery(Bytes::from_static(b"joined"));
        let large = Item::Delivery(vec![b'x'; BULK].into());
        assert!(output.deliver(delivery.unwrap(), [large]));

        let in_pass = output.write(pass(&stream, news(), &mut scratch));
        assert_eq!((in_pass.turn, in_pass.bytes), (Turn::More, 0));
        let in_line = output.write(pass(&stream, None, &mut scratch));
        assert_eq!(in_line.bytes, b"joined".len() + BULK);

        assert!(output.push(Item::Message {
            frame: Bytes::from_static(b"short"),
            answers: true,
        }));
        let in_pass = output.write(pass(&stream, news(), &mut scratch));
        assert_eq!((in_pass.bytes, in_pass.answered), (b"short".len(), 1));
    }
}
