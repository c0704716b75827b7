//! Inputs that are accepted although this crate writes them otherwise (rules W-2 and W-3).

use revring_protocol::codec::Codec;

use super::{Input, Line, Side};

pub(crate) struct Lenient {
    pub(crate) name: &'static str,
    pub(crate) side: Side,
    pub(crate) input: Input,
    /// The JSON form of the same message, as it is written.
    pub(crate) means: &'static str,
}

const fn client(name: &'static str, input: Input, means: &'static str) -> Lenient {
    Lenient {
        name,
        side: Side::Client,
        input,
        means,
    }
}

const fn server(name: &'static str, input: Input, means: &'static str) -> Lenient {
    Lenient {
        name,
        side: Side::Server,
        input,
        means,
    }
}

const DELETE: &str =
    r#"{"type":"UPDATE","clientReqId":"u","changes":[{"op":"delete","collection":"c","id":"i"}]}"#;
const SET_NULL: &str = r#"{"type":"UPDATE","clientReqId":"u","changes":[{"op":"set","collection":"c","id":"i","path":"/a","value":null}]}"#;
const EMPTY_OPERATION: &str = r#"{"type":"SYNC.DELTAS","fromRev":1,"toRev":2,"ops":[{"rev":2,"clientId":"----------------","clientReqId":"u","at":1,"changes":[]}]}"#;

pub(crate) const CASES: &[Lenient] = &[
    client(
        "space around and inside",
        Input::Json(" {\r\n\t\"type\" : \"LEAVE\" }\n"),
        r#"{"type":"LEAVE"}"#,
    ),
    client(
        "unknown fields",
        Input::Json(r#"{"new":{"a":[1]},"type":"LEAVE","rev":1}"#),
        r#"{"type":"LEAVE"}"#,
    ),
    client(
        "unknown fields",
        Input::Packed(r#"{"a":1,"type":"LEAVE","z":[{}]}"#),
        r#"{"type":"LEAVE"}"#,
    ),
    client(
        "null stands for an absent field",
        Input::Json(
            r#"{"type":"JOIN","room":"r","clientKey":null,"epoch":null,"lastRev":null,"token":null}"#,
        ),
        r#"{"type":"JOIN","room":"r"}"#,
    ),
    client(
        "nil stands for an absent field",
        Input::Packed(r#"{"type":"RESYNC","epoch":null,"lastRev":null}"#),
        r#"{"type":"RESYNC"}"#,
    ),
    client(
        "an integral number in another form",
        Input::Json(r#"{"type":"RESYNC","epoch":"e","lastRev":4.1e1}"#),
        r#"{"type":"RESYNC","epoch":"e","lastRev":41}"#,
    ),
    client(
        "an integral number as a double",
        Input::Packed(r#"{"type":"RESYNC","epoch":"e","lastRev":41.0}"#),
        r#"{"type":"RESYNC","epoch":"e","lastRev":41}"#,
    ),
    client(
        "longer headers than needed",
        Input::Hex("df00000001d90474797065db000000054c45415645"),
        r#"{"type":"LEAVE"}"#,
    ),
    client(
        "an unknown field of a change",
        Input::Json(
            r#"{"type":"UPDATE","clientReqId":"u","changes":[{"op":"delete","collection":"c","id":"i","data":1}]}"#,
        ),
        DELETE,
    ),
    client(
        "a change as short as it can be",
        Input::Packed(r#"{"type":"UPDATE","clientReqId":"u","changes":[["delete","c","i"]]}"#),
        DELETE,
    ),
    client(
        "a longer change",
        Input::Packed(
            r#"{"type":"UPDATE","clientReqId":"u","changes":[["delete","c","i",null,7,{"a":1}]]}"#,
        ),
        DELETE,
    ),
    client(
        "set to nil",
        Input::Packed(
            r#"{"type":"UPDATE","clientReqId":"u","changes":[["set","c","i",null,"/a",null]]}"#,
        ),
        SET_NULL,
    ),
    client(
        "set to an absent value",
        Input::Packed(
            r#"{"type":"UPDATE","clientReqId":"u","changes":[["set","c","i",null,"/a"]]}"#,
        ),
        SET_NULL,
    ),
    client(
        "a longer splice",
        Input::Packed(
            r#"{"type":"UPDATE","clientReqId":"u","changes":[["splice","c","i",null,"/a",0,1,"x",null,null]],"baseRev":1}"#,
        ),
        r#"{"type":"UPDATE","clientReqId":"u","changes":[{"op":"splice","collection":"c","id":"i","path":"/a","at":0,"remove":1,"insert":"x"}],"baseRev":1}"#,
    ),
    server(
        "an operation as an array",
        Input::Packed(
            r#"{"type":"SYNC.DELTAS","fromRev":1,"toRev":2,"ops":[[2,"----------------","u",1,[]]]}"#,
        ),
        EMPTY_OPERATION,
    ),
    server(
        "a longer operation",
        Input::Packed(
            r#"{"type":"SYNC.DELTAS","fromRev":1,"toRev":2,"ops":[[2,"----------------","u",1,[],{"by":1},null]]}"#,
        ),
        EMPTY_OPERATION,
    ),
    server(
        "a longer effect",
        Input::Packed(
            r#"{"type":"SYNC.DELTAS","fromRev":1,"toRev":2,"ops":[[2,"----------------","u",1,[["unset","c","i",4,"/a",1]]]]}"#,
        ),
        r#"{"type":"SYNC.DELTAS","fromRev":1,"toRev":2,"ops":[{"rev":2,"clientId":"----------------","clientReqId":"u","at":1,"changes":[{"op":"unset","collection":"c","id":"i","version":4,"path":"/a"}]}]}"#,
    ),
    server(
        "flags that are given although false",
        Input::Json(r#"{"type":"ACK","clientReqId":"u","rev":1,"duplicate":false}"#),
        r#"{"type":"ACK","clientReqId":"u","rev":1}"#,
    ),
    server(
        "unknown fields everywhere",
        Input::Json(
            r#"{"type":"REJECT","clientReqId":"u","code":"CONFLICT","message":"m","retryable":false,"conflict":{"collection":"c","id":"i","version":1,"x":1},"x":1}"#,
        ),
        r#"{"type":"REJECT","clientReqId":"u","code":"CONFLICT","message":"m","retryable":false,"conflict":{"collection":"c","id":"i","version":1}}"#,
    ),
];

/// Checks that the input of `case` is the message it means.
pub(crate) fn check(case: &Lenient) {
    let (name, bytes, means) = (case.name, case.input.bytes(), case.means);
    let codec = case.input.codec();
    let written = match case.side {
        Side::Client => {
            let message = codec
                .decode_client(&bytes)
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(
                Codec::Json.decode_client(means.as_bytes()),
                Ok(message.clone()),
                "{name}"
            );
            Codec::Json.encode(&message)
        }
        Side::Server => {
            let message = codec
                .decode_server(&bytes)
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(
                Codec::Json.decode_server(means.as_bytes()),
                Ok(message.clone()),
                "{name}"
            );
            Codec::Json.encode(&message)
        }
    };
    assert_eq!(String::from_utf8(written).unwrap(), means, "{name}");
}

pub(crate) fn lines() -> Vec<Line> {
    CASES
        .iter()
        .map(|case| {
            check(case);
            let line = Line::new()
                .text("name", case.name)
                .text("from", case.side.name());
            case.input.write(line).raw("means", case.means)
        })
        .collect()
}
