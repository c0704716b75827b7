//! Paths into a record's data: JSON Pointers (RFC 6901) through objects (rule N-3).

use std::{fmt, sync::Arc};

use super::{Object, Value};
use crate::limits::PATH_BYTES;

/// A JSON Pointer to a field inside a record's data.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path {
    text: Arc<str>,
    tokens: Arc<[String]>,
}

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
        let tokens: Result<Vec<String>, _> = rest.split('/').map(unescape).collect();
        Ok(Self {
            text: text.into(),
            tokens: tokens?.into(),
        })
    }

    /// The pointer's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The keys it names, outermost first; never empty.
    #[must_use]
    pub fn tokens(&self) -> &[String] {
        &self.tokens
    }

    /// Whether this path is `other` or an ancestor of it.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        other.tokens.starts_with(&self.tokens)
    }

    /// The value it leads to.
    #[must_use]
    pub fn find<'a>(&self, data: &'a Object) -> Option<&'a Value> {
        let (last, parents) = self.tokens.split_last()?;
        let mut object = data;
        for key in parents {
            object = object.get(key)?.as_object()?;
        }
        object.get(last)
    }

    /// The object that holds the value, and the key in it; `None` when the parent is missing or not an object.
    pub(crate) fn parent_mut<'a>(&self, data: &'a mut Object) -> Option<(&'a mut Object, &str)> {
        let (last, parents) = self.tokens.split_last()?;
        let mut object = data;
        for key in parents {
            let Value::Object(inner) = object.get_mut(key)? else {
                return None;
            };
            object = inner;
        }
        Some((object, last))
    }
}

fn unescape(token: &str) -> Result<String, InvalidPath> {
    let mut out = String::with_capacity(token.len());
    let mut chars = token.chars();
    while let Some(c) = chars.next() {
        out.push(match (c, c == '~') {
            (c, false) => c,
            (_, true) => match chars.next() {
                Some('0') => '~',
                Some('1') => '/',
                _ => return Err(InvalidPath("~ must be written ~0, and / inside a key ~1")),
            },
        });
    }
    Ok(out)
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}
