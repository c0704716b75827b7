//! Opens connections, at a steady rate and never too many at once.

use mio::Token;

use super::{Crowd, LoadError, figures::Class, link::Link};
use crate::progress::Progress;

/// Connections that may be on their way at once: what a listener's queue holds easily.
const OPENING: usize = 256;
/// How long nothing may come before a phase counts as stuck, in microseconds.
pub(super) const PATIENCE: u64 = 15_000_000;

/// When the next connection may begin.
#[derive(Debug, Default)]
pub(super) struct Ramp {
    next: u64,
    /// Whether connections are opened as fast as they can be.
    pub(super) steep: bool,
}

impl Crowd<'_> {
    /// Fills the rooms and connects everyone, at the plan's ramp; returns when all are live.
    ///
    /// # Errors
    /// When the server refuses, or does not go on.
    pub(crate) fn connect(&mut self, progress: &dyn Progress) -> Result<(), LoadError> {
        self.fill(progress)?;
        progress.phase("connect", self.clients.len() as u64);
        self.waiting.extend(0..self.clients.len());
        self.timers.ramp.next = self.world.now();
        self.until_live("connect", progress)
    }

    /// Turns until all clients are live.
    pub(super) fn until_live(
        &mut self,
        phase: &str,
        progress: &dyn Progress,
    ) -> Result<(), LoadError> {
        let (mut since, mut seen) = (self.world.now(), u64::MAX);
        loop {
            let live = self.world.figures.live;
            if live == self.clients.len() as u64 {
                return Ok(());
            }
            let now = self.world.now();
            self.turn(now + 50_000)?;
            progress.at(self.world.figures.live, "");
            let heard = self.world.figures.messages + self.world.figures.total.connects;
            if heard != seen {
                (since, seen) = (now, heard);
            } else if now - since > PATIENCE {
                return Err(LoadError::Stuck {
                    phase: phase.to_owned(),
                    seconds: PATIENCE / 1_000_000,
                    missing: format!("{live} of {} clients are live", self.clients.len()),
                });
            }
        }
    }

    /// Begins to connect those that wait, as far as it is time; `true`: some did.
    pub(super) fn connect_waiting(&mut self, now: u64) -> Result<bool, LoadError> {
        let mut worked = false;
        while self.opening < OPENING && (self.timers.ramp.steep || self.timers.ramp.next <= now) {
            let Some(place) = self.waiting.pop_front() else {
                break;
            };
            self.timers.ramp.next =
                self.timers.ramp.next.max(now.saturating_sub(10_000)) + self.between_connects();
            self.open(place)?;
            worked = true;
        }
        Ok(worked)
    }

    pub(super) fn next_connect(&self, now: u64) -> Option<u64> {
        let waits = !self.waiting.is_empty() && self.opening < OPENING;
        let next = if self.timers.ramp.steep {
            now
        } else {
            self.timers.ramp.next
        };
        waits.then_some(next)
    }

    fn open(&mut self, place: usize) -> Result<(), LoadError> {
        let address = self.target.address;
        let client = &mut self.clients[place];
        let slow = client.who.class == Class::Slow;
        let link = Link::open(address, slow, self.poll.registry(), Token(place));
        client.link = Some(link.map_err(|source| LoadError::Connect { address, source })?);
        self.opening += 1;
        Ok(())
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "microseconds of a plan"
    )]
    fn between_connects(&self) -> u64 {
        (1e6 / self.plan.ramp) as u64
    }
}
