//! Reads along what the server writes to a connection, and checks it against what is durable and what was sent before.

use std::collections::VecDeque;

use revring_protocol::{
    codec::Codec,
    document::Document,
    ids::{ClientId, Epoch, Rev, RoomName},
    limits::FRAME_BYTES,
    message::{Deltas, Gap, Joined, Position, ServerMessage, SnapshotPart},
};

use crate::{
    broken::{Broken, Checked, ensure},
    counters::{Counter, Counters},
    oracle::{Line, Oracle},
    wire::Frames,
};

/// What a client was sent so far.
#[derive(Debug, Clone, PartialEq)]
enum Stand {
    /// Nothing yet.
    Nothing,
    /// Everything up to this revision.
    At(Rev),
    /// A snapshot must come, after a gap if it was told where the client stands.
    Awaits { gap: bool },
    /// A snapshot of this revision must come.
    Promised(Rev),
    /// A part of a snapshot has come.
    Within {
        rev: Rev,
        next: u64,
        state: Document,
    },
}

/// What reads along one connection.
#[derive(Debug)]
pub struct Monitor {
    codec: Codec,
    frames: Frames,
    /// The positions of requests whose `JOINED` has not been written.
    positions: VecDeque<Option<Position>>,
    epoch: Option<Epoch>,
    stand: Stand,
}

impl Monitor {
    /// The monitor of a new connection.
    #[must_use]
    pub fn new(codec: Codec) -> Self {
        Self {
            codec,
            frames: Frames::default(),
            positions: VecDeque::new(),
            epoch: None,
            stand: Stand::Nothing,
        }
    }

    /// The client has said where it stands, and `JOINED` will answer.
    pub fn will_join(&mut self, position: Option<Position>) {
        self.positions.push_back(position);
    }

    /// The server has written `bytes`.
    ///
    /// # Errors
    /// When it should not have.
    pub fn observe(
        &mut self,
        bytes: &[u8],
        joined: Option<&(RoomName, ClientId)>,
        oracle: &Oracle,
        counters: &mut Counters,
    ) -> Checked {
        self.frames.push(bytes);
        while let Some(payload) = self.frames.next_payload() {
            let message = self.codec.decode_server(&payload);
            let message =
                message.map_err(|error| Broken::new("the server speaks the protocol", error))?;
            let single = match &message {
                ServerMessage::Deltas(deltas) => deltas.ops.len() == 1,
                ServerMessage::Snapshot(_) => true,
                _ => false,
            };
            ensure(
                payload.len() <= FRAME_BYTES || single,
                "a frame is at most 1 MiB",
                || payload.len(),
            )?;
            match joined {
                Some((room, client)) => {
                    let view = View {
                        room,
                        client,
                        oracle,
                    };
                    self.check(&message, &view, counters)?;
                }
                None => ensure(
                    matches!(message, ServerMessage::Error { .. }),
                    "who has not joined is told nothing",
                    || format!("{message:?}"),
                )?,
            }
        }
        Ok(())
    }

    fn check(
        &mut self,
        message: &ServerMessage,
        view: &View<'_>,
        counters: &mut Counters,
    ) -> Checked {
        match message {
            ServerMessage::Joined(joined) => self.joined(joined, view),
            ServerMessage::Deltas(deltas) => self.deltas(deltas, view),
            ServerMessage::Gap(gap) => self.gap(gap, view),
            ServerMessage::Snapshot(part) => self.snapshot(part, view),
            ServerMessage::Ack {
                client_req_id, rev, ..
            } => {
                let id = (view.client, client_req_id);
                view.oracle.check_acked(view.room, self.epoch()?, id, *rev)
            }
            ServerMessage::Heartbeat { rev, checksum } => {
                if self.stand == Stand::At(*rev) {
                    counters.add(Counter::Heartbeats);
                }
                let line = view.line(self.epoch()?);
                let state = line.and_then(|line| line.state(*rev)).cloned();
                let state = state.filter(|_| line.is_some()).unwrap_or_default();
                view.oracle.check_reached(view.room, self.epoch()?, *rev)?;
                ensure(
                    *checksum == state.checksum(),
                    "a checksum is that of the state",
                    || format!("{checksum} at {rev}, not {}", state.checksum()),
                )
            }
            ServerMessage::Reject(_)
            | ServerMessage::Presence { .. }
            | ServerMessage::Error { .. } => Ok(()),
        }
    }

    fn epoch(&self) -> Checked<&Epoch> {
        let epoch = self.epoch.as_ref();
        epoch.ok_or_else(|| Broken::new("JOINED comes first", "nothing"))
    }

