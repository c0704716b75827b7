//! Every message with and without its optional fields, every change and effect, in the JSON form that is written.

use revring_protocol::codec::Codec;

use super::{Line, hex};

pub(crate) const CLIENT: &[(&str, &str)] = &[
    (
        "JOIN, as little as possible",
        r#"{"type":"JOIN","room":"r"}"#,
    ),
    (
        "JOIN with everything",
        r#"{"type":"JOIN","room":"team-7/board.A_b:c~d@e","clientKey":"0123456789abcdef","epoch":"e!~1","lastRev":41,"token":"a token: ü"}"#,
    ),
    (
        "JOIN, new with a key",
        r#"{"type":"JOIN","room":"r","clientKey":"~!\"\\456789abcdef"}"#,
    ),
    (
        "JOIN, resuming the empty room",
        r#"{"type":"JOIN","room":"r","clientKey":"0123456789abcdef","epoch":"e","lastRev":0}"#,
    ),
    ("HEARTBEAT", r#"{"type":"HEARTBEAT"}"#),
    ("LEAVE", r#"{"type":"LEAVE"}"#),
    ("RESYNC, asking for a snapshot", r#"{"type":"RESYNC"}"#),
    (
        "RESYNC from a position",
        r#"{"type":"RESYNC","epoch":"e","lastRev":9007199254740991}"#,
    ),
    ("PRESENCE, none", r#"{"type":"PRESENCE","data":null}"#),
    ("PRESENCE, empty", r#"{"type":"PRESENCE","data":{}}"#),
    (
        "PRESENCE",
        r#"{"type":"PRESENCE","data":{"cursor":{"x":0.5,"y":-3},"name":"Zoë"}}"#,
    ),
    (
        "UPDATE: put",
        r#"{"type":"UPDATE","clientReqId":"u1","changes":[{"op":"put","collection":"tasks","id":"1","data":{"title":"x"}}]}"#,
    ),
    (
        "UPDATE: put of a record that must not exist",
        r#"{"type":"UPDATE","clientReqId":"u1","changes":[{"op":"put","collection":"tasks","id":"1","ifVersion":0,"data":{}}]}"#,
    ),
    (
        "UPDATE: merge",
        r#"{"type":"UPDATE","clientReqId":"u2","changes":[{"op":"merge","collection":"tasks","id":"1","ifVersion":7,"data":{"done":true,"due":null}}]}"#,
    ),
    (
        "UPDATE: set",
        r#"{"type":"UPDATE","clientReqId":"u3","changes":[{"op":"set","collection":"tasks","id":"1","path":"/a~1b/~0","value":[1,{"x":"y"}]}]}"#,
    ),
    (
        "UPDATE: set to null, at the empty key",
        r#"{"type":"UPDATE","clientReqId":"u4","changes":[{"op":"set","collection":"tasks","id":"1","path":"/","value":null}]}"#,
    ),
    (
        "UPDATE: unset",
        r#"{"type":"UPDATE","clientReqId":"u5","changes":[{"op":"unset","collection":"tasks","id":"1","path":"/title"}]}"#,
    ),
    (
        "UPDATE: delete",
        r#"{"type":"UPDATE","clientReqId":"u6","changes":[{"op":"delete","collection":"tasks","id":"1"}]}"#,
    ),
    (
        "UPDATE: delete of a version",
        r#"{"type":"UPDATE","clientReqId":"u6","changes":[{"op":"delete","collection":"tasks","id":"1","ifVersion":3}]}"#,
    ),
    (
        "UPDATE: add",
        r#"{"type":"UPDATE","clientReqId":"u7","changes":[{"op":"add","collection":"tasks","id":"1","path":"/n","by":-0.25}]}"#,
    ),
    (
        "UPDATE: splice of text",
        r#"{"type":"UPDATE","clientReqId":"u8","changes":[{"op":"splice","collection":"tasks","id":"1","path":"/title","at":2,"remove":1,"insert":"né😀"}],"baseRev":12}"#,
    ),
    (
        "UPDATE: splice of an array, sent again",
        r#"{"type":"UPDATE","clientReqId":"u8","changes":[{"op":"splice","collection":"tasks","id":"1","ifVersion":2,"path":"/tags","at":0,"remove":0,"insert":[null,"a",{}]}],"baseRev":12,"firstRev":10}"#,
    ),
    (
        "UPDATE: several changes, a name that is not ASCII, sent again",
        r#"{"type":"UPDATE","clientReqId":"0193-a:b/c","changes":[{"op":"put","collection":"größe","id":"😀 \"x\"","data":{"":""}},{"op":"delete","collection":"größe","id":"b"}],"firstRev":0}"#,
    ),
];

pub(crate) const SERVER: &[(&str, &str)] = &[
    (
        "JOINED, resumed",
        r#"{"type":"JOINED","clientId":"AbCdEf0123-_zZ99","room":"r","epoch":"e","rev":41,"resumed":true,"limits":$LIMITS,"heartbeatMs":15000}"#,
    ),
    (
        "JOINED, with a key made by the server",
        r#"{"type":"JOINED","clientId":"AbCdEf0123-_zZ99","clientKey":"0123456789abcdef","room":"r","epoch":"e","rev":0,"resumed":false,"limits":$LIMITS,"heartbeatMs":15000}"#,
    ),
    (
        "SYNC.SNAPSHOT of the empty room",
        r#"{"type":"SYNC.SNAPSHOT","rev":0,"epoch":"e","part":0,"last":true,"state":{},"checksum":"0000000000000000"}"#,
    ),
    (
        "SYNC.SNAPSHOT, a first part",
        r#"{"type":"SYNC.SNAPSHOT","rev":9,"epoch":"e","part":0,"last":false,"state":{"tasks":{"1":{"version":3,"createdAt":1700000000000,"updatedAt":1700000000001,"data":{"title":"x"}},"2":{"version":1,"createdAt":1,"updatedAt":1,"data":{}}},"users":{"a":{"version":1,"createdAt":1,"updatedAt":1,"data":{"n":1.5}}}}}"#,
    ),
    (
        "SYNC.SNAPSHOT, the last part",
        r#"{"type":"SYNC.SNAPSHOT","rev":9,"epoch":"e","part":1,"last":true,"state":{"users":{"b":{"version":2,"createdAt":1,"updatedAt":2,"data":{}}}},"checksum":"0123456789abcdef"}"#,
    ),
    (
        "SYNC.DELTAS: every effect",
        r#"{"type":"SYNC.DELTAS","fromRev":4,"toRev":5,"ops":[{"rev":5,"clientId":"AbCdEf0123-_zZ99","clientReqId":"u1","at":1700000000000,"changes":[{"op":"put","collection":"tasks","id":"1","version":4,"data":{"tags":["a"],"title":"x"}},{"op":"merge","collection":"tasks","id":"2","version":2,"data":{"due":null}},{"op":"set","collection":"tasks","id":"2","version":2,"path":"/n","value":null},{"op":"unset","collection":"tasks","id":"2","version":2,"path":"/a/b"},{"op":"delete","collection":"tasks","id":"3","version":9},{"op":"splice","collection":"tasks","id":"1","version":4,"path":"/title","at":1,"remove":0,"insert":"y"},{"op":"splice","collection":"tasks","id":"1","version":4,"path":"/tags","at":0,"remove":1,"insert":[]}]}]}"#,
    ),
    (
        "SYNC.DELTAS: two operations, one of them without effect",
        r#"{"type":"SYNC.DELTAS","fromRev":0,"toRev":2,"ops":[{"rev":1,"clientId":"AbCdEf0123-_zZ99","clientReqId":"u1","at":1,"changes":[]},{"rev":2,"clientId":"----------------","clientReqId":"u1","at":1,"changes":[{"op":"put","collection":"c","id":"i","version":1,"data":{}}]}]}"#,
    ),
    (
        "REVISION_GAP, behind",
        r#"{"type":"REVISION_GAP","expectedRev":1,"serverRev":1051,"bufferFirstRev":28,"resumeFrom":1051,"reason":"behind","acked":[]}"#,
    ),
    (
        "REVISION_GAP, ahead, with what was acknowledged",
        r#"{"type":"REVISION_GAP","expectedRev":99,"serverRev":7,"bufferFirstRev":8,"resumeFrom":6,"reason":"ahead","acked":[{"clientReqId":"u1","rev":3},{"clientReqId":"u2","rev":7}]}"#,
    ),
    (
        "REVISION_GAP, another epoch",
        r#"{"type":"REVISION_GAP","expectedRev":1,"serverRev":0,"bufferFirstRev":1,"resumeFrom":0,"reason":"epoch","acked":[]}"#,
    ),
    ("ACK", r#"{"type":"ACK","clientReqId":"u1","rev":3}"#),
    (
        "ACK of a duplicate",
        r#"{"type":"ACK","clientReqId":"u1","rev":3,"duplicate":true}"#,
    ),
    (
        "REJECT",
        r#"{"type":"REJECT","clientReqId":"u1","code":"NOT_FOUND","message":"tasks/1: the record does not exist; put creates it","retryable":false}"#,
    ),
    (
        "REJECT to be sent again",
        r#"{"type":"REJECT","clientReqId":"u1","code":"RATE_LIMITED","message":"too fast","retryable":true,"retryAfterMs":250}"#,
    ),
    (
        "REJECT with a conflict of versions",
        r#"{"type":"REJECT","clientReqId":"u1","code":"CONFLICT","message":"m","retryable":false,"conflict":{"collection":"tasks","id":"1","version":0}}"#,
    ),
    (
        "REJECT with a replaced value",
        r#"{"type":"REJECT","clientReqId":"u1","code":"CONFLICT","message":"m","retryable":false,"conflict":{"collection":"tasks","id":"1","version":5,"path":"/title"}}"#,
    ),
    (
        "PRESENCE, nobody",
        r#"{"type":"PRESENCE","clients":{},"full":true}"#,
    ),
    (
        "PRESENCE, changes",
        r#"{"type":"PRESENCE","clients":{"----------------":null,"AbCdEf0123-_zZ99":{"x":1}}}"#,
    ),
    (
        "HEARTBEAT",
        r#"{"type":"HEARTBEAT","rev":41,"checksum":"00000000deadbeef"}"#,
    ),
    (
        "ERROR",
        r#"{"type":"ERROR","code":"UNKNOWN_TYPE","message":"unknown message type \"NOPE\"","retryable":false}"#,
    ),
    (
        "ERROR with a time to come back",
        r#"{"type":"ERROR","code":"SHUTTING_DOWN","message":"m","retryable":true,"retryAfterMs":1500}"#,
    ),
];

/// No two alike, so that none can stand for another.
const LIMITS: &str = r#"{"ringOps":1024,"ringBytes":4194304,"inFlight":256,"messageBytes":262144,"changesPerUpdate":255,"operationBytes":1048576,"recordBytes":524288,"documentBytes":67108864,"depth":32,"presenceBytes":4096,"silenceMs":45000,"updatesPerSecond":50}"#;

/// The JSON form of one of [`SERVER`].
pub(crate) fn server_json(text: &str) -> String {
    text.replace("$LIMITS", LIMITS)
}

pub(crate) fn client_lines() -> Vec<Line> {
    CLIENT
        .iter()
        .map(|(name, json)| {
            let message = Codec::Json.decode_client(json.as_bytes()).unwrap();
            assert_eq!(
                String::from_utf8(Codec::Json.encode(&message)).unwrap(),
                *json,
                "{name}"
            );
            line(name, json, &Codec::MessagePack.encode(&message))
        })
        .collect()
}

pub(crate) fn server_lines() -> Vec<Line> {
    SERVER
        .iter()
        .map(|(name, json)| {
            let json = server_json(json);
            let message = Codec::Json.decode_server(json.as_bytes()).unwrap();
            assert_eq!(
                String::from_utf8(Codec::Json.encode(&message)).unwrap(),
                json,
                "{name}"
            );
            line(name, &json, &Codec::MessagePack.encode(&message))
        })
        .collect()
}

fn line(name: &str, json: &str, msgpack: &[u8]) -> Line {
    Line::new()
        .text("name", name)
        .raw("json", json)
        .text("msgpack", &hex(msgpack))
}
