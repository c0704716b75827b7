//! What connections ask for: read, queued, looked at; and rooms that are opened and leave memory.

use revring_protocol::{
    codec::Codec,
    error::Code,
    ids::{ClientKey, Epoch, Millis, Rev, RoomName},
    message::{ClientMessage, Join, Reject, ServerMessage},
    room::{Remembered, Request, Room, Ticket},
};

use super::{
    Context, Server,
    driver::{Author, Driver},
    group::Group,
    session::Session,
};
use crate::{
    breakage::Breakage,
    broken::{Broken, Checked},
    counters::Counter,
    log::Hand,
    net::{ConnectionId, Received},
};

impl Server {
    /// A client has connected.
    pub fn accept(&mut self, id: ConnectionId, codec: Codec, now: Millis) {
        self.sessions.insert(id, Session::new(codec, now));
    }

    /// Reads from a connection and does what its messages ask for.
    ///
    /// # Errors
    /// When something does not hold.
    pub fn read(&mut self, id: ConnectionId, most: usize, cx: &mut Context<'_>) -> Checked {
        let Some(session) = self.sessions.get_mut(&id) else {
            return Ok(());
        };
        let in_flight = self.setting.limits.in_flight;
        if session.unanswered < in_flight
            && let Some(wire) = cx.net.wire(id)
        {
            match wire.up.read(most) {
                Received::Bytes(bytes) => {
                    session.heard = cx.now;
                    session.frames.push(&bytes);
                }
                Received::Nothing => {}
                Received::End => {
                    if session.frames.is_within_frame() {
                        cx.counters.add(Counter::CutInFrame);
                    }
                    self.drop_session(id, cx);
                    return Ok(());
                }
            }
        }
        while let Some(session) = self.sessions.get_mut(&id) {
            if session.unanswered >= in_flight {
                break;
            }
            let Some(payload) = session.frames.next_payload() else {
                break;
            };
            let message = session.codec.decode_client(&payload);
            let message =
                message.map_err(|error| Broken::new("clients speak the protocol", error))?;
            session.unanswered += 1;
            self.inbox.push_back((id, message));
        }
        Ok(())
    }

    /// Whether connections have asked for something that nobody has looked at.
    #[must_use]
    pub fn has_asks(&self) -> bool {
        !self.inbox.is_empty()
    }

    /// Looks at `most` of what connections ask for.
    ///
    /// # Errors
    /// When something does not hold.
    pub fn take(&mut self, most: usize, cx: &mut Context<'_>) -> Checked {
        for _ in 0..most {
            let Some((id, message)) = self.inbox.pop_front() else {
                break;
            };
            self.handle(id, message, cx)?;
        }
        Ok(())
    }

    fn handle(
        &mut self,
        id: ConnectionId,
        message: ClientMessage,
        cx: &mut Context<'_>,
    ) -> Checked {
        if let ClientMessage::Join(join) = message {
            return self.join(id, &join, cx);
        }
        let Some(session) = self.sessions.get_mut(&id) else {
            return Ok(());
        };
        let Some((room, client)) = session.joined.clone() else {
            return Err(Broken::new("a client joins first", format!("{message:?}")));
        };
        let Some(driver) = self.rooms.get_mut(&room) else {
            return Err(Broken::new("a joined room is in memory", room));
        };
        // Whoever was superseded says no more (rule C-5).
        if !driver.is_member(&client, id) {
            cx.counters.add(Counter::LateMessages);
            session.settle();
            return Ok(());
        }
        match message {
            ClientMessage::Update(update) => {
                if cx.dice.chance(self.setting.rate_limited) {
                    cx.counters.add(Counter::RateLimited);
                    let message = "too many updates";
                    let mut reject = Reject::new(update.client_req_id, Code::RateLimited, message);
                    reject.retry_after_ms = Some(20);
                    session.answer(&ServerMessage::Reject(reject));
                    return Ok(());
                }
                driver.tickets += 1;
                let changes = update.changes.clone();
                let author = Author {
                    connection: id,
                    changes,
                };
                driver.authors.insert(driver.tickets, author);
                driver.requests.push_back(Request {
                    client_id: client,
                    update,
                    ticket: Ticket(driver.tickets),
                });
            }
            ClientMessage::Heartbeat => {
                let (rev, checksum) = (driver.room.head(), driver.room.document().checksum());
                session.answer(&ServerMessage::Heartbeat { rev, checksum });
            }
            ClientMessage::Resync(position) => {
                cx.counters.add(Counter::Resyncs);
                driver.snapshots.forget(id);
                driver.welcome(&mut self.sessions, id, position.as_ref(), cx);
            }
            ClientMessage::Presence(_) => session.settle(),
            ClientMessage::Leave => session.output.close(None),
            ClientMessage::Join(_) => {}
        }
        Ok(())
    }

