//! One room and many readers: what a delivery costs beside the bare write, how many there can be, and how late they come.

use std::time::Duration;

use super::{
    Findings, ScenarioError,
    figures::{
        Bound, Spread, bytes_per_frame, bytes_per_operation, cpu_per_delivery, cpu_share,
        deliveries_per_cpu_second, deliveries_per_second, goal, milliseconds, number, sound, table,
    },
    lab::{Lab, plan},
    pairs::{Batch, Pairs, against_the_limit},
};
use crate::{
    model::{Goal, Outcome},
    plan::{Pace, Plan},
    revring::OPERATION_IDS,
};

const READERS: usize = 1000;
/// Bytes of a field's value, with which an operation of all is about 100 bytes long.
const PAYLOAD: usize = 16;

/// From this share of a processor on a server counts as saturated.
const SATURATED: f64 = 0.9;

pub(super) fn carry_out(lab: &Lab<'_>) -> Result<Findings, ScenarioError> {
    let mut findings = Findings {
        notes: vec![
            "The limit is a loop on one thread that calls write(2) on one socket after the other, for the same crowd in the same process, \
             with as many bytes for each operation as the server sends. Server and loop take turns, now one first, now the other, each in a \
             process of its own on the same processor; figures are medians, with the least and the largest."
                .to_owned(),
            "What a write costs depends on its reader, too: whether it sleeps, reads at once or somewhat later. Over loopback the kernel has the \
             writer pay for part of it, so single pairs differ by a tenth either way."
                .to_owned(),
            "In saturation the loop joins as many operations in a write as the server does in a frame. The server may put several frames into \
             one write, which the loop does not: there it is no limit, and the server can be cheaper."
                .to_owned(),
        ],
        ..Findings::default()
    };
    beside_the_limit(lab, &mut findings)?;
    saturated(lab, &mut findings)?;
    in_time(lab, &mut findings)?;
    findings.goals.push(sound(
        "order, holes, acknowledgements and final states",
        &findings.runs,
    ));
    Ok(findings)
}

/// One, 8 and 64 operations in a frame, against as many messages in one write.
fn beside_the_limit(lab: &Lab<'_>, findings: &mut Findings) -> Result<(), ScenarioError> {
    let mut cost = table(
        "Processor time per delivery, 1,000 clients",
        &[
            "unanswered updates of the writer",
            "operations per frame",
            "bytes per frame",
            "server, µs",
            "bare loop, µs",
            "ratio (1 is the limit)",
        ],
    );
    for window in [1, 8, 64] {
        let pairs = against_the_limit(lab, &fan(lab, window), Batch::Of(window), lab.pick(5, 2))?;
        let ratio = pairs.share_of_the_limit();
        cost.rows.push(vec![
            window.to_string(),
            format!("{:.1}", pairs.operations_per_frame()),
            format!("{:.0}", pairs.server(bytes_per_frame).median),
            format!("{:.3}", pairs.server(cpu_per_delivery)),
            format!("{:.3}", pairs.limit(cpu_per_delivery)),
            ratio.to_string(),
        ]);
        if let Some(goal) = ratio_goal(window, ratio) {
            findings.goals.push(goal);
        }
        if window == 8 {
            findings.goals.push(overhead(&pairs));
        }
        findings.runs.extend(pairs.into_runs());
    }
    findings.tables.push(cost);
    Ok(())
}

fn fan(lab: &Lab<'_>, window: usize) -> Plan {
    Plan {
        readers: READERS,
        pace: Pace::Window(window),
        payload: PAYLOAD,
        stamps_of_one_in: 50,
        duration: lab.pick(Duration::from_secs(3), Duration::from_millis(500)),
        ..plan(format!("{window} unanswered"))
    }
}

fn ratio_goal(window: usize, ratio: Spread) -> Option<Goal> {
    let what = match window {
        1 => "one operation per frame: bare loop's processor time per delivery / server's",
        8 => {
            "8 operations per frame: processor time of a bare loop that writes 8 messages at once / server's"
        }
        _ => return None,
    };
    Some(goal(
        what,
        Bound::AtLeast(0.92),
        ratio.median,
        ratio.to_string(),
    ))
}

