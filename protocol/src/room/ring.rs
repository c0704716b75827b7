//! The last operations of a room, bounded by count and by bytes (rule F-1).

use std::{
    collections::VecDeque,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;

use crate::{change::Operation, codec::Codec, ids::Rev, limits::Limits};

/// An operation in the ring, with its encoded forms.
#[derive(Debug)]
pub struct RingEntry {
    operation: Arc<Operation>,
    size: usize,
    encoded: [OnceLock<Bytes>; Codec::COUNT],
}

impl RingEntry {
    fn new(operation: Arc<Operation>) -> Self {
        let size = operation.size();
        Self {
            operation,
            size,
            encoded: Default::default(),
        }
    }

    /// The operation.
    #[must_use]
    pub fn operation(&self) -> &Arc<Operation> {
        &self.operation
    }

    /// Its size (rule D-9).
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// Its encoded form, made at most once per codec.
    #[must_use]
    pub fn encoded(&self, codec: Codec) -> &Bytes {
        self.encoded[codec.index()]
            .get_or_init(|| codec.encode(&*self.operation).into_boxed_slice().into())
    }
}

/// The ring: revisions `first_rev()` to `head()` without hole.
#[derive(Debug)]
pub struct Ring {
    entries: VecDeque<Arc<RingEntry>>,
    head: Rev,
    bytes: usize,
    max_ops: usize,
    max_bytes: usize,
}

impl Ring {
    /// An empty ring whose next operation follows `head`.
    #[must_use]
    pub fn new(head: Rev, limits: &Limits) -> Self {
        Self {
            entries: VecDeque::new(),
            head,
            bytes: 0,
            max_ops: limits.ring_ops,
            max_bytes: limits.ring_bytes,
        }
    }

    /// The revision of the newest operation.
    #[must_use]
    pub fn head(&self) -> Rev {
        self.head
    }

    /// The oldest revision held; head + 1 when the ring is empty.
    #[must_use]
    pub fn first_rev(&self) -> Rev {
        Rev::new(self.head.get() + 1 - self.entries.len() as u64)
    }

    /// The sizes of its operations, summed.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Appends the operation after head; the oldest leave when a bound is passed.
    ///
    /// # Panics
    /// When the operation is not the one after head, which its callers check.
    pub fn push(&mut self, operation: Arc<Operation>) -> Arc<RingEntry> {
        assert_eq!(
            operation.rev,
            self.head.next(),
            "operations enter the ring in order"
        );
        let entry = Arc::new(RingEntry::new(operation));
        self.head = self.head.next();
        self.bytes += entry.size;
        self.entries.push_back(Arc::clone(&entry));
        while self.entries.len() > self.max_ops || self.bytes > self.max_bytes {
            let Some(oldest) = self.entries.pop_front() else {
                break;
            };
            self.bytes -= oldest.size;
        }
        entry
    }

    /// Whether every operation after `rev` is held (rule F-2).
    #[must_use]
    pub fn reaches(&self, rev: Rev) -> bool {
        rev <= self.head && rev.next() >= self.first_rev()
    }

    /// The operations after `rev`, in order; all that are held when it is older than the ring.
    pub fn after(&self, rev: Rev) -> impl Iterator<Item = &Arc<RingEntry>> {
        let newer = usize::try_from(self.head.since(rev)).unwrap_or(usize::MAX);
        self.entries
            .iter()
            .skip(self.entries.len().saturating_sub(newer))
    }
}
