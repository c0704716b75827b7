//! Streams of updates as people made them.

use std::time::Duration;

use revring_protocol::{
    change::{Change, Edit, Sequence, Splice},
    ids::{Collection, RecordId, RecordKey},
    value::{Object, Path, Value},
};

use super::{
    Findings, ScenarioError,
    figures::{bytes_per_operation, count, cpu_per_update, milliseconds, number, sound, table},
    lab::{LARGE_RING, Lab, plan},
};
use crate::{
    model::Outcome,
    plan::{Pace, Plan},
    replay::{Player, ReplayError, Step, Stream},
};

const READERS: usize = 20;
/// Readers that hold a whole replica.
const REPLICAS: usize = 4;
/// The longest pause when a stream is played in its own time.
const PAUSE: Duration = Duration::from_millis(200);

pub(super) fn carry_out(lab: &Lab<'_>) -> Result<Findings, ScenarioError> {
    let (stream, name) = match &lab.stream {
        Some(path) => (Stream::read(path)?, file_name(path)),
        None => (
            typed(lab.pick(20_000, 2_000))?,
            "typing that is made up".to_owned(),
        ),
    };
    let mut findings = Findings {
        notes: vec![
            format!("The stream is {name}: {} updates.", stream.updates.len()),
            "What is typed while an edit of the same text has no answer yet becomes one operation, as it does for whoever types faster than \
             the network answers."
                .to_owned(),
        ],
        ..Findings::default()
    };
    let mut figures = table(
        "One writer, 20 readers, 4 of them replicas",
        &[
            "how",
            "updates/s",
            "updates per operation",
            "ack p50, ms",
            "ack p99, ms",
            "readers p50, ms",
            "readers p99, ms",
            "bytes per operation",
            "server, µs per update",
        ],
    );
    for how in [How::OneByOne, How::Ahead, How::Recorded] {
        let run = play(lab, how, stream.clone())?;
        let operations = count(run.counts.deliveries) / number(READERS + 1);
        figures.rows.push(vec![
            run.name.clone(),
            format!("{:.0}", count(run.counts.acknowledged) / run.seconds),
            format!("{:.2}", count(run.counts.updates) / operations),
            format!("{:.3}", milliseconds(&run, "acknowledged", 50.0)),
            format!("{:.3}", milliseconds(&run, "acknowledged", 99.0)),
            format!("{:.3}", milliseconds(&run, "readers", 50.0)),
            format!("{:.3}", milliseconds(&run, "readers", 99.0)),
            format!("{:.0}", bytes_per_operation(&run)),
            format!("{:.1}", cpu_per_update(&run)),
        ]);
        findings.runs.push(run);
    }
    findings.tables.push(figures);
    findings.goals.push(sound(
        "every client ends with the server's state",
        &findings.runs,
    ));
    Ok(findings)
}

/// Where the file is concerns nobody who reads of it.
fn file_name(path: &std::path::Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

/// How a stream is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// Each update when the one before is answered.
    OneByOne,
    /// Up to 64 updates ahead of the answers.
    Ahead,
    /// At the times at which they were made.
    Recorded,
}

fn play(lab: &Lab<'_>, how: How, stream: Stream) -> Result<Outcome, ScenarioError> {
    let name = match how {
        How::OneByOne => "each when the one before is answered",
        How::Ahead => "up to 64 ahead of the answers",
        How::Recorded => "10 times as fast as it was made, no pause over 0.2 s",
    };
    let player = match how {
        How::OneByOne | How::Ahead => Player::fast(stream),
        How::Recorded => Player::recorded(stream, 10.0, PAUSE),
    };
    let plan = Plan {
        readers: READERS,
        replicas: REPLICAS,
        pace: Pace::Window(if how == How::Ahead { 64 } else { 1 }),
        warm_up: Duration::ZERO,
        duration: lab.pick(Duration::from_secs(3), Duration::from_secs(2)),
        ..plan(name)
    };
    let server = lab.revring(&LARGE_RING)?;
    Ok(lab.play(&plan, &server, player)?)
}

/// A text as it is typed, with a correction now and then: each update is one key.
fn typed(keys: usize) -> Result<Stream, ReplayError> {
    let made_up = |problem: String| ReplayError::Line {
        path: "made-up".into(),
        line: 0,
        problem,
    };
    let key = RecordKey {
        collection: Collection::new("text").map_err(|error| made_up(error.to_string()))?,
        id: RecordId::new("document").map_err(|error| made_up(error.to_string()))?,
    };
    let path = Path::parse("/text").map_err(|error| made_up(error.to_string()))?;
    let step = |at: usize, edit| Step {
        // Five keys a second.
        at: Some(number(at) / 5.0),
        changes: vec![Change {
            key: key.clone(),
            if_version: None,
            edit,
        }],
    };
    let data = Object::from([("text".to_owned(), Value::from(""))]);
    let mut updates = vec![step(0, Edit::Put { data })];
    let mut length = 0_usize;
    for pressed in 0..keys {
        let (at, remove, insert) = match pressed % 25 {
            24 if length > 9 => (length - 9, 2, "é"),
            23 if length > 0 => (length - 1, 1, ""),
            n if n % 6 == 5 => (length, 0, " "),
            _ => (length, 0, "e"),
        };
        length = length - remove + insert.chars().count();
        let insert = Sequence::Text(insert.to_owned());
        let splice = Splice { at, remove, insert };
        let path = path.clone();
        updates.push(step(pressed, Edit::Splice { path, splice }));
    }
    Ok(Stream { updates })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_up_typing_is_a_stream_that_can_be_played() {
        let stream = typed(500).unwrap();
        assert_eq!(stream.updates.len(), 501);
        let times: Vec<f64> = stream.updates.iter().filter_map(|step| step.at).collect();
        assert!(times.is_sorted());
    }
}
