//! Looks at a store without changing it, whether a server has it or not.

mod verify;

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    ops::RangeInclusive,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use revring_protocol::{
    change::{Edit, Operation},
    ids::{Epoch, RecordKey, Rev, RoomName},
};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params};

pub use verify::RoomCheck;

use super::{
    FILE,
    connection::BUSY,
    error::StoreError,
    load,
    rows::{self, ReadError, RoomRow, number, signed},
    schema::{self, Found},
};
use crate::log::{LogError, Stored};

/// A store that is only read.
///
/// A database whose write-ahead log is empty or missing is read as it stands: nobody writes to it. One with a write-ahead log is
/// read the way SQLite reads beside a writer; the index of that log (`revring.db-shm`) is then made anew if it is missing or
/// stale.
#[derive(Debug)]
pub struct StoreView {
    connection: Connection,
    file: PathBuf,
    /// When the database was last written, if it is read as it stands.
    as_of: Option<SystemTime>,
}

/// What is stored of one room, in numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomSummary {
    /// Its name.
    pub name: RoomName,
    /// Its epoch.
    pub epoch: Epoch,
    /// The revision of its newest operation.
    pub rev: Rev,
    /// Its records at that revision.
    pub records: u64,
    /// Bytes of the operations in the file.
    pub operation_bytes: u64,
    /// Bytes of the snapshot's records in the file.
    pub record_bytes: u64,
    /// The revision of the snapshot; 0: there is none.
    pub snapshot_rev: Rev,
    /// The records in the snapshot.
    pub snapshot_records: u64,
    /// The operations that are kept, around and after the snapshot.
    pub tail: Option<RangeInclusive<Rev>>,
}

impl RoomSummary {
    /// What the room takes in the file.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.operation_bytes + self.record_bytes
    }

    /// How many operations are kept.
    #[must_use]
    pub fn kept(&self) -> u64 {
        let tail = self.tail.as_ref();
        tail.map_or(0, |tail| tail.end().since(*tail.start()) + 1)
    }
}

impl StoreView {
    /// Opens the store in `dir`.
    ///
    /// # Errors
    /// When there is none, or it is not one that this version can read.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let file = dir.join(FILE);
        let exists = file.try_exists().map_err(|source| StoreError::Io {
            path: file.clone(),
            source,
        })?;
        if !exists {
            let dir = dir.to_owned();
            return Err(StoreError::Missing { dir });
        }
        let alone = !has_wal(&file);
        let as_of = alone.then(|| written(&file)).flatten();
        let sqlite = |error| StoreError::sqlite(file.clone(), &error);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_URI
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection =
            Connection::open_with_flags(address(&file, alone), flags).map_err(sqlite)?;
        connection.busy_timeout(BUSY).map_err(sqlite)?;
        match schema::look(&connection).map_err(sqlite)? {
            Found::Version(found) if found > schema::newest() => Err(StoreError::Newer {
                file,
                found,
                known: schema::newest(),
            }),
            Found::Version(_) => Ok(Self {
                connection,
                file,
                as_of,
            }),
            Found::Empty | Found::Foreign => Err(StoreError::Foreign { file }),
        }
    }

    /// The database.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Whether a server began to use the store since it was opened here: what was read may be of no one moment.
    #[must_use]
    pub fn was_overtaken(&self) -> bool {
        self.as_of.is_some() && (has_wal(&self.file) || written(&self.file) != self.as_of)
    }

    /// The names of the rooms as they are stored, in order.
    ///
    /// # Errors
    /// When the list cannot be read.
    pub fn rooms(&self) -> Result<Vec<String>, LogError> {
        let mut query = self.prepare("SELECT name FROM rooms ORDER BY name")?;
        let names = query.query_map([], |row| {
            let name = row.get_ref(0)?.as_bytes()?;
            Ok(String::from_utf8_lossy(name).into_owned())
        });
        let names = names.map_err(ReadError::from)?;
        Ok(names.collect::<Result<_, _>>().map_err(ReadError::from)?)
    }

    /// The room that is stored as `name`, in numbers; `None` when it never had an operation.
    ///
    /// # Errors
    /// When it is damaged.
    pub fn summary(&mut self, name: &str) -> Result<Option<RoomSummary>, LogError> {
        Ok(summary(&mut self.connection, name)?)
    }

    /// What is stored of the room `name`; `None` when it never had an operation.
    ///
    /// # Errors
    /// When it is damaged.
    pub fn room(&mut self, name: &RoomName) -> Result<Option<Stored>, LogError> {
        Ok(load::room(&mut self.connection, name)?)
    }

    /// The operations of the room `name` after `after` that are kept, whether its snapshot can be read or not; `None` when there is no
    /// such room.
    ///
    /// # Errors
    /// When they are damaged.
    pub fn operations(
        &mut self,
        name: &RoomName,
        after: Rev,
    ) -> Result<Option<Vec<Arc<Operation>>>, LogError> {
        Ok(operations(&mut self.connection, name, after)?)
    }

    /// Checks all that is stored of the room `name`; `None` when there is no such room.
    ///
    /// # Errors
    /// When it cannot be read at all.
    pub fn check_room(&mut self, name: &str) -> Result<Option<RoomCheck>, LogError> {
        Ok(verify::room(&mut self.connection, name)?)
    }

    /// Checks the file as a database. A line per problem.
    ///
    /// # Errors
    /// When it cannot be read at all.
    pub fn check_file(&self) -> Result<Vec<String>, LogError> {
        Ok(verify::file(&self.connection)?)
    }

    fn prepare(&self, query: &str) -> Result<rusqlite::Statement<'_>, ReadError> {
        Ok(self.connection.prepare(query)?)
    }
}

