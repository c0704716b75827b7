//! One room as its driver holds it: who is in it, and how they are brought to the head.

use std::{collections::BTreeMap, rc::Rc};

use bytes::Bytes;
use revring::{Pace, feed::Feed};
use revring_protocol::{
    change::Change,
    codec::{Codec, delta_payload},
    error::Code,
    ids::{ClientId, Millis, Rev, RoomName},
    message::{GapReason, Joined, Position, ServerMessage},
    room::{Batch, CatchUp, Request, Room},
};

use super::{
    Context, Setting,
    output::{Item, Snapshot, SnapshotGap},
    session::{Session, Sessions},
    snapshots::{Snapshots, Waiting},
};
use crate::{
    breakage::Breakage,
    broken::{Broken, Checked, ensure},
    counters::Counter,
    net::ConnectionId,
    wire,
};

/// Who is to be told what became of an update.
#[derive(Debug)]
pub(super) struct Author {
    pub(super) connection: ConnectionId,
    pub(super) changes: Vec<Change>,
}

/// Where the batch in flight is.
#[derive(Debug)]
pub(super) enum InFlight {
    None,
    /// The log is asked to commit it.
    Asked(Batch),
    /// The log did not say what became of it.
    Open(Batch),
}

/// One room and everything that happens to it.
#[derive(Debug)]
pub(super) struct Driver {
    pub(super) name: RoomName,
    pub(super) setting: Setting,
    pub(super) room: Room,
    pub(super) feeds: [Feed; Codec::COUNT],
    pub(super) members: BTreeMap<ClientId, ConnectionId>,
    pub(super) users: [usize; Codec::COUNT],
    pub(super) requests: std::collections::VecDeque<Request>,
    pub(super) authors: BTreeMap<u64, Author>,
    pub(super) tickets: u64,
    pub(super) in_flight: InFlight,
    /// What the log has is to be read before anything is proposed.
    pub(super) must_reload: bool,
    pub(super) pace: Pace,
    /// What the writer has passed on, by codec, and in all.
    pub(super) passed: [Rev; Codec::COUNT],
    pub(super) passed_by_all: Rev,
    pub(super) snapshots: Snapshots,
    pub(super) since_checkpoint: (usize, usize),
    /// The revision whose state was checked last.
    pub(super) checked: Option<Rev>,
}

impl Driver {
    pub(super) fn new(name: RoomName, room: Room, setting: &Setting) -> Self {
        let head = room.head();
        Self {
            name,
            setting: setting.clone(),
            feeds: Codec::ALL.map(|_| Feed::new(setting.feed_bytes, head)),
            members: BTreeMap::new(),
            users: [0; Codec::COUNT],
            requests: std::collections::VecDeque::new(),
            authors: BTreeMap::new(),
            tickets: 0,
            in_flight: InFlight::None,
            must_reload: false,
            pace: Pace::new(head, room.limits()),
            passed: [head; Codec::COUNT],
            passed_by_all: head,
            snapshots: Snapshots::new(setting.clone()),
            since_checkpoint: (0, 0),
            checked: None,
            room,
        }
    }

    /// Whether the log is asked nothing and nothing is open.
    pub(super) fn is_settled(&self) -> bool {
        matches!(self.in_flight, InFlight::None) && !self.must_reload
    }

    pub(super) fn is_member(&self, client: &ClientId, connection: ConnectionId) -> bool {
        self.members.get(client) == Some(&connection)
    }

    pub(super) fn join(
        &mut self,
        sessions: &mut Sessions,
        id: ConnectionId,
        client: &ClientId,
        position: Option<&Position>,
        cx: &mut Context<'_>,
    ) {
        if let Some(old) = self.members.get(client).copied() {
            cx.counters.add(Counter::Superseded);
            if let Some(session) = sessions.get_mut(&old) {
                let message = "the same client joined over another connection";
                session.close_because(Code::Superseded, message);
                let codec = session.codec;
                self.part(client, old, codec);
            }
        }
        let Some(session) = sessions.get_mut(&id) else {
            return;
        };
        let (head, codec) = (self.room.head(), session.codec);
        if self.users[codec.index()] == 0 {
            self.feeds[codec.index()].clear(head);
            self.passed[codec.index()] = head;
        }
        if self.members.is_empty() {
            self.passed_by_all = head;
        }
        session.joined = Some((self.name.clone(), client.clone()));
        self.members.insert(client.clone(), id);
        self.users[codec.index()] += 1;
        self.welcome(sessions, id, position, cx);
    }

