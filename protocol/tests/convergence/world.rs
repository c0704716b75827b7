//! The room, its clients, and everything that can happen between them.

use std::collections::VecDeque;

use revring_protocol::{
    change::{Operation, Update},
    document::Document,
    error::Code,
    ids::{ClientKey, ClientReqId, Epoch, Millis, Rev, RoomName},
    limits::Limits,
    message::{ClientMessage, Joined, Position, Reject, ServerMessage},
    replica::Status,
    room::{self, Batch, CatchUp, Image, Request, Room, Ticket},
};

use crate::{
    client::{Accepted, Client},
    make::change,
    plan::{Action, Make, Setting},
};

pub(crate) struct World {
    room: Room,
    limits: Limits,
    epochs: u64,
    accepted: Accepted,
    requests: VecDeque<Request>,
    batch: Option<Batch>,
    cached: Option<(Rev, Document)>,
    clients: Vec<Client>,
    links: u64,
    foreign: u64,
    now: Millis,
}

impl World {
    pub(crate) fn new(clients: usize, setting: Setting) -> Self {
        let default = Limits::DEFAULT;
        let ring_bytes = if setting.small_ring_bytes {
            16 << 10
        } else {
            default.ring_bytes
        };
        let limits = Limits {
            ring_ops: setting.ring_ops,
            ring_bytes,
            operation_bytes: default.operation_bytes.min(ring_bytes / 4),
            in_flight: setting.in_flight,
            changes_per_update: 8,
            ..default
        };
        let discards = |index| setting.discards && index + 1 == clients;
        let mut world = Self {
            room: Room::new(Epoch::new("epoch-0").unwrap(), limits.clone()),
            limits,
            epochs: 0,
            accepted: Accepted::new(),
            requests: VecDeque::new(),
            batch: None,
            cached: None,
            clients: (0..clients)
                .map(|index| Client::new(index, discards(index)))
                .collect(),
            links: 0,
            foreign: 0,
            now: 1,
        };
        if !setting.offline {
            for index in 0..clients {
                world.connect(index);
                world.flow(index);
                world.clients[index].take_events();
            }
        }
        world
    }

    pub(crate) fn act(&mut self, action: Action) {
        self.now += 1;
        let (count, now) = (self.clients.len(), self.now);
        let pick = |who: u8| usize::from(who) % count;
        match action {
            Action::Update(who, makes) => self.clients[pick(who)].update(&makes),
            Action::Send(who) => self.clients[pick(who)].send(now),
            Action::Serve(who, n) => self.serve(pick(who), usize::from(n)),
            Action::RateLimit(who) => self.clients[pick(who)].rate_limited = true,
            Action::Propose => self.propose(),
            Action::Commit => self.commit(),
            Action::Abandon => self.abandon(),
            Action::Unavailable => self.unavailable(),
            Action::Write(who, n, most) => {
                (0..n).for_each(|_| _ = self.write(pick(who), usize::from(most)));
            }
            Action::Read(who, n) => self.clients[pick(who)].read(usize::from(n), now),
            Action::Flow(who) => self.flow(pick(who)),
            Action::Disconnect(who, n) => {
                self.serve(pick(who), usize::from(n));
                self.clients[pick(who)].disconnect();
            }
            Action::Connect(who) => self.connect(pick(who)),
            Action::Resync(who) => self.clients[pick(who)].replica.resync(),
            Action::Heartbeat(who) => self.clients[pick(who)].replica.heartbeat(),
            Action::BadHeartbeat(who) => self.bad_heartbeat(pick(who)),
            Action::Foreign(n, make) => (0..n).for_each(|_| self.foreign(&make)),
            Action::Cache => self.cached = Some((self.room.head(), self.room.document().clone())),
            Action::CutSnapshot(who) => self.cut_snapshot(pick(who)),
            Action::Restart(keep) => self.restart(keep),
        }
        self.clients.iter_mut().for_each(Client::take_events);
        self.room.check();
    }

    fn connect(&mut self, index: usize) {
        self.links += 1;
        self.clients[index].connect(self.links);
    }

