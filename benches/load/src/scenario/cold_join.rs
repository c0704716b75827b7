//! A large document is opened by many at once, while others write in it.

use std::time::Duration;

use super::{
    Findings, ScenarioError,
    figures::{Bound, Spread, count, goal, milliseconds, number, sound, table},
    lab::{LARGE_RING, Lab, Subject, plan},
};
use crate::{
    model::Outcome,
    plan::{Pace, Plan},
};

const JOINS: usize = 1000;
/// Records of 1,000 bytes that make the room 1 MB large.
const RECORDS: usize = 1000;
/// Updates each second.
const RATE: f64 = 200.0;

/// The same crowd before the others come, and while they do.
struct Joined {
    quiet: Outcome,
    busy: Outcome,
    /// Milliseconds of the server's processor for each join; what the writers take is not counted.
    each: f64,
}

pub(super) fn carry_out(lab: &Lab<'_>) -> Result<Findings, ScenarioError> {
    let mut joined = Vec::new();
    for pass in 1..=lab.pick(5, 1) {
        joined.push(join(lab, &lab.revring(&LARGE_RING)?, pass)?);
    }
    let of = |figure: &dyn Fn(&Joined) -> f64| Spread::of(joined.iter().map(figure));
    let p99 = |run: &Outcome| milliseconds(run, "acknowledged", 99.0);
    let each = of(&|joined| joined.each);
    let later = of(&|joined| p99(&joined.busy) / p99(&joined.quiet));
    let mut figures = table(
        "1,000 cold joins of a room of 1 MB, while one client writes 200 updates per second",
        &[
            "server, ms per join",
            "joined after, s",
            "writer's p99 before, ms",
            "writer's p99 meanwhile, ms",
            "ratio",
        ],
    );
    figures.rows.push(vec![
        each.to_string(),
        of(&|joined| joined.busy.seconds).to_string(),
        of(&|joined| p99(&joined.quiet)).to_string(),
        of(&|joined| p99(&joined.busy)).to_string(),
        later.to_string(),
    ]);
    let runs: Vec<Outcome> = joined
        .into_iter()
        .flat_map(|joined| [joined.quiet, joined.busy])
        .collect();
    Ok(Findings {
        goals: vec![
            goal(
                "1,000 cold joins of 1 MB: server's processor, ms each",
                Bound::AtMost(2.0),
                each.median,
                each.to_string(),
            ),
            goal(
                "writer's p99 while 1,000 join / before",
                Bound::AtMost(3.0),
                later.median,
                later.to_string(),
            ),
            sound("everyone who joined has the server's state", &runs),
        ],
        tables: vec![figures],
        runs,
        ..Findings::default()
    })
}

fn join(lab: &Lab<'_>, server: &Subject, pass: usize) -> Result<Joined, ScenarioError> {
    let plan = Plan {
        readers: 10,
        pace: Pace::Rate(RATE),
        records: RECORDS,
        ramp: 1e6,
        duration: lab.pick(Duration::from_secs(3), Duration::from_secs(1)),
        ..plan(format!("pass {pass}"))
    };
    let mut crowd = server.crowd(&plan)?;
    crowd.connect(lab.progress)?;
    crowd.warm_up()?;
    crowd.measure(lab.progress)?;
    let mut quiet = crowd.outcome();
    quiet.name.push_str(", before");
    crowd.start();
    crowd.begin_measuring()?;
    crowd.join_cold(JOINS)?;
    crowd.end_measuring()?;
    crowd.stop();
    crowd.settle()?;
    crowd.verify()?;
    let mut busy = crowd.outcome();
    busy.name.push_str(", 1,000 join");
    let cpu = |run: &Outcome| {
        run.server
            .as_ref()
            .map_or(f64::NAN, |usage| usage.cpu_seconds)
    };
    // What writing takes goes on meanwhile at its own rate.
    let writing = cpu(&quiet) / count(quiet.counts.updates) * count(busy.counts.updates);
    let each = (cpu(&busy) - writing) * 1e3 / number(JOINS);
    Ok(Joined { quiet, busy, each })
}
