//! A server that says what a test tells it to say.

use std::{collections::BTreeMap, future::Future, sync::Arc, time::Duration};

use futures_util::{SinkExt as _, StreamExt as _};
use revring_client::{
    Codec, Options, Rev, Room, Status,
    protocol::{
        change::{Change, Edit, Effect, Operation, Update},
        document::Document,
        ids::{ClientId, Epoch, Millis},
        limits::Limits,
        message::{ClientMessage, Deltas, Join, Joined, ServerMessage, SnapshotPart},
        record::Record,
    },
};
use tokio::{
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{Request, Response},
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};

/// Long enough for whatever should happen on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The value of `future`, which has to be ready before patience ends.
pub(crate) async fn soon<F: Future>(future: F) -> F::Output {
    timeout(PATIENCE, future)
        .await
        .expect("it should have happened by now")
}

/// Options that reconnect at once.
pub(crate) fn quick() -> Options {
    Options::new().backoff(Duration::from_millis(1), Duration::from_millis(5))
}

/// Waits for a status.
pub(crate) async fn until(room: &Room, wanted: impl Fn(&Status) -> bool) -> Status {
    let status = soon(room.watch_status().wait_for(&wanted)).await;
    assert!(wanted(&status), "closed while waiting: {status:?}");
    status
}

pub(crate) fn is_offline(status: &Status) -> bool {
    matches!(status, Status::Offline { .. })
}

/// Where scripted connections are accepted.
pub(crate) struct Stage {
    listener: TcpListener,
    pub(crate) url: String,
}

impl Stage {
    pub(crate) async fn set() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("ws://{}/v1/ws", listener.local_addr().expect("bound"));
        Self { listener, url }
    }

    /// The next connection, before its handshake.
    pub(crate) async fn accept_tcp(&self) -> TcpStream {
        soon(self.listener.accept()).await.expect("a connection").0
    }

    /// The next connection.
    pub(crate) async fn accept(&self) -> Peer {
        let mut codec = None;
        #[expect(clippy::result_large_err, reason = "tungstenite's own type")]
        let choose = |request: &Request, mut response: Response| {
            let offered = request.headers()["sec-websocket-protocol"].clone();
            codec = offered.to_str().ok().and_then(Codec::from_subprotocol);
            response
                .headers_mut()
                .insert("sec-websocket-protocol", offered);
            Ok(response)
        };
        let stream = soon(accept_hdr_async(self.accept_tcp().await, choose))
            .await
            .expect("a handshake");
        Peer {
            stream,
            codec: codec.expect("a known subprotocol"),
            head: 0,
            document: Document::new(),
        }
    }

    /// The next connection, joined at the head of an empty or resumed room.
    pub(crate) async fn joined(&self) -> (Peer, Join) {
        let mut peer = self.accept().await;
        let join = peer.take_join().await;
        (peer, join)
    }

    /// A live room on this stage, and the server's end of its connection.
    pub(crate) async fn room(&self, options: Options) -> (Room, Peer) {
        let room = options.open(&self.url, "room").expect("valid arguments");
        let (peer, _) = self.joined().await;
        until(&room, |status| *status == Status::Live).await;
        (room, peer)
    }
}

/// The server's end of one connection.
pub(crate) struct Peer {
    pub(crate) stream: WebSocketStream<TcpStream>,
    pub(crate) codec: Codec,
    pub(crate) head: u64,
    pub(crate) document: Document,
}

impl Peer {
    pub(crate) async fn send(&mut self, message: ServerMessage) {
        let payload = self.codec.encode(&message);
        self.send_raw(payload).await;
    }

    pub(crate) async fn send_raw(&mut self, payload: Vec<u8>) {
        let message = match self.codec {
            Codec::Json => Message::text(String::from_utf8(payload).expect("JSON is UTF-8")),
            Codec::MessagePack => Message::binary(payload),
        };
        soon(self.stream.send(message))
            .await
            .expect("an open connection");
    }

    /// The next message of the client; `None` when it has gone.
    pub(crate) async fn try_receive(&mut self) -> Option<ClientMessage> {
        loop {
            let payload = match (self.codec, soon(self.stream.next()).await?.ok()?) {
                (Codec::Json, Message::Text(text)) => text.as_bytes().to_vec(),
                (Codec::MessagePack, Message::Binary(bytes)) => bytes.to_vec(),
                (_, Message::Ping(_) | Message::Pong(_)) => continue,
                (_, Message::Close(_)) => return None,
                (_, other) => panic!("a frame of the wrong kind: {other:?}"),
            };
            return Some(self.codec.decode_client(&payload).expect("a valid message"));
        }
    }

