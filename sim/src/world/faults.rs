//! What goes wrong: connections, processes, power, disks, and operators who restore backups.

use revring::log::Stored;
use revring_protocol::{
    codec::Codec,
    ids::{ClientKey, Epoch, Rev, RoomName},
    limits::Limits,
    message::{ClientMessage, Join, Position},
    room::{Image, Room},
};

use super::{Action, Happened, Machine, World};
use crate::{
    breakage::Breakage,
    broken::{Broken, Checked},
    counters::Counter,
    dice::Dice,
    disk::Faults,
    log::{Hand, SimLog, Store, head},
    server::Server,
    wire,
};

/// Strangers who are there at once, at most.
const STRANGERS: usize = 9;

impl World {
    pub(super) fn act_fault(
        &mut self,
        action: Action,
        dice: &mut Dice,
    ) -> Checked<Option<Happened>> {
        match action {
            Action::Cut => return Ok(self.cut(dice)),
            Action::Stranger => return self.stranger(dice),
            Action::Start => return Ok(self.start()),
            Action::Restore => {
                self.stop(dice);
                return self.restore(dice);
            }
            Action::Kill => {
                if !self.stop(dice) {
                    return Ok(None);
                }
                self.counters.add(Counter::Kills);
            }
            Action::PowerLoss => {
                if !self.stop(dice) && dice.chance(800) {
                    return Ok(None);
                }
                self.lose_power(dice)?;
            }
            Action::BadDisk => {
                let (writes, flushes) = (self.profile.bad_writes, self.profile.bad_flushes);
                let faults = self.disk_faults();
                (faults.writes, faults.flushes) = (writes, flushes);
            }
            Action::FullDisk => self.disk_faults().full = true,
            Action::Mend if *self.disk_faults() == Faults::default() => return Ok(None),
            Action::Mend => *self.disk_faults() = Faults::default(),
            _ => return Ok(None),
        }
        Ok(Happened::to_server(""))
    }

    pub(super) fn disk_faults(&mut self) -> &mut Faults {
        match &mut self.machine {
            Machine::Up(server) => &mut server.log_mut().disk_mut().faults,
            Machine::Down(store) => &mut store.disk.faults,
        }
    }

    fn cut(&mut self, dice: &mut Dice) -> Option<Happened> {
        let ids: Vec<_> = self.net.iter().map(|(id, _)| id).collect();
        let id = *dice.pick(&ids)?;
        self.net.cut(id, dice);
        self.counters.add(Counter::Cut);
        self.strangers.retain(|stranger| *stranger != id);
        self.forget_unheld();
        Happened::to_server(id.to_string())
    }

    /// Someone joins with a position of any kind, reads a little and is never heard of again.
    fn stranger(&mut self, dice: &mut Dice) -> Checked<Option<Happened>> {
        if self.strangers.len() >= STRANGERS {
            return Ok(self.stranger_leaves(dice));
        }
        let Machine::Up(server) = &mut self.machine else {
            return Ok(None);
        };
        let room = self.rooms[dice.below(self.rooms.len())].clone();
        let names = |error| Broken::new("names are valid", error);
        let key = ClientKey::new(&format!("the-key-of-stranger-{}", dice.below(STRANGERS)));
        let line = self.oracle.line(&room);
        let here = line.map(|line| (line.epoch().clone(), line.head()));
        let elsewhere = Epoch::new("elsewhere").map_err(names)?;
        let (epoch, head) = here.unwrap_or((elsewhere.clone(), Rev::ZERO));
        let (epoch, last_rev) = match dice.below(5) {
            0 => (elsewhere, head),
            1 => (epoch, Rev::new(head.get() + 1 + dice.below(9) as u64)),
            2 => (epoch, Rev::new(dice.below(20) as u64)),
            _ => (epoch, head),
        };
        let position = dice.chance(700).then_some(Position { epoch, last_rev });
        let codec = Codec::ALL[dice.below(Codec::COUNT)];
        let id = self.net.open(codec, 250, 60);
        server.accept(id, codec, self.now);
        let join = ClientMessage::Join(Join {
            room,
            client_key: Some(key.map_err(names)?),
            position,
            token: None,
        });
        if let Some(wire) = self.net.wire(id) {
            wire.up.write(&wire::frame(&codec.encode(&join)));
        }
        self.strangers.push(id);
        Ok(Happened::to_server(format!("{id} says {join:?}")))
    }

