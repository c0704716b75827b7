//! A handle on a room.

use std::{collections::BTreeMap, fmt, sync::Arc};

use revring_protocol::{
    document::Document,
    ids::{
        ClientId, ClientKey, ClientReqId, Collection, Epoch, RecordId, RecordKey, Rev, RoomName,
    },
    record::Record,
    replica::{Replica, ReplicaConfig},
    value::Object,
};
use serde::Serialize;

use crate::{
    answer::Answer,
    change::{self, Draft, InvalidChange},
    core::{Core, RequestIds},
    driver::{Address, Driver},
    error::{Closed, OpenError, UpdateError},
    event::{Events, Status, StatusWatch},
    options::Options,
    shared::{Shared, Wish},
};

/// A handle on a room: its state, ways to change it, and what happens in it.
///
/// Cloning gives another handle on the same room. The room is left when [`Room::close`] is called or when the last
/// handle is dropped; an [`Answer`] that was not awaited yet counts as one.
#[derive(Clone)]
pub struct Room(Arc<Handle>);

struct Handle {
    shared: Arc<Shared>,
    name: RoomName,
    client_key: ClientKey,
    client_id: ClientId,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.want(Wish::Leave);
    }
}

/// The state of a room at one moment.
#[derive(Debug, Clone)]
pub struct State {
    /// The life of the room's revision line; `None` before the first `JOINED`.
    pub epoch: Option<Epoch>,
    /// The confirmed revision.
    pub rev: Rev,
    /// The confirmed state with the pending updates applied.
    pub view: Document,
    /// The state that the server confirmed, as of `rev`.
    pub confirmed: Document,
    /// The updates whose outcome is not known yet, oldest first.
    pub pending: Vec<ClientReqId>,
}

/// What a server said of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heartbeat {
    /// The head of the room.
    pub rev: Rev,
    /// The checksum of the state at `rev` (rule D-8).
    pub checksum: Arc<str>,
}

