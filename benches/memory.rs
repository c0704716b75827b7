//! User-space memory of the server per idle connection: joined, nothing to send, nothing to read.
//!
//! `cargo bench --bench memory [-- --clients N]`. Needs a file limit of the clients plus a few (`ulimit -n`).

#![allow(
    clippy::cast_precision_loss,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a measurement that cannot be made stops; its figures are printed"
)]

mod support;

use support::{child::Process, crowd, crowd::Crowd, figures, writer::Writer};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|role| role == crowd::ROLE) {
        return crowd::run(&arguments[1..]);
    }
    let clients = figures::argument("clients", 10_000);
    let (server, address) = Process::server(
        0,
        &[
            "--max-connections",
            "20000",
            "--max-room-connections",
            "20000",
        ],
    );
    let mut writer = Writer::join(&address);
    writer.fill(10, 100);
    // A first crowd warms up what is allocated once.
    drop(Crowd::start(1, &address, 50, false));
    let before = server.memory();
    let crowd = Crowd::start(1, &address, clients, false);
    let held = server.memory().saturating_sub(before);
    let each = held as f64 / crowd.clients() as f64 / 1024.0;
    println!(
        "memory: {clients} idle connections in one room: {each:.2} KiB of user space each ({held} bytes in all)"
    );
}