    /// Removes a connection from the room, unless it was removed before (rule C-5).
    pub(super) fn part(&mut self, client: &ClientId, id: ConnectionId, codec: Codec) {
        if !self.is_member(client, id) {
            return;
        }
        self.members.remove(client);
        self.users[codec.index()] -= 1;
        self.snapshots.forget(id);
        if self.users[codec.index()] == 0 {
            self.feeds[codec.index()].clear(self.room.head());
        }
    }

    /// Answers `JOIN` or `RESYNC` with `JOINED` and what follows it (rule C-6).
    pub(super) fn welcome(
        &mut self,
        sessions: &mut Sessions,
        id: ConnectionId,
        position: Option<&Position>,
        cx: &mut Context<'_>,
    ) {
        let Some(session) = sessions.get_mut(&id) else {
            return;
        };
        let Some((_, client_id)) = session.joined.clone() else {
            return;
        };
        let catch_up = self.room.catch_up(position);
        let resumed = matches!(catch_up, CatchUp::Nothing | CatchUp::Delta { .. });
        match catch_up {
            CatchUp::Nothing => cx.counters.add(Counter::ResumedAtHead),
            CatchUp::Delta { .. } => cx.counters.add(Counter::ResumedByDelta),
            CatchUp::Snapshot | CatchUp::Gap(_) => {}
        }
        let joined = Joined {
            client_id,
            client_key: None,
            room: self.name.clone(),
            epoch: self.room.epoch().clone(),
            rev: self.room.head(),
            resumed,
            limits: self.room.limits().clone(),
            heartbeat_ms: 1_000,
        };
        session.monitor.will_join(position.cloned());
        let frame = session.frame(&ServerMessage::Joined(joined));
        let Some(delivery) = session.output.begin_delivery(frame) else {
            return;
        };
        let last_rev = position.map(|position| position.last_rev);
        self.bring_up(sessions, (id, delivery), catch_up, last_rev, cx);
    }

    /// Brings a client on that the feed cannot bring on.
    pub(super) fn bring_on(
        &mut self,
        sessions: &mut Sessions,
        id: ConnectionId,
        rev: Rev,
        cx: &mut Context<'_>,
    ) {
        let Some(session) = sessions.get(&id) else {
            return;
        };
        let catch_up = self.room.behind(rev);
        if matches!(catch_up, CatchUp::Delta { .. }) {
            cx.counters.add(Counter::MergedDeltas);
        }
        let delivery = session.output.delivery();
        self.bring_up(sessions, (id, delivery), catch_up, Some(rev), cx);
    }

    fn bring_up(
        &mut self,
        sessions: &mut Sessions,
        (id, delivery): (ConnectionId, u32),
        catch_up: CatchUp,
        last_rev: Option<Rev>,
        cx: &mut Context<'_>,
    ) {
        let Some(session) = sessions.get_mut(&id) else {
            return;
        };
        match catch_up {
            CatchUp::Nothing => {
                let follow = Item::Follow(self.room.head());
                session.output.deliver(delivery, [follow]);
            }
            CatchUp::Delta { from } => {
                let (frame, to) = self.delta(session.codec, from);
                let items = [Item::Delivery(frame), Item::Follow(to)];
                session.output.deliver(delivery, items);
            }
            CatchUp::Snapshot => {
                self.send_snapshot(session, (id, delivery), None, cx.now);
                self.serve_snapshots(sessions, cx);
            }
            CatchUp::Gap(reason) => {
                cx.counters.add(match reason {
                    GapReason::Behind => Counter::GapsBehind,
                    GapReason::Ahead => Counter::GapsAhead,
                    GapReason::Epoch => Counter::GapsEpoch,
                });
                let gap = last_rev.map(|last_rev| (last_rev, reason));
                self.send_snapshot(session, (id, delivery), gap, cx.now);
                self.serve_snapshots(sessions, cx);
            }
        }
    }

    /// The operations after `from` that fit in one delta, up to where the feed goes on.
    fn delta(&self, codec: Codec, from: Rev) -> (Bytes, Rev) {
        let mut bytes = 0;
        let mut ops: Vec<Bytes> = Vec::new();
        for entry in self.room.after(from) {
            let encoded = entry.encoded(codec);
            bytes += encoded.len() + 1;
            if bytes > self.setting.delta_bytes && !ops.is_empty() {
                break;
            }
            ops.push(encoded.clone());
        }
        let reach = Rev::new(from.get() + ops.len() as u64);
        let boundary = self.feeds[codec.index()].boundary(reach);
        if let Some(boundary) = boundary.filter(|boundary| *boundary > from) {
            ops.truncate(usize::try_from(boundary.since(from)).unwrap_or(usize::MAX));
        }
        let to = Rev::new(from.get() + ops.len() as u64);
        let payload = delta_payload(codec, from, &ops);
        (wire::frame(&payload).into(), to)
    }

