//! An actor that is a client under test: told what to do over a control connection, watched on its own connection to the
//! server, which passes through here.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use revring_protocol::{codec::Codec, replica::OnGap};
use serde_json::{Map, Value, json};
use tokio::{
    sync::{Mutex, mpsc},
    time::{Instant, timeout, timeout_at},
};
use tokio_tungstenite::tungstenite::protocol::frame::coding::{
    Control as ControlCode, Data, OpCode,
};

use super::{Outcome, actor::Prompt};
use crate::{
    fixture::Apply,
    net::{End, Event, Incoming, Link, frame},
    transcode,
};

/// How long a client may take to do what it is told.
const ACTION_TIME: Duration = Duration::from_secs(10);
/// How long it may take to have read what it was sent.
const SETTLE_TIME: Duration = Duration::from_secs(2);
/// How long a closed connection is kept, so that the client sees how it ended.
const LINGER: Duration = Duration::from_secs(2);

/// The control connection of a client under test.
pub(crate) struct Control {
    link: Link,
}

impl Control {
    pub(crate) fn new(link: Link) -> Self {
        Self { link }
    }

    /// Tells the client to do something and returns its answer.
    async fn ask(&mut self, action: &Value, deadline: Instant) -> Outcome<Value> {
        let text = frame(OpCode::Data(Data::Text), action.to_string(), true);
        self.link
            .send_frame(text)
            .await
            .map_err(|error| format!("the client under test is gone: {error}"))?;
        let doing = action["do"].as_str().unwrap_or_default();
        loop {
            let event = timeout_at(deadline, self.link.event()).await;
            let event =
                event.map_err(|_| format!("the client under test does not answer {doing}"))?;
            match event {
                Event::Message(incoming) => return answer(doing, &incoming.bytes),
                Event::Ended(end) => return Err(format!("the control connection was {end}")),
                Event::Ping | Event::Pong(_) => {}
            }
        }
    }

    /// Says that nothing more comes.
    pub(crate) async fn end(mut self) {
        // The client may be gone already.
        let _ = self.link.close(1000, "that was all").await;
        linger(self.link).await;
    }
}

fn answer(doing: &str, bytes: &[u8]) -> Outcome<Value> {
    let answer: Value = serde_json::from_slice(bytes)
        .map_err(|error| format!("its answer is not JSON: {error}"))?;
    if answer["ok"] == true {
        return Ok(answer);
    }
    let why = answer["error"].as_str().unwrap_or("it does not say why");
    Err(format!("the client under test cannot {doing}: {why}"))
}

/// Keeps a connection until the peer has ended it too.
async fn linger(mut link: Link) {
    let _ = timeout(LINGER, async {
        while !matches!(link.event().await, Event::Ended(_)) {}
    })
    .await;
}

/// The message of a client, which it must have written well.
fn read(codec: Codec, incoming: &Incoming) -> Outcome<Value> {
    if incoming.text != (codec == Codec::Json) {
        return Err("W-1: the client under test sent a frame of the wrong kind".to_owned());
    }
    let decoded = codec.decode_client(&incoming.bytes);
    decoded.map_err(|error| format!("W-4: the client under test sent a bad message: {error}"))?;
    transcode::decode(codec, &incoming.bytes)
}

/// A client under test, in one fixture.
pub(crate) struct RemoteClient {
    control: Arc<Mutex<Control>>,
    /// Where it is to connect.
    url: String,
    /// Its connections as they arrive.
    arrivals: mpsc::Receiver<Link>,
    link: Option<Link>,
    /// What it has said that nobody asked for yet.
    said: VecDeque<Incoming>,
    /// It was sent something since it last showed that it reads.
    unsettled: bool,
    /// What goes with every action that connects.
    part: Map<String, Value>,
}

impl RemoteClient {
    pub(crate) fn new(
        control: Arc<Mutex<Control>>,
        url: String,
        arrivals: mpsc::Receiver<Link>,
    ) -> Self {
        Self {
            control,
            url,
            arrivals,
            link: None,
            said: VecDeque::new(),
            unsettled: false,
            part: Map::new(),
        }
    }

    /// Gives it its part.
    pub(super) fn cast(&mut self, fixture: &str, room: &str, key: &str, on_gap: OnGap) {
        let on_gap = match on_gap {
            OnGap::Resubmit => "resubmit",
            OnGap::Discard => "discard",
        };
        let part = json!({"fixture": fixture, "room": room, "clientKey": key, "onGap": on_gap, "url": self.url});
        self.part = part.as_object().cloned().unwrap_or_default();
    }

    /// Tells it to do something, once it has read what it was sent before.
    async fn ask(&mut self, doing: &str, with: Value, deadline: Instant) -> Outcome<Value> {
        self.settle().await?;
        let mut action = Map::new();
        action.insert(
            "fixture".to_owned(),
            self.part.get("fixture").cloned().unwrap_or_default(),
        );
        action.insert("do".to_owned(), doing.into());
        if let Value::Object(fields) = with {
            action.extend(fields);
        }
        self.control
            .lock()
            .await
            .ask(&Value::Object(action), deadline)
            .await
    }

