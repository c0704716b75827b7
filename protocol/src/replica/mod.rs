//! The client's half: what the server confirmed, what is pending, and the optimistic view of both (SPEC.md, section K).

mod admit;
mod answers;
mod check;
mod event;
mod pending;
mod presence;
mod rebase;
mod reset;
mod send;
mod settle;
mod sync;
mod view;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

pub use event::{Event, Keys, Outcome, UpdateError};

use self::{
    pending::{Pending, Queue},
    presence::Presence,
    sync::{Confirmed, Stage},
    view::View,
};
use crate::{
    change::Change,
    document::Document,
    ids::{ClientId, ClientKey, ClientReqId, Epoch, Millis, RecordKey, Rev, RoomName},
    limits::Limits,
    message::{ClientMessage, ServerMessage},
    value::Object,
};

/// What happens to pending updates after a gap (rule K-5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnGap {
    /// They are offered again under their old ids.
    #[default]
    Resubmit,
    /// They are given back to the application.
    Discard,
}

/// How a replica joins.
#[derive(Debug, Clone)]
pub struct ReplicaConfig {
    /// The room.
    pub room: RoomName,
    /// The client's secret; without one the server makes it.
    pub client_key: Option<ClientKey>,
    /// The access token.
    pub token: Option<String>,
    /// What happens to pending updates after a gap.
    pub on_gap: OnGap,
}

/// Where a replica stands with its server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// No connection.
    Offline,
    /// Waiting for `JOINED`.
    Joining,
    /// Waiting for state: for the answer to a `RESYNC`, or for the parts of a snapshot.
    Loading,
    /// Following the room.
    Live,
    /// Given up, see [`Event::Diverged`].
    Diverged,
}

/// A client's copy of a room.
#[derive(Debug)]
pub struct Replica {
    config: ReplicaConfig,
    client_id: Option<ClientId>,
    limits: Limits,
    stage: Stage,
    confirmed: Confirmed,
    /// Whether the confirmed state may be resumed from.
    trusted: bool,
    /// The head, as far as it is known.
    head: Rev,
    /// The head at the last `JOINED`.
    joined_rev: Rev,
    /// How often in a row something did not fit.
    trouble: u32,
    queue: Queue,
    /// Until when no update is sent.
    hold: Option<Millis>,
    /// Retryable refusals in a row.
    refusals: u32,
    view: View,
    /// Records whose view is out of date.
    stale: BTreeSet<RecordKey>,
    presence: Presence,
    heartbeat_due: bool,
    leave_due: bool,
    events: VecDeque<Event>,
}

impl Replica {
    /// A replica that knows nothing yet and has no connection.
    #[must_use]
    pub fn new(config: ReplicaConfig) -> Self {
        Self {
            client_id: config.client_key.as_ref().map(ClientKey::client_id),
            config,
            limits: Limits::DEFAULT,
            stage: Stage::Offline,
            confirmed: Confirmed::default(),
            trusted: true,
            head: Rev::ZERO,
            joined_rev: Rev::ZERO,
            trouble: 0,
            queue: Queue::default(),
            hold: None,
            refusals: 0,
            view: View::default(),
            stale: BTreeSet::new(),
            presence: Presence::default(),
            heartbeat_due: false,
            leave_due: false,
            events: VecDeque::new(),
        }
    }

    /// A fresh connection is open: `JOIN` becomes due.
    pub fn connected(&mut self) {
        self.disconnected();
        self.stage = Stage::JoinDue;
        self.trouble = 0;
    }

    /// The connection is gone: what is unanswered is sent again after the next `JOINED`.
    pub fn disconnected(&mut self) {
        self.stage = Stage::Offline;
        self.heartbeat_due = false;
        self.leave_due = false;
        for pending in self.queue.iter_mut() {
            pending.delivery.disconnected();
        }
        self.end_conflicts();
    }

    /// Makes an update: it shows in the view at once, is sent when its turn comes, and ends with [`Event::Resolved`].
    /// `id` is new for each.
    ///
    /// # Errors
    /// When it cannot be sent or does not apply to the view; nothing has then changed.
    pub fn update(&mut self, id: ClientReqId, changes: Vec<Change>) -> Result<(), UpdateError> {
        self.admit(id, changes)
    }

    /// Says what others see of this client, now and after each reconnect; `None`: nothing.
    pub fn set_presence(&mut self, data: Option<Object>) {
        self.presence.set_own(data);
    }

