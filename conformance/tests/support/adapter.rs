//! A client under test: the bare replica of the protocol crate, told what to do over a control connection. This is what an
//! adapter of another client has to do, too.

use std::{collections::BTreeMap, time::Duration};

use futures_util::{SinkExt as _, StreamExt as _};
use revring_protocol::{
    codec::Codec,
    error::reconnects_after,
    ids::{ClientKey, ClientReqId, Millis, RoomName},
    message::ClientMessage,
    replica::{Event, OnGap, Outcome, Replica, ReplicaConfig},
};
use serde_json::{Map, Value, json};
use tokio::{net::TcpStream, time::Instant};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest as _, protocol::CloseFrame},
};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A mistake in a client, to see it found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mistake {
    /// None.
    None,
    /// It connects again whatever the close code.
    AlwaysReconnects,
    /// It takes whatever delta comes for the next.
    IgnoresFromRev,
    /// It forgets what is pending when the connection breaks.
    ForgetsPending,
}

/// A client under test.
pub(crate) struct Adapter {
    control: Socket,
    socket: Option<Socket>,
    codec: Codec,
    replica: Option<Replica>,
    /// The action that connected last.
    part: Value,
    outcomes: BTreeMap<String, Value>,
    started: Instant,
    mistake: Mistake,
}

enum Next {
    Action(Value),
    Message(Option<Message>),
    Time,
    Over,
}

impl Adapter {
    /// Opens the control connection at `url`.
    pub(crate) async fn connect(url: &str, mistake: Mistake) -> Self {
        let (control, _) = connect_async(url)
            .await
            .expect("the stand takes a control connection");
        let (part, outcomes) = (Value::Null, BTreeMap::new());
        let started = Instant::now();
        Self {
            control,
            socket: None,
            codec: Codec::Json,
            replica: None,
            part,
            outcomes,
            started,
            mistake,
        }
    }

    /// Does what it is told until the control connection ends.
    pub(crate) async fn run(mut self) {
        loop {
            match self.next().await {
                Next::Action(action) => {
                    let answer = self.act(&action).await;
                    self.control
                        .send(Message::text(answer.to_string()))
                        .await
                        .expect("the stand takes answers");
                }
                Next::Message(message) => self.on_message(message).await,
                Next::Time => {}
                Next::Over => return,
            }
            self.flush().await;
        }
    }

