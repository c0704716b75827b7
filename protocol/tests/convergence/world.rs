//! The room, its clients, and everything that can happen between them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use revring_protocol::{
    change::{Change, Edit, Sequence, Splice},
    codec::Codec,
    document::Document,
    error::Code,
    ids::{
        ClientId, ClientKey, ClientReqId, Collection, Epoch, Millis, RecordId, RecordKey, Rev,
        RoomName,
    },
    limits::{Limits, MAX_SAFE_INTEGER},
    message::{ClientMessage, Joined, Position, Reject, ServerMessage},
    replica::{Event, OnGap, Outcome, Replica, ReplicaConfig, Status},
    room::{self, Batch, CatchUp, Image, Request, Room, Ticket},
    value::{Number, Object, Path, Value},
};

use crate::{
    link::Link,
    plan::{Action, Make, Op, Setting},
};

pub(crate) struct World {
    room: Room,
    limits: Limits,
    epochs: u64,
    /// What the present line of revisions has accepted.
    accepted: BTreeMap<(ClientId, ClientReqId), Rev>,
    requests: VecDeque<Request>,
    batch: Option<Batch>,
    cached: Option<(Rev, Document)>,
    clients: Vec<Client>,
    links: u64,
    foreign: u64,
    now: Millis,
}

struct Client {
    key: ClientKey,
    codec: Codec,
    replica: Replica,
    link: Option<Link>,
    made: BTreeSet<ClientReqId>,
    ended: BTreeMap<ClientReqId, Outcome>,
    discards: bool,
    rate_limited: bool,
    /// Updates of which the view may guess wrong: with a condition, whose version can be that of a record deleted
    /// before, or unanswered when a snapshot came without `acked`.
    unsure: BTreeSet<ClientReqId>,
}

impl World {
    pub(crate) fn new(clients: usize, setting: Setting) -> Self {
        let ring_bytes = if setting.small_ring_bytes { 16 << 10 } else { Limits::DEFAULT.ring_bytes };
        let limits = Limits {
            ring_ops: setting.ring_ops,
            ring_bytes,
            operation_bytes: Limits::DEFAULT.operation_bytes.min(ring_bytes / 4),
            in_flight: setting.in_flight,
            changes_per_update: 8,
            ..Limits::DEFAULT
        };
        let new_client = |index: usize| {
            let discards = setting.discards && index + 1 == clients;
            let key = ClientKey::new(&format!("the key of client {index}").replace(' ', "-")).unwrap();
            Client {
                replica: Replica::new(ReplicaConfig {
                    room: RoomName::new("r").unwrap(),
                    client_key: Some(key.clone()),
                    token: None,
                    on_gap: if discards { OnGap::Discard } else { OnGap::Resubmit },
                }),
                key,
                codec: Codec::ALL[index % Codec::COUNT],
                link: None,
                made: BTreeSet::new(),
                ended: BTreeMap::new(),
                discards,
                rate_limited: false,
                unsure: BTreeSet::new(),
            }
        };
        let mut world = Self {
            room: Room::new(Epoch::new("epoch-0").unwrap(), limits.clone()),
            limits,
            epochs: 0,
            accepted: BTreeMap::new(),
            requests: VecDeque::new(),
            batch: None,
            cached: None,
            clients: (0..clients).map(new_client).collect(),
            links: 0,
            foreign: 0,
            now: 1,
        };
        if !setting.offline {
            for index in 0..clients {
                world.connect(index);
                world.flow(index);
                world.events(index);
            }
        }
        world
    }

