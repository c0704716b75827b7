//! What durability costs: accepted updates against a raw append and `fdatasync` of the same bytes, and the opening of rooms with a
//! long past.
//!
//! Both run in one command on one disk. The store is made in a directory beside the build; `--dir` names another.
//!
//! `cargo bench --bench durable [-- --rounds R --past N --dir DIR]`

#![allow(
    clippy::cast_precision_loss,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a measurement that cannot be made stops; its figures are printed"
)]

mod durable {
    pub(crate) mod child;
    pub(crate) mod figures;
    pub(crate) mod open;
    pub(crate) mod rooms;
    pub(crate) mod throughput;
}

use std::path::{Path, PathBuf};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments
        .first()
        .is_some_and(|role| role == durable::open::ROLE)
    {
        return durable::open::run(&arguments[1..]);
    }
    let mut named = arguments.iter().skip_while(|argument| *argument != "--dir");
    let dir = named
        .nth(1)
        .map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")), PathBuf::from);
    let dir = tempfile::tempdir_in(dir).expect("a directory on the disk to be measured");
    let measure = |name: &str, measure: fn(&Path)| {
        let only = arguments
            .iter()
            .any(|argument| PARTS.contains(&argument.as_str()));
        if !only || arguments.iter().any(|argument| argument == name) {
            measure(dir.path());
        }
    };
    measure(PARTS[0], durable::throughput::measure);
    measure(PARTS[1], durable::open::measure);
}

/// Names that choose a part; none: all.
const PARTS: [&str; 2] = ["throughput", "open"];