    fn join(&mut self, id: ConnectionId, join: &Join, cx: &mut Context<'_>) -> Checked {
        let Some(client) = join.client_key.as_ref().map(ClientKey::client_id) else {
            return Err(Broken::new("simulated clients have a key", &join.room));
        };
        if !self.rooms.contains_key(&join.room) {
            match self.open(&join.room, cx)? {
                Some(driver) => {
                    self.rooms.insert(join.room.clone(), driver);
                }
                None => {
                    cx.counters.add(Counter::RoomsRefused);
                    if let Some(session) = self.sessions.get_mut(&id) {
                        let message = "the room cannot be opened now";
                        session.close_because(Code::Unavailable, message);
                    }
                    return Ok(());
                }
            }
        }
        if let Some(driver) = self.rooms.get_mut(&join.room) {
            driver.join(&mut self.sessions, id, &client, join.position.as_ref(), cx);
        }
        Ok(())
    }

    fn open(&mut self, name: &RoomName, cx: &mut Context<'_>) -> Checked<Option<Driver>> {
        let mut hand = Hand {
            dice: cx.dice,
            counters: cx.counters,
        };
        let Ok(opened) = self.log.open(name, &mut hand) else {
            return Ok(None);
        };
        let limits = self.setting.limits.clone();
        let room = match opened {
            None => Room::new(
                Epoch::from_random(std::array::from_fn(|_| cx.dice.byte())),
                limits,
            ),
            Some(mut stored) => {
                cx.counters.add(Counter::Reopened);
                if self.setting.breakage == Some(Breakage::ForgetDuplicates) {
                    stored.image.remembered = Remembered::default();
                }
                if self.setting.breakage == Some(Breakage::ReuseRevision) {
                    stored.tail.pop_if(|last| last.rev > stored.image.rev);
                }
                let restored = Room::restore(stored.image, &stored.tail, limits);
                restored.map_err(|error| Broken::new("the log holds the room", error))?
            }
        };
        Ok(Some(Driver::new(name.clone(), room, &self.setting)))
    }

    /// The connection has ended, or is to.
    pub(super) fn drop_session(&mut self, id: ConnectionId, cx: &mut Context<'_>) {
        let Some(session) = self.sessions.remove(&id) else {
            return;
        };
        if let Some((room, client)) = &session.joined
            && let Some(driver) = self.rooms.get_mut(room)
        {
            driver.part(client, id, session.codec);
        }
        if cx.net.is_read(id) {
            if let Some(wire) = cx.net.wire(id) {
                wire.down.end();
                wire.up.end();
            }
        } else {
            cx.net.forget(id);
        }
    }

    /// A room leaves memory once the log has its state (rule C-4). False when it stays.
    pub fn evict(&mut self, name: &RoomName, cx: &mut Context<'_>) -> bool {
        if !matches!(self.group, Group::Idle) || self.has_asks() {
            return false;
        }
        let Some(driver) = self.rooms.get(name) else {
            return false;
        };
        let mut hand = Hand {
            dice: cx.dice,
            counters: cx.counters,
        };
        let keep_after = Rev::new(driver.room.buffer_first_rev().get() - 1);
        let image = driver.room.image();
        let stored = self
            .log
            .stage_checkpoint(name, image, keep_after, &mut hand)
            .and_then(|()| self.log.flush(&mut hand));
        if stored.is_err() {
            cx.counters.add(Counter::CheckpointsFailed);
            return false;
        }
        cx.counters.add(Counter::Evictions);
        self.rooms.remove(name);
        true
    }
}