    /// Everything of one client, there and back.
    fn flow(&mut self, index: usize) {
        self.clients[index].send(self.now);
        self.serve(index, usize::MAX);
        self.propose();
        self.commit();
        while self.write(index, 4) {}
        self.clients[index].read(usize::MAX, self.now);
        self.clients[index].send(self.now);
    }

    fn serve(&mut self, index: usize, most: usize) {
        for _ in 0..most {
            let Some(link) = &mut self.clients[index].link else {
                return;
            };
            let Some(bytes) = link.up.pop_front() else {
                return;
            };
            let message = link.codec.decode_client(&bytes);
            self.take(index, message.unwrap_or_else(|error| panic!("{error}")));
        }
    }

    fn take(&mut self, index: usize, message: ClientMessage) {
        let Client {
            id,
            link: Some(link),
            rate_limited,
            ..
        } = &mut self.clients[index]
        else {
            return;
        };
        match message {
            ClientMessage::Join(join) => self.join(index, join.position.as_ref()),
            ClientMessage::Resync(position) => {
                link.drop_sync();
                self.join(index, position.as_ref());
            }
            ClientMessage::Update(update) if std::mem::take(rate_limited) => {
                let mut reject = Reject::new(update.client_req_id, Code::RateLimited, "too fast");
                reject.retry_after_ms = Some(20);
                link.answer(&ServerMessage::Reject(reject));
            }
            ClientMessage::Update(update) => {
                let (client_id, ticket) = (id.clone(), Ticket(link.number));
                self.requests.push_back(Request {
                    client_id,
                    update,
                    ticket,
                });
            }
            ClientMessage::Heartbeat => {
                let (rev, checksum) = (self.room.head(), self.room.document().checksum());
                link.answer(&ServerMessage::Heartbeat { rev, checksum });
            }
            ClientMessage::Presence(_) | ClientMessage::Leave => {}
        }
    }

    fn join(&mut self, index: usize, position: Option<&Position>) {
        let catch_up = self.room.catch_up(position);
        let resumed = matches!(catch_up, CatchUp::Nothing | CatchUp::Delta { .. });
        let Client {
            id,
            link: Some(link),
            ..
        } = &mut self.clients[index]
        else {
            return;
        };
        link.answer(&ServerMessage::Joined(Joined {
            client_id: id.clone(),
            client_key: None,
            room: RoomName::new("r").unwrap(),
            epoch: self.room.epoch().clone(),
            rev: self.room.head(),
            resumed,
            limits: self.limits.clone(),
            heartbeat_ms: 1000,
        }));
        let last = position.map_or(Rev::ZERO, |position| position.last_rev);
        if resumed {
            link.follow(last);
        } else {
            self.bring(index, last, catch_up);
        }
    }

    /// Queues a snapshot, and before it the gap that asks for it.
    fn bring(&mut self, index: usize, expected: Rev, catch_up: CatchUp) {
        let room = &self.room;
        let cached = self.cached.clone().filter(|(rev, _)| {
            matches!(room.behind(*rev), CatchUp::Nothing | CatchUp::Delta { .. })
        });
        let (rev, document) = cached.unwrap_or_else(|| (room.head(), room.document().clone()));
        let Client {
            id,
            link: Some(link),
            ..
        } = &mut self.clients[index]
        else {
            return;
        };
        if let CatchUp::Gap(reason) = catch_up {
            link.gap(room.gap(id, expected, reason, rev));
        }
        link.snapshot(room.epoch(), rev, &document);
    }

    fn cut_snapshot(&mut self, index: usize) {
        if let Some(link) = &mut self.clients[index].link {
            link.restart_snapshot(&self.room);
        }
    }

    fn propose(&mut self) {
        if self.batch.is_none() && !self.requests.is_empty() {
            self.batch = Some(self.room.propose(&mut self.requests, self.now));
        }
    }

    fn commit(&mut self) {
        let Some(batch) = self.batch.take() else {
            return;
        };
        let committed = self.room.commit(batch);
        for entry in &committed.operations {
            let Operation {
                client_id,
                client_req_id,
                rev,
                ..
            } = &**entry.operation();
            let before = self
                .accepted
                .insert((client_id.clone(), client_req_id.clone()), *rev);
            assert_eq!(before, None, "an update counts once");
        }
        for answer in committed.answers {
            if let room::Outcome::Reply(reply) = answer.outcome {
                self.reply(answer.ticket, &reply);
            }
        }
    }

