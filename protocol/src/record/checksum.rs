//! A record's term in the checksum (rule D-8).

use twox_hash::XxHash64;

use crate::{
    ids::{Millis, RecordKey},
    value::{Object, write_object, write_string},
};

/// XXH64 (seed 0) of the canonical form of `[collection, id, version, createdAt, updatedAt, data]`.
pub(super) fn record_hash(
    key: &RecordKey,
    version: u64,
    created_at: Millis,
    updated_at: Millis,
    data: &Object,
) -> u64 {
    let mut text = String::with_capacity(256);
    text.push('[');
    write_string(&mut text, key.collection.as_str());
    text.push(',');
    write_string(&mut text, key.id.as_str());
    for number in [version, created_at, updated_at] {
        text.push(',');
        text.push_str(itoa::Buffer::new().format(number));
    }
    text.push(',');
    write_object(&mut text, data);
    text.push(']');
    XxHash64::oneshot(0, text.as_bytes())
}
