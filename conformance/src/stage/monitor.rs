//! What holds on every connection, whatever the fixture is about: each message is checked against those before it.

use std::collections::{BTreeMap, VecDeque};

use revring_protocol::{
    codec::Codec,
    document::Document,
    ids::Rev,
    limits::FRAME_BYTES,
    message::{Deltas, Gap, GapReason, Joined, ServerMessage, SnapshotPart},
};
use serde_json::{Value, json};

use crate::net::Incoming;

/// What a client knows from what it was sent, and what may come next.
#[derive(Debug, Default)]
pub(super) struct Monitor {
    /// The positions of `JOIN` and `RESYNC` that have no `JOINED` yet.
    asked: VecDeque<Option<Position>>,
    place: Place,
    joined: Option<Joined>,
    /// Where the client stands, beyond its connections.
    stands: Option<Position>,
    document: Option<Document>,
    /// `at` of the last operation.
    last_at: u64,
    presence: BTreeMap<String, Value>,
    presence_known: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Position {
    epoch: String,
    rev: Rev,
}

#[derive(Debug, Default)]
enum Place {
    /// Before `JOINED`.
    #[default]
    Unjoined,
    /// After `JOINED` that was not resumed: a snapshot or, from a position, a gap.
    Promised(Option<Position>),
    /// After `REVISION_GAP`.
    Gap(Rev),
    /// Between the parts of a snapshot.
    Parts {
        rev: Rev,
        next: u64,
        document: Document,
    },
    /// Deltas follow, or a gap.
    Live,
}

/// What a rule forbids: the rule's id and what came.
type Verdict = Result<(), String>;

fn require(holds: bool, rule: &str, what: impl FnOnce() -> String) -> Verdict {
    if holds {
        Ok(())
    } else {
        Err(format!("{rule}: {}", what()))
    }
}

impl Monitor {
    /// A new connection is open.
    pub(super) fn opened(&mut self) {
        self.asked.clear();
        self.place = Place::Unjoined;
        self.joined = None;
        self.presence.clear();
        self.presence_known = false;
    }

    /// The client sent `message`.
    pub(super) fn sent(&mut self, message: &Value) {
        let expects_joined = match message["type"].as_str() {
            Some("JOIN") => self.joined.is_none() && self.asked.is_empty(),
            Some("RESYNC") => self.joined.is_some(),
            _ => false,
        };
        let position = (message["epoch"].as_str(), message["lastRev"].as_u64());
        match position {
            (Some(epoch), Some(rev)) if expects_joined => {
                self.asked.push_back(Some(Position {
                    epoch: epoch.to_owned(),
                    rev: Rev::new(rev),
                }));
            }
            (None, None) if expects_joined => self.asked.push_back(None),
            _ => {}
        }
    }

    /// What `JOINED` said last on this connection.
    pub(super) fn joined(&self) -> Option<&Joined> {
        self.joined.as_ref()
    }

    /// Who is present, as far as the client was told.
    pub(super) fn presence(&self) -> Value {
        json!(self.presence)
    }

    /// What the client knows, in the form of a report; `None` before it knows anything for certain.
    pub(super) fn report(&self) -> Option<Value> {
        let (stands, document) = (self.stands.as_ref()?, self.document.as_ref()?);
        Some(json!({
            "rev": stands.rev.get(),
            "epoch": stands.epoch,
            "checksum": document.checksum(),
            "view": super::report::view(document),
        }))
    }

    /// The server sent `incoming`, which is `message`.
    pub(super) fn received(
        &mut self,
        codec: Codec,
        incoming: &Incoming,
        message: &Value,
    ) -> Verdict {
        require(incoming.text == (codec == Codec::Json), "W-1", || {
            format!(
                "a {} frame on a connection of {}",
                if incoming.text { "text" } else { "binary" },
                codec.subprotocol()
            )
        })?;
        let typed = codec.decode_server(&incoming.bytes);
        let typed = typed.map_err(|error| format!("W-2: the message does not decode: {error}"))?;
        Self::check_size(incoming.bytes.len(), message)?;
        let ignored = self.joined.is_some() && !self.asked.is_empty();
        match typed {
            ServerMessage::Joined(joined) => self.on_joined(&joined),
            ServerMessage::Gap(_) | ServerMessage::Snapshot(_) | ServerMessage::Deltas(_)
                if ignored =>
            {
                Ok(())
            }
            ServerMessage::Gap(gap) => self.on_gap(&gap),
            ServerMessage::Snapshot(part) => self.on_part(&part),
            ServerMessage::Deltas(deltas) => self.on_deltas(&deltas),
            ServerMessage::Heartbeat { rev, checksum } => self.on_heartbeat(rev, &checksum),
            ServerMessage::Presence { full, .. } => self.on_presence(full, message),
            ServerMessage::Reject(reject) => check_retryable(reject.code, reject.retryable),
            ServerMessage::Error {
                code, retryable, ..
            } => check_retryable(code, retryable),
            ServerMessage::Ack { .. } => require(self.joined.is_some(), "C-2", || {
                "ACK before JOINED".to_owned()
            }),
        }
    }

