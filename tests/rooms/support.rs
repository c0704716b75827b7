//! A server in this process, and clients that speak the protocol message by message.

use std::{fmt::Debug, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use revring::{
    auth::{Auth, TokenRule},
    log::{Log, MemoryLog},
    transport::{ServiceSettings, ServiceStats, Services, serve_socket},
};
use revring_protocol::{
    change::{Change, Edit, Operation, Update},
    codec::Codec,
    document::Document,
    error::Code,
    ids::{ClientKey, ClientReqId, Collection, Epoch, RecordId, RecordKey, Rev, RoomName},
    limits::Limits,
    message::{
        ClientMessage, Deltas, Gap, Join, Joined, Position, Reject, ServerMessage, SnapshotPart,
    },
    value::{Object, Value},
};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::Semaphore,
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async, client_async_with_config,
    tungstenite::{
        Error, Message,
        client::IntoClientRequest as _,
        handshake::server::{Request, Response},
        http::HeaderValue,
        protocol::WebSocketConfig,
    },
};

/// How long a test waits for what must come.
pub(crate) const WAIT: Duration = Duration::from_secs(20);

/// A server in this process. It ends with the test.
pub(crate) struct Server {
    pub(crate) services: Arc<Services>,
    pub(crate) address: SocketAddr,
    accepting: JoinHandle<()>,
}

/// What a server has when a test asks for nothing else.
pub(crate) fn settings() -> ServiceSettings {
    ServiceSettings {
        limits: Limits::DEFAULT,
        heartbeat: Duration::from_secs(15),
        join_time: Duration::from_secs(10),
        room_idle: Duration::from_secs(60),
        max_rooms: 100,
        max_room_connections: 1_000,
        send_buffer: 16 << 10,
    }
}

impl Server {
    /// A server without tokens that keeps rooms in memory.
    pub(crate) async fn start(settings: ServiceSettings) -> Self {
        let log = MemoryLog::new(settings.max_rooms);
        Self::start_with(settings, &[], Arc::new(log)).await
    }

    pub(crate) async fn start_with(
        settings: ServiceSettings,
        tokens: &[TokenRule],
        log: Arc<dyn Log>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let services = Services::start(settings, Auth::new(tokens), log, 2);
        let accepting = tokio::spawn(accept(listener, Arc::clone(&services)));
        Self {
            services,
            address,
            accepting,
        }
    }

    /// A socket that has not joined.
    pub(crate) async fn connect(&self, codec: Codec) -> Client {
        Client::connect(self.address, codec).await
    }

    /// A socket that has not joined, and whose client can be slow.
    pub(crate) async fn connect_narrow(&self, codec: Codec) -> Client {
        Client::connect_narrow(self.address, codec).await
    }

    /// A new client that has joined `room` and got all that follows.
    pub(crate) async fn join(&self, codec: Codec, room: &str) -> Client {
        self.connect(codec).await.into_room(room).await
    }

    /// The same, with a client that can be slow.
    pub(crate) async fn join_narrow(&self, codec: Codec, room: &str) -> Client {
        self.connect_narrow(codec).await.into_room(room).await
    }

    /// Waits until `holds` is true of what the server holds.
    pub(crate) async fn until(
        &self,
        what: &str,
        holds: impl Fn(&ServiceStats) -> bool,
    ) -> ServiceStats {
        let mut last = None;
        let waited = timeout(WAIT, async {
            loop {
                let stats = self.services.stats().await;
                if holds(&stats) {
                    return stats;
                }
                last = Some(stats);
                sleep(Duration::from_millis(2)).await;
            }
        });
        waited
            .await
            .unwrap_or_else(|_| panic!("never {what}: {last:?}"))
    }

