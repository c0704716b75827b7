//! Everyone is gone and comes back at once.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use revring_protocol::{
    change::{Edit, Effect, Operation},
    codec::Codec,
    ids::{ClientId, ClientReqId, Collection, RecordId, RecordKey, Rev},
    value::{Object, Value},
};

use super::{
    Findings, ScenarioError,
    figures::{Bound, Spread, count, goal, number, sound, table},
    lab::{Lab, Subject, plan},
};
use crate::{
    engine::{Crowd, LoadError},
    model::{Check, Outcome},
    plan::{Pace, Plan},
};

const CLIENTS: usize = 1000;
/// Records of 1,000 bytes that make the room 1 MB large.
const RECORDS: usize = 1000;
/// Bytes of an update's value.
const PAYLOAD: usize = 40;
/// Enough for the server to have done with connections that ended.
const REST: Duration = Duration::from_millis(300);

pub(super) fn carry_out(lab: &Lab<'_>) -> Result<Findings, ScenarioError> {
    let mut findings = Findings {
        notes: vec![
            "All connections but the writer's end, the writer writes all that the others are to miss, and then they come back, each with its \
             revision, as fast as they can: at most 256 are connecting at a time. Processor time is the server's, from before the first \
             connection until the last client is at the head. The time for a handshake is that of the same clients coming back when nothing \
             was written."
                .to_owned(),
        ],
        ..Findings::default()
    };
    let server = lab.revring(&[])?;
    let storm = storm(lab, &server, "1 MB, 500 operations behind", RECORDS, 500)?;
    tell(&storm, &mut findings);
    let seconds = storm.of(|back| back.cpu);
    findings.goals.push(goal(
        "1,000 clients back, each 500 operations behind, 1 MB: server's processor until all are live, s",
        Bound::AtMost(1.0),
        seconds.median,
        seconds.to_string(),
    ));
    findings.notes.push(encoded_once(&storm)?);
    findings.runs.push(storm.run);

    let server = lab.revring(&[])?;
    let storm = self::storm(lab, &server, "64 operations behind", 0, 64)?;
    tell(&storm, &mut findings);
    let beyond = storm.beyond_the_handshake();
    findings.goals.push(goal(
        "1,000 clients back, each 64 small operations behind: server's processor beyond the handshake, ms each",
        Bound::AtMost(0.1),
        beyond.median,
        format!("{beyond:.3}"),
    ));
    let rate = storm.of(|back| number(CLIENTS) / back.cpu);
    findings.goals.push(goal(
        "the same: resyncs per second of the server's processor, handshake included",
        Bound::AtLeast(10_000.0),
        rate.median,
        format!("{rate:.0}"),
    ));
    findings.runs.push(storm.run);
    findings.goals.push(sound(
        "all are back by delta, without a hole, and end equal",
        &findings.runs,
    ));
    Ok(findings)
}

/// Returns of all clients, by turns with and without something to catch up on.
struct Storm {
    behind: u64,
    late: Vec<Back>,
    level: Vec<Back>,
    run: Outcome,
}

/// One return of all clients.
struct Back {
    /// Seconds of the server's processor.
    cpu: f64,
    /// Seconds until the last was at the head.
    took: f64,
    /// Bytes that came meanwhile.
    bytes: f64,
}

fn storm(
    lab: &Lab<'_>,
    server: &Subject,
    name: &str,
    records: usize,
    behind: u64,
) -> Result<Storm, ScenarioError> {
    let plan = Plan {
        readers: CLIENTS,
        pace: Pace::Window(32),
        records,
        warm_up: Duration::ZERO,
        ramp: 1e6,
        payload: PAYLOAD,
        ..plan(name)
    };
    let mut crowd = server.crowd(&plan)?;
    crowd.connect(lab.progress)?;
    crowd.begin_measuring()?;
    let (mut late, mut level) = (Vec::new(), Vec::new());
    for _ in 0..lab.pick(5, 2) {
        level.push(back(&mut crowd, 0)?);
        late.push(back(&mut crowd, behind)?);
    }
    crowd.end_measuring()?;
    crowd.settle()?;
    crowd.verify()?;
    let mut run = crowd.outcome();
    let returns = (late.len() + level.len()) * CLIENTS;
    run.checks.push(Check {
        what: "all come back by delta".to_owned(),
        holds: run.counts.resumes >= returns as u64 && run.counts.gaps == 0,
        detail: format!(
            "{returns} returns, {} resumed, {} gaps",
            run.counts.resumes, run.counts.gaps
        ),
    });
    Ok(Storm {
        behind,
        late,
        level,
        run,
    })
}

