//! Encoding the state: what it costs the server, off the room's path, that clients join.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on fails")]

mod support;

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use revring_protocol::{
    codec::{Codec, snapshot_payloads},
    document::Document,
    ids::{Epoch, Rev},
};

use support::document;

fn encode(codec: Codec, document: &Document) -> Vec<Vec<u8>> {
    snapshot_payloads(codec, &Epoch::new("epoch").unwrap(), Rev::new(1), document)
}

fn snapshots(c: &mut Criterion) {
    let mut group = c.benchmark_group("snapshot: all parts of a document, by its records");
    group.sample_size(10);
    for records in [1_000, 100_000] {
        for codec in Codec::ALL {
            let again = document(records);
            let bytes: usize = encode(codec, &again).iter().map(Vec::len).sum();
            group.throughput(Throughput::Bytes(bytes as u64));
            group.bench_function(
                format!("{records} records, {codec:?}, for the first time"),
                |b| {
                    b.iter_batched_ref(
                        || document(records),
                        |document| black_box(encode(codec, document)),
                        BatchSize::PerIteration,
                    );
                },
            );
            group.bench_function(
                format!("{records} records, {codec:?}, with records encoded before"),
                |b| {
                    b.iter(|| black_box(encode(codec, &again)));
                },
            );
        }
    }
}

criterion_group! { name = benches; config = support::criterion(); targets = snapshots }
criterion_main!(benches);
