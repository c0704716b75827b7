//! Time from an update's send to its delta on another client: one idle room, two clients, loopback.
//!
//! `cargo bench --bench latency [-- --updates N]`

#![allow(
    clippy::cast_precision_loss,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a measurement that cannot be made stops; its figures are printed"
)]

mod support;

use std::time::Duration;

use support::{child::Process, crowd, crowd::Crowd, figures, writer::Writer};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|role| role == crowd::ROLE) {
        return crowd::run(&arguments[1..]);
    }
    let seconds = Duration::from_secs(figures::argument("seconds", 3) as u64);
    let (_server, address) = Process::server(0, &[]);
    let _reader = Crowd::start(1, &address, 1, false);
    let mut writer = Writer::join(&address);
    writer.write(Duration::from_millis(200), 1, 40, |_| ());
    let mut took = Vec::new();
    writer.write(seconds, 1, 40, |seconds| {
        took.push(seconds * 1e6);
    });
    let updates = took.len();
    println!(
        "latency: {updates} updates one after the other in an idle room of two clients, from send to delta: p50 {:.0} us, p99 {:.0} us",
        figures::percentile(&mut took, 0.50),
        figures::percentile(&mut took, 0.99),
    );
}
