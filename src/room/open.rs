//! Opens a room and drives it.

use std::sync::{Arc, Weak};

use revring_protocol::room::{Image, Room};
use tokio::sync::mpsc;

use super::{Ask, Refusal, Shared, checkpoint::Checkpoints, driver::Driver};
use crate::{
    fanout::Shards,
    hub::Hub,
    log::{Log, LogError, Stored, new_epoch},
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
    let (room, checkpoints) = match opened.map(|stored| restore(stored, &seed)) {
        Ok(Some(opened)) => opened,
        Ok(None) => return refuse_all(&mut seed, Refusal::Unavailable),
        Err(LogError::Full) => return refuse_all(&mut seed, Refusal::TooManyRooms),
        Err(error) => {
            tracing::error!(room = %seed.shared.name, %error, "the room does not open");
            return refuse_all(&mut seed, Refusal::Unavailable);
        }
    };
    tracing::debug!(room = %seed.shared.name, rev = %room.head(), "room opened");
    let mut driver = Driver::new(seed, room, checkpoints);
    driver.run().await;
}

fn restore(stored: Option<Stored>, seed: &Seed) -> Option<(Room, Checkpoints)> {
    let limits = seed.settings.limits.clone();
    let Some(Stored { image, tail }) = stored else {
        let image = Image::empty(new_epoch().ok()?);
        let room = Room::new(image.epoch.clone(), limits);
        return Some((room, Checkpoints::new(image, &[])));
    };
    match Room::restore(image.clone(), &tail, limits) {
        Ok(room) => {
            let after = tail.partition_point(|operation| operation.rev <= image.rev);
            Some((room, Checkpoints::new(image, &tail[after..])))
        }
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
