//! What every connection needs, made once per server.

use std::{sync::Arc, time::Duration};

use revring_protocol::limits::Limits;
use tokio::{sync::OwnedSemaphorePermit, time};

use super::door::Door;
use crate::{
    auth::Auth,
    fanout::{ShardStats, Shards, Vigilance},
    hub::{Hub, HubStats},
    log::Log,
};

/// Counts a connection against the server's bound for as long as anything is held for it.
pub type ConnectionPermit = OwnedSemaphorePermit;

/// What the rooms and connections of a server are bound by.
#[derive(Debug, Clone)]
pub struct ServiceSettings {
    /// The bounds of each room; told to clients in `JOINED`.
    pub limits: Limits,
    /// Quiet time after which a client is pinged (rule H-2).
    pub heartbeat: Duration,
    /// Time from the upgrade to `JOIN` (rule C-1).
    pub join_time: Duration,
    /// Time without connections after which a room leaves memory (rule C-4).
    pub room_idle: Duration,
    /// Rooms in memory at once.
    pub max_rooms: usize,
    /// Connections of one room at once.
    pub max_room_connections: usize,
    /// Bytes the kernel may hold for one connection that does not read; 0 leaves it to the kernel.
    pub send_buffer: usize,
}

/// Rooms, writers and access rules of one server.
#[derive(Debug)]
pub struct Services {
    settings: Arc<ServiceSettings>,
    auth: Auth,
    shards: Arc<Shards>,
    hub: Arc<Hub>,
    door: Door,
}

/// What a server holds at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServiceStats {
    /// Rooms.
    pub rooms: HubStats,
    /// Connections.
    pub connections: ShardStats,
}

impl Services {
    /// Starts `writers` writer tasks on the current runtime. Rooms are kept in `log`.
    #[must_use]
    pub fn start(
        settings: ServiceSettings,
        auth: Auth,
        log: Arc<dyn Log>,
        writers: usize,
    ) -> Arc<Self> {
        let silence = Duration::from_millis(settings.limits.silence_ms);
        let vigilance = Vigilance {
            heartbeat: settings.heartbeat,
            silence,
        };
        let settings = Arc::new(settings);
        let shards = Arc::new(Shards::start(writers, vigilance));
        let hub = Hub::new(Arc::clone(&settings), Arc::clone(&shards), log);
        Arc::new(Self {
            settings,
            auth,
            shards,
            hub,
            door: Door::new(),
        })
    }

    /// Counts what is held now.
    pub async fn stats(&self) -> ServiceStats {
        ServiceStats {
            rooms: self.hub.stats(),
            connections: self.shards.stats().await,
        }
    }

    /// Closes every connection, and each that still arrives, with `ERROR SHUTTING_DOWN` and a `retryAfterMs` of its own
    /// within `spread` (rule C-11). Returns when all have ended, or after `grace`, with how many had not.
    pub async fn shut_down(&self, spread: Duration, grace: Duration) -> usize {
        // Whether the time was enough shows in what is left.
        let _ = time::timeout(grace, self.shards.shut_down(spread)).await;
        self.shards.connections()
    }

    pub(crate) fn settings(&self) -> &ServiceSettings {
        &self.settings
    }

    pub(crate) fn auth(&self) -> &Auth {
        &self.auth
    }

    pub(crate) fn shards(&self) -> &Shards {
        &self.shards
    }

    pub(crate) fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Where newcomers wait for their turn, before each step that takes the server long.
    pub(crate) fn door(&self) -> &Door {
        &self.door
    }
}
