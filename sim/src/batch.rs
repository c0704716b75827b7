//! Many seeds, on all processors.

use std::{
    num::NonZero,
    ops::Range,
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use crate::{
    counters::Counters,
    run::{Options, Report, run},
};

/// What came of many seeds.
#[derive(Debug)]
pub struct Summary {
    /// What was exercised.
    pub counters: Counters,
    /// The hashes of all traces as one.
    pub hash: u64,
    /// The first seed that failed, and what came of it.
    pub failure: Option<(Options, Report)>,
}

/// Runs every seed of `seeds` as `options` say, up to the first that fails. Calls `done` after each.
#[must_use]
pub fn run_all(seeds: Range<u64>, options: &Options, done: &(dyn Fn() + Sync)) -> Summary {
    let next = AtomicU64::new(seeds.start);
    let end = AtomicU64::new(seeds.end);
    let work = || {
        let mut reports = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end.load(Ordering::Relaxed) {
                return reports;
            }
            let options = Options {
                seed,
                ..options.clone()
            };
            let report = run(&options);
            if report.failure.is_some() {
                // Those before it are still of interest.
                end.fetch_min(seed, Ordering::Relaxed);
            }
            reports.push((options, report));
            done();
        }
    };
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let mut reports: Vec<(Options, Report)> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let joined = workers.into_iter().filter_map(|worker| worker.join().ok());
        joined.flatten().collect()
    });
    reports.sort_by_key(|(options, _)| options.seed);
    let mut summary = Summary {
        counters: Counters::default(),
        hash: 0,
        failure: None,
    };
    for (options, report) in reports {
        summary.counters.merge(&report.counters);
        summary.hash = summary.hash.rotate_left(1) ^ report.hash;
        if report.failure.is_some() {
            summary.failure = Some((options, report));
            break;
        }
    }
    summary
}