    /// Asks for a snapshot, in place of what is confirmed. Not while the answer to `JOIN` or `RESYNC` is awaited.
    pub fn resync(&mut self) {
        match self.stage {
            Stage::Joining { .. } | Stage::Resyncing { .. } => return,
            Stage::Offline | Stage::JoinDue => {}
            Stage::Loading(_) | Stage::Live | Stage::ResyncDue { .. } | Stage::Diverged => {
                self.stage = Stage::ResyncDue { resume: false };
            }
        }
        self.trusted = false;
        self.trouble = 0;
    }

    /// Asks for the head and its checksum, which [`Event::Heartbeat`] tells.
    pub fn heartbeat(&mut self) {
        self.heartbeat_due = true;
    }

    /// Ends the connection once nothing else can be sent now.
    pub fn leave(&mut self) {
        self.leave_due = true;
    }

    /// Takes a message of the server.
    pub fn handle(&mut self, message: ServerMessage, now: Millis) {
        match message {
            ServerMessage::Joined(joined) => self.handle_joined(joined),
            ServerMessage::Snapshot(part) => self.handle_snapshot(&part),
            ServerMessage::Deltas(deltas) => self.handle_deltas(&deltas),
            ServerMessage::Gap(gap) => self.handle_gap(&gap),
            ServerMessage::Ack {
                client_req_id, rev, ..
            } => self.handle_ack(&client_req_id, rev),
            ServerMessage::Reject(reject) => self.handle_reject(reject, now),
            ServerMessage::Presence { clients, full } => {
                let clients = self.presence.handle(clients, full);
                self.events.push_back(Event::Presence { clients });
            }
            ServerMessage::Heartbeat { rev, checksum } => self.handle_heartbeat(rev, &checksum),
            ServerMessage::Error {
                code,
                message,
                retryable,
                retry_after_ms,
            } => {
                let error = Event::Error {
                    code,
                    message,
                    retryable,
                    retry_after_ms,
                };
                self.events.push_back(error);
            }
        }
    }

    /// The next message to be sent, if one is due.
    pub fn poll_message(&mut self, now: Millis) -> Option<ClientMessage> {
        self.next_message(now)
    }

    /// When to call [`Self::poll_message`] again even if nothing has happened.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Millis> {
        self.hold
            .filter(|_| self.may_send() && self.queue.iter().any(Pending::is_unsent))
    }

    /// The next event for the application.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The optimistic view (rule K-1). Versions and times of records that pending updates change are guesses: each
    /// counts as one operation, at the time of the latest that is known.
    #[must_use]
    pub fn view(&self) -> &Document {
        &self.view.document
    }

    /// What the server confirmed.
    #[must_use]
    pub fn confirmed(&self) -> &Document {
        &self.confirmed.document
    }

    /// The revision of what is confirmed.
    #[must_use]
    pub fn confirmed_rev(&self) -> Rev {
        self.confirmed.rev
    }

    /// The epoch of what is confirmed; `None` before the first state.
    #[must_use]
    pub fn epoch(&self) -> Option<&Epoch> {
        self.confirmed.epoch.as_ref()
    }

    /// How many of the room's operations are known of and not confirmed here.
    #[must_use]
    pub fn lag(&self) -> u64 {
        self.head.since(self.confirmed.rev)
    }

    /// The ids of the updates that are not confirmed, in their order, those accepted but not seen yet included.
    pub fn pending(&self) -> impl Iterator<Item = &ClientReqId> {
        self.queue.iter().flat_map(Pending::ids)
    }

    /// Whether `id` is pending and the view contains it (rule K-1).
    #[must_use]
    pub fn shows(&self, id: &ClientReqId) -> bool {
        self.queue
            .iter()
            .any(|pending| pending.shown && pending.ids().any(|known| known == id))
    }

    /// This client's public id, once it is known.
    #[must_use]
    pub fn client_id(&self) -> Option<&ClientId> {
        self.client_id.as_ref()
    }

    /// This client's secret, once it is known.
    #[must_use]
    pub fn client_key(&self) -> Option<&ClientKey> {
        self.config.client_key.as_ref()
    }

    /// The room's bounds; the usual ones before `JOINED`.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The presence of every client that has one.
    #[must_use]
    pub fn presence(&self) -> &BTreeMap<ClientId, Object> {
        self.presence.clients()
    }

    /// Where this replica stands with its server.
    #[must_use]
    pub fn status(&self) -> Status {
        match self.stage {
            Stage::Offline => Status::Offline,
            Stage::JoinDue | Stage::Joining { .. } => Status::Joining,
            Stage::Loading(_) | Stage::ResyncDue { .. } | Stage::Resyncing { .. } => {
                Status::Loading
            }
            Stage::Live => Status::Live,
            Stage::Diverged => Status::Diverged,
        }
    }
}
