//! The `revring-conformance` command.

fn main() {}
