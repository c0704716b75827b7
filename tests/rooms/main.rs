//! Rooms over real sockets. The names of the tests carry the rules of `protocol/SPEC.md`.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod closing;
mod delivery;
mod joining;
mod leaving;
mod lifetime;
mod limits;
mod log;
mod presence;
mod puppet;
mod silence;
mod snapshots;
mod support;
mod updates;
mod wire;
