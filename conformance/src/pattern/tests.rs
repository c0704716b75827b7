use serde_json::{Value, json};

use super::{Bindings, Exactness, matches};

fn check(pattern: &Value, value: &Value) -> Result<Bindings, String> {
    let mut bindings = Bindings::default();
    bindings.set("known", "k");
    let result = matches(pattern, value, Exactness::Partial, &mut bindings);
    result
        .map(|()| bindings)
        .map_err(|mismatch| mismatch.to_string())
}

#[test]
fn objects_match_partially_arrays_and_contents_do_not() {
    assert!(check(&json!({"a": 1}), &json!({"a": 1.0, "b": 2})).is_ok());
    assert!(check(&json!([1]), &json!([1, 2])).is_err_and(|text| text.starts_with("at [1]")));
    let problem = check(
        &json!({"data": {"a": 1}}),
        &json!({"data": {"a": 1, "b": 2}}),
    );
    assert!(problem.is_err_and(|text| text.starts_with("at data.b\n  expected  nothing")));
    assert!(check(&json!({"$exact": {"a": 1}}), &json!({"a": 1, "b": 2})).is_err());
}

#[test]
fn a_difference_is_named_by_its_path() {
    let pattern = json!({"ops": [{"changes": [{"version": 2}]}]});
    let value = json!({"ops": [{"changes": [{"version": 3}]}]});
    let text = check(&pattern, &value).expect_err("versions differ");
    assert_eq!(
        text,
        "at ops[0].changes[0].version\n  expected  2\n  received  3"
    );
}

#[test]
fn variables_bind_once_and_hold_from_then_on() {
    let bindings = check(
        &json!({"a": "$x", "b": "$x", "c": "$known"}),
        &json!({"a": 1, "b": 1, "c": "k"}),
    );
    assert_eq!(bindings.expect("matches").get("x"), Some(&json!(1)));
    assert!(check(&json!({"a": "$x", "b": "$x"}), &json!({"a": 1, "b": 2})).is_err());
    let mut bindings = Bindings::default();
    let value = json!({"a": 1, "b": 3});
    assert!(
        matches(
            &json!({"a": "$x", "b": 2}),
            &value,
            Exactness::Partial,
            &mut bindings
        )
        .is_err()
    );
    assert_eq!(
        bindings.get("x"),
        None,
        "nothing is bound by what does not match"
    );
}

#[test]
fn conditions() {
    let value = json!({"n": 5, "list": [{"id": "a", "rev": 1}, {"id": "b"}], "text": "abc"});
    let good = [
        json!({"n": {"$atLeast": 5}, "list": {"$length": 2}, "missing": "$absent"}),
        json!({"n": {"$not": 4}, "text": {"$oneOf": ["x", "abc"]}, "list": "$_"}),
        json!({"list": {"$contains": [{"id": "b"}, {"id": "a"}]}}),
        json!({"text": {"$length": 3}, "n": {"$atMost": 5}}),
    ];
    for pattern in good {
        assert!(check(&pattern, &value).is_ok(), "{pattern}");
    }
    let bad = [
        json!({"n": {"$atLeast": 6}}),
        json!({"n": "$absent"}),
        json!({"n": {"$not": 5}}),
        json!({"missing": "$_"}),
        json!({"list": {"$contains": [{"id": "c"}]}}),
        json!({"list": {"$length": 3}}),
    ];
    for pattern in bad {
        assert!(check(&pattern, &value).is_err(), "{pattern}");
    }
}

#[test]
fn a_state_has_exactly_the_named_records() {
    let record = json!({"version": 1, "data": {}});
    let pattern = json!({"state": {"notes": {"a": {"version": 1}}}});
    assert!(check(&pattern, &json!({"state": {"notes": {"a": record}}})).is_ok());
    for state in [
        json!({"notes": {"a": record, "b": record}}),
        json!({"notes": {"a": record}, "more": {}}),
        json!({}),
    ] {
        assert!(
            check(&pattern, &json!({"state": state})).is_err(),
            "{state}"
        );
    }
    assert!(check(&json!({"state": {}}), &json!({"state": {"notes": {}}})).is_err());
    assert!(
        check(
            &json!({"state": {"notes": {"$length": 1}}}),
            &json!({"state": {"notes": {"a": record}}})
        )
        .is_ok()
    );
}