    fn joined(&mut self, joined: &Joined, view: &View<'_>) -> Checked {
        view.oracle
            .check_reached(view.room, &joined.epoch, joined.rev)?;
        let Some(position) = self.positions.pop_front() else {
            return Err(Broken::new("each JOINED answers a request", view.client));
        };
        self.stand = match (joined.resumed, position) {
            (true, Some(position)) => {
                let fits = position.epoch == joined.epoch && position.last_rev <= joined.rev;
                ensure(fits, "who resumes was there", || {
                    format!("{position:?} {joined:?}")
                })?;
                Stand::At(position.last_rev)
            }
            (true, None) => return Err(Broken::new("who resumes was there", view.client)),
            (false, position) => Stand::Awaits {
                gap: position.is_some(),
            },
        };
        self.epoch = Some(joined.epoch.clone());
        Ok(())
    }

    fn deltas(&mut self, deltas: &Deltas, view: &View<'_>) -> Checked {
        let Deltas {
            from_rev,
            to_rev,
            ops,
        } = deltas;
        ensure(
            self.stand == Stand::At(*from_rev),
            "a delta follows what was sent before it",
            || format!("a delta from {from_rev} after {:?}", self.stand),
        )?;
        let revs = ops.iter().map(|operation| operation.rev.get());
        let expected = from_rev.get() + 1..=to_rev.get();
        ensure(
            revs.eq(expected) && !ops.is_empty(),
            "a delta carries its revisions in order",
            || format!("{deltas:?}"),
        )?;
        view.oracle.check_shown(view.room, self.epoch()?, ops)?;
        self.stand = Stand::At(*to_rev);
        Ok(())
    }

    fn gap(&mut self, gap: &Gap, view: &View<'_>) -> Checked {
        let epoch = self.epoch()?;
        if let Stand::At(rev) = self.stand {
            ensure(
                gap.expected_rev == rev,
                "a gap names the client's last revision",
                || format!("{} and not {rev}", gap.expected_rev),
            )?;
        }
        ensure(
            gap.resume_from <= gap.server_rev,
            "a snapshot is of a revision that was reached",
            || format!("{gap:?}"),
        )?;
        view.oracle
            .check_reached(view.room, epoch, gap.server_rev)?;
        for acked in &gap.acked {
            let id = (view.client, &acked.client_req_id);
            view.oracle.check_acked(view.room, epoch, id, acked.rev)?;
        }
        self.stand = Stand::Promised(gap.resume_from);
        Ok(())
    }

    fn snapshot(&mut self, part: &SnapshotPart, view: &View<'_>) -> Checked {
        const RULE: &str = "the parts of a snapshot come in order, after the gap they are for";
        let SnapshotPart {
            rev,
            epoch,
            part: number,
            ..
        } = part;
        ensure(self.epoch()? == epoch, RULE, || epoch)?;
        let (next, mut state) = match std::mem::replace(&mut self.stand, Stand::Nothing) {
            Stand::Awaits { gap: false } => (0, Document::new()),
            Stand::Promised(promised) if promised == *rev => (0, Document::new()),
            Stand::Within {
                rev: begun,
                next,
                state,
            } if begun == *rev => (next, state),
            other => {
                return Err(Broken::new(
                    RULE,
                    format!("part {number} of {rev} after {other:?}"),
                ));
            }
        };
        ensure(*number == next, RULE, || {
            format!("part {number}, not {next}")
        })?;
        state.add_part(&part.state);
        if !part.last {
            let next = next + 1;
            self.stand = Stand::Within {
                rev: *rev,
                next,
                state,
            };
            return Ok(());
        }
        let empty = Document::new();
        let line = view.line(epoch);
        let expected = line.map_or((*rev == Rev::ZERO).then_some(&empty), |line| {
            line.state(*rev)
        });
        ensure(
            expected == Some(&state) && part.checksum == Some(state.checksum()),
            "a snapshot is the operations up to its revision, applied in order",
            || format!("{} at {rev} in {epoch}: {state:?}", view.room),
        )?;
        self.stand = Stand::At(*rev);
        Ok(())
    }
}

/// Whose connection it is, and what is true of the room.
struct View<'a> {
    room: &'a RoomName,
    client: &'a ClientId,
    oracle: &'a Oracle,
}

impl View<'_> {
    fn line(&self, epoch: &Epoch) -> Option<&Line> {
        self.oracle.line_in(self.room, epoch)
    }
}
