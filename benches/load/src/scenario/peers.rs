//! What would be used instead, under the same load: the same payloads, the same client program, the same processors.

use std::time::Duration;

use super::{
    Findings, ScenarioError,
    figures::{
        Bound, Spread, bytes_per_operation, cpu_share, deliveries_per_cpu_second,
        deliveries_per_second, goal, milliseconds, sound, table,
    },
    idle::memory_per_connection,
    lab::{self, LARGE_RING, Lab, Subject, plan},
};
use crate::{
    engine::LoadError,
    model::{Goal, Outcome, Table},
    peer::{PeerError, PeerKind, Traits},
    plan::{Pace, Plan},
};

/// Whom a load is put on.
#[derive(Clone, Copy)]
enum Who {
    Revring,
    Bare,
    Peer(PeerKind),
}

/// What is compared, of one turn.
#[derive(Debug, Clone)]
struct Figures {
    name: String,
    /// Operations that arrived in a second, with 1,000 clients and with 100.
    deliveries: [f64; 2],
    /// The same in a second of the server's processor.
    per_core: [f64; 2],
    /// The server's processor use meanwhile.
    share: [f64; 2],
    p50: f64,
    p99: f64,
    memory: f64,
    bytes: f64,
}

/// All turns of one.
struct Turns {
    who: Who,
    turns: Vec<Figures>,
    /// Why there are no more.
    failed: Option<String>,
}

/// Peers that have the same run of revring beside them, one before and one after it.
struct Group {
    peers: Vec<Turns>,
    own: Turns,
}

pub(super) fn carry_out(lab: &Lab<'_>) -> Result<Findings, ScenarioError> {
    let mut findings = Findings {
        notes: vec![
            "Saturation: 16 writers with 32 unanswered updates each. Deliveries are compared per second of the server's processor, which is \
             what one core makes when the server takes all of one; the share of a processor that each took stands beside it. A server that \
             waits for something else than its processor is not saturated, and so its figure is what its work costs, not what it reaches."
                .to_owned(),
            "Each peer has a run of revring directly before or after it. Figures are medians of all turns; ratios are those within a turn."
                .to_owned(),
        ],
        ..Findings::default()
    };
    let mut bare = Turns::of(Who::Bare);
    bare.take(lab, 1, &mut findings.runs)?;
    let mut groups: Vec<Group> = PeerKind::ALL
        .chunks(2)
        .map(|kinds| Group {
            peers: kinds
                .iter()
                .map(|kind| Turns::of(Who::Peer(*kind)))
                .collect(),
            own: Turns::of(Who::Revring),
        })
        .collect();
    for turn in 1..=lab.pick(3, 1) {
        for Group { peers, own } in &mut groups {
            let mut peers = peers.iter_mut();
            if let Some(first) = peers.next() {
                first.try_to_take(lab, turn, &mut findings)?;
            }
            own.take(lab, turn, &mut findings.runs)?;
            for other in peers {
                other.try_to_take(lab, turn, &mut findings)?;
            }
        }
    }
    compare(&bare, &groups, &mut findings);
    Ok(findings)
}

impl Turns {
    fn of(who: Who) -> Self {
        Self {
            who,
            turns: Vec::new(),
            failed: None,
        }
    }

    fn take(
        &mut self,
        lab: &Lab<'_>,
        turn: usize,
        runs: &mut Vec<Outcome>,
    ) -> Result<(), ScenarioError> {
        let memory = self.turns.first().map(|figures| figures.memory);
        self.turns.push(figures(lab, self.who, turn, memory, runs)?);
        Ok(())
    }

