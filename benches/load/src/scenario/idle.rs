//! What a connection costs that does nothing.

use std::time::Duration;

use super::{
    Findings, ScenarioError,
    figures::{Bound, count, goal, mebibytes, number, sound, table},
    lab::{Lab, Subject, plan},
};
use crate::{model::Outcome, plan::Plan};

/// Connections that first make the server allocate what it allocates once.
const FIRST: usize = 50;

pub(super) fn carry_out(lab: &Lab<'_>) -> Result<Findings, ScenarioError> {
    let clients = 10_000;
    let mut findings = Findings::default();
    let mut figures = table(
        "User-space memory of idle connections",
        &["rooms", "connections", "KiB each", "MiB in all"],
    );
    for rooms in [1, 1000] {
        let server = lab.revring(&[])?;
        let (each, held, run) = memory_per_connection(lab, &server, rooms, clients)?;
        figures.rows.push(vec![
            rooms.to_string(),
            clients.to_string(),
            format!("{each:.2}"),
            mebibytes(held),
        ]);
        if rooms == 1 {
            findings.goals.push(goal(
                "user-space memory of an idle connection, KiB",
                Bound::AtMost(3.0),
                each,
                format!("{each:.2}"),
            ));
        }
        findings.runs.push(run);
    }
    findings.tables.push(figures);
    findings
        .goals
        .push(sound("every idle client has the state", &findings.runs));
    Ok(findings)
}

/// KiB that each of `clients` idle connections takes, and all of them in bytes. A first few come and go before.
pub(super) fn memory_per_connection(
    lab: &Lab<'_>,
    server: &Subject,
    rooms: usize,
    clients: usize,
) -> Result<(f64, u64, Outcome), ScenarioError> {
    let idle = |readers| Plan {
        rooms,
        readers,
        writers: 0,
        warm_up: Duration::ZERO,
        duration: Duration::from_millis(500),
        awake: false,
        ..plan(format!("{readers} idle connections in {rooms} rooms"))
    };
    drop(lab.run(&idle(FIRST.max(rooms)), server)?);
    let before = server.process.memory()?;
    let run = lab.run(&idle(clients), server)?;
    let peak = run
        .server
        .as_ref()
        .map_or(before, |usage| usage.memory_after);
    let held = peak.saturating_sub(before);
    Ok((count(held) / number(clients) / 1024.0, held, run))
}