    /// Waits until nothing is held for any connection.
    pub(crate) async fn until_empty(&self) {
        self.until("empty", |stats| {
            let held = stats.connections;
            (held.connections, held.served, held.members) == (0, 0, 0)
        })
        .await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, services: Arc<Services>) {
    let places = Arc::new(Semaphore::new(10_000));
    while let Ok((socket, peer)) = listener.accept().await {
        let (services, places) = (Arc::clone(&services), Arc::clone(&places));
        tokio::spawn(async move {
            let mut codec = Codec::Json;
            #[expect(clippy::result_large_err, reason = "the handshake asks for this type")]
            let choose = |request: &Request, mut response: Response| {
                if let Some(offered) = request.headers().get("sec-websocket-protocol") {
                    codec = Codec::from_subprotocol(offered.to_str().unwrap()).unwrap();
                    response
                        .headers_mut()
                        .insert("sec-websocket-protocol", offered.clone());
                }
                Ok(response)
            };
            let Ok(upgraded) = accept_hdr_async(socket, choose).await else {
                return;
            };
            let permit = places.acquire_owned().await.unwrap();
            serve_socket(
                services,
                upgraded.into_inner(),
                Bytes::new(),
                codec,
                peer,
                permit,
            )
            .await;
        });
    }
}

/// One client, as a test drives it.
pub(crate) struct Client {
    pub(crate) codec: Codec,
    pub(crate) socket: WebSocketStream<TcpStream>,
    /// The position after the last delta or snapshot.
    pub(crate) position: Option<Position>,
    /// The state there.
    pub(crate) document: Document,
}

/// How a connection ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// With a close frame of this code.
    Closed(u16),
    /// Without one.
    Cut,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr, codec: Codec) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap(), codec).await
    }

    /// Over a socket whose kernel keeps as little as it can.
    pub(crate) async fn connect_narrow(address: SocketAddr, codec: Codec) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4 << 10).unwrap();
        Self::over(socket.connect(address).await.unwrap(), codec).await
    }

    /// The handshake, over a socket of the test's own.
    pub(crate) async fn over(stream: TcpStream, codec: Codec) -> Self {
        let mut request = "ws://localhost/v1/ws".into_client_request().unwrap();
        let protocol = HeaderValue::from_static(codec.subprotocol());
        request
            .headers_mut()
            .insert("sec-websocket-protocol", protocol);
        let config = WebSocketConfig::default().read_buffer_size(4 << 10);
        let handshake = client_async_with_config(request, stream, Some(config));
        let (socket, _) = timeout(WAIT, handshake).await.unwrap().unwrap();
        Self {
            codec,
            socket,
            position: None,
            document: Document::new(),
        }
    }

    async fn into_room(mut self, room: &str) -> Self {
        self.send(&join(room)).await;
        self.snapshot_after_joined().await;
        self.presence().await;
        self
    }

    pub(crate) async fn send(&mut self, message: &ClientMessage) {
        let bytes = self.codec.encode(message);
        self.send_frame(self.frame(bytes)).await;
    }

    /// Sends `payload` as a message of the connection's kind.
    pub(crate) async fn send_payload(&mut self, payload: impl Into<Vec<u8>>) {
        self.send_frame(self.frame(payload.into())).await;
    }

    pub(crate) fn frame(&self, payload: Vec<u8>) -> Message {
        match self.codec {
            Codec::Json => Message::Text(String::from_utf8(payload).unwrap().into()),
            Codec::MessagePack => Message::Binary(payload.into()),
        }
    }

    pub(crate) async fn send_frame(&mut self, frame: Message) {
        timeout(WAIT, self.socket.send(frame))
            .await
            .expect("the server reads")
            .unwrap();
    }

    /// Sends `frame`. False when the server does not read: then the rest of it goes out with what is sent next.
    pub(crate) async fn try_send(&mut self, frame: Message) -> bool {
        let sent = timeout(Duration::from_millis(50), self.socket.flush())
            .await
            .is_ok();
        if sent {
            self.socket.feed(frame).await.unwrap();
        }
        // Whatever the socket takes is out before anyone waits for an answer.
        let _ = timeout(Duration::from_millis(50), self.socket.flush()).await;
        sent
    }

    pub(crate) async fn update(&mut self, id: &str, changes: Vec<Change>) {
        self.send(&ClientMessage::Update(update(id, changes))).await;
    }

    /// The next frame; `Err` at the end of the connection.
    pub(crate) async fn next_frame(&mut self) -> Result<Message, End> {
        match timeout(WAIT, self.socket.next()).await.expect("a frame") {
            Some(Ok(Message::Close(Some(close)))) => Err(End::Closed(close.code.into())),
            Some(Ok(Message::Close(None))) => Err(End::Closed(1005)),
            Some(Ok(frame)) => Ok(frame),
            Some(Err(Error::Io(_) | Error::Protocol(_))) | None => Err(End::Cut),
            Some(Err(error)) => panic!("{error}"),
        }
    }

    /// The next message, pings left out.
    pub(crate) async fn next(&mut self) -> Result<ServerMessage, End> {
        timeout(WAIT, self.next_but_pings())
            .await
            .expect("a message")
    }

    async fn next_but_pings(&mut self) -> Result<ServerMessage, End> {
        loop {
            let frame = self.next_frame().await?;
            let payload = match (&frame, self.codec) {
                (Message::Text(text), Codec::Json) => text.as_bytes(),
                (Message::Binary(bytes), Codec::MessagePack) => bytes,
                (Message::Ping(_) | Message::Pong(_), _) => continue,
                _ => panic!("{frame:?} on a connection of {:?}", self.codec),
            };
            let message = self.codec.decode_server(payload).unwrap();
            self.note(&message);
            return Ok(message);
        }
    }

    pub(crate) async fn message(&mut self) -> ServerMessage {
        self.next().await.expect("the connection is open")
    }

    /// The next message that is not `PRESENCE`.
    pub(crate) async fn told(&mut self) -> ServerMessage {
        loop {
            let message = self.message().await;
            if !matches!(message, ServerMessage::Presence { .. }) {
                return message;
            }
        }
    }

    pub(crate) async fn joined(&mut self) -> Joined {
        match self.told().await {
            ServerMessage::Joined(joined) => joined,
            other => panic!("JOINED, not {}", brief(&other)),
        }
    }

    /// `JOINED` and the parts of a snapshot.
    pub(crate) async fn snapshot_after_joined(&mut self) {
        self.joined().await;
        self.snapshot().await;
    }

    pub(crate) async fn deltas(&mut self) -> Deltas {
        match self.told().await {
            ServerMessage::Deltas(deltas) => deltas,
            other => panic!("SYNC.DELTAS, not {}", brief(&other)),
        }
    }

    /// The operations up to `rev`, however many deltas carry them.
    pub(crate) async fn operations_to(&mut self, rev: u64) -> Vec<Arc<Operation>> {
        let mut operations = Vec::new();
        while self.rev() < rev {
            operations.extend(self.deltas().await.ops);
        }
        operations
    }

    pub(crate) async fn gap(&mut self) -> Gap {
        match self.told().await {
            ServerMessage::Gap(gap) => gap,
            other => panic!("REVISION_GAP, not {}", brief(&other)),
        }
    }

    /// All parts of a snapshot.
    pub(crate) async fn snapshot(&mut self) -> Vec<SnapshotPart> {
        let mut parts = Vec::new();
        loop {
            let part = match self.told().await {
                ServerMessage::Snapshot(part) => part,
                other => panic!("SYNC.SNAPSHOT, not {}", brief(&other)),
            };
            assert_eq!(part.part, parts.len() as u64, "parts come in order");
            let last = part.last;
            parts.push(part);
            if last {
                return parts;
            }
        }
    }

    /// The next `PRESENCE`: who is named, and whether it is full.
    pub(crate) async fn presence(&mut self) -> (Vec<(String, Option<Object>)>, bool) {
        match self.message().await {
            ServerMessage::Presence { clients, full } => {
                let named = clients.into_iter().map(|(id, data)| (id.to_string(), data));
                (named.collect(), full)
            }
            other => panic!("PRESENCE, not {}", brief(&other)),
        }
    }

    pub(crate) async fn reject(&mut self) -> Reject {
        match self.told().await {
            ServerMessage::Reject(reject) => reject,
            other => panic!("REJECT, not {}", brief(&other)),
        }
    }

    pub(crate) async fn error(&mut self) -> Code {
        match self.told().await {
            ServerMessage::Error { code, .. } => code,
            other => panic!("ERROR, not {}", brief(&other)),
        }
    }

    /// Reads until the connection ends.
    pub(crate) async fn end(&mut self) -> End {
        loop {
            if let Err(end) = self.next_frame().await {
                return end;
            }
        }
    }

    /// Reads until the connection is at `rev`, gaps and snapshots included.
    pub(crate) async fn reach(&mut self, rev: u64) {
        while self.rev() < rev {
            self.told().await;
        }
    }

    /// Sends `HEARTBEAT` and waits for its answer, so that all sent before has been looked at. What else comes is dropped.
    pub(crate) async fn settle(&mut self) -> (u64, String) {
        self.send(&ClientMessage::Heartbeat).await;
        loop {
            if let ServerMessage::Heartbeat { rev, checksum } = self.message().await {
                return (rev.get(), checksum);
            }
        }
    }

    /// Reads until this client's state is the room's, and compares the checksums (rule D-8).
    pub(crate) async fn check_state(&mut self) {
        let (rev, checksum) = self.settle().await;
        self.reach(rev).await;
        assert_eq!((self.rev(), self.document.checksum()), (rev, checksum));
    }

    /// The revision after the last delta or snapshot.
    pub(crate) fn rev(&self) -> u64 {
        self.position
            .as_ref()
            .map_or(0, |position| position.last_rev.get())
    }

    /// Keeps position and state up to date. Whatever arrives must fit them.
    fn note(&mut self, message: &ServerMessage) {
        match message {
            ServerMessage::Joined(joined) => {
                let last_rev = self
                    .position
                    .as_ref()
                    .map_or(Rev::ZERO, |position| position.last_rev);
                self.stand_at(&joined.epoch, last_rev);
            }
            ServerMessage::Snapshot(part) => {
                if part.part == 0 {
                    self.document = Document::new();
                }
                self.document.add_part(&part.state);
                if let Some(checksum) = &part.checksum {
                    assert_eq!(
                        *checksum,
                        self.document.checksum(),
                        "the parts make the state"
                    );
                }
                self.stand_at(&part.epoch, part.rev);
            }
            ServerMessage::Deltas(deltas) => {
                let position = self.position.as_mut().expect("JOINED comes first");
                assert_eq!(
                    deltas.from_rev, position.last_rev,
                    "deltas follow what was sent before"
                );
                position.last_rev = deltas.to_rev;
                for operation in &deltas.ops {
                    self.document
                        .apply(operation)
                        .expect("operations fit the state");
                }
            }
            _ => {}
        }
    }

    fn stand_at(&mut self, epoch: &Epoch, last_rev: Rev) {
        self.position = Some(Position {
            epoch: epoch.clone(),
            last_rev,
        });
    }
}

