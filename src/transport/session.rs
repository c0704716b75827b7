//! The reading side of one connection: a small task that turns messages into asks.

use std::{io, sync::Arc, time::Duration};

use bytes::Bytes;
use rand::RngExt as _;
use revring_protocol::{
    change::Update,
    codec::{Codec, DecodeError},
    error::{CloseCode, Code},
    ids::{ClientKey, ClientReqId},
    message::{ClientMessage, Join, Reject, ServerMessage},
    value::{Object, object_depth, object_size},
};
use tokio::{
    task::coop::consume_budget,
    time::{self, Instant},
};
use tokio_tungstenite::tungstenite::{Error, Message, error::ProtocolError};

use super::{bucket::Bucket, input::Inlet, services::Services};
use crate::{
    auth::{Access, Denied},
    fanout::{Connection, frame},
    hub::Newcomer,
    room::{Ask, Closed, Refusal, RoomHandle},
};

/// How long a connection that is being closed may take to read what it is told.
const LINGER: Duration = Duration::from_secs(2);
const READ_ONLY: &str = "the token allows reading only";
/// When a newcomer may try again where a limit was met, in milliseconds.
const TRY_LATER_MS: std::ops::RangeInclusive<u64> = 2_500..=5_000;

/// One connection, as its reader sees it. Dropping it frees everything that is held for the connection.
pub(super) struct Session {
    services: Arc<Services>,
    connection: Arc<Connection>,
    inlet: Inlet,
    seat: Option<Seat>,
    bucket: Option<Box<Bucket>>,
}

/// A place in a room.
struct Seat {
    room: Arc<RoomHandle>,
    access: Access,
}

impl Session {
    pub(super) fn new(
        services: Arc<Services>,
        connection: Arc<Connection>,
        leftover: Bytes,
    ) -> Self {
        let limits = &services.settings().limits;
        let bucket = Bucket::new(limits.updates_per_second).map(Box::new);
        let inlet = Inlet::new(Arc::clone(&connection), leftover, limits.message_bytes);
        Self {
            services,
            connection,
            inlet,
            seat: None,
            bucket,
        }
    }

    /// Reads until the connection ends.
    pub(super) async fn run(&mut self) {
        // What is rare is boxed: this future stays in memory for as long as the connection.
        Box::pin(self.take_seat()).await;
        while let Some(message) = self.next().await {
            if !is_request(&message) {
                continue;
            }
            if !self.connection.try_admit() && Box::pin(self.admit()).await.is_none() {
                break;
            }
            if let Err(ask) = self.handle(&message) {
                Box::pin(self.ask(ask)).await;
            }
        }
        if self.connection.is_closing() {
            Box::pin(self.linger()).await;
        }
    }

    /// Everything up to the place in a room.
    async fn take_seat(&mut self) {
        let due = Instant::now() + self.services.settings().join_time;
        while self.seat.is_none() {
            let next = async {
                let message = self.next().await?;
                // An answer that is not read holds up its own client, not the deadline.
                if is_request(&message) {
                    self.admit().await.map(|()| message)
                } else {
                    Some(message)
                }
            };
            match time::timeout_at(due, next).await {
                Ok(Some(_)) if Instant::now() >= due => self.refuse_late(),
                Ok(Some(message)) if is_request(&message) => self.handle_first(&message).await,
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(_) => self.refuse_late(),
            }
        }
    }

    fn refuse_late(&self) {
        self.refuse(
            CloseCode::JoinTimeout,
            Code::JoinTimeout,
            "no JOIN came in time",
        );
    }

    /// The next message; `None` when there is none to come, or none to be looked at.
    async fn next(&mut self) -> Option<Message> {
        loop {
            // A client that never stops sending leaves time for others.
            consume_budget().await;
            if self.connection.is_closing() {
                return None;
            }
            match self.inlet.read() {
                Ok(Some(message)) => return Some(message),
                Ok(None) => {}
                Err(error) => {
                    self.fail(&error);
                    return None;
                }
            }
            tokio::select! {
                biased;
                () = self.connection.stopped() => {}
                readable = self.connection.stream().readable() => readable.ok()?,
            }
        }
    }

