//! The axes of plots: where a value lies, and which values are marked.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

/// Marks of a linear axis, about.
const MARKS: f64 = 5.0;
/// Decades of a logarithmic axis that get a mark each; more get one every so many.
const DECADES: i32 = 6;
/// Decades within which a logarithmic axis is marked at 1, 2 and 5.
const FEW_DECADES: i32 = 2;

/// An axis.
#[derive(Debug, Clone)]
pub(super) struct Scale {
    kind: Kind,
    /// Its ends, as `Kind::along` gives them.
    ends: (f64, f64),
    marks: Vec<Mark>,
    /// Where lines without a label lie.
    between: Vec<f64>,
}

#[derive(Debug, Clone)]
struct Mark {
    value: f64,
    label: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Linear,
    Logarithmic,
    /// By the logarithm of the part that lies beyond.
    Percentiles {
        /// So many nines are a whole, which has no end of them.
        nines_of_all: i32,
    },
}

impl Kind {
    fn along(self, value: f64) -> f64 {
        match self {
            Self::Linear => value,
            Self::Logarithmic => value.log10(),
            Self::Percentiles { nines_of_all } => {
                let beyond = (100.0 - value) / 100.0;
                let most = f64::from(nines_of_all);
                if beyond > 0.0 {
                    (-beyond.log10()).min(most)
                } else {
                    most
                }
            }
        }
    }
}

impl Scale {
    /// For values from nought or the least to the greatest. With `to_a_mark` it ends at one.
    pub(super) fn linear(values: &[f64], to_a_mark: bool) -> Self {
        let (least, greatest) = bounds(values).unwrap_or((0.0, 1.0));
        let mut greatest = greatest.max(0.0);
        let least = if least > greatest / 2.0 && !to_a_mark {
            least
        } else {
            least.min(0.0)
        };
        if greatest <= least {
            greatest = least + 1.0;
        }
        let step = round_step((greatest - least) / MARKS);
        let first = (least / step).floor();
        let last = if to_a_mark {
            (greatest / step - 1e-9).ceil()
        } else {
            (greatest / step + 1e-9).floor()
        };
        let count = ((last - first) + 1e-9).clamp(0.0, 20.0);
        let marks = (0..=20_u8)
            .map(f64::from)
            .filter(|index| *index <= count)
            .map(|index| Mark::with_step((first + index) * step, step))
            .collect();
        let low = if to_a_mark || least <= 0.0 {
            first * step
        } else {
            least
        };
        Self {
            kind: Kind::Linear,
            ends: (low, greatest.max(last * step)),
            marks,
            between: Vec::new(),
        }
    }

    /// For positive values, in decades; others lie at its low end.
    pub(super) fn logarithmic(values: &[f64]) -> Self {
        let positive: Vec<f64> = values
            .iter()
            .copied()
            .filter(|value| *value > 0.0)
            .collect();
        let (least, greatest) = bounds(&positive).unwrap_or((1.0, 10.0));
        let (least, greatest) = (least.log10(), greatest.log10());
        let (low, high) = (whole(least, false), whole(greatest, true));
        let (low, high) = if low == high {
            (low, high + 1)
        } else {
            (low, high)
        };
        let few = high - low <= FEW_DECADES;
        let stride = (high - low + DECADES - 1) / DECADES;
        let mut marks = Vec::new();
        let mut between = Vec::new();
        for decade in low..=high {
            let start = 10_f64.powi(decade);
            if (decade - low) % stride.max(1) == 0 {
                marks.push(Mark::of(start));
            }
            for digit in 2..10_i32 {
                let value = start * f64::from(digit);
                if few && matches!(digit, 2 | 5) {
                    marks.push(Mark::of(value));
                } else if stride <= 1 {
                    between.push(value);
                }
            }
        }
        Self {
            kind: Kind::Logarithmic,
            ends: ends_around((least, greatest), &marks, (low, high)),
            marks,
            between,
        }
    }

