//! One turn of the crowd: waits for sockets, serves those that are ready, then does what time has made due.

use std::time::Duration;

use mio::Token;

use super::{Crowd, LoadError, figures::Class, link::Stage};

/// How often a slow reader reads, in microseconds.
const SLOW: u64 = 100_000;
/// In how many groups slow readers do so one after the other.
const GROUPS: u64 = 20;
/// How long a returning client is away, in microseconds.
const AWAY: u64 = 500_000;
/// How long a crowd that does not sleep leaves between two looks at its sockets, in microseconds.
const PAUSE: u64 = 30;
/// The longest wait, in microseconds.
const LONGEST: u64 = 100_000;

/// What is done at certain times, in microseconds.
#[derive(Debug, Default)]
pub(super) struct Timers {
    /// Slow readers. Each reads in its group's turn.
    pub(super) slow: Vec<usize>,
    slow_turn: u64,
    /// Whether slow readers may read as fast as they can.
    pub(super) hurry: bool,
    /// Clients that lose their connection now and then, in turn.
    pub(super) returning: Vec<usize>,
    next_loss: Option<u64>,
    losses: usize,
    /// When clients that are away come back, in order.
    pub(super) away: std::collections::VecDeque<(u64, usize)>,
    pub(super) sample: Option<u64>,
    pub(super) ramp: super::connect::Ramp,
}

