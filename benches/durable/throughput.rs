//! Updates that one room accepts, against appends and `fdatasync` of the same bytes per batch.

use std::{
    fs::{File, OpenOptions},
    io::Write as _,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use revring::log::{Log as _, SqliteLog, StoreOptions};
use revring_protocol::codec::Codec;
use tokio::runtime::Runtime;

use super::{figures, rooms::Table};

/// Writers that each have one update unanswered.
const WRITERS: [usize; 4] = [1, 10, 100, 1_000];
/// The length of one run.
const RUN: Duration = Duration::from_millis(500);

pub(crate) fn measure(dir: &Path) {
    let rounds = figures::argument("rounds", 9);
    println!(
        "durable throughput: one room, each writer has one update unanswered; {rounds} rounds of {RUN:?}, room and raw by turns; the \
         ratio is room / raw (append + fdatasync of the same bytes per batch), at least 0.5; beside it that of the log alone, without \
         judging and committing"
    );
    let runtime = Runtime::new().expect("a runtime");
    for writers in WRITERS {
        let store = dir.join(format!("throughput-{writers}"));
        let log = SqliteLog::open(&StoreOptions::new(&store)).expect("a store");
        let mut raw = Raw::new(&dir.join("raw"));
        let log = Arc::new(log);
        let mut table = Table::new("room", writers, log.clone());
        let rounds: Vec<Round> = (0..rounds)
            .map(|_| round(&runtime, &mut table, &mut raw, writers))
            .collect();
        runtime.block_on(table.finish());
        runtime.block_on(log.close()).expect("the log closes");
        report(writers, &rounds);
    }
}

struct Round {
    /// Updates per second.
    room: f64,
    /// Updates per second of the time spent in the log.
    log: f64,
    raw: f64,
    batch_operations: f64,
    batch_bytes: f64,
}

fn report(writers: usize, rounds: &[Round]) {
    let column =
        |pick: fn(&Round) -> f64| figures::spread(&rounds.iter().map(pick).collect::<Vec<_>>());
    let (ratio, low, high) = column(|round| round.room / round.raw);
    let (log, log_low, log_high) = column(|round| round.log / round.raw);
    println!(
        "{writers:>5} writers: {:.0} updates/s in batches of {:.0} ({:.0} bytes), raw {:.0}/s; ratio {ratio:.2} ({low:.2} to {high:.2}); \
         log alone {log:.2} ({log_low:.2} to {log_high:.2})",
        column(|round| round.room).0,
        column(|round| round.batch_operations).0,
        column(|round| round.batch_bytes).0,
        column(|round| round.raw).0,
    );
}

fn round(runtime: &Runtime, table: &mut Table, raw: &mut Raw, writers: usize) -> Round {
    let (mut batches, mut spent, mut accepted) = (Vec::new(), Duration::ZERO, 0);
    let before = table.appending;
    while spent < RUN {
        // Making the updates is the writers' work.
        let requests = table.requests();
        let start = Instant::now();
        let committed = runtime.block_on(table.accept(requests));
        spent += start.elapsed();
        let sizes = committed
            .iter()
            .map(|batch| Codec::MessagePack.encode(batch).len());
        batches.extend(sizes);
        accepted += writers;
    }
    let room = accepted as f64 / spent.as_secs_f64();
    let log = accepted as f64 / (table.appending - before).as_secs_f64();

    let per_batch = accepted as f64 / batches.len() as f64;
    let (mut appended, start) = (0, Instant::now());
    for bytes in batches.iter().cycle() {
        if start.elapsed() >= RUN {
            break;
        }
        raw.append(*bytes);
        appended += 1;
    }
    Round {
        room,
        log,
        raw: f64::from(appended) * per_batch / start.elapsed().as_secs_f64(),
        batch_operations: per_batch,
        batch_bytes: batches.iter().sum::<usize>() as f64 / batches.len() as f64,
    }
}

/// A file that is only appended to.
struct Raw {
    file: File,
    bytes: Vec<u8>,
}

impl Raw {
    fn new(path: &Path) -> Self {
        let mut options = OpenOptions::new();
        let file = options.create(true).append(true).open(path);
        Self {
            file: file.expect("a file"),
            bytes: vec![b'x'; 1 << 20],
        }
    }

    fn append(&mut self, bytes: usize) {
        self.file
            .write_all(&self.bytes[..bytes])
            .expect("the disk takes it");
        self.file.sync_data().expect("the disk flushes");
    }
}
