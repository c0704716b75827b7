//! What a connection does with each thing it receives.

use bytes::Bytes;
use revring_protocol::{
    codec::{Codec, DecodeError},
    error::{CloseCode, Code},
    ids::{ClientKey, Rev},
    message::{ClientMessage, Join, Joined, Position, Reject, ServerMessage},
    room::CatchUp,
    value::{Object, object_size},
};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::{Error, Message, error::ProtocolError};

use super::{
    connection::{Connection, Ending, Seat, Step},
    fault::Fault,
    output,
};
use crate::random;

impl Connection {
    /// Takes what was read.
    pub(super) async fn on_frame(&mut self, frame: Option<Result<Message, Error>>) -> Step {
        self.last_read = Instant::now();
        self.pinged = false;
        let (payload, codec) = match frame {
            Some(Ok(Message::Text(text))) => (Bytes::from(text), Codec::Json),
            Some(Ok(Message::Binary(payload))) => (payload, Codec::MessagePack),
            Some(Ok(Message::Close(_))) | None => return Err(Ending::Gone),
            Some(Ok(_)) => return Ok(()),
            Some(Err(error)) => return Err(self.unreadable(&error)),
        };
        if codec != self.codec && !self.breaks(Fault::ReadsWrongFrame) {
            let kind = if codec == Codec::Json {
                "text"
            } else {
                "binary"
            };
            let problem = format!(
                "a {kind} frame on a connection of {}",
                self.codec.subprotocol()
            );
            return self
                .send(&ServerMessage::error(Code::WrongFrame, problem))
                .await;
        }
        match self.read(codec, &payload) {
            Ok(message) => self.on_message(message).await,
            Err(error) => self.on_bad_message(error).await,
        }
    }

    fn read(&self, codec: Codec, payload: &[u8]) -> Result<ClientMessage, DecodeError> {
        if self.breaks(Fault::RefusesUnknownFields)
            && String::from_utf8_lossy(payload).contains("unheardOf")
        {
            return Err(DecodeError::Malformed("an unknown field".to_owned()));
        }
        codec.decode_client(payload).or_else(|error| {
            let mended = self
                .hall
                .settings
                .fault
                .and_then(|fault| fault.mend(codec, payload));
            mended.map_or(Err(error), |mended| codec.decode_client(&mended))
        })
    }