    pub(super) fn stranger_leaves(&mut self, dice: &mut Dice) -> Option<Happened> {
        if self.strangers.is_empty() {
            return None;
        }
        let id = self.strangers.swap_remove(dice.below(self.strangers.len()));
        self.net.abandon(id, dice.chance(700), dice);
        self.forget_unheld();
        Happened::to_server(format!("{id} leaves"))
    }

    /// The server process ends. False when there was none.
    fn stop(&mut self, dice: &mut Dice) -> bool {
        let Machine::Up(_) = &self.machine else {
            return false;
        };
        let down = Machine::Down(Store::default());
        if let Machine::Up(server) = std::mem::replace(&mut self.machine, down) {
            self.machine = Machine::Down(server.into_store());
        }
        self.net.server_gone(dice);
        self.strangers.clear();
        self.forget_unheld();
        true
    }

    fn lose_power(&mut self, dice: &mut Dice) -> Checked {
        self.counters.add(Counter::PowerLosses);
        if let Machine::Down(store) = &mut self.machine {
            store.disk.lose_power(dice, &mut self.counters);
            self.oracle.check_kept(store)?;
        }
        Ok(())
    }

    pub(super) fn start(&mut self) -> Option<Happened> {
        let Machine::Down(store) = &mut self.machine else {
            return None;
        };
        let server = Server::new(self.profile.setting.clone(), std::mem::take(store));
        self.machine = Machine::Up(Box::new(server));
        Happened::to_server("")
    }

    /// An operator puts a room back to what it was some time ago, under a new epoch.
    fn restore(&mut self, dice: &mut Dice) -> Checked<Option<Happened>> {
        let Machine::Down(store) = &mut self.machine else {
            return Ok(None);
        };
        let room = self.rooms[dice.below(self.rooms.len())].clone();
        let epoch = Epoch::from_random(std::array::from_fn(|_| dice.byte()));
        let mut log = SimLog::new(std::mem::take(store), self.profile.setting.breakage);
        let mut hand = Hand {
            dice: &mut *dice,
            counters: &mut self.counters,
        };
        let opened = log.open(&room, &mut hand).ok().flatten();
        let backup = opened
            .map(|stored| backup(stored, hand.dice, &room))
            .transpose()?;
        let mut what = "in vain".to_owned();
        if let Some(mut image) = backup {
            if self.profile.setting.breakage != Some(Breakage::KeepEpoch) {
                image.epoch = epoch;
            }
            let rev = image.rev;
            if log.begin(&room, image, &mut hand).is_ok() {
                self.counters.add(Counter::NewEpochs);
                what = format!("{room} to {rev}");
            }
        }
        self.machine = Machine::Down(log.into_store());
        Ok(Happened::to_server(what))
    }
}

/// What a room was at some revision that the log still has.
fn backup(stored: Stored, dice: &mut Dice, room: &RoomName) -> Checked<Image> {
    let most = head(&stored).since(stored.image.rev);
    let count = dice.below(usize::try_from(most).unwrap_or(0) + 1);
    let begin = stored
        .tail
        .partition_point(|operation| operation.rev <= stored.image.rev);
    let tail = &stored.tail[..begin + count];
    let restored = Room::restore(stored.image, tail, Limits::DEFAULT);
    let restored = restored
        .map_err(|error| Broken::new("the log holds the room", format!("{room}: {error}")))?;
    Ok(restored.image())
}
