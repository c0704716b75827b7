//! This client as `revring-conformance play` drives it: does what it is told over a control connection.
//!
//! ```sh
//! revring-conformance play --listen 127.0.0.1:7800
//! cargo run -p revring-client --example conformance -- ws://127.0.0.1:7800/play
//! ```

mod adapter;

use std::{env, error::Error};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();
    let url = env::args()
        .nth(1)
        .ok_or("give the url of the control connection")?;
    adapter::follow(&url).await
}
