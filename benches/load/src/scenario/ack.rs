//! The way of an update to the server and back to its author.

use std::time::Duration;

use super::{
    Findings, ScenarioError,
    figures::{cpu_per_update, cpu_share, milliseconds, number, sound, table},
    lab::{LARGE_RING, Lab, plan},
};
use crate::plan::{Pace, Plan};

pub(super) fn carry_out(lab: &Lab<'_>) -> Result<Findings, ScenarioError> {
    let mut findings = Findings::default();
    let mut times = table(
        "Until an author has its own operation back",
        &[
            "load",
            "updates/s",
            "p50, ms",
            "p99, ms",
            "p99.9, ms",
            "server, µs per update",
            "server's processor",
        ],
    );
    for plan in plans(lab) {
        let run = lab.run(&plan, &lab.revring(&LARGE_RING)?)?;
        let percentile = |percent| format!("{:.3}", milliseconds(&run, "acknowledged", percent));
        times.rows.push(vec![
            plan.name.clone(),
            format!(
                "{:.0}",
                super::figures::count(run.counts.acknowledged) / run.seconds
            ),
            percentile(50.0),
            percentile(99.0),
            percentile(99.9),
            format!("{:.1}", cpu_per_update(&run)),
            format!("{:.2}", cpu_share(&run)),
        ]);
        findings.runs.push(run);
    }
    findings.tables.push(times);
    findings.goals.push(sound(
        "each update is acknowledged exactly once",
        &findings.runs,
    ));
    Ok(findings)
}

fn plans(lab: &Lab<'_>) -> Vec<Plan> {
    let with = |name: &str, readers, writers, pace| Plan {
        readers,
        writers,
        pace,
        duration: lab.pick(Duration::from_secs(5), Duration::from_secs(1)),
        ..plan(name)
    };
    let people = 20;
    vec![
        with("one writer, one update at a time", 1, 1, Pace::Window(1)),
        with(
            "20 people in a room, 10 updates/s each",
            people,
            people,
            Pace::Rate(10.0 * number(people)),
        ),
        with(
            "8 writers, 64 unanswered updates each",
            1,
            8,
            Pace::Window(64),
        ),
    ]
}
