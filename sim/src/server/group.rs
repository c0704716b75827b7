//! The log's writer: takes all waiting batches of any rooms, writes them, flushes once. Each of these is a step of its own, and the
//! process may end between any two.

use revring::log::LogError;
use revring_protocol::ids::{Rev, RoomName};

use super::{Context, Server, driver::InFlight};
use crate::{
    breakage::Breakage,
    broken::{Broken, Checked},
    counters::Counter,
    log::Hand,
};

/// What the writer does next.
#[derive(Debug, Default)]
pub(super) enum Group {
    /// Nothing is under way.
    #[default]
    Idle,
    /// These rooms' batches, and so many checkpoints, are written and to be flushed.
    Written {
        rooms: Vec<RoomName>,
        checkpoints: usize,
    },
    /// The flush has ended, and the rooms are to be told.
    Done { rooms: Vec<RoomName>, stored: bool },
}

impl Server {
    /// Whether the log's writer has something to do.
    #[must_use]
    pub fn has_log_work(&self) -> bool {
        !matches!(self.group, Group::Idle)
            || self.rooms.values().any(|driver| {
                matches!(driver.in_flight, InFlight::Asked(_)) || driver.checkpoint_is_due()
            })
    }

    /// Whether something is written and not flushed.
    #[must_use]
    pub fn has_unflushed(&self) -> bool {
        matches!(self.group, Group::Written { .. })
    }

    /// The log's writer takes its next step.
    ///
    /// # Errors
    /// When something does not hold.
    pub fn step_log(&mut self, cx: &mut Context<'_>) -> Checked<&'static str> {
        match std::mem::take(&mut self.group) {
            Group::Idle => self.write_group(cx),
            Group::Written { rooms, checkpoints } => {
                let mut hand = Hand {
                    dice: cx.dice,
                    counters: cx.counters,
                };
                let stored = self.log.flush(&mut hand).is_ok();
                count_checkpoints(checkpoints, stored, cx);
                if stored && rooms.len() > 1 {
                    cx.counters.add(Counter::GroupsOfSeveral);
                }
                self.group = Group::Done { rooms, stored };
                Ok(if stored { "flushed" } else { "flush failed" })
            }
            Group::Done { rooms, stored } => {
                for room in rooms {
                    if let Some(driver) = self.rooms.get_mut(&room) {
                        driver.appended(stored, &mut self.sessions, cx);
                    }
                }
                Ok("told")
            }
        }
    }

    fn write_group(&mut self, cx: &mut Context<'_>) -> Checked<&'static str> {
        let (mut rooms, mut checkpoints) = (Vec::new(), 0);
        let mut failed = false;
        for (name, driver) in &mut self.rooms {
            if matches!(driver.in_flight, InFlight::Asked(_)) && !failed {
                match driver.stage(&mut self.log, cx) {
                    Ok(staged) => {
                        if staged? {
                            rooms.push(name.clone());
                        }
                    }
                    Err(error) => {
                        check_error(&error)?;
                        rooms.push(name.clone());
                        failed = true;
                    }
                }
            }
            if driver.checkpoint_is_due() && !failed {
                driver.since_checkpoint = (0, 0);
                let keep_after = Rev::new(driver.room.buffer_first_rev().get() - 1);
                let mut hand = Hand {
                    dice: cx.dice,
                    counters: cx.counters,
                };
                let image = driver.room.image();
                failed |= self
                    .log
                    .stage_checkpoint(name, image, keep_after, &mut hand)
                    .is_err();
                checkpoints += 1;
            }
        }
        if failed {
            count_checkpoints(checkpoints, false, cx);
            self.group = Group::Done {
                rooms,
                stored: false,
            };
            return Ok("write failed");
        }
        if self.setting.breakage == Some(Breakage::AckBeforeFlush) {
            for room in rooms.drain(..) {
                if let Some(driver) = self.rooms.get_mut(&room) {
                    driver.appended(true, &mut self.sessions, cx);
                }
            }
        }
        self.group = Group::Written { rooms, checkpoints };
        Ok("written")
    }
}

fn count_checkpoints(n: usize, stored: bool, cx: &mut Context<'_>) {
    let counter = if stored {
        Counter::Checkpoints
    } else {
        Counter::CheckpointsFailed
    };
    cx.counters.add_many(counter, n);
}

fn check_error(error: &LogError) -> Checked {
    match error {
        LogError::Unavailable(_) => Ok(()),
        error => Err(Broken::new("a room is driven once", error)),
    }
}
