//! A client that decodes no operations: it follows revisions, hashes what it is shown, and counts.

use std::hash::Hasher as _;

use revring_protocol::{
    codec::Codec,
    ids::{ClientReqId, Rev},
    message::{ClientMessage, Gap, Join, Joined, Position, Reject, ServerMessage},
};
use twox_hash::XxHash64;

use super::{Identity, Pen, Room, queue, wire};
use crate::{
    speaker::{Heard, Outbox},
    stamp::Stamp,
};

/// See the module.
#[derive(Debug)]
pub(crate) struct Raw {
    identity: Identity,
    pen: Option<Box<Pen>>,
    /// The revision of the last operation.
    pub(crate) rev: u64,
    /// Where the digest begins; `None` before the first state.
    base: Option<Base>,
    /// Of all operations since the base, as they stood on the wire.
    digest: XxHash64,
    /// The head when the server answered the last `JOIN`; `None`: it has not.
    target: Option<u64>,
    /// Hashes of the parts of a snapshot that is not whole; `Some` from the moment it is due.
    loading: Option<Vec<u64>>,
    live: bool,
    /// How often revisions did not follow one another, and how it was the first time.
    pub(crate) faults: u64,
    pub(crate) fault: Option<String>,
}

/// A state that the client got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Base {
    pub(super) rev: u64,
    /// The hash of the snapshot.
    pub(super) snapshot: u64,
}

impl Raw {
    pub(crate) fn new(identity: Identity, pen: Option<Pen>) -> Self {
        Self {
            identity,
            pen: pen.map(Box::new),
            rev: 0,
            base: None,
            digest: XxHash64::with_seed(0),
            target: None,
            loading: None,
            live: false,
            faults: 0,
            fault: None,
        }
    }

    /// Base and digest, to be compared with others.
    pub(super) fn seen(&self) -> Option<(Base, u64)> {
        Some((self.base?, self.digest.finish()))
    }

    /// The connection is open: joins, from where it was if it was there.
    pub(crate) fn opened(&mut self, room: &Room, out: &mut Outbox) {
        let position = self.base.and(room.epoch.clone()).map(|epoch| Position {
            epoch,
            last_rev: Rev::new(self.rev),
        });
        let join = ClientMessage::Join(Join {
            room: self.identity.room.clone(),
            client_key: Some(self.identity.key.clone()),
            position,
            token: None,
        });
        queue(self.identity.codec, &join, out);
    }

    /// The connection is gone.
    pub(crate) fn closed(&mut self) {
        self.target = None;
        self.loading = None;
        self.live = false;
    }

    /// Asks for the head and its checksum.
    pub(crate) fn ask_head(&self, out: &mut Outbox) {
        queue(self.identity.codec, &ClientMessage::Heartbeat, out);
    }

    /// Queues an update.
    pub(crate) fn update(&mut self, stamp: Stamp, out: &mut Outbox) {
        if let Some(pen) = &mut self.pen {
            pen.write(stamp, out);
        }
    }

    /// Takes a message.
    ///
    /// # Errors
    /// When it cannot be read, or is an `ERROR`.
    pub(crate) fn hear(
        &mut self,
        payload: &[u8],
        room: &mut Room,
        heard: &mut Heard,
    ) -> Result<(), String> {
        let codec = self.identity.codec;
        if let Some(deltas) = wire::deltas(codec, payload) {
            self.deltas(&deltas, room, heard);
            return Ok(());
        }
        if wire::is_presence(codec, payload) {
            return Ok(());
        }
        if let Some(part) = wire::part(codec, payload) {
            self.part(part, payload, room, heard);
            return Ok(());
        }
        let message = codec
            .decode_server(payload)
            .map_err(|error| format!("the server sent what cannot be read: {error}"))?;
        self.message(message, payload, room, heard)
    }