    fn send_snapshot(
        &mut self,
        session: &Session,
        (connection, delivery): (ConnectionId, u32),
        gap: SnapshotGap,
        now: Millis,
    ) {
        self.snapshots.wait(Waiting {
            connection,
            codec: session.codec,
            delivery,
            gap,
            since: now,
            head: self.room.head(),
        });
    }

    /// Serves whoever waits for a snapshot, as far as that is possible now.
    pub(super) fn serve_snapshots(&mut self, sessions: &mut Sessions, cx: &mut Context<'_>) {
        for (waiting, snapshot) in self.snapshots.serve(&self.room, cx.counters) {
            self.deliver_snapshot(sessions, &waiting, &snapshot, cx);
        }
    }

    /// The snapshot in the making is ready.
    pub(super) fn on_encoded(&mut self, sessions: &mut Sessions, cx: &mut Context<'_>) {
        let epoch = self.room.epoch().clone();
        if let Some(snapshot) = self.snapshots.finish(&epoch, cx.now, cx.counters) {
            for (waiting, snapshot) in self.snapshots.serve_fresh(&snapshot) {
                self.deliver_snapshot(sessions, &waiting, &snapshot, cx);
            }
            self.serve_snapshots(sessions, cx);
        }
    }

    fn deliver_snapshot(
        &self,
        sessions: &mut Sessions,
        waiting: &Waiting,
        snapshot: &Rc<Snapshot>,
        cx: &mut Context<'_>,
    ) {
        let Some(session) = sessions.get_mut(&waiting.connection) else {
            return;
        };
        let Some((_, client)) = session.joined.clone() else {
            return;
        };
        let rev = snapshot.rev;
        if rev < self.room.head() {
            let overtaken = !matches!(self.room.behind(rev), CatchUp::Delta { .. });
            cx.counters.add(if overtaken {
                Counter::SnapshotsOvertaken
            } else {
                Counter::SnapshotsOlder
            });
        }
        let gap = waiting.gap.map(|(expected, reason)| {
            let mut gap = self.room.gap(&client, expected, reason, rev);
            if self.setting.breakage == Some(Breakage::ForgetAcked) {
                gap.acked.clear();
            }
            Item::Delivery(session.frame(&ServerMessage::Gap(gap)))
        });
        let snapshot = Item::Snapshot {
            snapshot: Rc::clone(snapshot),
            next: 0,
            gap: waiting.gap,
        };
        let items = gap.into_iter().chain([snapshot, Item::Follow(rev)]);
        session.output.deliver(waiting.delivery, items);
    }

    /// Takes the oldest snapshot back if someone has waited for too long. Its readers begin anew with a later one.
    pub(super) fn take_snapshot_back(&mut self, sessions: &mut Sessions, cx: &mut Context<'_>) {
        self.snapshots.tidy(cx.now);
        if let Some(oldest) = self.snapshots.outstayed(cx.now) {
            for id in self.members.values().copied().collect::<Vec<_>>() {
                let Some(session) = sessions.get_mut(&id) else {
                    continue;
                };
                let Some((delivery, gap)) = session.output.cut(&oldest) else {
                    continue;
                };
                cx.counters.add(Counter::SnapshotsCut);
                let gap = Some(gap.unwrap_or((Rev::ZERO, GapReason::Behind)));
                self.send_snapshot(session, (id, delivery), gap, cx.now);
            }
        }
        self.serve_snapshots(sessions, cx);
    }

    /// Checks what must hold of a room in memory.
    pub(super) fn check(&self, sessions: &Sessions) -> Checked {
        let alive = self.snapshots.count();
        ensure(
            alive <= revring_protocol::limits::SNAPSHOTS_ALIVE,
            "at most 4 snapshots of a room are alive",
            || alive,
        )?;
        for (client, id) in &self.members {
            let Some(session) = sessions.get(id) else {
                return Err(Broken::new("a member has a connection", client));
            };
            let cursor = session.output.cursor().unwrap_or_default();
            ensure(
                cursor <= self.room.head(),
                "nobody is sent more than there is",
                || format!("{id} is at {cursor}, the room at {}", self.room.head()),
            )?;
        }
        Ok(())
    }
}
