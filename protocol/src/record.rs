//! A record, with what is derived from it kept beside it.

mod checksum;

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use serde::{Serialize, Serializer, ser::SerializeStruct as _};

use crate::{
    codec::kind::Codec,
    ids::{Collection, Millis, RecordId, RecordKey},
    limits::RECORD_OVERHEAD,
    value::{Object, object_size, string_size},
};

/// The state of a room: records by collection and id.
pub type State = BTreeMap<Collection, BTreeMap<RecordId, Arc<Record>>>;

/// A record: what stands under one key of a document. Never changed in place.
#[derive(Debug, Clone)]
pub struct Record {
    version: u64,
    created_at: Millis,
    updated_at: Millis,
    data: Object,
    size: usize,
    hash: u64,
    encoded: [OnceLock<Bytes>; Codec::COUNT],
}

impl Record {
    /// The record that stands under `key`.
    #[must_use]
    pub fn new(
        key: &RecordKey,
        version: u64,
        created_at: Millis,
        updated_at: Millis,
        data: Object,
    ) -> Self {
        let names = string_size(key.collection.as_str()) + string_size(key.id.as_str());
        let size = object_size(&data) + names + RECORD_OVERHEAD;
        let hash = checksum::record_hash(key, version, created_at, updated_at, &data);
        Self {
            version,
            created_at,
            updated_at,
            data,
            size,
            hash,
            encoded: Default::default(),
        }
    }

    /// Its version: 1 when created, one more for each operation that changed it (rule D-4).
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// When it was created, by the server's clock (rule D-5).
    #[must_use]
    pub fn created_at(&self) -> Millis {
        self.created_at
    }

    /// When it was last changed, by the server's clock (rule D-5).
    #[must_use]
    pub fn updated_at(&self) -> Millis {
        self.updated_at
    }

    /// Its data.
    #[must_use]
    pub fn data(&self) -> &Object {
        &self.data
    }

    /// Its size (rule D-9).
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// Its term in the checksum (rule D-8).
    #[must_use]
    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    /// Its encoded form, made at most once per codec.
    pub(crate) fn encoded(&self, codec: Codec) -> &Bytes {
        self.encoded[codec.index()].get_or_init(|| codec.encode(self).into_boxed_slice().into())
    }
}

impl PartialEq for Record {
    fn eq(&self, other: &Self) -> bool {
        self.version == other.version
            && self.created_at == other.created_at
            && self.updated_at == other.updated_at
            && self.data == other.data
    }
}

impl Eq for Record {}

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut record = serializer.serialize_struct("Record", 4)?;
        record.serialize_field("version", &self.version)?;
        record.serialize_field("createdAt", &self.created_at)?;
        record.serialize_field("updatedAt", &self.updated_at)?;
        record.serialize_field("data", &self.data)?;
        record.end()
    }
}
