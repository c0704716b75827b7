//! Changes, written short: `change::put("cards", "1", json!({"title": "Milk"}))`.
//!
//! Each function makes a [`Draft`]: a change, or what is wrong with it. [`Room::update`](crate::Room::update) takes
//! drafts and reports the first that is wrong, so building one never needs a `?` of its own.
//!
//! ```
//! use revring_client::change;
//! use serde_json::json;
//!
//! let changes = [
//!     change::put("cards", "1", json!({"title": "Milk", "votes": 0})),
//!     change::add("cards", "1", "/votes", 1),
//!     change::set("cards", "1", "/title", "Oat milk"),
//!     change::delete("cards", "2").if_version(3),
//! ];
//! assert!(changes.into_iter().all(|draft| draft.check().is_ok()));
//! assert!(change::set("cards", "1", "title", 1).check().is_err(), "a path starts with /");
//! ```

use revring_protocol::{
    change::{Change, Edit, Sequence, Splice},
    ids::{Collection, InvalidName, RecordId, RecordKey},
    value::{InvalidPath, Object, Path, Value},
};
use serde::Serialize;

/// A change, or what is wrong with it.
#[derive(Debug, Clone)]
pub struct Draft(Result<Change, InvalidChange>);

/// Why a draft is not a change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidChange {
    /// The collection or the id is not a valid name.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// The path is not a JSON Pointer.
    #[error(transparent)]
    Path(#[from] InvalidPath),
    /// A value that revring cannot hold, or of the wrong type.
    #[error("{0}")]
    Value(String),
}

/// Creates a record or replaces its data, which must be an object.
pub fn put(collection: &str, id: &str, data: impl Serialize) -> Draft {
    draft(collection, id, || {
        Ok(Edit::Put {
            data: object(data)?,
        })
    })
}

/// Merges an object into a record (JSON Merge Patch, RFC 7396): null removes a field.
pub fn merge(collection: &str, id: &str, data: impl Serialize) -> Draft {
    draft(collection, id, || {
        Ok(Edit::Merge {
            data: object(data)?,
        })
    })
}

/// Sets the field at `path`, a JSON Pointer such as `/title`.
pub fn set(collection: &str, id: &str, path: &str, value: impl Serialize) -> Draft {
    draft(collection, id, || {
        Ok(Edit::Set {
            path: Path::parse(path)?,
            value: convert(value)?,
        })
    })
}

/// Removes the field at `path`.
pub fn unset(collection: &str, id: &str, path: &str) -> Draft {
    draft(collection, id, || {
        Ok(Edit::Unset {
            path: Path::parse(path)?,
        })
    })
}

/// Removes a record.
pub fn delete(collection: &str, id: &str) -> Draft {
    draft(collection, id, || Ok(Edit::Delete))
}

/// Adds a number to the one at `path`; a missing one counts as 0. Concurrent additions all count.
pub fn add(collection: &str, id: &str, path: &str, by: impl Into<serde_json::Value>) -> Draft {
    draft(collection, id, || {
        let by = convert(by.into())?;
        let number = by.as_number();
        let by = number.ok_or_else(|| {
            InvalidChange::Value(format!("by must be a number, not {}", by.kind()))
        })?;
        Ok(Edit::Add {
            path: Path::parse(path)?,
            by,
        })
    })
}

/// Edits a string or an array in place: removes `remove` elements from position `at` and inserts `insert`, a string or
/// an array, there. Positions count Unicode code points of strings and elements of arrays.
///
/// Concurrent splices of one value are merged, so that two people can type into one field.
///
/// ```
/// use revring_client::change;
///
/// let typed = change::splice("notes", "1", "/text", 5, 0, ", world");
/// assert!(typed.check().is_ok());
/// ```
pub fn splice(
    collection: &str,
    id: &str,
    path: &str,
    at: usize,
    remove: usize,
    insert: impl Serialize,
) -> Draft {
    draft(collection, id, || {
        let insert = match convert(insert)? {
            Value::String(text) => Sequence::Text(text),
            Value::Array(items) => Sequence::Items(items),
            other => {
                let problem = format!("insert must be a string or an array, not {}", other.kind());
                return Err(InvalidChange::Value(problem));
            }
        };
        Ok(Edit::Splice {
            path: Path::parse(path)?,
            splice: Splice { at, remove, insert },
        })
    })
}

