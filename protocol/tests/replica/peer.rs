//! A replica and the messages of its server.

use std::sync::Arc;

use revring_protocol::{
    change::{Change, Operation, Update},
    document::Document,
    error::Code,
    ids::{ClientKey, Epoch, Millis, Rev, RoomName},
    limits::Limits,
    message::{
        Acked, ClientMessage, Deltas, Gap, GapReason, Join, Joined, Reject, ServerMessage,
        SnapshotPart, State,
    },
    replica::{Event, OnGap, Outcome, Replica, ReplicaConfig, UpdateError},
    value::{Value, canonical},
};

use crate::support::{Host, id, key};

/// The replica of the client `me`, and a room that others and it write to.
pub(crate) struct Peer {
    pub(crate) replica: Replica,
    pub(crate) host: Host,
    pub(crate) limits: Limits,
    pub(crate) epoch: Epoch,
    pub(crate) now: Millis,
}

pub(crate) fn me() -> ClientKey {
    ClientKey::new("the-key-of-client-me").unwrap()
}

pub(crate) fn epoch(name: &str) -> Epoch {
    Epoch::new(name).unwrap()
}

impl Peer {
    /// A replica that was never connected.
    pub(crate) fn offline(on_gap: OnGap) -> Self {
        let config = ReplicaConfig {
            room: RoomName::new("r").unwrap(),
            client_key: Some(me()),
            token: None,
            on_gap,
        };
        let replica = Replica::new(config);
        let (host, limits, epoch) = (Host::new(), Limits::DEFAULT, epoch("e"));
        Self {
            replica,
            host,
            limits,
            epoch,
            now: 0,
        }
    }

    /// A replica that is live in a room with `records`.
    pub(crate) fn live(records: Vec<Change>) -> Self {
        Self::live_with(OnGap::Resubmit, records)
    }

    pub(crate) fn live_with(on_gap: OnGap, records: Vec<Change>) -> Self {
        let mut peer = Self::offline(on_gap);
        if !records.is_empty() {
            peer.host.accept("other", records);
        }
        peer.replica.connected();
        assert!(matches!(peer.sent_one(), ClientMessage::Join(_)));
        peer.joined(false);
        peer.snapshot();
        peer.events();
        peer
    }

