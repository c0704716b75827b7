//! Runs the reference server, to try a client or a fixture by hand:
//! `cargo run -p revring-conformance --example reference`, then `revring-conformance --url` with the line it prints.

use std::{
    future::pending,
    io::{self, Write as _, stdout},
};

use revring_conformance::reference::{Reference, Settings};

#[tokio::main]
async fn main() -> io::Result<()> {
    let server = Reference::start(Settings::default()).await?;
    writeln!(stdout(), "{}", server.url())?;
    pending().await
}