/// A message in few words.
pub(crate) fn brief(message: &impl Debug) -> String {
    format!("{message:?}").chars().take(200).collect()
}

/// `JOIN` of a client without a key, from nothing.
pub(crate) fn join(room: &str) -> ClientMessage {
    join_as(room, None, None)
}

/// `JOIN` as the client number `n`, from `position`.
pub(crate) fn join_as(room: &str, n: Option<u8>, position: Option<Position>) -> ClientMessage {
    let client_key = n.map(key);
    ClientMessage::Join(Join {
        room: RoomName::new(room).unwrap(),
        client_key,
        position,
        token: None,
    })
}

/// The key of the client number `n`.
pub(crate) fn key(n: u8) -> ClientKey {
    ClientKey::from_random([n; 32])
}

/// An update of one client.
pub(crate) fn update(id: &str, changes: Vec<Change>) -> Update {
    let client_req_id = ClientReqId::new(id).unwrap();
    Update {
        client_req_id,
        changes,
        base_rev: None,
        first_rev: None,
    }
}

/// A change that puts `text` into the record `id`.
pub(crate) fn put(id: &str, text: &str) -> Change {
    let key = RecordKey {
        collection: Collection::new("notes").unwrap(),
        id: RecordId::new(id).unwrap(),
    };
    Change {
        key,
        if_version: None,
        edit: Edit::Put { data: object(text) },
    }
}

/// `{"text": text}`
pub(crate) fn object(text: &str) -> Object {
    Object::from([("text".to_owned(), Value::String(text.to_owned()))])
}