    /// Like [`Self::take`], but a peer that fails is left out from then on.
    fn try_to_take(
        &mut self,
        lab: &Lab<'_>,
        turn: usize,
        findings: &mut Findings,
    ) -> Result<(), ScenarioError> {
        if self.failed.is_some() {
            return Ok(());
        }
        match self.take(lab, turn, &mut findings.runs) {
            Err(ScenarioError::Peer(error @ PeerError::NotInstalled { .. })) => {
                findings.notes.push(format!(
                    "Left out: {}, which is not installed.",
                    self.who.name()
                ));
                self.failed = Some(error.to_string());
                Ok(())
            }
            Err(ScenarioError::Load(
                error @ (LoadError::Client { .. } | LoadError::Stuck { .. }),
            )) => {
                findings.goals.push(Goal {
                    what: format!("{} ran through the load", self.who.name()),
                    wanted: "yes".to_owned(),
                    seen: format!("in turn {turn}: {error}"),
                    met: false,
                });
                self.failed = Some(error.to_string());
                Ok(())
            }
            other => other,
        }
    }

    fn median(&self, figure: impl Fn(&Figures) -> f64) -> f64 {
        Spread::of(self.turns.iter().map(figure)).median
    }
}

impl Who {
    fn name(self) -> &'static str {
        match self {
            Self::Revring => "revring",
            Self::Bare => "bare write loop",
            Self::Peer(kind) => kind.name(),
        }
    }

    fn start(self, lab: &Lab<'_>) -> Result<Subject, ScenarioError> {
        Ok(match self {
            Self::Revring => lab.revring(&LARGE_RING)?,
            Self::Bare => lab::bare(1)?,
            Self::Peer(kind) => lab::peer(kind)?,
        })
    }
}

/// The figures of one turn; `memory` is what a connection took in an earlier one, which does not change.
fn figures(
    lab: &Lab<'_>,
    who: Who,
    turn: usize,
    memory: Option<f64>,
    runs: &mut Vec<Outcome>,
) -> Result<Figures, ScenarioError> {
    let mut run = |plan: Plan| -> Result<Outcome, ScenarioError> {
        let mut run = lab.run(&plan, &who.start(lab)?)?;
        run.name = format!("{}, turn {turn}: {}", who.name(), run.name);
        runs.push(run.clone());
        Ok(run)
    };
    let (many, few) = (run(saturated(lab, 1000))?, run(saturated(lab, 100))?);
    let timely = run(timely(lab))?;
    let memory = match memory {
        Some(memory) => memory,
        None => memory_per_connection(lab, &who.start(lab)?, 1, lab.pick(5000, 1000))?.0,
    };
    Ok(Figures {
        name: timely.target.clone(),
        deliveries: [&many, &few].map(deliveries_per_second),
        per_core: [&many, &few].map(deliveries_per_cpu_second),
        share: [&many, &few].map(cpu_share),
        p50: milliseconds(&timely, "readers", 50.0),
        p99: milliseconds(&timely, "readers", 99.0),
        memory,
        bytes: bytes_per_operation(&timely),
    })
}

/// As much as the server takes from writers that have many unanswered updates.
fn saturated(lab: &Lab<'_>, readers: usize) -> Plan {
    Plan {
        readers,
        // Some peers take one unanswered update at a time of each writer.
        writers: 16,
        pace: Pace::Window(32),
        stamps_of_one_in: 100,
        duration: lab.pick(Duration::from_secs(2), Duration::from_secs(1)),
        ..plan(format!("saturation, {readers} clients"))
    }
}

fn timely(lab: &Lab<'_>) -> Plan {
    Plan {
        readers: 1000,
        pace: Pace::Rate(100.0),
        duration: lab.pick(Duration::from_secs(3), Duration::from_secs(2)),
        ..plan("100 operations per second, 1,000 clients")
    }
}

fn compare(bare: &Turns, groups: &[Group], findings: &mut Findings) {
    let own = Turns {
        who: Who::Revring,
        turns: groups
            .iter()
            .flat_map(|group| group.own.turns.iter().cloned())
            .collect(),
        failed: None,
    };
    let peers = || groups.iter().flat_map(|group| &group.peers);
    let peers = || peers().filter(|peer| !peer.turns.is_empty());
    findings
        .tables
        .push(numbers([&own, bare].into_iter().chain(peers())));
    findings.tables.push(traits(peers()));
    for Group { peers, own } in groups {
        for peer in peers.iter().filter(|peer| !peer.turns.is_empty()) {
            findings.goals.extend(against(own, peer));
        }
    }
    findings
        .goals
        .push(sound("order, holes and acknowledgements", &findings.runs));
}

