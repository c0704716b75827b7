//! The end of a run: the faults stop, everyone comes back, and all must have the same.

use revring_protocol::{document::Document, replica::Status};

use super::{Happened, Machine, World};
use crate::{
    broken::{Broken, Checked, ensure},
    client::Client,
    counters::Counter,
    dice::Dice,
    disk::Faults,
    server::Context,
};

/// Rounds within which everyone must be at the head.
const ROUNDS: usize = 400;
/// Milliseconds of a round.
const ROUND: u64 = 60;
/// More than anything holds.
const ALL: usize = 1 << 30;

impl World {
    /// Lets everything arrive, and checks what must then hold.
    ///
    /// # Errors
    /// When something does not.
    pub fn settle(&mut self) -> Checked {
        *self.disk_faults() = Faults::default();
        let mut dice = Dice::new(self.seed, u64::MAX);
        while self.stranger_leaves(&mut dice).is_some() {}
        for round in 0..ROUNDS {
            self.round(&mut dice)?;
            if self.is_quiet() {
                self.counters.add_many(Counter::FinalSteps, round + 1);
                return self.check_end();
            }
        }
        let waits: Vec<_> = self.clients.iter().map(Client::waits_for).collect();
        Err(Broken::new("everyone comes to the head", waits.join("; ")))
    }

    /// Everything once: all send, the server does all there is to do, all read.
    fn round(&mut self, dice: &mut Dice) -> Checked {
        self.now += ROUND;
        self.start();
        for index in 0..self.clients.len() {
            if self.clients[index].replica.status() == Status::Diverged
                && let Some(old) = self.clients[index].disconnect()
            {
                self.net.abandon(old, true, dice);
                self.forget_unheld();
            }
            self.connect(index, dice);
            self.clients[index].send(self.now, &mut self.net);
        }
        self.serve(dice)?;
        for index in 0..self.clients.len() {
            while self.clients[index].read(ALL, self.now, &mut self.net)? {}
            self.forget_unheld();
            self.clients[index].send(self.now, &mut self.net);
            let name = format!("client {index}");
            if let Some(happened) = Happened::to_client(index, name) {
                self.check(&happened)?;
            }
        }
        let heads: Vec<_> = self
            .clients
            .iter()
            .map(|client| client.replica.confirmed_rev().get())
            .collect();
        self.trace.line(format_args!(
            "   end {:>8} clients are at {heads:?}",
            self.now
        ));
        Ok(())
    }

    fn serve(&mut self, dice: &mut Dice) -> Checked {
        self.serve_part(dice, |server, cx| {
            for id in server.connections().collect::<Vec<_>>() {
                server.read(id, ALL, cx)?;
            }
            server.take(ALL, cx)
        })?;
        for _ in 0..4 {
            self.serve_part(dice, |server, cx| {
                for room in server.to_reload().cloned().collect::<Vec<_>>() {
                    server.reload(&room, cx)?;
                }
                for room in server.to_advance().cloned().collect::<Vec<_>>() {
                    server.advance(&room, cx)?;
                }
                Ok(())
            })?;
            // Written, flushed, told.
            for _ in 0..3 {
                self.serve_part(dice, |server, cx| {
                    if server.has_log_work() {
                        server.step_log(cx)?;
                    }
                    Ok(())
                })?;
            }
            self.serve_part(dice, |server, cx| {
                let rooms: Vec<_> = server.rooms().map(|(name, _)| name.clone()).collect();
                for room in rooms {
                    server.finish_snapshot(&room, cx);
                    server.tick(&room, cx);
                    server.pass(&room, cx)?;
                }
                for id in server.connections().collect::<Vec<_>>() {
                    server.write(id, cx)?;
                }
                server.end_silent(cx);
                Ok(())
            })?;
        }
        Ok(())
    }

    fn serve_part(
        &mut self,
        dice: &mut Dice,
        part: impl FnOnce(&mut crate::server::Server, &mut Context<'_>) -> Checked,
    ) -> Checked {
        if let Machine::Up(server) = &mut self.machine {
            let mut cx = Context {
                now: self.now,
                net: &mut self.net,
                dice,
                counters: &mut self.counters,
                oracle: &self.oracle,
            };
            part(server, &mut cx)?;
        }
        match Happened::to_server("") {
            Some(happened) => self.check(&happened),
            None => Ok(()),
        }
    }

    fn is_quiet(&self) -> bool {
        let Machine::Up(server) = &self.machine else {
            return false;
        };
        let at_head = self.clients.iter().all(|client| {
            let room = server.room(&client.room);
            let at_head = room.is_some_and(|room| {
                room.head() == client.replica.confirmed_rev()
                    && Some(room.epoch()) == client.replica.epoch()
            });
            client.is_quiet() && at_head
        });
        at_head && server.is_idle(&self.net)
    }

    fn check_end(&self) -> Checked {
        let Machine::Up(server) = &self.machine else {
            return Err(Broken::new("the server is up", ""));
        };
        self.oracle.check_kept(server.log().store())?;
        for client in &self.clients {
            client.check_end(&self.oracle)?;
            let room = server.room(&client.room);
            let empty = Document::new();
            let state = room.map_or(&empty, |room| room.document());
            let confirmed = client.replica.confirmed();
            let same = state == confirmed && state.checksum() == confirmed.checksum();
            ensure(same, "in the end every replica is its room", || {
                format!("{} has {confirmed:?}, the room {state:?}", client.id)
            })?;
        }
        for (name, room) in server.rooms() {
            let head = self.oracle.line(name).map_or(0, |line| line.head().get());
            ensure(
                room.head().get() == head,
                "a room lacks nothing that is durable",
                || format!("{name} is at {}, the log at {head}", room.head()),
            )?;
        }
        Ok(())
    }
}
