//! Values and names: sections V and N of SPEC.md.

#[path = "contract/mod.rs"]
#[allow(dead_code, reason = "the wire's test uses the rest")]
mod contract;
mod support;

use proptest::prelude::*;
use revring_protocol::{
    codec::{Codec, DecodeError},
    ids::{ClientKey, Epoch},
    limits::{MAX_SAFE_INTEGER, MESSAGE_DEPTH},
    value::{Number, Path, Value, canonical},
};

use contract::{invalid, names, refused, unhex, values};
use support::arbitrary;

#[test]
fn v1_to_v4_every_form_of_a_value_is_that_value_in_both_codecs() {
    for case in values::accepted() {
        values::check(case);
    }
}

#[test]
fn v1_to_v4_what_breaks_a_rule_is_malformed_in_both_codecs_at_any_place() {
    let refused = |codec: Codec, name: &str, bytes: &[u8]| {
        let result = codec.decode_value(bytes);
        assert!(
            matches!(result, Err(DecodeError::Malformed(_))),
            "{name}: {bytes:?} is {result:?}"
        );
    };
    for (name, json, msgpack) in refused::VALUES {
        for text in *json {
            refused(Codec::Json, name, text.as_bytes());
            refused(Codec::Json, name, &invalid::json_around(text));
        }
        for text in *msgpack {
            refused(Codec::MessagePack, name, &unhex(text));
            refused(Codec::MessagePack, name, &invalid::msgpack_around(text));
        }
    }
}

#[test]
fn v2_json_that_is_not_utf8_is_malformed() {
    for bytes in [
        &b"\"\xff\""[..],
        b"\"\xc0\x80\"",
        b"\"\xed\xa0\x80\"",
        b"\xef\xbb\xbf1",
    ] {
        assert!(
            matches!(
                Codec::Json.decode_value(bytes),
                Err(DecodeError::Malformed(_))
            ),
            "{bytes:?}"
        );
    }
}

/// Arrays in arrays, `levels` deep.
fn nested(codec: Codec, levels: usize) -> Vec<u8> {
    match codec {
        Codec::Json => format!("{}{}", "[".repeat(levels), "]".repeat(levels)).into_bytes(),
        Codec::MessagePack => {
            let mut bytes = vec![0x91; levels - 1];
            bytes.push(0x90);
            bytes
        }
    }
}

#[test]
fn v5_a_message_nests_as_deep_as_it_may_and_no_deeper() {
    for codec in Codec::ALL {
        let deepest = codec.decode_value(&nested(codec, MESSAGE_DEPTH)).unwrap();
        assert_eq!(deepest.depth(), MESSAGE_DEPTH);
        for levels in [MESSAGE_DEPTH + 1, 200, 1_000_000] {
            let error = codec.decode_value(&nested(codec, levels)).unwrap_err();
            assert!(
                error.to_string().contains("nested too deeply"),
                "{codec:?} at {levels}: {error}"
            );
        }
    }
}

