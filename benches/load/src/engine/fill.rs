//! Puts records into rooms before anyone else comes.

use crate::{
    progress::Progress,
    revring::{Raw, fill},
};

use super::{
    Crowd, LoadError, Speak,
    client::{Client, Voice},
    connect::PATIENCE,
    figures::{Class, Figures},
};

/// Rooms that are filled at once.
const ROOMS: usize = 64;
/// Updates of one room that may have no answer.
const WINDOW: u64 = 8;

impl Crowd<'_> {
    /// Fills all rooms. The clients that do it are gone afterwards, and what they saw and counted is forgotten.
    pub(super) fn fill(&mut self, progress: &dyn Progress) -> Result<(), LoadError> {
        let wanted = self.sources.is_empty() && self.plan.writers > 0 || self.plan.records > 0;
        if self.target.speak != Speak::Revring || !wanted {
            return Ok(());
        }
        let plan = &self.plan;
        let updates = fill(plan.codec, plan.records, plan.record_bytes, plan.payload)
            .map_err(LoadError::Plan)?;
        progress.phase("fill", (self.plan.rooms * updates.len()) as u64);
        // What time makes due is due to those who are seated.
        let seated = (
            std::mem::take(&mut self.clients),
            std::mem::take(&mut self.timers),
        );
        self.timers.ramp.steep = true;
        let rooms: Vec<usize> = (0..self.plan.rooms).collect();
        for (done, rooms) in rooms.chunks(ROOMS).enumerate() {
            progress.at((done * ROOMS * updates.len()) as u64, "");
            self.fill_rooms(rooms, &updates)?;
        }
        (self.clients, self.timers) = seated;
        self.world.figures = Figures::new();
        Ok(())
    }

    fn fill_rooms(&mut self, rooms: &[usize], updates: &[Vec<u8>]) -> Result<(), LoadError> {
        for room in rooms {
            let name = self.world.rooms[*room].name.clone();
            let identity = self.seats.identity(name, self.plan.codec)?;
            let voice = Voice::Raw(Box::new(Raw::new(identity, None)));
            self.waiting.push_back(self.clients.len());
            self.clients
                .push(Client::new(voice, *room, Class::Writers, false));
        }
        self.until_live("fill", &crate::progress::Silent)?;
        let mut sent = vec![0_u64; rooms.len()];
        let (mut since, mut seen) = (self.world.now(), 0);
        while !self.fill_on(&mut sent, updates)? {
            let now = self.world.now();
            self.turn(now + 50_000)?;
            let heard = self.world.figures.messages;
            if heard != seen {
                (since, seen) = (now, heard);
            } else if now - since > PATIENCE {
                return Err(LoadError::Stuck {
                    phase: "fill".to_owned(),
                    seconds: PATIENCE / 1_000_000,
                    missing: "a room does not take its records".to_owned(),
                });
            }
        }
        for mut client in std::mem::take(&mut self.clients) {
            client.close(&mut self.world);
            self.world.rooms[client.who.room].forget();
        }
        Ok(())
    }

    /// Sends what the windows allow; `true`: everything is sent and answered.
    fn fill_on(&mut self, sent: &mut [u64], updates: &[Vec<u8>]) -> Result<bool, LoadError> {
        let mut done = true;
        for (place, sent) in sent.iter_mut().enumerate() {
            let client = &mut self.clients[place];
            let answered = client.who.deliveries;
            let Some(link) = &mut client.link else {
                continue;
            };
            while *sent < answered + WINDOW && *sent < updates.len() as u64 {
                let update = &updates[usize::try_from(*sent).unwrap_or(0)];
                crate::revring::queue_bytes(self.plan.codec, update, &mut link.out);
                *sent += 1;
            }
            let flushed = link.flush();
            done &= answered == updates.len() as u64;
            flushed.map_err(|error| self.failed(place, error.to_string()))?;
        }
        Ok(done)
    }
}
