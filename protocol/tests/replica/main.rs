//! The client's half against a server made by hand: sections K, S-8 and F of SPEC.md.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails"
)]

#[path = "../support/mod.rs"]
mod support;

mod answers;
mod gaps;
mod hostile;
mod peer;
mod rebase;
mod sync;
mod turns;
mod updates;
