//! Runs seeds of the simulation and says what came of them.

#![expect(clippy::print_stdout, reason = "its report is its output")]

use std::{ops::Range, process::ExitCode, str::FromStr};

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use revring_sim::{
    Options, Report,
    batch::{Summary, run_all},
    breakage::Breakage,
    counters::Counter,
    run,
    shrink::shrink,
};

/// Tries to make a failing run shorter.
const SHRINK_TRIES: usize = 400;

/// Simulates rooms, clients, network and disk, with all that goes wrong, from one number.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Runs this seed.
    #[arg(long, conflicts_with = "seeds")]
    seed: Option<u64>,
    /// Runs these seeds, the last one left out; every kind of trouble must then occur.
    #[arg(long, default_value = "0..200", value_name = "A..B")]
    seeds: Span,
    /// Steps of each run before the faults stop.
    #[arg(long, default_value_t = Options::STEPS)]
    steps: u64,
    /// Steps to leave out, as a shrunk run names them.
    #[arg(long, value_name = "A..B", value_delimiter = ',')]
    skip: Vec<Span>,
    /// Prints what happens, step by step.
    #[arg(long)]
    trace: bool,
    /// Breaks a promise on purpose, to see that it is found.
    #[arg(long = "break", value_name = "NAME")]
    breakage: Option<Breakage>,
}

/// Numbers from one to another.
#[derive(Debug, Clone)]
struct Span(Range<u64>);

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text
            .split_once("..")
            .and_then(|(from, to)| Some(from.trim().parse().ok()?..to.trim().parse().ok()?));
        let span = numbers.filter(|span: &Range<u64>| !span.is_empty());
        span.map(Self)
            .ok_or_else(|| format!("{text:?} is not like 0..200"))
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let passed = match arguments.seed {
        Some(seed) => one(&arguments, seed),
        None => many(&arguments),
    };
    if passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn options(arguments: &Arguments, seed: u64) -> Options {
    Options {
        seed,
        steps: arguments.steps,
        skip: arguments.skip.iter().map(|span| span.0.clone()).collect(),
        breakage: arguments.breakage,
        trace: arguments.trace,
    }
}

fn one(arguments: &Arguments, seed: u64) -> bool {
    let options = options(arguments, seed);
    let report = run(&options);
    if arguments.trace {
        report.trace.iter().for_each(|line| println!("{line}"));
    }
    println!("{}", report.counters);
    println!(
        "seed {seed}: {} lines, trace {:016x}",
        report.lines, report.hash
    );
    if report.failure.is_some() {
        tell_failure(
            &options,
            &report,
            !arguments.trace && arguments.skip.is_empty(),
        );
    }
    report.failure.is_none()
}

fn many(arguments: &Arguments) -> bool {
    let seeds = arguments.seeds.0.clone();
    let bar = progress(seeds.end - seeds.start);
    let options = options(arguments, seeds.start);
    let Summary {
        counters,
        hash,
        failure,
    } = run_all(seeds.clone(), &options, &|| bar.inc(1));
    bar.finish_and_clear();
    println!("{counters}");
    if let Some((options, report)) = &failure {
        tell_failure(options, report, true);
        return false;
    }
    println!(
        "seeds {}..{}, {} steps each: all held, traces {hash:016x}",
        seeds.start, seeds.end, arguments.steps
    );
    let missing: Vec<_> = counters.missing().map(Counter::text).collect();
    if missing.is_empty() {
        return true;
    }
    println!("never happened: {}", missing.join(", "));
    // A few seeds need not show everything.
    seeds.end - seeds.start < 200
}

/// A bar on a terminal, nothing elsewhere.
fn progress(seeds: u64) -> ProgressBar {
    let bar = ProgressBar::new(seeds);
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} seeds, {per_sec}, {eta} left");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar
}

/// Says what did not hold, how to see it again, and what led to it.
fn tell_failure(options: &Options, report: &Report, shrinks: bool) {
    let Some(failure) = &report.failure else {
        return;
    };
    let when = failure
        .step
        .map_or("at the end".to_owned(), |step| format!("after step {step}"));
    println!("seed {} failed {when}: {}", options.seed, failure.broken);
    println!("replay: {} --trace", command(options));
    let shrunk = if shrinks {
        shrink(options, SHRINK_TRIES)
    } else {
        None
    };
    if let Some(shrunk) = &shrunk {
        let left = shrunk.options.steps
            - shrunk
                .options
                .skip
                .iter()
                .map(|skip| skip.end - skip.start)
                .sum::<u64>();
        println!(
            "shrunk to {left} steps ({} tries): {} --trace",
            shrunk.tried,
            command(&shrunk.options)
        );
        if let Some(failure) = &shrunk.report.failure {
            println!("which fails with: {}", failure.broken);
        }
    }
    let trace = shrunk
        .as_ref()
        .map_or(&report.trace, |shrunk| &shrunk.report.trace);
    println!("what led to it:");
    let from = trace.len().saturating_sub(50);
    trace[from..].iter().for_each(|line| println!("  {line}"));
}

fn command(options: &Options) -> String {
    let mut command = format!(
        "cargo run --release -p revring-sim -- --seed {} --steps {}",
        options.seed, options.steps
    );
    if let Some(breakage) = options.breakage {
        command.push_str(&format!(" --break {breakage}"));
    }
    let skip: Vec<_> = options
        .skip
        .iter()
        .map(|skip| format!("{}..{}", skip.start, skip.end))
        .collect();
    if !skip.is_empty() {
        command.push_str(&format!(" --skip {}", skip.join(",")));
    }
    command
}
