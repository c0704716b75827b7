//! Values at the edges of rules V-1 to V-6, in every form that means them.

use revring_protocol::{
    codec::Codec,
    value::{Value, canonical},
};

use super::{Line, unhex};

/// A value that is accepted.
pub(crate) struct Accepted {
    pub(crate) name: &'static str,
    /// Texts that mean it.
    pub(crate) json: &'static [&'static str],
    /// MessagePack that means it; what is written stands first.
    pub(crate) msgpack: &'static [&'static str],
    pub(crate) canonical: &'static str,
    pub(crate) size: usize,
}

const fn value(
    name: &'static str,
    json: &'static [&'static str],
    msgpack: &'static [&'static str],
    canonical: &'static str,
    size: usize,
) -> Accepted {
    Accepted {
        name,
        json,
        msgpack,
        canonical,
        size,
    }
}

pub(crate) const SCALARS: &[Accepted] = &[
    value("null", &["null", " null\r\n"], &["c0"], "null", 4),
    value("true", &["true"], &["c3"], "true", 5),
    value("false", &["false"], &["c2"], "false", 5),
    value(
        "zero has no sign",
        &[
            "0", "-0", "0.0", "-0.0", "0e9", "-0E-9", "1e-400", "-1e-400",
        ],
        &[
            "00",
            "cc00",
            "cd0000",
            "ce00000000",
            "cf0000000000000000",
            "d000",
            "d10000",
            "d200000000",
            "d30000000000000000",
            "ca00000000",
            "ca80000000",
            "cb0000000000000000",
            "cb8000000000000000",
        ],
        "0",
        1,
    ),
    value(
        "an integral double is that integer",
        &["1", "1.0", "1e0", "10e-1", "0.1E+1"],
        &[
            "01",
            "cc01",
            "d001",
            "d30000000000000001",
            "ca3f800000",
            "cb3ff0000000000000",
        ],
        "1",
        1,
    ),
    value(
        "-1",
        &["-1", "-1.0"],
        &["ff", "d0ff", "d1ffff", "cbbff0000000000000"],
        "-1",
        2,
    ),
    value("127", &["127"], &["7f", "d07f"], "127", 3),
    value("128", &["128"], &["cc80", "d10080"], "128", 3),
    value("255", &["255"], &["ccff"], "255", 3),
    value("256", &["256"], &["cd0100"], "256", 3),
    value("65535", &["65535"], &["cdffff"], "65535", 5),
    value("65536", &["65536"], &["ce00010000"], "65536", 5),
    value(
        "2^32 - 1",
        &["4294967295"],
        &["ceffffffff"],
        "4294967295",
        10,
    ),
    value(
        "2^32",
        &["4294967296"],
        &["cf0000000100000000"],
        "4294967296",
        10,
    ),
    value("-32", &["-32"], &["e0", "d0e0"], "-32", 3),
    value("-33", &["-33"], &["d0df"], "-33", 3),
    value("-128", &["-128"], &["d080"], "-128", 4),
    value("-129", &["-129"], &["d1ff7f"], "-129", 4),
    value("-32768", &["-32768"], &["d18000"], "-32768", 6),
    value("-32769", &["-32769"], &["d2ffff7fff"], "-32769", 6),
    value(
        "-2^31",
        &["-2147483648"],
        &["d280000000"],
        "-2147483648",
        11,
    ),
    value(
        "-2^31 - 1",
        &["-2147483649"],
        &["d3ffffffff7fffffff"],
        "-2147483649",
        11,
    ),
    value(
        "the largest integer",
        &[
            "9007199254740991",
            "9007199254740991.0",
            "9.007199254740991e15",
            "9007199254740991.4",
        ],
        &[
            "cf001fffffffffffff",
            "d3001fffffffffffff",
            "cb433fffffffffffff",
        ],
        "9007199254740991",
        16,
    ),
    value(
        "the smallest integer",
        &["-9007199254740991", "-9007199254740991.0"],
        &["d3ffe0000000000001", "cbc33fffffffffffff"],
        "-9007199254740991",
        17,
    ),
    value(
        "a half, in single precision too",
        &["1.5", "0.15e1"],
        &["cb3ff8000000000000", "ca3fc00000"],
        "1.5",
        25,
    ),
    value(
        "0.1",
        &["0.1", "0.10", "1e-1"],
        &["cb3fb999999999999a"],
        "0.1",
        25,
    ),
    value(
        "0.1 in single precision",
        &["0.10000000149011612"],
        &["cb3fb99999a0000000", "ca3dcccccd"],
        "0.10000000149011612",
        25,
    ),
    value(
        "the least subnormal",
        &["5e-324", "4.9406564584124654e-324"],
        &["cb0000000000000001"],
        "5e-324",
        25,
    ),
    value(
        "minus the least subnormal",
        &["-5e-324"],
        &["cb8000000000000001"],
        "-5e-324",
        25,
    ),
    value(
        "a single-precision subnormal",
        &["1.401298464324817e-45"],
        &["cb36a0000000000000", "ca00000001"],
        "1.401298464324817e-45",
        25,
    ),
    value("1e-300", &["1e-300"], &["cb01a56e1fc2f8f359"], "1e-300", 25),
    value(
        "the longest text",
        &["-1.3436424411240123e-301"],
        &["cb8177091c7ebd2a2e"],
        "-1.3436424411240123e-301",
        25,
    ),
    value(
        "the least double written plainly",
        &["0.000001", "1e-6"],
        &["cb3eb0c6f7a0b5ed8d"],
        "0.000001",
        25,
    ),
    value(
        "a smaller one",
        &["9.999999999999997e-7"],
        &["cb3eb0c6f7a0b5ed8c"],
        "9.999999999999997e-7",
        25,
    ),
    value(
        "RFC 8785 B, 1",
        &["333333333.3333332"],
        &["cb41b3de4355555553"],
        "333333333.3333332",
        25,
    ),
    value(
        "RFC 8785 B, 2",
        &["333333333.33333325"],
        &["cb41b3de4355555554"],
        "333333333.33333325",
        25,
    ),
    value(
        "RFC 8785 B, 3",
        &["333333333.33333329"],
        &["cb41b3de4355555555"],
        "333333333.3333333",
        25,
    ),
    value(
        "RFC 8785 B, 4",
        &["333333333.33333334"],
        &["cb41b3de4355555555"],
        "333333333.3333333",
        25,
    ),
    value(
        "RFC 8785 B, 5",
        &["333333333.33333343"],
        &["cb41b3de4355555557"],
        "333333333.33333343",
        25,
    ),
    value(
        "RFC 8785 B, 6",
        &["-0.0000033333333333333333"],
        &["cbbecbf647612f3696"],
        "-0.0000033333333333333333",
        25,
    ),
    value(
        "RFC 8785 B, 7",
        &["1424953923781206.25"],
        &["cb43143ff3c1cb0959"],
        "1424953923781206.2",
        25,
    ),
    value(
        "the largest double with a fraction",
        &["4503599627370495.5"],
        &["cb432fffffffffffff"],
        "4503599627370495.5",
        25,
    ),
];

