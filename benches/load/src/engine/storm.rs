//! Many at once: all lose their connections, all come back, many come for the first time.

use std::time::Duration;

use crate::progress::Silent;

use super::{Crowd, LoadError, figures::Class, seats};

/// What it took until all were live again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Storm {
    /// From the first connection to the last client's being live and having everything there was when it joined.
    pub(crate) time: Duration,
    /// The server's processor seconds in that time, if it is watched.
    pub(crate) cpu_seconds: Option<f64>,
}

impl Crowd<'_> {
    /// All that do not write lose their connections; yields how many.
    pub(crate) fn drop_all(&mut self) -> usize {
        let mut dropped = 0;
        for client in &mut self.clients {
            if client.who.class != Class::Writers && client.link.is_some() {
                client.close(&mut self.world);
                dropped += 1;
            }
        }
        dropped
    }

    /// All that have no connection come back at once, each from where it was; returns when all are live. Whoever writes goes on.
    ///
    /// # Errors
    /// When the server refuses, or does not go on.
    pub(crate) fn return_all(&mut self) -> Result<Storm, LoadError> {
        self.timers.away.clear();
        self.waiting.clear();
        let gone = self.clients.iter().enumerate();
        let gone = gone
            .filter(|(_, client)| client.link.is_none())
            .map(|(place, _)| place);
        self.waiting.extend(gone);
        self.storm("return")
    }

    /// `clients` more readers join at once, for the first time, dealt to the rooms in turn; returns when all are live. Whoever writes
    /// goes on.
    ///
    /// # Errors
    /// When the server refuses, does not go on, or there may not be as many connections.
    pub(crate) fn join_cold(&mut self, clients: usize) -> Result<Storm, LoadError> {
        seats::files(self.clients.len() + clients)?;
        for seat in 0..clients {
            let place = self.seat(seat, Class::Joining)?;
            self.waiting.push_back(place);
        }
        self.storm("join")
    }

    fn storm(&mut self, phase: &str) -> Result<Storm, LoadError> {
        let cpu = self.cpu()?;
        let began = self.world.now();
        self.timers.ramp.steep = true;
        let came = self.until_live(phase, &Silent);
        self.timers.ramp.steep = false;
        came?;
        let time = Duration::from_micros(self.world.now() - began);
        let cpu = cpu.zip(self.cpu()?).map(|(before, after)| after - before);
        Ok(Storm {
            time,
            cpu_seconds: cpu,
        })
    }

    fn cpu(&self) -> Result<Option<f64>, LoadError> {
        Ok(self
            .target
            .server
            .map(crate::process::Process::cpu_seconds)
            .transpose()?)
    }
}
