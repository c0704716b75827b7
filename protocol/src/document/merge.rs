//! JSON Merge Patch (RFC 7396), and what it replaces.

use crate::value::{Object, Path, Value};

/// Merges `patch` into `target`: null removes a field, objects merge, anything else replaces.
pub(super) fn merge(target: &mut Object, patch: &Object) {
    // What is added or removed is so at once: one by one would move a large object as often.
    let (mut added, mut nulls) = (Vec::new(), false);
    for (key, value) in patch {
        match (target.get_mut(key), value) {
            (None, Value::Null) => {}
            (Some(_), Value::Null) => nulls = true,
            (Some(Value::Object(old)), Value::Object(inner)) => merge(old, inner),
            (Some(old), value) => *old = without_nulls(value),
            (None, value) => added.push((key.clone(), without_nulls(value))),
        }
    }
    if nulls {
        target.retain(|key, _| !matches!(patch.get(key), Some(Value::Null)));
    }
    if !added.is_empty() {
        target.extend(added);
    }
}

/// What a patch's `value` puts where no object is: an object without its nulls.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(patch) => {
            let mut new = Object::new();
            merge(&mut new, patch);
            Value::Object(new)
        }
        value => value.clone(),
    }
}

/// Whether `patch` replaces or removes a string or an array at `path` or something above it.
pub(super) fn replaces(patch: &Object, path: &Path) -> bool {
    let mut object = patch;
    for token in path.tokens() {
        match object.get(&token) {
            None => return false,
            Some(Value::Object(inner)) => object = inner,
            Some(_) => return true,
        }
    }
    // The patch has an object where the string or array was.
    true
}
