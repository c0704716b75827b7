//! A store that is closed while someone else still reads it.

use std::time::Duration;

use revring::log::{Appended, Durability, Log as _, SqliteLog, StoreOptions};
use revring_protocol::{
    ids::{Epoch, Rev},
    limits::Limits,
    room::Room,
};
use rusqlite::Connection;
use tokio::time::timeout;

use crate::support::{Filled, fill, image, operation, room_name};

/// Long enough for whatever should happen on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

fn open(filled: &Filled, durability: Durability) -> SqliteLog {
    let options = StoreOptions {
        durability,
        ..StoreOptions::new(filled.path())
    };
    SqliteLog::open(&options).unwrap()
}

/// Another program that holds on to the store as it was.
fn reading(filled: &Filled) -> Connection {
    let connection = Connection::open(filled.database()).unwrap();
    connection.execute_batch("BEGIN").unwrap();
    let rooms = "SELECT count(*) FROM rooms";
    let rooms: i64 = connection.query_row(rooms, [], |row| row.get(0)).unwrap();
    assert_eq!(rooms, 1);
    connection
}

/// The epoch of `board`, which has every one of `revs` operations.
async fn epoch_of(log: &SqliteLog, revs: u64) -> Epoch {
    let stored = log.open(&room_name("board")).await.unwrap().unwrap();
    let last = stored.tail.last().unwrap();
    assert_eq!(last.rev, Rev::new(revs));
    stored.image.epoch
}

/// One life of a store that ends while someone reads what was there when it began.
async fn closed_while_read(filled: &Filled, durability: Durability) -> (Connection, Epoch) {
    let log = open(filled, durability);
    fill(&log, "board", 8, None).await;
    let reader = reading(filled);
    let epoch = epoch_of(&log, 8).await;
    let more: Vec<_> = (9..=12).map(operation).collect();
    let board = room_name("board");
    let appended = log.append(&board, &epoch, Rev::new(8), &more).await;
    assert_eq!(appended, Ok(Appended::Committed));
    let closed = timeout(PATIENCE, log.close()).await;
    closed.unwrap().unwrap();
    drop(log);
    (reader, epoch)
}

#[tokio::test]
async fn o8_closing_does_not_wait_for_who_reads_and_full_keeps_the_epoch() {
    let filled = Filled::empty();
    let (reader, epoch) = closed_while_read(&filled, Durability::Full).await;
    drop(reader);
    let log = open(&filled, Durability::Full);
    assert_eq!(epoch_of(&log, 12).await, epoch);
}

#[tokio::test]
async fn o8_a_store_that_is_read_all_the_time_opens_and_keeps_its_epoch() {
    let filled = Filled::empty();
    let (reader, epoch) = closed_while_read(&filled, Durability::Full).await;
    let log = open(&filled, Durability::Full);
    assert_eq!(epoch_of(&log, 12).await, epoch);
    drop(reader);
    log.close().await.unwrap();
    drop(log);
    assert_eq!(epoch_of(&open(&filled, Durability::Full), 12).await, epoch);
}

#[tokio::test]
async fn o8_what_promised_nothing_and_could_not_be_flushed_begins_a_new_epoch() {
    for durability in [Durability::None, Durability::Os] {
        let filled = Filled::empty();
        let (reader, epoch) = closed_while_read(&filled, durability).await;
        drop(reader);
        let log = open(&filled, Durability::Full);
        let next = epoch_of(&log, 12).await;
        // The machine goes on: what the system had been given is here. Without that promise nothing can be said.
        assert_eq!(next == epoch, durability == Durability::Os);
        let stored = log.open(&room_name("board")).await.unwrap().unwrap();
        let image = image(12);
        let room = Room::restore(stored.image, &stored.tail, Limits::DEFAULT);
        assert_eq!(
            room.unwrap().document().checksum(),
            image.document.checksum()
        );
        log.close().await.unwrap();
        drop(log);
        assert_eq!(epoch_of(&open(&filled, Durability::None), 12).await, next);
    }
}

#[tokio::test]
async fn o8_once_nobody_reads_a_close_in_order_keeps_every_epoch() {
    for durability in Durability::ALL {
        let filled = Filled::empty();
        let log = open(&filled, durability);
        fill(&log, "board", 8, None).await;
        drop(reading(&filled));
        let epoch = epoch_of(&log, 8).await;
        log.close().await.unwrap();
        drop(log);
        assert_eq!(epoch_of(&open(&filled, durability), 8).await, epoch);
    }
}
