//! The deltas of a room as every reader gets them: complete WebSocket frames, built once, in one ring of bytes.
//!
//! A reader is a revision. What it lacks is one run of bytes, however many batches that is.

use std::collections::VecDeque;

use parking_lot::Mutex;
use revring_protocol::ids::Rev;

/// The newest frames of one room in one codec.
#[derive(Debug)]
pub struct Feed {
    frames: Mutex<Frames>,
    max_bytes: usize,
}

/// What [`Feed::copy_after`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Nothing is newer.
    AtHead,
    /// Newer frames, which are in the chunk now. There may be more.
    Newer,
    /// No frame held begins at that revision.
    Gone,
}

#[derive(Debug)]
struct Frames {
    bytes: VecDeque<u8>,
    /// One per frame, oldest first; `end` counts from the first byte ever published.
    marks: VecDeque<Mark>,
    /// Bytes that have left, counted the same way.
    start: usize,
    /// The revision before the oldest frame held.
    from: Rev,
}

/// The end of a frame, and the revision that a reader has who got it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    end: usize,
    to: Rev,
}

impl Feed {
    /// An empty feed of a room at `head`, which will hold `max_bytes`, but at least one frame.
    #[must_use]
    pub fn new(max_bytes: usize, head: Rev) -> Self {
        let frames = Frames { bytes: VecDeque::new(), marks: VecDeque::new(), start: 0, from: head };
        Self { frames: Mutex::new(frames), max_bytes }
    }

    /// Appends the frame made of `pieces`, which takes readers from the head to `to`.
    pub fn publish(&self, pieces: &[&[u8]], to: Rev) {
        let mut frames = self.frames.lock();
        debug_assert!(to > frames.head(), "frames are published in order");
        pieces.iter().for_each(|piece| frames.bytes.extend(*piece));
        let end = frames.start + frames.bytes.len();
        frames.marks.push_back(Mark { end, to });
        while frames.bytes.len() > self.max_bytes && frames.marks.len() > 1 {
            frames.drop_oldest();
        }
    }

    /// Drops every frame that begins before `from`: its operations have left the ring (rule F-2).
    pub fn trim(&self, from: Rev) {
        let mut frames = self.frames.lock();
        while frames.from < from && !frames.marks.is_empty() {
            frames.drop_oldest();
        }
    }

    /// Drops every frame and frees its memory. The next frame follows `head`.
    pub fn clear(&self, head: Rev) {
        let mut frames = self.frames.lock();
        frames.start += frames.bytes.len();
        frames.from = head;
        let freed = (std::mem::take(&mut frames.bytes), std::mem::take(&mut frames.marks));
        drop(frames);
        drop(freed);
    }

    /// The revision of the newest frame.
    #[must_use]
    pub fn head(&self) -> Rev {
        self.frames.lock().head()
    }

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.frames.lock().bytes.len()
    }

    /// The newest revision up to `rev` at which a frame begins or the feed ends.
    #[must_use]
    pub fn boundary(&self, rev: Rev) -> Option<Rev> {
        let frames = self.frames.lock();
        let newer = frames.marks.partition_point(|mark| mark.to <= rev);
        match newer.checked_sub(1) {
            Some(last) => frames.marks.get(last).map(|mark| mark.to),
            None => (frames.from <= rev).then_some(frames.from),
        }
    }

    /// Copies the frames after `rev` into `chunk`, in place of what it held: `max` bytes, but at least one frame.
    pub fn copy_after(&self, rev: Rev, chunk: &mut Chunk, max: usize) -> Found {
        chunk.clear(rev);
        let frames = self.frames.lock();
        if rev == frames.head() {
            return Found::AtHead;
        }
        let Some((first, begin)) = frames.place(rev) else { return Found::Gone };
        for mark in frames.marks.range(first..) {
            let end = mark.end - begin;
            if end > max && !chunk.marks.is_empty() {
                break;
            }
            chunk.marks.push(Mark { end, to: mark.to });
        }
        let skip = begin - frames.start;
        let (left, right) = frames.bytes.as_slices();
        let wanted = skip..skip + chunk.end();
        let split = left.len();
        chunk.bytes.extend_from_slice(&left[wanted.start.min(split)..wanted.end.min(split)]);
        chunk.bytes.extend_from_slice(
            &right[wanted.start.saturating_sub(split)..wanted.end.saturating_sub(split)],
        );
        Found::Newer
    }
}

impl Frames {
    fn head(&self) -> Rev {
        self.marks.back().map_or(self.from, |mark| mark.to)
    }

    fn drop_oldest(&mut self) {
        if let Some(oldest) = self.marks.pop_front() {
            self.bytes.drain(..oldest.end - self.start);
            self.start = oldest.end;
            self.from = oldest.to;
        }
    }

    /// The frame that follows `rev`: which mark it has and where it begins.
    fn place(&self, rev: Rev) -> Option<(usize, usize)> {
        if rev == self.from {
            return (!self.marks.is_empty()).then_some((0, self.start));
        }
        let before = self.marks.binary_search_by_key(&rev, |mark| mark.to).ok()?;
        self.marks.get(before).map(|mark| (before + 1, mark.end))
    }
}

/// Frames copied out of a feed, to be sent without holding its lock.
#[derive(Debug, Default)]
pub struct Chunk {
    from: Rev,
    bytes: Vec<u8>,
    marks: Vec<Mark>,
}

/// Where a reader stands who took bytes of a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress<'a> {
    /// The revision of the last frame that was begun.
    pub rev: Rev,
    /// What is missing of that frame.
    pub rest: &'a [u8],
}

impl Chunk {
    /// Holds nothing, for readers at `from`. Its memory is kept for the next use, unless it is a lot.
    pub fn clear(&mut self, from: Rev) {
        const KEPT: usize = 512 << 10;
        self.from = from;
        self.marks.clear();
        self.bytes.clear();
        self.bytes.shrink_to(KEPT);
    }

    /// The revision of a reader who got everything in it.
    #[must_use]
    pub fn to(&self) -> Rev {
        self.marks.last().map_or(self.from, |mark| mark.to)
    }

    /// What a reader at `rev` lacks of it; `None` if no frame begins there.
    #[must_use]
    pub fn after(&self, rev: Rev) -> Option<&[u8]> {
        if rev == self.from {
            return Some(&self.bytes);
        }
        let before = self.marks.binary_search_by_key(&rev, |mark| mark.to).ok()?;
        self.bytes.get(self.marks.get(before)?.end..)
    }

    /// Where a reader stands who was given [`Self::after`] some revision and took all but the last `left` bytes, and at least one.
    #[must_use]
    pub fn progress(&self, left: usize) -> Progress<'_> {
        let done = self.bytes.len() - left.min(self.bytes.len());
        let begun = self.marks.partition_point(|mark| mark.end < done);
        match self.marks.get(begun) {
            Some(mark) => Progress { rev: mark.to, rest: &self.bytes[done..mark.end] },
            None => Progress { rev: self.to(), rest: &[] },
        }
    }

    fn end(&self) -> usize {
        self.marks.last().map_or(0, |mark| mark.end)
    }
}
