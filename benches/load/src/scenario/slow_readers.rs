//! A fifth of a room's clients read a hundredth of what comes.

use std::time::Duration;

use super::{
    Findings, ScenarioError,
    figures::{Bound, Spread, bytes_per_frame, count, goal, mebibytes, milliseconds, sound, table},
    lab::{Lab, plan},
};
use crate::{
    model::{Check, Counts, Goal, Outcome},
    plan::{Pace, Plan, Slow},
};

const READERS: usize = 1000;
const SLOW: usize = 200;
/// Updates each second.
const RATE: f64 = 50.0;
/// Operations in a ring that holds all that a slow client has missed.
const ENOUGH: &str = "16384";

/// A run with all that came of it, and what happened while the slow clients caught up after it.
struct Run {
    outcome: Outcome,
    caught_up: Counts,
}

/// The same load with rings of one size: without slow clients, and with some.
struct Pass {
    quick: Run,
    slow: Run,
}

pub(super) fn carry_out(lab: &Lab<'_>) -> Result<Findings, ScenarioError> {
    // So few that slow clients fall out of the ring before the end.
    let too_few = lab.pick("128", "64");
    let (mut small, mut large) = (Vec::new(), Vec::new());
    for pass in 1..=lab.pick(2, 1) {
        small.push(beside(lab, &format!("pass {pass}, small ring"), too_few)?);
        large.push(beside(lab, &format!("pass {pass}, large ring"), ENOUGH)?);
    }
    for Pass { slow, .. } in &mut small {
        slow.check("every slow client is told of a gap", |gaps| {
            gaps >= SLOW as u64
        });
    }
    for Pass { slow, .. } in &mut large {
        slow.check("no one is told of a gap", |gaps| gaps == 0);
    }
    Ok(findings(&small, &large))
}

/// The load without slow clients and with some, against servers with a ring of `ring` operations.
fn beside(lab: &Lab<'_>, name: &str, ring: &str) -> Result<Pass, ScenarioError> {
    let quick = load(lab, &room(lab, format!("{name}, none slow")), ring)?;
    let slow = Slow {
        clients: SLOW,
        bytes_per_second: a_hundredth(bytes_per_frame(&quick.outcome) * RATE),
    };
    let plan = Plan {
        slow: Some(slow),
        ..room(lab, format!("{name}, {SLOW} slow"))
    };
    let slow = load(lab, &plan, ring)?;
    Ok(Pass { quick, slow })
}

impl Run {
    /// Checks the gaps from the first update until all have caught up.
    fn check(&mut self, what: &str, holds: impl Fn(u64) -> bool) {
        let gaps = self.outcome.counts.gaps + self.caught_up.gaps;
        self.outcome.checks.push(Check {
            what: what.to_owned(),
            holds: holds(gaps),
            detail: format!("{gaps} gaps for {SLOW} slow clients"),
        });
    }
}

/// Operations of 2 kB: so much that kernel buffers do not hide for long that a client is slow.
fn room(lab: &Lab<'_>, name: String) -> Plan {
    Plan {
        readers: READERS,
        pace: Pace::Rate(RATE),
        payload: 2000,
        records: 100,
        record_bytes: 2000,
        duration: lab.pick(Duration::from_secs(6), Duration::from_secs(4)),
        ..plan(name)
    }
}

fn load(lab: &Lab<'_>, plan: &Plan, ring: &str) -> Result<Run, ScenarioError> {
    let server = lab.revring(&["--ring-ops", ring, "--ring-bytes", "64MiB"])?;
    let mut crowd = server.crowd(plan)?;
    crowd.connect(lab.progress)?;
    crowd.warm_up()?;
    lab.progress.phase("measure", plan.duration.as_secs());
    crowd.begin_measuring()?;
    crowd.run_for(plan.duration)?;
    crowd.stop();
    // What is on its way counts, too.
    crowd.run_for(Duration::from_millis(500))?;
    crowd.end_measuring()?;
    let mut outcome = crowd.outcome();
    // Nothing is missed between: what comes from here on counts as catching up.
    crowd.begin_measuring()?;
    crowd.settle()?;
    crowd.end_measuring()?;
    outcome.checks = crowd.verify()?.to_vec();
    let after = crowd.outcome();
    if let (Some(usage), Some(after)) = (&mut outcome.server, &after.server) {
        usage.memory_peak = usage.memory_peak.max(after.memory_peak);
        usage.memory_after = after.memory_after;
    }
    Ok(Run {
        outcome,
        caught_up: after.counts,
    })
}

fn a_hundredth(bytes: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "bytes in a second"
    )]
    let bytes = (bytes / 100.0) as u64;
    bytes
}

fn findings(small: &[Pass], large: &[Pass]) -> Findings {
    let passes = || {
        small
            .iter()
            .zip(large)
            .flat_map(|(small, large)| [small, large])
    };
    let runs = || passes().flat_map(|pass| [&pass.quick, &pass.slow]);
    let mut figures = table(
        "1,000 clients of one room, 200 of them reading 100 times too slowly",
        &[
            "run",
            "p50 of the others, ms",
            "p99 of the others, ms",
            "server's memory, MiB",
            "gaps before catching up",
            "on catching up",
            "snapshots on catching up",
        ],
    );
    for Run { outcome, caught_up } in runs() {
        figures.rows.push(vec![
            outcome.name.clone(),
            format!("{:.2}", milliseconds(outcome, "readers", 50.0)),
            format!("{:.2}", p99(outcome)),
            memory(outcome).map_or_else(String::new, mebibytes),
            outcome.counts.gaps.to_string(),
            caught_up.gaps.to_string(),
            caught_up.snapshots.to_string(),
        ]);
    }
    let outcomes: Vec<Outcome> = runs().map(|run| run.outcome.clone()).collect();
    Findings {
        goals: vec![
            worse_of(
                "p99 of the other clients / without slow ones",
                1.2,
                [small, large],
                p99,
            ),
            worse_of(
                "server's memory, at most until all have caught up / without slow clients",
                1.1,
                [small, large],
                |run| memory(run).map_or(f64::NAN, count),
            ),
            sound(
                "every slow client ends equal, by delta where the ring allows it, else by gap and snapshot",
                &outcomes,
            ),
        ],
        tables: vec![figures],
        notes: vec![format!(
            "{RATE} operations of 2 kB each second. A slow client reads a hundredth of that; at the end it reads as fast as it can and catches \
             up. A small ring holds less than was written, a large one all; each is compared with the same ring without slow clients, and \
             the worse of the two counts."
        )],
        runs: outcomes,
        plots: Vec::new(),
    }
}

fn p99(run: &Outcome) -> f64 {
    milliseconds(run, "readers", 99.0)
}

fn memory(run: &Outcome) -> Option<u64> {
    run.server.as_ref().map(|usage| usage.memory_peak)
}

/// A goal for a figure of the runs with slow clients over that of those without: the median of each ring's passes, of which the larger
/// counts.
fn worse_of(what: &str, most: f64, rings: [&[Pass]; 2], figure: impl Fn(&Outcome) -> f64) -> Goal {
    let [small, large] = rings.map(|passes| {
        let ratio = |pass: &Pass| figure(&pass.slow.outcome) / figure(&pass.quick.outcome);
        Spread::of(passes.iter().map(ratio))
    });
    // A ring without a figure does not let the other count for both.
    let worse = if small.median.is_nan() || small.median > large.median {
        small.median
    } else {
        large.median
    };
    goal(
        what,
        Bound::AtMost(most),
        worse,
        format!("small ring {small}, large ring {large}"),
    )
}
