//! The simulated log keeps the laws of every log.

#![expect(clippy::expect_used, reason = "a test that cannot go on fails")]

use std::{
    future::ready,
    sync::{Arc, Mutex},
};

use futures_util::FutureExt as _;
use revring::log::{Appended, Checkpoint, Log, LogError, LogFuture, Stored, contract};
use revring_protocol::{
    change::Operation,
    ids::{Epoch, Rev, RoomName},
};
use revring_sim::{
    counters::Counters,
    dice::Dice,
    disk::Faults,
    log::{Hand, SimLog, Store},
};

/// The simulated log behind the trait: each call is written and flushed at once, so its answer is ready.
#[derive(Debug)]
struct Ready(Mutex<(SimLog, Dice)>);

impl Ready {
    fn new(faults: Faults, seed: u64) -> Self {
        let mut log = SimLog::new(Store::default(), None);
        log.disk_mut().faults = faults;
        Self(Mutex::new((log, Dice::new(seed, 0))))
    }

    fn answer<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut SimLog, &mut Hand<'_>) -> Result<T, LogError>,
    ) -> LogFuture<'_, T> {
        let mut inner = self.0.lock().expect("no check panics within");
        let (log, dice) = &mut *inner;
        let counters = &mut Counters::default();
        Box::pin(ready(act(log, &mut Hand { dice, counters })))
    }
}

impl Log for Ready {
    fn open<'a>(&'a self, room: &'a RoomName) -> LogFuture<'a, Option<Stored>> {
        self.answer(|log, hand| log.open(room, hand))
    }

    fn append<'a>(
        &'a self,
        room: &'a RoomName,
        epoch: &'a Epoch,
        expected_head: Rev,
        operations: &'a [Arc<Operation>],
    ) -> LogFuture<'a, Appended> {
        self.answer(|log, hand| {
            let staged = log.stage_append(room, epoch, expected_head, operations, hand)?;
            log.flush(hand)?;
            Ok(staged)
        })
    }

    fn read<'a>(&'a self, room: &'a RoomName, after: Rev) -> LogFuture<'a, Vec<Arc<Operation>>> {
        self.answer(|log, hand| log.read(room, after, hand))
    }

    fn checkpoint<'a>(&'a self, room: &'a RoomName, checkpoint: Checkpoint) -> LogFuture<'a, ()> {
        self.answer(|log, hand| {
            log.stage_checkpoint(room, checkpoint.image, checkpoint.keep_after, hand)?;
            log.flush(hand)
        })
    }
}

#[test]
fn a_simulated_log_keeps_the_laws() {
    let make = || -> Arc<dyn Log> { Arc::new(Ready::new(Faults::default(), 0)) };
    contract::check_all(make)
        .now_or_never()
        .expect("its answers are ready");
}

#[test]
fn a_simulated_log_on_a_failing_disk_loses_nothing_and_stores_nothing_twice() {
    for seed in 0..20 {
        let faults = Faults {
            full: false,
            writes: 200,
            flushes: 300,
        };
        let log = Ready::new(faults, seed);
        let checked = contract::an_error_is_open_until_the_next_answer(&log, seed);
        checked.now_or_never().expect("its answers are ready");
    }
}
