//! The phases of a run after everyone is live.

use std::time::Duration;

use crate::progress::Progress;

use super::{Crowd, LoadError, Speak, client::Voice, connect::PATIENCE, pace::Pacing};

/// How often a phase looks how far it is, in microseconds.
const STEP: u64 = 50_000;
/// How long nothing may come before what is missing counts as missing for good, in microseconds.
const SILENCE: u64 = 3_000_000;
/// How long a server without revisions may take to deliver the last operation, in microseconds.
const REST: u64 = 300_000;

impl Crowd<'_> {
    /// Lets the load run for the plan's warm-up.
    ///
    /// # Errors
    /// When a client is refused or dropped.
    pub(crate) fn warm_up(&mut self) -> Result<(), LoadError> {
        self.start();
        self.run_for(self.plan.warm_up)
    }

    /// Measures for the plan's duration, or until the sources are at their end; then no one writes any more. A duration of
    /// [`Duration::MAX`] has no other end than that.
    ///
    /// # Errors
    /// When a client is refused or dropped, or nothing comes for long and there is no other end.
    pub(crate) fn measure(&mut self, progress: &dyn Progress) -> Result<(), LoadError> {
        self.begin_measuring()?;
        if matches!(self.pacing, Pacing::Quiet) {
            self.start();
        }
        let endless = self.plan.duration == Duration::MAX;
        let length = if endless {
            0
        } else {
            micros(self.plan.duration)
        };
        progress.phase("measure", length / 1_000_000);
        let begin = self.world.now();
        let end = if endless { u64::MAX } else { begin + length };
        let (mut since, mut seen) = (begin, 0);
        while self.world.now() < end && !self.played() {
            self.turn(end.min(self.world.now() + STEP))?;
            let now = self.world.now();
            progress.at((now - begin) / 1_000_000, &self.note());
            if self.world.figures.messages != seen {
                (since, seen) = (now, self.world.figures.messages);
            } else if endless && now - since > PATIENCE {
                return Err(LoadError::Stuck {
                    phase: "measure".to_owned(),
                    seconds: PATIENCE / 1_000_000,
                    missing: format!("{} updates have no answer", self.unanswered()),
                });
            }
        }
        self.end_measuring()?;
        self.stop();
        Ok(())
    }

    /// Writers write as the plan says, and clients come and go, until [`Self::stop`].
    pub(crate) fn start(&mut self) {
        self.begin_writing(u64::MAX);
        self.lose(true);
    }

    /// Nobody writes or goes any more.
    pub(crate) fn stop(&mut self) {
        self.cease_writing();
        self.lose(false);
    }

    /// Lets things run for `time`.
    ///
    /// # Errors
    /// When a client is refused or dropped.
    pub(crate) fn run_for(&mut self, time: Duration) -> Result<(), LoadError> {
        let end = self.world.now() + micros(time);
        self.turn_until(end)
    }

    /// Sends `updates` updates at the plan's pace and waits until all are answered; nobody writes afterwards.
    ///
    /// # Errors
    /// When a client is refused or dropped, or the server does not answer.
    pub(crate) fn write_some(&mut self, updates: u64) -> Result<(), LoadError> {
        let wanted = self.world.figures.total.updates + updates;
        self.begin_writing(updates);
        let written = self.patiently(|crowd| {
            (crowd.world.figures.total.updates < wanted || crowd.unanswered() > 0)
                .then(|| format!("{} updates have no answer", crowd.unanswered()))
        })?;
        self.cease_writing();
        match written {
            None => Ok(()),
            Some(missing) => Err(LoadError::Stuck {
                phase: "write".to_owned(),
                seconds: SILENCE / 1_000_000,
                missing,
            }),
        }
    }

    /// Someone who is not of the crowd knows that the first room is at the revision `head`: whoever is not there yet lacks something.
    pub(crate) fn told_head(&mut self, head: u64) {
        let room = &mut self.world.rooms[0];
        room.head = room.head.max(head);
    }

    /// Waits until every update is answered, and every client is back and has everything. Slow readers read as fast as they can from
    /// now on. What is missing even so is told by the checks.
    ///
    /// # Errors
    /// When a client is refused or dropped.
    pub(crate) fn settle(&mut self) -> Result<(), LoadError> {
        self.stop();
        self.timers.hurry = true;
        let now = self.world.now();
        self.timers.away.iter_mut().for_each(|(at, _)| *at = now);
        for index in 0..self.timers.slow.len() {
            self.read_all(self.timers.slow[index])?;
        }
        self.unsettled = self.patiently(Self::missing)?;
        if self.target.speak != Speak::Revring {
            self.turn_until(self.world.now() + REST)?;
            // What comes now is more than was sent.
            if self.unsettled.is_none() {
                self.unsettled = self.missing();
            }
        }
        Ok(())
    }

    /// Turns until nothing is `missing`, or nothing comes any more: then tells what is missing.
    pub(super) fn patiently(
        &mut self,
        missing: impl Fn(&Self) -> Option<String>,
    ) -> Result<Option<String>, LoadError> {
        let (mut since, mut seen) = (self.world.now(), u64::MAX);
        let mut reminded = since;
        loop {
            let Some(what) = missing(self) else {
                return Ok(None);
            };
            let now = self.world.now();
            self.turn(now + STEP)?;
            if now - reminded >= STEP {
                reminded = now;
                let due = self.remind().filter(|due| *due < now + PATIENCE);
                since = since.max(due.unwrap_or_default());
            }
            let heard = self.world.figures.total.bytes + self.world.figures.total.connects;
            if heard != seen {
                (since, seen) = (now, heard);
            } else if now.saturating_sub(since) > SILENCE {
                return Ok(Some(what));
            }
        }
    }

    /// Whether there are sources, all at their end and with every update answered.
    fn played(&self) -> bool {
        self.sources_ended() && self.unanswered() == 0
    }

    /// What is still to come.
    fn missing(&self) -> Option<String> {
        let unanswered = self.unanswered();
        if unanswered > 0 {
            return Some(format!("{unanswered} updates have no answer"));
        }
        let away = self.clients.len() as u64 - self.world.figures.live;
        if away > 0 {
            return Some(format!("{away} clients are not live"));
        }
        let behind = self
            .clients
            .iter()
            .filter(|client| self.lag(client) > 0)
            .count();
        if behind > 0 {
            return Some(format!("{behind} clients do not get to the head"));
        }
        let lacking = self.clients.iter();
        let lacking = lacking
            .filter(|client| client.who.lacks(&self.world))
            .count();
        (lacking > 0).then(|| {
            format!("{lacking} clients did not get exactly the updates that were sent since they are live")
        })
    }

    /// Updates without answer.
    pub(super) fn unanswered(&self) -> usize {
        self.world
            .authors
            .iter()
            .map(super::author::Author::unanswered)
            .sum()
    }

    /// Operations that a client lacks, as far as anyone has been told of them.
    pub(super) fn lag(&self, client: &super::Client) -> u64 {
        match client.who.voice {
            Voice::Raw(_) | Voice::Follower(_) => {
                let room = self.world.rooms.get(client.who.room);
                room.map_or(0, |room| room.head.saturating_sub(client.who.place()))
            }
            Voice::Other(_) => 0,
        }
    }

    fn note(&self) -> String {
        let counts = self.world.figures.counts();
        format!(
            "{} operations delivered, {} updates sent",
            counts.deliveries, counts.updates
        )
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
