//! What a run found out, as it is written to JSON and rendered as table, report and page.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Everything that one command measured.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Report {
    /// The machine it ran on.
    pub(crate) machine: Machine,
    /// The command line, from `revring-load` on.
    pub(crate) command: String,
    /// Seconds since 1970 at the start.
    pub(crate) started: u64,
    /// One per scenario, in order; a run without a scenario is one chapter.
    pub(crate) chapters: Vec<Chapter>,
}

/// The machine.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Machine {
    /// As the processor names itself.
    pub(crate) processor: String,
    /// Processors that this program may use.
    pub(crate) processors: usize,
    /// Bytes of memory.
    pub(crate) memory: u64,
    /// Kernel name and release.
    pub(crate) system: String,
}

/// One scenario's findings.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Chapter {
    /// The scenario.
    pub(crate) name: String,
    /// One line: what in real use it stands for.
    pub(crate) stands_for: String,
    /// What was to be reached, and what was.
    pub(crate) goals: Vec<Goal>,
    /// Figures side by side.
    pub(crate) tables: Vec<Table>,
    /// Curves.
    pub(crate) plots: Vec<Plot>,
    /// Each single run.
    pub(crate) runs: Vec<Outcome>,
    /// What a reader should know of how it was measured.
    pub(crate) notes: Vec<String>,
}

/// A figure with a bound.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Goal {
    /// What is measured, with its unit.
    pub(crate) what: String,
    /// The bound in words, as "at least 0.92".
    pub(crate) wanted: String,
    /// What was seen, spread included.
    pub(crate) seen: String,
    /// Whether the bound is met.
    pub(crate) met: bool,
}

/// A table.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Table {
    /// Its heading.
    pub(crate) title: String,
    /// The heads of its columns, units included.
    pub(crate) columns: Vec<String>,
    /// Rows of as many cells, ready to print.
    pub(crate) rows: Vec<Vec<String>>,
}

/// A plot of lines.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Plot {
    /// Its heading; also the stem of its file name, made lower case with hyphens.
    pub(crate) title: String,
    /// What the horizontal axis is, with the unit.
    pub(crate) x: Axis,
    /// What the vertical axis is, with the unit.
    pub(crate) y: Axis,
    /// The lines.
    pub(crate) lines: Vec<Line>,
}

/// An axis.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Axis {
    /// What it is, with the unit.
    pub(crate) label: String,
    /// Whether it is logarithmic.
    pub(crate) logarithmic: bool,
}

/// A line of a plot.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Line {
    /// What it is.
    pub(crate) name: String,
    /// Its points, by x.
    pub(crate) points: Vec<(f64, f64)>,
}

/// One run: one server, one crowd.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// Which run of its chapter it is.
    pub(crate) name: String,
    /// What was under load, as "revring 0.1.0".
    pub(crate) target: String,
    /// What the crowd was told to do, in words and numbers.
    pub(crate) plan: BTreeMap<String, String>,
    /// Seconds measured, ramp and warm-up left out.
    pub(crate) seconds: f64,
    /// What happened in them.
    pub(crate) counts: Counts,
    /// The server's processor and memory; nothing for a server on another machine.
    pub(crate) server: Option<Usage>,
    /// Those of the load itself.
    pub(crate) load: Load,
    /// By class of client: microseconds from the intended send to the arrival. The class `acknowledged` is the authors' own.
    pub(crate) latency: Vec<Latency>,
    /// Over time, in steps of equal length.
    pub(crate) samples: Vec<Sample>,
    /// What was checked, and whether it held.
    pub(crate) checks: Vec<Check>,
}

/// What happened in the measured seconds.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Counts {
    /// Updates sent.
    pub(crate) updates: u64,
    /// Updates acknowledged to their authors.
    pub(crate) acknowledged: u64,
    /// Updates refused, by code.
    pub(crate) refused: BTreeMap<String, u64>,
    /// Operations that arrived, summed over the clients.
    pub(crate) deliveries: u64,
    /// Messages with operations that arrived, summed over the clients.
    pub(crate) frames: u64,
    /// Bytes that arrived, WebSocket headers included.
    pub(crate) bytes: u64,
    /// Connections opened.
    pub(crate) connects: u64,
    /// Joins answered with a delta, or with nothing to catch up on.
    pub(crate) resumes: u64,
    /// Gaps.
    pub(crate) gaps: u64,
    /// Snapshots.
    pub(crate) snapshots: u64,
}

/// A process, in the measured seconds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Usage {
    /// Processor seconds.
    pub(crate) cpu_seconds: f64,
    /// Bytes of its own memory (resident and not of a file) before any client came.
    pub(crate) memory_before: u64,
    /// The most seen.
    pub(crate) memory_peak: u64,
    /// At the end.
    pub(crate) memory_after: u64,
}

/// The load program itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Load {
    /// Share of the measured time in which it had something to do; near 1 it is the bottleneck.
    pub(crate) busy: f64,
    /// Whether the figures are bounds of the load program, not of the server.
    pub(crate) bottleneck: bool,
}

/// How long operations took to arrive, in microseconds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Latency {
    /// The class of clients: `readers`, `replicas`, `slow`, `returning`, `acknowledged`.
    pub(crate) class: String,
    /// Arrivals measured.
    pub(crate) count: u64,
    /// Percentiles with their microseconds: 50, 90, 99, 99.9, 100.
    pub(crate) percentiles: Vec<(f64, u64)>,
}

/// A step of time. Counts are those within the step.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Sample {
    /// Seconds from the start of the load to the step's end.
    pub(crate) at: f64,
    /// Operations that arrived.
    pub(crate) deliveries: u64,
    /// Updates sent.
    pub(crate) updates: u64,
    /// Bytes that arrived.
    pub(crate) bytes: u64,
    /// Gaps.
    pub(crate) gaps: u64,
    /// Snapshots.
    pub(crate) snapshots: u64,
    /// Clients that are live.
    pub(crate) live: u64,
    /// The server's processor use, 1.0 for one whole processor.
    pub(crate) server_cpu: Option<f64>,
    /// Bytes of the server's own memory.
    pub(crate) server_memory: Option<u64>,
    /// Share of the step in which the load program had something to do.
    pub(crate) busy: f64,
    /// By class of client: the most operations that one of them lacks.
    pub(crate) lag: BTreeMap<String, u64>,
}

/// Something that must hold of a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Check {
    /// What must hold.
    pub(crate) what: String,
    /// Whether it does.
    pub(crate) holds: bool,
    /// How often it was looked at, or what was found instead.
    pub(crate) detail: String,
}
