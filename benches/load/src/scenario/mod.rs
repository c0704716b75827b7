//! Scenarios: named loads, each of which stands for something in real use and says what of it was to be reached.

mod ack;
mod cold_join;
mod durable;
mod fanout;
mod figures;
mod idle;
mod lab;
mod many_rooms;
mod mixed;
mod pairs;
mod peers;
mod reconnect_storm;
mod replay;
mod scale;
mod slow_readers;

pub(crate) use lab::Lab;

use crate::{
    engine::LoadError,
    model::{Chapter, Goal, Outcome, Plot, Table},
    peer::PeerError,
    process::ProcessError,
    replay::ReplayError,
};

/// A named load.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scenario {
    /// Its name.
    pub(crate) name: &'static str,
    /// One line: what in real use it stands for.
    pub(crate) stands_for: &'static str,
    carry_out: fn(&Lab<'_>) -> Result<Findings, ScenarioError>,
}

/// Why a scenario has no result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ScenarioError {
    /// A load cannot be made.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A server does not run.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// A peer does not run.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// A stream cannot be replayed.
    #[error(transparent)]
    Replay(#[from] ReplayError),
}

/// What a scenario found out.
#[derive(Debug, Default)]
struct Findings {
    goals: Vec<Goal>,
    tables: Vec<Table>,
    plots: Vec<Plot>,
    runs: Vec<Outcome>,
    notes: Vec<String>,
}

/// All scenarios, in the order in which they are best read.
pub(crate) const ALL: [Scenario; 12] = [
    Scenario {
        name: "fanout",
        stands_for: "a popular room: one person acts, a thousand see it",
        carry_out: fanout::carry_out,
    },
    Scenario {
        name: "ack",
        stands_for: "people at work: how soon an edit is safe, and how many of them one processor takes",
        carry_out: ack::carry_out,
    },
    Scenario {
        name: "durable",
        stands_for: "the default: nothing that was shown can be lost",
        carry_out: durable::carry_out,
    },
    Scenario {
        name: "many-rooms",
        stands_for: "a product with many small documents, a few people in each",
        carry_out: many_rooms::carry_out,
    },
    Scenario {
        name: "slow-readers",
        stands_for: "phones on bad networks in a busy room: what the others notice of them",
        carry_out: slow_readers::carry_out,
    },
    Scenario {
        name: "reconnect-storm",
        stands_for: "a proxy restarts: everyone is gone and comes back at once",
        carry_out: reconnect_storm::carry_out,
    },
    Scenario {
        name: "cold-join",
        stands_for: "a link is shared: a thousand people open a large document while others write in it",
        carry_out: cold_join::carry_out,
    },
    Scenario {
        name: "idle",
        stands_for: "open tabs that nobody looks at",
        carry_out: idle::carry_out,
    },
    Scenario {
        name: "replay",
        stands_for: "what people really typed and changed, in its order",
        carry_out: replay::carry_out,
    },
    Scenario {
        name: "mixed",
        stands_for: "an ordinary day: rooms of all sorts, some clients slow, some coming and going",
        carry_out: mixed::carry_out,
    },
    Scenario {
        name: "scale",
        stands_for: "growth: what an operation costs with more clients, more rooms and more state",
        carry_out: scale::carry_out,
    },
    Scenario {
        name: "peers",
        stands_for: "what would be used instead, under the same load",
        carry_out: peers::carry_out,
    },
];

/// The scenario called `name`.
pub(crate) fn named(name: &str) -> Option<Scenario> {
    ALL.into_iter().find(|scenario| scenario.name == name)
}

impl Scenario {
    /// Carries it out. A machine that is too small for it is no error but a note in its chapter.
    pub(crate) fn run(&self, lab: &Lab<'_>) -> Result<Chapter, ScenarioError> {
        let findings = match (self.carry_out)(lab) {
            Err(ScenarioError::Load(error @ LoadError::Files { .. })) => Findings {
                notes: vec![format!("Not carried out on this machine: {error}.")],
                ..Findings::default()
            },
            findings => findings?,
        };
        let Findings {
            goals,
            tables,
            plots,
            runs,
            mut notes,
        } = findings;
        if !lab.apart {
            notes.push(
                "Server and load could not be put on a processor each: they share what there is."
                    .to_owned(),
            );
        }
        Ok(Chapter {
            name: self.name.to_owned(),
            stands_for: self.stands_for.to_owned(),
            goals,
            tables,
            plots,
            runs,
            notes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_has_a_name_of_its_own_and_a_line() {
        for scenario in ALL {
            let found = named(scenario.name).unwrap();
            assert_eq!(found.stands_for, scenario.stands_for);
            assert!(!scenario.stands_for.is_empty() && !scenario.stands_for.contains('\n'));
            assert!(
                scenario
                    .name
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c == '-')
            );
        }
        assert!(named("no-such-scenario").is_none());
    }
}
