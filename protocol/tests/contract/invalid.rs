//! Inputs that are refused, and the code they are refused with (rules V, W-2, W-4).

use revring_protocol::{
    codec::{Codec, DecodeError},
    error::Code,
    ids::ClientReqId,
};

use super::{Input, Line, Side, hex, refused::VALUES, unhex};

/// A message that is refused.
pub(crate) struct Refused {
    pub(crate) name: &'static str,
    pub(crate) side: Side,
    pub(crate) input: Input,
    pub(crate) code: Code,
    /// The id the REJECT names, of an update.
    pub(crate) id: Option<&'static str>,
}

const fn refused(name: &'static str, side: Side, code: Code, input: Input) -> Refused {
    Refused {
        name,
        side,
        input,
        code,
        id: None,
    }
}

const fn message(name: &'static str, json: &'static str) -> Refused {
    refused(name, Side::Client, Code::Invalid, Input::Json(json))
}

const fn packed(name: &'static str, json: &'static str) -> Refused {
    refused(name, Side::Client, Code::Invalid, Input::Packed(json))
}

const fn answer(name: &'static str, json: &'static str) -> Refused {
    refused(name, Side::Server, Code::Invalid, Input::Json(json))
}

/// An update with the id `u` whose change is `json`.
const fn update(name: &'static str, json: &'static str) -> Refused {
    Refused {
        name,
        side: Side::Client,
        input: Input::Json(json),
        code: Code::Invalid,
        id: Some("u"),
    }
}

const fn packed_update(name: &'static str, json: &'static str) -> Refused {
    Refused {
        name,
        side: Side::Client,
        input: Input::Packed(json),
        code: Code::Invalid,
        id: Some("u"),
    }
}

