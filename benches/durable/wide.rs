//! CPU per delivery of a server that keeps its rooms on disk, against one that does not.

use std::{path::Path, time::Duration};

use crate::support::{child::Process, crowd::Crowd, figures, writer::Writer};

/// The length of one run.
const RUN: Duration = Duration::from_secs(2);

pub(crate) fn measure(dir: &Path) {
    let (clients, pairs) = (
        figures::argument("clients", 1_000),
        figures::argument("pairs", 5),
    );
    println!(
        "fan-out: 1 room, {clients} clients, {pairs} pairs of {RUN:?}; the ratio is ephemeral / durable CPU per delivery, at least 0.95"
    );
    for window in [1, 8, 64] {
        let runs: Vec<(Run, Run)> = (0..pairs)
            .map(|n| {
                let data = dir.join(format!("fanout-{window}-{n}"));
                let data = data.to_str().expect("a path in UTF-8");
                let durable = serve(clients, window, &["--data-dir", data]);
                (serve(clients, window, &["--ephemeral"]), durable)
            })
            .collect();
        report(window, &runs);
    }
}

struct Run {
    /// Seconds of CPU per operation and client.
    cost: f64,
    operations_per_frame: f64,
}

fn report(window: usize, runs: &[(Run, Run)]) {
    let column =
        |pick: fn(&(Run, Run)) -> f64| figures::spread(&runs.iter().map(pick).collect::<Vec<_>>());
    let (ratio, low, high) = column(|(ephemeral, durable)| ephemeral.cost / durable.cost);
    println!(
        "{window:>3} unanswered: {:.1} and {:.1} operations a frame; {:.2} and {:.2} million deliveries per CPU second; \
         ratio {ratio:.2} ({low:.2} to {high:.2})",
        column(|(ephemeral, _)| ephemeral.operations_per_frame).0,
        column(|(_, durable)| durable.operations_per_frame).0,
        column(|(ephemeral, _)| 1e-6 / ephemeral.cost).0,
        column(|(_, durable)| 1e-6 / durable.cost).0,
    );
}

fn serve(clients: usize, window: usize, arguments: &[&str]) -> Run {
    let mut all = vec!["--ring-ops", "65536", "--ring-bytes", "67108864"];
    all.extend(arguments);
    let (server, address) = Process::server_with(0, &all);
    let mut crowd = Crowd::start(1, &address, clients, false);
    let mut writer = Writer::join(&address);
    writer.write(Duration::from_millis(200), window, 40, |_| ());
    std::thread::sleep(Duration::from_millis(300));
    crowd.mark();
    let before = server.cpu();
    let seen = writer.write(RUN, window, 40, |_| ());
    crowd.wait(seen.bytes);
    let cpu = server.cpu() - before;
    Run {
        cost: cpu / (seen.operations as f64 * clients as f64),
        operations_per_frame: seen.operations as f64 / seen.frames as f64,
    }
}
