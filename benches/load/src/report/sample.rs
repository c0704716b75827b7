//! A report for tests, like a real one, with text that would do harm if it were not escaped.

use std::collections::BTreeMap;

use crate::model::{
    Axis, Chapter, Check, Counts, Goal, Latency, Line, Load, Machine, Outcome, Plot, Report,
    Sample, Table, Usage,
};

pub(super) fn report() -> Report {
    Report {
        machine: Machine {
            processor: "A processor <of> 2.1 GHz & more".to_owned(),
            processors: 2,
            memory: 24 << 30,
            system: "Linux 6.8.0".to_owned(),
        },
        command: "revring-load scenario fanout slow-readers --json report.json".to_owned(),
        started: 1_763_654_220,
        chapters: vec![fan_out(), slow_readers()],
    }
}

fn fan_out() -> Chapter {
    let ratio = "CPU per delivery, ratio to the bare write loop, 1 operation per batch";
    let deliveries = "operation deliveries/s, 1,000 clients";
    let seen = "4,620,000 (4,510,000 to 4,700,000)";
    let stands_for = "One room that many follow, such as a live score or a shared board.";
    let note = "Server on processor 0, load on processor 1; runs alternate with the write loop's.";
    Chapter {
        name: "fanout".to_owned(),
        stands_for: stands_for.to_owned(),
        goals: vec![
            goal(ratio, "at least 0.92", "0.941 (0.936 to 0.947)", true),
            goal(deliveries, "at least 5,000,000", seen, false),
        ],
        tables: vec![against_the_limit()],
        plots: vec![against_clients(), against_state()],
        runs: (1..=4)
            .map(|pair| outcome(&format!("1,000 clients, pair {pair}"), pair == 2, false))
            .collect(),
        notes: vec![note.to_owned()],
    }
}

fn against_the_limit() -> Table {
    let columns = [
        "server",
        "clients",
        "ns/delivery",
        "limit ns/delivery",
        "ratio",
    ];
    let rows = [
        ["revring 0.1.0", "100", "812", "780", "0.961"],
        ["revring 0.1.0", "1,000", "874", "823", "0.941"],
        ["a|pipe *and* <tag>", "1,000", "2,310", "823", "0.356"],
    ];
    Table {
        title: "Against the bare write loop, median of 5 pairs".to_owned(),
        columns: columns.map(str::to_owned).to_vec(),
        rows: rows.map(|row| row.map(str::to_owned).to_vec()).to_vec(),
    }
}

fn against_clients() -> Plot {
    let line = |name: &str, factor: f64| Line {
        name: name.to_owned(),
        points: [10.0, 100.0, 1000.0, 10_000.0]
            .map(|clients: f64| (clients, factor * (0.9 + 3.0 / clients)))
            .to_vec(),
    };
    Plot {
        title: "CPU per delivery against clients".to_owned(),
        x: axis("clients", true),
        y: axis("µs of server CPU per delivery", false),
        lines: vec![
            line("revring 0.1.0", 0.9),
            line("bare write loop", 0.85),
            line("Bun publish", 1.9),
            line("Socket.IO on Node 22 with connection state recovery", 9.1),
        ],
    }
}

fn against_state() -> Plot {
    let points = vec![(1.0, 3.1), (10.0, 3.2), (1e3, f64::NAN), (1e5, 3.4)];
    let line = |name: &str, points| Line {
        name: name.to_owned(),
        points,
    };
    Plot {
        title: "Cost against state, quotient of nothing included".to_owned(),
        x: axis("records", true),
        y: axis("µs per operation", true),
        lines: vec![line("merge", points), line("nothing", vec![])],
    }
}

fn slow_readers() -> Chapter {
    Chapter {
        name: "slow-readers".to_owned(),
        stands_for: "Phones on a bad network among <script>alert('others')</script>.".to_owned(),
        goals: vec![goal(
            "p99 of the others, against none slow",
            "at most 1.2x",
            "1.08x",
            true,
        )],
        tables: vec![],
        plots: vec![],
        runs: vec![outcome("200 of 1,000 slow", false, true)],
        notes: vec![],
    }
}