    /// Waits until it has answered a ping, and so has read what came before.
    async fn settle(&mut self) -> Outcome<()> {
        let Some(link) = self.link.as_mut().filter(|_| self.unsettled) else {
            return Ok(());
        };
        self.unsettled = false;
        let ping = frame(OpCode::Control(ControlCode::Ping), "settled", true);
        link.send_frame(ping)
            .await
            .map_err(|error| format!("the client under test left: {error}"))?;
        let deadline = Instant::now() + SETTLE_TIME;
        loop {
            match timeout_at(deadline, link.event()).await {
                Ok(Event::Message(incoming)) => self.said.push_back(incoming),
                Ok(Event::Pong(_)) => return Ok(()),
                Ok(Event::Ping) => {}
                Ok(Event::Ended(end)) => {
                    return Err(format!(
                        "the client under test ended its connection ({end})"
                    ));
                }
                Err(_) => {
                    return Err("W-7: the client under test does not answer a ping".to_owned());
                }
            }
        }
    }

    /// Has it connect, if it is to be told, and waits for its connection.
    pub(super) async fn connect(&mut self, codec: Codec, prompt: Prompt) -> Outcome<()> {
        let mut deadline = Instant::now() + ACTION_TIME;
        let mut with = self.part.clone();
        with.insert("subprotocol".to_owned(), codec.subprotocol().into());
        match prompt {
            Prompt::Connect => self
                .ask("connect", Value::Object(with), deadline)
                .await
                .map(|_| ())?,
            Prompt::Reconnect => self
                .ask("reconnect", Value::Object(with), deadline)
                .await
                .map(|_| ())?,
            Prompt::None(ms) => deadline = Instant::now() + Duration::from_millis(ms),
        }
        let arrived = timeout_at(deadline, self.arrivals.recv()).await;
        let mut link = arrived.map_err(|_| "the client under test does not connect")?;
        // One that reconnects by itself may have tried more than once: the last counts.
        while let Ok(later) = self.arrivals.try_recv() {
            link = Some(later);
        }
        self.link = link;
        self.said.clear();
        self.unsettled = false;
        Ok(())
    }

    /// Has it drop its connection, and drops it.
    pub(super) async fn disconnect(&mut self) -> Outcome<()> {
        self.ask("disconnect", Value::Null, Instant::now() + ACTION_TIME)
            .await?;
        self.link = None;
        Ok(())
    }

    /// Ends its connection as the server ended its own.
    pub(super) async fn closed(&mut self, end: &End) -> Outcome<()> {
        let Some(mut link) = self.link.take() else {
            return Ok(());
        };
        if let End::Closed(code) = end {
            let sent = link.close(code.unwrap_or(1000), "").await;
            sent.map_err(|error| {
                format!("the client under test left before it was told: {error}")
            })?;
            tokio::spawn(linger(link));
        }
        Ok(())
    }

    /// Checks that it does not come back by itself.
    pub(super) async fn stays_away(&mut self, until: Instant) -> Outcome<()> {
        match timeout_at(until, self.arrivals.recv()).await {
            Ok(Some(_)) => Err("the client under test connected by itself".to_owned()),
            Ok(None) | Err(_) => Ok(()),
        }
    }

    /// The next message it sends.
    pub(super) async fn message(
        &mut self,
        codec: Codec,
        deadline: Instant,
    ) -> Outcome<Option<Value>> {
        if let Some(incoming) = self.said.pop_front() {
            return read(codec, &incoming).map(Some);
        }
        let link = self
            .link
            .as_mut()
            .ok_or("the client under test is not connected")?;
        loop {
            let Ok(event) = timeout_at(deadline, link.event()).await else {
                return Ok(None);
            };
            match event {
                Event::Message(incoming) => return read(codec, &incoming).map(Some),
                Event::Ended(end) => {
                    return Err(format!(
                        "the client under test ended its connection ({end})"
                    ));
                }
                Event::Ping | Event::Pong(_) => {}
            }
        }
    }

    /// Gives it a message of the server.
    pub(super) async fn deliver(&mut self, codec: Codec, message: &Value) -> Outcome<()> {
        let link = self
            .link
            .as_mut()
            .ok_or("the client under test is not connected")?;
        self.unsettled = true;
        let sent = link.send(codec, transcode::encode(codec, message)).await;
        sent.map_err(|error| format!("the client under test takes no message: {error}"))
    }

    /// Has it make an optimistic update.
    pub(super) async fn apply(&mut self, apply: &Apply) -> Outcome<()> {
        let with = json!({"clientReqId": apply.client_req_id, "changes": apply.changes});
        self.ask("apply", with, Instant::now() + ACTION_TIME)
            .await
            .map(|_| ())
    }

    /// What it says of its state.
    pub(super) async fn report(&mut self, deadline: Instant) -> Outcome<Value> {
        let mut report = self
            .ask(
                "report",
                json!({}),
                deadline.max(Instant::now() + Duration::from_secs(1)),
            )
            .await?;
        if let Some(fields) = report.as_object_mut() {
            fields.remove("ok");
        }
        Ok(report)
    }

    /// Tells it that the fixture is over.
    pub(super) async fn done(&mut self) {
        // What it answers, or still says, changes nothing any more.
        self.link = None;
        let _ = self
            .ask("done", Value::Null, Instant::now() + ACTION_TIME)
            .await;
    }
}
