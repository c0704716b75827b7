//! What joins cost the writers of a large room: p99 of accepted updates while 50 clients join at once, against the quiet p99.
//!
//! `cargo bench --bench joins [-- --records N --joins N]`

#![allow(
    clippy::cast_precision_loss,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a measurement that cannot be made stops; its figures are printed"
)]

mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use support::{child::Process, crowd, crowd::Crowd, figures, writer::Writer};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|role| role == crowd::ROLE) {
        return crowd::run(&arguments[1..]);
    }
    let records = figures::argument("records", 100_000);
    let joins = figures::argument("joins", 50);
    let (_server, address) = Process::server(0, &["--document-bytes", "256MiB"]);
    let mut writer = Writer::join(&address);
    writer.fill(records, 100);
    println!(
        "joins: a room of {records} records, one update at a time; {joins} clients join at once"
    );
    let mut ratios = Vec::new();
    for _ in 0..5 {
        let mut quiet = Vec::new();
        writer.write(Duration::from_secs(2), 1, 40, |seconds| {
            quiet.push(seconds * 1e6);
        });
        let (busy, took) = while_joining(&mut writer, &address, joins);
        let (quiet, busy) = (p99(quiet), p99(busy));
        println!(
            "  quiet p99 {quiet:.0} us, while joining p99 {busy:.0} us; all had their snapshot after {took:.2} s"
        );
        ratios.push(busy / quiet);
    }
    let (ratio, low, high) = figures::spread(&ratios);
    println!(
        "joins: the p99 while joining is {ratio:.2} times the quiet one ({low:.2} to {high:.2})"
    );
}

fn p99(mut took: Vec<f64>) -> f64 {
    figures::percentile(&mut took, 0.99)
}

/// Microseconds each update took while the crowd joined, and the seconds that took.
fn while_joining(writer: &mut Writer, address: &str, joins: usize) -> (Vec<f64>, f64) {
    let done = Arc::new(AtomicBool::new(false));
    let (flag, address) = (Arc::clone(&done), address.to_owned());
    let crowd = std::thread::spawn(move || {
        let start = Instant::now();
        let crowd = Crowd::start(1, &address, joins, false);
        let took = start.elapsed().as_secs_f64();
        flag.store(true, Ordering::Release);
        (crowd, took)
    });
    let mut busy = Vec::new();
    while !done.load(Ordering::Acquire) {
        writer.write(Duration::from_millis(5), 1, 40, |seconds| {
            busy.push(seconds * 1e6);
        });
    }
    let (_crowd, took) = crowd.join().expect("the crowd joins");
    (busy, took)
}