    /// For percentiles, of which 100 is one.
    pub(super) fn percentiles(values: &[f64]) -> Self {
        let below_all = values.iter().copied().filter(|value| *value < 100.0);
        let nines = below_all
            .map(|value| whole(-((100.0 - value) / 100.0).log10(), true))
            .fold(1, i32::max);
        let kind = Kind::Percentiles {
            nines_of_all: nines + 1,
        };
        let mut marks: Vec<Mark> = [("50 %".to_owned(), 50.0)]
            .into_iter()
            .chain((1..=nines).map(|nines| {
                let value = 100.0 - 100.0 * 10_f64.powi(-nines);
                let digits = usize::try_from(nines - 2).unwrap_or(0);
                (format!("{value:.digits$} %"), value)
            }))
            .map(|(label, value)| Mark { value, label })
            .collect();
        let whole = values.iter().any(|value| *value >= 100.0);
        if whole {
            marks.push(Mark {
                value: 100.0,
                label: "max".to_owned(),
            });
        }
        let least = bounds(values).map_or(50.0, |(least, _)| least.clamp(0.0, 50.0));
        let high = if whole { nines + 1 } else { nines };
        Self {
            kind,
            ends: (kind.along(least), f64::from(high)),
            marks,
            between: Vec::new(),
        }
    }

    /// Whether a value has a place here.
    pub(super) fn holds(&self, value: f64) -> bool {
        value.is_finite() && (self.kind != Kind::Logarithmic || value > 0.0)
    }

    /// The value itself, or the one at the near end for one that lies beyond.
    pub(super) fn within(&self, value: f64) -> f64 {
        if self.kind == Kind::Logarithmic && value <= 0.0 {
            10_f64.powf(self.ends.0)
        } else {
            value
        }
    }

    /// The label of the mark at a value.
    pub(super) fn label(&self, value: f64) -> String {
        let mut marks = self.marks.iter();
        let found = marks.find(|mark| mark.value.total_cmp(&value).is_eq());
        found.map(|mark| mark.label.clone()).unwrap_or_default()
    }

    /// Characters of the longest label.
    pub(super) fn label_width(&self) -> usize {
        let labels = self.marks.iter().map(|mark| mark.label.chars().count());
        labels.max().unwrap_or(0)
    }

    fn part(&self, value: f64) -> f64 {
        let (low, high) = self.ends;
        (self.kind.along(value) - low) / (high - low)
    }

    fn shown(&self, values: impl Iterator<Item = f64>) -> Vec<f64> {
        let inside = -1e-6..=1.0 + 1e-6;
        values
            .filter(|value| inside.contains(&self.part(*value)))
            .collect()
    }
}

impl Ranged for Scale {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    #[expect(
        clippy::cast_possible_truncation,
        reason = "saturates, and pixels lie far within"
    )]
    fn map(&self, value: &f64, (start, end): (i32, i32)) -> i32 {
        let part = self.part(*value).clamp(0.0, 1.0);
        (f64::from(start) + f64::from(end - start) * part).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() {
            self.shown(self.between.iter().copied())
        } else {
            self.shown(self.marks.iter().map(|mark| mark.value))
        }
    }

    fn range(&self) -> Range<f64> {
        self.ends.0..self.ends.1
    }
}

impl ValueFormatter<f64> for Scale {
    fn format_ext(&self, value: &f64) -> String {
        self.label(*value)
    }
}

impl Mark {
    /// With as many decimals as the step between marks has.
    fn with_step(value: f64, step: f64) -> Self {
        let label = shortened(value, step);
        Self { value, label }
    }

    fn of(value: f64) -> Self {
        Self::with_step(value, 10_f64.powf(value.log10().floor()))
    }
}

/// The marks around the values, so that those fill the plot; but never less than a decade, in which what hardly changes looks flat.
fn ends_around((least, greatest): (f64, f64), marks: &[Mark], decades: (i32, i32)) -> (f64, f64) {
    let along = || marks.iter().map(|mark| mark.value.log10());
    let start = along().rfind(|at| *at <= least + 1e-9);
    let end = along().find(|at| *at >= greatest - 1e-9);
    match (start, end) {
        (Some(start), Some(end)) if end - start > 1.0 - 1e-9 => (start, end),
        _ => (f64::from(decades.0), f64::from(decades.1)),
    }
}

/// A number in few characters: `1.5M`, `20k`, `300`, `0.02`. `step` tells how exact it has to be.
fn shortened(value: f64, step: f64) -> String {
    let (unit, letter) = match value.abs() {
        size if size >= 1e15 || (size > 0.0 && step < 1e-4) => return format!("{value:.0e}"),
        size if size >= 1e9 => (1e9, "G"),
        size if size >= 1e6 => (1e6, "M"),
        size if size >= 1e3 => (1e3, "k"),
        _ => (1.0, ""),
    };
    let decimals = usize::try_from(-whole((step / unit).log10(), false)).unwrap_or(0);
    let text = format!("{:.*}", decimals.min(9), value / unit);
    format!("{text}{letter}")
}

