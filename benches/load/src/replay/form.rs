//! An update as a line.

use std::io::{self, Write};

use revring_protocol::{
    change::{Change, Update},
    codec::Codec,
    ids::ClientReqId,
    message::ClientMessage,
    value::Value,
};

use super::Step;

/// The update that stands in `line`.
pub(super) fn read(line: &[u8]) -> Result<Step, String> {
    let value = Codec::Json
        .decode_value(line)
        .map_err(|error| error.to_string())?;
    let Value::Object(mut fields) = value else {
        return Err("a line is an object".to_owned());
    };
    let at = match fields.remove("at") {
        None | Some(Value::Null) => None,
        Some(at) => Some(seconds(&at)?),
    };
    // The rest is read as the update that a client would send.
    fields.insert("type".to_owned(), Value::from("UPDATE"));
    fields.insert("clientReqId".to_owned(), Value::from("line"));
    let message = Codec::Json.encode(&Value::Object(fields));
    match Codec::Json.decode_client(&message) {
        Ok(ClientMessage::Update(Update { changes, .. })) => Ok(Step { at, changes }),
        Ok(_) => Err("it is not an update".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Writes an update, without an end of line.
pub(super) fn write(step: &Step, out: &mut impl Write) -> io::Result<()> {
    #[derive(serde::Serialize)]
    struct Line<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        at: Option<f64>,
        changes: &'a [Change],
    }
    let line = Line {
        at: step.at,
        changes: &step.changes,
    };
    Ok(serde_json::to_writer(out, &line)?)
}

/// The update as a client sends it under `id`.
pub(super) fn update(id: ClientReqId, changes: Vec<Change>) -> Update {
    Update {
        client_req_id: id,
        changes,
        base_rev: None,
        first_rev: None,
    }
}

fn seconds(at: &Value) -> Result<f64, String> {
    at.as_number()
        .map(revring_protocol::value::Number::as_f64)
        .filter(|seconds| *seconds >= 0.0)
        .ok_or_else(|| "at is a number of seconds, 0 or more".to_owned())
}