pub(crate) const OTHERS: &[Accepted] = &[
    value(
        "the empty string",
        &["\"\""],
        &["a0", "d900", "da0000", "db00000000"],
        "\"\"",
        5,
    ),
    value(
        "ASCII",
        &["\"a\"", r#""\u0061""#],
        &["a161", "d90161"],
        "\"a\"",
        6,
    ),
    value(
        "beyond ASCII",
        &["\"é€😀\"", r#""\u00e9\u20AC\ud83d\uDE00""#],
        &["a9c3a9e282acf09f9880"],
        "\"é€😀\"",
        14,
    ),
    value(
        "escapes",
        &[
            r#""\"\\\/\b\f\n\r\t""#,
            r#""\u0022\u005c/\u0008\u000c\u000a\u000d\u0009""#,
        ],
        &["a8225c2f080c0a0d09"],
        r#""\"\\/\b\f\n\r\t""#,
        20,
    ),
    value(
        "controls without a short escape, and what needs none",
        &["\"\\u0000\\u001f\u{7f}\u{2028}\\uFEFF\""],
        &["a9001f7fe280a8efbbbf"],
        "\"\\u0000\\u001f\u{7f}\u{2028}\u{feff}\"",
        24,
    ),
    value(
        "noncharacters are scalar values",
        &["\"\\uffff\u{10ffff}\""],
        &["a7efbfbff48fbfbf"],
        "\"\u{ffff}\u{10ffff}\"",
        12,
    ),
    value(
        "a string of 32 bytes",
        &["\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\""],
        &["d9206161616161616161616161616161616161616161616161616161616161616161"],
        "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"",
        37,
    ),
    value(
        "the empty array",
        &["[]", "[ ]"],
        &["90", "dc0000", "dd00000000"],
        "[]",
        5,
    ),
    value(
        "an array",
        &["[1,[null],\"\"]", "[1.0 ,\t[null],\n\"\"]"],
        &["930191c0a0"],
        "[1,[null],\"\"]",
        24,
    ),
    value(
        "the empty object",
        &["{}"],
        &["80", "de0000", "df00000000"],
        "{}",
        128,
    ),
    value(
        "an object, whose entries have no order",
        &[r#"{"a":1,"b":null}"#, r#"{"b":null,"a":1}"#],
        &["82a16101a162c0", "82a162c0a16101"],
        r#"{"a":1,"b":null}"#,
        149,
    ),
    value(
        "keys in the order of their UTF-16 code units (RFC 8785, 3.2.3)",
        &[
            r#"{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One","\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}"#,
        ],
        &[],
        "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u{80}\":\"Control\",\"ö\":\"Latin Small Letter O With Diaeresis\",\"€\":\"Euro Sign\",\"😀\":\"Emoji: Grinning Face\",\"\u{fb33}\":\"Hebrew Letter Dalet With Dagesh\"}",
        349,
    ),
    value(
        "RFC 8785, 3.2.4, without its number that is out of range",
        &[
            r#"{"numbers":[333333333.33333329,4.50,2e-3,0.000000000000000000000000001],"string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}"#,
        ],
        &[],
        r#"{"literals":[null,true,false],"numbers":[333333333.3333333,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}"#,
        330,
    ),
];

pub(crate) fn accepted() -> impl Iterator<Item = &'static Accepted> {
    SCALARS.iter().chain(OTHERS)
}

/// Checks that every form of `case` is its value, and gives the value.
pub(crate) fn check(case: &Accepted) -> Value {
    let name = case.name;
    let value = Codec::Json.decode_value(case.json[0].as_bytes()).unwrap();
    assert_eq!(canonical(&value), case.canonical, "{name}");
    assert_eq!(value.size(), case.size, "the size of {name}");
    for text in case.json {
        assert_eq!(
            Codec::Json.decode_value(text.as_bytes()).as_ref(),
            Ok(&value),
            "{name}: {text}"
        );
    }
    for text in case.msgpack {
        let bytes = unhex(text);
        assert_eq!(
            Codec::MessagePack.decode_value(&bytes).as_ref(),
            Ok(&value),
            "{name}: {text}"
        );
    }
    let written = Codec::MessagePack.encode(&value);
    assert_eq!(
        Codec::MessagePack.decode_value(&written).as_ref(),
        Ok(&value),
        "{name}"
    );
    if let Some(first) = case.msgpack.first() {
        assert_eq!(super::hex(&written), *first, "{name}");
    }
    value
}

pub(crate) fn lines() -> Vec<Line> {
    accepted()
        .map(|case| {
            let written = super::hex(&Codec::MessagePack.encode(&check(case)));
            let packed = if case.msgpack.is_empty() {
                &[written.as_str()]
            } else {
                case.msgpack
            };
            Line::new()
                .text("name", case.name)
                .texts("json", case.json.iter().copied())
                .texts("msgpack", packed.iter().copied())
                .text("canonical", case.canonical)
                .raw("size", &case.size.to_string())
        })
        .collect()
}
