//! An actor: its connection, what it received and did not look at yet, and the client behind it.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use revring_protocol::codec::Codec;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::{
    Outcome, monitor::Monitor, remote::RemoteClient, replica::ReplicaClient, transcript::Transcript,
};
use crate::{
    fixture::Connect,
    net::{Dial, End, Event, Incoming, Link, dial},
    transcode,
};

/// How long a step waits for what is to come, unless it says otherwise.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// Who decides what is sent.
pub(super) enum Client {
    /// The fixture, message by message.
    Wire,
    /// A replica in this process.
    Replica(Box<ReplicaClient>),
    /// A client under test.
    Remote(Box<RemoteClient>),
}

/// What makes a client under test connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prompt {
    /// It is told to, for the first time.
    Connect,
    /// It is told to, again.
    Reconnect,
    /// It does so by itself, within so many milliseconds.
    None(u64),
}

/// A message that was received.
pub(super) struct Received {
    pub(super) message: Value,
    /// Whether the client has it already.
    delivered: bool,
}

impl Received {
    pub(super) fn kind(&self) -> &str {
        kind(&self.message)
    }
}

/// The `type` of `message`.
pub(super) fn kind(message: &Value) -> &str {
    message["type"].as_str().unwrap_or_default()
}

fn other(codec: Codec) -> Codec {
    match codec {
        Codec::Json => Codec::MessagePack,
        Codec::MessagePack => Codec::Json,
    }
}

/// Someone who acts.
pub(super) struct Actor {
    pub(super) name: String,
    pub(super) codec: Codec,
    pub(super) client: Client,
    pub(super) monitor: Monitor,
    pub(super) inbox: VecDeque<Received>,
    pub(super) pings: usize,
    pub(super) pongs: VecDeque<Bytes>,
    pub(super) ended: Option<End>,
    /// Updates that `process` has sent.
    pub(super) processed: u64,
    pub(super) transcript: Transcript,
    link: Option<Link>,
}

impl Actor {
    pub(super) fn new(name: &str, codec: Codec, client: Client, transcript: Transcript) -> Self {
        Self {
            name: name.to_owned(),
            codec,
            client,
            monitor: Monitor::default(),
            inbox: VecDeque::new(),
            pings: 0,
            pongs: VecDeque::new(),
            ended: None,
            processed: 0,
            transcript,
            link: None,
        }
    }

    /// Opens a connection to `url`.
    pub(super) async fn connect(
        &mut self,
        url: &str,
        connect: &Connect,
        prompt: Prompt,
    ) -> Outcome<()> {
        if self.link.is_some() {
            return Err("it is connected already".to_owned());
        }
        if connect.other_codec {
            self.codec = other(self.codec);
        }
        let own = [self.codec.subprotocol().to_owned()];
        let subprotocols = connect.subprotocols.as_deref().unwrap_or(&own);
        let (link, chosen) = dial(Dial {
            url,
            subprotocols,
            receive_buffer: connect.receive_buffer,
        })
        .await?;
        let expected = (!subprotocols.is_empty()).then(|| self.codec.subprotocol());
        if chosen.as_deref() != expected {
            return Err(format!(
                "W-1: the server chose the subprotocol {chosen:?}, expected {expected:?}"
            ));
        }
        self.inbox.clear();
        self.pings = 0;
        self.pongs.clear();
        self.ended = None;
        self.link = Some(link);
        self.monitor.opened();
        self.transcript.event(&self.name, "connected");
        match &mut self.client {
            Client::Wire => Ok(()),
            Client::Replica(replica) => {
                replica.connected();
                Ok(())
            }
            Client::Remote(remote) => remote.connect(self.codec, prompt).await,
        }
    }

    /// Drops the connection.
    pub(super) async fn disconnect(&mut self) -> Outcome<()> {
        self.link = None;
        self.transcript.event(&self.name, "disconnected");
        match &mut self.client {
            Client::Wire => Ok(()),
            Client::Replica(replica) => {
                replica.disconnected();
                Ok(())
            }
            Client::Remote(remote) => remote.disconnect().await,
        }
    }

    /// Ends the connection of a client as if the server had.
    pub(super) async fn ends(&mut self, code: u16) -> Outcome<()> {
        self.transcript
            .event(&self.name, &format!("ends with {code}"));
        let end = if code == 1006 {
            End::Cut("on purpose".to_owned())
        } else {
            End::Closed(Some(code))
        };
        self.closed(&end).await
    }

