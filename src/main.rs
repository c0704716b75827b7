//! The `revring` command.

fn main() {}
