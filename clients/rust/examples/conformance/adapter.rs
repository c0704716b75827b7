//! Does what a control connection says, with one room for each fixture.

use std::{
    collections::{BTreeMap, HashMap},
    error::Error,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::{SinkExt as _, StreamExt as _};
use revring_client::{
    Answer, ClientReqId, Codec, Document, OnGap, Options, Room, Status, UpdateError, UpdateResult,
    protocol::{change::Update, ids::ClientKey, message::ClientMessage},
};
use serde_json::{Map, Value, json};
use tokio_tungstenite::{connect_async, tungstenite::Message};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Follows the control connection at `url` to its end.
pub(crate) async fn follow(url: &str) -> Outcome<()> {
    let (mut control, _) = connect_async(url).await?;
    let mut actors = HashMap::new();
    while let Some(message) = control.next().await {
        let Message::Text(text) = message? else {
            continue;
        };
        let action: Value = serde_json::from_str(&text)?;
        let answer = act(&mut actors, &action).await.unwrap_or_else(|error| {
            tracing::warn!(%action, %error, "cannot do that");
            json!({"ok": false, "error": error.to_string()})
        });
        control.send(Message::text(answer.to_string())).await?;
    }
    Ok(())
}

/// A room, and what became of its updates.
struct Actor {
    room: Room,
    outcomes: Arc<Mutex<BTreeMap<String, Value>>>,
}

async fn act(actors: &mut HashMap<String, Actor>, action: &Value) -> Outcome<Value> {
    let fixture = text(action, "fixture")?;
    let doing = text(action, "do")?;
    if doing == "connect" {
        actors.insert(fixture.to_owned(), Actor::connect(action)?);
        return Ok(json!({"ok": true}));
    }
    if doing == "done" {
        actors.remove(fixture);
        return Ok(json!({"ok": true}));
    }
    let actor = actors.get(fixture).ok_or("it has not connected")?;
    match doing {
        "reconnect" => actor.room.reconnect(),
        "disconnect" => actor.disconnect().await,
        "apply" => actor.apply(action).await?,
        "report" => return Ok(actor.report()),
        other => return Err(format!("unknown action {other:?}").into()),
    }
    Ok(json!({"ok": true}))
}

impl Actor {
    fn connect(action: &Value) -> Outcome<Self> {
        let codec =
            Codec::from_subprotocol(text(action, "subprotocol")?).ok_or("unknown subprotocol")?;
        let on_gap = match action["onGap"].as_str() {
            Some("discard") => OnGap::Discard,
            _ => OnGap::Resubmit,
        };
        let key = ClientKey::new(text(action, "clientKey")?)?;
        let options = Options::new().codec(codec).on_gap(on_gap).client_key(key);
        let room = options.open(text(action, "url")?, text(action, "room")?)?;
        Ok(Self {
            room,
            outcomes: Arc::default(),
        })
    }

    async fn disconnect(&self) {
        self.room.disconnect();
        let offline = |status: &Status| matches!(status, Status::Offline { retry_in: None, .. });
        self.room.watch_status().wait_for(offline).await;
    }

    async fn apply(&self, action: &Value) -> Outcome<()> {
        let Update {
            client_req_id,
            changes,
            ..
        } = update(action)?;
        let id = client_req_id.to_string();
        let answer = self.room.update_as(client_req_id, changes);
        if answer.id().is_none() {
            return Ok(answer.await.map(drop)?);
        }
        tokio::spawn(note(id, answer, Arc::clone(&self.outcomes)));
        Ok(())
    }

    fn report(&self) -> Value {
        let state = self.room.state();
        let outcomes = self
            .outcomes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        json!({
            "ok": true,
            "rev": state.rev.get(),
            "epoch": state.epoch.map(|epoch| epoch.to_string()),
            "pending": state.pending.iter().map(ClientReqId::as_str).collect::<Vec<_>>(),
            "view": view(&state.view),
            "checksum": state.confirmed.checksum(),
            "outcomes": outcomes,
        })
    }
}

async fn note(id: String, answer: Answer, outcomes: Arc<Mutex<BTreeMap<String, Value>>>) {
    let outcome: UpdateResult = answer.await;
    let outcome = match outcome {
        Ok(rev) => json!({"accepted": rev.get()}),
        Err(UpdateError::Rejected(reject)) => json!({"rejected": reject.code.as_str()}),
        Err(UpdateError::Discarded) => json!("discarded"),
        Err(_) => return,
    };
    outcomes
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(id, outcome);
}

/// The update of an action, which has the form of an `UPDATE`.
fn update(action: &Value) -> Outcome<Update> {
    let message = json!({"type": "UPDATE", "clientReqId": action["clientReqId"], "changes": action["changes"]});
    match Codec::Json.decode_client(message.to_string().as_bytes())? {
        ClientMessage::Update(update) => Ok(update),
        _ => Err("not an update".into()),
    }
}

/// The data of all records, by collection and id.
fn view(document: &Document) -> Value {
    let mut view = Map::new();
    for (collection, records) in document.collections() {
        let records = records.iter().map(|(id, record)| {
            let data = record
                .data()
                .iter()
                .map(|(name, value)| (name.to_string(), value.to_json()));
            (id.to_string(), Value::Object(data.collect()))
        });
        view.insert(collection.to_string(), Value::Object(records.collect()));
    }
    Value::Object(view)
}

fn text<'a>(action: &'a Value, field: &str) -> Outcome<&'a str> {
    action[field]
        .as_str()
        .ok_or_else(|| format!("{field} is missing").into())
}