    /// The server ended the connection.
    pub(super) async fn closed(&mut self, end: &End) -> Outcome<()> {
        self.link = None;
        match &mut self.client {
            Client::Wire => Ok(()),
            Client::Replica(replica) => {
                replica.disconnected();
                Ok(())
            }
            Client::Remote(remote) => remote.closed(end).await,
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        self.link.is_some()
    }

    pub(super) fn link(&mut self) -> Outcome<&mut Link> {
        self.link
            .as_mut()
            .ok_or_else(|| "it is not connected".to_owned())
    }

    /// Sends `message` to the server.
    pub(super) async fn transmit(&mut self, message: &Value) -> Outcome<()> {
        self.transcript.sent(&self.name, message);
        self.monitor.sent(message);
        let (codec, bytes) = (self.codec, transcode::encode(self.codec, message));
        let sent = self.link()?.send(codec, bytes).await;
        if let Err(error) = sent {
            // What came before the end may say why.
            while self
                .pump(Instant::now() + Duration::from_millis(100))
                .await?
            {}
            return Err(error.to_string());
        }
        Ok(())
    }

    /// Takes in the next thing that the connection receives; false if nothing comes until `deadline` or ever.
    pub(super) async fn pump(&mut self, deadline: Instant) -> Outcome<bool> {
        if self.ended.is_some() {
            return Ok(false);
        }
        let Ok(event) = timeout_at(deadline, self.link()?.event()).await else {
            return Ok(false);
        };
        self.absorb(event)?;
        Ok(true)
    }

    /// Takes in what the connection has received already.
    pub(super) fn pump_waiting(&mut self) -> Outcome<()> {
        while let Some(event) = self.link.as_mut().and_then(Link::waiting_event) {
            self.absorb(event)?;
        }
        Ok(())
    }

    fn absorb(&mut self, event: Event) -> Outcome<()> {
        match event {
            Event::Message(incoming) => return self.absorb_message(&incoming),
            Event::Ping => self.pings += 1,
            Event::Pong(payload) => self.pongs.push_back(payload),
            Event::Ended(end) => {
                self.transcript.event(&self.name, &end.to_string());
                self.ended = Some(end);
            }
        }
        Ok(())
    }

    fn absorb_message(&mut self, incoming: &Incoming) -> Outcome<()> {
        let message = transcode::decode(self.codec, &incoming.bytes).map_err(|problem| {
            let start = String::from_utf8_lossy(&incoming.bytes[..incoming.bytes.len().min(80)])
                .into_owned();
            format!("W-2: the server sent what is {problem}\n  it begins  {start:?}")
        })?;
        self.transcript.received(&self.name, &message);
        let verdict = self.monitor.received(self.codec, incoming, &message);
        verdict.map_err(|broken| format!("the server broke rule {broken}"))?;
        self.inbox.push_back(Received {
            message,
            delivered: false,
        });
        Ok(())
    }

    /// Whether messages of `kind` come whenever they like and are looked at only on purpose.
    fn is_aside(&self, kind: &str) -> bool {
        kind == "PRESENCE" || (kind == "HEARTBEAT" && !matches!(self.client, Client::Wire))
    }

    /// The next message that `wanted` says yes to, or the next that is no aside; asides before it go to the client first.
    /// `None`: nothing comes until `deadline`.
    pub(super) async fn take(
        &mut self,
        wanted: impl Fn(&str) -> bool + Send,
        deadline: Instant,
    ) -> Outcome<Option<Value>> {
        let mut seen = 0;
        loop {
            while seen < self.inbox.len() {
                let kind = self.inbox[seen].kind();
                if wanted(kind) || !self.is_aside(kind) {
                    return Ok(self.inbox.remove(seen).map(|received| received.message));
                }
                if !self.inbox[seen].delivered {
                    self.inbox[seen].delivered = true;
                    let message = self.inbox[seen].message.clone();
                    self.deliver(&message).await?;
                }
                seen += 1;
            }
            if !self.pump(deadline).await? {
                return Ok(None);
            }
        }
    }

    /// Puts a message back that was taken too early.
    pub(super) fn put_back(&mut self, message: Value) {
        self.inbox.push_front(Received {
            message,
            delivered: false,
        });
    }

    /// Hands `message` to the client behind the actor.
    pub(super) async fn deliver(&mut self, message: &Value) -> Outcome<()> {
        match &mut self.client {
            Client::Wire => Ok(()),
            Client::Replica(replica) => replica.deliver(message),
            Client::Remote(remote) => remote.deliver(self.codec, message).await,
        }
    }

    /// Hands over everything that is there, in order.
    pub(super) async fn deliver_all(&mut self) -> Outcome<()> {
        while let Some(received) = self.inbox.pop_front() {
            if !received.delivered {
                self.deliver(&received.message).await?;
            }
        }
        Ok(())
    }

    /// The next message that the client behind the actor sends.
    pub(super) async fn client_message(&mut self, deadline: Instant) -> Outcome<Option<Value>> {
        let replica = match &mut self.client {
            Client::Wire => return Ok(None),
            Client::Remote(remote) => return remote.message(self.codec, deadline).await,
            Client::Replica(replica) => replica,
        };
        loop {
            if let Some(message) = replica.message()? {
                return Ok(Some(message));
            }
            let due = replica
                .rest()
                .map(|rest| Instant::now() + rest)
                .filter(|due| *due <= deadline);
            let Some(due) = due else { return Ok(None) };
            tokio::time::sleep_until(due).await;
        }
    }
}
