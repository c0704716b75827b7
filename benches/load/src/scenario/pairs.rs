//! A server beside the limit: the same load on both by turns, A B A B.

use super::{
    ScenarioError,
    figures::{Spread, bytes_per_operation, cpu_per_delivery, number, operations_per_frame},
    lab::{self, LARGE_RING, Lab},
};
use crate::{model::Outcome, plan::Plan};

/// Runs in pairs: the server and the bare loop.
pub(super) struct Pairs {
    runs: Vec<(Outcome, Outcome)>,
}

/// How many messages the bare loop joins in one write.
#[derive(Debug, Clone, Copy)]
pub(super) enum Batch {
    Of(usize),
    /// As many as the server joined, by the median of the runs so far.
    AsTheServer,
}

/// Carries out `plan` against revring and against the bare loop, `pairs` times by turns: what comes first changes with each pair. The
/// loop writes as many bytes for each operation as the server did.
pub(super) fn against_the_limit(
    lab: &Lab<'_>,
    plan: &Plan,
    batch: Batch,
    pairs: usize,
) -> Result<Pairs, ScenarioError> {
    let mut done = Pairs { runs: Vec::new() };
    for pair in 1..=pairs {
        let plan = Plan {
            name: format!("{}, pair {pair}", plan.name),
            ..plan.clone()
        };
        let server = || lab.run(&plan, &lab.revring(&LARGE_RING)?);
        let limit = |like: &Outcome, batch| {
            let mut plan = plan_of_as_many_bytes(plan.clone(), like, batch);
            plan.name.push_str(", bare loop");
            lab.run(&plan, &lab::bare(batch)?)
        };
        // What the server writes is known from its first run on.
        let earlier = done.runs.last().filter(|_| pair % 2 == 0);
        let pair = if let Some((earlier, _)) = earlier {
            let limit = limit(earlier, done.batch(batch, None))?;
            (server()?, limit)
        } else {
            let server = server()?;
            let limit = limit(&server, done.batch(batch, Some(&server)))?;
            (server, limit)
        };
        done.runs.push(pair);
    }
    Ok(done)
}

impl Pairs {
    /// Median and spread of a figure of the server's runs.
    pub(super) fn server(&self, figure: impl Fn(&Outcome) -> f64) -> Spread {
        Spread::of(self.runs.iter().map(|(server, _)| figure(server)))
    }

    /// The same of the bare loop's.
    pub(super) fn limit(&self, figure: impl Fn(&Outcome) -> f64) -> Spread {
        Spread::of(self.runs.iter().map(|(_, limit)| figure(limit)))
    }

    /// The same of a ratio within each pair.
    pub(super) fn ratio(&self, ratio: impl Fn(&Outcome, &Outcome) -> f64) -> Spread {
        Spread::of(self.runs.iter().map(|(server, limit)| ratio(server, limit)))
    }

    /// How near the server's processor time per delivery comes to the loop's: 1 is the limit.
    pub(super) fn share_of_the_limit(&self) -> Spread {
        self.ratio(|server, limit| cpu_per_delivery(limit) / cpu_per_delivery(server))
    }

    /// Operations in a message of the server.
    pub(super) fn operations_per_frame(&self) -> Spread {
        self.server(operations_per_frame)
    }

    /// As many as `wanted`, with what `latest` joined, too.
    fn batch(&self, wanted: Batch, latest: Option<&Outcome>) -> usize {
        match wanted {
            Batch::Of(batch) => batch,
            Batch::AsTheServer => {
                let servers = self.runs.iter().map(|(server, _)| server).chain(latest);
                whole(Spread::of(servers.map(operations_per_frame)).median).max(1)
            }
        }
    }

    /// All runs, the server's first in each pair.
    pub(super) fn into_runs(self) -> impl Iterator<Item = Outcome> {
        self.into_pairs()
            .flat_map(|(server, limit)| [server, limit])
    }

    /// The server's run and the bare loop's of each pair.
    pub(super) fn into_pairs(self) -> impl Iterator<Item = (Outcome, Outcome)> {
        self.runs.into_iter()
    }
}

/// `plan` for the bare loop that joins `batch` messages, with as many bytes for each as an operation of `server` took.
fn plan_of_as_many_bytes(plan: Plan, server: &Outcome, batch: usize) -> Plan {
    let frame = bytes_per_operation(server) * number(batch);
    Plan {
        payload: payload(frame) / batch.max(1),
        ..plan
    }
}

/// Bytes of payload with which a frame is `frame` bytes long.
fn payload(frame: f64) -> usize {
    // Two bytes of header, four beyond 125 bytes of payload.
    match whole(frame).saturating_sub(2) {
        short @ 0..=125 => short,
        long => long - 2,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "bytes and operations of a frame"
)]
fn whole(number: f64) -> usize {
    number.round().max(0.0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loop_writes_as_many_bytes_as_the_server() {
        assert_eq!(payload(100.2), 98);
        assert_eq!(payload(127.0), 125);
        assert_eq!(payload(1004.0), 1000);
        assert_eq!(payload(f64::NAN), 0);
    }
}
