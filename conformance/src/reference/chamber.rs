//! Rooms and who is in them.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use revring_protocol::{
    change::Update,
    ids::{ClientId, Epoch, Millis, RoomName},
    message::ServerMessage,
    room::{Outcome, Request, Room, Ticket},
    value::Object,
};
use tokio::sync::watch;

use super::{Settings, fault::Fault};
use crate::random;

/// All rooms.
pub(super) struct Hall {
    pub(super) settings: Settings,
    rooms: Mutex<BTreeMap<RoomName, Arc<Chamber>>>,
    connections: AtomicU64,
}

impl Hall {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            rooms: Mutex::default(),
            connections: AtomicU64::new(0),
        }
    }

    /// A number for a new connection.
    pub(super) fn number(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn breaks(&self, fault: Fault) -> bool {
        self.settings.fault == Some(fault)
    }

    /// The room named `name`, new if there is none.
    pub(super) fn chamber(&self, name: &RoomName) -> Result<Arc<Chamber>, String> {
        let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(chamber) = rooms.get(name) {
            return Ok(Arc::clone(chamber));
        }
        let epoch = Epoch::new(&random::hex(8)?).map_err(|error| error.to_string())?;
        let room = Room::new(epoch, self.settings.limits.clone());
        let chamber = Arc::new(Chamber::new(room));
        rooms.insert(name.clone(), Arc::clone(&chamber));
        Ok(chamber)
    }

    /// Forgets a room that nobody is in.
    pub(super) fn forget_empty(&self, name: &RoomName) {
        let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        if rooms
            .get(name)
            .is_some_and(|chamber| chamber.lock().members.is_empty())
        {
            rooms.remove(name);
        }
    }
}

/// One room.
pub(super) struct Chamber {
    inside: Mutex<Inside>,
    changed: watch::Sender<()>,
}

/// What is in a room.
pub(super) struct Inside {
    pub(super) room: Room,
    /// The connection of each client.
    pub(super) members: BTreeMap<ClientId, u64>,
    pub(super) presence: BTreeMap<ClientId, Object>,
}

impl Chamber {
    fn new(room: Room) -> Self {
        let inside = Inside {
            room,
            members: BTreeMap::new(),
            presence: BTreeMap::new(),
        };
        Self {
            inside: Mutex::new(inside),
            changed: watch::Sender::new(()),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells every connection to look again.
    pub(super) fn announce(&self) {
        self.changed.send_replace(());
    }

    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Has an update judged and, if it is good, applied. The answer is for its author alone.
    pub(super) fn update(
        &self,
        client: &ClientId,
        update: &Update,
        fault: Option<Fault>,
    ) -> Option<ServerMessage> {
        let answer = self.lock().judge(client, update.clone(), fault);
        if let (Some(ServerMessage::Reject(reject)), Some(fault)) = (&answer, fault) {
            // A broken server may change its state all the same.
            let mut inside = self.lock();
            if let Some(forced) = fault.forced(update, reject.code, inside.room.head()) {
                inside.judge(client, forced, None);
            }
        }
        self.announce();
        answer
    }
}

impl Inside {
    fn judge(
        &mut self,
        client: &ClientId,
        mut update: Update,
        fault: Option<Fault>,
    ) -> Option<ServerMessage> {
        if let Some(fault) = fault {
            fault.bend(&mut update, &self.room);
        }
        let request = Request {
            client_id: client.clone(),
            update,
            ticket: Ticket(0),
        };
        let batch = self.room.propose(&mut VecDeque::from([request]), now());
        let answers = self.room.commit(batch).answers;
        answers.into_iter().find_map(|answer| match answer.outcome {
            Outcome::Accepted(_) => None,
            Outcome::Reply(message) => Some(message),
        })
    }
}

fn now() -> Millis {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
}
