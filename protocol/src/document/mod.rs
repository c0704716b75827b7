//! The state of a room: records by collection and id, cheap to clone at any size.

mod changes;
mod edit;
mod edit_error;
mod merge;
mod overlay;
mod splice;
mod workspace;

use std::sync::Arc;

use imbl::OrdMap;

pub(crate) use edit::{replaces_value, sum};
pub use edit_error::EditError;
pub(crate) use overlay::{Changed, Overlay};
pub use splice::{Concurrent, Patch};
pub use workspace::Deleted;
pub(crate) use workspace::{Base, Finished, Workspace};

use crate::{
    change::Operation,
    ids::{Collection, RecordId, RecordKey},
    record::{Record, State},
};

/// The records of one collection.
pub type Records = OrdMap<RecordId, Arc<Record>>;

/// A document. Cloning takes the same short time at any size; clones share what they have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Document {
    collections: OrdMap<Collection, Records>,
    records: usize,
    size: usize,
    /// The order-free sum of the records' hashes (rule D-8).
    sum: u64,
}

/// An operation that does not fit the document it is applied to: the document is not what its sender believes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("operation {rev} does not apply to {key}: {problem}")]
pub struct Diverged {
    /// The operation's revision.
    pub rev: crate::ids::Rev,
    /// The record it failed on.
    pub key: RecordKey,
    /// Why.
    pub problem: EditError,
}

impl Document {
    /// An empty document.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The record under `key`.
    #[must_use]
    pub fn get(&self, key: &RecordKey) -> Option<&Arc<Record>> {
        self.collections.get(&key.collection)?.get(&key.id)
    }

    /// All records, by collection and id; no collection is empty.
    pub fn collections(&self) -> impl Iterator<Item = (&Collection, &Records)> {
        self.collections.iter()
    }

    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records
    }

    /// Whether there are no records.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// The size of all records (rule D-9).
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// The checksum (rule D-8). Takes the same short time at any size.
    #[must_use]
    pub fn checksum(&self) -> String {
        format!("{:016x}", self.sum)
    }

    /// Applies an accepted operation (rule O-6).
    ///
    /// # Errors
    /// When an effect does not fit; the document is then unchanged.
    pub fn apply(&mut self, operation: &Operation) -> Result<Vec<Deleted>, Diverged> {
        let mut workspace = Workspace::new(self);
        for effect in &operation.changes {
            workspace
                .apply(effect, operation.at)
                .map_err(|problem| Diverged {
                    rev: operation.rev,
                    key: effect.key.clone(),
                    problem,
                })?;
        }
        let touched = workspace.finish(operation.at);
        Ok(touched.commit(self))
    }

    /// Checks what is kept beside the records against them; for tests and simulations.
    ///
    /// # Panics
    /// Names what does not hold.
    pub fn check(&self) {
        let records = || self.collections.values().flat_map(Records::values);
        assert!(
            self.collections.values().all(|records| !records.is_empty()),
            "no collection is empty"
        );
        assert_eq!(records().count(), self.records, "records are counted");
        assert_eq!(
            records().map(|record| record.size()).sum::<usize>(),
            self.size,
            "sizes are summed"
        );
        let sum = records().fold(0_u64, |sum, record| sum.wrapping_add(record.hash()));
        assert_eq!(sum, self.sum, "hashes are summed");
    }

    /// Adds the records of a snapshot's part.
    pub fn add_part(&mut self, state: &State) {
        for (collection, records) in state {
            for (id, record) in records {
                let key = RecordKey {
                    collection: collection.clone(),
                    id: id.clone(),
                };
                self.insert(&key, Arc::clone(record));
            }
        }
    }

    /// Puts `record` under `key`, in place of what is there.
    pub(crate) fn insert(&mut self, key: &RecordKey, record: Arc<Record>) {
        self.records += 1;
        self.size += record.size();
        self.sum = self.sum.wrapping_add(record.hash());
        let old = match self.collections.get_mut(&key.collection) {
            Some(records) => match records.get_mut(&key.id) {
                Some(place) => Some(std::mem::replace(place, record)),
                None => records.insert(key.id.clone(), record),
            },
            None => {
                let records = Records::unit(key.id.clone(), record);
                self.collections.insert(key.collection.clone(), records);
                None
            }
        };
        if let Some(old) = old {
            self.forget(&old);
        }
    }

    /// Removes the record under `key`, if there is one.
    pub(crate) fn remove(&mut self, key: &RecordKey) {
        let Some(records) = self.collections.get_mut(&key.collection) else {
            return;
        };
        let removed = records.remove(&key.id);
        if records.is_empty() {
            self.collections.remove(&key.collection);
        }
        if let Some(old) = removed {
            self.forget(&old);
        }
    }

    /// Makes the changes of an [`Overlay`].
    pub(crate) fn take(&mut self, changed: Changed) {
        for (key, record) in changed {
            self.put(key, record);
        }
    }

    fn forget(&mut self, old: &Record) {
        self.records -= 1;
        self.size -= old.size();
        self.sum = self.sum.wrapping_sub(old.hash());
    }
}

impl Base for Document {
    fn get(&self, key: &RecordKey) -> Option<&Arc<Record>> {
        Self::get(self, key)
    }

    fn put(&mut self, key: RecordKey, record: Option<Arc<Record>>) {
        match record {
            Some(record) => self.insert(&key, record),
            None => self.remove(&key),
        }
    }
}