impl Room {
    pub(crate) fn open(
        address: Address,
        name: RoomName,
        options: Options,
    ) -> Result<Self, OpenError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| OpenError::NoRuntime)?;
        let client_key = match &options.client_key {
            Some(key) => key.clone(),
            None => random_key()?,
        };
        let replica = Replica::new(ReplicaConfig {
            room: name.clone(),
            client_key: Some(client_key.clone()),
            token: options.token.clone(),
            on_gap: options.on_gap,
        });
        let core = Core::new(replica, RequestIds::random()?, options.event_buffer);
        let shared = Shared::new(core, options.max_pending);
        let shared = Arc::new(shared);
        runtime.spawn(Driver::new(Arc::clone(&shared), name.clone(), address, options).run());
        let client_id = client_key.client_id();
        Ok(Self(Arc::new(Handle {
            shared,
            name,
            client_key,
            client_id,
        })))
    }

    /// Asks for `changes`, all or nothing, and shows them in the view at once.
    ///
    /// The future is ready when the update was accepted, as the revision it got; or when it was rejected, discarded on
    /// a gap, or the room was closed for good. Dropping it changes nothing about the update.
    ///
    /// With [`Options::max_pending`] updates unanswered the update is held back: it is taken, and shows, only once the
    /// future was polled and an earlier one was answered; dropping the future before that withdraws it.
    ///
    /// ```no_run
    /// # use revring_client::{change, Room};
    /// # async fn run(room: Room) -> Result<(), revring_client::UpdateError> {
    /// let answer = room.update([change::add("counters", "clicks", "/n", 1)]);
    /// println!("already to be seen: {:?}", room.record("counters", "clicks"));
    /// println!("accepted as {}", answer.await?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn update<C>(&self, changes: C) -> Answer
    where
        C: IntoIterator<Item: Into<Draft>>,
    {
        let changes = changes
            .into_iter()
            .map(|draft| draft.into().check())
            .collect();
        Answer::ask(self.clone(), None, changes)
    }

    /// Like [`Room::update`], under an id of the caller's, which no other update of this client may ever have had. An
    /// update that is kept over a restart, with its id and [`Room::client_key`], counts once even if it was accepted
    /// before.
    ///
    /// ```no_run
    /// # use revring_client::{change, Room};
    /// # async fn run(room: Room) -> Result<(), Box<dyn std::error::Error>> {
    /// let rev = room.update_as("order-4711".parse()?, change::add("stock", "tea", "/n", -1)).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn update_as<C>(&self, id: ClientReqId, changes: C) -> Answer
    where
        C: IntoIterator<Item: Into<Draft>>,
    {
        let changes = changes
            .into_iter()
            .map(|draft| draft.into().check())
            .collect();
        Answer::ask(self.clone(), Some(id), changes)
    }

    /// Like [`Room::update`], but where that would hold the update back, this refuses it.
    ///
    /// ```no_run
    /// # use revring_client::{change, Room, UpdateError};
    /// # fn run(room: &Room) {
    /// match room.try_update(change::delete("cards", "1")) {
    ///     Err(UpdateError::TooManyPending) => println!("too much is waiting for the network"),
    ///     Ok(_) | Err(_) => {}
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`UpdateError::TooManyPending`]; whatever else is wrong with the update, the answer says.
    pub fn try_update<C>(&self, changes: C) -> Result<Answer, UpdateError>
    where
        C: IntoIterator<Item: Into<Draft>>,
    {
        let answer = self.update(changes);
        if answer.is_held_back() {
            Err(UpdateError::TooManyPending)
        } else {
            Ok(answer)
        }
    }

    /// The state with this client's own updates applied. Takes the same short time at any size.
    #[must_use]
    pub fn view(&self) -> Document {
        self.shared().core().replica.view().clone()
    }

    /// The state as the server confirmed it. Takes the same short time at any size.
    #[must_use]
    pub fn confirmed(&self) -> Document {
        self.shared().core().replica.confirmed().clone()
    }

    /// The record in the view under `collection` and `id`, if there is one.
    #[must_use]
    pub fn record(&self, collection: &str, id: &str) -> Option<Arc<Record>> {
        let key = RecordKey {
            collection: Collection::new(collection).ok()?,
            id: RecordId::new(id).ok()?,
        };
        self.shared().core().replica.view().get(&key).cloned()
    }

    /// The confirmed revision.
    #[must_use]
    pub fn rev(&self) -> Rev {
        self.shared().core().replica.confirmed_rev()
    }

    /// The updates whose outcome is not known yet, oldest first.
    #[must_use]
    pub fn pending(&self) -> Vec<ClientReqId> {
        self.shared().core().replica.pending().cloned().collect()
    }

    /// All of the above, of one moment.
    #[must_use]
    pub fn state(&self) -> State {
        let core = self.shared().core();
        let replica = &core.replica;
        State {
            epoch: replica.epoch().cloned(),
            rev: replica.confirmed_rev(),
            view: replica.view().clone(),
            confirmed: replica.confirmed().clone(),
            pending: replica.pending().cloned().collect(),
        }
    }

    /// Follows the events of the room from now on.
    ///
    /// ```no_run
    /// # use revring_client::{Event, Room};
    /// # async fn run(room: Room) {
    /// let mut events = room.subscribe();
    /// while let Some(event) = events.next().await {
    ///     match event {
    ///         Event::Changed(_) | Event::Lagged { .. } => println!("{} records", room.view().len()),
    ///         other => println!("{other:?}"),
    ///     }
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn subscribe(&self) -> Events {
        Events::new(self.shared().core().subscribe())
    }

    /// The status now.
    #[must_use]
    pub fn status(&self) -> Status {
        self.shared().status.borrow().clone()
    }

    /// Follows the status.
    ///
    /// ```no_run
    /// # use revring_client::{Room, Status};
    /// # async fn run(room: Room) {
    /// room.watch_status().wait_for(|status| *status == Status::Live).await;
    /// # }
    /// ```
    #[must_use]
    pub fn watch_status(&self) -> StatusWatch {
        StatusWatch::new(self.shared().status.subscribe())
    }

    /// Says what others see of this client for as long as it is connected, now and after each reconnect: an object, or
    /// `None` for nothing.
    ///
    /// ```no_run
    /// # use revring_client::{Room, change::InvalidChange};
    /// # fn run(room: &Room) -> Result<(), InvalidChange> {
    /// room.presence(Some(serde_json::json!({"cursor": {"x": 3, "y": 4}})))?;
    /// for (client, data) in room.present() {
    ///     println!("{client}: {data:?}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When `data` does not serialize to an object that revring can hold.
    pub fn presence(&self, data: Option<impl Serialize>) -> Result<(), InvalidChange> {
        let data = data.map(change::object).transpose()?;
        self.shared().core().replica.set_presence(data);
        self.shared().wake.notify_one();
        Ok(())
    }

    /// Who is present, and what they say of themselves; without a connection, what was last known of that.
    #[must_use]
    pub fn present(&self) -> BTreeMap<ClientId, Object> {
        self.shared().core().replica.presence().clone()
    }

    /// Asks the server for its head and checksum. Waits for a connection if there is none.
    ///
    /// ```no_run
    /// # use revring_client::{Closed, Room};
    /// # async fn run(room: Room) -> Result<(), Closed> {
    /// let head = room.heartbeat().await?.rev;
    /// println!("{} revisions behind", head.since(room.rev()));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When the room is closed before the answer came.
    pub async fn heartbeat(&self) -> Result<Heartbeat, Closed> {
        let (number, mut answers) = self.shared().core().ask_heartbeat()?;
        self.shared().wake.notify_one();
        match answers.wait_for(|(answered, _)| *answered >= number).await {
            Ok(answer) => Ok(answer.1.clone()),
            Err(_) => Err(self.closed()),
        }
    }

    /// Has the server send the whole state anew. Nothing that is pending is lost.
    pub fn resync(&self) {
        self.shared().core().replica.resync();
        self.shared().wake.notify_one();
    }

    /// Drops the connection and makes no other until [`Room::reconnect`]. The view stays, and updates are still taken.
    pub fn disconnect(&self) {
        self.shared().want(Wish::Offline);
    }

    /// Connects after [`Room::disconnect`]; during a pause between attempts, makes the next attempt now. Does nothing
    /// while there is a connection.
    pub fn reconnect(&self) {
        self.shared().want(Wish::Online);
    }

    /// Leaves the room and waits until the connection has ended. Updates without an answer end with
    /// [`UpdateError::Closed`]: await them first.
    pub async fn close(&self) {
        self.shared().want(Wish::Leave);
        self.watch_status().wait_for(|_| false).await;
    }

    /// The room's name.
    #[must_use]
    pub fn name(&self) -> &RoomName {
        &self.0.name
    }

    /// This client's public id: what others see in operations and presence.
    #[must_use]
    pub fn client_id(&self) -> &ClientId {
        &self.0.client_id
    }

    /// This client's secret. Whoever has it is this client; keep it to be the same one after a restart.
    #[must_use]
    pub fn client_key(&self) -> &ClientKey {
        &self.0.client_key
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.0.shared
    }

    /// Why the room is closed, which it is known to be.
    pub(crate) fn closed(&self) -> Closed {
        self.shared().closed().unwrap_or(Closed::Left)
    }
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Room")
            .field("name", &self.0.name)
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}

fn random_key() -> Result<ClientKey, OpenError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| OpenError::Random(error.to_string()))?;
    Ok(ClientKey::from_random(bytes))
}