/// What an operation takes on the wire beside what was to be said.
fn overhead(pairs: &Pairs) -> Goal {
    let said = number(OPERATION_IDS + PAYLOAD);
    let beside = pairs.server(|run| bytes_per_operation(run) - said);
    goal(
        "bytes per operation in MessagePack frames of 8, a merge of one field, ids and payload not counted",
        Bound::AtMost(40.0),
        beside.median,
        format!("{beside:.1}"),
    )
}

/// As many deliveries as one processor makes.
fn saturated(lab: &Lab<'_>, findings: &mut Findings) -> Result<(), ScenarioError> {
    let mut rates = table(
        "Saturation: 8 writers with 64 unanswered updates each",
        &[
            "clients",
            "million deliveries per second of the server's processor",
            "million deliveries per second",
            "server's processor",
            "load's processor",
            "operations per frame",
            "server, µs per delivery",
            "bare loop with as many joined, µs",
            "bare loop's / server's",
        ],
    );
    for (readers, wanted) in [(1000, 5.0), (100, 9.0)] {
        let plan = Plan {
            readers,
            writers: 8,
            pace: Pace::Window(64),
            payload: PAYLOAD,
            stamps_of_one_in: 100,
            duration: lab.pick(Duration::from_secs(3), Duration::from_secs(1)),
            ..plan(format!("saturation, {readers} clients"))
        };
        let pairs = against_the_limit(lab, &plan, Batch::AsTheServer, lab.pick(3, 1))?;
        rates.rows.push(vec![
            readers.to_string(),
            pairs
                .server(|run| deliveries_per_cpu_second(run) / 1e6)
                .to_string(),
            pairs
                .server(|run| deliveries_per_second(run) / 1e6)
                .to_string(),
            pairs.server(cpu_share).to_string(),
            pairs.server(|run| run.load.busy).to_string(),
            format!("{:.1}", pairs.operations_per_frame()),
            format!("{:.3}", pairs.server(cpu_per_delivery)),
            format!("{:.3}", pairs.limit(cpu_per_delivery)),
            pairs.share_of_the_limit().to_string(),
        ]);
        findings.goals.push(saturation(&pairs, readers, wanted));
        findings.runs.extend(pairs.into_runs());
    }
    findings.tables.push(rates);
    Ok(())
}

/// What a core makes is only known when the server has taken nearly all of one.
fn saturation(pairs: &Pairs, readers: usize, wanted: f64) -> Goal {
    let millions = pairs.server(|run| deliveries_per_cpu_second(run) / 1e6);
    let share = pairs.server(cpu_share);
    let goal = goal(
        &format!("million deliveries per second and core, saturated, {readers} clients"),
        Bound::AtLeast(wanted),
        millions.median,
        format!("{millions}, with {share} of a processor"),
    );
    Goal {
        wanted: format!("{}, with at least {SATURATED} of a processor", goal.wanted),
        met: goal.met && share.median >= SATURATED,
        ..goal
    }
}

/// How late operations come at a rate that the server keeps up with.
fn in_time(lab: &Lab<'_>, findings: &mut Findings) -> Result<(), ScenarioError> {
    let plan = Plan {
        readers: READERS,
        pace: Pace::Rate(100.0),
        payload: PAYLOAD,
        duration: lab.pick(Duration::from_secs(6), Duration::from_secs(2)),
        ..plan("100 operations per second")
    };
    let pairs = against_the_limit(lab, &plan, Batch::Of(1), lab.pick(3, 2))?;
    let mut late = table(
        "Latency at 100 operations per second, 1,000 clients",
        &["", "server, ms", "bare loop, ms", "ratio"],
    );
    for (name, percent) in [("p50", 50.0), ("p99", 99.0)] {
        let of = |run: &Outcome| milliseconds(run, "readers", percent);
        let ratio = pairs.ratio(|server, limit| of(server) / of(limit));
        late.rows.push(vec![
            name.to_owned(),
            pairs.server(of).to_string(),
            pairs.limit(of).to_string(),
            ratio.to_string(),
        ]);
        findings.goals.push(goal(
            &format!("{name} at 100 operations per second and 1,000 clients / bare loop's"),
            Bound::AtMost(1.3),
            ratio.median,
            ratio.to_string(),
        ));
    }
    findings.tables.push(late);
    findings.runs.extend(pairs.into_runs());
    Ok(())
}
