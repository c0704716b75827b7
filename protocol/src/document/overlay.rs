//! A document with changes above it that are not made yet.

use std::{collections::BTreeMap, sync::Arc};

use super::{Document, workspace::Base};
use crate::{ids::RecordKey, record::Record};

/// A document, and above it the records that are to be changed.
///
/// Unlike a changed clone it copies nothing of the document: the changes are made in place once nobody needs the state before.
#[derive(Debug)]
pub(crate) struct Overlay<'a> {
    document: &'a Document,
    changed: Changed,
    size: usize,
}

/// The records that are to be changed; `None`: deleted.
pub(crate) type Changed = BTreeMap<RecordKey, Option<Arc<Record>>>;

impl<'a> Overlay<'a> {
    /// Nothing above `document`.
    pub(crate) fn new(document: &'a Document) -> Self {
        Self {
            document,
            changed: Changed::new(),
            size: document.size(),
        }
    }

    /// The size of all records (rule D-9).
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// What is above the document.
    pub(crate) fn into_changed(self) -> Changed {
        self.changed
    }
}

impl Base for Overlay<'_> {
    fn get(&self, key: &RecordKey) -> Option<&Arc<Record>> {
        if self.changed.is_empty() {
            return self.document.get(key);
        }
        match self.changed.get(key) {
            Some(changed) => changed.as_ref(),
            None => self.document.get(key),
        }
    }

    fn put(&mut self, key: RecordKey, record: Option<Arc<Record>>) {
        self.size -= self.get(&key).map_or(0, |before| before.size());
        self.size += record.as_ref().map_or(0, |record| record.size());
        self.changed.insert(key, record);
    }
}
