//! The store on disk, from the outside: what comes back, what is refused and in which words.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod access;
mod closing;
mod images;
mod inspect;
mod support;
mod transfer;
mod verify;