    /// Reading cannot go on (rule W-6). Nothing is said to a peer that is no longer there.
    fn fail(&self, error: &Error) {
        let (close, code) = match error {
            Error::Capacity(_) => (CloseCode::TooLarge, Code::TooLarge),
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)
            | Error::Io(_)
            | Error::ConnectionClosed
            | Error::AlreadyClosed => return,
            _ => (CloseCode::BadFrame, Code::Malformed),
        };
        self.refuse(close, code, &error.to_string());
    }

    /// Lets the last frames arrive: a socket closed with unread input would take them back.
    async fn linger(&mut self) {
        let connection = Arc::clone(&self.connection);
        let drain = async {
            let mut input_ended = false;
            while !(input_ended && connection.is_ended()) {
                consume_budget().await;
                match self.inlet.discard() {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Ok(true) => continue,
                    Ok(false) | Err(_) if input_ended => {}
                    Ok(false) | Err(_) => {
                        input_ended = true;
                        continue;
                    }
                }
                tokio::select! {
                    () = connection.stopped() => {}
                    _ = connection.stream().readable(), if !input_ended => {}
                }
            }
        };
        // Whoever does not read in time does not want to know.
        let _ = time::timeout(LINGER, drain).await;
    }

    /// Handles a message before there is a seat.
    async fn handle_first(&mut self, message: &Message) {
        let Some(payload) = self.payload(message) else {
            return;
        };
        match self.connection.codec().decode_client(payload) {
            Ok(ClientMessage::Join(join)) => {
                self.services.door().pass().await;
                self.join(join).await;
            }
            Ok(ClientMessage::Update(update)) => {
                self.reject(
                    update.client_req_id,
                    Code::Unauthenticated,
                    "send JOIN first",
                    None,
                );
            }
            Ok(_) => self.error(Code::Unauthenticated, "send JOIN first"),
            Err(error) => self.not_understood(error),
        }
    }

    async fn join(&mut self, join: Join) {
        let Join {
            room: name,
            client_key,
            position,
            token,
        } = join;
        let access = match self.services.auth().access(token.as_deref(), &name) {
            Ok(access) => access,
            Err(denied) => return self.deny(denied),
        };
        let (key, made_key) = match client_key {
            Some(key) => (key, None),
            None => match make_key() {
                Some(key) => (key.clone(), Some(key)),
                None => return self.turn_away(Refusal::Unavailable),
            },
        };
        let client = key.client_id();
        tracing::Span::current()
            .record("client", client.as_str())
            .record("room", name.as_str());
        let connection = Arc::clone(&self.connection);
        let newcomer = Newcomer {
            connection,
            client,
            made_key,
            position,
        };
        self.connection.hold(true);
        let joined =
            unless_stopped(&self.connection, self.services.hub().join(&name, newcomer)).await;
        self.connection.hold(false);
        match joined {
            Some(Ok(room)) => {
                tracing::debug!("joined");
                self.seat = Some(Seat { room, access });
            }
            Some(Err(refusal)) => self.turn_away(refusal),
            None => {}
        }
    }

    /// Answers a message or asks the room. What the room cannot take now is returned.
    fn handle(&mut self, message: &Message) -> Result<(), Ask> {
        let Some(payload) = self.payload(message) else {
            return Ok(());
        };
        let ask = match self.connection.codec().decode_client(payload) {
            Ok(ClientMessage::Update(update)) => self.update(update, payload.len()),
            Ok(ClientMessage::Presence(data)) => self.presence(data),
            Ok(ClientMessage::Heartbeat) => Some(Ask::Heartbeat {
                connection: self.own(),
            }),
            Ok(ClientMessage::Resync(position)) => Some(Ask::Resync {
                connection: self.own(),
                position,
            }),
            Ok(ClientMessage::Leave) => {
                self.connection.close(CloseCode::Left, None);
                None
            }
            Ok(ClientMessage::Join(_)) => {
                self.error(Code::AlreadyJoined, "this connection has joined its room");
                None
            }
            Err(error) => {
                self.not_understood(error);
                None
            }
        };
        match (ask, &self.seat) {
            (Some(ask), Some(Seat { room, .. })) => room.try_ask(ask),
            _ => Ok(()),
        }
    }

    /// Asks the room, which has to be waited for.
    async fn ask(&mut self, ask: Ask) {
        let Some(Seat { room, .. }) = &self.seat else {
            return;
        };
        if self.wait_for(room.ask(ask)).await == Some(Err(Closed)) {
            self.turn_away(Refusal::Unavailable);
        }
    }

    /// Checks an update as far as the room is not needed for it.
    fn update(&mut self, update: Update, length: usize) -> Option<Ask> {
        if !self.may_write() {
            self.reject(update.client_req_id, Code::Forbidden, READ_ONLY, None);
            return None;
        }
        if let Some(Err(wait)) = self.bucket.as_mut().map(|bucket| bucket.take()) {
            let retry = u64::try_from(wait.as_millis())
                .unwrap_or(u64::MAX)
                .saturating_add(1);
            let message = "too many updates in a second";
            self.reject(
                update.client_req_id,
                Code::RateLimited,
                message,
                Some(retry),
            );
            return None;
        }
        Some(Ask::Update {
            connection: self.own(),
            update,
            cost: RoomHandle::cost(length),
        })
    }

    /// Checks a presence (rules C-3 and P-1).
    fn presence(&self, data: Option<Object>) -> Option<Ask> {
        if !self.may_write() {
            self.error(Code::Forbidden, READ_ONLY);
            return None;
        }
        let limits = &self.services.settings().limits;
        let (size, depth) = data
            .as_ref()
            .map_or((0, 0), |data| (object_size(data), object_depth(data)));
        let (most, deepest) = (limits.presence_bytes, limits.depth);
        if size > most || depth > deepest {
            let message = format!(
                "this presence has {size} bytes in {depth} levels, it may have {most} in {deepest}"
            );
            self.error(Code::TooLarge, &message);
            return None;
        }
        Some(Ask::Presence {
            connection: self.own(),
            data,
        })
    }

    fn may_write(&self) -> bool {
        self.seat
            .as_ref()
            .is_some_and(|seat| seat.access >= Access::Write)
    }

    fn own(&self) -> Arc<Connection> {
        Arc::clone(&self.connection)
    }

    /// The payload of a message in the connection's codec. Answers everything else.
    fn payload<'m>(&self, message: &'m Message) -> Option<&'m [u8]> {
        match (message, self.connection.codec()) {
            (Message::Text(text), Codec::Json) => return Some(text.as_bytes()),
            (Message::Binary(bytes), Codec::MessagePack) => return Some(bytes),
            (Message::Text(_), Codec::MessagePack) => {
                self.error(
                    Code::WrongFrame,
                    "this connection speaks MessagePack: send binary frames",
                );
            }
            (Message::Binary(_), Codec::Json) => {
                self.error(
                    Code::WrongFrame,
                    "this connection speaks JSON: send text frames",
                );
            }
            (Message::Ping(payload), _) => self.connection.answer_frame(frame::pong(payload)),
            (Message::Close(close), _) => {
                let code = close.as_ref().map(|close| close.code.into());
                self.connection.close_with([frame::close(code)]);
            }
            (Message::Pong(_) | Message::Frame(_), _) => {}
        }
        None
    }

    /// Takes a permit for a request.
    async fn admit(&self) -> Option<()> {
        self.wait_for(self.connection.admit()).await
    }

    /// Waits for the server, which the client is not blamed for. `None` when the connection is being closed.
    async fn wait_for<T>(&self, waited: impl Future<Output = T>) -> Option<T> {
        self.connection.hold(true);
        let result = unless_stopped(&self.connection, waited).await;
        self.connection.hold(false);
        result
    }

    fn not_understood(&self, error: DecodeError) {
        match error {
            DecodeError::Malformed(problem) => self.error(Code::Malformed, &problem),
            DecodeError::UnknownType(_) => self.error(Code::UnknownType, &error.to_string()),
            DecodeError::Invalid {
                problem,
                client_req_id: None,
            } => self.error(Code::Invalid, &problem),
            DecodeError::Invalid {
                problem,
                client_req_id: Some(id),
            } => {
                self.reject(id, Code::Invalid, &problem, None);
            }
        }
    }

    fn error(&self, code: Code, message: &str) {
        self.connection.answer(&ServerMessage::error(code, message));
    }

    fn reject(&self, id: ClientReqId, code: Code, message: &str, retry_after_ms: Option<u64>) {
        let mut reject = Reject::new(id, code, message);
        reject.retry_after_ms = retry_after_ms;
        self.connection.answer(&ServerMessage::Reject(reject));
    }

    /// Ends the connection with an `ERROR`.
    fn refuse(&self, close: CloseCode, code: Code, message: &str) {
        tracing::debug!(%code, reason = message, "connection refused");
        self.connection.close_because(close, code, message);
    }

    fn deny(&self, denied: Denied) {
        let (close, code) = match denied {
            Denied::Unauthenticated => (CloseCode::Unauthenticated, Code::Unauthenticated),
            Denied::Forbidden => (CloseCode::Forbidden, Code::Forbidden),
        };
        self.refuse(close, code, &denied.to_string());
    }

    /// Tells a newcomer to come back later (rule C-10).
    fn turn_away(&self, refusal: Refusal) {
        let code = refusal.code();
        tracing::debug!(%code, "connection turned away");
        let error = ServerMessage::Error {
            code,
            message: refusal.to_string(),
            retryable: code.retryable(),
            retry_after_ms: Some(rand::rng().random_range(TRY_LATER_MS)),
        };
        self.connection.close(CloseCode::TryLater, Some(&error));
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.connection.end();
    }
}

/// Whether a message is to be answered, and so needs a permit (rule C-9).
fn is_request(message: &Message) -> bool {
    !matches!(message, Message::Pong(_) | Message::Frame(_))
}

/// Waits, unless the connection's end begins.
async fn unless_stopped<T>(connection: &Connection, waited: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        result = waited => Some(result),
        () = connection.stopped() => None,
    }
}

fn make_key() -> Option<ClientKey> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).ok()?;
    Some(ClientKey::from_random(random))
}
