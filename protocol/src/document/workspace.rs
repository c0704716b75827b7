//! Records being changed by one operation, before the document takes them all at once.

use std::sync::Arc;

use super::{edit::edit_data, edit_error::EditError};
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

/// What an operation finds records in and leaves them in.
pub(crate) trait Base {
    /// The record under `key`.
    fn get(&self, key: &RecordKey) -> Option<&Arc<Record>>;

    /// Puts `record` under `key`, in place of what is there; `None`: nothing is to be there.
    fn put(&mut self, key: RecordKey, record: Option<Arc<Record>>);
}

/// The records one operation touches; its base is not changed until they are committed.
#[derive(Debug)]
pub(crate) struct Workspace<'a, B> {
    base: &'a B,
    /// In the order of their keys.
    touched: Vec<(RecordKey, Touched)>,
}

#[derive(Debug)]
struct Touched {
    version: u64,
    created_at: Millis,
    /// `None`: deleted.
    data: Option<Object>,
}

impl<'a, B: Base> Workspace<'a, B> {
    /// A workspace over `base`.
    #[must_use]
    pub(crate) fn new(base: &'a B) -> Self {
        Self {
            base,
            touched: Vec::new(),
        }
    }

    /// The data of a record as the operation has left it so far.
    #[must_use]
    pub(crate) fn data(&self, key: &RecordKey) -> Option<&Object> {
        match self.touched(key) {
            Some(touched) => touched.data.as_ref(),
            None => self.base.get(key).map(|record| record.data()),
        }
    }

    /// The version the operation gives to the record under `key`: one more than it has, or `first` when it is new.
    #[must_use]
    pub(crate) fn version(&self, key: &RecordKey, first: impl FnOnce() -> u64) -> u64 {
        match (self.touched(key), self.base.get(key)) {
            (Some(touched), _) => touched.version,
            (None, Some(record)) => record.version().saturating_add(1),
            (None, None) => first(),
        }
    }

    /// Applies one effect of an operation made at `at`.
    ///
    /// # Errors
    /// When it does not fit the record; the workspace is then to be dropped.
    pub(crate) fn apply(&mut self, effect: &Effect, at: Millis) -> Result<(), EditError> {
        let Effect { key, version, edit } = effect;
        match edit {
            Edit::Put { data } => {
                let created_at = match self.touched(key) {
                    Some(Touched {
                        created_at,
                        data: Some(_),
                        ..
                    }) => *created_at,
                    Some(_) => at,
                    None => self.base.get(key).map_or(at, |record| record.created_at()),
                };
                let touched = Touched {
                    version: *version,
                    created_at,
                    data: Some(data.clone()),
                };
                match self.place(key) {
                    Ok(place) => self.touched[place].1 = touched,
                    Err(place) => self.touched.insert(place, (key.clone(), touched)),
                }
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
        let place = match self.place(key) {
            Ok(place) => place,
            Err(place) => {
                let record = self.base.get(key)?;
                let touched = Touched {
                    version,
                    created_at: record.created_at(),
                    data: Some(record.data().clone()),
                };
                self.touched.insert(place, (key.clone(), touched));
                place
            }
        };
        self.touched.get_mut(place).map(|(_, touched)| touched)
    }

    fn touched(&self, key: &RecordKey) -> Option<&Touched> {
        self.place(key).ok().map(|place| &self.touched[place].1)
    }

    fn place(&self, key: &RecordKey) -> Result<usize, usize> {
        self.touched.binary_search_by(|(other, _)| other.cmp(key))
    }

    /// The records as the operation made at `at` leaves them.
    #[must_use]
    pub(crate) fn finish(self, at: Millis) -> Finished {
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
pub(crate) struct Finished {
    records: Vec<(RecordKey, u64, Option<Arc<Record>>)>,
}

impl Finished {
    /// The records it touched.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &RecordKey> {
        self.records.iter().map(|(key, _, _)| key)
    }

    /// The records that exist afterwards.
    pub(crate) fn records(&self) -> impl Iterator<Item = (&RecordKey, &Arc<Record>)> {
        self.records
            .iter()
            .filter_map(|(key, _, record)| Some((key, record.as_ref()?)))
    }

    /// Writes the records to `base` and names those that were deleted.
    pub(crate) fn commit(self, base: &mut impl Base) -> Vec<Deleted> {
        let mut deleted = Vec::new();
        for (key, version, record) in self.records {
            if record.is_none() {
                let key = key.clone();
                deleted.push(Deleted { key, version });
            }
            base.put(key, record);
        }
        deleted
    }
}
