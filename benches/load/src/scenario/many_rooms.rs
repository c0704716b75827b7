//! Many rooms at once, each with a few clients.

use std::time::Duration;

use super::{
    Findings, ScenarioError,
    figures::{
        cpu_per_delivery, cpu_per_update, cpu_share, mebibytes, milliseconds, number, sound, table,
    },
    lab::{Lab, plan},
};
use crate::plan::{Pace, Plan};

/// Clients in a room that only read.
const READERS: usize = 5;

pub(super) fn carry_out(lab: &Lab<'_>) -> Result<Findings, ScenarioError> {
    let mut findings = Findings::default();
    let mut figures = table(
        "One writer and five readers in each room, 4 updates per room and second",
        &[
            "rooms",
            "clients",
            "p50, ms",
            "p99, ms",
            "server, µs per update",
            "server, µs per delivery",
            "server's processor",
            "server's memory, MiB",
        ],
    );
    for rooms in lab.pick([100, 500, 1500], [10, 50, 200]) {
        let plan = Plan {
            rooms,
            writers: rooms,
            readers: rooms * READERS,
            pace: Pace::Rate(4.0 * number(rooms)),
            records: 20,
            duration: lab.pick(Duration::from_secs(5), Duration::from_secs(1)),
            ..plan(format!("{rooms} rooms"))
        };
        let run = lab.run(&plan, &lab.revring(&[])?)?;
        figures.rows.push(vec![
            rooms.to_string(),
            (rooms * (READERS + 1)).to_string(),
            format!("{:.2}", milliseconds(&run, "readers", 50.0)),
            format!("{:.2}", milliseconds(&run, "readers", 99.0)),
            format!("{:.1}", cpu_per_update(&run)),
            format!("{:.2}", cpu_per_delivery(&run)),
            format!("{:.2}", cpu_share(&run)),
            run.server
                .as_ref()
                .map_or_else(String::new, |usage| mebibytes(usage.memory_peak)),
        ]);
        findings.runs.push(run);
    }
    findings.tables.push(figures);
    findings.goals.push(sound(
        "order, holes, acknowledgements and final states in every room",
        &findings.runs,
    ));
    Ok(findings)
}