    fn check_size(bytes: usize, message: &Value) -> Verdict {
        let entries = match message["type"].as_str() {
            Some("SYNC.DELTAS") => message["ops"].as_array().map_or(0, Vec::len),
            Some("SYNC.SNAPSHOT") => {
                let collections = message["state"]
                    .as_object()
                    .into_iter()
                    .flat_map(serde_json::Map::values);
                collections
                    .filter_map(Value::as_object)
                    .map(serde_json::Map::len)
                    .sum()
            }
            _ => 0,
        };
        require(bytes <= FRAME_BYTES || entries == 1, "W-8", || {
            format!("a frame of {bytes} bytes with {entries} entries")
        })
    }

    fn on_joined(&mut self, joined: &Joined) -> Verdict {
        let asked = self
            .asked
            .pop_front()
            .ok_or("C-6: JOINED that nobody asked for")?;
        let (epoch, head) = (joined.epoch.as_str().to_owned(), joined.rev);
        self.joined = Some(joined.clone());
        self.presence_known = false;
        // It may be sent again what it has been sent.
        self.last_at = 0;
        let known = asked
            .as_ref()
            .is_some_and(|position| position.epoch == epoch && position.rev <= head);
        if !joined.resumed {
            let at_head = asked
                .as_ref()
                .is_some_and(|position| position.epoch == epoch && position.rev == head);
            require(!at_head, "C-6", || {
                "resumed is false for a client at the head".to_owned()
            })?;
            self.place = Place::Promised(asked);
            return Ok(());
        }
        require(known, "C-6", || {
            format!("resumed is true at rev {head} of {epoch}, the client came with {asked:?}")
        })?;
        if asked != self.stands {
            let from_nothing = asked
                .as_ref()
                .is_some_and(|position| position.rev == Rev::ZERO);
            self.document = from_nothing.then(Document::new);
        }
        self.stands = asked;
        self.place = Place::Live;
        Ok(())
    }

    fn on_gap(&mut self, gap: &Gap) -> Verdict {
        let (epoch, ring_ops) = match &self.joined {
            Some(joined) => (joined.epoch.as_str().to_owned(), joined.limits.ring_ops),
            None => return Err("C-6: REVISION_GAP before JOINED".to_owned()),
        };
        let stood = match &self.place {
            Place::Promised(Some(position)) => position.clone(),
            Place::Live => self
                .stands
                .clone()
                .ok_or("F-4: a gap for a client without a position")?,
            Place::Promised(None) | Place::Gap(_) | Place::Parts { .. } | Place::Unjoined => {
                return Err(format!(
                    "F-4: REVISION_GAP in the wrong place ({:?})",
                    self.place_name()
                ));
            }
        };
        let reason = match &stood {
            stood if stood.epoch != epoch => GapReason::Epoch,
            stood if stood.rev > gap.server_rev => GapReason::Ahead,
            _ => GapReason::Behind,
        };
        require(gap.reason == reason, "F-4", || {
            format!("reason {:?}, the client is {reason:?}", gap.reason)
        })?;
        require(gap.expected_rev == stood.rev, "F-5", || {
            format!(
                "expectedRev {}, the client's last revision is {}",
                gap.expected_rev, stood.rev
            )
        })?;
        let ring = (gap.server_rev.get() + 1).checked_sub(gap.buffer_first_rev.get());
        require(
            ring.is_some_and(|held| held <= ring_ops as u64),
            "F-1",
            || {
                format!(
                    "bufferFirstRev {} with serverRev {}",
                    gap.buffer_first_rev, gap.server_rev
                )
            },
        )?;
        let outside = gap.expected_rev.get() + 1 < gap.buffer_first_rev.get();
        require(outside || reason != GapReason::Behind, "F-2", || {
            format!(
                "a gap at {}, the ring holds all from {}",
                gap.expected_rev, gap.buffer_first_rev
            )
        })?;
        let resumes = gap.resume_from <= gap.server_rev
            && gap.resume_from.get() + 1 >= gap.buffer_first_rev.get();
        require(resumes, "F-5", || {
            format!(
                "resumeFrom {} cannot be followed by deltas",
                gap.resume_from
            )
        })?;
        self.place = Place::Gap(gap.resume_from);
        Ok(())
    }

