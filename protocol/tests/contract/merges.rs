//! JSON Merge Patch: appendix A of RFC 7396 as far as it is about objects, and what it leaves out.

use revring_protocol::{
    change::{Edit, Effect, Operation},
    codec::Codec,
    document::Document,
    ids::{ClientId, ClientReqId, Collection, RecordId, RecordKey, Rev},
    value::{Object, Value},
};

use super::Line;

/// Data, patch, result.
pub(crate) const CASES: &[(&str, &str, &str)] = &[
    (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
    (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
    (r#"{"a":"b"}"#, r#"{"a":null}"#, r#"{}"#),
    (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
    (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
    (r#"{"a":"c"}"#, r#"{"a":["b"]}"#, r#"{"a":["b"]}"#),
    (
        r#"{"a":{"b":"c"}}"#,
        r#"{"a":{"b":"d","c":null}}"#,
        r#"{"a":{"b":"d"}}"#,
    ),
    (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
    (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"a":1,"e":null}"#),
    (
        r#"{}"#,
        r#"{"a":{"bb":{"ccc":null}}}"#,
        r#"{"a":{"bb":{}}}"#,
    ),
    // Not of the RFC's table.
    (r#"{}"#, r#"{}"#, r#"{}"#),
    (r#"{}"#, r#"{"a":null}"#, r#"{}"#),
    (
        r#"{"a":[1]}"#,
        r#"{"a":{"b":null,"c":1}}"#,
        r#"{"a":{"c":1}}"#,
    ),
    (r#"{"a":1}"#, r#"{"a":{}}"#, r#"{"a":{}}"#),
    (r#"{"a":{"b":1}}"#, r#"{"a":{}}"#, r#"{"a":{"b":1}}"#),
    (
        r#"{"a":{"b":1}}"#,
        r#"{"a":[{"c":null}]}"#,
        r#"{"a":[{"c":null}]}"#,
    ),
    (
        r#"{"a":{"b":1,"c":{"d":2}}}"#,
        r#"{"a":{"c":{"d":null,"e":3}},"":0}"#,
        r#"{"":0,"a":{"b":1,"c":{"e":3}}}"#,
    ),
];

fn object(text: &str) -> Object {
    match Codec::Json.decode_value(text.as_bytes()) {
        Ok(Value::Object(object)) => object,
        other => panic!("{text}: {other:?}"),
    }
}

/// Checks a case, and gives its line.
pub(crate) fn check((data, patch, result): &(&str, &str, &str)) -> Line {
    let key = RecordKey {
        collection: Collection::new("c").unwrap(),
        id: RecordId::new("i").unwrap(),
    };
    let effect = |edit| Effect {
        key: key.clone(),
        version: 1,
        edit,
    };
    let mut document = Document::new();
    let operation = Operation {
        rev: Rev::new(1),
        client_id: ClientId::new("----------------").unwrap(),
        client_req_id: ClientReqId::new("u").unwrap(),
        at: 1,
        changes: vec![
            effect(Edit::Put { data: object(data) }),
            effect(Edit::Merge {
                data: object(patch),
            }),
        ],
    };
    document.apply(&operation).unwrap();
    let merged = document.get(&key).unwrap().data();
    assert_eq!(*merged, object(result), "{data} with {patch}");
    Line::new()
        .raw("data", data)
        .raw("patch", patch)
        .raw("result", result)
}

pub(crate) fn lines() -> Vec<Line> {
    CASES.iter().map(check).collect()
}
