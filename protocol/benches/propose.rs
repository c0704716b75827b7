//! Judging and committing updates: what a room spends on an update besides the log, the codecs and the sockets.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on fails")]

mod support;

use criterion::{BatchSize, Bencher, Criterion, Throughput, criterion_group, criterion_main};
use revring_protocol::{
    change::{Change, Edit, Sequence, Splice, Update},
    ids::{RecordKey, Rev},
    limits::Limits,
    room::Room,
    value::{Path, Value},
};

use support::{commit, key, letter, merge, room, update};

fn updates(c: &mut Criterion) {
    let mut group =
        c.benchmark_group("propose and commit: per update, by the batch and the document");
    for records in [1_000, 100_000] {
        for batch in [1_u64, 64] {
            let mut room = room(records, Limits::DEFAULT);
            let mut next = 0;
            group.throughput(Throughput::Elements(batch));
            let edit = merge();
            group.bench_function(
                format!("{records} records, merges, batch of {batch}"),
                |b| {
                    b.iter_batched(
                        || {
                            let serials = next..next + batch;
                            next += batch;
                            let updates = serials
                                .map(|n| update(n, key(n % records), edit.clone(), Rev::new(1)));
                            updates.collect::<Vec<_>>()
                        },
                        |updates| assert_eq!(commit(&mut room, updates) as u64, batch),
                        BatchSize::SmallInput,
                    );
                },
            );
        }
    }
}

fn letters(c: &mut Criterion) {
    let mut group =
        c.benchmark_group("propose and commit: a letter typed, by the operations since its base");
    for behind in [0, 16, 256] {
        let mut room = room(1_000, Limits::DEFAULT);
        let mut next = 0;
        group.bench_function(format!("{behind} operations on the same text"), |b| {
            b.iter(|| {
                // The text starts anew before it has grown.
                if next % 512 == 0 {
                    restart(&mut room, next);
                }
                next += 1;
                let oldest = room.buffer_first_rev().get() - 1;
                let base = Rev::new(room.head().get().saturating_sub(behind).max(oldest));
                let accepted = commit(&mut room, [update(next, key(1), letter("/notes", 0), base)]);
                assert_eq!(accepted, 1);
            });
        });
    }
}

/// A short text again, and a ring without the replacement.
fn restart(room: &mut Room, serial: u64) {
    let short = Edit::Set {
        path: Path::parse("/notes").unwrap(),
        value: Value::from("a short text"),
    };
    commit(room, [update(serial << 32, key(1), short, room.head())]);
    let mut image = room.image();
    image.rev = room.head();
    *room = Room::restore(image, &[], room.limits().clone()).unwrap();
}

/// Updates with as many splices as they may have, against a ring as full as it can be.
fn worst(c: &mut Criterion) {
    let mut group =
        c.benchmark_group("propose: the updates that cost a room most, 256 splices each");
    group.sample_size(10);

    let mut apart = room(1_000, Limits::DEFAULT);
    let flag = Edit::Set {
        path: Path::parse("/done").unwrap(),
        value: Value::from(true),
    };
    commit(
        &mut apart,
        (0..60).map(|n| many(n, key, &flag, Rev::new(1))),
    );
    let oldest = Rev::new(apart.buffer_first_rev().get() - 1);
    let update = many(1000, key, &letter("/notes", 3), oldest);
    group.bench_function("of values of their own, on the oldest base", |b| {
        judged(b, &apart, &update);
    });

    let mut same = room(1_000, Limits::DEFAULT);
    for n in 0..60 {
        let now = same.head();
        commit(&mut same, [many(n, |_| key(1), &letter("/notes", 3), now)]);
    }
    let oldest = Rev::new(same.buffer_first_rev().get() - 1);
    let update = many(1000, |_| key(1), &letter("/notes", 3), oldest);
    group.bench_function(
        "of one text that all the ring splices, on the oldest base",
        |b| judged(b, &same, &update),
    );

    let mut large = room(1_000, Limits::DEFAULT);
    for n in 0..2 {
        let text = Sequence::Text("é".repeat(120_000));
        let splice = Edit::Splice {
            path: Path::parse("/notes").unwrap(),
            splice: Splice {
                at: 0,
                remove: 0,
                insert: text,
            },
        };
        let now = large.head();
        assert_eq!(
            commit(&mut large, [support::update(n, key(1), splice, now)]),
            1
        );
    }
    let update = many(1000, |_| key(1), &letter("/notes", 240_000), large.head());
    group.bench_function("at the end of a text of 480,000 bytes", |b| {
        judged(b, &large, &update);
    });
}

/// An update with as many changes as it may have.
fn many(serial: u64, key: impl Fn(u64) -> RecordKey, edit: &Edit, base: Rev) -> Update {
    let changes = (0..256).map(|n| Change {
        key: key(n),
        if_version: None,
        edit: edit.clone(),
    });
    Update {
        changes: changes.collect(),
        ..update(serial, key(0), edit.clone(), base)
    }
}

fn judged(b: &mut Bencher<'_>, room: &Room, update: &Update) {
    b.iter_batched_ref(
        || Room::restore(room.image(), &tail(room), room.limits().clone()).unwrap(),
        |room| assert_eq!(commit(room, [update.clone()]), 1),
        BatchSize::PerIteration,
    );
}

fn tail(room: &Room) -> Vec<std::sync::Arc<revring_protocol::change::Operation>> {
    room.after(Rev::ZERO)
        .map(|entry| entry.operation().clone())
        .collect()
}

criterion_group! { name = benches; config = support::criterion(); targets = updates, letters, worst }
criterion_main!(benches);
