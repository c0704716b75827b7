//! Rooms by name: found, opened when someone joins, gone from memory when idle.

use std::{
    fmt,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

use dashmap::{DashMap, Entry};
use revring_protocol::{
    ids::{ClientId, ClientKey, RoomName},
    limits::BATCH_SHARE,
    message::Position,
};
use tokio::sync::oneshot;

use crate::{
    fanout::{Channel, Connection, Shards},
    log::Log,
    room::{Ask, JoinAsk, Refusal, RoomHandle, Seed, Shared, drive},
    transport::ServiceSettings,
};

/// How often someone asks anew to join a room that was just leaving memory.
const ATTEMPTS: usize = 32;

/// The rooms in memory.
pub struct Hub {
    rooms: DashMap<RoomName, Arc<RoomHandle>>,
    next: AtomicU64,
    shards: Arc<Shards>,
    log: Arc<dyn Log>,
    settings: Arc<ServiceSettings>,
    this: Weak<Self>,
}

/// What a hub holds at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HubStats {
    /// Rooms in memory.
    pub rooms: usize,
}

/// Who joins, and where the client stands.
#[derive(Debug)]
pub(crate) struct Newcomer {
    pub(crate) connection: Arc<Connection>,
    pub(crate) client: ClientId,
    /// The key that was made for the client.
    pub(crate) made_key: Option<ClientKey>,
    pub(crate) position: Option<Position>,
}

impl Hub {
    /// A hub without rooms, which keeps them in `log`.
    pub(crate) fn new(
        settings: Arc<ServiceSettings>,
        shards: Arc<Shards>,
        log: Arc<dyn Log>,
    ) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            rooms: DashMap::new(),
            next: AtomicU64::new(0),
            shards,
            log,
            settings,
            this: this.clone(),
        })
    }

    /// Counts what is held now.
    #[must_use]
    pub fn stats(&self) -> HubStats {
        HubStats {
            rooms: self.rooms.len(),
        }
    }

    /// Has `newcomer` join the room `name`, which is opened if need be.
    pub(crate) async fn join(
        &self,
        name: &RoomName,
        newcomer: Newcomer,
    ) -> Result<Arc<RoomHandle>, Refusal> {
        let Newcomer {
            connection,
            client,
            made_key,
            position,
        } = newcomer;
        for _ in 0..ATTEMPTS {
            let room = self.room(name)?;
            let (answer, answered) = oneshot::channel();
            let join = JoinAsk {
                connection: Arc::clone(&connection),
                client: client.clone(),
                made_key: made_key.clone(),
                position: position.clone(),
                answer,
            };
            if room.ask(Ask::Join(Box::new(join))).await.is_ok()
                && let Ok(answer) = answered.await
            {
                return answer.map(|()| room);
            }
            // The room was just leaving memory: it comes back under the same name.
            if connection.is_closing() {
                break;
            }
            tokio::task::yield_now().await;
        }
        Err(Refusal::Unavailable)
    }

    /// Takes a room out whose driver ends.
    pub(crate) fn forget(&self, room: &Shared) {
        self.rooms
            .remove_if(&room.name, |_, found| found.shared().number == room.number);
    }

    fn room(&self, name: &RoomName) -> Result<Arc<RoomHandle>, Refusal> {
        if let Some(room) = self.rooms.get(name) {
            return Ok(Arc::clone(&room));
        }
        // Several newcomers may pass this at once, so the bound holds to within their number.
        if self.rooms.len() >= self.settings.max_rooms {
            return Err(Refusal::TooManyRooms);
        }
        match self.rooms.entry(name.clone()) {
            Entry::Occupied(room) => Ok(Arc::clone(room.get())),
            Entry::Vacant(place) => Ok(Arc::clone(&place.insert(self.start(name.clone())))),
        }
    }

    fn start(&self, name: RoomName) -> Arc<RoomHandle> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let feed_bytes = self.settings.limits.ring_bytes / BATCH_SHARE;
        let channel = Channel::new(number, self.shards.count(), feed_bytes);
        let (room, asks) = RoomHandle::new(name, number, Arc::new(channel));
        let seed = Seed {
            shared: Arc::clone(room.shared()),
            asks,
            hub: self.this.clone(),
            shards: Arc::clone(&self.shards),
            log: Arc::clone(&self.log),
            settings: Arc::clone(&self.settings),
        };
        tokio::spawn(drive(seed));
        Arc::new(room)
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub")
            .field("rooms", &self.rooms.len())
            .finish_non_exhaustive()
    }
}
