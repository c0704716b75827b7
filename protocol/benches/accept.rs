//! From the bytes of updates to committed operations and their encoding: what the server spends on accepted updates besides sockets.
//!
//! Rooms are as they are under load: the ring is full, and so is what is remembered of every writer.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a bench that cannot go on fails"
)]

mod support;

use std::{collections::VecDeque, hint::black_box};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use revring_protocol::{
    change::Edit,
    codec::Codec,
    ids::{ClientId, ClientKey, RecordKey, Rev},
    limits::{Limits, REMEMBERED_IDS},
    message::ClientMessage,
    room::{Request, Room, Ticket},
    value::{Path, Value},
};

use support::{key, merge, room, task, update};

/// Updates of one batch.
const BATCH: u64 = 64;

/// What is written, and by how many.
struct Load {
    name: &'static str,
    codec: Codec,
    records: u64,
    writers: u64,
    change: fn(u64) -> (RecordKey, Edit),
}

/// A field of one record, about 100 bytes an update.
fn hot(_: u64) -> (RecordKey, Edit) {
    let path = Path::parse("/notes").unwrap();
    let value = Value::from("x".repeat(40));
    (key(7), Edit::Set { path, value })
}

/// Two fields of any record.
fn any(n: u64) -> (RecordKey, Edit) {
    (key(n * 7_919 % 100_000), merge())
}

/// A new record.
fn new(n: u64) -> (RecordKey, Edit) {
    (key(1_000_000 + n), Edit::Put { data: task(n) })
}

/// The writers of a room, each with its next message in turn.
struct Writers<'l> {
    load: &'l Load,
    ids: Vec<ClientId>,
    next: u64,
}

/// A message and who sent it.
type Sent = (ClientId, Vec<u8>);

impl<'l> Writers<'l> {
    fn new(load: &'l Load) -> Self {
        let id = |n| {
            let key = ClientKey::new(&format!("the-key-of-client-{n}")).unwrap();
            key.client_id()
        };
        let ids = (0..load.writers).map(id).collect();
        Self { load, ids, next: 0 }
    }

    fn batch(&mut self) -> Vec<Sent> {
        let numbers = self.next..self.next + BATCH;
        self.next += BATCH;
        numbers.map(|n| self.message(n)).collect()
    }

    fn message(&self, n: u64) -> Sent {
        let (key, edit) = (self.load.change)(n);
        let message = ClientMessage::Update(update(n, key, edit, Rev::new(1)));
        let writer = usize::try_from(n % self.load.writers).unwrap();
        (self.ids[writer].clone(), self.load.codec.encode(&message))
    }
}

/// A room in which all that is bounded is full.
fn warm(load: &Load, writers: &mut Writers<'_>) -> Room {
    let limits = Limits {
        document_bytes: usize::MAX / 2,
        ..Limits::DEFAULT
    };
    let full = (REMEMBERED_IDS as u64 * load.writers).max(limits.ring_ops as u64);
    let mut room = room(load.records, limits);
    while writers.next < full {
        take(&mut room, load.codec, &writers.batch());
    }
    room
}

fn take(room: &mut Room, codec: Codec, sent: &[Sent]) {
    let request = |(client_id, bytes): &Sent| {
        let Ok(ClientMessage::Update(update)) = codec.decode_client(bytes) else {
            panic!("it is an update");
        };
        Request {
            client_id: client_id.clone(),
            update,
            ticket: Ticket(0),
        }
    };
    let mut requests: VecDeque<Request> = sent.iter().map(request).collect();
    let batch = room.propose(&mut requests, 1_700_000_000_002);
    let committed = room.commit(batch);
    assert_eq!(committed.operations.len(), sent.len());
    for entry in &committed.operations {
        black_box(entry.encoded(codec));
    }
}

fn accept(c: &mut Criterion) {
    let mut group = c.benchmark_group("accept: per update, batches of 64");
    group.throughput(Throughput::Elements(BATCH));
    let (json, msgpack) = (Codec::Json, Codec::MessagePack);
    let load = |name, codec, records, writers, change| Load {
        name,
        codec,
        records,
        writers,
        change,
    };
    let loads = [
        load("one record, 1 writer, MessagePack", msgpack, 1_000, 1, hot),
        load(
            "one record, 100 writers, MessagePack",
            msgpack,
            1_000,
            100,
            hot,
        ),
        load("one record, 100 writers, JSON", json, 1_000, 100, hot),
        load("any of 100,000, 100 writers", msgpack, 100_000, 100, any),
        load(
            "new beside 100,000, 100 writers",
            msgpack,
            100_000,
            100,
            new,
        ),
    ];
    for load in loads {
        let mut writers = Writers::new(&load);
        let mut room = warm(&load, &mut writers);
        group.bench_function(load.name, |b| {
            b.iter_batched(
                || writers.batch(),
                |sent| take(&mut room, load.codec, &sent),
                BatchSize::SmallInput,
            );
        });
    }
}

criterion_group! { name = benches; config = support::criterion(); targets = accept }
criterion_main!(benches);
