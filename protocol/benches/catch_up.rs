//! Joining the operations a client lacks into deltas: what one client that comes back costs the server.

mod support;

use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use revring_protocol::{
    codec::{Codec, delta_payloads},
    ids::Rev,
    limits::{FRAME_BYTES, Limits},
};

use support::{commit, key, merge, room, update};

fn catch_up(c: &mut Criterion) {
    let mut group =
        c.benchmark_group("catch-up: the deltas of operations in the ring, encoded before");
    let mut room = room(1000, Limits::DEFAULT);
    let accepted = commit(
        &mut room,
        (0..1024).map(|n| update(n, key(n % 1000), merge(), Rev::new(1))),
    );
    assert_eq!(accepted, 1024);
    for missing in [1, 64, 1000] {
        let from = Rev::new(room.head().get() - missing);
        for codec in Codec::ALL {
            let deltas = || {
                let encoded: Vec<Bytes> = room
                    .after(from)
                    .map(|entry| entry.encoded(codec).clone())
                    .collect();
                delta_payloads(codec, from, &encoded, FRAME_BYTES)
            };
            let bytes: usize = deltas().iter().map(|(_, payload)| payload.len()).sum();
            group.throughput(Throughput::Bytes(bytes as u64));
            group.bench_function(format!("{missing} operations, {codec:?}"), |b| {
                b.iter(|| black_box(deltas()));
            });
        }
    }
}

criterion_group! { name = benches; config = support::criterion(); targets = catch_up }
criterion_main!(benches);
