//! JSON Merge Patch (RFC 7396), and what it replaces.

use crate::value::{Object, Path, Value};

/// Merges `patch` into `target`: null removes a field, objects merge, anything else replaces.
pub(super) fn merge(target: &mut Object, patch: &Object) {
    for (key, value) in patch {
        match value {
            Value::Null => {
                target.remove(key);
            }
            Value::Object(inner) => match target.get_mut(key) {
                Some(Value::Object(old)) => merge(old, inner),
                _ => {
                    // A new object takes the patch without its nulls.
                    let mut new = Object::new();
                    merge(&mut new, inner);
                    target.insert(key.clone(), Value::Object(new));
                }
            },
            value => {
                target.insert(key.clone(), value.clone());
            }
        }
    }
}

/// Whether `patch` replaces or removes a string or an array at `path` or something above it.
pub(super) fn replaces(patch: &Object, path: &Path) -> bool {
    let mut object = patch;
    for token in path.tokens() {
        match object.get(token) {
            None => return false,
            Some(Value::Object(inner)) => object = inner,
            Some(_) => return true,
        }
    }
    // The patch has an object where the string or array was.
    true
}