impl Crowd<'_> {
    /// Turns until `deadline`, in microseconds.
    pub(super) fn turn_until(&mut self, deadline: u64) -> Result<(), LoadError> {
        while self.world.now() < deadline {
            self.turn(deadline)?;
        }
        Ok(())
    }

    /// Waits for whatever comes first, at most until `deadline`, and does it.
    pub(super) fn turn(&mut self, deadline: u64) -> Result<(), LoadError> {
        if self.plan.awake {
            self.pause();
        }
        let before = self.world.now();
        let wait = self.wait(before, deadline);
        match self.poll.poll(&mut self.events, Some(wait)) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => return Ok(()),
            polled => polled?,
        }
        let woken = self.world.now();
        self.world.latest = woken;
        let mut worked = !self.events.is_empty();
        let events = std::mem::replace(&mut self.events, mio::Events::with_capacity(0));
        for event in &events {
            let Token(client) = event.token();
            let ended = event.is_read_closed() || event.is_error();
            if event.is_writable() {
                self.writable(client)?;
            }
            if event.is_readable() || ended {
                self.readable(client, ended)?;
            }
        }
        self.events = events;
        worked |= self.connect_waiting(woken)?;
        worked |= self.lose_and_return(woken)?;
        worked |= self.read_slowly(woken)?;
        worked |= self.write(woken)?;
        self.sample_if_due(woken)?;
        if worked {
            self.busy += self.world.now().saturating_sub(woken);
        }
        Ok(())
    }

    /// Leaves the kernel alone until a moment after it was last asked. A crowd that took each frame at once, or now and then several,
    /// as chance has it, would cost one server less than the other.
    fn pause(&self) {
        while self.world.now() < self.world.latest + PAUSE {
            std::hint::spin_loop();
        }
    }

    fn wait(&self, now: u64, deadline: u64) -> Duration {
        if self.plan.awake {
            return Duration::ZERO;
        }
        let timers = &self.timers;
        let times = [
            Some(deadline),
            Some(now + LONGEST),
            timers.sample,
            self.next_connect(now),
            timers.next_loss,
            timers.away.front().map(|(at, _)| *at),
            (!timers.slow.is_empty()).then_some((timers.slow_turn + 1) * (SLOW / GROUPS)),
            self.next_write(now),
        ];
        let next = times.into_iter().flatten().min().unwrap_or(deadline);
        // The kernel counts whole milliseconds and rounds up; what is due before that is waited for awake.
        Duration::from_millis(next.saturating_sub(now) / 1000)
    }

    fn writable(&mut self, place: usize) -> Result<(), LoadError> {
        let Some(client) = self.clients.get_mut(place) else {
            return Ok(());
        };
        let connecting = |client: &super::Client| {
            client
                .link
                .as_ref()
                .is_some_and(|link| link.stage == Stage::Connecting)
        };
        let before = connecting(client);
        let address = self.target.address;
        match client.writable(address, &self.plan) {
            Ok(()) => {
                if before && !connecting(client) {
                    self.world.figures.total.connects += 1;
                }
                Ok(())
            }
            Err(source) if before => Err(LoadError::Connect { address, source }),
            Err(error) => Err(self.failed(place, error.to_string())),
        }
    }

    fn readable(&mut self, place: usize, ended: bool) -> Result<(), LoadError> {
        let Some(client) = self.clients.get(place) else {
            return Ok(());
        };
        // Until it is live a slow reader reads as others do: its load is that of the stream.
        if client.who.class == Class::Slow && client.who.live && !self.timers.hurry && !ended {
            return Ok(());
        }
        self.read(place, usize::MAX, ended).map(|_| ())
    }

    /// Reads from a client all that is there.
    pub(super) fn read_all(&mut self, place: usize) -> Result<(), LoadError> {
        self.read(place, usize::MAX, false).map(|_| ())
    }

    /// Reads from a client what is there, `most` bytes at most; yields how many came.
    fn read(&mut self, place: usize, most: usize, ended: bool) -> Result<usize, LoadError> {
        let mut total = 0;
        while total < most {
            let Some(client) = self.clients.get_mut(place) else {
                break;
            };
            let Some(link) = &mut client.link else {
                break;
            };
            if link.stage == Stage::Connecting {
                break;
            }
            let room = self.buffer.len().min(most - total);
            let read = match link.read(&mut self.buffer[..room]) {
                Ok(Some(0)) => Err("the server closed the connection".to_owned()),
                Ok(Some(read)) => Ok(read),
                Ok(None) => break,
                Err(error) => Err(error.to_string()),
            };
            let read = match read {
                Ok(read) => read,
                Err(problem) => return Err(self.failed(place, problem)),
            };
            total += read;
            let upgrading = link.stage == Stage::Upgrading;
            let fed = client.feed(&self.buffer[..read], &mut self.world);
            if let Err(problem) = fed {
                return Err(self.failed(place, problem));
            }
            self.after_feed(place, upgrading)?;
            // Less than there was room for: the socket is empty, and what comes next is told anew.
            if read < room && !ended {
                break;
            }
        }
        Ok(total)
    }

    fn after_feed(&mut self, place: usize, upgrading: bool) -> Result<(), LoadError> {
        let Some(link) = self
            .clients
            .get_mut(place)
            .and_then(|client| client.link.as_mut())
        else {
            return Ok(());
        };
        if upgrading && link.stage == Stage::Open {
            self.opening = self.opening.saturating_sub(1);
        }
        if link.is_flushed() {
            return Ok(());
        }
        match link.flush() {
            Ok(()) => Ok(()),
            Err(error) => Err(self.failed(place, error.to_string())),
        }
    }

    fn read_slowly(&mut self, now: u64) -> Result<bool, LoadError> {
        let turn = now / (SLOW / GROUPS);
        let Some(slow) = self
            .plan
            .slow
            .filter(|_| !self.timers.slow.is_empty() && !self.timers.hurry)
        else {
            return Ok(false);
        };
        if turn <= self.timers.slow_turn {
            return Ok(false);
        }
        let turns = (turn - self.timers.slow_turn).min(GROUPS);
        self.timers.slow_turn = turn;
        let budget = usize::try_from(slow.bytes_per_second * SLOW / 1_000_000)
            .unwrap_or(usize::MAX)
            .max(1);
        for index in 0..self.timers.slow.len() {
            let group = (turn + GROUPS - index as u64 % GROUPS) % GROUPS;
            let place = self.timers.slow[index];
            if group < turns && self.clients[place].who.live {
                self.read(place, budget, false)?;
            }
        }
        Ok(true)
    }

    fn lose_and_return(&mut self, now: u64) -> Result<bool, LoadError> {
        let mut worked = false;
        while let Some((at, place)) = self.timers.away.front().copied() {
            if at > now {
                break;
            }
            self.timers.away.pop_front();
            self.waiting.push_back(place);
            worked = true;
        }
        while let Some(at) = self.timers.next_loss.filter(|at| *at <= now) {
            self.timers.next_loss = Some(at + self.between_losses());
            let place = self.timers.returning[self.timers.losses % self.timers.returning.len()];
            self.timers.losses += 1;
            if self.clients[place].who.live {
                self.clients[place].close(&mut self.world);
                self.timers.away.push_back((now + AWAY, place));
            }
            worked = true;
        }
        Ok(worked)
    }

    /// Clients begin, or cease, to lose their connections.
    pub(super) fn lose(&mut self, on: bool) {
        let on = on && self.plan.reconnecting > 0.0 && !self.timers.returning.is_empty();
        self.timers.next_loss = on.then(|| self.world.now() + self.between_losses());
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "microseconds of a plan"
    )]
    fn between_losses(&self) -> u64 {
        let readers = self.plan.readers as f64;
        ((1e6 / (readers * self.plan.reconnecting)) as u64).max(1)
    }

    /// The error of the client at `place`.
    pub(super) fn failed(&self, place: usize, problem: String) -> LoadError {
        let class = self
            .clients
            .get(place)
            .map_or("client", |client| client.who.class.name());
        LoadError::Client {
            who: format!("client {place} ({class})"),
            problem,
        }
    }
}
