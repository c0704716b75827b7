//! What changes while a load runs, looked at in steps.

use std::collections::BTreeMap;

use crate::model::{Counts, Sample, Usage};

use super::{Crowd, LoadError, Speak, figures::difference};

/// Microseconds between two samples.
const STEP: u64 = 100_000;

/// Where the current step began.
#[derive(Debug, Default)]
pub(super) struct Sampler {
    at: u64,
    counts: Counts,
    busy: u64,
    cpu: f64,
    /// Busy time and the server's processor seconds when the measured time began and ended.
    began: (u64, f64),
    ended: Option<(u64, f64)>,
    memory_peak: u64,
    memory_after: u64,
}

impl Crowd<'_> {
    /// From now on what happens counts.
    ///
    /// # Errors
    /// When the server's process cannot be watched.
    pub(crate) fn begin_measuring(&mut self) -> Result<(), LoadError> {
        let cpu = self.server_cpu()?;
        let now = self.world.now();
        self.world.figures.begin(now);
        self.sampler = Sampler {
            at: now,
            counts: self.world.figures.total.clone(),
            busy: self.busy,
            cpu,
            began: (self.busy, cpu),
            ended: None,
            memory_peak: self.server_memory()?,
            memory_after: 0,
        };
        self.timers.sample = Some(now + STEP);
        Ok(())
    }

    /// From now on what happens counts no more.
    ///
    /// # Errors
    /// When the server's process cannot be watched.
    pub(crate) fn end_measuring(&mut self) -> Result<(), LoadError> {
        self.sample()?;
        let now = self.world.now();
        self.world.figures.end(now);
        self.timers.sample = None;
        self.sampler.ended = Some((self.busy, self.server_cpu()?));
        self.sampler.memory_after = self.server_memory()?;
        Ok(())
    }

    pub(super) fn sample_if_due(&mut self, now: u64) -> Result<(), LoadError> {
        match self.timers.sample {
            Some(due) if due <= now => self.sample(),
            _ => Ok(()),
        }
    }

    /// Looks at everything, and begins the next step.
    fn sample(&mut self) -> Result<(), LoadError> {
        let now = self.world.now();
        self.timers.sample = Some(now + STEP);
        let watched = self.target.server.is_some();
        let (cpu, memory) = (self.server_cpu()?, self.server_memory()?);
        let step = &mut self.sampler;
        let seconds = seconds(now - step.at);
        if seconds <= 0.0 {
            return Ok(());
        }
        let counts = difference(&self.world.figures.total, &step.counts);
        let sample = Sample {
            at: self::seconds(now),
            deliveries: counts.deliveries,
            updates: counts.updates,
            bytes: counts.bytes,
            gaps: counts.gaps,
            snapshots: counts.snapshots,
            live: self.world.figures.live,
            server_cpu: watched.then_some((cpu - step.cpu) / seconds),
            server_memory: watched.then_some(memory),
            busy: (self::seconds(self.busy - step.busy) / seconds).min(1.0),
            lag: BTreeMap::new(),
        };
        step.memory_peak = step.memory_peak.max(memory);
        (step.at, step.busy, step.cpu) = (now, self.busy, cpu);
        step.counts = self.world.figures.total.clone();
        let lag = self.lags();
        self.remind();
        self.world.figures.samples.push(Sample { lag, ..sample });
        Ok(())
    }

    /// By class of client, the most operations that one lacks. Without revisions nobody knows.
    fn lags(&self) -> BTreeMap<String, u64> {
        let mut lags = BTreeMap::new();
        if self.target.speak != Speak::Revring {
            return lags;
        }
        for client in &self.clients {
            let class = client.who.class.name();
            let lag = self.lag(client);
            match lags.get_mut(class) {
                None => {
                    lags.insert(class.to_owned(), lag);
                }
                Some(most) => *most = lag.max(*most),
            }
        }
        lags
    }

    /// Whoever waits for a time to send something looks at the clock. Yields the latest such time that is still to come.
    pub(super) fn remind(&mut self) -> Option<u64> {
        let now = self.world.now();
        let mut latest = None;
        for client in self.clients.iter_mut().filter(|client| client.who.live) {
            if let Some(link) = &mut client.link {
                client.who.remind(now, &mut link.out);
                // A socket that fails is told by the next wait.
                let _ = link.flush();
                latest = latest.max(client.who.due());
            }
        }
        latest
    }

    fn server_cpu(&self) -> Result<f64, LoadError> {
        Ok(match self.target.server {
            Some(server) => server.cpu_seconds()?,
            None => 0.0,
        })
    }

    fn server_memory(&self) -> Result<u64, LoadError> {
        Ok(match self.target.server {
            Some(server) => server.memory()?,
            None => 0,
        })
    }

    /// What the server used in the measured time.
    pub(super) fn usage(&self) -> Option<Usage> {
        self.target.server?;
        let Sampler {
            began,
            ended,
            memory_peak,
            memory_after,
            ..
        } = &self.sampler;
        let (_, end) = ended.unwrap_or(*began);
        Some(Usage {
            cpu_seconds: end - began.1,
            memory_before: self.memory_before,
            memory_peak: *memory_peak.max(memory_after),
            memory_after: *memory_after,
        })
    }

    /// Share of the measured time in which there was something to do.
    pub(super) fn busy_share(&self) -> f64 {
        let (began, _) = self.sampler.began;
        let ended = self.sampler.ended.map_or(began, |(ended, _)| ended);
        let measured = self.world.figures.seconds();
        if measured > 0.0 {
            (seconds(ended - began) / measured).min(1.0)
        } else {
            0.0
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "microseconds of a run")]
fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}
