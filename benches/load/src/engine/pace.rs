//! When updates are sent.

use crate::{plan::Pace, revring::Planned, stamp::Stamp};

use super::{Crowd, LoadError};

/// What writers are to do now.
#[derive(Debug)]
pub(super) enum Pacing {
    /// Nothing.
    Quiet,
    /// An update at each of these times, whatever comes back.
    Rate {
        /// Microseconds at which it began.
        began: u64,
        /// Microseconds between two.
        every: f64,
        /// How many are sent.
        sent: u64,
        /// How many there are to be.
        limit: u64,
    },
    /// As many as have no answer, for each writer.
    Window {
        /// So many.
        window: usize,
        /// How many more there are to be.
        left: u64,
    },
    /// What the sources give.
    Sources {
        /// Microseconds at which they began.
        began: u64,
        /// How many may have no answer, of those that have no time of their own.
        window: usize,
        /// The next of each; `None`: there are no more.
        next: Vec<Option<Planned>>,
    },
}

impl Crowd<'_> {
    /// Writers begin to write as the plan says, `limit` updates in all at most.
    pub(super) fn begin_writing(&mut self, limit: u64) {
        let began = self.world.now();
        if !self.sources.is_empty() {
            let window = match self.plan.pace {
                Pace::Window(window) => window,
                Pace::Quiet | Pace::Rate(_) => 1,
            };
            let next = match std::mem::replace(&mut self.pacing, Pacing::Quiet) {
                Pacing::Sources { next, .. } => next,
                Pacing::Quiet | Pacing::Rate { .. } | Pacing::Window { .. } => self
                    .sources
                    .iter_mut()
                    .map(|source| source.next(0))
                    .collect(),
            };
            self.pacing = Pacing::Sources {
                began,
                window,
                next,
            };
            return;
        }
        self.pacing = match self.plan.pace {
            Pace::Quiet => Pacing::Quiet,
            Pace::Rate(rate) => Pacing::Rate {
                began,
                every: 1e6 / rate,
                sent: 0,
                limit,
            },
            Pace::Window(window) => {
                self.make_hungry();
                Pacing::Window {
                    window,
                    left: limit,
                }
            }
        };
    }

    /// Lets each writer look whether its window has room.
    pub(super) fn make_hungry(&mut self) {
        let world = &mut self.world;
        for (index, author) in world.authors.iter_mut().enumerate() {
            if !author.hungry {
                author.hungry = true;
                world.hungry.push(index);
            }
        }
    }

    /// Writers write no more.
    pub(super) fn cease_writing(&mut self) {
        self.pacing = Pacing::Quiet;
    }

    /// When the next update is due, if that is a matter of time.
    pub(super) fn next_write(&self, now: u64) -> Option<u64> {
        match &self.pacing {
            Pacing::Rate {
                began,
                every,
                sent,
                limit,
            } => (sent < limit).then(|| due(*began, *every, *sent)),
            Pacing::Window { left, .. } => {
                (*left > 0 && !self.world.hungry.is_empty()).then_some(now)
            }
            Pacing::Sources { began, next, .. } => next
                .iter()
                .flatten()
                .filter_map(|planned| Some(began + micros(planned.at?)))
                .min(),
            Pacing::Quiet => None,
        }
    }

    /// Sends what is due; `true`: there was something.
    pub(super) fn write(&mut self, now: u64) -> Result<bool, LoadError> {
        match self.pacing {
            Pacing::Quiet => Ok(false),
            Pacing::Rate { .. } => self.write_due(now),
            Pacing::Window { .. } => self.write_windows(),
            Pacing::Sources { .. } => self.write_sources(),
        }
    }

    /// Everything that is due is sent at once.
    fn write_due(&mut self, now: u64) -> Result<bool, LoadError> {
        let mut worked = false;
        while let Pacing::Rate {
            began,
            every,
            sent,
            limit,
        } = &mut self.pacing
        {
            let intended = due(*began, *every, *sent);
            if intended > now || *sent >= *limit {
                break;
            }
            let author = usize::try_from(*sent).unwrap_or(0) % self.world.authors.len().max(1);
            *sent += 1;
            self.send(author, intended)?;
            self.flush(author)?;
            worked = true;
        }
        Ok(worked)
    }

    fn write_windows(&mut self) -> Result<bool, LoadError> {
        let hungry = std::mem::take(&mut self.world.hungry);
        let worked = !hungry.is_empty();
        for author in &hungry {
            self.world.authors[*author].hungry = false;
            let now = self.world.now();
            while let Pacing::Window { window, left } = &mut self.pacing {
                if *left == 0 || self.world.authors[*author].unanswered() >= *window {
                    break;
                }
                *left -= 1;
                self.send(*author, now)?;
            }
            self.flush(*author)?;
        }
        // The list keeps its memory.
        if self.world.hungry.is_empty() {
            self.world.hungry = hungry;
            self.world.hungry.clear();
        }
        Ok(worked)
    }

    fn write_sources(&mut self) -> Result<bool, LoadError> {
        self.world.hungry.clear();
        let mut worked = false;
        for author in 0..self.world.authors.len() {
            self.world.authors[author].hungry = false;
            while let Some((intended, planned)) = self.next_planned(author) {
                self.send_planned(author, intended, planned)?;
                worked = true;
            }
            self.flush(author)?;
        }
        Ok(worked)
    }

    /// The source's next update for `author`, if it is due, and when it was.
    fn next_planned(&mut self, author: usize) -> Option<(u64, Planned)> {
        let now = self.world.now();
        let known = self.world.authors.get(author)?;
        let Pacing::Sources {
            began,
            window,
            next,
        } = &mut self.pacing
        else {
            return None;
        };
        let slot = next.get_mut(author)?;
        let intended = match slot.as_ref()?.at {
            Some(at) => began.saturating_add(micros(at)),
            None if known.unanswered() < *window => now,
            None => return None,
        };
        if intended > now {
            return None;
        }
        let planned = slot.take()?;
        *slot = self.sources.get_mut(author)?.next(known.sent + 1);
        Some((intended, planned))
    }

    /// Whether all sources are at their end.
    pub(super) fn sources_ended(&self) -> bool {
        match &self.pacing {
            Pacing::Sources { next, .. } => next.iter().all(Option::is_none),
            Pacing::Quiet | Pacing::Rate { .. } | Pacing::Window { .. } => false,
        }
    }

    fn stamp(&mut self, author: usize, intended: u64) -> (usize, Stamp) {
        let author = &mut self.world.authors[author];
        let stamp = Stamp {
            writer: author.number,
            sequence: author.sent,
            intended,
        };
        author.sent += 1;
        self.world.figures.total.updates += 1;
        (author.client, stamp)
    }

    fn send(&mut self, author: usize, intended: u64) -> Result<(), LoadError> {
        let (place, stamp) = self.stamp(author, intended);
        let now = self.world.now();
        let client = &mut self.clients[place];
        let Some(link) = &mut client.link else {
            return Err(self.failed(place, "it is to write and has no connection".to_owned()));
        };
        let sent = client.who.update(stamp, &self.plan, now, &mut link.out);
        sent.map_err(|problem| self.failed(place, problem))
    }

    fn send_planned(
        &mut self,
        author: usize,
        intended: u64,
        planned: Planned,
    ) -> Result<(), LoadError> {
        let (place, stamp) = self.stamp(author, intended);
        let now = self.world.now();
        let client = &mut self.clients[place];
        let Some(link) = &mut client.link else {
            return Err(self.failed(place, "it is to write and has no connection".to_owned()));
        };
        let sent = client
            .who
            .change(stamp, planned.changes, now, &mut link.out);
        sent.map_err(|problem| self.failed(place, problem))
    }

    fn flush(&mut self, author: usize) -> Result<(), LoadError> {
        let place = self.world.authors[author].client;
        match &mut self.clients[place].link {
            Some(link) => link
                .flush()
                .map_err(|error| self.failed(place, error.to_string())),
            None => Ok(()),
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "microseconds of a run"
)]
fn due(began: u64, every: f64, sent: u64) -> u64 {
    began + (every * sent as f64) as u64
}

fn micros(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
