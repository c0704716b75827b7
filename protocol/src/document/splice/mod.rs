//! Splices: applying one, moving it over concurrent ones, composing several (SPEC.md, section S).

mod concurrent;
mod patch;

pub use concurrent::Concurrent;
pub use patch::Patch;

use super::edit_error::EditError;
use crate::{
    change::{Sequence, Splice},
    value::{Path, Value},
};

/// Applies `splice` to `value`, which stands at `path`; `None`: nothing stands there.
pub(super) fn apply(
    value: Option<&mut Value>,
    path: &Path,
    splice: &Splice,
) -> Result<(), EditError> {
    let Splice { at, remove, insert } = splice;
    let length = match (value, insert) {
        (Some(Value::String(text)), Sequence::Text(insert)) => {
            match text_range(text, *at, *remove) {
                Some((start, end)) => {
                    text.replace_range(start..end, insert);
                    return Ok(());
                }
                None => text.chars().count(),
            }
        }
        (Some(Value::Array(items)), Sequence::Items(insert)) => match at.checked_add(*remove) {
            Some(end) if end <= items.len() => {
                items.splice(*at..end, insert.iter().cloned());
                return Ok(());
            }
            _ => items.len(),
        },
        (found, insert) => return Err(insert.wrong_kind(path, found.as_deref())),
    };
    Err(EditError::OutOfBounds {
        path: path.clone(),
        at: *at,
        remove: *remove,
        length,
    })
}

/// The bytes of `remove` code points from the one at `at`; `None` when they reach past the end.
fn text_range(text: &str, at: usize, remove: usize) -> Option<(usize, usize)> {
    let start = byte_offset(text, at)?;
    let length = byte_offset(text.get(start..)?, remove)?;
    Some((start, start + length))
}

/// Where the code point numbered `n` begins; the end counts as one.
fn byte_offset(text: &str, n: usize) -> Option<usize> {
    if text.is_ascii() {
        return (n <= text.len()).then_some(n);
    }
    let mut chars = text.chars();
    if let Some(before) = n.checked_sub(1) {
        chars.nth(before)?;
    }
    Some(text.len() - chars.as_str().len())
}

impl Sequence {
    /// Whether it can be inserted into `value`, which stands at `path`; `None`: nothing stands there.
    pub(crate) fn check_kind(&self, path: &Path, value: Option<&Value>) -> Result<(), EditError> {
        match (self, value) {
            (Self::Text(_), Some(Value::String(_))) | (Self::Items(_), Some(Value::Array(_))) => {
                Ok(())
            }
            (insert, found) => Err(insert.wrong_kind(path, found)),
        }
    }

    fn wrong_kind(&self, path: &Path, found: Option<&Value>) -> EditError {
        let expected = match self {
            Self::Text(_) => "a string",
            Self::Items(_) => "an array",
        };
        let found = found.map_or("nothing", Value::kind);
        EditError::WrongType {
            path: path.clone(),
            expected,
            found,
        }
    }

    /// How many code points or elements it has.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.chars().count(),
            Self::Items(items) => items.len(),
        }
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Text(text) => text.is_empty(),
            Self::Items(items) => items.is_empty(),
        }
    }

    /// An empty sequence of the same kind.
    #[must_use]
    pub fn emptied(&self) -> Self {
        match self {
            Self::Text(_) => Self::Text(String::new()),
            Self::Items(_) => Self::Items(Vec::new()),
        }
    }
}

impl Splice {
    /// Whether it neither removes nor inserts.
    #[must_use]
    pub fn is_noop(&self) -> bool {
        self.remove == 0 && self.insert.is_empty()
    }
}
