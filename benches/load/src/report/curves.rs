//! A run's curves: latency percentiles, and what happened over time.

use std::collections::BTreeSet;

use super::numbers::{float, per};
use crate::model::{Axis, Latency, Line, Outcome, Plot, Sample};

/// From which ratio between classes on lag is drawn logarithmically: a slow class would else flatten the others.
const WIDE: f64 = 50.0;

/// A plot with what its horizontal axis is.
pub(super) struct Curve {
    pub(super) plot: Plot,
    pub(super) horizontal: Horizontal,
}

/// What a plot's horizontal axis is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Horizontal {
    /// As the plot says.
    AsSaid,
    /// Percentiles: each step from 90 to 99 to 99.9 takes the same width.
    Percentiles,
}

/// All curves of a run that have points.
pub(super) fn of(run: &Outcome) -> Vec<Curve> {
    let over_time = [
        deliveries(run),
        lag(run),
        gaps(run),
        bytes(run),
        cpu(run),
        memory(run),
    ];
    let over_time = over_time.into_iter().map(|plot| Curve {
        plot,
        horizontal: Horizontal::AsSaid,
    });
    std::iter::once(latency(run))
        .chain(over_time)
        .filter(|curve| curve.plot.lines.iter().any(|line| !line.points.is_empty()))
        .collect()
}

fn latency(run: &Outcome) -> Curve {
    let line = |latency: &Latency| {
        // A logarithmic axis has no zero: what took less than a microsecond took one.
        let points = latency.percentiles.iter();
        let points = points.map(|(at, micros)| (*at, float((*micros).max(1)) / 1e3));
        Line {
            name: latency.class.clone(),
            points: points.collect(),
        }
    };
    let measured = run.latency.iter().filter(|latency| latency.count > 0);
    Curve {
        plot: Plot {
            title: "Latency by percentile".to_owned(),
            x: axis("percentile of arrivals", false),
            y: axis("ms from the intended send to the arrival", true),
            lines: measured.map(line).collect(),
        },
        horizontal: Horizontal::Percentiles,
    }
}

fn deliveries(run: &Outcome) -> Plot {
    let step = step(&run.samples);
    over_time(
        run,
        "Deliveries over time",
        "operations/s",
        &[("delivered, over all clients", &|sample| {
            Some(per(sample.deliveries, step))
        })],
    )
}

fn lag(run: &Outcome) -> Plot {
    let samples = run.samples.iter();
    let classes: BTreeSet<&String> = samples.flat_map(|sample| sample.lag.keys()).collect();
    let lines: Vec<Line> = classes
        .into_iter()
        .map(|class| Line {
            name: class.clone(),
            points: run
                .samples
                .iter()
                .filter_map(|sample| Some((sample.at, float(*sample.lag.get(class)?))))
                .collect(),
        })
        .collect();
    let peak = |line: &Line| line.points.iter().map(|(_, lag)| *lag).fold(1.0, f64::max);
    let least = lines.iter().map(peak).fold(f64::INFINITY, f64::min);
    let most = lines.iter().map(peak).fold(1.0, f64::max);
    Plot {
        title: "Lag over time, by class".to_owned(),
        x: axis("seconds", false),
        y: axis("operations behind, at most", most > least * WIDE),
        lines,
    }
}

fn gaps(run: &Outcome) -> Plot {
    over_time(
        run,
        "Gaps and snapshots over time",
        "in each step",
        &[
            ("gaps", &|sample| Some(float(sample.gaps))),
            ("snapshots", &|sample| Some(float(sample.snapshots))),
        ],
    )
}

fn bytes(run: &Outcome) -> Plot {
    over_time(
        run,
        "Bytes per delivered operation",
        "bytes/operation",
        &[("frames and all they hold", &|sample| {
            Some(per(sample.bytes, float(sample.deliveries)))
        })],
    )
}

fn cpu(run: &Outcome) -> Plot {
    over_time(
        run,
        "Processor use over time",
        "% of one processor",
        &[
            ("server", &|sample| sample.server_cpu.map(|cpu| cpu * 100.0)),
            ("load program, busy", &|sample| Some(sample.busy * 100.0)),
        ],
    )
}

fn memory(run: &Outcome) -> Plot {
    over_time(
        run,
        "Server memory over time",
        "MiB",
        &[("its own memory", &|sample| {
            sample.server_memory.map(|bytes| float(bytes) / 1_048_576.0)
        })],
    )
}

/// A line's name and its value in a sample.
type Value<'a> = (&'a str, &'a dyn Fn(&Sample) -> Option<f64>);

fn over_time(run: &Outcome, title: &str, unit: &str, values: &[Value<'_>]) -> Plot {
    let line = |(name, value): &Value<'_>| Line {
        name: (*name).to_owned(),
        points: run
            .samples
            .iter()
            .filter_map(|sample| Some((sample.at, value(sample)?)))
            .filter(|(_, value)| value.is_finite())
            .collect(),
    };
    Plot {
        title: title.to_owned(),
        x: axis("seconds", false),
        y: axis(unit, false),
        lines: values
            .iter()
            .map(line)
            .filter(|line| !line.points.is_empty())
            .collect(),
    }
}

/// The seconds of a step.
fn step(samples: &[Sample]) -> f64 {
    match samples {
        [first, second, ..] => second.at - first.at,
        [only] => only.at,
        [] => 0.0,
    }
}

fn axis(label: &str, logarithmic: bool) -> Axis {
    Axis {
        label: label.to_owned(),
        logarithmic,
    }
}
