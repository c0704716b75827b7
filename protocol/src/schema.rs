//! The wire as data: JSON Schema of the messages in their JSON form, and the protocol's names, bounds and codes.
//!
//! MessagePack carries the same messages; where it writes arrays instead of objects (rule W-3), [`protocol`] has the
//! order of their places. Only the feature `schema` has this module.

mod entries;
mod names;
mod tables;

use schemars::{JsonSchema, generate::SchemaSettings, transform::RecursiveTransform};
use serde_json::Value as Json;

pub use tables::protocol;

use crate::{
    limits::MAX_SAFE_INTEGER,
    message::{ClientMessage, ServerMessage},
};

/// The schema of every message of a client.
#[must_use]
pub fn client() -> Json {
    schema_of::<ClientMessage>()
}

/// The schema of every message of a server.
#[must_use]
pub fn server() -> Json {
    schema_of::<ServerMessage>()
}

fn schema_of<T: JsonSchema>() -> Json {
    let settings = SchemaSettings::draft2020_12();
    settings
        .with_transform(RecursiveTransform(bound))
        .into_generator()
        .into_root_schema_for::<T>()
        .into()
}

/// Bounds integers by what a client can hold (rule V-1), which says more than Rust's name of their type.
fn bound(schema: &mut schemars::Schema) {
    let Some(schema) = schema.as_object_mut() else {
        return;
    };
    match schema.get("format").and_then(Json::as_str) {
        Some("uint64" | "uint") => schema.insert("maximum".into(), MAX_SAFE_INTEGER.into()),
        Some("uint32") => schema.insert("maximum".into(), u32::MAX.into()),
        _ => return,
    };
    schema.remove("format");
}
