//! Applying an operation: what it costs every client per operation. It must not grow with the document.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on fails")]

mod support;

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use revring_protocol::{
    change::Edit,
    document::Document,
    value::{Object, Value},
};

use support::{document, key, letter, merge, operation};

fn merges(c: &mut Criterion) {
    let mut group = c
        .benchmark_group("apply: a merge of two fields of one record, by the size of the document");
    for records in [1, 1_000, 100_000] {
        let document = document(records);
        let operation = operation(2, key(records / 2), merge());
        group.bench_function(format!("{records} records"), |b| {
            let mut document = document.clone();
            b.iter(|| document.apply(black_box(&operation)).unwrap());
        });
        // As when the server keeps the state before: nothing of it may be changed in place.
        group.bench_function(format!("{records} records, beside a clone"), |b| {
            b.iter_batched_ref(
                || document.clone(),
                |document| document.apply(black_box(&operation)).unwrap(),
                BatchSize::SmallInput,
            );
        });
    }
}

fn splices(c: &mut Criterion) {
    let mut group = c.benchmark_group("apply: a letter typed into a text, by the size of the text");
    for size in [100, 10_000, 100_000] {
        let data = Object::from([("text".to_owned(), Value::from("é".repeat(size / 2)))]);
        let mut document = Document::new();
        document
            .apply(&operation(1, key(1), Edit::Put { data }))
            .unwrap();
        let operation = operation(2, key(1), letter("/text", size / 4));
        group.bench_function(format!("{size} bytes"), |b| {
            b.iter_batched_ref(
                || document.clone(),
                |document| document.apply(black_box(&operation)).unwrap(),
                BatchSize::SmallInput,
            );
        });
    }
}

criterion_group! { name = benches; config = support::criterion(); targets = merges, splices }
criterion_main!(benches);
