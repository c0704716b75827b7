//! Brings clients to the head: after a `JOIN` or `RESYNC`, and when the feed no longer has what they lack.

use std::sync::Arc;

use bytes::Bytes;
use revring_protocol::{
    codec::{Codec, delta_payload},
    ids::{ClientKey, Rev},
    message::{GapReason, Joined, Position, ServerMessage},
    room::{CatchUp, Room},
};
use tokio::time::Instant;

use super::{driver::Driver, snapshots::Waiting};
use crate::{
    fanout::{Behind, Channel, Connection, Item, SnapshotGap, frame},
    snapshot::Snapshot,
};

/// Bytes of the delta that a client gets at once when it resumes.
const RESUME_BYTES: usize = 256 << 10;
/// Bytes of the delta that a slow client gets at a time. It may stay in memory for as long as the client takes to read it.
const LAGGARD_BYTES: usize = 64 << 10;
/// Deltas kept for others who stand at the same revision.
const KEPT: usize = 8;

/// Deltas that were built for someone, for others at the same revision.
#[derive(Debug, Default)]
pub(super) struct Deltas {
    head: Rev,
    built: Vec<Delta>,
}

/// The operations in (`from`, `to`], as a frame.
#[derive(Debug, Clone)]
struct Delta {
    codec: Codec,
    from: Rev,
    to: Rev,
    most: usize,
    frame: Bytes,
}

impl Deltas {
    /// The operations after `from`, `most` bytes of them but at least one.
    fn get(
        &mut self,
        room: &Room,
        channel: &Channel,
        codec: Codec,
        from: Rev,
        most: usize,
    ) -> Delta {
        if self.head != room.head() {
            self.head = room.head();
            self.built.clear();
        }
        let same = |delta: &&Delta| (delta.codec, delta.from, delta.most) == (codec, from, most);
        if let Some(delta) = self.built.iter().find(same) {
            return delta.clone();
        }
        if self.built.len() == KEPT {
            self.built.remove(0);
        }
        let delta = Delta::build(room, channel, codec, from, most);
        self.built.push(delta.clone());
        delta
    }

    /// Frees what is kept.
    pub(super) fn clear(&mut self) {
        self.built = Vec::new();
    }
}

impl Delta {
    fn build(room: &Room, channel: &Channel, codec: Codec, from: Rev, most: usize) -> Self {
        let mut bytes = 0;
        let mut ops: Vec<Bytes> = Vec::new();
        for entry in room.after(from) {
            let encoded = entry.encoded(codec);
            bytes += encoded.len() + 1;
            if bytes > most && !ops.is_empty() {
                break;
            }
            ops.push(encoded.clone());
        }
        // Where the feed has a frame that begins within reach, the client goes on from there.
        let reach = Rev::new(from.get() + ops.len() as u64);
        if let Some(boundary) = channel
            .feed(codec)
            .boundary(reach)
            .filter(|boundary| *boundary > from)
        {
            ops.truncate(usize::try_from(boundary.since(from)).unwrap_or(usize::MAX));
        }
        let to = Rev::new(from.get() + ops.len() as u64);
        let frame = frame::message(codec, &delta_payload(codec, from, &ops));
        Self {
            codec,
            from,
            to,
            most,
            frame,
        }
    }

    fn items(self) -> [Item; 2] {
        [Item::Delivery(self.frame), Item::Follow(self.to)]
    }
}

impl Driver {
    /// Answers `JOIN` or `RESYNC` with `JOINED` and what follows it (rule C-6).
    pub(super) fn welcome(
        &mut self,
        connection: &Arc<Connection>,
        position: Option<&Position>,
        made_key: Option<ClientKey>,
    ) {
        let Some(client_id) = connection.client().cloned() else {
            return;
        };
        let catch_up = self.room.catch_up(position);
        let joined = Joined {
            client_id,
            client_key: made_key,
            room: self.shared.name.clone(),
            epoch: self.room.epoch().clone(),
            rev: self.room.head(),
            resumed: matches!(catch_up, CatchUp::Nothing | CatchUp::Delta { .. }),
            limits: self.room.limits().clone(),
            heartbeat_ms: self.heartbeat_ms,
        };
        let Some(delivery) = connection.begin_delivery(&ServerMessage::Joined(joined)) else {
            return;
        };
        let last_rev = position.map(|position| position.last_rev);
        self.bring_up(connection, delivery, catch_up, last_rev, RESUME_BYTES);
    }

