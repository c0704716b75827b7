//! A large document is opened by many at once, while someone writes in it.
//!
//! The writer has a process of its own: in the crowd's one thread its answers would wait until the crowd has read the snapshots of all
//! who join, 1 GB, and its latencies would be those of the load program. There are as many clients in the room before as join it, so
//! that a long pass over the room counts on both sides.

use std::{ops::Range, time::Duration};

use super::{
    Findings, ScenarioError,
    figures::{Bound, Delays, Spread, cpu_share, goal, number, sound, table},
    lab::{LARGE_RING, Lab, Subject, plan},
};
use crate::{
    engine::{Crowd, LoadError},
    lone::{self, Account, Answered},
    model::{Outcome, Table},
    plan::Plan,
};

/// Clients that are there before.
const READERS: usize = 1000;
const JOINS: usize = 1000;
/// Records of 1,000 bytes that make the room 1 MB large.
const RECORDS: usize = 1000;
/// Updates each second: few enough that the server has most of its processor left before the others come.
const RATE: f64 = 100.0;

/// The same room and writer before the others come, and while they do.
struct Pass {
    before: Phase,
    meanwhile: Phase,
}

struct Phase {
    run: Outcome,
    /// When it began and ended, in nanoseconds of the writer's clock.
    time: Range<u64>,
    /// The updates that were due in it.
    updates: Vec<Answered>,
}

pub(super) fn carry_out(lab: &Lab<'_>) -> Result<Findings, ScenarioError> {
    let mut passes = Vec::new();
    for pass in 1..=lab.pick(5, 1) {
        passes.push(self::pass(lab, &lab.revring(&LARGE_RING)?, pass)?);
    }
    let each = Spread::of(passes.iter().map(Pass::cpu_per_join));
    let before = delays(passes.iter().flat_map(|pass| &pass.before.updates)).percentile(99.0);
    let meanwhile = delays(passes.iter().flat_map(|pass| &pass.meanwhile.updates)).percentile(99.0);
    let ratio = meanwhile / before;
    let tables = vec![delays_table(&passes), joins_table(&passes)];
    let runs: Vec<Outcome> = passes
        .into_iter()
        .flat_map(|pass| [pass.before.run, pass.meanwhile.run])
        .collect();
    Ok(Findings {
        goals: vec![
            goal(
                "1,000 cold joins of 1 MB, 1,000 clients being there: server's processor, ms each",
                Bound::AtMost(2.0),
                each.median,
                each.to_string(),
            ),
            goal(
                "p99 of one who writes to 1,000 clients, while 1,000 more join / before",
                Bound::AtMost(3.0),
                ratio,
                format!("{ratio:.2} ({meanwhile:.2} ms / {before:.2} ms)"),
            ),
            sound("everyone who joined has the server's state", &runs),
        ],
        tables,
        runs,
        notes: vec![
            "The writer has a process of its own, with the highest priority that the system grants, so that its delays are not those of \
             the load program, which reads 1 GB of snapshots meanwhile. A delay counts from when the update was due; how late the writer \
             itself sent it is told beside. Percentiles are those of the updates of all passes together."
                .to_owned(),
        ],
        ..Findings::default()
    })
}

fn pass(lab: &Lab<'_>, server: &Subject, pass: usize) -> Result<Pass, ScenarioError> {
    let plan = Plan {
        readers: READERS,
        writers: 0,
        records: RECORDS,
        stamps_of_one_in: 10,
        ramp: 1e6,
        duration: lab.pick(Duration::from_secs(3), Duration::from_secs(1)),
        ..plan(format!("pass {pass}"))
    };
    let mut crowd = server.crowd(&plan)?;
    crowd.connect(lab.progress)?;
    let writer = server.lone_writer(&crowd, RATE, plan.payload)?;
    crowd.warm_up()?;
    let mut before = phase(&mut crowd, "before", |crowd| crowd.measure(lab.progress))?;
    let mut meanwhile = phase(&mut crowd, "1,000 join", |crowd| {
        crowd.begin_measuring()?;
        crowd.join_cold(JOINS)?;
        crowd.end_measuring()
    })?;
    let account = writer.end()?;
    crowd.told_head(account.head);
    crowd.settle()?;
    meanwhile.run.checks = crowd.verify()?.to_vec();
    meanwhile.run.checks.extend_from_slice(&account.checks);
    before.take_updates(&account);
    meanwhile.take_updates(&account);
    Ok(Pass { before, meanwhile })
}

