//! Checksums of states (rule D-8).

use std::sync::Arc;

use revring_protocol::{
    codec::Codec,
    document::Document,
    ids::{Collection, RecordId, RecordKey},
    message::State,
    record::Record,
    value::Value,
};
use twox_hash::XxHash64;

use super::Line;

/// XXH64 with seed 0, from its reference implementation: what an implementation can check first.
pub(crate) const HASHES: &[(&str, u64)] = &[
    ("", 0xef46_db37_51d8_e999),
    ("a", 0xd24e_c4f1_a98c_6e5b),
    ("abc", 0x44bc_2cf5_ad77_0999),
];

/// States: the text that is hashed for each record, which is also the record.
pub(crate) const STATES: &[(&str, &[&str])] = &[
    ("the empty state", &[]),
    (
        "one record",
        &[r#"["tasks","1",1,1700000000000,1700000000000,{"title":"x"}]"#],
    ),
    (
        "every kind of value",
        &[
            r#"["c","i",9007199254740991,0,9007199254740991,{"":{},"a":[null,true,false,-0.5,1e-7,9007199254740991,"\u0001\"\\/\n"],"ä":"😀","€":[],"😀":1,"ﬁ":2}]"#,
        ],
    ),
    (
        "several records in any order",
        &[
            r#"["tasks","2",4,1,9,{"done":true}]"#,
            r#"["tasks","1",1,1,1,{}]"#,
            r#"["größe","a \"b\"",2,5,6,{"n":0.1}]"#,
        ],
    ),
    (
        "the same data under another id",
        &[r#"["tasks","3",1,1,1,{}]"#],
    ),
    (
        "the same data at another version",
        &[r#"["tasks","1",2,1,1,{}]"#],
    ),
];

fn read(text: &str) -> (RecordKey, Record) {
    let value = Codec::Json.decode_value(text.as_bytes()).unwrap();
    let [
        Value::String(collection),
        Value::String(id),
        Value::Number(version),
        Value::Number(created),
        Value::Number(updated),
        Value::Object(data),
    ] = value.as_array().unwrap()
    else {
        panic!("{text} is not a record");
    };
    let key = RecordKey {
        collection: Collection::new(collection).unwrap(),
        id: RecordId::new(id).unwrap(),
    };
    let number = |n: &revring_protocol::value::Number| n.as_u64().unwrap();
    let record = Record::new(
        &key,
        number(version),
        number(created),
        number(updated),
        data.clone(),
    );
    (key, record)
}

pub(crate) fn document(texts: &[&str]) -> Document {
    let mut document = Document::new();
    for (key, record) in texts.iter().map(|text| read(text)) {
        let records = [(key.id, Arc::new(record))].into();
        document.add_part(&State::from([(key.collection, records)]));
    }
    document
}

pub(crate) fn checksum(texts: &[&str]) -> u64 {
    texts.iter().fold(0, |sum, text| {
        sum.wrapping_add(XxHash64::oneshot(0, text.as_bytes()))
    })
}

pub(crate) fn lines() -> Vec<Line> {
    let mut lines = Vec::new();
    for (text, hash) in HASHES {
        assert_eq!(XxHash64::oneshot(0, text.as_bytes()), *hash, "{text:?}");
        lines.push(
            Line::new()
                .text("name", "XXH64")
                .text("text", text)
                .text("hash", &format!("{hash:016x}")),
        );
    }
    for (name, texts) in STATES {
        let sum = format!("{:016x}", checksum(texts));
        assert_eq!(document(texts).checksum(), sum, "{name}");
        let hashes: Vec<_> = texts
            .iter()
            .map(|text| format!("{:016x}", XxHash64::oneshot(0, text.as_bytes())))
            .collect();
        let line = Line::new()
            .text("name", name)
            .raw("records", &format!("[{}]", texts.join(",")));
        let line = line
            .texts("texts", texts.iter().copied())
            .texts("hashes", hashes.iter().map(String::as_str));
        lines.push(line.text("checksum", &sum));
    }
    lines
}
