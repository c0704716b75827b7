//! What fixtures say about messages: values with variables, and patterns that messages match or do not.

mod bindings;
mod matching;
mod mismatch;
#[cfg(test)]
mod tests;

pub(crate) use bindings::Bindings;
pub(crate) use matching::{Exactness, matches};
pub(crate) use mismatch::{Mismatch, Short};