/// 1, 2 or 5 of a decade, at least as large.
fn round_step(step: f64) -> f64 {
    let decade = 10_f64.powf(step.log10().floor());
    let rounds = [1.0, 2.0, 5.0, 10.0].map(|digit| digit * decade);
    let found = rounds.into_iter().find(|round| *round >= step * 0.999);
    let found = found.unwrap_or(10.0 * decade);
    if found.is_finite() && found > 0.0 {
        found
    } else {
        1.0
    }
}

fn bounds(values: &[f64]) -> Option<(f64, f64)> {
    let finite = values.iter().copied().filter(|value| value.is_finite());
    let least = finite.clone().min_by(f64::total_cmp)?;
    let greatest = finite.max_by(f64::total_cmp)?;
    Some((least, greatest))
}

/// The whole number below or above, as an exponent of ten.
#[expect(
    clippy::cast_possible_truncation,
    reason = "saturates; exponents of ten have three digits"
)]
fn whole(value: f64, up: bool) -> i32 {
    if up {
        (value - 1e-9).ceil() as i32
    } else {
        (value + 1e-9).floor() as i32
    }
}

#[cfg(test)]
mod tests {
    use plotters::coord::ranged1d::BoldPoints;

    use super::*;

    fn labels(scale: &Scale) -> Vec<String> {
        let marks = scale.key_points(BoldPoints(10));
        marks.iter().map(|mark| scale.label(*mark)).collect()
    }

    #[test]
    fn linear_axes_begin_at_nought_and_are_marked_at_round_numbers() {
        let scale = Scale::linear(&[4.6e6, 5.1e6], true);
        assert_eq!(labels(&scale), ["0", "2M", "4M", "6M"]);
        assert_eq!(scale.map(&0.0, (0, 600)), 0);
        assert_eq!(scale.map(&6e6, (0, 600)), 600);
        let scale = Scale::linear(&[0.5, 60.0], false);
        assert_eq!(labels(&scale), ["0", "20", "40", "60"]);
        let scale = Scale::linear(&[0.02, 0.13], true);
        assert_eq!(labels(&scale), ["0.00", "0.05", "0.10", "0.15"]);
    }

    #[test]
    fn logarithmic_axes_are_marked_in_decades_or_in_1_2_5() {
        let scale = Scale::logarithmic(&[1.0, 100_000.0]);
        assert_eq!(labels(&scale), ["1", "10", "100", "1k", "10k", "100k"]);
        let scale = Scale::logarithmic(&[3.0, 45.0]);
        assert_eq!(labels(&scale), ["2", "5", "10", "20", "50"]);
        let scale = Scale::logarithmic(&[1e-3, 1e12]);
        assert!(labels(&scale).len() <= 7, "{:?}", labels(&scale));
    }

    #[test]
    fn what_hardly_changes_looks_flat_on_a_logarithmic_axis() {
        let scale = Scale::logarithmic(&[3.1, 3.4]);
        assert_eq!(labels(&scale), ["1", "2", "5", "10"]);
        assert_eq!(scale.within(0.0), 1.0);
        assert!(!scale.holds(0.0) && !scale.holds(f64::NAN));
    }

    #[test]
    fn percentiles_take_the_same_width_for_each_nine() {
        let scale = Scale::percentiles(&[50.0, 90.0, 99.0, 99.9, 100.0]);
        assert_eq!(labels(&scale), ["50 %", "90 %", "99 %", "99.9 %", "max"]);
        let at = |value: f64| scale.map(&value, (0, 3699));
        assert_eq!(at(99.0) - at(90.0), at(99.9) - at(99.0));
        assert_eq!(at(100.0), 3699);
    }

    #[test]
    fn axes_of_nothing_and_of_one_value_have_a_length() {
        for values in [[].as_slice(), &[0.0], &[7.0], &[f64::NAN], &[-3.0, -2.0]] {
            for scale in [
                Scale::linear(values, true),
                Scale::linear(values, false),
                Scale::logarithmic(values),
                Scale::percentiles(values),
            ] {
                let Range { start, end } = scale.range();
                assert!(
                    start.is_finite() && end.is_finite() && start < end,
                    "{values:?}: {scale:?}"
                );
            }
        }
    }
}
