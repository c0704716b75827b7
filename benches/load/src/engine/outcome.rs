//! What a run found out.

use std::collections::BTreeMap;

use crate::{
    model::{Check, Load, Outcome},
    plan::{Pace, Work},
    revring,
};

use super::{Crowd, LoadError, Speak, client::Voice, figures::Class};

/// Above this share of busy time the load program bounds the figures, unless the server is as busy.
const BUSY: f64 = 0.9;
/// A server that uses this much of a processor is at its own limit.
const SATURATED: f64 = 0.95;

impl Crowd<'_> {
    /// Looks whether what was seen is right. Nothing may be on its way: [`Self::settle`] comes before.
    ///
    /// # Errors
    /// When a client is refused or dropped, or the server does not answer.
    pub(crate) fn verify(&mut self) -> Result<&[Check], LoadError> {
        let mut checks = vec![self.check_settled()];
        checks.extend(self.check_answers());
        checks.extend(self.check_order());
        if self.target.speak == Speak::Revring {
            let missing = self.ask_heads()?;
            let tallies = self.clients.iter().filter_map(|client| {
                let tally = client.who.tally()?;
                Some((client.who.room, tally))
            });
            let proof = revring::verify(&self.world.rooms, tallies);
            checks.extend(proof);
            if let Some(missing) = missing {
                checks.push(Check {
                    what: "the server tells each room's checksum".to_owned(),
                    holds: false,
                    detail: missing,
                });
            }
        }
        self.checks = checks;
        Ok(&self.checks)
    }

    /// Asks for the head and checksum of each room; yields what is missing.
    fn ask_heads(&mut self) -> Result<Option<String>, LoadError> {
        let now = self.world.now();
        let mut asked = vec![false; self.world.rooms.len()];
        for room in &mut self.world.rooms {
            room.answer = None;
        }
        for client in &mut self.clients {
            let room = client.who.room;
            if asked[room] || !client.who.live || matches!(client.who.voice, Voice::Other(_)) {
                continue;
            }
            if let Some(link) = &mut client.link {
                client.who.ask_head(now, &mut link.out);
                // A socket that fails is told by the next wait.
                let _ = link.flush();
                asked[room] = true;
            }
        }
        self.patiently(|crowd| {
            let rooms = crowd.world.rooms.iter().enumerate();
            let silent = rooms
                .filter(|(room, known)| asked[*room] && known.answer.is_none())
                .count();
            (silent > 0).then(|| format!("{silent} rooms have not answered"))
        })
    }

    fn check_settled(&self) -> Check {
        let since = self.world.figures.since();
        let settled = || {
            let (clients, deliveries) = (self.clients.len(), since.deliveries);
            let (gaps, snapshots) = (since.gaps, since.snapshots);
            format!(
                "{clients} clients; {deliveries} operations, {gaps} gaps and {snapshots} snapshots came after the measured time"
            )
        };
        Check {
            what: "every client ends with everything".to_owned(),
            holds: self.unsettled.is_none(),
            detail: self.unsettled.clone().unwrap_or_else(settled),
        }
    }

    /// `None`: nobody writes.
    fn check_answers(&self) -> Option<Check> {
        let authors = &self.world.authors;
        let sent: u64 = authors.iter().map(|author| u64::from(author.sent)).sum();
        let repeated: u64 = authors.iter().map(|author| author.repeated).sum();
        let refused: u64 = authors.iter().map(|author| u64::from(author.refused)).sum();
        let unanswered = self.unanswered();
        let holds = unanswered == 0 && repeated == 0 && refused == 0;
        (!authors.is_empty()).then(|| Check {
            what: "every update is acknowledged exactly once".to_owned(),
            holds,
            detail: if holds {
                format!("{sent} updates")
            } else {
                format!(
                    "of {sent} updates, {unanswered} have no answer, {refused} are refused, {repeated} came more than once"
                )
            },
        })
    }

    /// `None`: nothing arrived whose order can be told.
    fn check_order(&self) -> Option<Check> {
        let orders = || self.clients.iter().map(|client| &client.who.order);
        let seen: u64 = orders().map(|order| order.seen).sum();
        let faults: u64 = orders().map(|order| order.faults).sum();
        let first = orders()
            .find_map(|order| order.fault.as_deref())
            .unwrap_or_default();
        (seen > 0).then(|| Check {
            what: "every writer's updates arrive in their order, each once".to_owned(),
            holds: faults == 0,
            detail: if faults == 0 {
                format!("{seen} arrivals")
            } else {
                format!("{faults} of {seen} arrivals: {first}")
            },
        })
    }

    /// What the run found out, so far.
    pub(crate) fn outcome(&self) -> Outcome {
        let seconds = self.world.figures.seconds();
        let server = self.usage();
        let busy = self.busy_share();
        let saturated = server
            .as_ref()
            .is_some_and(|server| server.cpu_seconds >= SATURATED * seconds);
        Outcome {
            name: self.plan.name.clone(),
            target: self.target.name.clone(),
            plan: self.words(),
            seconds,
            counts: self.world.figures.counts(),
            server,
            load: Load {
                busy,
                bottleneck: busy > BUSY && !saturated,
            },
            latency: self.world.figures.latencies(),
            samples: self.world.figures.samples.clone(),
            checks: self.checks.clone(),
        }
    }

    fn played_words(&self) -> String {
        let authors = self.world.authors.iter();
        let played: u64 = authors.map(|author| u64::from(author.sent)).sum();
        match self.length {
            Some(length) => format!("played {played} of {length} updates"),
            None => format!("played {played} updates"),
        }
    }

    /// The plan in words and numbers.
    fn words(&self) -> BTreeMap<String, String> {
        let plan = &self.plan;
        let pace = match plan.pace {
            Pace::Quiet => "none".to_owned(),
            Pace::Rate(rate) => format!("{rate} updates/s"),
            Pace::Window(window) => format!("{window} unanswered for each writer"),
        };
        let work = match plan.work {
            Work::Merge => "merge",
            Work::Set => "set",
            Work::Put => "put",
        };
        let count = |class: Class| {
            self.clients
                .iter()
                .filter(|client| client.who.class == class)
                .count()
        };
        let mut words = BTreeMap::from([
            ("rooms".to_owned(), plan.rooms.to_string()),
            ("readers".to_owned(), plan.readers.to_string()),
            ("writers".to_owned(), plan.writers.to_string()),
            ("pace".to_owned(), pace),
            ("codec".to_owned(), plan.codec.subprotocol().to_owned()),
        ]);
        let mut add = |name: &str, value: String| words.insert(name.to_owned(), value);
        if self.sources.is_empty() {
            add("payload", format!("{} bytes", plan.payload));
            add("work", work.to_owned());
        } else {
            add("stream", self.played_words());
        }
        if plan.records > 0 {
            add(
                "records",
                format!("{} of {} bytes", plan.records, plan.record_bytes),
            );
        }
        if plan.replicas > 0 {
            add("replicas", plan.replicas.to_string());
        }
        if let Some(slow) = plan.slow.filter(|slow| slow.clients > 0) {
            add(
                "slow",
                format!(
                    "{} readers, {} bytes/s",
                    slow.clients, slow.bytes_per_second
                ),
            );
        }
        if plan.reconnecting > 0.0 {
            add(
                "reconnecting",
                format!("{} of the readers each second", plan.reconnecting),
            );
            add("returning", count(Class::Returning).to_string());
        }
        words
    }
}
