//! Prints the JSON Schema of the fixtures:
//! `cargo run -p revring-conformance --features schema --example schema > conformance/schema/fixture.schema.json`.

use std::io::{self, Write as _, stdout};

fn main() -> io::Result<()> {
    stdout().write_all(revring_conformance::fixture::schema_text().as_bytes())
}
