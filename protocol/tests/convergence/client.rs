//! One client: its replica, its connection, and what it was told.

use std::collections::{BTreeMap, BTreeSet};

use revring_protocol::{
    codec::Codec,
    document::Document,
    error::Code,
    ids::{ClientId, ClientKey, ClientReqId, Millis, RecordKey, Rev, RoomName},
    message::ServerMessage,
    replica::{Event, OnGap, Outcome, Replica, ReplicaConfig, Status},
    room::Room,
    value::Object,
};

use crate::{link::Link, make::change, plan::Make};

/// Updates accepted under the present epoch.
pub(crate) type Accepted = BTreeMap<(ClientId, ClientReqId), Rev>;

pub(crate) struct Client {
    pub(crate) id: ClientId,
    pub(crate) replica: Replica,
    pub(crate) link: Option<Link>,
    pub(crate) rate_limited: bool,
    codec: Codec,
    discards: bool,
    made: BTreeSet<ClientReqId>,
    ended: BTreeMap<ClientReqId, Outcome>,
    /// Updates of which the view may guess wrong: with a condition, whose version can be that of a record deleted
    /// before, or unanswered when a snapshot came without `acked`.
    unsure: BTreeSet<ClientReqId>,
}

impl Client {
    pub(crate) fn new(index: usize, discards: bool) -> Self {
        let key = ClientKey::new(&format!("the-key-of-client-{index}")).unwrap();
        let on_gap = if discards {
            OnGap::Discard
        } else {
            OnGap::Resubmit
        };
        let id = key.client_id();
        let replica = Replica::new(ReplicaConfig {
            room: RoomName::new("r").unwrap(),
            client_key: Some(key),
            token: None,
            on_gap,
        });
        Self {
            id,
            replica,
            link: None,
            rate_limited: false,
            codec: Codec::ALL[index % Codec::COUNT],
            discards,
            made: BTreeSet::new(),
            ended: BTreeMap::new(),
            unsure: BTreeSet::new(),
        }
    }

    pub(crate) fn update(&mut self, makes: &[Make]) {
        let id = ClientReqId::new(&format!("u{}", self.made.len())).unwrap();
        let view = self.replica.view();
        let changes: Vec<_> = makes.iter().filter_map(|make| change(make, view)).collect();
        let conditional = changes.iter().any(|change| change.if_version.is_some());
        if self.replica.update(id.clone(), changes).is_ok() {
            self.unsure.extend(conditional.then(|| id.clone()));
            self.made.insert(id);
        }
    }

    pub(crate) fn connect(&mut self, number: u64) {
        if self.link.is_none() {
            self.link = Some(Link::new(number, self.codec));
            self.replica.connected();
            self.replica.check();
        }
    }

    pub(crate) fn disconnect(&mut self) {
        if self.link.take().is_some() {
            self.replica.disconnected();
            self.replica.check();
        }
    }

    pub(crate) fn send(&mut self, now: Millis) {
        let Some(link) = &mut self.link else { return };
        while let Some(message) = self.replica.poll_message(now) {
            link.up.push_back(self.codec.encode(&message));
            self.replica.check();
        }
    }

    pub(crate) fn read(&mut self, most: usize, now: Millis) {
        for _ in 0..most {
            let Some(bytes) = self.link.as_mut().and_then(|link| link.down.pop_front()) else {
                return;
            };
            let message = self.codec.decode_server(&bytes);
            self.handle(message.unwrap_or_else(|error| panic!("{error}")), now);
        }
    }

    fn handle(&mut self, message: ServerMessage, now: Millis) {
        let foreseen = self.foresees(&message);
        let before = foreseen.then(|| contents(self.replica.view()));
        if matches!(message, ServerMessage::Joined(_)) {
            self.unsure.extend(self.replica.pending().cloned());
        }
        self.replica.handle(message, now);
        self.replica.check();
        if let Some(before) = before {
            let after = contents(self.replica.view());
            assert_eq!(before, after, "the view showed what became of it");
        }
    }

    /// Whether `message` brings one operation, the first of the pending updates, which shows and is certain.
    fn foresees(&self, message: &ServerMessage) -> bool {
        let ServerMessage::Deltas(deltas) = message else {
            return false;
        };
        let [operation] = deltas.ops.as_slice() else {
            return false;
        };
        let replica = &self.replica;
        replica.status() == Status::Live
            && deltas.from_rev == replica.confirmed_rev()
            && operation.client_id == self.id
            && replica.pending().next() == Some(&operation.client_req_id)
            && replica.shows(&operation.client_req_id)
            && !replica
                .pending()
                .any(|pending| self.unsure.contains(pending))
    }

    pub(crate) fn take_events(&mut self) {
        self.replica.check();
        while let Some(event) = self.replica.poll_event() {
            if let Event::Resolved { id, outcome } = event {
                assert!(self.made.contains(&id), "{id} was made");
                let before = self.ended.insert(id.clone(), outcome);
                assert_eq!(before, None, "{id} ends once");
            }
        }
    }

    /// Whether nothing is on its way and nothing is pending.
    pub(crate) fn is_quiet(&self, room: &Room) -> bool {
        self.link.as_ref().is_some_and(Link::is_idle)
            && self.replica.pending().next().is_none()
            && self.replica.status() == Status::Live
            && self.replica.confirmed_rev() == room.head()
    }

    pub(crate) fn check_end(&self, room: &Room, accepted: &Accepted) {
        let replica = &self.replica;
        assert_eq!(replica.epoch(), Some(room.epoch()));
        assert_eq!(replica.confirmed_rev(), room.head());
        assert_eq!(replica.confirmed(), room.document());
        assert_eq!(replica.confirmed().checksum(), room.document().checksum());
        assert_eq!(
            replica.view(),
            replica.confirmed(),
            "nothing is pending any more"
        );
        let ended: BTreeSet<_> = self.ended.keys().cloned().collect();
        assert_eq!(ended, self.made, "every update has ended");
        for (_, id) in accepted.keys().filter(|(client, _)| *client == self.id) {
            let told = &self.ended[id];
            let true_or_open = match told {
                Outcome::Accepted(_) => true,
                Outcome::Rejected(reject) => reject.code == Code::OutcomeUnknown,
                Outcome::Discarded => self.discards,
            };
            assert!(
                true_or_open,
                "{id} was accepted, its author was told {told:?}"
            );
        }
    }
}

/// The data of all records.
fn contents(document: &Document) -> BTreeMap<RecordKey, Object> {
    let records = document.collections().flat_map(|(collection, records)| {
        records.iter().map(|(id, record)| {
            let key = RecordKey {
                collection: collection.clone(),
                id: id.clone(),
            };
            (key, record.data().clone())
        })
    });
    records.collect()
}
