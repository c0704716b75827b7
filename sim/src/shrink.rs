//! Makes a failing run shorter: fewer steps, then without those that do not matter.

use std::ops::Range;

use crate::run::{Options, Report, run};

/// A run that fails, with few steps.
#[derive(Debug)]
pub struct Shrunk {
    /// What to run.
    pub options: Options,
    /// What comes of it.
    pub report: Report,
    /// Runs that were tried.
    pub tried: usize,
}

/// Makes the failing run `options` shorter, with at most `budget` tries. `None` when it does not fail.
#[must_use]
pub fn shrink(options: &Options, budget: usize) -> Option<Shrunk> {
    let report = run(options);
    let rule = report.failure.as_ref()?.broken.rule;
    let mut search = Search {
        rule,
        best: Shrunk {
            options: options.clone(),
            report,
            tried: 1,
        },
        budget,
    };
    search.shorten();
    search.thin_out();
    Some(search.best)
}

struct Search {
    /// What must go on failing.
    rule: &'static str,
    best: Shrunk,
    budget: usize,
}

impl Search {
    /// Keeps `options` if they fail in the same way.
    fn attempt(&mut self, options: Options) -> bool {
        self.best.tried += 1;
        let report = run(&options);
        let fails = report
            .failure
            .as_ref()
            .is_some_and(|failure| failure.broken.rule == self.rule);
        if fails {
            self.best.options = options;
            self.best.report = report;
        }
        fails
    }

    fn may_try(&self) -> bool {
        self.best.tried < self.budget
    }

    /// Finds the first steps that fail. What came out after a step needs none behind it.
    fn shorten(&mut self) {
        let failure = self.best.report.failure.as_ref();
        if let Some(step) = failure.and_then(|failure| failure.step) {
            self.attempt(self.with_steps(step + 1));
            return;
        }
        let (mut passes, mut fails) = (0, self.best.options.steps);
        while passes + 1 < fails && self.may_try() {
            let middle = passes.midpoint(fails);
            if self.attempt(self.with_steps(middle)) {
                fails = middle;
            } else {
                passes = middle;
            }
        }
    }

    fn with_steps(&self, steps: u64) -> Options {
        Options {
            steps,
            ..self.best.options.clone()
        }
    }

    /// Leaves out what can be, in ever smaller pieces. Each step has randomness of its own, so the others stay as they are.
    fn thin_out(&mut self) {
        let mut size = self.best.options.steps / 2;
        while size > 0 && self.may_try() {
            let mut begin = 0;
            while begin < self.best.options.steps && self.may_try() {
                let range = begin..(begin + size).min(self.best.options.steps);
                begin = range.end;
                if !is_skipped(&self.best.options, &range) {
                    self.attempt(self.without(range));
                }
            }
            size /= 2;
        }
    }

    fn without(&self, range: Range<u64>) -> Options {
        let mut options = self.best.options.clone();
        options.skip.push(range);
        options.skip = merged(options.skip);
        options
    }
}

fn is_skipped(options: &Options, range: &Range<u64>) -> bool {
    let within = |skip: &Range<u64>| skip.start <= range.start && range.end <= skip.end;
    options.skip.iter().any(within)
}

fn merged(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.sort_by_key(|range| range.start);
    let mut merged: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}