#[test]
fn v5_objects_count_as_arrays_do() {
    let objects = |levels: usize| format!("{}1{}", r#"{"a":"#.repeat(levels), "}".repeat(levels));
    assert!(Codec::Json.decode_value(objects(48).as_bytes()).is_ok());
    assert!(Codec::Json.decode_value(objects(49).as_bytes()).is_err());
    let packed = |levels: usize| [[0x81, 0xa1, b'a'].repeat(levels), vec![1]].concat();
    assert!(Codec::MessagePack.decode_value(&packed(48)).is_ok());
    assert!(Codec::MessagePack.decode_value(&packed(49)).is_err());
}

#[test]
fn v1_numbers_outside_the_range_cannot_be_made() {
    let edge = MAX_SAFE_INTEGER as f64;
    for x in [edge + 1.0, -edge - 1.0, f64::MAX, f64::INFINITY, f64::NAN] {
        assert_eq!(Number::from_f64(x), None, "{x}");
    }
    assert_eq!(Number::from_i64(MAX_SAFE_INTEGER + 1), None);
    assert_eq!(Number::from_i64(i64::MIN), None);
    assert_eq!(Number::from_u64(u64::MAX), None);
    assert_eq!(Number::from_f64(edge), Number::from_i64(MAX_SAFE_INTEGER));
    assert_eq!(Number::from_f64(-0.0).unwrap().as_i64(), Some(0));
}

#[test]
fn v1_sums_are_exact_or_refused() {
    let n = |n: i64| Number::from_i64(n).unwrap();
    assert_eq!(n(MAX_SAFE_INTEGER).checked_add(n(1)), None);
    assert_eq!(n(-MAX_SAFE_INTEGER).checked_add(n(-1)), None);
    assert_eq!(
        n(MAX_SAFE_INTEGER).checked_add(n(-MAX_SAFE_INTEGER)),
        Some(n(0))
    );
    let half = Number::from_f64(0.5).unwrap();
    assert_eq!(
        half.checked_add(half),
        Some(n(1)),
        "an integral sum is an integer"
    );
    assert_eq!(
        n(MAX_SAFE_INTEGER).checked_add(half),
        None,
        "it rounds to 2^53"
    );
}

#[test]
fn n1_names_are_taken_and_refused_as_the_tables_say() {
    names::KINDS.iter().for_each(names::check);
}

#[test]
fn n1_a_refused_name_says_what_is_wrong_with_it() {
    let problems: Vec<_> = ["", "a b", "a\u{7f}"]
        .iter()
        .map(|text| Epoch::new(text).unwrap_err().to_string())
        .collect();
    assert_eq!(
        problems,
        [
            "epoch must be 1 to 64 bytes long, not 0",
            "epoch must be of printable ASCII; ' ' is not",
            "epoch must be of printable ASCII; '\\u{7f}' is not",
        ]
    );
}

#[test]
fn n2_the_id_is_made_of_the_key_and_the_key_is_not_shown() {
    for (key, id) in names::IDENTITIES {
        let key = ClientKey::new(key).unwrap();
        assert_eq!(key.client_id().as_str(), *id);
        assert_eq!(format!("{key:?}"), "ClientKey(…)");
    }
    let made = ClientKey::from_random([0xff; 32]);
    assert_eq!(ClientKey::new(made.as_str()), Ok(made));
}

#[test]
fn n3_paths_have_the_tokens_of_the_table() {
    for (text, tokens) in names::PATHS {
        let path = Path::parse(text).unwrap();
        assert!(path.tokens().eq(tokens.iter().copied()), "{text}");
    }
    for text in names::NO_PATHS {
        assert!(Path::parse(&names::expand(text)).is_err(), "{text}");
    }
}

#[test]
fn n3_paths_go_through_objects_only() {
    let data = support::object(r#"{"a":{"b":[{"c":1}],"":{"~/":2}},"0":3}"#);
    let find = |text: &str| Path::parse(text).unwrap().find(&data).map(canonical);
    assert_eq!(find("/a/b").as_deref(), Some(r#"[{"c":1}]"#));
    assert_eq!(find("/a//~0~1").as_deref(), Some("2"));
    assert_eq!(find("/0").as_deref(), Some("3"));
    assert_eq!(find("/a/b/0"), None);
    assert_eq!(find("/a/b/0/c"), None);
    assert_eq!(find("/missing/b"), None);
}

proptest! {
    #[test]
    fn v6_the_size_is_never_less_than_either_encoding(value in arbitrary::values()) {
        for codec in Codec::ALL {
            prop_assert!(codec.encode(&value).len() <= value.size(), "{:?}", codec);
        }
        prop_assert!(canonical(&value).len() <= value.size());
    }

    #[test]
    fn v1_both_codecs_give_back_what_was_written(value in arbitrary::values()) {
        for codec in Codec::ALL {
            prop_assert_eq!(codec.decode_value(&codec.encode(&value)), Ok(value.clone()));
        }
        prop_assert_eq!(Codec::Json.decode_value(canonical(&value).as_bytes()), Ok(value.clone()));
        prop_assert_eq!(Value::from_json(value.to_json()).ok(), Some(value));
    }

    #[test]
    fn v1_numbers_have_one_form_and_the_order_of_their_values(a in arbitrary::numbers(), b in arbitrary::numbers()) {
        prop_assert_eq!(Number::from_f64(a.as_f64()), Some(a));
        prop_assert_eq!(a.cmp(&b), a.as_f64().partial_cmp(&b.as_f64()).unwrap());
        prop_assert_eq!(a == b, a.to_string() == b.to_string());
        prop_assert_eq!(a.to_string().parse::<f64>().unwrap(), a.as_f64());
    }

    #[test]
    fn v6_sums_of_integers_are_exact(a in -MAX_SAFE_INTEGER..=MAX_SAFE_INTEGER, b in -MAX_SAFE_INTEGER..=MAX_SAFE_INTEGER) {
        let sum = Number::from_i64(a).unwrap().checked_add(Number::from_i64(b).unwrap());
        prop_assert_eq!(sum.and_then(Number::as_i64), Some(a + b).filter(|sum| sum.abs() <= MAX_SAFE_INTEGER));
    }

    #[test]
    fn v1_both_codecs_read_any_double_alike(x in any::<f64>()) {
        let packed = [&[0xcb][..], &x.to_be_bytes()].concat();
        let expected = Number::from_f64(x).map(Value::Number);
        let read = Codec::MessagePack.decode_value(&packed).ok();
        prop_assert_eq!(&read, &expected);
        let text = format!("{x:e}");
        if x.is_finite() {
            prop_assert_eq!(Codec::Json.decode_value(text.as_bytes()).ok(), expected);
        }
    }
}
