//! Paths into a record's data: JSON Pointers (RFC 6901) through objects (rule N-3).

use std::{borrow::Cow, fmt};

use smol_str::SmolStr;

use super::{Object, Value};
use crate::limits::PATH_BYTES;

/// A JSON Pointer to a field inside a record's data.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(SmolStr);

/// A text that is not a path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("path must be a JSON Pointer such as \"/title\": {0}")]
pub struct InvalidPath(&'static str);

impl Path {
    /// Parses a pointer.
    ///
    /// # Errors
    /// When it is empty, too long, does not start with `/`, or has a `~` that is neither `~0` nor `~1`.
    pub fn parse(text: &str) -> Result<Self, InvalidPath> {
        if text.len() > PATH_BYTES {
            return Err(InvalidPath("longer than 1,024 bytes"));
        }
        let Some(rest) = text.strip_prefix('/') else {
            return Err(InvalidPath(if text.is_empty() {
                "it is empty"
            } else {
                "it must start with /"
            }));
        };
        if rest
            .split('~')
            .skip(1)
            .any(|after| !after.starts_with(['0', '1']))
        {
            return Err(InvalidPath("~ must be written ~0, and / inside a key ~1"));
        }
        Ok(Self(text.into()))
    }

    /// The pointer's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The keys it names, outermost first; at least one.
    pub fn tokens(&self) -> impl DoubleEndedIterator<Item = Cow<'_, str>> {
        self.0[1..].split('/').map(unescape)
    }

    /// Whether this path is `other` or an ancestor of it.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        // Each key has one escaped form.
        let below = other.0.strip_prefix(self.as_str());
        below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
    }

    /// The value it leads to.
    #[must_use]
    pub fn find<'a>(&self, data: &'a Object) -> Option<&'a Value> {
        let mut tokens = self.tokens();
        let last = tokens.next_back()?;
        let mut object = data;
        for key in tokens {
            object = object.get(&key)?.as_object()?;
        }
        object.get(&last)
    }

    /// The object that holds the value, and the key in it; `None` when the parent is missing or not an object.
    pub(crate) fn parent_mut<'a>(
        &self,
        data: &'a mut Object,
    ) -> Option<(&'a mut Object, Cow<'_, str>)> {
        let mut tokens = self.tokens();
        let last = tokens.next_back()?;
        let mut object = data;
        for key in tokens {
            let Value::Object(inner) = object.get_mut(&key)? else {
                return None;
            };
            object = inner;
        }
        Some((object, last))
    }
}

/// The key that an escaped `token` stands for.
fn unescape(token: &str) -> Cow<'_, str> {
    if token.contains('~') {
        // In this order, so that ~01 is ~1.
        token.replace("~1", "/").replace("~0", "~").into()
    } else {
        token.into()
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