    pub(crate) fn act(&mut self, action: Action) {
        self.now += 1;
        let count = self.clients.len();
        let pick = |who: u8| usize::from(who) % count;
        match action {
            Action::Update(who, makes) => self.update(pick(who), &makes),
            Action::Send(who) => self.send(pick(who)),
            Action::Serve(who, n) => self.serve(pick(who), usize::from(n)),
            Action::RateLimit(who) => self.clients[pick(who)].rate_limited = true,
            Action::Propose => self.propose(),
            Action::Commit => self.commit(),
            Action::Abandon => self.abandon(),
            Action::Unavailable => self.unavailable(),
            Action::Write(who, n, most) => {
                (0..n).for_each(|_| _ = self.write(pick(who), usize::from(most)));
            }
            Action::Read(who, n) => self.read(pick(who), usize::from(n)),
            Action::Flow(who) => self.flow(pick(who)),
            Action::Disconnect(who, n) => self.disconnect(pick(who), usize::from(n)),
            Action::Connect(who) => self.connect(pick(who)),
            Action::Resync(who) => self.clients[pick(who)].replica.resync(),
            Action::Heartbeat(who) => self.clients[pick(who)].replica.heartbeat(),
            Action::BadHeartbeat(who) => self.bad_heartbeat(pick(who)),
            Action::Foreign(n, make) => (0..n).for_each(|_| self.foreign(&make)),
            Action::Cache => self.cached = Some((self.room.head(), self.room.document().clone())),
            Action::CutSnapshot(who) => {
                if let Some(link) = &mut self.clients[pick(who)].link {
                    link.restart_snapshot(&self.room);
                }
            }
            Action::Restart(keep) => self.restart(keep),
        }
        for index in 0..count {
            self.events(index);
        }
        self.room.check();
    }

    fn update(&mut self, index: usize, makes: &[Make]) {
        let client = &mut self.clients[index];
        let id = ClientReqId::new(&format!("u{}", client.made.len())).unwrap();
        let changes: Vec<_> =
            makes.iter().filter_map(|make| change(make, client.replica.view())).collect();
        let conditional = changes.iter().any(|change| change.if_version.is_some());
        if client.replica.update(id.clone(), changes).is_ok() {
            client.unsure.extend(conditional.then(|| id.clone()));
            client.made.insert(id);
        }
    }

    fn send(&mut self, index: usize) {
        let now = self.now;
        let Client { replica, link, codec, .. } = &mut self.clients[index];
        let Some(link) = link else { return };
        while let Some(message) = replica.poll_message(now) {
            link.up.push_back(codec.encode(&message));
            replica.check();
        }
    }

    fn serve(&mut self, index: usize, most: usize) {
        for _ in 0..most {
            let Some(link) = &mut self.clients[index].link else { return };
            let Some(bytes) = link.up.pop_front() else { return };
            let message = link.codec.decode_client(&bytes).expect("a replica sends what can be read");
            self.take(index, message);
        }
    }