    fn on_part(&mut self, part: &SnapshotPart) -> Verdict {
        let epoch = self.joined.as_ref().map(|joined| joined.epoch.clone());
        require(epoch.as_ref() == Some(&part.epoch), "F-7", || {
            format!("a snapshot of epoch {}", part.epoch)
        })?;
        let document = match std::mem::take(&mut self.place) {
            Place::Promised(Some(_)) => {
                Err("F-4: a snapshot without REVISION_GAP for a client with a position".to_owned())
            }
            Place::Gap(from) if from != part.rev => Err(format!(
                "F-5: a snapshot of rev {}, resumeFrom is {from}",
                part.rev
            )),
            Place::Promised(None) | Place::Gap(_) if part.part == 0 => Ok(Document::new()),
            Place::Parts { .. } if part.part == 0 => Ok(Document::new()),
            Place::Parts {
                rev,
                next,
                document,
            } if part.part == next && rev == part.rev => Ok(document),
            _ => Err(format!(
                "F-7: part {} of a snapshot of rev {} in the wrong place",
                part.part, part.rev
            )),
        };
        let mut document = document?;
        document.add_part(&part.state);
        require(part.last == part.checksum.is_some(), "F-7", || {
            "the last part, and only that, has a checksum".to_owned()
        })?;
        let Some(checksum) = &part.checksum else {
            self.place = Place::Parts {
                rev: part.rev,
                next: part.part + 1,
                document,
            };
            return Ok(());
        };
        require(*checksum == document.checksum(), "D-8", || {
            format!(
                "checksum {checksum}, the parts have {}",
                document.checksum()
            )
        })?;
        self.stands = Some(Position {
            epoch: part.epoch.as_str().to_owned(),
            rev: part.rev,
        });
        self.document = Some(document);
        self.place = Place::Live;
        Ok(())
    }

    fn on_deltas(&mut self, deltas: &Deltas) -> Verdict {
        let (Place::Live, Some(stands)) = (&self.place, &mut self.stands) else {
            return Err(format!(
                "F-3: SYNC.DELTAS in the wrong place ({:?})",
                self.place_name()
            ));
        };
        require(deltas.from_rev == stands.rev, "F-3", || {
            format!(
                "fromRev {}, but {} was sent before it",
                deltas.from_rev, stands.rev
            )
        })?;
        for op in &deltas.ops {
            require(op.at >= self.last_at, "O-2", || {
                format!("at {} after {}", op.at, self.last_at)
            })?;
            self.last_at = op.at;
            if let Some(document) = &mut self.document {
                document
                    .apply(op)
                    .map_err(|diverged| format!("O-6: {diverged}"))?;
            }
        }
        stands.rev = deltas.to_rev;
        Ok(())
    }

    fn on_heartbeat(&self, rev: Rev, checksum: &str) -> Verdict {
        let live = matches!(self.place, Place::Live) && self.asked.is_empty();
        let known = self
            .document
            .as_ref()
            .zip(self.stands.as_ref())
            .filter(|(_, stands)| live && stands.rev == rev);
        known.map_or(Ok(()), |(document, _)| {
            require(checksum == document.checksum(), "D-8", || {
                format!(
                    "checksum {checksum} at rev {rev}, the client's state has {}",
                    document.checksum()
                )
            })
        })
    }

    fn on_presence(&mut self, full: bool, message: &Value) -> Verdict {
        require(self.joined.is_some(), "P-3", || {
            "PRESENCE before JOINED".to_owned()
        })?;
        require(full || self.presence_known, "P-3", || {
            "the first PRESENCE after JOINED is not full".to_owned()
        })?;
        if full {
            self.presence.clear();
        }
        self.presence_known = true;
        for (id, data) in message["clients"].as_object().into_iter().flatten() {
            if data.is_null() {
                self.presence.remove(id);
            } else {
                self.presence.insert(id.clone(), data.clone());
            }
        }
        Ok(())
    }

    fn place_name(&self) -> &'static str {
        match self.place {
            Place::Unjoined => "before JOINED",
            Place::Promised(_) => "where a snapshot or gap was due",
            Place::Gap(_) => "where a snapshot was due",
            Place::Parts { .. } => "between the parts of a snapshot",
            Place::Live => "after the state was complete",
        }
    }
}

fn check_retryable(code: revring_protocol::error::Code, retryable: bool) -> Verdict {
    require(retryable == code.retryable(), "E-1", || {
        format!("{code} with retryable {retryable}")
    })
}
