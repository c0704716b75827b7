//! What is made of runs: medians, spreads and ratios, and how they are written.

use std::fmt;

use crate::model::{Goal, Latency, Outcome, Table};

/// The median of repeated measurements, with the least and the largest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Spread {
    pub(super) median: f64,
    low: f64,
    high: f64,
    /// Measurements that gave no figure, as when nothing arrived.
    without: usize,
}

impl Spread {
    /// That of `values`; of none, not a number.
    pub(super) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let (mut sorted, without): (Vec<f64>, Vec<f64>) =
            values.into_iter().partition(|value| !value.is_nan());
        sorted.sort_by(f64::total_cmp);
        let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
        let half = sorted.len() / 2;
        let median = if sorted.len().is_multiple_of(2) && half > 0 {
            f64::midpoint(at(half - 1), at(half))
        } else {
            at(half)
        };
        Self {
            median,
            low: at(0),
            high: at(sorted.len().saturating_sub(1)),
            without: without.len(),
        }
    }
}

impl fmt::Display for Spread {
    /// `0.95 (0.91 to 0.99)`, and how many gave no figure if any did; the precision is that of each number, 2 if none is given.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = f.precision().unwrap_or(2);
        let Self {
            median,
            low,
            high,
            without,
        } = self;
        if median.is_nan() {
            return f.write_str("no figure");
        }
        write!(f, "{median:.places$} ({low:.places$} to {high:.places$})")?;
        match without {
            0 => Ok(()),
            without => write!(f, ", {without} without a figure"),
        }
    }
}

/// Single delays, each measured.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Delays {
    /// Nanoseconds, in ascending order.
    sorted: Vec<u64>,
}

impl Delays {
    /// The percentiles that are told of a run.
    const PERCENTILES: [f64; 5] = [50.0, 90.0, 99.0, 99.9, 100.0];

    /// Those of so many `nanoseconds`.
    pub(super) fn of(nanoseconds: impl IntoIterator<Item = u64>) -> Self {
        let mut sorted: Vec<u64> = nanoseconds.into_iter().collect();
        sorted.sort_unstable();
        Self { sorted }
    }

    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        self.sorted.len() as u64
    }

    /// Milliseconds that `percent` of them do not exceed; of none, not a number.
    pub(super) fn percentile(&self, percent: f64) -> f64 {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a place among them"
        )]
        let place = (number(self.sorted.len()) * percent / 100.0).ceil() as usize;
        let delay = self.sorted.get(place.saturating_sub(1));
        delay.map_or(f64::NAN, |delay| count(*delay) / 1e6)
    }

    /// The same as latencies of `class`.
    pub(super) fn latency(&self, class: &str) -> Latency {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "microseconds of a delay"
        )]
        let microseconds = |percent| (percent, (self.percentile(percent) * 1e3) as u64);
        Latency {
            class: class.to_owned(),
            count: self.count(),
            percentiles: Self::PERCENTILES.map(microseconds).to_vec(),
        }
    }
}

/// Which side of a bound is the good one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

/// A goal: `what`, with its unit, whose `value` was `seen`.
pub(super) fn goal(what: &str, bound: Bound, value: f64, seen: String) -> Goal {
    let (wanted, met) = match bound {
        Bound::AtLeast(least) => (format!("at least {least}"), value >= least),
        Bound::AtMost(most) => (format!("at most {most}"), value <= most),
    };
    Goal {
        what: what.to_owned(),
        wanted,
        seen,
        met,
    }
}

/// A goal that is met when all checks of `runs` hold, and there are any.
pub(super) fn sound(what: &str, runs: &[Outcome]) -> Goal {
    let checks = || runs.iter().flat_map(|run| &run.checks);
    let failed: Vec<String> = checks()
        .filter(|check| !check.holds)
        .map(|check| format!("{}: {}", check.what, check.detail))
        .collect();
    Goal {
        what: what.to_owned(),
        wanted: "all checks hold".to_owned(),
        seen: match (&*failed, checks().count()) {
            ([], 0) => "nothing was checked".to_owned(),
            ([], all) => format!("{all} checks hold"),
            ([first], _) => first.clone(),
            ([first, rest @ ..], _) => format!("{first}; and {} more", rest.len()),
        },
        met: failed.is_empty() && checks().next().is_some(),
    }
}

/// A table with no rows yet.
pub(super) fn table(title: &str, columns: &[&str]) -> Table {
    Table {
        title: title.to_owned(),
        columns: columns.iter().map(|&column| column.to_owned()).collect(),
        rows: Vec::new(),
    }
}

/// Microseconds of the server's processor for each operation that arrived somewhere.
pub(super) fn cpu_per_delivery(run: &Outcome) -> f64 {
    cpu(run) / count(run.counts.deliveries) * 1e6
}

