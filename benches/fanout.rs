//! CPU that the server spends per delivery, against a bare `write(2)` loop over as many sockets with frames of the same size.
//!
//! One room, 1,000 clients in a drain process that only reads, one writer that writes as fast as its window allows. The loop is
//! paced in the same way, and the drain never sleeps: what a write costs the kernel depends on both. Runs are paired: server, loop,
//! server, loop. The ratio is loop / server: 1.00 is the limit, 0.85 the least that is acceptable.
//!
//! `cargo bench --bench fanout [-- --clients N --seconds S --pairs P]`

#![allow(
    clippy::cast_precision_loss,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a measurement that cannot be made stops; its figures are printed"
)]

mod support;

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    time::{Duration, Instant},
};

use support::{child::Process, crowd, crowd::Crowd, figures, writer::Writer};

const WRITE_LOOP: &str = "write-loop";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some(crowd::ROLE) => return crowd::run(&arguments[1..]),
        Some(WRITE_LOOP) => return write_loop(&arguments[1..]),
        _ => {}
    }
    let clients = figures::argument("clients", 1_000);
    let seconds = Duration::from_secs(figures::argument("seconds", 3) as u64);
    let pairs = figures::argument("pairs", 5);
    println!(
        "fan-out: 1 room, {clients} clients, {pairs} pairs of {seconds:?}; the ratio is loop / server, 1.00 is the limit"
    );
    for window in [1, 8, 64] {
        let runs: Vec<Pair> = (0..pairs).map(|_| pair(clients, seconds, window)).collect();
        report(window, &runs);
    }
}

struct Pair {
    /// Microseconds of the server per frame and client.
    server: f64,
    /// Microseconds of the bare loop per frame and client.
    bare: f64,
    operations_per_frame: f64,
    deliveries_per_cpu_second: f64,
    bytes: u64,
}

fn report(window: usize, runs: &[Pair]) {
    let column =
        |pick: fn(&Pair) -> f64| figures::spread(&runs.iter().map(pick).collect::<Vec<_>>());
    let (ratio, low, high) = column(|run| run.bare / run.server);
    let (server, bare) = (column(|run| run.server).0, column(|run| run.bare).0);
    println!(
        "{window:>3} unanswered: {:.1} operations and {} bytes a frame; server {server:.2} us, loop {bare:.2} us per frame and client; \
         ratio {ratio:.2} ({low:.2} to {high:.2}); {:.2} million operation deliveries per CPU second",
        column(|run| run.operations_per_frame).0,
        runs[0].bytes,
        column(|run| run.deliveries_per_cpu_second).0 / 1e6,
    );
}

fn pair(clients: usize, duration: Duration, window: usize) -> Pair {
    let (server, seen) = serve(clients, duration, window);
    let bytes = seen.bytes / seen.frames;
    let bare = bare(clients, duration, bytes);
    let deliveries = seen.frames as f64 * clients as f64;
    Pair {
        server: server / deliveries * 1e6,
        bare,
        operations_per_frame: seen.operations as f64 / seen.frames as f64,
        deliveries_per_cpu_second: seen.operations as f64 * clients as f64 / server,
        bytes,
    }
}

/// CPU seconds of the server, and what it sent.
fn serve(clients: usize, duration: Duration, window: usize) -> (f64, support::writer::Seen) {
    let (server, address) =
        Process::server(0, &["--ring-ops", "65536", "--ring-bytes", "67108864"]);
    let mut crowd = Crowd::start(1, &address, clients, false);
    let mut writer = Writer::join(&address);
    writer.write(Duration::from_millis(200), window, 40, |_| ());
    std::thread::sleep(Duration::from_millis(300));
    crowd.mark();
    let before = server.cpu();
    let seen = writer.write(duration, window, 40, |_| ());
    crowd.wait(seen.bytes);
    (server.cpu() - before, seen)
}

/// Microseconds of CPU that a bare loop spends per write.
fn bare(clients: usize, duration: Duration, bytes: u64) -> f64 {
    let (count, seconds) = (clients.to_string(), duration.as_secs().to_string());
    let mut program = Process::role(0, &[WRITE_LOOP, &count, &bytes.to_string(), &seconds]);
    let address = program.line();
    let mut crowd = Crowd::start(1, &address, clients, true);
    let pacer = TcpStream::connect(&address).expect("the loop listens");
    pacer.set_nodelay(true).expect("a TCP socket");
    let pacer = std::thread::spawn(move || pace(pacer, bytes));
    let before = program.cpu();
    let rounds: u64 = program.ask("go").parse().expect("a number of rounds");
    let cpu = program.cpu() - before;
    crowd.wait(rounds * bytes);
    drop(program);
    pacer.join().expect("the pacer ends with the loop");
    cpu / (rounds as f64 * clients as f64) * 1e6
}

/// Answers each frame with a byte, as a writer answers the delta of its update with the next one.
fn pace(mut socket: TcpStream, bytes: u64) {
    let mut frame = vec![0; usize::try_from(bytes).expect("a frame in memory")];
    while socket.read_exact(&mut frame).is_ok() && socket.write_all(b".").is_ok() {}
}

/// Runs the role: writes `bytes` to each of `clients` sockets, round after round, and prints how many rounds there were. As
/// in a room, the next round begins when the last client, which is the writer, has had its frame and answered.
fn write_loop(arguments: &[String]) {
    let [clients, bytes, seconds] = arguments else {
        panic!("write-loop CLIENTS BYTES SECONDS")
    };
    let clients: usize = clients.parse().expect("a number of clients");
    let frame = vec![b'x'; bytes.parse().expect("a number of bytes")];
    let duration = Duration::from_secs(seconds.parse().expect("a number of seconds"));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    println!("{}", listener.local_addr().expect("a bound socket"));
    let accept = |_| {
        let (socket, _) = listener.accept().expect("a client");
        socket.set_nodelay(true).expect("a TCP socket");
        socket
    };
    let mut sockets: Vec<_> = (0..clients).map(accept).collect();
    let mut pacer = accept(clients);
    let mut go = [0; 3];
    std::io::stdin().read_exact(&mut go).expect("the word go");
    let (start, mut rounds) = (Instant::now(), 0_u64);
    while start.elapsed() < duration {
        for socket in &mut sockets {
            socket.write_all(&frame).expect("the crowd reads");
        }
        pacer.write_all(&frame).expect("the pacer reads");
        pacer.read_exact(&mut [0]).expect("the pacer answers");
        rounds += 1;
    }
    println!("{rounds}");
    // The sockets stay open until all has been read.
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}