    fn message(
        &mut self,
        message: ServerMessage,
        payload: &[u8],
        room: &mut Room,
        heard: &mut Heard,
    ) -> Result<(), String> {
        match message {
            ServerMessage::Joined(joined) => self.joined(joined, room, heard),
            ServerMessage::Gap(gap) => self.gap(&gap, heard),
            ServerMessage::Ack { client_req_id, .. } => acknowledge(&client_req_id, heard),
            ServerMessage::Reject(reject) => refuse(&reject, heard)?,
            ServerMessage::Heartbeat { rev, checksum } => room.answer = Some((rev.get(), checksum)),
            ServerMessage::Error { code, message, .. } => {
                return Err(format!("the server says {}: {message}", code.as_str()));
            }
            ServerMessage::Presence { .. } => {}
            // Written in another way than this server does: the same content is looked at as it writes it.
            ServerMessage::Deltas(deltas) => {
                let ops: Vec<Vec<u8>> = deltas
                    .ops
                    .iter()
                    .map(|op| self.identity.codec.encode(&**op))
                    .collect();
                let glue: &[u8] = if self.identity.codec == Codec::Json {
                    b","
                } else {
                    b""
                };
                let deltas = wire::Deltas {
                    from: deltas.from_rev.get(),
                    to: deltas.to_rev.get(),
                    operations: &ops.join(glue),
                };
                self.deltas(&deltas, room, heard);
            }
            ServerMessage::Snapshot(part) => {
                let (rev, last) = (part.rev.get(), part.last);
                let part = part.part;
                self.part(wire::Part { rev, part, last }, payload, room, heard);
            }
        }
        Ok(())
    }

    fn deltas(&mut self, deltas: &wire::Deltas<'_>, room: &mut Room, heard: &mut Heard) {
        heard.operations = true;
        heard.deliveries = deltas.to.saturating_sub(deltas.from);
        if deltas.from != self.rev || self.loading.is_some() || heard.deliveries == 0 {
            self.note_fault(deltas);
        }
        room.keep(deltas);
        if self.identity.codec == Codec::Json && self.base.is_none_or(|base| base.rev != self.rev) {
            self.digest.write(b",");
        }
        self.digest.write(deltas.operations);
        self.rev = deltas.to;
        self.come_alive(heard);
    }

    fn note_fault(&mut self, deltas: &wire::Deltas<'_>) {
        self.faults += 1;
        let (wanted, from, to) = (self.rev, deltas.from, deltas.to);
        let loading = if self.loading.is_some() {
            " while a snapshot was due"
        } else {
            ""
        };
        self.fault.get_or_insert_with(|| {
            format!("at revision {wanted} came operations ({from}, {to}]{loading}")
        });
    }

    fn part(&mut self, part: wire::Part, payload: &[u8], room: &mut Room, heard: &mut Heard) {
        let loading = self.loading.get_or_insert_default();
        if part.part == 0 {
            loading.clear();
        }
        loading.push(room.keep_part(payload));
        if !part.last {
            return;
        }
        let snapshot = room.keep_snapshot(part.rev, loading);
        self.loading = None;
        self.base = Some(Base {
            rev: part.rev,
            snapshot,
        });
        self.rev = part.rev;
        self.digest = XxHash64::with_seed(0);
        heard.snapshot = true;
        self.come_alive(heard);
    }

    fn joined(&mut self, joined: Joined, room: &mut Room, heard: &mut Heard) {
        room.head = room.head.max(joined.rev.get());
        room.epoch = Some(joined.epoch);
        self.target = Some(joined.rev.get());
        heard.resumed = joined.resumed;
        if !joined.resumed {
            self.loading = Some(Vec::new());
        }
        self.come_alive(heard);
    }

    fn gap(&mut self, gap: &Gap, heard: &mut Heard) {
        heard.gap = true;
        self.loading = Some(Vec::new());
        for acked in &gap.acked {
            acknowledge(&acked.client_req_id, heard);
        }
    }

    fn come_alive(&mut self, heard: &mut Heard) {
        let caught_up =
            self.loading.is_none() && self.target.is_some_and(|target| self.rev >= target);
        if !self.live && caught_up {
            self.live = true;
            heard.live = true;
        }
    }
}

/// The sequence in an id, if it is a stamp.
pub(super) fn sequence(id: &ClientReqId) -> Option<u32> {
    Stamp::read(id.as_str().as_bytes()).map(|stamp| stamp.sequence)
}

fn acknowledge(id: &ClientReqId, heard: &mut Heard) {
    heard.acknowledged.extend(sequence(id));
}

/// # Errors
/// When it is not a planned update that was refused: then the plan cannot go on.
fn refuse(reject: &Reject, heard: &mut Heard) -> Result<(), String> {
    let code = reject.code.as_str();
    let Some(sequence) = sequence(&reject.client_req_id) else {
        return Err(format!(
            "the server refuses to fill the room: {code}, {}",
            reject.message
        ));
    };
    heard.refused.push((sequence, code.to_owned()));
    Ok(())
}
