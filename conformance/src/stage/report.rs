//! What a client says of its state: the form that fixtures compare.

use revring_protocol::document::Document;
use serde_json::{Map, Value};

/// The data of all records of `document`, by collection and id.
pub(crate) fn view(document: &Document) -> Value {
    let collections = document.collections().map(|(collection, records)| {
        let records = records.iter().map(|(id, record)| {
            let data = record
                .data()
                .iter()
                .map(|(name, value)| (name.as_str().to_owned(), value.to_json()));
            (id.as_str().to_owned(), Value::Object(data.collect()))
        });
        (
            collection.as_str().to_owned(),
            Value::Object(records.collect()),
        )
    });
    Value::Object(collections.collect::<Map<_, _>>())
}