fn outcome(name: &str, bottleneck: bool, slow: bool) -> Outcome {
    let checks = [
        (
            "operations arrive in order, without holes",
            true,
            "27,600,000 looked at",
        ),
        (
            "every client ends with the server's checksum",
            !slow,
            "3 of 1,000 differ",
        ),
    ];
    let mut latency = vec![latency("acknowledged", 1), latency("readers", 2)];
    if slow {
        latency.push(self::latency("slow", 900));
    }
    Outcome {
        name: name.to_owned(),
        target: "revring 0.1.0".to_owned(),
        plan: [
            ("readers", "1,000"),
            ("writers", "8"),
            ("pace", "100 updates/s"),
            ("codec", "MessagePack"),
            ("payload", "100 bytes"),
        ]
        .map(|(what, how)| (what.to_owned(), how.to_owned()))
        .into(),
        seconds: 60.0,
        counts: Counts {
            updates: 276_480,
            acknowledged: 276_480,
            refused: if slow {
                [("RATE_LIMITED".to_owned(), 3)].into()
            } else {
                BTreeMap::new()
            },
            deliveries: 276_480_000,
            frames: 34_560_000,
            bytes: 40_366_080_000,
            connects: 1008,
            resumes: 12,
            gaps: if slow { 214 } else { 0 },
            snapshots: if slow { 214 } else { 0 },
        },
        server: Some(Usage {
            cpu_seconds: 57.2,
            memory_before: 9 << 20,
            memory_peak: 31 << 20,
            memory_after: 28 << 20,
        }),
        load: Load {
            busy: if bottleneck { 0.96 } else { 0.71 },
            bottleneck,
        },
        latency,
        samples: (1..=120_u32).map(|step| sample(step, slow)).collect(),
        checks: checks
            .map(|(what, holds, detail)| Check {
                what: what.to_owned(),
                holds,
                detail: detail.to_owned(),
            })
            .to_vec(),
    }
}

fn sample(step: u32, slow: bool) -> Sample {
    let wave = 1.0 + 0.12 * (f64::from(step) / 6.0).sin() + 0.05 * (f64::from(step) * 1.7).cos();
    let part = |whole: u32| u64::from(whole) + u64::from(step * 7919 % (whole / 9 + 1));
    let mut lag = BTreeMap::from([
        ("readers".to_owned(), part(12)),
        ("replicas".to_owned(), part(9)),
    ]);
    if slow {
        lag.insert("slow".to_owned(), u64::from(step % 40) * 310);
    }
    Sample {
        at: f64::from(step) / 2.0,
        deliveries: part(2_300_000),
        updates: part(2300),
        bytes: part(2_300_000) * 118,
        gaps: u64::from(slow && step.is_multiple_of(40)) * 73,
        snapshots: u64::from(slow && step % 40 == 2) * 73,
        live: 1008,
        server_cpu: Some(0.85 * wave),
        server_memory: Some((9 << 20) + part(9 << 20)),
        busy: 0.6 * wave,
        lag,
    }
}

fn latency(class: &str, factor: u64) -> Latency {
    let percentiles = [
        (50.0, 1900),
        (90.0, 2900),
        (99.0, 4100),
        (99.9, 8800),
        (100.0, 21_000),
    ];
    Latency {
        class: class.to_owned(),
        count: 276_480,
        percentiles: percentiles
            .map(|(at, micros)| (at, micros * factor))
            .to_vec(),
    }
}

fn goal(what: &str, wanted: &str, seen: &str, met: bool) -> Goal {
    Goal {
        what: what.to_owned(),
        wanted: wanted.to_owned(),
        seen: seen.to_owned(),
        met,
    }
}

fn axis(label: &str, logarithmic: bool) -> Axis {
    Axis {
        label: label.to_owned(),
        logarithmic,
    }
}
