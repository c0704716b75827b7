//! An actor that is a client's state machine.

use std::{collections::BTreeMap, time::Duration};

use revring_protocol::{
    codec::Codec,
    ids::{ClientKey, ClientReqId, Millis, RoomName},
    message::ClientMessage,
    replica::{Event, OnGap, Outcome, Replica, ReplicaConfig},
};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::report;
use crate::fixture::Apply;

/// A replica, its clock, and what became of its updates.
pub(super) struct ReplicaClient {
    replica: Replica,
    started: Instant,
    outcomes: BTreeMap<String, Value>,
}

impl ReplicaClient {
    pub(super) fn new(room: &str, key: &str, on_gap: OnGap) -> Result<Self, String> {
        let config = ReplicaConfig {
            room: RoomName::new(room).map_err(|error| error.to_string())?,
            client_key: Some(ClientKey::new(key).map_err(|error| error.to_string())?),
            token: None,
            on_gap,
        };
        Ok(Self {
            replica: Replica::new(config),
            started: Instant::now(),
            outcomes: BTreeMap::new(),
        })
    }

    fn now(&self) -> Millis {
        Millis::try_from(self.started.elapsed().as_millis()).unwrap_or(Millis::MAX)
    }

    pub(super) fn connected(&mut self) {
        self.replica.connected();
    }

    pub(super) fn disconnected(&mut self) {
        self.replica.disconnected();
    }

    /// Hands `message` to the replica.
    pub(super) fn deliver(&mut self, message: &Value) -> Result<(), String> {
        let text = message.to_string();
        let typed = Codec::Json
            .decode_server(text.as_bytes())
            .map_err(|error| error.to_string())?;
        self.replica.handle(typed, self.now());
        self.note_events();
        Ok(())
    }

    /// The message it wants to send now.
    pub(super) fn message(&mut self) -> Result<Option<Value>, String> {
        let message = self.replica.poll_message(self.now());
        self.note_events();
        message.map(|message| json_of(&message)).transpose()
    }

    /// How long to wait before it may want to send something, if nothing else happens.
    pub(super) fn rest(&self) -> Option<Duration> {
        let due = self.replica.poll_timeout()?;
        Some(Duration::from_millis(due.saturating_sub(self.now())))
    }

    pub(super) fn apply(&mut self, apply: &Apply) -> Result<(), String> {
        let update =
            json!({"type": "UPDATE", "clientReqId": apply.client_req_id, "changes": apply.changes});
        let decoded = Codec::Json
            .decode_client(update.to_string().as_bytes())
            .map_err(|error| error.to_string())?;
        let ClientMessage::Update(update) = decoded else {
            return Err("not an update".to_owned());
        };
        let taken = self.replica.update(update.client_req_id, update.changes);
        self.note_events();
        taken.map_err(|error| format!("the replica did not take the update: {error}"))
    }

    pub(super) fn report(&self) -> Value {
        json!({
            "rev": self.replica.confirmed_rev().get(),
            "epoch": self.replica.epoch().map(ToString::to_string),
            "pending": self.replica.pending().map(ClientReqId::as_str).collect::<Vec<_>>(),
            "view": report::view(self.replica.view()),
            "checksum": self.replica.confirmed().checksum(),
            "outcomes": self.outcomes,
        })
    }

    fn note_events(&mut self) {
        while let Some(event) = self.replica.poll_event() {
            let Event::Resolved { id, outcome } = event else {
                continue;
            };
            let outcome = match outcome {
                Outcome::Accepted(rev) => json!({"accepted": rev.get()}),
                Outcome::Rejected(reject) => json!({"rejected": reject.code.as_str()}),
                Outcome::Discarded => json!("discarded"),
            };
            // Said twice, it is no outcome but a mistake, and looks like one.
            let outcome = match self.outcomes.remove(id.as_str()) {
                Some(before) => json!([before, outcome]),
                None => outcome,
            };
            self.outcomes.insert(id.as_str().to_owned(), outcome);
        }
    }
}

fn json_of(message: &ClientMessage) -> Result<Value, String> {
    serde_json::from_slice(&Codec::Json.encode(message)).map_err(|error| error.to_string())
}