impl Draft {
    /// The change takes place only if the record is at `version` before the update; 0: only if it does not exist.
    /// Otherwise the whole update is rejected with `CONFLICT`.
    #[must_use]
    pub fn if_version(self, version: u64) -> Self {
        Self(self.0.map(|change| Change {
            if_version: Some(version),
            ..change
        }))
    }

    /// The change.
    ///
    /// # Errors
    /// What is wrong with the draft.
    pub fn check(self) -> Result<Change, InvalidChange> {
        self.0
    }
}

impl From<Change> for Draft {
    fn from(change: Change) -> Self {
        Self(Ok(change))
    }
}

/// A draft alone is a list of one.
impl IntoIterator for Draft {
    type Item = Self;
    type IntoIter = std::iter::Once<Self>;

    fn into_iter(self) -> Self::IntoIter {
        std::iter::once(self)
    }
}

fn draft(collection: &str, id: &str, edit: impl FnOnce() -> Result<Edit, InvalidChange>) -> Draft {
    let key = || {
        Ok(RecordKey {
            collection: Collection::new(collection)?,
            id: RecordId::new(id)?,
        })
    };
    Draft(key().and_then(|key| {
        Ok(Change {
            key,
            if_version: None,
            edit: edit()?,
        })
    }))
}

/// The object that `data` serializes to; anything but a map or struct is refused.
pub(crate) fn object(data: impl Serialize) -> Result<Object, InvalidChange> {
    match convert(data)? {
        Value::Object(entries) => Ok(entries),
        other => Err(InvalidChange::Value(format!(
            "data must be an object, not {}",
            other.kind()
        ))),
    }
}

fn convert(value: impl Serialize) -> Result<Value, InvalidChange> {
    let json = serde_json::to_value(value);
    json.and_then(Value::from_json)
        .map_err(|problem| InvalidChange::Value(problem.to_string()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn edit(draft: Draft) -> Edit {
        draft.check().expect("a valid change").edit
    }

    fn problem(draft: Draft) -> String {
        draft.check().expect_err("an invalid change").to_string()
    }

    #[test]
    fn typed_data_becomes_an_object() {
        #[derive(Serialize)]
        struct Card {
            title: &'static str,
            votes: i64,
        }
        let typed = edit(put(
            "cards",
            "1",
            Card {
                title: "Milk",
                votes: 2,
            },
        ));
        assert_eq!(
            typed,
            edit(put("cards", "1", json!({"votes": 2, "title": "Milk"})))
        );
    }

    #[test]
    fn a_splice_takes_text_or_elements() {
        assert!(matches!(
            edit(splice("notes", "1", "/text", 0, 0, "a")),
            Edit::Splice {
                splice: Splice {
                    insert: Sequence::Text(_),
                    ..
                },
                ..
            }
        ));
        assert!(matches!(
            edit(splice("notes", "1", "/tags", 0, 0, ["a"])),
            Edit::Splice {
                splice: Splice {
                    insert: Sequence::Items(_),
                    ..
                },
                ..
            }
        ));
        assert!(problem(splice("notes", "1", "/text", 0, 0, 1)).contains("a string or an array"));
    }

    #[test]
    fn d3_if_version_is_kept() {
        let change = delete("cards", "1")
            .if_version(4)
            .check()
            .expect("a valid change");
        assert_eq!(change.if_version, Some(4));
    }

    #[test]
    fn n1_n3_v1_each_problem_names_itself() {
        assert!(problem(delete("", "1")).contains("collection"));
        assert!(problem(delete("cards", "a\nb")).contains("id"));
        assert!(problem(unset("cards", "1", "")).contains("empty"));
        assert!(problem(put("cards", "1", 5)).contains("object"));
        assert!(problem(add("cards", "1", "/n", "five")).contains("by must be a number"));
        assert!(problem(set("cards", "1", "/n", u64::MAX)).contains("18446744073709551615"));
    }
}
