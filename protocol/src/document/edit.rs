//! What one edit does to a record's data, and which values it replaces.

use super::{
    merge::{merge, replaces},
    splice,
};
use crate::{
    change::Edit,
    error::Code,
    value::{Number, Object, Path, Value},
};

/// Why an edit does not fit the record it is made on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// There is no such record.
    #[error("the record does not exist; put creates it")]
    NoRecord,
    /// A path's parent is missing or not an object.
    #[error("nothing can be at {0}: what holds it must be an object that exists")]
    NoParent(Path),
    /// The value has the wrong type.
    #[error("the value at {path} must be {expected}, it is {found}")]
    WrongType {
        /// Where.
        path: Path,
        /// What the edit needs.
        expected: &'static str,
        /// What is there.
        found: &'static str,
    },
    /// A splice beyond the end.
    #[error(
        "splice at {at} removing {remove} reaches past the end of {path}, which has {length} elements"
    )]
    OutOfBounds {
        /// Where.
        path: Path,
        /// The splice's position.
        at: usize,
        /// How many it removes.
        remove: usize,
        /// How many elements there are.
        length: usize,
    },
    /// A sum out of range.
    #[error("the sum at {0} is outside ±(2^53 − 1)")]
    SumOutOfRange(Path),
}

impl EditError {
    /// The code that tells a client of it (rule D-2).
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::NoRecord => Code::NotFound,
            _ => Code::InvalidChange,
        }
    }
}

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
            object.remove(key);
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
            splice::apply(object.get_mut(key), path, splice)
        }
    }
}

fn set(data: &mut Object, path: &Path, value: Value) -> Result<(), EditError> {
    let (object, key) = path
        .parent_mut(data)
        .ok_or_else(|| EditError::NoParent(path.clone()))?;
    object.insert(key.to_owned(), value);
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