    /// A live replica with `n/a` = `{"t": text}`.
    pub(crate) fn with_text(text: &str) -> Self {
        Self::live(vec![crate::support::put(
            "n/a",
            &format!(r#"{{"t":{text:?},"n":0}}"#),
        )])
    }

    pub(crate) fn head(&self) -> Rev {
        self.host.room.head()
    }

    pub(crate) fn give(&mut self, message: ServerMessage) {
        self.replica.handle(message, self.now);
        self.replica.check();
    }

    pub(crate) fn joined(&mut self, resumed: bool) {
        let joined = Joined {
            client_id: me().client_id(),
            client_key: None,
            room: RoomName::new("r").unwrap(),
            epoch: self.epoch.clone(),
            rev: self.head(),
            resumed,
            limits: self.limits.clone(),
            heartbeat_ms: 1000,
        };
        self.give(ServerMessage::Joined(joined));
    }

    /// The parts of a snapshot of the room at head, one record each.
    pub(crate) fn parts(&self) -> Vec<SnapshotPart> {
        let document = self.host.room.document();
        let mut parts = Vec::new();
        for (collection, records) in document.collections() {
            for (id, record) in records {
                let records = [(id.clone(), Arc::clone(record))].into();
                parts.push(self.part(parts.len(), [(collection.clone(), records)].into()));
            }
        }
        if parts.is_empty() {
            parts.push(self.part(0, State::new()));
        }
        let last = parts.last_mut().unwrap();
        last.last = true;
        last.checksum = Some(document.checksum());
        parts
    }

    fn part(&self, part: usize, state: State) -> SnapshotPart {
        let (rev, epoch) = (self.head(), self.epoch.clone());
        SnapshotPart {
            rev,
            epoch,
            part: part as u64,
            last: false,
            state,
            checksum: None,
        }
    }

    pub(crate) fn snapshot(&mut self) {
        for part in self.parts() {
            self.give(ServerMessage::Snapshot(part));
        }
    }

    pub(crate) fn gap(&mut self, reason: GapReason, acked: &[(&str, Rev)]) {
        let acked = acked.iter().map(|(req, rev)| Acked {
            client_req_id: id(req),
            rev: *rev,
        });
        let gap = Gap {
            expected_rev: self.replica.confirmed_rev(),
            server_rev: self.head(),
            buffer_first_rev: self.head().next(),
            resume_from: self.head(),
            reason,
            acked: acked.collect(),
        };
        self.give(ServerMessage::Gap(gap));
    }

    /// A delta from what is confirmed to the head.
    pub(crate) fn deliver(&mut self) {
        let from = self.replica.confirmed_rev();
        self.deliver_from(from);
    }

    pub(crate) fn deliver_from(&mut self, from_rev: Rev) {
        let ops: Vec<Arc<Operation>> = self
            .host
            .room
            .after(from_rev)
            .map(|entry| Arc::clone(entry.operation()))
            .collect();
        let deltas = Deltas {
            from_rev,
            to_rev: self.head(),
            ops,
        };
        self.give(ServerMessage::Deltas(deltas));
    }

    pub(crate) fn ack(&mut self, req: &str, rev: Rev) {
        let ack = ServerMessage::Ack {
            client_req_id: id(req),
            rev,
            duplicate: true,
        };
        self.give(ack);
    }

    pub(crate) fn reject(&mut self, req: &str, code: Code) {
        self.give(ServerMessage::Reject(Reject::new(id(req), code, "no")));
    }

    pub(crate) fn heartbeat(&mut self, rev: Rev, checksum: &str) {
        self.give(ServerMessage::Heartbeat {
            rev,
            checksum: checksum.to_owned(),
        });
    }

    /// Has the replica make an update, which it must take.
    pub(crate) fn make(&mut self, req: &str, changes: Vec<Change>) {
        self.try_make(req, changes).unwrap();
    }

    pub(crate) fn try_make(&mut self, req: &str, changes: Vec<Change>) -> Result<(), UpdateError> {
        let before = self.replica.view().clone();
        let result = self.replica.update(id(req), changes);
        self.replica.check();
        if result.is_err() {
            assert_eq!(
                *self.replica.view(),
                before,
                "what is refused changes nothing"
            );
        }
        result
    }

    /// Someone else's operation, which the replica does not know of yet.
    pub(crate) fn other(&mut self, changes: Vec<Change>) -> Rev {
        self.host.accept("other", changes)
    }

    /// The same with splices made at the head.
    pub(crate) fn other_splices(&mut self, changes: Vec<Change>) -> Rev {
        let mut update = crate::support::update(&format!("other-{}", self.head()), changes);
        update.base_rev = Some(self.head());
        self.host.accept_update("other", update)
    }

    /// The server accepts an update of the replica.
    pub(crate) fn accept(&mut self, update: Update) -> Rev {
        self.host.accept_update("me", update)
    }

    /// Everything the replica sends now.
    pub(crate) fn sent(&mut self) -> Vec<ClientMessage> {
        let replica = &mut self.replica;
        let sent = std::iter::from_fn(|| replica.poll_message(self.now)).collect();
        self.replica.check();
        sent
    }

    pub(crate) fn sent_one(&mut self) -> ClientMessage {
        let mut sent = self.sent();
        assert_eq!(sent.len(), 1, "one message is due: {sent:?}");
        sent.remove(0)
    }

    /// The updates the replica sends now, and nothing else.
    pub(crate) fn updates(&mut self) -> Vec<Update> {
        let updates = self.sent().into_iter().map(|message| match message {
            ClientMessage::Update(update) => update,
            other => panic!("{other:?} is no update"),
        });
        updates.collect()
    }

    /// The ids of the updates the replica sends now.
    pub(crate) fn update_ids(&mut self) -> Vec<String> {
        self.updates()
            .iter()
            .map(|update| update.client_req_id.as_str().to_owned())
            .collect()
    }

    pub(crate) fn update(&mut self) -> Update {
        let mut updates = self.updates();
        assert_eq!(updates.len(), 1, "one update is due: {updates:?}");
        updates.remove(0)
    }

    /// The connection ends and another opens; returns its `JOIN`.
    pub(crate) fn reconnect(&mut self) -> Join {
        self.replica.disconnected();
        self.replica.check();
        self.replica.connected();
        match self.sent_one() {
            ClientMessage::Join(join) => join,
            other => panic!("{other:?} is no JOIN"),
        }
    }

    pub(crate) fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.replica.poll_event()).collect()
    }

    /// How updates have ended since the last look.
    pub(crate) fn ended(&mut self) -> Vec<(String, Ended)> {
        let ended = self.events().into_iter().filter_map(|event| match event {
            Event::Resolved { id, outcome } => Some((id.as_str().to_owned(), outcome.into())),
            _ => None,
        });
        ended.collect()
    }

    /// The canonical text of a record's data in the view.
    pub(crate) fn seen(&self, record: &str) -> Option<String> {
        data(self.replica.view(), record)
    }

    pub(crate) fn confirmed(&self, record: &str) -> Option<String> {
        data(self.replica.confirmed(), record)
    }

    /// The text at `/t` of `n/a` in the view.
    pub(crate) fn text(&self) -> String {
        let record = self.replica.view().get(&key("n/a")).unwrap();
        record.data()["t"].as_str().unwrap().to_owned()
    }

    pub(crate) fn pending(&self) -> Vec<String> {
        self.replica.pending().map(ToString::to_string).collect()
    }
}

/// How an update ended, in short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    Accepted(u64),
    Rejected(Code),
    Discarded,
}

impl From<Outcome> for Ended {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Accepted(rev) => Self::Accepted(rev.get()),
            Outcome::Rejected(reject) => Self::Rejected(reject.code),
            Outcome::Discarded => Self::Discarded,
        }
    }
}

/// The outcomes `pairs`, as [`Peer::ended`] gives them.
pub(crate) fn ends(pairs: &[(&str, Ended)]) -> Vec<(String, Ended)> {
    pairs
        .iter()
        .map(|(id, ended)| ((*id).to_owned(), ended.clone()))
        .collect()
}

fn data(document: &Document, record: &str) -> Option<String> {
    let record = document.get(&key(record))?;
    Some(canonical(&Value::Object(record.data().clone())))
}
