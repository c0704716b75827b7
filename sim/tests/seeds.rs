//! What `cargo run -p revring-sim` does: every seed holds, and together they show all that can go wrong.

use revring_sim::{Options, batch::run_all, counters::Counter, run};

const SEEDS: u64 = 200;

#[test]
fn every_seed_holds_and_together_they_show_everything() {
    let summary = run_all(0..SEEDS, &Options::new(0), &|| ());
    if let Some((options, report)) = summary.failure {
        let failure = report.failure.expect("it failed");
        panic!(
            "seed {} failed: {}\n{}\nreplay: cargo run --release -p revring-sim -- --seed {}",
            options.seed,
            failure.broken,
            report.trace.join("\n"),
            options.seed
        );
    }
    let missing: Vec<_> = summary.counters.missing().map(Counter::text).collect();
    assert!(missing.is_empty(), "never happened: {missing:?}");
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in [0, 7, 1_000_003] {
        let options = Options {
            trace: true,
            ..Options::new(seed)
        };
        let (once, again) = (run(&options), run(&options));
        assert_eq!(once.failure, None, "seed {seed}");
        assert_eq!(once.trace, again.trace, "seed {seed}");
        assert_eq!(
            (once.hash, once.counters),
            (again.hash, again.counters),
            "seed {seed}"
        );
        assert_eq!(once.trace.len() as u64, once.lines, "seed {seed}");
    }
}

#[test]
fn other_seeds_give_other_traces() {
    let short = |seed| Options {
        steps: 200,
        ..Options::new(seed)
    };
    let mut hashes: Vec<_> = (0..8).map(|seed| run(&short(seed)).hash).collect();
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), 8);
}

#[test]
fn steps_left_out_do_not_change_what_the_others_do_by_chance() {
    let options = Options {
        steps: 300,
        trace: true,
        ..Options::new(3)
    };
    let whole = run(&options);
    let skipping = Options {
        skip: vec![280..290, 299..300],
        ..options
    };
    let shorter = run(&skipping);
    let steps = |trace: &[String]| -> Vec<String> {
        let kept = trace.iter().filter(|line| !line.contains("clients are at"));
        kept.take(100).cloned().collect()
    };
    assert_eq!(steps(&whole.trace), steps(&shorter.trace));
}
