//! How long a room takes to open and what it then holds, by the length of its past.

use std::{path::Path, sync::Arc, time::Instant};

use revring::log::{Log as _, SqliteLog, StoreOptions};
use revring_protocol::{ids::RoomName, limits::Limits, room::Room};
use tokio::runtime::Runtime;

use super::{child::Process, figures, rooms::Table};

pub(crate) const ROLE: &str = "open-room";
/// Records in the room's state.
const RECORDS: usize = 1_000;

pub(crate) fn measure(dir: &Path) {
    let past = figures::argument("past", 1_000_000);
    println!(
        "opening: a room of {RECORDS} records; the longest past is to open in under 300 ms and to take no more memory"
    );
    let runtime = Runtime::new().expect("a runtime");
    for past in [past / 100, past] {
        let store = dir.join(format!("open-{past}"));
        let log = Arc::new(SqliteLog::open(&StoreOptions::new(&store)).expect("a store"));
        let mut table = Table::new("room", RECORDS, log.clone());
        while table.room.head().get() < past as u64 {
            let requests = table.requests();
            runtime.block_on(table.accept(requests));
        }
        runtime.block_on(table.finish());
        runtime.block_on(log.close()).expect("the log closes");
        drop((table, log));
        let mut runs: Vec<(f64, f64)> = (0..5).map(|_| opened(&store)).collect();
        runs.sort_by(|one, other| one.0.total_cmp(&other.0));
        let file = std::fs::metadata(store.join("revring.db")).map_or(0, |file| file.len());
        println!(
            "{past:>9} operations in its past: opens in {:.1} ms ({:.1} to {:.1}), {:.1} MiB of memory, {:.1} MiB of file",
            runs[2].0,
            runs[0].0,
            runs[4].0,
            runs[2].1,
            file as f64 / f64::from(1 << 20),
        );
    }
}

/// Milliseconds, and MiB more than before, in a process of its own.
fn opened(store: &Path) -> (f64, f64) {
    let mut process = Process::role(&[ROLE, store.to_str().expect("a path in UTF-8")]);
    let before = process.memory();
    let milliseconds = process.ask("go").parse().expect("a number");
    let after = process.memory();
    let grown = after.saturating_sub(before) as f64;
    (milliseconds, grown / f64::from(1 << 20))
}

/// The role: opens the store's room when told to, and keeps it.
pub(crate) fn run(arguments: &[String]) {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).expect("the word go");
    let runtime = Runtime::new().expect("a runtime");
    let start = Instant::now();
    let log = SqliteLog::open(&StoreOptions::new(&arguments[0])).expect("the store");
    let name = RoomName::new("room").expect("a name");
    let stored = runtime.block_on(log.open(&name)).expect("the log opens");
    let stored = stored.expect("the room is stored");
    let room = Room::restore(stored.image, &stored.tail, Limits::DEFAULT);
    let room = room.expect("image and tail fit each other");
    println!("{}", start.elapsed().as_secs_f64() * 1e3);
    drop(stored.tail);
    let _ = std::io::stdin().read_line(&mut line);
    drop(room);
}
