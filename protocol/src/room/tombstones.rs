//! The versions of deleted records (rule D-6).

use imbl::{OrdMap, ordmap::DiffItem};

use crate::{
    document::Deleted,
    ids::{RecordKey, Rev},
    limits::TOMBSTONES,
};

/// Tombstones, the oldest of which are forgotten past a bound. Cloning is cheap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tombstones {
    by_key: OrdMap<RecordKey, Tombstone>,
    by_age: OrdMap<Age, RecordKey>,
    /// The highest version of a forgotten tombstone.
    forgotten: u64,
    bound: usize,
}

/// The revision of the deletion, and its place in the operation.
type Age = (Rev, usize);

/// What is remembered of a deleted record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tombstone {
    version: u64,
    age: Age,
}

impl Tombstone {
    /// That of a record deleted by the change `place` of the operation `rev`.
    #[must_use]
    pub fn new(version: u64, rev: Rev, place: usize) -> Self {
        let age = (rev, place);
        Self { version, age }
    }

    /// The record's version with the deletion counted.
    #[must_use]
    pub fn version(self) -> u64 {
        self.version
    }

    /// The revision of the deletion.
    #[must_use]
    pub fn rev(self) -> Rev {
        self.age.0
    }

    /// Its place among the deletions of that operation.
    #[must_use]
    pub fn place(self) -> usize {
        self.age.1
    }
}

impl Default for Tombstones {
    fn default() -> Self {
        Self::bounded(TOMBSTONES)
    }
}

impl Tombstones {
    fn bounded(bound: usize) -> Self {
        Self {
            by_key: OrdMap::new(),
            by_age: OrdMap::new(),
            forgotten: 0,
            bound,
        }
    }

    /// The version a record under `key` gets when it is created.
    #[must_use]
    pub fn first_version(&self, key: &RecordKey) -> u64 {
        self.by_key
            .get(key)
            .map_or(self.forgotten, |tombstone| tombstone.version)
            + 1
    }

    /// The highest version of a tombstone that is forgotten.
    #[must_use]
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Those with `forgotten`, which [`Self::forgotten`] told, and `tombstones`, all that there were.
    #[must_use]
    pub fn restore(
        forgotten: u64,
        tombstones: impl IntoIterator<Item = (RecordKey, Tombstone)>,
    ) -> Self {
        let mut restored = Self {
            forgotten,
            ..Self::default()
        };
        for (key, tombstone) in tombstones {
            restored.raise(&key);
            restored.by_age.insert(tombstone.age, key.clone());
            restored.by_key.insert(key, tombstone);
        }
        restored.forget_surplus();
        restored
    }

    /// Every tombstone that is not as it was in `older`; `None`: it is gone. Takes time for what differs.
    pub fn changes_since<'a>(
        &'a self,
        older: &'a Self,
    ) -> impl Iterator<Item = (&'a RecordKey, Option<Tombstone>)> {
        older.by_key.diff(&self.by_key).map(|item| match item {
            DiffItem::Add(key, new)
            | DiffItem::Update {
                new: (key, new), ..
            } => (key, Some(*new)),
            DiffItem::Remove(key, _) => (key, None),
        })
    }

    /// Remembers what the operation `rev` deleted.
    pub(super) fn bury(&mut self, rev: Rev, deleted: Vec<Deleted>) {
        for (place, Deleted { key, version }) in deleted.into_iter().enumerate() {
            self.raise(&key);
            let age = (rev, place);
            self.by_age.insert(age, key.clone());
            self.by_key.insert(key, Tombstone { version, age });
        }
        self.forget_surplus();
    }

    /// Drops the tombstone of a record that exists again.
    pub(super) fn raise(&mut self, key: &RecordKey) {
        if let Some(tombstone) = self.by_key.get(key).copied() {
            self.by_key.remove(key);
            self.by_age.remove(&tombstone.age);
        }
    }

    fn forget_surplus(&mut self) {
        while self.by_key.len() > self.bound {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some((age, key)) = self.by_age.get_min().cloned() else {
            return;
        };
        self.by_age.remove(&age);
        if let Some(tombstone) = self.by_key.remove(&key) {
            self.forgotten = self.forgotten.max(tombstone.version);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{Collection, RecordId};

    fn key(id: &str) -> RecordKey {
        RecordKey {
            collection: Collection::new("c").unwrap(),
            id: RecordId::new(id).unwrap(),
        }
    }

    #[test]
    fn d6_the_oldest_deletion_is_forgotten_first_and_its_version_remembered() {
        let mut tombstones = Tombstones::bounded(2);
        for (rev, id, version) in [(1, "a", 9), (2, "b", 3), (3, "c", 2)] {
            tombstones.bury(
                Rev::new(rev),
                vec![Deleted {
                    key: key(id),
                    version,
                }],
            );
        }
        assert_eq!(
            tombstones.first_version(&key("a")),
            10,
            "above the highest forgotten version"
        );
        assert_eq!(tombstones.first_version(&key("b")), 4);
        assert_eq!(tombstones.first_version(&key("never seen")), 10);
    }

    #[test]
    fn d6_a_record_that_exists_again_leaves_no_tombstone() {
        let mut tombstones = Tombstones::bounded(2);
        tombstones.bury(
            Rev::new(1),
            vec![Deleted {
                key: key("a"),
                version: 5,
            }],
        );
        tombstones.raise(&key("a"));
        assert_eq!(tombstones.first_version(&key("a")), 1);
    }
}