    fn reply(&mut self, Ticket(number): Ticket, reply: &ServerMessage) {
        let mut links = self
            .clients
            .iter_mut()
            .filter_map(|client| client.link.as_mut());
        if let Some(link) = links.find(|link| link.number == number) {
            link.answer(reply);
        }
    }

    fn abandon(&mut self) {
        let Some(batch) = self.batch.take() else {
            return;
        };
        for request in batch.into_requests().into_iter().rev() {
            self.requests.push_front(request);
        }
    }

    fn unavailable(&mut self) {
        let Some(batch) = self.batch.take() else {
            return;
        };
        for Request { ticket, update, .. } in batch.into_requests() {
            let reject = Reject::new(update.client_req_id, Code::Unavailable, "no disk");
            self.reply(ticket, &ServerMessage::Reject(reject));
        }
    }

    fn write(&mut self, index: usize, most: usize) -> bool {
        let Some(link) = &mut self.clients[index].link else {
            return false;
        };
        match link.write(&self.room, most) {
            Ok(wrote) => wrote,
            Err((cursor, gap)) => {
                self.bring(index, cursor, gap);
                true
            }
        }
    }

    fn bad_heartbeat(&mut self, index: usize) {
        let (rev, checksum) = (self.room.head(), "f".repeat(16));
        if let Some(link) = self.clients[index]
            .link
            .as_mut()
            .filter(|link| link.joined())
        {
            link.answer(&ServerMessage::Heartbeat { rev, checksum });
        }
    }

    /// A writer that stands at the head and is told nothing.
    fn foreign(&mut self, make: &Make) {
        let Some(change) = change(make, self.room.document()) else {
            return;
        };
        if self.batch.is_some() {
            return;
        }
        self.foreign += 1;
        let update = Update {
            client_req_id: ClientReqId::new(&format!("f{}", self.foreign)).unwrap(),
            changes: vec![change],
            base_rev: Some(self.room.head()),
            first_rev: None,
        };
        let client_id = ClientKey::new("the-key-of-a-foreigner")
            .unwrap()
            .client_id();
        let request = Request {
            client_id,
            update,
            ticket: Ticket(0),
        };
        self.batch = Some(self.room.propose(&mut VecDeque::from([request]), self.now));
        self.commit();
    }

    /// The server ends and comes back under a new epoch, with its state or without.
    fn restart(&mut self, keep: bool) {
        self.clients.iter_mut().for_each(Client::disconnect);
        self.requests.clear();
        self.batch = None;
        self.cached = None;
        self.epochs += 1;
        let epoch = Epoch::new(&format!("epoch-{}", self.epochs)).unwrap();
        self.room = if keep {
            let image = Image {
                epoch,
                ..self.room.image()
            };
            Room::restore(image, &[], self.limits.clone()).unwrap()
        } else {
            self.accepted.clear();
            Room::new(epoch, self.limits.clone())
        };
    }

    /// Lets everything arrive.
    pub(crate) fn settle(&mut self) {
        for _ in 0..200 {
            for index in 0..self.clients.len() {
                let client = &mut self.clients[index];
                client.rate_limited = false;
                if client.replica.status() == Status::Diverged {
                    client.disconnect();
                }
                self.connect(index);
                self.flow(index);
                let client = &mut self.clients[index];
                client.take_events();
                self.now = self.now.max(client.replica.poll_timeout().unwrap_or(0));
            }
            let quiet = self
                .clients
                .iter()
                .all(|client| client.is_quiet(&self.room));
            if quiet && self.requests.is_empty() {
                return;
            }
        }
        let pending = |client: &Client| client.replica.pending().cloned().collect::<Vec<_>>();
        panic!(
            "still pending: {:?}",
            self.clients.iter().map(pending).collect::<Vec<_>>()
        );
    }

    pub(crate) fn check_end(&self) {
        self.clients
            .iter()
            .for_each(|client| client.check_end(&self.room, &self.accepted));
    }
}