    pub(crate) async fn receive(&mut self) -> ClientMessage {
        self.try_receive().await.expect("the client is still there")
    }

    pub(crate) async fn receive_update(&mut self) -> Update {
        match self.receive().await {
            ClientMessage::Update(update) => update,
            other => panic!("not an update: {other:?}"),
        }
    }

    /// Takes `JOIN` and answers as the head of the room asked for: at its position, or with an empty snapshot.
    pub(crate) async fn take_join(&mut self) -> Join {
        let ClientMessage::Join(join) = self.receive().await else {
            panic!("JOIN comes first")
        };
        let resumed = join
            .position
            .as_ref()
            .map(|position| position.last_rev.get());
        self.head = resumed.unwrap_or(0);
        self.answer_join(&join, Limits::DEFAULT, 60_000).await;
        join
    }

    pub(crate) async fn answer_join(&mut self, join: &Join, limits: Limits, heartbeat_ms: u64) {
        let resumed = join.position.is_some();
        let joined = Joined {
            client_id: client_id(join),
            client_key: None,
            room: join.room.clone(),
            epoch: epoch(),
            rev: Rev::new(self.head),
            resumed,
            limits,
            heartbeat_ms,
        };
        self.send(ServerMessage::Joined(joined)).await;
        if !resumed {
            self.send_snapshot().await;
        }
    }

    /// Sends the state at the head.
    pub(crate) async fn send_snapshot(&mut self) {
        let mut state = BTreeMap::new();
        for (collection, records) in self.document.collections() {
            let records: BTreeMap<_, Arc<Record>> = records.clone().into_iter().collect();
            state.insert(collection.clone(), records);
        }
        let checksum = Some(self.document.checksum());
        let rev = Rev::new(self.head);
        let part = SnapshotPart {
            rev,
            epoch: epoch(),
            part: 0,
            last: true,
            state,
            checksum,
        };
        self.send(ServerMessage::Snapshot(part)).await;
    }

    /// Accepts `update` of `client`, and tells it by a delta.
    pub(crate) async fn accept(&mut self, client: &ClientId, update: &Update) -> Rev {
        let operation = self.commit(client, update);
        let rev = operation.rev;
        let deltas = Deltas {
            from_rev: Rev::new(self.head - 1),
            to_rev: rev,
            ops: vec![operation],
        };
        self.send(ServerMessage::Deltas(deltas)).await;
        rev
    }

    /// Accepts `update` of `client` without telling anyone. It knows `put` only.
    pub(crate) fn commit(&mut self, client: &ClientId, update: &Update) -> Arc<Operation> {
        self.head += 1;
        let effect = |change: &Change| {
            let Edit::Put { .. } = change.edit else {
                panic!("the script knows put only")
            };
            let version = self
                .document
                .get(&change.key)
                .map_or(0, |record| record.version())
                + 1;
            Effect {
                key: change.key.clone(),
                version,
                edit: change.edit.clone(),
            }
        };
        let operation = Operation {
            rev: Rev::new(self.head),
            client_id: client.clone(),
            client_req_id: update.client_req_id.clone(),
            at: AT,
            changes: update.changes.iter().map(effect).collect(),
        };
        self.document.apply(&operation).expect("put always applies");
        Arc::new(operation)
    }

    /// Closes with `code`.
    pub(crate) async fn close(&mut self, code: u16) {
        let frame = CloseFrame {
            code: CloseCode::from(code),
            reason: "script".into(),
        };
        soon(self.stream.close(Some(frame)))
            .await
            .expect("an open connection");
    }
}

const AT: Millis = 1_700_000_000_000;

pub(crate) fn epoch() -> Epoch {
    Epoch::new("epoch-1").expect("a valid epoch")
}

/// The public id of whoever joins with `join`.
pub(crate) fn client_id(join: &Join) -> ClientId {
    join.client_key
        .as_ref()
        .expect("this client has a key")
        .client_id()
}

/// The public id of another client.
pub(crate) fn stranger() -> ClientId {
    ClientId::new("stranger-0123456").expect("a valid id")
}
