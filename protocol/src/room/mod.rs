//! The server's half: one room as a state machine. Requests go in as batches; operations and answers come out once a
//! batch is committed.

mod batch;
mod judge;
mod remembered;
mod ring;
mod tag;
mod tombstones;

use std::{collections::VecDeque, sync::Arc};

pub use batch::{Answer, Batch, Outcome, Request, Ticket};
pub use remembered::{ClientChange, Remembered, Window};
pub use ring::{Ring, RingEntry};
pub use tombstones::{Tombstone, Tombstones};

use crate::{
    change::{Edit, Operation},
    document::{Diverged, Document},
    ids::{ClientId, Epoch, Millis, Rev},
    limits::Limits,
    message::{Gap, GapReason, Position},
};

/// One room: its state, its ring and what it remembers of its clients. Holds committed state only.
#[derive(Debug)]
pub struct Room {
    epoch: Epoch,
    limits: Limits,
    document: Document,
    tombstones: Tombstones,
    remembered: Remembered,
    ring: Ring,
    at: Millis,
}

/// Everything of a room but its ring, at one revision. Cloning is cheap at any size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The room's epoch.
    pub epoch: Epoch,
    /// The revision it shows.
    pub rev: Rev,
    /// The time of the operation `rev`.
    pub at: Millis,
    /// The state.
    pub document: Document,
    /// The versions of deleted records.
    pub tombstones: Tombstones,
    /// The accepted ids.
    pub remembered: Remembered,
}

impl Image {
    /// The image of a room without operations.
    #[must_use]
    pub fn empty(epoch: Epoch) -> Self {
        Self {
            epoch,
            rev: Rev::ZERO,
            at: 0,
            document: Document::new(),
            tombstones: Tombstones::default(),
            remembered: Remembered::default(),
        }
    }
}

/// A committed batch: what everyone is to see, and what its authors are to be told.
#[derive(Debug)]
pub struct Committed {
    /// The new operations, in order.
    pub operations: Vec<Arc<RingEntry>>,
    /// The answers to the batch's requests.
    pub answers: Vec<Answer>,
}

/// What a client needs to be at the head (rule C-6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CatchUp {
    /// Nothing: it is there.
    Nothing,
    /// The operations after its revision.
    Delta {
        /// Its revision.
        from: Rev,
    },
    /// A snapshot, as it has nothing yet.
    Snapshot,
    /// A gap, then a snapshot.
    Gap(GapReason),
}

/// Stored operations that cannot be those of the room.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AbsorbError {
    /// A revision is missing.
    #[error("operation {found} follows {head}")]
    Hole {
        /// The revision before.
        head: Rev,
        /// The revision found.
        found: Rev,
    },
    /// An operation does not fit the state.
    #[error(transparent)]
    Diverged(#[from] Diverged),
}

impl Room {
    /// An empty room.
    #[must_use]
    pub fn new(epoch: Epoch, limits: Limits) -> Self {
        Self::at_image(Image::empty(epoch), Rev::ZERO, limits)
    }

    /// The room of `image`, with the stored operations `tail`: those up to the image's revision fill the ring, those after it are
    /// applied.
    ///
    /// # Errors
    /// When `tail` has a hole, or does not reach the image, or does not fit it.
    pub fn restore(
        image: Image,
        tail: &[Arc<Operation>],
        limits: Limits,
    ) -> Result<Self, AbsorbError> {
        let rev = image.rev;
        let start = tail.first().map_or(rev, |first| {
            Rev::new(first.rev.get().saturating_sub(1)).min(rev)
        });
        let mut room = Self::at_image(image, start, limits);
        let old = tail
            .iter()
            .take_while(|operation| operation.rev <= rev)
            .count();
        for operation in &tail[..old] {
            room.check_next(operation)?;
            room.ring.push(Arc::clone(operation));
        }
        if room.ring.head() != rev {
            return Err(AbsorbError::Hole {
                head: room.ring.head(),
                found: rev,
            });
        }
        room.absorb(&tail[old..])?;
        Ok(room)
    }

    fn at_image(image: Image, ring_head: Rev, limits: Limits) -> Self {
        let Image {
            epoch,
            rev: _,
            at,
            document,
            tombstones,
            remembered,
        } = image;
        let ring = Ring::new(ring_head, &limits);
        Self {
            epoch,
            limits,
            document,
            tombstones,
            remembered,
            ring,
            at,
        }
    }

    /// The room's epoch.
    #[must_use]
    pub fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    /// The room's bounds.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The revision of the newest operation.
    #[must_use]
    pub fn head(&self) -> Rev {
        self.ring.head()
    }

    /// The oldest revision in the ring; head + 1 when it is empty.
    #[must_use]
    pub fn buffer_first_rev(&self) -> Rev {
        self.ring.first_rev()
    }

    /// The state at head.
    #[must_use]
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// The operations after `rev` that the ring holds.
    pub fn after(&self, rev: Rev) -> impl Iterator<Item = &Arc<RingEntry>> {
        self.ring.after(rev)
    }