fn numbers<'a>(all: impl Iterator<Item = &'a Turns>) -> Table {
    let mut numbers = table(
        "The same load on each",
        &[
            "server",
            "million deliveries/s and core, 1,000 clients",
            "million deliveries/s, 1,000 clients",
            "server's processor, 1,000 clients",
            "million deliveries/s and core, 100 clients",
            "million deliveries/s, 100 clients",
            "server's processor, 100 clients",
            "p50 at 100 operations/s, ms",
            "p99, ms",
            "KiB per idle connection",
            "bytes per operation",
        ],
    );
    for turns in all {
        let name = turns.turns.first().map(|figures| figures.name.clone());
        let mut row = vec![name.unwrap_or_default()];
        for clients in [0, 1] {
            row.extend([
                format!(
                    "{:.3}",
                    turns.median(|figures| figures.per_core[clients] / 1e6)
                ),
                format!(
                    "{:.3}",
                    turns.median(|figures| figures.deliveries[clients] / 1e6)
                ),
                format!("{:.2}", turns.median(|figures| figures.share[clients])),
            ]);
        }
        row.extend([
            format!("{:.2}", turns.median(|figures| figures.p50)),
            format!("{:.2}", turns.median(|figures| figures.p99)),
            format!("{:.1}", turns.median(|figures| figures.memory)),
            format!("{:.0}", turns.median(|figures| figures.bytes)),
        ]);
        numbers.rows.push(row);
    }
    numbers
}

fn traits<'a>(peers: impl Iterator<Item = &'a Turns>) -> Table {
    let columns = [&["server"], &Traits::COLUMNS[..]].concat();
    let mut does = table("What each does", &columns);
    let of_peers = peers.filter_map(|peer| match peer.who {
        Who::Peer(kind) => Some((kind.name(), kind.traits())),
        Who::Revring | Who::Bare => None,
    });
    for (name, traits) in std::iter::once((Who::Revring.name(), Traits::REVRING)).chain(of_peers) {
        let cells = [&[name], &traits.cells()[..]].concat();
        does.rows
            .push(cells.into_iter().map(str::to_owned).collect());
    }
    does
}

/// How far revring is ahead of a peer: medians of the ratios within each turn.
fn against(own: &Turns, peer: &Turns) -> Vec<Goal> {
    let ahead = |what: &str, bound, figure: fn(&Figures) -> f64| {
        let turns = own.turns.iter().zip(&peer.turns);
        // Of a peer from which nothing came there is no figure.
        let ratio = turns.map(|(own, peer)| figure(own) / figure(peer));
        let ratio = Spread::of(ratio.map(|ratio| if ratio.is_finite() { ratio } else { f64::NAN }));
        let what = format!("{what}, revring / {}", peer.who.name());
        goal(&what, bound, ratio.median, ratio.to_string())
    };
    vec![
        ahead(
            "deliveries per second of the server's processor, 1,000 clients",
            Bound::AtLeast(2.0),
            |figures| figures.per_core[0],
        ),
        ahead(
            "deliveries per second of the server's processor, 100 clients",
            Bound::AtLeast(2.0),
            |figures| figures.per_core[1],
        ),
        ahead("p50 at 100 operations/s", Bound::AtMost(1.0), |figures| {
            figures.p50
        }),
        ahead("p99 at 100 operations/s", Bound::AtMost(1.0), |figures| {
            figures.p99
        }),
        ahead("memory per connection", Bound::AtMost(1.0), |figures| {
            figures.memory
        }),
        ahead("bytes per operation", Bound::AtMost(1.0), |figures| {
            figures.bytes
        }),
    ]
}
