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
        let frames = Frames {
            bytes: VecDeque::new(),
            marks: VecDeque::new(),
            start: 0,
            from: head,
        };
        Self {
            frames: Mutex::new(frames),
            max_bytes,
        }
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
        let freed = (
            std::mem::take(&mut frames.bytes),
            std::mem::take(&mut frames.marks),
        );
        drop(frames);
        drop(freed);
    }

    /// The revision of the newest frame.
    #[must_use]
    pub fn head(&self) -> Rev {
        self.frames.lock().head()
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
        let Some((first, begin)) = frames.place(rev) else {
            return Found::Gone;
        };
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
        chunk
            .bytes
            .extend_from_slice(&left[wanted.start.min(split)..wanted.end.min(split)]);
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
            Some(mark) => Progress {
                rev: mark.to,
                rest: &self.bytes[done..mark.end],
            },
            None => Progress {
                rev: self.to(),
                rest: &[],
            },
        }
    }

    fn end(&self) -> usize {
        self.marks.last().map_or(0, |mark| mark.end)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a feed was given: each frame's bytes, and the revisions it begins and ends at.
    #[derive(Debug, Default)]
    struct Model {
        frames: Vec<(Rev, Vec<u8>, Rev)>,
        cleared: Rev,
    }

    impl Model {
        fn head(&self) -> Rev {
            self.frames.last().map_or(self.cleared, |(.., to)| *to)
        }

        fn bytes_after(&self, rev: Rev) -> Option<Vec<u8>> {
            let first = self.frames.iter().position(|(from, ..)| *from == rev)?;
            Some(
                self.frames[first..]
                    .iter()
                    .flat_map(|(_, bytes, _)| bytes.clone())
                    .collect(),
            )
        }
    }

    #[derive(Debug, Clone)]
    enum Step {
        Publish { bytes: usize, ops: u64 },
        Trim { back: u64 },
        Clear,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            8 => (1..40_usize, 1..5_u64).prop_map(|(bytes, ops)| Step::Publish { bytes, ops }),
            1 => (0..10_u64).prop_map(|back| Step::Trim { back }),
            1 => Just(Step::Clear),
        ]
    }

    fn run(feed: &Feed, model: &mut Model, step: &Step, n: usize, max: usize) {
        match *step {
            Step::Publish { bytes, ops } => {
                let (from, to) = (model.head(), Rev::new(model.head().get() + ops));
                let payload: Vec<u8> = (0..=u8::MAX).cycle().skip(n * 7).take(bytes).collect();
                let (left, right) = payload.split_at(bytes / 3);
                feed.publish(&[left, right], to);
                model.frames.push((from, payload, to));
                while model
                    .frames
                    .iter()
                    .map(|(_, bytes, _)| bytes.len())
                    .sum::<usize>()
                    > max
                    && model.frames.len() > 1
                {
                    model.cleared = model.frames.remove(0).2;
                }
            }
            Step::Trim { back } => {
                let from = Rev::new(model.head().get().saturating_sub(back));
                feed.trim(from);
                while model
                    .frames
                    .first()
                    .is_some_and(|(begins, ..)| *begins < from)
                {
                    model.cleared = model.frames.remove(0).2;
                }
            }
            Step::Clear => {
                model.cleared = model.head();
                model.frames.clear();
                feed.clear(model.cleared);
            }
        }
    }

    proptest! {
        #[test]
        fn f3_a_feed_gives_each_reader_what_a_plain_list_would(
            steps in prop::collection::vec(step(), 1..60),
            max in 20..200_usize,
            most in 1..100_usize,
        ) {
            let (feed, mut model) = (Feed::new(max, Rev::ZERO), Model::default());
            let mut chunk = Chunk::default();
            for (n, step) in steps.iter().enumerate() {
                run(&feed, &mut model, step, n, max);
                prop_assert_eq!(feed.head(), model.head());
                for rev in (0..=model.head().get() + 1).map(Rev::new) {
                    let found = feed.copy_after(rev, &mut chunk, most);
                    let expected = model.bytes_after(rev);
                    match found {
                        Found::AtHead => prop_assert_eq!(rev, model.head()),
                        Found::Gone => prop_assert!(expected.is_none() && rev != model.head()),
                        Found::Newer => {
                            let expected = expected.expect("a frame begins there");
                            let bytes = chunk.after(rev).expect("the chunk begins there");
                            prop_assert!(!bytes.is_empty() && expected.starts_with(bytes));
                            let first = model.frames.iter().find(|(from, ..)| *from == rev);
                            let first = first.map_or(0, |(_, bytes, _)| bytes.len());
                            prop_assert!(bytes.len() <= most.max(first));
                        }
                    }
                }
            }
        }

        #[test]
        fn w8_a_reader_that_takes_bytes_as_it_likes_gets_every_frame_whole(
            frames in prop::collection::vec((1..30_usize, 1..4_u64), 1..20),
            takes in prop::collection::vec(1..50_usize, 1..100),
        ) {
            let (feed, mut model) = (Feed::new(usize::MAX, Rev::ZERO), Model::default());
            for (n, (bytes, ops)) in frames.iter().enumerate() {
                run(&feed, &mut model, &Step::Publish { bytes: *bytes, ops: *ops }, n, usize::MAX);
            }
            let (mut rev, mut got, mut chunk) = (Rev::ZERO, Vec::new(), Chunk::default());
            for take in takes.iter().cycle() {
                if feed.copy_after(rev, &mut chunk, 64) == Found::AtHead {
                    break;
                }
                let bytes = chunk.after(rev).expect("the chunk begins there");
                let taken = (*take).min(bytes.len());
                got.extend_from_slice(&bytes[..taken]);
                let progress = chunk.progress(bytes.len() - taken);
                // The rest of a frame goes out before anything else.
                got.extend_from_slice(progress.rest);
                rev = progress.rev;
                prop_assert!(model.frames.iter().any(|(.., to)| *to == rev));
            }
            prop_assert_eq!(Some(got), model.bytes_after(Rev::ZERO));
        }

        #[test]
        fn f2_a_boundary_is_the_newest_place_to_go_on_from(
            steps in prop::collection::vec(step(), 1..40),
            rev in 0..100_u64,
        ) {
            let (feed, mut model) = (Feed::new(100, Rev::ZERO), Model::default());
            for (n, step) in steps.iter().enumerate() {
                run(&feed, &mut model, step, n, 100);
            }
            let ends = model.frames.iter().map(|(.., to)| *to);
            let places = ends.chain([model.frames.first().map_or(model.head(), |(from, ..)| *from)]);
            let expected = places.filter(|place| *place <= Rev::new(rev)).max();
            prop_assert_eq!(feed.boundary(Rev::new(rev)), expected);
        }
    }
}
