//! Records being changed by one operation, before the document takes them all at once.

use std::{collections::BTreeMap, sync::Arc};

use super::{Document, edit::edit_data, edit_error::EditError};
use crate::{
    change::{Edit, Effect},
    ids::{Millis, RecordKey},
    record::Record,
    value::Object,
};

/// A record that an operation deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deleted {
    /// Which.
    pub key: RecordKey,
    /// Its version with the deletion counted (rule D-4).
    pub version: u64,
}

/// The records one operation touches; the document is not changed until they are committed.
#[derive(Debug)]
pub struct Workspace<'a> {
    document: &'a Document,
    touched: BTreeMap<RecordKey, Touched>,
}

#[derive(Debug)]
struct Touched {
    version: u64,
    created_at: Millis,
    /// `None`: deleted.
    data: Option<Object>,
}

impl<'a> Workspace<'a> {
    /// A workspace over `document`.
    #[must_use]
    pub fn new(document: &'a Document) -> Self {
        Self {
            document,
            touched: BTreeMap::new(),
        }
    }

    /// The data of a record as the operation has left it so far.
    #[must_use]
    pub fn data(&self, key: &RecordKey) -> Option<&Object> {
        match self.touched.get(key) {
            Some(touched) => touched.data.as_ref(),
            None => self.document.get(key).map(|record| record.data()),
        }
    }

    /// The version the operation gives to the record under `key`: one more than it has, or `first` when it is new.
    #[must_use]
    pub fn version(&self, key: &RecordKey, first: impl FnOnce() -> u64) -> u64 {
        match (self.touched.get(key), self.document.get(key)) {
            (Some(touched), _) => touched.version,
            (None, Some(record)) => record.version().saturating_add(1),
            (None, None) => first(),
        }
    }

    /// Applies one effect of an operation made at `at`.
    ///
    /// # Errors
    /// When it does not fit the record; the workspace is then to be dropped.
    pub fn apply(&mut self, effect: &Effect, at: Millis) -> Result<(), EditError> {
        let Effect { key, version, edit } = effect;
        match edit {
            Edit::Put { data } => {
                let created_at = match self.touched.get(key) {
                    Some(Touched {
                        created_at,
                        data: Some(_),
                        ..
                    }) => *created_at,
                    Some(_) => at,
                    None => self
                        .document
                        .get(key)
                        .map_or(at, |record| record.created_at()),
                };
                let touched = Touched {
                    version: *version,
                    created_at,
                    data: Some(data.clone()),
                };
                self.touched.insert(key.clone(), touched);
                Ok(())
            }
            Edit::Delete => {
                let touched = self.touch(key, *version).ok_or(EditError::NoRecord)?;
                touched.data.take().map(drop).ok_or(EditError::NoRecord)
            }
            edit => {
                let touched = self.touch(key, *version).ok_or(EditError::NoRecord)?;
                edit_data(touched.data.as_mut().ok_or(EditError::NoRecord)?, edit)
            }
        }
    }

    /// The record under `key`, taken into the workspace; `None` when there is none.
    fn touch(&mut self, key: &RecordKey, version: u64) -> Option<&mut Touched> {
        if !self.touched.contains_key(key) {
            let record = self.document.get(key)?;
            let data = Some(record.data().clone());
            self.touched.insert(
                key.clone(),
                Touched {
                    version,
                    created_at: record.created_at(),
                    data,
                },
            );
        }
        self.touched.get_mut(key)
    }

    /// The records as the operation made at `at` leaves them.
    #[must_use]
    pub fn finish(self, at: Millis) -> Finished {
        let records = self.touched.into_iter().map(|(key, touched)| {
            let Touched {
                version,
                created_at,
                data,
            } = touched;
            let record =
                data.map(|data| Arc::new(Record::new(&key, version, created_at, at, data)));
            (key, version, record)
        });
        Finished {
            records: records.collect(),
        }
    }
}

/// What an operation leaves, ready to be taken by the document.
#[derive(Debug)]
pub struct Finished {
    records: Vec<(RecordKey, u64, Option<Arc<Record>>)>,
}

impl Finished {
    /// The records it touched.
    pub fn keys(&self) -> impl Iterator<Item = &RecordKey> {
        self.records.iter().map(|(key, _, _)| key)
    }

    /// The records that exist afterwards.
    pub fn records(&self) -> impl Iterator<Item = (&RecordKey, &Arc<Record>)> {
        self.records
            .iter()
            .filter_map(|(key, _, record)| Some((key, record.as_ref()?)))
    }

    /// Writes the records to `document` and names those that were deleted.
    pub fn commit(self, document: &mut Document) -> Vec<Deleted> {
        let mut deleted = Vec::new();
        for (key, version, record) in self.records {
            match record {
                Some(record) => document.insert(&key, record),
                None => {
                    document.remove(&key);
                    deleted.push(Deleted { key, version });
                }
            }
        }
        deleted
    }
}