    fn take(&mut self, index: usize, message: ClientMessage) {
        let Client { key, link, rate_limited, .. } = &mut self.clients[index];
        let Some(link) = link else { return };
        match message {
            ClientMessage::Join(join) => self.join(index, join.position.as_ref()),
            ClientMessage::Resync(position) => {
                link.drop_sync();
                self.join(index, position.as_ref());
            }
            ClientMessage::Update(update) if std::mem::take(rate_limited) => {
                let id = update.client_req_id;
                let mut reject = Reject::new(id, Code::RateLimited, "too fast");
                reject.retry_after_ms = Some(20);
                link.answer(&ServerMessage::Reject(reject));
            }
            ClientMessage::Update(update) => {
                let ticket = Ticket(link.number);
                let client_id = key.client_id();
                self.requests.push_back(Request { client_id, update, ticket });
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
        let joined = Joined {
            client_id: self.clients[index].key.client_id(),
            client_key: None,
            room: RoomName::new("r").unwrap(),
            epoch: self.room.epoch().clone(),
            rev: self.room.head(),
            resumed,
            limits: self.limits.clone(),
            heartbeat_ms: 1000,
        };
        let Some(link) = &mut self.clients[index].link else { return };
        link.answer(&ServerMessage::Joined(joined));
        let last = position.map_or(Rev::ZERO, |position| position.last_rev);
        if resumed {
            link.follow(last);
        } else {
            self.bring(index, last, catch_up);
        }
    }

    /// Queues a snapshot, with the gap that asks for it.
    fn bring(&mut self, index: usize, expected: Rev, catch_up: CatchUp) {
        let cached = self.cached.clone().filter(|(rev, _)| {
            matches!(self.room.behind(*rev), CatchUp::Nothing | CatchUp::Delta { .. })
        });
        let (rev, document) =
            cached.unwrap_or_else(|| (self.room.head(), self.room.document().clone()));
        let Client { key, link: Some(link), .. } = &mut self.clients[index] else { return };
        if let CatchUp::Gap(reason) = catch_up {
            link.gap(self.room.gap(&key.client_id(), expected, reason, rev));
        }
        link.snapshot(self.room.epoch(), rev, &document);
    }

    fn propose(&mut self) {
        if self.batch.is_none() && !self.requests.is_empty() {
            self.batch = Some(self.room.propose(&mut self.requests, self.now));
        }
    }

    fn commit(&mut self) {
        let Some(batch) = self.batch.take() else { return };
        let committed = self.room.commit(batch);
        for entry in &committed.operations {
            self.note(entry.operation());
        }
        for answer in committed.answers {
            if let room::Outcome::Reply(reply) = answer.outcome {
                self.reply(answer.ticket, &reply);
            }
        }
    }

    fn note(&mut self, operation: &revring_protocol::change::Operation) {
        let id = (operation.client_id.clone(), operation.client_req_id.clone());
        let before = self.accepted.insert(id, operation.rev);
        assert_eq!(before, None, "an update counts once");
    }

    fn reply(&mut self, Ticket(number): Ticket, reply: &ServerMessage) {
        let mut links = self.clients.iter_mut().filter_map(|client| client.link.as_mut());
        if let Some(link) = links.find(|link| link.number == number) {
            link.answer(reply);
        }
    }

    fn abandon(&mut self) {
        let Some(batch) = self.batch.take() else { return };
        for request in batch.into_requests().into_iter().rev() {
            self.requests.push_front(request);
        }
    }

    fn unavailable(&mut self) {
        let Some(batch) = self.batch.take() else { return };
        for Request { ticket, update, .. } in batch.into_requests() {
            let reject = Reject::new(update.client_req_id, Code::Unavailable, "no disk");
            self.reply(ticket, &ServerMessage::Reject(reject));
        }
    }

    fn write(&mut self, index: usize, most: usize) -> bool {
        let Some(link) = &mut self.clients[index].link else { return false };
        match link.write(&self.room, most) {
            Ok(wrote) => wrote,
            Err((cursor, gap)) => {
                self.bring(index, cursor, gap);
                true
            }
        }
    }

    fn read(&mut self, index: usize, most: usize) {
        for _ in 0..most {
            let Client { replica, link: Some(link), unsure, .. } = &mut self.clients[index] else {
                return;
            };
            let Some(bytes) = link.down.pop_front() else { return };
            let message = link.codec.decode_server(&bytes).expect("a server sends what can be read");
            let foreseen = own_only(replica, &message)
                && !replica.pending().any(|pending| unsure.contains(pending));
            let before = foreseen.then(|| contents(replica.view()));
            if matches!(message, ServerMessage::Joined(_)) {
                unsure.extend(replica.pending().cloned());
            }
            replica.handle(message, self.now);
            replica.check();
            if let Some(before) = before {
                let after = contents(replica.view());
                assert_eq!(before, after, "the view showed what became of it");
            }
        }
    }

    fn flow(&mut self, index: usize) {
        self.send(index);
        self.serve(index, usize::MAX);
        self.propose();
        self.commit();
        while self.write(index, 4) {}
        self.read(index, usize::MAX);
        self.send(index);
    }

    fn disconnect(&mut self, index: usize, served: usize) {
        self.serve(index, served);
        let client = &mut self.clients[index];
        if client.link.take().is_some() {
            client.replica.disconnected();
            client.replica.check();
        }
    }

    fn connect(&mut self, index: usize) {
        let client = &mut self.clients[index];
        if client.link.is_none() {
            self.links += 1;
            client.link = Some(Link::new(self.links, client.codec));
            client.replica.connected();
            client.replica.check();
        }
    }

    fn bad_heartbeat(&mut self, index: usize) {
        let (rev, checksum) = (self.room.head(), "ffffffffffffffff".to_owned());
        if let Some(link) = self.clients[index].link.as_mut().filter(|link| link.joined()) {
            link.answer(&ServerMessage::Heartbeat { rev, checksum });
        }
    }

    /// A writer that stands at the head and is told nothing.
    fn foreign(&mut self, make: &Make) {
        if self.batch.is_some() {
            return;
        }
        let Some(change) = change(make, self.room.document()) else { return };
        self.foreign += 1;
        let update = revring_protocol::change::Update {
            client_req_id: ClientReqId::new(&format!("f{}", self.foreign)).unwrap(),
            changes: vec![change],
            base_rev: Some(self.room.head()),
            first_rev: None,
        };
        let client_id = ClientKey::new("the-key-of-a-foreigner").unwrap().client_id();
        let request = Request { client_id, update, ticket: Ticket(0) };
        let batch = self.room.propose(&mut VecDeque::from([request]), self.now);
        self.batch = Some(batch);
        self.commit();
    }

    fn restart(&mut self, keep: bool) {
        for index in 0..self.clients.len() {
            self.disconnect(index, 0);
        }
        self.requests.clear();
        self.batch = None;
        self.cached = None;
        self.epochs += 1;
        let epoch = Epoch::new(&format!("epoch-{}", self.epochs)).unwrap();
        self.room = if keep {
            let image = Image { epoch, ..self.room.image() };
            Room::restore(image, &[], self.limits.clone()).unwrap()
        } else {
            self.accepted.clear();
            Room::new(epoch, self.limits.clone())
        };
    }

    fn events(&mut self, index: usize) {
        let Client { replica, ended, made, .. } = &mut self.clients[index];
        replica.check();
        while let Some(event) = replica.poll_event() {
            if let Event::Resolved { id, outcome } = event {
                assert!(made.contains(&id), "{id} was made");
                let before = ended.insert(id.clone(), outcome);
                assert_eq!(before, None, "{id} ends once");
            }
        }
    }

    /// Lets everything arrive.
    pub(crate) fn settle(&mut self) {
        for _ in 0..200 {
            for index in 0..self.clients.len() {
                if self.clients[index].replica.status() == Status::Diverged {
                    self.disconnect(index, 0);
                }
                self.clients[index].rate_limited = false;
                self.connect(index);
                self.flow(index);
                self.events(index);
                if let Some(due) = self.clients[index].replica.poll_timeout() {
                    self.now = self.now.max(due);
                }
            }
            if self.is_quiet() {
                return;
            }
        }
        let pending = |client: &Client| client.replica.pending().cloned().collect::<Vec<_>>();
        panic!("still pending: {:?}", self.clients.iter().map(pending).collect::<Vec<_>>());
    }

    fn is_quiet(&self) -> bool {
        self.requests.is_empty()
            && self.batch.is_none()
            && self.clients.iter().all(|client| {
                client.link.as_ref().is_some_and(Link::idle)
                    && client.replica.pending().next().is_none()
                    && client.replica.status() == Status::Live
                    && client.replica.confirmed_rev() == self.room.head()
            })
    }

    pub(crate) fn check_end(&self) {
        for Client { key, replica, made, ended, discards, .. } in &self.clients {
            assert_eq!(replica.epoch(), Some(self.room.epoch()));
            assert_eq!(replica.confirmed_rev(), self.room.head());
            assert_eq!(replica.confirmed(), self.room.document());
            assert_eq!(replica.confirmed().checksum(), self.room.document().checksum());
            assert_eq!(replica.view(), replica.confirmed(), "nothing is pending any more");
            let ids: BTreeSet<_> = ended.keys().cloned().collect();
            assert_eq!(&ids, made, "every update has ended");
            let accepted = self.accepted.keys().filter(|(client, _)| *client == key.client_id());
            for (_, id) in accepted {
                let told = &ended[id];
                let unsure = match told {
                    Outcome::Accepted(_) => true,
                    Outcome::Rejected(reject) => reject.code == Code::OutcomeUnknown,
                    Outcome::Discarded => *discards,
                };
                assert!(unsure, "{id} was accepted, its author was told {told:?}");
            }
        }
    }
}

/// Whether `message` brings one operation, which is the first of this replica's pending updates and shows in its view.
fn own_only(replica: &Replica, message: &ServerMessage) -> bool {
    let ServerMessage::Deltas(deltas) = message else { return false };
    let [operation] = deltas.ops.as_slice() else { return false };
    replica.status() == Status::Live
        && deltas.from_rev == replica.confirmed_rev()
        && Some(&operation.client_id) == replica.client_id()
        && Some(&operation.client_req_id) == replica.pending().next()
        && replica.shows(&operation.client_req_id)
}

/// The data of all records.
fn contents(document: &Document) -> BTreeMap<RecordKey, Object> {
    let records = document.collections().flat_map(|(collection, records)| {
        records.iter().map(|(id, record)| {
            let key = RecordKey { collection: collection.clone(), id: id.clone() };
            (key, record.data().clone())
        })
    });
    records.collect()
}

/// The change that `make` stands for in `view`.
fn change(make: &Make, view: &Document) -> Option<Change> {
    let collection = Collection::new(["notes", "lists"][usize::from(make.record) / 2 % 2]).unwrap();
    let id = RecordId::new(["a", "b"][usize::from(make.record) % 2]).unwrap();
    let key = RecordKey { collection, id };
    let record = view.get(&key);
    let if_version = make.conditional.then(|| record.map_or(0, |record| record.version()));
    let fields = ["/t", "/l", "/n", "/o/t", "/o", "/o/l"];
    let path = Path::parse(fields[usize::from(make.field) % fields.len()]).unwrap();
    let edit = match make.op {
        // What does not exist is created first.
        _ if record.is_none() && make.at > 20 => Edit::Put { data: data(make.value) },
        Op::Put => Edit::Put { data: data(make.value) },
        Op::Merge => Edit::Merge { data: patch(make.value) },
        Op::Set => Edit::Set { value: value(make.value), path },
        Op::Unset => Edit::Unset { path },
        Op::Delete => Edit::Delete,
        Op::Add => Edit::Add { path: Path::parse("/n").unwrap(), by: number(make.value) },
        Op::Splice => {
            // The field asked for, or the first that can be spliced.
            let paths = std::iter::once(path).chain(fields.map(|field| Path::parse(field).unwrap()));
            paths.into_iter().find_map(|path| {
                let splice = splice(make, path.find(record?.data())?)?;
                Some(Edit::Splice { path, splice })
            })?
        }
    };
    Some(Change { key, if_version, edit })
}

fn splice(make: &Make, value: &Value) -> Option<Splice> {
    let (length, insert) = match value {
        Value::String(text) => (text.chars().count(), Sequence::Text(word(make.value))),
        Value::Array(items) => {
            let items = (items.len(), vec![value_item(make.value); usize::from(make.value % 3)]);
            (items.0, Sequence::Items(items.1))
        }
        _ => return None,
    };
    let at = usize::from(make.at) % (length + 1);
    let remove = usize::from(make.remove).min(length - at);
    Some(Splice { at, remove, insert })
}

fn word(n: u8) -> String {
    ["", "a", "bc", "é", "e\u{301}", "😀", "x𝄞y", "\n\"\\\u{1}"][usize::from(n) % 8].to_owned()
}

fn number(n: u8) -> Number {
    let edge = MAX_SAFE_INTEGER;
    let numbers = [0, 1, -1, edge, -edge, edge - 1, 1 << 32, -(1 << 31)];
    match n % 11 {
        8 => Number::from_f64(0.1).unwrap(),
        9 => Number::from_f64(-1e-300).unwrap(),
        10 => Number::from_f64(5e-324).unwrap(),
        n => Number::from_i64(numbers[usize::from(n)]).unwrap(),
    }
}

fn value_item(n: u8) -> Value {
    match n % 5 {
        0 => Value::Null,
        1 => Value::Bool(true),
        2 => Value::Number(number(n)),
        3 => Value::String(word(n)),
        _ => Value::Object(Object::from([("k".to_owned(), Value::Number(number(n)))])),
    }
}

fn value(n: u8) -> Value {
    match n % 6 {
        0 => Value::String(word(n / 6)),
        1 => Value::Array(vec![value_item(n), Value::String(word(n))]),
        2 => Value::Object(Object::from([
            ("t".to_owned(), Value::String(word(n))),
            ("l".to_owned(), Value::Array(Vec::new())),
        ])),
        _ => value_item(n),
    }
}

fn data(n: u8) -> Object {
    Object::from([
        ("t".to_owned(), Value::String(word(n))),
        ("l".to_owned(), Value::Array(vec![value_item(n)])),
        ("n".to_owned(), Value::Number(number(n))),
        ("o".to_owned(), value(2)),
    ])
}

fn patch(n: u8) -> Object {
    let field = ["t", "l", "n", "o"][usize::from(n) % 4].to_owned();
    let inner = Object::from([("t".to_owned(), value_item(n))]);
    match n % 3 {
        0 => Object::from([(field, Value::Null)]),
        1 => Object::from([("o".to_owned(), Value::Object(inner))]),
        _ => Object::from([(field, value(n))]),
    }
}
