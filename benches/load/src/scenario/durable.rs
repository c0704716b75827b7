//! Rooms on disk beside rooms in memory, under the same load by turns: what it costs that nothing shown can be lost.

use std::time::Duration;

use super::{
    Findings, ScenarioError,
    figures::{
        Bound, Spread, count, cpu_per_delivery, cpu_per_update, goal, milliseconds, number,
        operations_per_frame, sound, table,
    },
    lab::{LARGE_RING, Lab, plan},
};
use crate::{
    model::{Outcome, Table},
    plan::{Pace, Plan},
};

const READERS: usize = 1000;

pub(super) fn carry_out(lab: &Lab<'_>) -> Result<Findings, ScenarioError> {
    let mut findings = Findings {
        notes: vec![
            "On disk, an update is acknowledged and shown after its batch is flushed; how long that takes is a matter of the disk.".to_owned(),
        ],
        ..Findings::default()
    };
    shown(lab, &mut findings)?;
    safe(lab, &mut findings)?;
    findings.goals.push(sound(
        "order, holes, acknowledgements and final states",
        &findings.runs,
    ));
    Ok(findings)
}

/// What a delivery costs to many readers.
fn shown(lab: &Lab<'_>, findings: &mut Findings) -> Result<(), ScenarioError> {
    let mut costs = table(
        "Processor time per delivery, 1,000 clients",
        &[
            "unanswered updates of the writer",
            "operations per frame, in memory",
            "on disk",
            "in memory, µs",
            "on disk, µs",
            "ratio",
        ],
    );
    for window in [1, 8, 64] {
        let plan = Plan {
            readers: READERS,
            pace: Pace::Window(window),
            stamps_of_one_in: 50,
            duration: lab.pick(Duration::from_secs(2), Duration::from_millis(500)),
            ..plan(format!("{window} unanswered"))
        };
        let runs = by_turns(lab, &plan, lab.pick(3, 1))?;
        let spread = |figure: fn(&Outcome) -> f64, of: fn(&Pair) -> &Outcome| {
            Spread::of(runs.iter().map(|pair| figure(of(pair))))
        };
        let ratio = Spread::of(
            runs.iter()
                .map(|pair| cpu_per_delivery(&pair.memory) / cpu_per_delivery(&pair.disk)),
        );
        costs.rows.push(vec![
            window.to_string(),
            format!("{:.1}", spread(operations_per_frame, |pair| &pair.memory)),
            format!("{:.1}", spread(operations_per_frame, |pair| &pair.disk)),
            format!("{:.3}", spread(cpu_per_delivery, |pair| &pair.memory)),
            format!("{:.3}", spread(cpu_per_delivery, |pair| &pair.disk)),
            ratio.to_string(),
        ]);
        findings.goals.push(goal(
            &format!("{window} unanswered: processor time per delivery in memory / on disk"),
            Bound::AtLeast(0.95),
            ratio.median,
            ratio.to_string(),
        ));
        let runs = runs.into_iter().flat_map(|pair| [pair.memory, pair.disk]);
        findings.runs.extend(runs);
    }
    findings.tables.push(costs);
    Ok(())
}

/// How soon an update is safe.
fn safe(lab: &Lab<'_>, findings: &mut Findings) -> Result<(), ScenarioError> {
    let mut times: Table = table(
        "Until an author has its own operation back",
        &[
            "writers, each with one update unanswered",
            "rooms",
            "updates/s",
            "p50, ms",
            "p99, ms",
            "server, µs per update",
        ],
    );
    for writers in [1, 10, 100, 1000] {
        let plan = Plan {
            writers,
            pace: Pace::Window(1),
            stamps_of_one_in: 50,
            duration: lab.pick(Duration::from_secs(2), Duration::from_millis(700)),
            ..plan(format!("{writers} writers"))
        };
        for pair in by_turns(lab, &plan, 1)? {
            for (place, run) in [("in memory", pair.memory), ("on disk", pair.disk)] {
                times.rows.push(vec![
                    number(writers).to_string(),
                    place.to_owned(),
                    format!("{:.0}", count(run.counts.acknowledged) / run.seconds),
                    format!("{:.3}", milliseconds(&run, "acknowledged", 50.0)),
                    format!("{:.3}", milliseconds(&run, "acknowledged", 99.0)),
                    format!("{:.1}", cpu_per_update(&run)),
                ]);
                findings.runs.push(run);
            }
        }
    }
    findings.tables.push(times);
    Ok(())
}

/// One load, twice.
struct Pair {
    memory: Outcome,
    disk: Outcome,
}

fn by_turns(lab: &Lab<'_>, plan: &Plan, pairs: usize) -> Result<Vec<Pair>, ScenarioError> {
    let run = |place: &str, subject| {
        let plan = Plan {
            name: format!("{}, {place}", plan.name),
            ..plan.clone()
        };
        lab.run(&plan, &subject)
    };
    let pair = |_| {
        Ok(Pair {
            memory: run("in memory", lab.revring(&LARGE_RING)?)?,
            disk: run("on disk", lab.revring_on_disk(&LARGE_RING)?)?,
        })
    };
    (0..pairs).map(pair).collect()
}
