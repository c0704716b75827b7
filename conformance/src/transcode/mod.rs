//! JSON objects to what stands on the wire, and back (rule W-3).
//!
//! Written apart from the codecs of `revring-protocol`, so that a mistake there is seen here.

mod msgpack;
mod table;

use revring_protocol::codec::Codec;
use serde_json::Value;

/// The bytes of `message` in `codec`.
pub(crate) fn encode(codec: Codec, message: &Value) -> Vec<u8> {
    match codec {
        Codec::Json => message.to_string().into_bytes(),
        Codec::MessagePack => msgpack::encode(&table::to_positional(message)),
    }
}

/// The message that stands in `bytes`, in its JSON form.
///
/// # Errors
/// Says what is wrong with the bytes.
pub(crate) fn decode(codec: Codec, bytes: &[u8]) -> Result<Value, String> {
    match codec {
        Codec::Json => serde_json::from_slice(bytes).map_err(|error| format!("not JSON: {error}")),
        Codec::MessagePack => {
            let value =
                msgpack::decode(bytes).map_err(|problem| format!("not MessagePack: {problem}"))?;
            table::to_named(value)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{
        collection::{btree_map, vec},
        prelude::*,
    };
    use serde_json::json;

    use super::*;

    fn there_and_back(message: &Value) {
        for codec in Codec::ALL {
            let bytes = encode(codec, message);
            assert_eq!(decode(codec, &bytes).as_ref(), Ok(message), "{codec:?}");
        }
    }

    #[test]
    fn w3_messages_come_back_as_they_went() {
        there_and_back(&json!({"type": "JOIN", "room": "r", "epoch": "e", "lastRev": 7}));
        there_and_back(&json!({
            "type": "UPDATE",
            "clientReqId": "a1",
            "baseRev": 3,
            "changes": [
                {"op": "put", "collection": "c", "id": "i", "ifVersion": 2, "data": {"a": [1.5, -7, "é", null]}},
                {"op": "merge", "collection": "c", "id": "i", "data": {"a": null}},
                {"op": "set", "collection": "c", "id": "i", "path": "/a", "value": null},
                {"op": "unset", "collection": "c", "id": "i", "path": "/a"},
                {"op": "delete", "collection": "c", "id": "i"},
                {"op": "add", "collection": "c", "id": "i", "path": "/n", "by": -9_007_199_254_740_991_i64},
                {"op": "splice", "collection": "c", "id": "i", "path": "/t", "at": 0, "remove": 1, "insert": ["x"]},
            ],
        }));
        there_and_back(&json!({
            "type": "SYNC.DELTAS",
            "fromRev": 1,
            "toRev": 2,
            "ops": [{
                "rev": 2, "clientId": "abcdefghijklmnop", "clientReqId": "a1", "at": 1_700_000_000_000_u64,
                "changes": [{"op": "delete", "collection": "c", "id": "i", "version": 70_000}],
            }],
        }));
    }

    #[test]
    fn w3_entries_are_positional_in_messagepack() {
        let message = json!({
            "type": "UPDATE", "clientReqId": "a",
            "changes": [{"op": "delete", "collection": "c", "id": "i"}],
        });
        let bytes = encode(Codec::MessagePack, &message);
        let changes = b"\xa7changes\x91\x93\xa6delete\xa1c\xa1i";
        assert!(
            bytes.windows(changes.len()).any(|window| window == changes),
            "{bytes:02x?}"
        );
    }

    #[test]
    fn w3_unknown_fields_of_a_change_go_behind_the_known_ones() {
        let message = json!({
            "type": "UPDATE", "clientReqId": "a",
            "changes": [{"op": "delete", "collection": "c", "id": "i", "later": 1}],
        });
        let bytes = encode(Codec::MessagePack, &message);
        let changes = b"\x91\x95\xa6delete\xa1c\xa1i\xc0\x01";
        assert!(
            bytes.windows(changes.len()).any(|window| window == changes),
            "{bytes:02x?}"
        );
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let scalar = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-9_007_199_254_740_991..=9_007_199_254_740_991_i64).prop_map(Value::from),
            (-1e9..1e9_f64).prop_map(|x| Value::from(if x.fract() == 0.0 { 0.5 } else { x })),
            any::<String>().prop_map(Value::from),
        ];
        scalar.prop_recursive(4, 64, 8, |inner| {
            prop_oneof![
                vec(inner.clone(), 0..8).prop_map(Value::from),
                btree_map(any::<String>(), inner, 0..8)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn v1_both_sides_read_what_the_other_writes(value in any_value()) {
            let message = json!({"type": "PRESENCE", "data": {"x": value}});
            for codec in Codec::ALL {
                let theirs = codec.decode_value(&encode(codec, &message)).expect("a message");
                prop_assert_eq!(&theirs.to_json(), &message);
                let ours = decode(codec, &codec.encode(&theirs)).expect("a message");
                prop_assert_eq!(&ours, &message);
            }
        }
    }

    #[test]
    fn w3_the_codecs_of_the_protocol_read_what_is_written_here() {
        let message = json!({
            "type": "UPDATE", "clientReqId": "a1",
            "changes": [{"op": "set", "collection": "c", "id": "i", "path": "/a", "value": {"b": [1.0, 2.5]}}],
        });
        let read = Codec::ALL.map(|codec| codec.decode_client(&encode(codec, &message)).unwrap());
        assert_eq!(read[0], read[1]);
    }
}
