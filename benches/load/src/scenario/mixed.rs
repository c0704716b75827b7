//! A bit of everything at once.

use std::time::Duration;

use revring_protocol::codec::Codec;

use super::{
    Findings, ScenarioError,
    figures::{cpu_per_delivery, cpu_share, mebibytes, milliseconds, sound, table},
    lab::{Lab, plan},
};
use crate::plan::{Pace, Plan, Slow, Work};

pub(super) fn carry_out(lab: &Lab<'_>) -> Result<Findings, ScenarioError> {
    let mut findings = Findings::default();
    let mut figures = table(
        "50 rooms of 20 clients, 1 in 20 slow, 1 in 50 coming back each second",
        &[
            "codec",
            "class",
            "p50, ms",
            "p99, ms",
            "server, µs per delivery",
            "server's processor",
            "server's memory, MiB",
        ],
    );
    for (name, codec) in [("JSON", Codec::Json), ("MessagePack", Codec::MessagePack)] {
        let run = lab.run(&day(lab, name, codec), &lab.revring(&[])?)?;
        for latency in &run.latency {
            figures.rows.push(vec![
                name.to_owned(),
                latency.class.clone(),
                format!("{:.2}", milliseconds(&run, &latency.class, 50.0)),
                format!("{:.2}", milliseconds(&run, &latency.class, 99.0)),
                format!("{:.2}", cpu_per_delivery(&run)),
                format!("{:.2}", cpu_share(&run)),
                run.server
                    .as_ref()
                    .map_or_else(String::new, |usage| mebibytes(usage.memory_peak)),
            ]);
        }
        findings.runs.push(run);
    }
    findings.tables.push(figures);
    findings.goals.push(sound(
        "every client of every room ends equal",
        &findings.runs,
    ));
    Ok(findings)
}

fn day(lab: &Lab<'_>, name: &str, codec: Codec) -> Plan {
    Plan {
        rooms: 50,
        readers: 1000,
        writers: 100,
        pace: Pace::Rate(500.0),
        payload: 200,
        codec,
        work: Work::Put,
        records: 200,
        record_bytes: 200,
        replicas: 50,
        slow: Some(Slow {
            clients: 50,
            bytes_per_second: 500,
        }),
        reconnecting: 0.02,
        awake: false,
        duration: lab.pick(Duration::from_secs(4), Duration::from_secs(2)),
        ..plan(name)
    }
}
