//! Reading an update and writing its operation: what the codecs cost a server per update, and a client per delta.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on fails")]

mod support;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use revring_protocol::{
    codec::{Codec, delta_payload},
    ids::Rev,
    message::ClientMessage,
};

use support::{key, letter, merge, operation, update};

fn updates(c: &mut Criterion) {
    let mut group = c.benchmark_group("codec: an UPDATE read by the server, once per update");
    for (what, edit) in [("merge", merge()), ("letter", letter("/notes", 7))] {
        for codec in Codec::ALL {
            let bytes = codec.encode(&ClientMessage::Update(update(
                1,
                key(1),
                edit.clone(),
                Rev::new(1),
            )));
            group.bench_function(format!("{what}, {codec:?}, {} bytes", bytes.len()), |b| {
                b.iter(|| codec.decode_client(black_box(&bytes)).unwrap());
            });
        }
    }
}

fn operations(c: &mut Criterion) {
    let mut group =
        c.benchmark_group("codec: an operation written by the server, once per update and codec");
    for (what, edit) in [("merge", merge()), ("letter", letter("/notes", 7))] {
        let operation = operation(2, key(1), edit);
        for codec in Codec::ALL {
            group.bench_function(
                format!(
                    "{what}, {codec:?}, {} bytes",
                    codec.encode(&operation).len()
                ),
                |b| {
                    b.iter(|| codec.encode(black_box(&operation)));
                },
            );
        }
    }
}

fn deltas(c: &mut Criterion) {
    let mut group = c.benchmark_group(
        "codec: a delta of one merge read by a client, once per update and client",
    );
    for codec in Codec::ALL {
        let bytes = delta_payload(
            codec,
            Rev::new(1),
            &[codec.encode(&operation(2, key(1), merge())).into()],
        );
        group.bench_function(format!("{codec:?}, {} bytes", bytes.len()), |b| {
            b.iter(|| codec.decode_server(black_box(&bytes)).unwrap());
        });
    }
}

criterion_group! { name = benches; config = support::criterion(); targets = updates, operations, deltas }
criterion_main!(benches);
