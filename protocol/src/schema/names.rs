//! Schemas of names, paths and values.

use std::{borrow::Cow, collections::BTreeMap};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::{
    ids::{ClientId, ClientKey, ClientReqId, Collection, Epoch, RecordId, RoomName},
    limits,
    value::{Number, Object, Path, Value},
};

/// JSON Schema counts characters: of names that are not ASCII it bounds the bytes from above only.
macro_rules! name_schema {
    ($name:ident, $least:expr, $most:expr, $pattern:literal, $about:literal) => {
        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "description": $about,
                    "type": "string",
                    "minLength": $least,
                    "maxLength": $most,
                    "pattern": $pattern,
                })
            }
        }
    };
}

name_schema!(
    RoomName,
    1,
    limits::ROOM_NAME_BYTES,
    r"^[A-Za-z0-9\-_.:~@/]+$",
    "A room's name (rule N-1)."
);
name_schema!(
    Epoch,
    1,
    limits::EPOCH_BYTES,
    "^[!-~]+$",
    "The life of a room's revision line: opaque, never reused."
);
name_schema!(
    ClientKey,
    limits::CLIENT_KEY_MIN_BYTES,
    limits::CLIENT_KEY_MAX_BYTES,
    "^[!-~]+$",
    "A client's secret: whoever has it is that client (rule N-2)."
);
name_schema!(
    ClientId,
    limits::CLIENT_ID_CHARS,
    limits::CLIENT_ID_CHARS,
    r"^[A-Za-z0-9\-_]+$",
    "A client's public name: the first 16 characters of base64url(SHA-256(clientKey)) (rule N-2)."
);
name_schema!(
    ClientReqId,
    1,
    limits::CLIENT_REQ_ID_BYTES,
    "^[!-~]+$",
    "A client's own name for one of its updates, never used for another."
);
name_schema!(
    Collection,
    1,
    limits::COLLECTION_BYTES,
    r"^[^\u0000-\u001f\u007f-\u009f]+$",
    "A collection of records: at most 64 bytes of UTF-8 without control characters (rule N-1)."
);
name_schema!(
    RecordId,
    1,
    limits::RECORD_ID_BYTES,
    r"^[^\u0000-\u001f\u007f-\u009f]+$",
    "A record's id: at most 128 bytes of UTF-8 without control characters (rule N-1)."
);
name_schema!(
    Path,
    1,
    limits::PATH_BYTES,
    "^(/([^~/]|~[01])*)+$",
    "A JSON Pointer (RFC 6901) through objects, not empty, at most 1,024 bytes of UTF-8 (rule N-3)."
);

impl JsonSchema for Number {
    fn schema_name() -> Cow<'static, str> {
        "Number".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A number within ±(2^53 − 1) (rule V-1).",
            "type": "number",
            "minimum": -limits::MAX_SAFE_INTEGER,
            "maximum": limits::MAX_SAFE_INTEGER,
        })
    }
}

impl JsonSchema for Value {
    fn schema_name() -> Cow<'static, str> {
        "Value".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let inner = generator.subschema_for::<Self>();
        json_schema!({
            "description": "Any JSON value; its numbers lie within ±(2^53 − 1) (rules V-1 to V-3).",
            "type": ["null", "boolean", "number", "string", "array", "object"],
            "minimum": -limits::MAX_SAFE_INTEGER,
            "maximum": limits::MAX_SAFE_INTEGER,
            "items": inner,
            "additionalProperties": inner,
        })
    }
}

impl JsonSchema for Object {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Object".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        <BTreeMap<String, Value>>::json_schema(generator)
    }
}