/// Whether a server has the database open, or one was killed that had: what it wrote may stand in the write-ahead log.
fn has_wal(file: &Path) -> bool {
    let mut wal = OsString::from(file);
    wal.push("-wal");
    fs::metadata(wal).is_ok_and(|wal| wal.len() > 0)
}

fn written(file: &Path) -> Option<SystemTime> {
    fs::metadata(file).and_then(|file| file.modified()).ok()
}

/// `file` as SQLite takes it with parameters.
/// What SQLite is to open so that it reads a database alone, and touches nothing.
pub(super) fn immutable(file: &Path) -> String {
    address(file, true)
}

fn address(file: &Path, alone: bool) -> String {
    use std::fmt::Write as _;
    let mut address = String::from("file:");
    for byte in file.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.~".contains(byte) {
            address.push(char::from(*byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(address, "%{byte:02X}");
        }
    }
    address + if alone { "?immutable=1" } else { "?mode=ro" }
}

/// The room stored as `name`; whatever it is called.
fn find(connection: &Connection, name: &str) -> Result<Option<(RoomName, RoomRow)>, ReadError> {
    let name = RoomName::new(name)
        .map_err(|error| ReadError::damaged(format!("its name cannot be one: {error}")))?;
    Ok(rows::room(connection, &name)?.map(|room| (name, room)))
}

fn operations(
    connection: &mut Connection,
    name: &RoomName,
    after: Rev,
) -> Result<Option<Vec<Arc<Operation>>>, ReadError> {
    let moment = connection.transaction()?;
    let Some(room) = rows::room(&moment, name)? else {
        return Ok(None);
    };
    let mut operations = rows::operations(&moment, &room, after)?;
    operations.retain(|operation| operation.rev > after);
    Ok(Some(operations))
}

fn summary(connection: &mut Connection, name: &str) -> Result<Option<RoomSummary>, ReadError> {
    let moment = connection.transaction()?;
    let Some((name, room)) = find(&moment, name)? else {
        return Ok(None);
    };
    let rev = rows::head(&moment, &room)?;
    if rev == Rev::ZERO {
        return Ok(None);
    }
    let snapshot_records = records_noted(&moment, &room)?;
    Ok(Some(RoomSummary {
        name,
        epoch: room.epoch.clone(),
        rev,
        records: records(&moment, &room, snapshot_records)?,
        operation_bytes: bytes(&moment, &room, "operations")?,
        record_bytes: bytes(&moment, &room, "records")?,
        snapshot_rev: room.snapshot_rev,
        snapshot_records,
        tail: tail(&moment, &room)?,
    }))
}

fn bytes(connection: &Connection, room: &RoomRow, table: &str) -> rusqlite::Result<u64> {
    let query = format!("SELECT coalesce(sum(length(body)), 0) FROM {table} WHERE room = ?1");
    connection.query_row(&query, [room.id], |row| number(row, 0))
}

/// How many records the snapshot has by its own account.
fn records_noted(connection: &Connection, room: &RoomRow) -> rusqlite::Result<u64> {
    let query = "SELECT records FROM rooms WHERE id = ?1";
    connection.query_row(query, [room.id], |row| number(row, 0))
}

/// The records at head: those of the snapshot, and what the operations after it made of them.
fn records(
    connection: &Connection,
    room: &RoomRow,
    snapshot_records: u64,
) -> Result<u64, ReadError> {
    let operations = rows::operations(connection, room, room.snapshot_rev)?;
    let mut exists: BTreeMap<&RecordKey, bool> = BTreeMap::new();
    let after = |operation: &&Arc<Operation>| operation.rev > room.snapshot_rev;
    for operation in operations.iter().filter(after) {
        for effect in &operation.changes {
            exists.insert(&effect.key, !matches!(effect.edit, Edit::Delete));
        }
    }
    let mut records = snapshot_records;
    for (key, exists) in exists {
        match (is_in_snapshot(connection, room, key)?, exists) {
            (false, true) => records = records.saturating_add(1),
            (true, false) => records = records.saturating_sub(1),
            (true, true) | (false, false) => {}
        }
    }
    Ok(records)
}

fn is_in_snapshot(
    connection: &Connection,
    room: &RoomRow,
    key: &RecordKey,
) -> rusqlite::Result<bool> {
    let query = "SELECT body IS NOT NULL FROM records WHERE room = ?1 AND collection = ?2 AND id = ?3 \
                 AND since <= ?4 AND since >= ?5 ORDER BY since DESC LIMIT 1";
    let mut query = connection.prepare_cached(query)?;
    let (rev, complete) = (signed(room.snapshot_rev), signed(room.complete_rev));
    let (collection, id) = (key.collection.as_str(), key.id.as_str());
    let values = params![room.id, collection, id, rev, complete];
    let found = query.query_row(values, |row| row.get(0)).optional()?;
    Ok(found.unwrap_or_default())
}

/// The first and the last operation that is kept.
fn tail(connection: &Connection, room: &RoomRow) -> Result<Option<RangeInclusive<Rev>>, ReadError> {
    let query = "SELECT rev, body, sum FROM operations WHERE room = ?1 ORDER BY rev LIMIT 1";
    let mut query = connection.prepare_cached(query)?;
    let first = query
        .query_row([room.id], |row| Ok(rows::batch(row)))
        .optional()?;
    let Some(first) = first.transpose()? else {
        return Ok(None);
    };
    let last = "SELECT max(rev) FROM operations WHERE room = ?1";
    let last = connection.query_row(last, [room.id], |row| rows::rev(row, 0))?;
    Ok(first.first().map(|first| first.rev..=last))
}