    /// Everything but the ring, at head.
    #[must_use]
    pub fn image(&self) -> Image {
        Image {
            epoch: self.epoch.clone(),
            rev: self.head(),
            at: self.at,
            document: self.document.clone(),
            tombstones: self.tombstones.clone(),
            remembered: self.remembered.clone(),
        }
    }

    /// Judges requests in order, as many as one batch takes; the rest stays in `requests`. Changes nothing.
    ///
    /// `now` is the server's clock; operations never go back behind an earlier one's time (rule O-2).
    #[must_use]
    pub fn propose(&self, requests: &mut VecDeque<Request>, now: Millis) -> Batch {
        let mut draft = batch::Draft::new(self, now.max(self.at), requests.len());
        while !draft.is_full() {
            let Some(request) = requests.pop_front() else {
                break;
            };
            if let Err(request) = draft.take(request) {
                requests.push_front(request);
                break;
            }
        }
        draft.finish()
    }

    /// Makes a batch visible, once the log has it.
    ///
    /// # Panics
    /// When the room moved on since the batch was proposed: its driver keeps one batch in flight.
    pub fn commit(&mut self, batch: Batch) -> Committed {
        assert_eq!(
            batch.expected_head,
            self.head(),
            "one batch is in flight at a time"
        );
        self.document.take(batch.changed);
        self.tombstones = batch.tombstones;
        if !batch.operations.is_empty() {
            self.at = batch.at;
        }
        let operations = batch
            .operations
            .into_iter()
            .map(|operation| self.enter(operation))
            .collect();
        Committed {
            operations,
            answers: batch.answers,
        }
    }

    /// Takes operations that were committed elsewhere.
    ///
    /// # Errors
    /// When they do not follow head or do not fit the state; those before the bad one are taken.
    pub fn absorb(
        &mut self,
        operations: &[Arc<Operation>],
    ) -> Result<Vec<Arc<RingEntry>>, AbsorbError> {
        let mut entries = Vec::with_capacity(operations.len());
        for operation in operations {
            self.check_next(operation)?;
            let deleted = self.document.apply(operation)?;
            for effect in &operation.changes {
                if matches!(effect.edit, Edit::Put { .. }) {
                    self.tombstones.raise(&effect.key);
                }
            }
            self.tombstones.bury(operation.rev, deleted);
            self.at = self.at.max(operation.at);
            entries.push(self.enter(Arc::clone(operation)));
        }
        Ok(entries)
    }

    fn check_next(&self, operation: &Operation) -> Result<(), AbsorbError> {
        let head = self.head();
        if operation.rev == head.next() {
            return Ok(());
        }
        Err(AbsorbError::Hole {
            head,
            found: operation.rev,
        })
    }

    fn enter(&mut self, operation: Arc<Operation>) -> Arc<RingEntry> {
        self.remembered.record(
            &operation.client_id,
            &operation.client_req_id,
            operation.rev,
        );
        self.ring.push(operation)
    }

    /// What a client that is at `position`, or has nothing, needs (rules F-2 and C-6).
    #[must_use]
    pub fn catch_up(&self, position: Option<&Position>) -> CatchUp {
        match position {
            None => CatchUp::Snapshot,
            Some(position) if position.epoch != self.epoch => CatchUp::Gap(GapReason::Epoch),
            Some(position) => self.behind(position.last_rev),
        }
    }

    /// What a client of this epoch that is at `rev` needs (rule F-2).
    #[must_use]
    pub fn behind(&self, rev: Rev) -> CatchUp {
        if rev > self.head() {
            CatchUp::Gap(GapReason::Ahead)
        } else if rev == self.head() {
            CatchUp::Nothing
        } else if self.ring.reaches(rev) {
            CatchUp::Delta { from: rev }
        } else {
            CatchUp::Gap(GapReason::Behind)
        }
    }

    /// The `REVISION_GAP` for `client`, which is at `expected_rev` and gets a snapshot of `resume_from` (rules F-4 to F-6).
    #[must_use]
    pub fn gap(
        &self,
        client: &ClientId,
        expected_rev: Rev,
        reason: GapReason,
        resume_from: Rev,
    ) -> Gap {
        let known = match reason {
            GapReason::Behind => expected_rev,
            GapReason::Ahead | GapReason::Epoch => Rev::ZERO,
        };
        Gap {
            expected_rev,
            server_rev: self.head(),
            buffer_first_rev: self.buffer_first_rev(),
            resume_from,
            reason,
            acked: self.remembered.after(client, known),
        }
    }

    /// Checks what must hold of a room at any time; for tests and simulations.
    ///
    /// # Panics
    /// Names what does not hold.
    pub fn check(&self) {
        let held = self.head().get() + 1 - self.buffer_first_rev().get();
        assert!(
            held <= self.limits.ring_ops as u64,
            "the ring holds at most ringOps operations"
        );
        assert!(
            self.ring.bytes() <= self.limits.ring_bytes,
            "the ring holds at most ringBytes"
        );
        self.document.check();
    }
}
