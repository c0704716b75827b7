//! Messages in both codecs: section W of SPEC.md.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "contract/mod.rs"]
#[allow(dead_code, reason = "the wire's test uses the rest")]
mod contract;
mod support;

use proptest::prelude::*;
use revring_protocol::{
    codec::{Codec, DecodeError},
    error::Code,
    limits::TOKEN_BYTES,
    message::{ClientMessage, ServerMessage},
    record::Record,
};

use contract::{Input, Side, invalid, lenient};
use support::arbitrary;

#[test]
fn w2_w4_what_is_refused_gets_the_code_of_the_table() {
    for case in invalid::MESSAGES {
        let (codec, bytes) = (case.input.codec(), case.input.bytes());
        invalid::check(case.name, case.side, codec, &bytes, case.code, case.id);
    }
}

#[test]
fn w2_w3_other_forms_mean_what_the_table_says() {
    lenient::CASES.iter().for_each(lenient::check);
}

/// What a client is told about `input`.
fn told(input: Input) -> String {
    input
        .codec()
        .decode_client(&input.bytes())
        .unwrap_err()
        .to_string()
}

#[test]
fn w4_errors_name_the_place_and_what_must_stand_there() {
    let change = |change: &str| {
        let text = format!(
            r#"{{"type":"UPDATE","clientReqId":"u","changes":[{{"op":"delete","collection":"c","id":"i"}},{change}]}}"#
        );
        Codec::Json
            .decode_client(text.as_bytes())
            .unwrap_err()
            .to_string()
    };
    let told = [
        told(Input::Json("[]")),
        told(Input::Json("{}")),
        told(Input::Json(r#"{"type":"HELLO"}"#)),
        told(Input::Json(r#"{"type":"JOIN"}"#)),
        told(Input::Json(r#"{"type":"JOIN","room":"a room"}"#)),
        told(Input::Json(r#"{"type":"JOIN","room":"r","epoch":"e"}"#)),
        told(Input::Json(
            r#"{"type":"JOIN","room":"r","epoch":"e","lastRev":-1}"#,
        )),
        told(Input::Json(r#"{"type":"JOIN","room":"r","token":{}}"#)),
        told(Input::Json(r#"{"type":"PRESENCE"}"#)),
        told(Input::Json(r#"{"type":"PRESENCE","data":3}"#)),
        told(Input::Json(r#"{"type":"UPDATE"}"#)),
        change("[]"),
        change(r#"{"op":"move","collection":"c","id":"i"}"#),
        change(r#"{"op":"set","collection":"c","id":"i","path":"title"}"#),
        change(r#"{"op":"set","collection":"c","id":"i","path":"/title"}"#),
        change(r#"{"op":"add","collection":"c","id":"i","path":"/n","by":true}"#),
        change(
            r#"{"op":"splice","collection":"c","id":"i","path":"/n","at":0,"remove":0.5,"insert":""}"#,
        ),
        change(
            r#"{"op":"splice","collection":"c","id":"i","path":"/n","at":0,"remove":0,"insert":{}}"#,
        ),
    ];
    insta::assert_snapshot!(told.join("\n"), @r#"
    a message: must be an object, not an array
    type is missing
    unknown message type "HELLO"
    JOIN: room is missing
    JOIN: room must be of A-Z a-z 0-9 - _ . : ~ @ /; ' ' is not
    JOIN: epoch is given without lastRev; give both or neither
    JOIN: lastRev must be an integer from 0 to 9007199254740991, not -1
    JOIN: token must be a string, not an object
    PRESENCE: data is missing; null means none
    PRESENCE: data must be an object, not an integer
    UPDATE: clientReqId is missing
    UPDATE: changes[1]: must be an object, not an array
    UPDATE: changes[1]: op must be put, merge, set, unset, delete, add or splice, not "move"
    UPDATE: changes[1]: path must be a JSON Pointer such as "/title": it must start with /
    UPDATE: changes[1]: value is missing
    UPDATE: changes[1]: by must be a number, not a boolean
    UPDATE: changes[1]: remove must be an integer from 0 to 9007199254740991, not 0.5
    UPDATE: changes[1]: insert must be a string or an array, not an object
    "#);
}

#[test]
fn w4_what_cannot_be_parsed_says_where() {
    let told = [
        told(Input::Json(r#"{"type":"LEAVE""#)),
        told(Input::Json(r#"{"type":"LEAVE"} {}"#)),
        told(Input::Json(r#"{"type":"LEAVE","type":"LEAVE"}"#)),
        told(Input::Json(r#"{"type":"LEAVE","n":9007199254740992}"#)),
        told(Input::Json(r#"{"type":"LEAVE","n":"\ud800"}"#)),
        told(Input::Hex("")),
        told(Input::Hex("81a474797065a54c45415645c0")),
        told(Input::Hex("82a474797065a54c45415645a474797065a54c45415645")),
        told(Input::Hex("81a474797065cb7ff8000000000000")),
        told(Input::Hex("81a474797065c403010203")),
        told(Input::Hex("81a474797065d40100")),
        told(Input::Hex("8101c0")),
        told(Input::Hex("81a474797065a1ff")),
    ];
    insta::assert_snapshot!(told.join("\n"), @r#"
    not valid JSON: EOF while parsing an object at line 1 column 15
    not valid JSON: trailing characters at line 1 column 18
    not valid JSON: the key "type" stands twice in one object at line 1 column 31
    not valid JSON: the number 9007199254740992 is outside ±(2^53 − 1) at line 1 column 36
    not valid JSON: unexpected end of hex escape at line 1 column 28
    not valid MessagePack: it ends too early
    not valid MessagePack: bytes after the end of the message: 1
    not valid MessagePack: the key "type" stands twice in one object
    not valid MessagePack: the number NaN is outside ±(2^53 − 1)
    not valid MessagePack: binary data is not a JSON value
    not valid MessagePack: an extension type is not a JSON value
    not valid MessagePack: invalid type: integer `1`, expected a string as the key of an object
    not valid MessagePack: string found to be invalid utf8: invalid utf-8 sequence of 1 bytes from index 0
    "#);
}

#[test]
fn w2_an_unknown_type_is_not_repeated_at_length() {
    let text = format!(r#"{{"type":"{}"}}"#, "é".repeat(10_000));
    let Err(DecodeError::UnknownType(kind)) = Codec::Json.decode_client(text.as_bytes()) else {
        panic!("it is unknown");
    };
    assert_eq!(kind, "é".repeat(64));
}

#[test]
fn w4_a_token_has_a_bound() {
    let join = |bytes: usize| {
        format!(
            r#"{{"type":"JOIN","room":"r","token":"{}"}}"#,
            "x".repeat(bytes)
        )
    };
    assert!(
        Codec::Json
            .decode_client(join(TOKEN_BYTES).as_bytes())
            .is_ok()
    );
    assert!(
        Codec::Json
            .decode_client(join(TOKEN_BYTES + 1).as_bytes())
            .is_err()
    );
}

/// Every prefix of a message is malformed, whichever byte it ends at.
#[test]
fn w4_no_prefix_of_a_message_is_a_message() {
    for (name, json) in contract::messages::CLIENT {
        let message = Codec::Json.decode_client(json.as_bytes()).unwrap();
        for codec in Codec::ALL {
            let bytes = codec.encode(&message);
            for end in 0..bytes.len() {
                let result = codec.decode_client(&bytes[..end]);
                assert!(
                    matches!(result, Err(DecodeError::Malformed(_))),
                    "{name} to {end}: {result:?}"
                );
            }
        }
    }
}

#[test]
fn w1_the_subprotocols_are_known_by_name() {
    assert_eq!(
        Codec::ALL.map(Codec::subprotocol),
        ["revring.v1.json", "revring.v1.msgpack"]
    );
    assert_eq!(Codec::from_subprotocol("REVRING.V1.JSON"), None);
}

#[test]
fn e1_an_error_message_says_whether_to_retry() {
    for code in Code::ALL {
        let ServerMessage::Error { retryable, .. } = ServerMessage::error(*code, "m") else {
            panic!("it is an ERROR")
        };
        assert_eq!(retryable, code.retryable());
    }
}

fn decode(side: Side, codec: Codec, bytes: &[u8]) -> Result<Vec<u8>, DecodeError> {
    match side {
        Side::Client => codec
            .decode_client(bytes)
            .map(|message| codec.encode(&message)),
        Side::Server => codec
            .decode_server(bytes)
            .map(|message| codec.encode(&message)),
    }
}

proptest! {
    #[test]
    fn w3_messages_of_clients_survive_both_codecs(message in arbitrary::client_messages()) {
        for codec in Codec::ALL {
            prop_assert_eq!(codec.decode_client(&codec.encode(&message)), Ok(message.clone()));
        }
    }

    #[test]
    fn w3_messages_of_servers_survive_both_codecs(message in arbitrary::server_messages()) {
        for codec in Codec::ALL {
            prop_assert_eq!(codec.decode_server(&codec.encode(&message)), Ok(message.clone()));
        }
    }

    /// Both forms of a message are the same message, so a gateway may translate.
    #[test]
    fn w3_the_codecs_say_the_same(message in arbitrary::client_messages()) {
        let json = Codec::Json.encode(&message);
        let packed = Codec::MessagePack.encode(&Codec::Json.decode_client(&json).unwrap());
        prop_assert_eq!(Codec::MessagePack.decode_client(&packed), Ok(message));
    }

    #[test]
    fn d9_the_size_of_an_operation_is_never_less_than_its_encoding(operation in arbitrary::operations()) {
        for codec in Codec::ALL {
            prop_assert!(codec.encode(&operation).len() <= operation.size(), "{:?}", codec);
        }
    }

    /// As long as its times lie before the year 2286 and it changed less than a million times.
    #[test]
    fn d9_the_size_of_a_record_is_never_less_than_its_encoding(key in arbitrary::keys(), data in arbitrary::objects()) {
        let record = Record::new(&key, 999_999, 9_999_999_999_999, 9_999_999_999_999, data);
        for codec in Codec::ALL {
            prop_assert!(codec.encode(&record).len() <= record.size(), "{:?}", codec);
        }
    }

    #[test]
    fn w4_random_bytes_are_refused_or_are_a_message(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for codec in Codec::ALL {
            for side in [Side::Client, Side::Server] {
                let _ = decode(side, codec, &bytes);
            }
        }
    }

    #[test]
    fn w4_a_message_with_a_byte_changed_is_refused_or_is_a_message(
        message in arbitrary::server_messages(),
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        for codec in Codec::ALL {
            let mut bytes = codec.encode(&message);
            *place.get_mut(&mut bytes) = byte;
            if let Ok(again) = decode(Side::Server, codec, &bytes) {
                prop_assert_eq!(decode(Side::Server, codec, &again), Ok(again.clone()), "writing settles after one reading");
            }
        }
    }

    #[test]
    fn w2_unknown_fields_change_nothing(message in arbitrary::client_messages(), extra in arbitrary::values()) {
        let mut json: serde_json::Value = serde_json::from_slice(&Codec::Json.encode(&message)).unwrap();
        json["x-unknown"] = extra.to_json();
        for change in json.get_mut("changes").and_then(|changes| changes.as_array_mut()).into_iter().flatten() {
            change["x-unknown"] = extra.to_json();
        }
        prop_assert_eq!(Codec::Json.decode_client(json.to_string().as_bytes()), Ok(message));
    }

    #[test]
    fn w3_longer_arrays_change_nothing(message in arbitrary::client_messages(), extra in arbitrary::values()) {
        let ClientMessage::Update(_) = &message else { return Ok(()) };
        let mut packed: serde_json::Value = rmp_serde::from_slice(&Codec::MessagePack.encode(&message)).unwrap();
        for change in packed["changes"].as_array_mut().unwrap() {
            change.as_array_mut().unwrap().push(extra.to_json());
        }
        let bytes = rmp_serde::to_vec(&packed).unwrap();
        prop_assert_eq!(Codec::MessagePack.decode_client(&bytes), Ok(message));
    }
}

#[test]
fn w4_an_error_shows_no_more_of_a_message_than_its_beginning() {
    let long = "\u{1}".repeat(100_000);
    let op = format!(
        r#"{{"type":"UPDATE","clientReqId":"u","changes":[{{"op":{0:?},"collection":"c","id":"i"}}]}}"#,
        "z".repeat(100_000)
    );
    let twice = format!(r#"{{"{0}":1,"{0}":2}}"#, "z".repeat(100_000));
    let kind = format!(r#"{{"type":"{}"}}"#, "z".repeat(100_000));
    for message in [op, twice, kind] {
        let error = Codec::Json.decode_client(message.as_bytes()).unwrap_err();
        assert!(
            error.to_string().len() < 512,
            "{} bytes",
            error.to_string().len()
        );
    }
    let value = revring_protocol::value::Object::from([(long, 1.into())]);
    let message = Codec::MessagePack.encode(&value);
    let error = Codec::MessagePack.decode_client(&message).unwrap_err();
    assert!(
        error.to_string().len() < 512,
        "{} bytes",
        error.to_string().len()
    );
}
