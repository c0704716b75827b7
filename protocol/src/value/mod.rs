//! JSON values as revring holds them: in range, with one form each, so that every codec and client agrees.

mod canonical;
mod node;
mod number;
mod object;
mod path;
mod serial;

pub use canonical::{canonical, string_size};
pub(crate) use canonical::{write_object, write_string};
pub(crate) use node::{Entries, Node, NodeSeed};
pub use number::Number;
pub use object::{Entry, Iter, Key, Object};
pub use path::{InvalidPath, Path};

/// A JSON value (rule V-1 to V-3).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Value {
    /// `null`
    #[default]
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number in range.
    Number(Number),
    /// A string.
    String(String),
    /// An array.
    Array(Vec<Self>),
    /// An object.
    Object(Object),
}

impl Value {
    /// What kind of value it is, for messages to people.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(n) if n.as_i64().is_some() => "an integer",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }

    /// Its nesting levels: 0 for a scalar, 1 for an object or array of scalars.
    #[must_use]
    pub fn depth(&self) -> usize {
        match self {
            Self::Array(items) => 1 + items.iter().map(Self::depth).max().unwrap_or(0),
            Self::Object(entries) => object_depth(entries),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) => 0,
        }
    }

    /// Its entries if it is an object.
    #[must_use]
    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Self::Object(entries) => Some(entries),
            _ => None,
        }
    }

    /// Its text if it is a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// Its elements if it is an array.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(items) => Some(items),
            _ => None,
        }
    }

    /// Its number if it is one.
    #[must_use]
    pub fn as_number(&self) -> Option<Number> {
        match self {
            Self::Number(n) => Some(*n),
            _ => None,
        }
    }

    /// Its size (rule V-6).
    #[must_use]
    pub fn size(&self) -> usize {
        canonical::size(self)
    }

    /// The value of `value`, a `serde_json` one.
    ///
    /// # Errors
    /// Says which number is out of range.
    pub fn from_json(value: serde_json::Value) -> Result<Self, serde_json::Error> {
        use serde::de::DeserializeSeed as _;
        NodeSeed::new(crate::limits::MESSAGE_DEPTH)
            .deserialize(value)
            .map(Self::from)
    }

    /// Its form as a `serde_json` value.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match self {
            Self::Null => Json::Null,
            Self::Bool(b) => Json::Bool(*b),
            Self::Number(n) => n
                .as_i64()
                .map_or_else(|| Json::from(n.as_f64()), Json::from),
            Self::String(text) => Json::String(text.clone()),
            Self::Array(items) => items.iter().map(Self::to_json).collect(),
            Self::Object(entries) => Json::Object(
                entries
                    .iter()
                    .map(|(key, value)| (key.as_str().to_owned(), value.to_json()))
                    .collect(),
            ),
        }
    }
}

/// The beginning of a text that came from a peer, to be shown in an error.
pub(crate) fn excerpt(text: &str) -> &str {
    const SHOWN: usize = 64;
    text.char_indices()
        .nth(SHOWN)
        .map_or(text, |(end, _)| &text[..end])
}

/// Nesting levels of an object with these entries.
#[must_use]
pub fn object_depth(entries: &Object) -> usize {
    1 + entries.values().map(Value::depth).max().unwrap_or(0)
}

/// Size of an object with these entries (rule V-6).
#[must_use]
pub fn object_size(entries: &Object) -> usize {
    canonical::object_size(entries)
}

impl From<bool> for Value {
    fn from(b: bool) -> Self {
        Self::Bool(b)
    }
}

impl From<Number> for Value {
    fn from(n: Number) -> Self {
        Self::Number(n)
    }
}

impl From<i32> for Value {
    fn from(n: i32) -> Self {
        Self::Number(n.into())
    }
}

impl From<u32> for Value {
    fn from(n: u32) -> Self {
        Self::Number(n.into())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<Vec<Self>> for Value {
    fn from(items: Vec<Self>) -> Self {
        Self::Array(items)
    }
}

impl From<Object> for Value {
    fn from(entries: Object) -> Self {
        Self::Object(entries)
    }
}