    fn unreadable(&self, error: &Error) -> Ending {
        match error {
            Error::Capacity(_) if self.breaks(Fault::SilentOnTooLarge) => Ending::Gone,
            Error::Capacity(_) => Ending::refusal(
                CloseCode::TooLarge,
                Code::TooLarge,
                "the message is too large",
            ),
            Error::Utf8(_) if self.breaks(Fault::SilentOnBadText) => Ending::Gone,
            Error::Utf8(_) => Ending::refusal(
                CloseCode::BadFrame,
                Code::Malformed,
                "the text is not UTF-8",
            ),
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)
            | Error::Io(_)
            | Error::ConnectionClosed => Ending::Gone,
            error => Ending::refusal(CloseCode::BadFrame, Code::Malformed, &error.to_string()),
        }
    }

    async fn on_bad_message(&mut self, error: DecodeError) -> Step {
        if self.seat.is_none() {
            return self.unjoined(&error).await;
        }
        if let (true, Some(seat)) = (self.breaks(Fault::ClosesOthers), &self.seat) {
            seat.chamber
                .lock()
                .members
                .retain(|_, number| *number == self.number);
            seat.chamber.announce();
        }
        match error {
            DecodeError::Malformed(_) if self.breaks(Fault::ClosesOnMalformed) => Err(Ending::Gone),
            DecodeError::Malformed(problem) => {
                self.send(&ServerMessage::error(Code::Malformed, problem))
                    .await
            }
            DecodeError::UnknownType(_) if self.breaks(Fault::ClosesOnUnknownType) => {
                Err(Ending::Gone)
            }
            DecodeError::UnknownType(name) => {
                self.send(&ServerMessage::error(
                    Code::UnknownType,
                    format!("unknown type {name}"),
                ))
                .await
            }
            DecodeError::Invalid { .. } if self.breaks(Fault::IgnoresInvalid) => Ok(()),
            DecodeError::Invalid {
                problem,
                client_req_id: None,
            } => {
                self.send(&ServerMessage::error(Code::Invalid, problem))
                    .await
            }
            DecodeError::Invalid {
                problem,
                client_req_id: Some(id),
            } => {
                self.send(&ServerMessage::Reject(Reject::new(
                    id,
                    Code::Invalid,
                    problem,
                )))
                .await
            }
        }
    }

    async fn unjoined(&mut self, error: &DecodeError) -> Step {
        let code = match error {
            DecodeError::Malformed(_) => Code::Malformed,
            DecodeError::UnknownType(_) => Code::UnknownType,
            DecodeError::Invalid { .. } => Code::Invalid,
        };
        self.send(&ServerMessage::error(code, error.to_string()))
            .await
    }

    async fn on_message(&mut self, message: ClientMessage) -> Step {
        let Some(seat) = &mut self.seat else {
            return self.before_join(message).await;
        };
        match message {
            ClientMessage::Join(join) if self.hall.breaks(Fault::JoinsTwice) => {
                self.join(join).await
            }
            ClientMessage::Join(_) => {
                self.send(&ServerMessage::error(
                    Code::AlreadyJoined,
                    "this connection has joined",
                ))
                .await
            }
            ClientMessage::Update(update) => {
                let answer = seat
                    .chamber
                    .update(&seat.client, &update, self.hall.settings.fault);
                match answer {
                    Some(answer) => self.send(&answer).await,
                    None => Ok(()),
                }
            }
            ClientMessage::Presence(data) => self.on_presence(data).await,
            ClientMessage::Heartbeat if self.breaks(Fault::NoHeartbeat) => Ok(()),
            ClientMessage::Heartbeat => self.on_heartbeat().await,
            ClientMessage::Resync(position) => self.place(position, None).await,
            ClientMessage::Leave if self.breaks(Fault::StaysOnLeave) => Ok(()),
            ClientMessage::Leave => Err(Ending::Close(CloseCode::Left, None)),
        }
    }

    async fn before_join(&mut self, message: ClientMessage) -> Step {
        match message {
            ClientMessage::Join(join) => self.join(join).await,
            _ if self.breaks(Fault::SilentBeforeJoin) => Ok(()),
            ClientMessage::Update(update) => {
                let reject = Reject::new(update.client_req_id, Code::Unauthenticated, "join first");
                self.send(&ServerMessage::Reject(reject)).await
            }
            _ => {
                self.send(&ServerMessage::error(Code::Unauthenticated, "join first"))
                    .await
            }
        }
    }

    async fn on_presence(&mut self, data: Option<Object>) -> Step {
        let Some(seat) = &self.seat else {
            return Ok(());
        };
        let most = self.hall.settings.limits.presence_bytes;
        if data.as_ref().is_some_and(|data| object_size(data) > most) {
            return self
                .send(&ServerMessage::error(
                    Code::TooLarge,
                    "the presence is too large",
                ))
                .await;
        }
        let mut inside = seat.chamber.lock();
        match data {
            Some(data) => inside.presence.insert(seat.client.clone(), data),
            None => inside.presence.remove(&seat.client),
        };
        drop(inside);
        seat.chamber.announce();
        Ok(())
    }

    async fn on_heartbeat(&mut self) -> Step {
        let Some(seat) = &self.seat else {
            return Ok(());
        };
        let answer = {
            let inside = seat.chamber.lock();
            ServerMessage::Heartbeat {
                rev: inside.room.head(),
                checksum: inside.room.document().checksum(),
            }
        };
        self.send(&answer).await
    }

    async fn join(&mut self, join: Join) -> Step {
        let refuse = |why: String| Ending::refusal(CloseCode::TryLater, Code::Unavailable, &why);
        let (key, made) = match join.client_key {
            Some(key) => (key, None),
            None => {
                let key = random::hex(16)
                    .and_then(|text| ClientKey::new(&text).map_err(|error| error.to_string()));
                let key = key.map_err(refuse)?;
                (key.clone(), Some(key))
            }
        };
        let chamber = self.hall.chamber(&join.room).map_err(refuse)?;
        let client = key.client_id();
        let changes = chamber.changes();
        if !self.breaks(Fault::NoSupersede) {
            chamber.lock().members.insert(client.clone(), self.number);
            chamber.announce();
        }
        self.seat = Some(Seat {
            name: join.room,
            chamber,
            client,
            changes,
            cursor: Rev::ZERO,
            told: None,
        });
        self.place(join.position, made).await
    }

    /// Sends `JOINED` and, if the client cannot resume, what it needs instead.
    async fn place(&mut self, position: Option<Position>, made: Option<ClientKey>) -> Step {
        let (codec, fault) = (self.codec, self.hall.settings.fault);
        let heartbeat = self.hall.settings.heartbeat;
        let resync = self.seat.as_ref().is_some_and(|seat| seat.told.is_some());
        let Some(seat) = &mut self.seat else {
            return Ok(());
        };
        seat.cursor = position
            .as_ref()
            .map_or(Rev::ZERO, |position| position.last_rev);
        seat.told = None;
        let mut payloads = Vec::new();
        {
            let inside = seat.chamber.lock();
            let need = output::need(&inside.room, position.as_ref(), fault);
            let resumed = matches!(need, CatchUp::Nothing | CatchUp::Delta { .. });
            let joined = Joined {
                client_id: seat.client.clone(),
                client_key: made,
                room: seat.name.clone(),
                epoch: inside.room.epoch().clone(),
                rev: inside.room.head(),
                resumed,
                limits: inside.room.limits().clone(),
                heartbeat_ms: u64::try_from(heartbeat.as_millis()).unwrap_or(u64::MAX),
            };
            if !(resync && fault == Some(Fault::ResyncWithoutJoined)) {
                payloads.push(codec.encode(&ServerMessage::Joined(joined)));
            }
            if !resumed {
                let catch =
                    output::meet(&inside.room, &seat.client, seat.cursor, need, codec, fault);
                payloads.extend(catch.payloads);
                seat.cursor = catch.cursor;
            }
        }
        self.send_all(payloads).await
    }
}