    async fn next(&mut self) -> Next {
        let due = self.replica.as_ref().and_then(Replica::poll_timeout);
        let rest = due.map_or(Duration::from_secs(3600), |due| {
            Duration::from_millis(due.saturating_sub(self.now()))
        });
        let message = async {
            match &mut self.socket {
                Some(socket) => socket.next().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            action = self.control.next() => match action {
                Some(Ok(Message::Text(text))) => Next::Action(serde_json::from_str(&text).expect("actions are JSON")),
                Some(Ok(_)) => Next::Time,
                Some(Err(_)) | None => Next::Over,
            },
            message = message => Next::Message(message.and_then(Result::ok)),
            () = tokio::time::sleep(rest) => Next::Time,
        }
    }

    fn now(&self) -> Millis {
        Millis::try_from(self.started.elapsed().as_millis()).expect("a test is short")
    }

    async fn act(&mut self, action: &Value) -> Value {
        match action["do"].as_str().unwrap_or_default() {
            "connect" => {
                self.replica = Some(replica(action));
                self.outcomes.clear();
                self.open(action).await
            }
            "reconnect" => self.open(action).await,
            "disconnect" => {
                self.drop_socket();
                json!({"ok": true})
            }
            "apply" => self.apply(action),
            "report" => self.report(),
            "done" => {
                self.socket = None;
                self.replica = None;
                json!({"ok": true})
            }
            other => json!({"ok": false, "error": format!("unknown action {other:?}")}),
        }
    }

    async fn open(&mut self, action: &Value) -> Value {
        self.part = action.clone();
        let mut request = action["url"]
            .as_str()
            .expect("a url")
            .into_client_request()
            .expect("a URL");
        let subprotocol = action["subprotocol"].as_str().expect("a subprotocol");
        self.codec = Codec::from_subprotocol(subprotocol).expect("a known subprotocol");
        request.headers_mut().insert(
            "Sec-WebSocket-Protocol",
            subprotocol.parse().expect("a header"),
        );
        match connect_async(request).await {
            Ok((socket, _)) => {
                self.socket = Some(socket);
                if let Some(replica) = &mut self.replica {
                    replica.connected();
                }
                json!({"ok": true})
            }
            Err(error) => json!({"ok": false, "error": error.to_string()}),
        }
    }

    fn drop_socket(&mut self) {
        self.socket = None;
        match (&mut self.replica, self.mistake) {
            (Some(replica), Mistake::ForgetsPending) => *replica = self::replica(&self.part),
            (Some(replica), _) => replica.disconnected(),
            (None, _) => {}
        }
    }

    fn apply(&mut self, action: &Value) -> Value {
        let update = json!({"type": "UPDATE", "clientReqId": action["clientReqId"], "changes": action["changes"]});
        let update = Codec::Json
            .decode_client(update.to_string().as_bytes())
            .expect("an update");
        let ClientMessage::Update(update) = update else {
            panic!("an update")
        };
        let taken = self
            .replica
            .as_mut()
            .expect("connected before")
            .update(update.client_req_id, update.changes);
        match taken {
            Ok(()) => json!({"ok": true}),
            Err(error) => json!({"ok": false, "error": error.to_string()}),
        }
    }

    fn report(&self) -> Value {
        let replica = self.replica.as_ref().expect("connected before");
        let mut view = Map::new();
        for (collection, records) in replica.view().collections() {
            for (id, record) in records {
                let data = record
                    .data()
                    .iter()
                    .map(|(name, value)| (name.as_str().to_owned(), value.to_json()));
                let records = view.entry(collection.as_str()).or_insert_with(|| json!({}));
                records[id.as_str()] = Value::Object(data.collect());
            }
        }
        json!({
            "ok": true,
            "rev": replica.confirmed_rev().get(),
            "epoch": replica.epoch().map(ToString::to_string),
            "pending": replica.pending().map(ClientReqId::as_str).collect::<Vec<_>>(),
            "view": view,
            "checksum": replica.confirmed().checksum(),
            "outcomes": self.outcomes,
        })
    }

    async fn on_message(&mut self, message: Option<Message>) {
        let (payload, close): (_, Option<Option<CloseFrame>>) = match message {
            Some(Message::Text(text)) => (Some(text.as_bytes().to_vec()), None),
            Some(Message::Binary(bytes)) => (Some(bytes.to_vec()), None),
            Some(Message::Close(frame)) => (None, Some(frame)),
            Some(_) => (None, None),
            None => (None, Some(None)),
        };
        let now = self.now();
        if let (Some(payload), true) = (payload, self.replica.is_some()) {
            let message = self
                .codec
                .decode_server(&self.bend(payload))
                .expect("the stand sends messages");
            self.replica.as_mut().expect("there").handle(message, now);
        }
        if let Some(frame) = close {
            self.drop_socket();
            let code = frame.map(|frame| u16::from(frame.code));
            if reconnects_after(code) || self.mistake == Mistake::AlwaysReconnects {
                let part = self.part.clone();
                self.open(&part).await;
            }
        }
    }

    /// What a client with a mistake makes of a message.
    fn bend(&self, payload: Vec<u8>) -> Vec<u8> {
        let rev = self
            .replica
            .as_ref()
            .map_or(0, |replica| replica.confirmed_rev().get());
        if self.mistake != Mistake::IgnoresFromRev || self.codec != Codec::Json {
            return payload;
        }
        let mut message: Value = serde_json::from_slice(&payload).expect("JSON");
        if message["type"] == "SYNC.DELTAS" {
            message["fromRev"] = json!(rev);
            let ops = message["ops"].as_array_mut().expect("operations");
            for (op, rev) in ops.iter_mut().zip(rev + 1..) {
                op["rev"] = json!(rev);
            }
            message["toRev"] = json!(rev + ops.len() as u64);
        }
        message.to_string().into_bytes()
    }

    async fn flush(&mut self) {
        let now = self.now();
        let Some(replica) = &mut self.replica else {
            return;
        };
        while let Some(event) = replica.poll_event() {
            if let Event::Resolved { id, outcome } = event {
                let outcome = match outcome {
                    Outcome::Accepted(rev) => json!({"accepted": rev.get()}),
                    Outcome::Rejected(reject) => json!({"rejected": reject.code.as_str()}),
                    Outcome::Discarded => json!("discarded"),
                };
                self.outcomes.insert(id.as_str().to_owned(), outcome);
            }
        }
        let Some(socket) = &mut self.socket else {
            return;
        };
        while let Some(message) = replica.poll_message(now) {
            let bytes = self.codec.encode(&message);
            let message = match self.codec {
                Codec::Json => Message::text(String::from_utf8(bytes).expect("JSON is UTF-8")),
                Codec::MessagePack => Message::binary(bytes),
            };
            // A connection that is gone shows when it is read.
            let _ = socket.send(message).await;
        }
    }
}

fn replica(action: &Value) -> Replica {
    let text = |name: &str| action[name].as_str().expect("a text").to_owned();
    Replica::new(ReplicaConfig {
        room: RoomName::new(&text("room")).expect("a room"),
        client_key: Some(ClientKey::new(&text("clientKey")).expect("a key")),
        token: None,
        on_gap: if action["onGap"] == "discard" {
            OnGap::Discard
        } else {
            OnGap::Resubmit
        },
    })
}
