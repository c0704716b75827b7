//! What a store holds, read without a server.

use std::{path::Path, sync::Arc};

use revring::log::{Log as _, SqliteLog, StoreOptions, Stored};
use revring_protocol::{change::Operation, ids::RoomName, limits::Limits, room::Room};
use rusqlite::{Connection, OpenFlags};

use crate::scene::Head;

/// The rooms of a store that no server has.
pub(crate) struct Store(SqliteLog);

/// What a store holds of a room.
pub(crate) struct Kept {
    /// The room as a server would have it.
    room: Room,
    /// The operations that are kept.
    pub(crate) tail: Vec<Arc<Operation>>,
}

impl Kept {
    pub(crate) fn head(&self) -> Head {
        Head {
            rev: self.room.head(),
            epoch: self.room.epoch().clone(),
            checksum: self.room.document().checksum(),
        }
    }
}

impl Store {
    pub(crate) fn open(dir: &Path) -> Self {
        Self(SqliteLog::open(&StoreOptions::new(dir)).expect("a store"))
    }

    pub(crate) fn rooms(&self) -> usize {
        self.0.rooms()
    }

    /// A room as a server would have it.
    pub(crate) async fn room(&self, name: &str, limits: Limits) -> Kept {
        let name: RoomName = name.parse().unwrap();
        let stored = self.0.open(&name).await.expect("it opens");
        let Stored { image, tail } = stored.expect("it was stored");
        let room = Room::restore(image, &tail, limits).expect("it fits");
        room.check();
        Kept { room, tail }
    }

    /// Ends it in order.
    pub(crate) async fn close(self) {
        self.0.close().await.expect("it ends in order");
    }
}

/// A look at a database. It only reads, as anyone may beside a server.
pub(crate) struct Peek(Connection);

impl Peek {
    pub(crate) fn open(database: &Path) -> Self {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Self(Connection::open_with_flags(database, flags).unwrap())
    }

    /// The revision of a checkpoint that is half written, or 0.
    pub(crate) fn unfinished(&self) -> i64 {
        self.number("SELECT max(unfinished) FROM rooms")
    }

    /// The revision of the newest snapshot, or 0.
    pub(crate) fn snapshot(&self) -> i64 {
        self.number("SELECT max(snapshot_rev) FROM rooms")
    }

    fn number(&self, query: &str) -> i64 {
        let mut query = self.0.prepare_cached(query).unwrap();
        query.query_row([], |row| row.get(0)).unwrap()
    }
}
