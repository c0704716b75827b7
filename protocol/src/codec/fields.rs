//! Taking a decoded value apart, with errors that name the field.

use std::{borrow::Cow, fmt::Display};

use crate::{
    ids::{ClientReqId, InvalidName, Rev},
    limits::MAX_SAFE_INTEGER,
    value::{Entries, Node, Number, Object},
};

/// Why bytes are not a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// They cannot be parsed.
    #[error("{0}")]
    Malformed(String),
    /// They parse, but a field is missing, of the wrong type or out of range.
    #[error("{problem}")]
    Invalid {
        /// Which field, and what it must be.
        problem: String,
        /// The id of the update it was to be.
        client_req_id: Option<ClientReqId>,
    },
    /// The message's type is not known.
    #[error("unknown message type {0:?}")]
    UnknownType(String),
}

impl DecodeError {
    pub(super) fn malformed(format: &str, error: &dyn Display) -> Self {
        Self::Malformed(format!("not valid {format}: {error}"))
    }
}

/// A problem with a field, before it is known which message it stands in.
#[derive(Debug)]
pub(super) struct Problem(String);

impl Problem {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The same problem inside `outer`.
    pub(super) fn within(self, outer: impl Display) -> Self {
        Self(format!("{outer}: {}", self.0))
    }

    pub(super) fn invalid(self, client_req_id: Option<ClientReqId>) -> DecodeError {
        DecodeError::Invalid {
            problem: self.0,
            client_req_id,
        }
    }
}

impl From<InvalidName> for Problem {
    fn from(error: InvalidName) -> Self {
        Self(error.to_string())
    }
}

/// The fields of one object or of one positional array.
///
/// In an array a field is found by its place, which callers give in order, so both forms are read by the same code.
pub(super) enum Fields<'de> {
    Named(Entries<'de>),
    Positional(std::vec::IntoIter<Node<'de>>),
}

impl<'de> Fields<'de> {
    /// The fields of an object.
    pub(super) fn named(value: Node<'de>) -> Result<Self, Problem> {
        match value {
            Node::Object(entries) => Ok(Self::Named(entries)),
            other => Err(Problem::new(format!(
                "must be an object, not {}",
                other.kind()
            ))),
        }
    }

    /// The fields of a positional array.
    pub(super) fn positional(value: Node<'de>) -> Result<Self, Problem> {
        match value {
            Node::Array(items) => Ok(Self::Positional(items.into_iter())),
            other => Err(Problem::new(format!(
                "must be an array, not {}",
                other.kind()
            ))),
        }
    }

    /// The field `name`, null included; `None` when it is absent.
    pub(super) fn raw(&mut self, name: &str) -> Option<Node<'de>> {
        match self {
            Self::Named(entries) => {
                let place = entries.iter().position(|(key, _)| key == name)?;
                Some(entries.swap_remove(place).1)
            }
            Self::Positional(items) => items.next(),
        }
    }

    /// The field `name`; null counts as absent.
    pub(super) fn optional(&mut self, name: &str) -> Option<Node<'de>> {
        self.raw(name).filter(|value| !matches!(value, Node::Null))
    }

    pub(super) fn required(&mut self, name: &str) -> Result<Node<'de>, Problem> {
        self.optional(name)
            .ok_or_else(|| Problem::new(format!("{name} is missing")))
    }

    pub(super) fn optional_text(&mut self, name: &str) -> Result<Option<Cow<'de, str>>, Problem> {
        self.optional(name)
            .map(|value| text(name, value))
            .transpose()
    }

    pub(super) fn text(&mut self, name: &str) -> Result<Cow<'de, str>, Problem> {
        text(name, self.required(name)?)
    }

    pub(super) fn optional_integer(&mut self, name: &str) -> Result<Option<u64>, Problem> {
        self.optional(name)
            .map(|value| integer(name, value))
            .transpose()
    }

    pub(super) fn integer(&mut self, name: &str) -> Result<u64, Problem> {
        integer(name, self.required(name)?)
    }

    pub(super) fn rev(&mut self, name: &str) -> Result<Rev, Problem> {
        self.integer(name).map(Rev::new)
    }

    pub(super) fn optional_rev(&mut self, name: &str) -> Result<Option<Rev>, Problem> {
        Ok(self.optional_integer(name)?.map(Rev::new))
    }

    pub(super) fn flag(&mut self, name: &str) -> Result<bool, Problem> {
        match self.optional(name) {
            None => Ok(false),
            Some(Node::Bool(b)) => Ok(b),
            Some(other) => Err(wrong(name, "a boolean", &other)),
        }
    }

    pub(super) fn object(&mut self, name: &str) -> Result<Object, Problem> {
        object(name, self.required(name)?)
    }

    pub(super) fn entries(&mut self, name: &str) -> Result<Entries<'de>, Problem> {
        entries(name, self.required(name)?)
    }

    pub(super) fn array(&mut self, name: &str) -> Result<Vec<Node<'de>>, Problem> {
        match self.required(name)? {
            Node::Array(items) => Ok(items),
            other => Err(wrong(name, "an array", &other)),
        }
    }

    pub(super) fn number(&mut self, name: &str) -> Result<Number, Problem> {
        match self.required(name)? {
            Node::Number(n) => Ok(n),
            other => Err(wrong(name, "a number", &other)),
        }
    }
}

pub(super) fn wrong(name: &str, expected: &str, found: &Node<'_>) -> Problem {
    Problem::new(format!("{name} must be {expected}, not {}", found.kind()))
}

pub(super) fn object(name: &str, value: Node<'_>) -> Result<Object, Problem> {
    entries(name, value).map(Object::from)
}

pub(super) fn entries<'de>(name: &str, value: Node<'de>) -> Result<Entries<'de>, Problem> {
    match value {
        Node::Object(entries) => Ok(entries),
        other => Err(wrong(name, "an object", &other)),
    }
}

fn text<'de>(name: &str, value: Node<'de>) -> Result<Cow<'de, str>, Problem> {
    match value {
        Node::String(text) => Ok(text),
        other => Err(wrong(name, "a string", &other)),
    }
}

fn integer(name: &str, value: Node<'_>) -> Result<u64, Problem> {
    let expected = || format!("an integer from 0 to {MAX_SAFE_INTEGER}");
    match value {
        Node::Number(n) => n
            .as_u64()
            .ok_or_else(|| Problem::new(format!("{name} must be {}, not {n}", expected()))),
        other => Err(wrong(name, &expected(), &other)),
    }
}
