//! One connection: reads a message, answers it, sends what is new in the room.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::{SinkExt as _, StreamExt as _};
use http::{HeaderValue, StatusCode, header::SEC_WEBSOCKET_PROTOCOL};
use revring_protocol::{
    codec::Codec,
    error::{CloseCode, Code},
    ids::{ClientId, Rev, RoomName},
    message::ServerMessage,
    room::CatchUp,
    value::Object,
};
use tokio::{
    io::AsyncReadExt as _,
    net::TcpStream,
    sync::watch,
    time::{Instant, sleep_until, timeout},
};
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async_with_config,
    tungstenite::{
        Message,
        handshake::server::{ErrorResponse, Request, Response},
        protocol::{CloseFrame, WebSocketConfig},
    },
};

use super::{
    chamber::{Chamber, Hall},
    fault::Fault,
    output,
};

/// How long a closed connection is still read, so that the peer gets the reason.
const LINGER: Duration = Duration::from_secs(1);

/// Why a connection ends.
pub(super) enum Ending {
    /// The peer is gone.
    Gone,
    /// It is closed, with the reason before.
    Close(CloseCode, Option<ServerMessage>),
}

impl Ending {
    pub(super) fn refusal(close: CloseCode, code: Code, message: &str) -> Self {
        Self::Close(close, Some(ServerMessage::error(code, message)))
    }
}

/// What comes of one thing that was done.
pub(super) type Step = Result<(), Ending>;

/// A connection and who is at its other end.
pub(super) struct Connection {
    pub(super) socket: WebSocketStream<TcpStream>,
    pub(super) codec: Codec,
    pub(super) hall: Arc<Hall>,
    pub(super) number: u64,
    pub(super) opened: Instant,
    pub(super) last_read: Instant,
    pub(super) pinged: bool,
    pub(super) seat: Option<Seat>,
}

/// A client in a room.
pub(super) struct Seat {
    pub(super) name: RoomName,
    pub(super) chamber: Arc<Chamber>,
    pub(super) client: ClientId,
    pub(super) changes: watch::Receiver<()>,
    pub(super) cursor: Rev,
    /// The presence it was told of; `None`: nothing since `JOINED`.
    pub(super) told: Option<BTreeMap<ClientId, Object>>,
}

/// Serves the client at the other end of `stream`.
pub(super) async fn serve(stream: TcpStream, hall: Arc<Hall>) {
    let any = hall.breaks(Fault::AnySubprotocol);
    let mut codec = Codec::Json;
    #[expect(clippy::result_large_err, reason = "the signature is tungstenite's")]
    let choose = |request: &Request, mut response: Response| -> Result<Response, ErrorResponse> {
        let offered = request
            .headers()
            .get(SEC_WEBSOCKET_PROTOCOL)
            .and_then(|value| value.to_str().ok());
        let Some(offered) = offered else {
            return Ok(response);
        };
        let mut known = offered
            .split(',')
            .filter_map(|name| Codec::from_subprotocol(name.trim()));
        codec = known
            .next()
            .or(any.then_some(Codec::Json))
            .ok_or_else(unknown_subprotocol)?;
        let chosen = HeaderValue::from_static(codec.subprotocol());
        response
            .headers_mut()
            .insert(SEC_WEBSOCKET_PROTOCOL, chosen);
        Ok(response)
    };
    let config =
        WebSocketConfig::default().max_message_size(Some(hall.settings.limits.message_bytes));
    // Only latency is at stake.
    let _ = stream.set_nodelay(true);
    let Ok(socket) = accept_hdr_async_with_config(stream, choose, Some(config)).await else {
        return;
    };
    let (now, number) = (Instant::now(), hall.number());
    let connection = Connection {
        socket,
        codec,
        hall,
        number,
        opened: now,
        last_read: now,
        pinged: false,
        seat: None,
    };
    connection.run().await;
}

fn unknown_subprotocol() -> ErrorResponse {
    let names = Codec::ALL.map(Codec::subprotocol).join(" or ");
    let mut response = ErrorResponse::new(Some(format!("offer the subprotocol {names}")));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response
}

impl Connection {
    async fn run(mut self) {
        let ending = loop {
            let step = match self.next().await {
                Ok(()) => self.deliver().await,
                ended => ended,
            };
            if let Err(ending) = step {
                break ending;
            }
        };
        if !self.breaks(Fault::LateEndHurts) {
            self.vacate();
        }
        if let Ending::Close(code, reason) = ending {
            self.close(code, reason).await;
        }
        self.vacate();
    }

    pub(super) fn breaks(&self, fault: Fault) -> bool {
        self.hall.breaks(fault)
    }

