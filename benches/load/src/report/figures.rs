//! The figures of runs, side by side.

use super::numbers::{NONE, count, float, mebibytes, milliseconds, per, percent, significant};
use crate::model::{Chapter, Latency, Outcome, Table};

/// A column: its head, and a run's cell.
type Column = (&'static str, fn(&Outcome) -> String);

const COLUMNS: [Column; 14] = [
    ("seconds", |run| significant(run.seconds)),
    ("updates/s", |run| {
        significant(per(run.counts.updates, run.seconds))
    }),
    ("deliveries/s", |run| {
        significant(per(run.counts.deliveries, run.seconds))
    }),
    ("ops/frame", |run| {
        significant(per(run.counts.deliveries, float(run.counts.frames)))
    }),
    ("bytes/op", |run| {
        significant(per(run.counts.bytes, float(run.counts.deliveries)))
    }),
    ("server CPU", |run| {
        run.server
            .as_ref()
            .map_or_else(none, |server| percent(server.cpu_seconds / run.seconds))
    }),
    ("µs/delivery", |run| {
        run.server.as_ref().map_or_else(none, |server| {
            significant(server.cpu_seconds * 1e6 / float(run.counts.deliveries))
        })
    }),
    ("peak MiB", |run| {
        run.server
            .as_ref()
            .map_or_else(none, |server| mebibytes(server.memory_peak))
    }),
    ("gaps", |run| unless_zero(run.counts.gaps)),
    ("snapshots", |run| unless_zero(run.counts.snapshots)),
    ("resumes", |run| unless_zero(run.counts.resumes)),
    ("refused", |run| {
        unless_zero(run.counts.refused.values().sum())
    }),
    ("load busy", |run| percent(run.load.busy)),
    ("bound by", |run| {
        if run.load.bottleneck {
            "LOAD".to_owned()
        } else {
            none()
        }
    }),
];

/// What happened in each run of a chapter; nothing without runs.
pub(super) fn runs(chapter: &Chapter) -> Option<Table> {
    if chapter.runs.is_empty() {
        return None;
    }
    let filled = COLUMNS.iter().filter(|(_, cell)| {
        let empty = none();
        chapter.runs.iter().any(|run| cell(run) != empty)
    });
    let columns: Vec<&Column> = filled.collect();
    let heads = ["run", "target"].into_iter();
    Some(Table {
        title: "Runs".to_owned(),
        columns: heads
            .chain(columns.iter().map(|(head, _)| *head))
            .map(str::to_owned)
            .collect(),
        rows: chapter
            .runs
            .iter()
            .map(|run| {
                let mut row = vec![run.name.clone(), run.target.clone()];
                row.extend(columns.iter().map(|(_, cell)| cell(run)));
                row
            })
            .collect(),
    })
}

/// How long operations took, by run and class of client; nothing if no run measured it.
pub(super) fn latencies(runs: &[Outcome]) -> Option<Table> {
    let measured = runs
        .iter()
        .flat_map(|run| run.latency.iter().map(move |latency| (run, latency)))
        .filter(|(_, latency)| latency.count > 0);
    let measured: Vec<(&Outcome, &Latency)> = measured.collect();
    let mut percentiles: Vec<f64> = measured
        .iter()
        .flat_map(|(_, latency)| latency.percentiles.iter().map(|(at, _)| *at))
        .collect();
    percentiles.sort_by(f64::total_cmp);
    percentiles.dedup();
    if percentiles.is_empty() {
        return None;
    }
    let heads = percentiles.iter().map(|at| percentile_head(*at));
    Some(Table {
        title: "Latency in ms, from the intended send to the arrival".to_owned(),
        columns: ["run", "class", "arrivals"]
            .map(str::to_owned)
            .into_iter()
            .chain(heads)
            .collect(),
        rows: measured
            .iter()
            .map(|(run, latency)| {
                let mut row = vec![
                    run.name.clone(),
                    latency.class.clone(),
                    count(latency.count),
                ];
                row.extend(percentiles.iter().map(|at| cell_at(latency, *at)));
                row
            })
            .collect(),
    })
}

/// What a run was told to do, and what it counted, as pairs to read.
pub(super) fn told_and_counted(run: &Outcome) -> (Table, Table) {
    let pair = |(what, value): (&str, String)| vec![what.to_owned(), value];
    let counts = &run.counts;
    let mut counted = vec![
        ("updates sent", count(counts.updates)),
        ("updates acknowledged", count(counts.acknowledged)),
        ("deliveries", count(counts.deliveries)),
        ("frames", count(counts.frames)),
        ("bytes", count(counts.bytes)),
        ("connections opened", count(counts.connects)),
        ("resumes", count(counts.resumes)),
        ("gaps", count(counts.gaps)),
        ("snapshots", count(counts.snapshots)),
    ];
    if let Some(server) = &run.server {
        counted.extend([
            (
                "server CPU",
                format!("{} s", significant(server.cpu_seconds)),
            ),
            ("server memory before", memory(server.memory_before)),
            ("server memory peak", memory(server.memory_peak)),
            ("server memory after", memory(server.memory_after)),
        ]);
    }
    let refused = counts.refused.iter();
    let refused = refused.map(|(code, times)| vec![format!("refused: {code}"), count(*times)]);
    let told = run
        .plan
        .iter()
        .map(|(what, how)| vec![what.clone(), how.clone()]);
    (
        pairs("Told", told.collect()),
        pairs(
            "Counted",
            counted.into_iter().map(pair).chain(refused).collect(),
        ),
    )
}

/// Whether a column holds numbers, which are read from the right.
pub(super) fn is_numeric(table: &Table, column: usize) -> bool {
    let mut cells = table.rows.iter().filter_map(|row| row.get(column));
    let numeric = |cell: &String| cell == NONE || cell.is_empty() || is_number(cell);
    cells.clone().any(|cell| cell != NONE && !cell.is_empty()) && cells.all(numeric)
}

/// Begins as a number does, and has no words but short ones, as units are.
fn is_number(cell: &str) -> bool {
    let words = cell.split(|symbol: char| !symbol.is_alphabetic());
    let longest = words.map(|word| word.chars().count()).max();
    cell.starts_with(|first: char| first.is_ascii_digit() || "+-<>~≤≥".contains(first))
        && longest.unwrap_or(0) <= 3
}

fn pairs(title: &str, rows: Vec<Vec<String>>) -> Table {
    Table {
        title: title.to_owned(),
        columns: vec!["what".to_owned(), "value".to_owned()],
        rows,
    }
}

fn percentile_head(at: f64) -> String {
    if at >= 100.0 {
        "max".to_owned()
    } else {
        format!("p{at}")
    }
}

fn cell_at(latency: &Latency, at: f64) -> String {
    let same = |(other, _): &&(f64, u64)| other.total_cmp(&at).is_eq();
    let found = latency.percentiles.iter().find(same);
    found.map_or_else(none, |(_, micros)| milliseconds(*micros))
}

fn memory(bytes: u64) -> String {
    format!("{} MiB", mebibytes(bytes))
}

fn unless_zero(number: u64) -> String {
    if number == 0 { none() } else { count(number) }
}

fn none() -> String {
    NONE.to_owned()
}