    /// Brings a client on that the feed cannot bring on.
    pub(super) fn bring_on(&mut self, behind: Behind) {
        let Behind {
            connection,
            delivery,
            rev,
        } = behind;
        let catch_up = self.room.behind(rev);
        self.bring_up(&connection, delivery, catch_up, Some(rev), LAGGARD_BYTES);
    }

    fn bring_up(
        &mut self,
        connection: &Arc<Connection>,
        delivery: u32,
        catch_up: CatchUp,
        last_rev: Option<Rev>,
        most: usize,
    ) {
        match catch_up {
            CatchUp::Nothing => connection.deliver(delivery, [Item::Follow(self.room.head())]),
            CatchUp::Delta { from } => {
                let codec = connection.codec();
                let delta = self
                    .deltas
                    .get(&self.room, &self.shared.channel, codec, from, most);
                connection.deliver(delivery, delta.items());
            }
            CatchUp::Snapshot => self.send_snapshot(connection, delivery, None),
            CatchUp::Gap(reason) => {
                let gap = last_rev.map(|last_rev| (last_rev, reason));
                self.send_snapshot(connection, delivery, gap);
            }
        }
    }

    fn send_snapshot(&mut self, connection: &Arc<Connection>, delivery: u32, gap: SnapshotGap) {
        let (connection, since, head) = (Arc::clone(connection), Instant::now(), self.room.head());
        self.snapshots.wait(Waiting {
            connection,
            delivery,
            gap,
            since,
            head,
        });
        self.serve_snapshots();
    }

    /// Serves whoever waits for a snapshot, as far as that is possible now.
    pub(super) fn serve_snapshots(&mut self) {
        for (waiting, snapshot) in self.snapshots.serve(&self.room, &self.shared.channel) {
            self.deliver_snapshot(&waiting, snapshot);
        }
    }

    /// Serves those who waited for `snapshot`, which is ready, and whoever else can be served.
    pub(super) fn serve_fresh_snapshot(&mut self, snapshot: &Arc<Snapshot>) {
        for (waiting, snapshot) in self.snapshots.serve_fresh(snapshot) {
            self.deliver_snapshot(&waiting, snapshot);
        }
        self.serve_snapshots();
    }

    fn deliver_snapshot(&self, waiting: &Waiting, snapshot: Arc<Snapshot>) {
        let Waiting {
            connection,
            delivery,
            gap,
            ..
        } = waiting;
        let Some(client) = connection.client() else {
            return;
        };
        let rev = snapshot.rev();
        let gap_frame = gap.map(|(expected, reason)| {
            let gap = self.room.gap(client, expected, reason, rev);
            let codec = connection.codec();
            Item::Delivery(frame::message(
                codec,
                &codec.encode(&ServerMessage::Gap(gap)),
            ))
        });
        let items = [
            Item::Snapshot {
                snapshot,
                next: 0,
                gap: *gap,
            },
            Item::Follow(rev),
        ];
        connection.deliver(*delivery, gap_frame.into_iter().chain(items));
    }

    /// Takes the oldest snapshot back, so that those who wait get theirs. Its readers begin anew with a later one.
    pub(super) fn take_snapshot_back(&mut self) {
        let (now, head) = (Instant::now(), self.room.head());
        let Some(oldest) = self.snapshots.outstayed(now) else {
            return;
        };
        for connection in self.members.iter() {
            let Some((delivery, gap)) = connection.cut(&oldest) else {
                continue;
            };
            // Own operations that the later snapshot contains are named in a gap only.
            let gap = Some(gap.unwrap_or((Rev::ZERO, GapReason::Behind)));
            let connection = Arc::clone(connection);
            self.snapshots.wait(Waiting {
                connection,
                delivery,
                gap,
                since: now,
                head,
            });
        }
        drop(oldest);
        self.serve_snapshots();
    }
}
