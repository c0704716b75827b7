//! Why an edit does not fit.

use crate::{error::Code, value::Path};

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
