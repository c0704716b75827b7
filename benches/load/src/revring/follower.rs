//! A client that holds a whole replica of its room.

use revring_protocol::{
    change::Change,
    ids::Millis,
    message::ServerMessage,
    replica::{Event, OnGap, Outcome, Replica, ReplicaConfig, Status},
};

use super::{Identity, Room, pen, queue, raw::sequence};
use crate::{
    plan::Work,
    speaker::{Heard, Outbox},
    stamp::Stamp,
};

/// See the module.
#[derive(Debug)]
pub(crate) struct Follower {
    identity: Identity,
    replica: Replica,
    /// The head when the server last answered `JOIN` or `RESYNC`; `None`: it has not.
    target: Option<u64>,
    live: bool,
}

impl Follower {
    pub(crate) fn new(identity: Identity) -> Self {
        let replica = Replica::new(ReplicaConfig {
            room: identity.room.clone(),
            client_key: Some(identity.key.clone()),
            token: None,
            on_gap: OnGap::Resubmit,
        });
        Self {
            identity,
            replica,
            target: None,
            live: false,
        }
    }

    /// The revision of what is confirmed.
    pub(crate) fn rev(&self) -> u64 {
        self.replica.confirmed_rev().get()
    }

    /// The checksum of what is confirmed.
    pub(crate) fn checksum(&self) -> String {
        self.replica.confirmed().checksum()
    }

    /// The connection is open.
    pub(crate) fn opened(&mut self, now: Millis, out: &mut Outbox) {
        self.replica.connected();
        self.send(now, out);
    }

    /// The connection is gone.
    pub(crate) fn closed(&mut self) {
        self.replica.disconnected();
        self.target = None;
        self.live = false;
    }

    /// Asks for the head and its checksum.
    pub(crate) fn ask_head(&mut self, now: Millis, out: &mut Outbox) {
        self.replica.heartbeat();
        self.send(now, out);
    }

    /// Sends what has become due.
    pub(crate) fn send(&mut self, now: Millis, out: &mut Outbox) {
        while let Some(message) = self.replica.poll_message(now) {
            queue(self.identity.codec, &message, out);
        }
    }

    /// When it has something to send that only time makes due.
    pub(crate) fn due(&self) -> Option<Millis> {
        self.replica.poll_timeout()
    }

    /// Makes an update of these changes.
    ///
    /// # Errors
    /// When the replica does not take it.
    pub(crate) fn change(
        &mut self,
        stamp: Stamp,
        changes: Vec<Change>,
        now: Millis,
        out: &mut Outbox,
    ) -> Result<(), String> {
        let id = pen::request(stamp)?;
        self.replica
            .update(id, changes)
            .map_err(|error| error.to_string())?;
        self.send(now, out);
        Ok(())
    }

    /// Makes an update as the plan wants it.
    ///
    /// # Errors
    /// When the replica does not take it.
    pub(crate) fn update(
        &mut self,
        stamp: Stamp,
        work: Work,
        bytes: usize,
        now: Millis,
        out: &mut Outbox,
    ) -> Result<(), String> {
        self.change(stamp, vec![pen::change(work, bytes)?], now, out)
    }

    /// Takes a message.
    ///
    /// # Errors
    /// When it cannot be read, is an `ERROR`, or state and server disagree for good.
    pub(crate) fn hear(
        &mut self,
        payload: &[u8],
        room: &mut Room,
        now: Millis,
        out: &mut Outbox,
        heard: &mut Heard,
    ) -> Result<(), String> {
        let message = self
            .identity
            .codec
            .decode_server(payload)
            .map_err(|error| format!("the server sent what cannot be read: {error}"))?;
        match &message {
            ServerMessage::Joined(joined) => {
                self.target = Some(joined.rev.get());
                room.head = room.head.max(joined.rev.get());
                room.epoch = Some(joined.epoch.clone());
                heard.resumed = joined.resumed;
            }
            ServerMessage::Deltas(deltas) => {
                heard.operations = true;
                heard.deliveries = deltas.ops.len() as u64;
                room.head = room.head.max(deltas.to_rev.get());
            }
            ServerMessage::Heartbeat { rev, checksum } => {
                room.answer = Some((rev.get(), checksum.clone()));
            }
            ServerMessage::Gap(_) => heard.gap = true,
            ServerMessage::Snapshot(part) => heard.snapshot = part.last,
            ServerMessage::Error { code, message, .. } => {
                return Err(format!("the server says {}: {message}", code.as_str()));
            }
            ServerMessage::Ack { .. }
            | ServerMessage::Reject(_)
            | ServerMessage::Presence { .. } => {}
        }
        self.replica.handle(message, now);
        self.drain(heard)?;
        self.send(now, out);
        let caught_up = self.target.is_some_and(|target| self.rev() >= target);
        if !self.live && caught_up && self.replica.status() == Status::Live {
            self.live = true;
            heard.live = true;
        }
        Ok(())
    }

    fn drain(&mut self, heard: &mut Heard) -> Result<(), String> {
        while let Some(event) = self.replica.poll_event() {
            match event {
                Event::Resolved { id, outcome } => match (sequence(&id), outcome) {
                    (Some(sequence), Outcome::Accepted(_)) => heard.acknowledged.push(sequence),
                    (Some(sequence), Outcome::Rejected(reject)) => {
                        heard
                            .refused
                            .push((sequence, reject.code.as_str().to_owned()));
                    }
                    (Some(sequence), Outcome::Discarded) => {
                        heard.refused.push((sequence, "discarded".to_owned()));
                    }
                    (None, _) => {}
                },
                Event::Diverged => {
                    return Err("state and server disagree however often it is asked".to_owned());
                }
                _ => {}
            }
        }
        Ok(())
    }
}
