//! Schemas of what is written by hand: messages of clients, changes, operations, records.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value as Json, json};

use super::tables::edit_fields;
use crate::{
    change::{Change, Effect, Operation},
    ids::{ClientId, ClientKey, ClientReqId, Collection, Epoch, RecordId, Rev, RoomName},
    limits::TOKEN_BYTES,
    message::ClientMessage,
    record::Record,
    value::{Number, Object, Path, Value},
};

impl JsonSchema for Change {
    fn schema_name() -> Cow<'static, str> {
        "Change".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let version = generator.subschema_for::<Option<u64>>();
        let entries = edit_fields()
            .map(|(op, fields)| edit(generator, op, ("ifVersion", &version, false), fields));
        json_schema!({ "description": "One edit of one record, as a client asks for it.", "oneOf": entries.collect::<Json>() })
    }
}

impl JsonSchema for Effect {
    fn schema_name() -> Cow<'static, str> {
        "Effect".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let version = generator.subschema_for::<u64>();
        let effects = edit_fields().filter(|(op, _)| *op != "add");
        let entries =
            effects.map(|(op, fields)| edit(generator, op, ("version", &version, true), fields));
        json_schema!({ "description": "One edit of one record, as the server accepted it.", "oneOf": entries.collect::<Json>() })
    }
}

/// The schema of a change or effect named `op`.
fn edit(
    generator: &mut SchemaGenerator,
    op: &str,
    (version, version_schema, version_required): (&str, &Schema, bool),
    fields: &[&str],
) -> Json {
    let mut properties = Map::new();
    properties.insert("op".into(), json!({ "type": "string", "const": op }));
    properties.insert(
        "collection".into(),
        generator.subschema_for::<Collection>().into(),
    );
    properties.insert("id".into(), generator.subschema_for::<RecordId>().into());
    properties.insert(version.into(), version_schema.clone().into());
    for field in fields {
        properties.insert((*field).into(), edit_field(generator, field));
    }
    let mut required = vec!["op", "collection", "id"];
    required.extend(version_required.then_some(version));
    required.extend(fields);
    json!({ "type": "object", "properties": properties, "required": required })
}

fn edit_field(generator: &mut SchemaGenerator, field: &str) -> Json {
    let schema = match field {
        "data" => generator.subschema_for::<Object>(),
        "path" => generator.subschema_for::<Path>(),
        "value" => generator.subschema_for::<Value>(),
        "by" => generator.subschema_for::<Number>(),
        "insert" => {
            json_schema!({ "type": ["string", "array"], "items": generator.subschema_for::<Value>() })
        }
        _ => generator.subschema_for::<u64>(),
    };
    schema.into()
}

impl JsonSchema for Operation {
    fn schema_name() -> Cow<'static, str> {
        "Operation".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "An accepted update: the only thing that moves a room forward.",
            "type": "object",
            "properties": {
                "rev": generator.subschema_for::<Rev>(),
                "clientId": generator.subschema_for::<ClientId>(),
                "clientReqId": generator.subschema_for::<ClientReqId>(),
                "at": generator.subschema_for::<u64>(),
                "changes": generator.subschema_for::<Vec<Effect>>(),
            },
            "required": ["rev", "clientId", "clientReqId", "at", "changes"],
        })
    }
}

impl JsonSchema for Record {
    fn schema_name() -> Cow<'static, str> {
        "Record".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "What stands under one key of a document.",
            "type": "object",
            "properties": {
                "version": generator.subschema_for::<u64>(),
                "createdAt": generator.subschema_for::<u64>(),
                "updatedAt": generator.subschema_for::<u64>(),
                "data": generator.subschema_for::<Object>(),
            },
            "required": ["version", "createdAt", "updatedAt", "data"],
        })
    }
}

impl JsonSchema for ClientMessage {
    fn schema_name() -> Cow<'static, str> {
        "ClientMessage".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let position = [
            ("epoch", generator.subschema_for::<Option<Epoch>>()),
            ("lastRev", generator.subschema_for::<Option<Rev>>()),
        ];
        let mut join = vec![
            ("room", generator.subschema_for::<RoomName>()),
            ("clientKey", generator.subschema_for::<Option<ClientKey>>()),
            (
                "token",
                json_schema!({ "type": ["string", "null"], "maxLength": TOKEN_BYTES }),
            ),
        ];
        join.extend(position.clone());
        let update = [
            ("clientReqId", generator.subschema_for::<ClientReqId>()),
            (
                "changes",
                json_schema!({ "type": "array", "minItems": 1, "items": generator.subschema_for::<Change>() }),
            ),
            ("baseRev", generator.subschema_for::<Option<Rev>>()),
            ("firstRev", generator.subschema_for::<Option<Rev>>()),
        ];
        let presence = [("data", generator.subschema_for::<Option<Object>>())];
        let messages = [
            message(
                "JOIN",
                "Chooses room and identity, and resumes.",
                &join,
                &["room"],
            ),
            message(
                "UPDATE",
                "Asks for one operation.",
                &update,
                &["clientReqId", "changes"],
            ),
            message(
                "PRESENCE",
                "Says what others see of this client while it is connected.",
                &presence,
                &["data"],
            ),
            message("HEARTBEAT", "Asks for the head and its checksum.", &[], &[]),
            message(
                "RESYNC",
                "Asks to be sent everything from a position, or a snapshot.",
                &position,
                &[],
            ),
            message("LEAVE", "Ends the connection.", &[], &[]),
        ];
        json_schema!({ "description": "What a client sends.", "oneOf": messages })
    }
}

fn message(kind: &str, about: &str, fields: &[(&str, Schema)], required: &[&str]) -> Json {
    let mut properties = Map::new();
    properties.insert("type".into(), json!({ "type": "string", "const": kind }));
    properties.extend(
        fields
            .iter()
            .map(|(name, schema)| ((*name).to_owned(), schema.clone().into())),
    );
    let required: Vec<&str> = std::iter::once("type")
        .chain(required.iter().copied())
        .collect();
    let mut message = json!({ "description": about, "type": "object", "properties": properties, "required": required });
    if fields.iter().any(|(name, _)| *name == "lastRev") {
        message["dependentRequired"] = json!({ "epoch": ["lastRev"], "lastRev": ["epoch"] });
    }
    message
}
