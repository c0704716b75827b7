//! The `revring` command and its store, killed, stopped, starved of disk and started again: what was acknowledged stays.
//!
//! `REVRING_CRASH_KILLS` says how often each test of `kills` kills its server, `REVRING_CRASH_SEED` when; a run prints its seed.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that cannot go on has failed, and says what it did"
)]

mod backups;
mod checkpoints;
mod durability;
mod failing_log;
mod full_disk;
mod kills;
mod ledger;
mod observer;
mod process;
mod refusals;
mod restarts;
mod run;
mod scene;
mod stored;
mod support;
mod wire;
mod writer;
