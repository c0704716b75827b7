//! The protocol's names, bounds and codes.

use serde_json::{Map, Value as Json, json};

use crate::{
    PROTOCOL_VERSION,
    codec::Codec,
    error::{CloseCode, Code, reconnects_after},
    limits,
};

/// The fields of each edit after its version, in their order (rule W-3).
const EDITS: [(&str, &[&str]); 7] = [
    ("put", &["data"]),
    ("merge", &["data"]),
    ("set", &["path", "value"]),
    ("unset", &["path"]),
    ("delete", &[]),
    ("add", &["path", "by"]),
    ("splice", &["path", "at", "remove", "insert"]),
];

pub(super) fn edit_fields() -> impl Iterator<Item = (&'static str, &'static [&'static str])> {
    EDITS.into_iter()
}

/// What the protocol consists of besides the messages' schemas: version, names, bounds, the places of MessagePack's
/// arrays, codes.
#[must_use]
pub fn protocol() -> Json {
    json!({
        "version": PROTOCOL_VERSION,
        "path": "/v1/ws",
        "subprotocols": { "json": Codec::Json.subprotocol(), "messagePack": Codec::MessagePack.subprotocol() },
        "places": {
            "operation": ["rev", "clientId", "clientReqId", "at", "changes"],
            "change": places("ifVersion", |_| true),
            "effect": places("version", |op| op != "add"),
        },
        "bounds": bounds(),
        "codes": Code::ALL.iter().map(|code| code_row(*code)).collect::<Json>(),
        "closeCodes": CLOSE_CODES.map(close_row),
    })
}

/// The places of a change or effect, by op.
fn places(version: &str, known: fn(&str) -> bool) -> Json {
    let mut places = Map::new();
    for (op, fields) in edit_fields().filter(|(op, _)| known(op)) {
        let mut order = vec!["op", "collection", "id", version];
        order.extend(fields);
        places.insert(op.to_owned(), order.into());
    }
    places.into()
}

fn bounds() -> Json {
    json!({
        "integer": limits::MAX_SAFE_INTEGER,
        "messageDepth": limits::MESSAGE_DEPTH,
        "frameBytes": limits::FRAME_BYTES,
        "roomBytes": limits::ROOM_NAME_BYTES,
        "epochBytes": limits::EPOCH_BYTES,
        "collectionBytes": limits::COLLECTION_BYTES,
        "idBytes": limits::RECORD_ID_BYTES,
        "clientReqIdBytes": limits::CLIENT_REQ_ID_BYTES,
        "clientKeyBytes": [limits::CLIENT_KEY_MIN_BYTES, limits::CLIENT_KEY_MAX_BYTES],
        "clientIdBytes": limits::CLIENT_ID_CHARS,
        "pathBytes": limits::PATH_BYTES,
        "tokenBytes": limits::TOKEN_BYTES,
        "rememberedIds": limits::REMEMBERED_IDS,
        "rememberedClients": limits::REMEMBERED_CLIENTS,
        "tombstones": limits::TOMBSTONES,
        "batchShare": limits::BATCH_SHARE,
    })
}

fn code_row(code: Code) -> Json {
    json!({ "code": code.as_str(), "retryable": code.retryable(), "advice": code.advice() })
}

const CLOSE_CODES: [CloseCode; 10] = [
    CloseCode::Left,
    CloseCode::Silent,
    CloseCode::Restart,
    CloseCode::TryLater,
    CloseCode::BadFrame,
    CloseCode::Superseded,
    CloseCode::TooLarge,
    CloseCode::Unauthenticated,
    CloseCode::Forbidden,
    CloseCode::JoinTimeout,
];

fn close_row(code: CloseCode) -> Json {
    let when = match code {
        CloseCode::Left => "after LEAVE",
        CloseCode::Silent => "the client was silent",
        CloseCode::Restart => "the server restarts",
        CloseCode::TryLater => "a limit was met, or the log is not available",
        CloseCode::BadFrame => "the frames broke RFC 6455 or were not UTF-8",
        CloseCode::Superseded => "superseded",
        CloseCode::TooLarge => "a message was too large",
        CloseCode::Unauthenticated => "UNAUTHENTICATED",
        CloseCode::Forbidden => "FORBIDDEN",
        CloseCode::JoinTimeout => "no JOIN in time",
    };
    json!({ "code": code.get(), "when": when, "reconnect": reconnects_after(Some(code.get())) })
}