/// All connections end, `behind` updates are written, and all come back.
fn back(crowd: &mut Crowd<'_>, behind: u64) -> Result<Back, LoadError> {
    crowd.drop_all();
    // What the server does when connections end is not part of their return.
    crowd.run_for(REST)?;
    if behind > 0 {
        crowd.write_some(behind)?;
    }
    let before = crowd.outcome().counts.bytes;
    let storm = crowd.return_all()?;
    let after = crowd.outcome().counts.bytes;
    Ok(Back {
        bytes: count(after - before),
        cpu: storm.cpu_seconds.unwrap_or(f64::NAN),
        took: storm.time.as_secs_f64(),
    })
}

impl Storm {
    fn of(&self, figure: impl Fn(&Back) -> f64) -> Spread {
        Spread::of(self.late.iter().map(figure))
    }

    /// Milliseconds of the server's processor that each return takes more than one with nothing to catch up on.
    fn beyond_the_handshake(&self) -> Spread {
        self.beyond(|back| back.cpu * 1e3)
    }

    /// What each return takes more of something than one with nothing to catch up on.
    fn beyond(&self, figure: fn(&Back) -> f64) -> Spread {
        let pairs = self.late.iter().zip(&self.level);
        Spread::of(pairs.map(|(late, level)| (figure(late) - figure(level)) / number(CLIENTS)))
    }
}

/// How often operations are encoded does not show on the wire: what a return costs is told beside what encoding would.
fn encoded_once(storm: &Storm) -> Result<String, ScenarioError> {
    let behind = usize::try_from(storm.behind).unwrap_or(usize::MAX);
    let encoding = encoding(behind).map_err(LoadError::Plan)?;
    Ok(format!(
        "Whether a delta is encoded once or for each client does not show on the wire. Encoding {behind} such operations takes {:.0} µs with \
         the same library in this program; a client that is {behind} operations behind takes {:.0} µs of the server's processor more than \
         one with nothing to catch up on, with the writing of {:.0} bytes in it.",
        encoding.as_secs_f64() * 1e6,
        storm.beyond_the_handshake().median * 1e3,
        storm.beyond(|back| back.bytes).median,
    ))
}

/// The least time of several in which `operations` merges as those of the storm are encoded, one by one.
fn encoding(operations: usize) -> Result<Duration, String> {
    let operations: Vec<Operation> = (0..operations).map(operation).collect::<Result<_, _>>()?;
    let once = || {
        let began = Instant::now();
        for operation in &operations {
            black_box(Codec::MessagePack.encode(black_box(operation)));
        }
        began.elapsed()
    };
    Ok((0..20).map(|_| once()).min().unwrap_or_default())
}

fn operation(number: usize) -> Result<Operation, String> {
    let words = |error: &dyn std::fmt::Display| error.to_string();
    let text = Value::from("x".repeat(PAYLOAD));
    Ok(Operation {
        rev: Rev::new(number as u64 + 1),
        client_id: ClientId::new("0123456789abcdef").map_err(|error| words(&error))?,
        client_req_id: ClientReqId::new(&format!("{number:028}")).map_err(|error| words(&error))?,
        at: 1_700_000_000_000,
        changes: vec![Effect {
            key: RecordKey {
                collection: Collection::new("load").map_err(|error| words(&error))?,
                id: RecordId::new("hot").map_err(|error| words(&error))?,
            },
            version: number as u64 + 1,
            edit: Edit::Merge {
                data: Object::from([("value".to_owned(), text)]),
            },
        }],
    })
}

fn tell(storm: &Storm, findings: &mut Findings) {
    let mut returns = table(
        &format!("1,000 clients come back, {}", storm.run.name),
        &[
            "operations behind",
            "server's processor, s",
            "each, ms",
            "until all are at the head, s",
            "bytes for each",
        ],
    );
    for (behind, backs) in [(0, &storm.level), (storm.behind, &storm.late)] {
        let of = |figure: fn(&Back) -> f64| Spread::of(backs.iter().map(figure));
        returns.rows.push(vec![
            behind.to_string(),
            format!("{:.3}", of(|back| back.cpu)),
            format!("{:.3}", of(|back| back.cpu * 1e3 / number(CLIENTS))),
            format!("{:.3}", of(|back| back.took)),
            format!("{:.0}", of(|back| back.bytes / number(CLIENTS))),
        ]);
    }
    returns.rows.push(vec![
        "beyond the handshake".to_owned(),
        String::new(),
        format!("{:.3}", storm.beyond_the_handshake()),
        String::new(),
        format!("{:.0}", storm.beyond(|back| back.bytes)),
    ]);
    findings.tables.push(returns);
}
