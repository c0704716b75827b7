//! Values that are refused at any place (rules V-1 to V-4).

/// Values that break a rule under V: JSON texts and MessagePack in hex.
pub(crate) const VALUES: &[(&str, &[&str], &[&str])] = &[
    (
        "2^53",
        &[
            "9007199254740992",
            "9007199254740992.0",
            "9007199254740991.5",
        ],
        &["cf0020000000000000", "cb4340000000000000"],
    ),
    (
        "-2^53",
        &["-9007199254740992"],
        &["d3ffe0000000000000", "cbc340000000000000"],
    ),
    (
        "the largest 64-bit integers",
        &["18446744073709551615", "-9223372036854775808"],
        &["cfffffffffffffffff", "d38000000000000000"],
    ),
    (
        "an integer of more than 64 bits",
        &["18446744073709551616"],
        &[],
    ),
    (
        "1e300",
        &["1e300", "-1e300"],
        &["cb7e37e43c8800759c", "ca7f7fffff"],
    ),
    (
        "infinity",
        &["1e400", "-1e400", "Infinity"],
        &["cb7ff0000000000000", "cbfff0000000000000", "ca7f800000"],
    ),
    (
        "NaN",
        &["NaN"],
        &["cb7ff8000000000000", "cbfff8000000000001", "ca7fc00000"],
    ),
    (
        "numbers JSON does not know",
        &["01", "+1", ".5", "1.", "0x1", "1e", "--1"],
        &[],
    ),
    (
        "lone surrogates",
        &[
            r#""\ud800""#,
            r#""\udc00""#,
            r#""\ud800\ud800""#,
            r#""\ud800a""#,
            r#""\udc00\ud800""#,
        ],
        &["a3eda080", "a3edb080", "a6eda0bdedb880"],
    ),
    (
        "a key with a lone surrogate",
        &[r#"{"\ud800":1}"#],
        &["81a3eda08001"],
    ),
    (
        "strings that are not UTF-8",
        &[],
        &["a1ff", "a2c080", "a1c3", "a4f4908080", "d901ff"],
    ),
    (
        "strings JSON does not know",
        &["'a'", "\"a\nb\"", "\"\\x\"", "\"\\u12\"", "\"a"],
        &[],
    ),
    (
        "a key twice",
        &[
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"[{"b":{"":0,"":1}}]"#,
        ],
        &["82a16101a16101", "82a16101d9016102"],
    ),
    (
        "keys that are not strings",
        &["{1:1}", "{null:1}"],
        &[
            "810101",
            "81c001",
            "81c301",
            "819001",
            "818001",
            "81c4016101",
        ],
    ),
    (
        "binary",
        &[],
        &["c400", "c40161", "c5000161", "c60000000161"],
    ),
    (
        "extensions",
        &[],
        &[
            "d40100",
            "d5010000",
            "d6ff00000000",
            "d7ff0000000000000000",
            "d80100000000000000000000000000000000",
            "c70001",
            "c8000001",
            "c90000000001",
        ],
    ),
    ("a byte MessagePack never uses", &[], &["c1"]),
    (
        "an end too early",
        &["[1", "{\"a\"", "{\"a\":", "tru", ""],
        &[
            "91",
            "81a161",
            "a261",
            "cd00",
            "dbffffffff61",
            "ddffffffff",
            "dfffffffff",
            "",
        ],
    ),
    (
        "other things JSON does not know",
        &[
            "[1,]",
            "{\"a\":1,}",
            "[1 2]",
            "/**/1",
            "undefined",
            "\u{feff}1",
        ],
        &[],
    ),
];