pub(crate) const MESSAGES: &[Refused] = &[
    refused("nothing", Side::Client, Code::Malformed, Input::Json("")),
    refused("nothing", Side::Client, Code::Malformed, Input::Hex("")),
    refused(
        "bytes after the end",
        Side::Client,
        Code::Malformed,
        Input::Json(r#"{"type":"LEAVE"}{}"#),
    ),
    refused(
        "bytes after the end",
        Side::Client,
        Code::Malformed,
        Input::Hex("81a474797065a54c45415645c0"),
    ),
    refused(
        "JSON on a MessagePack connection",
        Side::Client,
        Code::Malformed,
        Input::Hex("7b2274797065223a224c45415645227d"),
    ),
    refused(
        "a type twice",
        Side::Client,
        Code::Malformed,
        Input::Json(r#"{"type":"LEAVE","type":"LEAVE"}"#),
    ),
    refused(
        "an unknown type",
        Side::Client,
        Code::UnknownType,
        Input::Json(r#"{"type":"NOPE","room":1}"#),
    ),
    refused(
        "an unknown type",
        Side::Client,
        Code::UnknownType,
        Input::Packed(r#"{"type":""}"#),
    ),
    refused(
        "types are upper case",
        Side::Client,
        Code::UnknownType,
        Input::Json(r#"{"type":"join","room":"r"}"#),
    ),
    refused(
        "a server's message",
        Side::Client,
        Code::UnknownType,
        Input::Json(r#"{"type":"ACK","clientReqId":"u","rev":1}"#),
    ),
    refused(
        "a client's message",
        Side::Server,
        Code::UnknownType,
        Input::Json(r#"{"type":"LEAVE"}"#),
    ),
    message("an array", "[]"),
    message("a string", "\"LEAVE\""),
    packed("nil", "null"),
    message("no type", "{}"),
    message("a type that is no string", r#"{"type":1}"#),
    packed("a type that is nil", r#"{"type":null}"#),
    message("JOIN without a room", r#"{"type":"JOIN"}"#),
    message(
        "JOIN with a room that is no name",
        r#"{"type":"JOIN","room":"a room"}"#,
    ),
    message(
        "JOIN with a short key",
        r#"{"type":"JOIN","room":"r","clientKey":"0123456789abcde"}"#,
    ),
    message(
        "JOIN with an epoch and no lastRev",
        r#"{"type":"JOIN","room":"r","epoch":"e"}"#,
    ),
    packed(
        "JOIN with a lastRev and no epoch",
        r#"{"type":"JOIN","room":"r","lastRev":0}"#,
    ),
    message(
        "JOIN with a negative lastRev",
        r#"{"type":"JOIN","room":"r","epoch":"e","lastRev":-1}"#,
    ),
    message(
        "JOIN with a lastRev that is no integer",
        r#"{"type":"JOIN","room":"r","epoch":"e","lastRev":1.5}"#,
    ),
    packed(
        "JOIN with a lastRev in a string",
        r#"{"type":"JOIN","room":"r","epoch":"e","lastRev":"1"}"#,
    ),
    message(
        "JOIN with a token that is no string",
        r#"{"type":"JOIN","room":"r","token":true}"#,
    ),
    message(
        "RESYNC with half a position",
        r#"{"type":"RESYNC","lastRev":3}"#,
    ),
    message("PRESENCE without data", r#"{"type":"PRESENCE"}"#),
    packed(
        "PRESENCE that is no object",
        r#"{"type":"PRESENCE","data":[]}"#,
    ),
    message("UPDATE without an id", r#"{"type":"UPDATE","changes":[]}"#),
    message(
        "UPDATE with an id that is no name",
        r#"{"type":"UPDATE","clientReqId":"a b","changes":[]}"#,
    ),
    update(
        "UPDATE without changes",
        r#"{"type":"UPDATE","clientReqId":"u"}"#,
    ),
    update(
        "UPDATE with changes that are no array",
        r#"{"type":"UPDATE","clientReqId":"u","changes":{}}"#,
    ),
    update(
        "a change that is no object",
        r#"{"type":"UPDATE","clientReqId":"u","changes":[["delete","c","i"]]}"#,
    ),
    packed_update(
        "a change that is no array",
        r#"{"type":"UPDATE","clientReqId":"u","changes":[{"op":"delete","collection":"c","id":"i"}]}"#,
    ),
    update(
        "a change without an op",
        r#"{"type":"UPDATE","clientReqId":"u","changes":[{"collection":"c","id":"i"}]}"#,
    ),
    update(
        "an unknown op",
        r#"{"type":"UPDATE","clientReqId":"u","changes":[{"op":"move","collection":"c","id":"i"}]}"#,
    ),
    packed_update(
        "an empty change",
        r#"{"type":"UPDATE","clientReqId":"u","changes":[[]]}"#,
    ),
    packed_update(
        "a change without an id",
        r#"{"type":"UPDATE","clientReqId":"u","changes":[["delete","c"]]}"#,
    ),
    update(
        "a collection with a control character",
        r#"{"type":"UPDATE","clientReqId":"u","changes":[{"op":"delete","collection":"a\u0085b","id":"i"}]}"#,
    ),
    update(
        "a second change that is wrong",
        r#"{"type":"UPDATE","clientReqId":"u","changes":[{"op":"delete","collection":"c","id":"i"},{"op":"delete","collection":"c","id":""}]}"#,
    ),
    update(
        "put without data",
        r#"{"type":"UPDATE","clientReqId":"u","changes":[{"op":"put","collection":"c","id":"i"}]}"#,
    ),
    packed_update(
        "put with data that is nil",
        r#"{"type":"UPDATE","clientReqId":"u","changes":[["put","c","i",null,null]]}"#,
    ),
    update(
        "merge with data that is an array",
        r#"{"type":"UPDATE","clientReqId":"u","changes":[{"op":"merge","collection":"c","id":"i","data":[]}]}"#,
    ),
    update(
        "set without a value",
        r#"{"type":"UPDATE","clientReqId":"u","changes":[{"op":"set","collection":"c","id":"i","path":"/a"}]}"#,
    ),
    update(
        "set without a path",
        r#"{"type":"UPDATE","clientReqId":"u","changes":[{"op":"set","collection":"c","id":"i","value":1}]}"#,
    ),
    update(
        "an empty path",
        r#"{"type":"UPDATE","clientReqId":"u","changes":[{"op":"unset","collection":"c","id":"i","path":""}]}"#,
    ),
    packed_update(
        "a path that is no pointer",
        r#"{"type":"UPDATE","clientReqId":"u","changes":[["unset","c","i",null,"a"]]}"#,
    ),
    update(
        "add of a string",
        r#"{"type":"UPDATE","clientReqId":"u","changes":[{"op":"add","collection":"c","id":"i","path":"/a","by":"1"}]}"#,
    ),
    update(
        "splice at a negative place",
        r#"{"type":"UPDATE","clientReqId":"u","changes":[{"op":"splice","collection":"c","id":"i","path":"/a","at":-1,"remove":0,"insert":""}],"baseRev":0}"#,
    ),
    update(
        "splice without remove",
        r#"{"type":"UPDATE","clientReqId":"u","changes":[{"op":"splice","collection":"c","id":"i","path":"/a","at":0,"insert":""}],"baseRev":0}"#,
    ),
    packed_update(
        "splice inserting a number",
        r#"{"type":"UPDATE","clientReqId":"u","changes":[["splice","c","i",null,"/a",0,0,1]],"baseRev":0}"#,
    ),
    update(
        "a negative ifVersion",
        r#"{"type":"UPDATE","clientReqId":"u","changes":[{"op":"delete","collection":"c","id":"i","ifVersion":-1}]}"#,
    ),
    update(
        "a baseRev in a string",
        r#"{"type":"UPDATE","clientReqId":"u","changes":[{"op":"delete","collection":"c","id":"i"}],"baseRev":"1"}"#,
    ),
    packed_update(
        "a firstRev that is no integer",
        r#"{"type":"UPDATE","clientReqId":"u","changes":[["delete","c","i"]],"firstRev":0.5}"#,
    ),
    answer(
        "SYNC.DELTAS without operations",
        r#"{"type":"SYNC.DELTAS","fromRev":1,"toRev":1,"ops":[]}"#,
    ),
    answer(
        "SYNC.DELTAS with too few operations",
        r#"{"type":"SYNC.DELTAS","fromRev":1,"toRev":3,"ops":[{"rev":2,"clientId":"----------------","clientReqId":"u","at":1,"changes":[]}]}"#,
    ),
    answer(
        "SYNC.DELTAS with a wrong revision",
        r#"{"type":"SYNC.DELTAS","fromRev":1,"toRev":2,"ops":[{"rev":3,"clientId":"----------------","clientReqId":"u","at":1,"changes":[]}]}"#,
    ),
    answer(
        "an effect that is an add",
        r#"{"type":"SYNC.DELTAS","fromRev":1,"toRev":2,"ops":[{"rev":2,"clientId":"----------------","clientReqId":"u","at":1,"changes":[{"op":"add","collection":"c","id":"i","version":1,"path":"/n","by":1}]}]}"#,
    ),
    answer(
        "an effect without a version",
        r#"{"type":"SYNC.DELTAS","fromRev":1,"toRev":2,"ops":[{"rev":2,"clientId":"----------------","clientReqId":"u","at":1,"changes":[{"op":"delete","collection":"c","id":"i"}]}]}"#,
    ),
    answer(
        "REVISION_GAP for an unknown reason",
        r#"{"type":"REVISION_GAP","expectedRev":1,"serverRev":2,"bufferFirstRev":2,"resumeFrom":2,"reason":"lost","acked":[]}"#,
    ),
    answer(
        "ERROR with an unknown code",
        r#"{"type":"ERROR","code":"NOPE","message":"m","retryable":false}"#,
    ),
    answer(
        "SYNC.SNAPSHOT with a record without data",
        r#"{"type":"SYNC.SNAPSHOT","rev":1,"epoch":"e","part":0,"last":true,"state":{"c":{"i":{"version":1,"createdAt":1,"updatedAt":1}}}}"#,
    ),
];

/// The message that carries `json` as a value.
pub(crate) fn json_around(json: &str) -> Vec<u8> {
    format!(r#"{{"type":"PRESENCE","data":{{"a":{json}}}}}"#).into_bytes()
}

/// The message that carries the MessagePack `value`, in hex, as a value.
pub(crate) fn msgpack_around(value: &str) -> Vec<u8> {
    unhex(&format!(
        "82a474797065a850524553454e4345a46461746181a161{value}"
    ))
}

/// Checks that a message is refused as the tables say.
pub(crate) fn check(
    name: &str,
    side: Side,
    codec: Codec,
    bytes: &[u8],
    code: Code,
    id: Option<&str>,
) {
    let error = match side {
        Side::Client => codec.decode_client(bytes).map(drop),
        Side::Server => codec.decode_server(bytes).map(drop),
    };
    let error = error.expect_err(name);
    match (&error, code) {
        (DecodeError::Malformed(_), Code::Malformed)
        | (DecodeError::UnknownType(_), Code::UnknownType) => {}
        (DecodeError::Invalid { client_req_id, .. }, Code::Invalid) => {
            assert_eq!(
                client_req_id.as_ref().map(ClientReqId::as_str),
                id,
                "{name}"
            );
        }
        _ => panic!("{name}: {error:?} is not {code}"),
    }
}

pub(crate) fn lines() -> Vec<Line> {
    let mut lines = Vec::new();
    let code = Code::Malformed;
    let mut line =
        |name: &str, side: Side, id: Option<&str>, code: Code, input: &dyn Fn(Line) -> Line| {
            let line = input(Line::new().text("name", name).text("from", side.name()));
            let line = line.text("code", code.as_str());
            lines.push(match id {
                Some(id) => line.text("clientReqId", id),
                None => line,
            });
        };
    for (name, json, msgpack) in VALUES {
        for text in *json {
            let bytes = json_around(text);
            check(name, Side::Client, Codec::Json, &bytes, code, None);
            let text = String::from_utf8(bytes).unwrap();
            line(name, Side::Client, None, code, &|line| {
                line.text("json", &text)
            });
        }
        for text in *msgpack {
            let bytes = msgpack_around(text);
            check(name, Side::Client, Codec::MessagePack, &bytes, code, None);
            line(name, Side::Client, None, code, &|line| {
                line.text("msgpack", &hex(&bytes))
            });
        }
    }
    for case in MESSAGES {
        check(
            case.name,
            case.side,
            case.input.codec(),
            &case.input.bytes(),
            case.code,
            case.id,
        );
        line(case.name, case.side, case.id, case.code, &|line| {
            case.input.write(line)
        });
    }
    lines
}
