//! What one edit does to a record's data, and which values it replaces.

use super::{
    edit_error::EditError,
    merge::{merge, replaces},
    splice,
};
use crate::{
    change::Edit,
    value::{Number, Object, Path, Value},
};

/// Applies `edit`, which is neither `put` nor `delete`, to `data`.
pub(super) fn edit_data(data: &mut Object, edit: &Edit) -> Result<(), EditError> {
    match edit {
        Edit::Put { .. } | Edit::Delete => Ok(()),
        Edit::Merge { data: patch } => {
            merge(data, patch);
            Ok(())
        }
        Edit::Set { path, value } => set(data, path, value.clone()),
        Edit::Unset { path } => {
            let (object, key) = path
                .parent_mut(data)
                .ok_or_else(|| EditError::NoParent(path.clone()))?;
            object.remove(&key);
            Ok(())
        }
        Edit::Add { path, by } => {
            let sum = sum(data, path, *by)?;
            set(data, path, Value::Number(sum))
        }
        Edit::Splice { path, splice } => {
            let (object, key) = path
                .parent_mut(data)
                .ok_or_else(|| EditError::NoParent(path.clone()))?;
            splice::apply(object.get_mut(&key), path, splice)
        }
    }
}

fn set(data: &mut Object, path: &Path, value: Value) -> Result<(), EditError> {
    let (object, key) = path
        .parent_mut(data)
        .ok_or_else(|| EditError::NoParent(path.clone()))?;
    object.set(key, value);
    Ok(())
}

/// The number at `path` with `by` added; missing counts as 0.
pub(crate) fn sum(data: &Object, path: &Path, by: Number) -> Result<Number, EditError> {
    let old = match path.find(data) {
        None => Number::from(0_u8),
        Some(Value::Number(n)) => *n,
        Some(other) => {
            return Err(EditError::WrongType {
                path: path.clone(),
                expected: "a number",
                found: other.kind(),
            });
        }
    };
    old.checked_add(by)
        .ok_or_else(|| EditError::SumOutOfRange(path.clone()))
}

/// Whether `edit` of a record replaces or removes the string or array at `path` (rule S-6).
#[must_use]
pub(crate) fn replaces_value(edit: &Edit, path: &Path) -> bool {
    match edit {
        Edit::Put { .. } | Edit::Delete => true,
        Edit::Merge { data } => replaces(data, path),
        Edit::Set { path: at, .. } | Edit::Unset { path: at } | Edit::Add { path: at, .. } => {
            at.covers(path)
        }
        Edit::Splice { .. } => false,
    }
}
