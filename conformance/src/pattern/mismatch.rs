//! How a value differs from its pattern, in words.

use std::fmt;

use serde_json::Value;

/// Where a value first differs from its pattern.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Mismatch {
    /// The place, as in `ops[0].changes[1].version`.
    pub(crate) path: String,
    /// What is wrong there.
    pub(crate) problem: Problem,
}

/// What is wrong at one place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Problem {
    /// Another value.
    Differs { expected: Value, received: Value },
    /// No value.
    Missing { expected: Value },
    /// A value that should not be there.
    Unexpected { received: Value },
    /// The fixture itself is wrong.
    Fixture(String),
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() {
            "the message"
        } else {
            &self.path
        };
        match &self.problem {
            Problem::Differs { expected, received } => {
                write!(
                    f,
                    "at {path}\n  expected  {}\n  received  {}",
                    Short(expected),
                    Short(received)
                )
            }
            Problem::Missing { expected } => {
                write!(
                    f,
                    "at {path}\n  expected  {}\n  received  nothing",
                    Short(expected)
                )
            }
            Problem::Unexpected { received } => {
                write!(
                    f,
                    "at {path}\n  expected  nothing\n  received  {}",
                    Short(received)
                )
            }
            Problem::Fixture(problem) => write!(f, "at {path}: the fixture is wrong: {problem}"),
        }
    }
}

/// A value in one line of bounded length.
pub(crate) struct Short<'a>(pub(crate) &'a Value);

impl fmt::Display for Short<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 400;
        let text = self.0.to_string();
        match text.char_indices().nth(MOST) {
            Some((end, _)) => write!(f, "{}… ({} bytes)", &text[..end], text.len()),
            None => f.write_str(&text),
        }
    }
}