fn phase<'a>(
    crowd: &mut Crowd<'a>,
    name: &str,
    measured: impl FnOnce(&mut Crowd<'a>) -> Result<(), LoadError>,
) -> Result<Phase, LoadError> {
    let begin = lone::now();
    measured(crowd)?;
    let time = begin..lone::now();
    let mut run = crowd.outcome();
    run.name = format!("{}, {name}", run.name);
    Ok(Phase {
        run,
        time,
        updates: Vec::new(),
    })
}

/// What the writer saw.
fn delays_table(passes: &[Pass]) -> Table {
    let mut delays = table(
        "1,000 cold joins of a room of 1 MB with 1,000 clients, to which one writes 100 updates per second: the writer's delays",
        &[
            "joins",
            "updates",
            "p50, ms",
            "p99, ms",
            "p99 of each pass, ms",
            "at most, ms",
            "sent late by, p99, ms",
        ],
    );
    delays
        .rows
        .push(delays_row("before", passes.iter().map(|pass| &pass.before)));
    delays.rows.push(delays_row(
        "meanwhile",
        passes.iter().map(|pass| &pass.meanwhile),
    ));
    delays
}

fn delays_row<'a>(name: &str, phases: impl Iterator<Item = &'a Phase> + Clone) -> Vec<String> {
    let updates = phases.clone().flat_map(|phase| &phase.updates);
    let lateness = Delays::of(updates.clone().map(|update| update.sent - update.due));
    let (delays, of_each) = (
        delays(updates),
        phases.map(|phase| delays(&phase.updates).percentile(99.0)),
    );
    let milliseconds = |figure: f64| format!("{figure:.2}");
    vec![
        name.to_owned(),
        delays.count().to_string(),
        milliseconds(delays.percentile(50.0)),
        milliseconds(delays.percentile(99.0)),
        Spread::of(of_each).to_string(),
        milliseconds(delays.percentile(100.0)),
        milliseconds(lateness.percentile(99.0)),
    ]
}

/// What the server did.
fn joins_table(passes: &[Pass]) -> Table {
    let of = |figure: &dyn Fn(&Pass) -> f64| Spread::of(passes.iter().map(figure)).to_string();
    let mut joins = table(
        "The same joins: the server",
        &[
            "ms per join",
            "all joined after, s",
            "processor before, %",
            "processor meanwhile, %",
        ],
    );
    joins.rows.push(vec![
        of(&Pass::cpu_per_join),
        of(&|pass| pass.meanwhile.run.seconds),
        of(&|pass| cpu_share(&pass.before.run) * 100.0),
        of(&|pass| cpu_share(&pass.meanwhile.run) * 100.0),
    ]);
    joins
}

/// From when `updates` were due until they came back.
fn delays<'a>(updates: impl IntoIterator<Item = &'a Answered>) -> Delays {
    let updates = updates.into_iter();
    Delays::of(updates.map(|update| update.came - update.due))
}

impl Pass {
    /// Milliseconds of the server's processor for each join. What the writing took before, it takes meanwhile.
    fn cpu_per_join(&self) -> f64 {
        let (before, meanwhile) = (&self.before.run, &self.meanwhile.run);
        let joining = cpu_share(meanwhile) - cpu_share(before);
        joining * meanwhile.seconds * 1e3 / number(JOINS)
    }
}

impl Phase {
    /// Takes from the writer's `account` what was due in this phase.
    fn take_updates(&mut self, account: &Account) {
        let due = |update: &&Answered| self.time.contains(&update.due);
        self.updates = account.answered.iter().filter(due).copied().collect();
        let delays = delays(&self.updates);
        let run = &mut self.run;
        run.plan.insert(
            "writers".to_owned(),
            format!("one in a process of its own, {RATE} updates/s"),
        );
        (run.counts.updates, run.counts.acknowledged) = (delays.count(), delays.count());
        run.latency.push(delays.latency("acknowledged"));
    }
}
