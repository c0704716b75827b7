//! What differs between two states of one document, found in the time of what differs.

use std::sync::Arc;

use imbl::ordmap::DiffItem;

use super::{Document, Records};
use crate::{
    ids::{Collection, RecordId, RecordKey},
    record::Record,
};

impl Document {
    /// The document of `records`, of which the last under each key counts.
    #[must_use]
    pub fn from_records(records: impl IntoIterator<Item = (RecordKey, Record)>) -> Self {
        let mut document = Self::new();
        for (key, record) in records {
            document.insert(&key, Arc::new(record));
        }
        document
    }

    /// Every record that is not as it was in `older`; `None`: it is gone.
    ///
    /// Takes time for the collections and for what differs, not for the records that both documents share.
    pub fn changes_since<'a>(
        &'a self,
        older: &'a Self,
    ) -> impl Iterator<Item = (RecordKey, Option<&'a Arc<Record>>)> {
        let gone = older
            .collections
            .iter()
            .filter(|(name, _)| !self.collections.contains_key(*name))
            .flat_map(|(name, records)| records.keys().map(|id| (key(name, id), None)));
        let changed = self.collections.iter().flat_map(|(name, records)| {
            changed(records, older.collections.get(name))
                .map(|(id, record)| (key(name, id), record))
        });
        gone.chain(changed)
    }
}

type Changed<'a> = (&'a RecordId, Option<&'a Arc<Record>>);

fn changed<'a>(
    records: &'a Records,
    older: Option<&'a Records>,
) -> Box<dyn Iterator<Item = Changed<'a>> + 'a> {
    let Some(older) = older else {
        return Box::new(records.iter().map(|(id, record)| (id, Some(record))));
    };
    Box::new(older.diff(records).map(|item| match item {
        DiffItem::Add(id, record)
        | DiffItem::Update {
            new: (id, record), ..
        } => (id, Some(record)),
        DiffItem::Remove(id, _) => (id, None),
    }))
}

fn key(collection: &Collection, id: &RecordId) -> RecordKey {
    RecordKey {
        collection: collection.clone(),
        id: id.clone(),
    }
}