    /// Waits for something to do, and does it.
    async fn next(&mut self) -> Step {
        let due = self.due();
        let changes = self.seat.as_mut().map(|seat| &mut seat.changes);
        let changed = async {
            match changes {
                Some(changes) => changes.changed().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            frame = self.socket.next() => self.on_frame(frame).await,
            _ = changed => Ok(()),
            () = sleep_until(due) => self.on_time().await,
        }
    }

    fn due(&self) -> Instant {
        match (&self.seat, self.pinged) {
            (None, _) => self.opened + self.hall.settings.join_time,
            (Some(_), false) => self.last_read + self.hall.settings.heartbeat,
            (Some(_), true) => {
                self.last_read + Duration::from_millis(self.hall.settings.limits.silence_ms)
            }
        }
    }

    async fn on_time(&mut self) -> Step {
        if self.seat.is_none() {
            return Err(Ending::refusal(
                CloseCode::JoinTimeout,
                Code::JoinTimeout,
                "no JOIN came",
            ));
        }
        if self.pinged && self.breaks(Fault::KeepsSilent) {
            self.last_read = Instant::now();
        } else if self.pinged {
            return Err(Ending::refusal(
                CloseCode::Silent,
                Code::Silent,
                "nothing came from you",
            ));
        } else if !self.breaks(Fault::NoPing) {
            self.socket
                .send(Message::Ping(bytes::Bytes::new()))
                .await
                .map_err(|_| Ending::Gone)?;
        }
        self.pinged = !self.pinged || self.breaks(Fault::NoPing);
        Ok(())
    }

    /// Sends what is new in the room.
    async fn deliver(&mut self) -> Step {
        let (codec, number, fault) = (self.codec, self.number, self.hall.settings.fault);
        let Some(seat) = &mut self.seat else {
            return Ok(());
        };
        let (payloads, presence) = {
            let inside = seat.chamber.lock();
            if inside.members.get(&seat.client) != Some(&number)
                && fault != Some(Fault::NoSupersede)
            {
                return Err(Ending::refusal(
                    CloseCode::Superseded,
                    Code::Superseded,
                    "the client joined elsewhere",
                ));
            }
            if output::drops(&inside.room, seat.cursor, fault) {
                return Err(Ending::Gone);
            }
            let need = inside.room.behind(seat.cursor);
            let need = match (fault, need) {
                (Some(Fault::DeltaPastTheEdge), CatchUp::Gap(_)) => {
                    CatchUp::Delta { from: seat.cursor }
                }
                (Some(Fault::ResumesAhead | Fault::ResumesOtherEpoch), CatchUp::Gap(_)) => {
                    CatchUp::Nothing
                }
                (_, need) => need,
            };
            let catch = output::meet(&inside.room, &seat.client, seat.cursor, need, codec, fault);
            seat.cursor = catch.cursor;
            (catch.payloads, inside.presence.clone())
        };
        let news = news(seat.told.replace(presence.clone()), &presence);
        self.send_all(payloads).await?;
        match news {
            Some(news) => self.send(&news).await,
            None => Ok(()),
        }
    }

    pub(super) async fn send(&mut self, message: &ServerMessage) -> Step {
        self.send_all(vec![self.codec.encode(message)]).await
    }

    pub(super) async fn send_all(&mut self, payloads: Vec<Vec<u8>>) -> Step {
        for payload in payloads {
            let payload = match self.hall.settings.fault {
                Some(fault) => fault.alter(self.codec, payload),
                None => Some(payload),
            };
            let Some(payload) = payload else { continue };
            let message = match self.codec {
                Codec::Json => Message::text(String::from_utf8_lossy(&payload).into_owned()),
                Codec::MessagePack => Message::binary(payload),
            };
            self.socket.send(message).await.map_err(|_| Ending::Gone)?;
        }
        Ok(())
    }

    /// Leaves the room, unless a successor has taken the seat.
    fn vacate(&mut self) {
        let Some(seat) = self.seat.take() else { return };
        let mut inside = seat.chamber.lock();
        let own = inside.members.get(&seat.client) == Some(&self.number);
        if own {
            inside.members.remove(&seat.client);
        }
        if (own && !self.breaks(Fault::PresenceStays)) || self.breaks(Fault::LateEndHurts) {
            inside.presence.remove(&seat.client);
        }
        drop(inside);
        seat.chamber.announce();
        if self.breaks(Fault::ForgetsIdleRooms) {
            self.hall.forget_empty(&seat.name);
        }
    }

    async fn close(&mut self, code: CloseCode, reason: Option<ServerMessage>) {
        if let Some(reason) = reason {
            // The peer may be gone already.
            let _ = self.send(&reason).await;
        }
        let frame = CloseFrame {
            code: code.get().into(),
            reason: String::new().into(),
        };
        if self.socket.send(Message::Close(Some(frame))).await.is_err() {
            return;
        }
        let mut rest = vec![0; 16 << 10];
        let stream = self.socket.get_mut();
        let _ = timeout(LINGER, async {
            while stream.read(&mut rest).await.is_ok_and(|n| n > 0) {}
        })
        .await;
    }
}

/// The message that brings a client from what it was told of presence to what there is.
fn news(
    told: Option<BTreeMap<ClientId, Object>>,
    now: &BTreeMap<ClientId, Object>,
) -> Option<ServerMessage> {
    let Some(told) = told else {
        let clients = now
            .iter()
            .map(|(client, data)| (client.clone(), Some(data.clone())))
            .collect();
        return Some(ServerMessage::Presence {
            clients,
            full: true,
        });
    };
    let changed = now
        .iter()
        .filter(|(client, data)| told.get(*client) != Some(*data));
    let changed = changed.map(|(client, data)| (client.clone(), Some(data.clone())));
    let gone = told
        .keys()
        .filter(|client| !now.contains_key(*client))
        .map(|client| (client.clone(), None));
    let clients: BTreeMap<_, _> = changed.chain(gone).collect();
    (!clients.is_empty()).then_some(ServerMessage::Presence {
        clients,
        full: false,
    })
}
