//! A store on a disk that loses its power, fails and fills up: SQLite itself over a file system that records what is written and
//! flushed. The names of the tests carry the rules of `protocol/SPEC.md`.
//!
//! `REVRING_CRASH_POINTS`: how many crash points are tried (1,000). `REVRING_CRASH_SEED`: from which seed on (1).
//! `REVRING_CRASH_POINT`: this one alone, of that seed.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test that cannot go on has failed"
)]

mod author;
mod crash;
mod crashes;
mod disk;
mod faults;
mod full_disk;
mod journal;
mod line;
mod plan;
mod recorder;
mod shim;
mod vfs;
mod world;