/// Microseconds of the server's processor for each update.
pub(super) fn cpu_per_update(run: &Outcome) -> f64 {
    cpu(run) / count(run.counts.updates) * 1e6
}

/// Operations that arrived for each second of the server's processor.
pub(super) fn deliveries_per_cpu_second(run: &Outcome) -> f64 {
    count(run.counts.deliveries) / cpu(run)
}

/// Operations that arrived in a second.
pub(super) fn deliveries_per_second(run: &Outcome) -> f64 {
    count(run.counts.deliveries) / run.seconds
}

/// Operations in one message.
pub(super) fn operations_per_frame(run: &Outcome) -> f64 {
    count(run.counts.deliveries) / count(run.counts.frames)
}

/// Bytes of one message with operations, header included.
pub(super) fn bytes_per_frame(run: &Outcome) -> f64 {
    count(run.counts.bytes) / count(run.counts.frames)
}

/// Bytes that arrived for each operation that did.
pub(super) fn bytes_per_operation(run: &Outcome) -> f64 {
    count(run.counts.bytes) / count(run.counts.deliveries)
}

/// Seconds of the server's processor, not a number for a server elsewhere.
pub(super) fn cpu(run: &Outcome) -> f64 {
    run.server
        .as_ref()
        .map_or(f64::NAN, |usage| usage.cpu_seconds)
}

/// The server's processor use, 1 for a whole processor.
pub(super) fn cpu_share(run: &Outcome) -> f64 {
    cpu(run) / run.seconds
}

/// Milliseconds that `percent` of the arrivals of `class` did not exceed; not a number where there were none.
pub(super) fn milliseconds(run: &Outcome, class: &str, percent: f64) -> f64 {
    let of_class = run.latency.iter().find(|latency| latency.class == class);
    let percentiles = of_class.map_or(&[][..], |latency| &latency.percentiles);
    let found = percentiles.iter().find(|(p, _)| (p - percent).abs() < 1e-9);
    found.map_or(f64::NAN, |(_, microseconds)| count(*microseconds) / 1e3)
}

/// A count as it enters a quotient.
#[expect(
    clippy::cast_precision_loss,
    reason = "2^53 of anything does not happen in a run"
)]
pub(super) fn count(n: u64) -> f64 {
    n as f64
}

/// A share of one run's readers and the like: whole numbers as they enter a quotient.
pub(super) fn number(n: usize) -> f64 {
    count(n as u64)
}

/// `part` of `whole` bytes in mebibytes and the like, for people.
pub(super) fn mebibytes(bytes: u64) -> String {
    format!("{:.1}", count(bytes) / f64::from(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_has_the_middle_and_both_ends() {
        assert_eq!(
            Spread::of([3.0, 1.0, 2.0]).to_string(),
            "2.00 (1.00 to 3.00)"
        );
        assert_eq!(format!("{:.1}", Spread::of([4.0, 1.0])), "2.5 (1.0 to 4.0)");
        assert!(Spread::of([]).median.is_nan());
        assert_eq!(Spread::of([f64::NAN]).to_string(), "no figure");
        let partly = Spread::of([f64::NAN, 1.0]);
        assert_eq!(
            partly.to_string(),
            "1.00 (1.00 to 1.00), 1 without a figure"
        );
    }

    #[test]
    fn percentiles_are_delays_that_were_measured() {
        let delays = Delays::of((1..=200).rev().map(|ms| ms * 1_000_000));
        let found = [0.0, 50.0, 99.0, 99.9, 100.0].map(|percent| delays.percentile(percent));
        assert_eq!(found, [1.0, 100.0, 198.0, 200.0, 200.0]);
        let latency = delays.latency("acknowledged");
        assert_eq!(latency.count, 200);
        assert_eq!(latency.percentiles[2], (99.0, 198_000));
        assert!(Delays::of([]).percentile(99.0).is_nan());
    }

    #[test]
    fn a_goal_is_met_on_the_good_side_of_its_bound_and_never_by_nothing() {
        let met = |bound, value| goal("x", bound, value, String::new()).met;
        assert!(met(Bound::AtLeast(0.92), 0.92) && !met(Bound::AtLeast(0.92), 0.91));
        assert!(met(Bound::AtMost(1.3), 1.3) && !met(Bound::AtMost(1.3), 1.31));
        assert!(!met(Bound::AtLeast(0.0), f64::NAN) && !met(Bound::AtMost(9.0), f64::NAN));
        assert_eq!(
            goal("x", Bound::AtMost(1.3), 1.0, String::new()).wanted,
            "at most 1.3"
        );
    }

    #[test]
    fn runs_without_checks_are_not_sound() {
        assert!(!sound("x", &[]).met);
    }
}
