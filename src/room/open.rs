//! Opens a room and drives it.

use std::sync::{Arc, Weak};

use revring_protocol::{ids::Epoch, room::Room};
use tokio::sync::mpsc;

use super::{Ask, Refusal, Shared, driver::Driver};
use crate::{
    fanout::Shards,
    hub::Hub,
    log::{Log, LogError, Stored},
    transport::ServiceSettings,
};

/// What a driver is started with.
#[derive(Debug)]
pub(crate) struct Seed {
    pub(crate) shared: Arc<Shared>,
    pub(crate) asks: mpsc::Receiver<Ask>,
    pub(crate) hub: Weak<Hub>,
    pub(crate) shards: Arc<Shards>,
    pub(crate) log: Arc<dyn Log>,
    pub(crate) settings: Arc<ServiceSettings>,
}

/// Opens the room and drives it until it is idle.
pub(crate) async fn drive(mut seed: Seed) {
    let opened = seed.log.open(&seed.shared.name).await;
    let room = match opened.map(|stored| restore(stored, &seed)) {
        Ok(Some(room)) => room,
        Ok(None) => return refuse_all(&mut seed, Refusal::Unavailable),
        Err(LogError::Full) => return refuse_all(&mut seed, Refusal::TooManyRooms),
        Err(error) => {
            tracing::error!(room = %seed.shared.name, %error, "the room does not open");
            return refuse_all(&mut seed, Refusal::Unavailable);
        }
    };
    tracing::debug!(room = %seed.shared.name, rev = %room.head(), "room opened");
    let mut driver = Driver::new(seed, room);
    driver.run().await;
}

fn restore(stored: Option<Stored>, seed: &Seed) -> Option<Room> {
    let limits = seed.settings.limits.clone();
    let Some(Stored { image, tail }) = stored else {
        let mut random = [0; 12];
        getrandom::fill(&mut random).ok()?;
        return Some(Room::new(Epoch::from_random(random), limits));
    };
    match Room::restore(image, &tail, limits) {
        Ok(room) => Some(room),
        Err(error) => {
            tracing::error!(room = %seed.shared.name, %error, "the log holds what is not this room");
            None
        }
    }
}

/// Ends before the room was there. Whoever asks from now on gets a new driver.
fn refuse_all(seed: &mut Seed, refusal: Refusal) {
    if let Some(hub) = seed.hub.upgrade() {
        hub.forget(&seed.shared);
    }
    seed.asks.close();
    while let Ok(ask) = seed.asks.try_recv() {
        if let Ask::Join(join) = ask {
            // Whoever asked may have gone.
            let _ = join.answer.send(Err(refusal));
        }
    }
}
