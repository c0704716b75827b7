//! Between rows and what they mean: rooms, operations, checksums.

use std::{hash::Hasher as _, sync::Arc};

use revring_protocol::{
    change::Operation,
    codec::Codec,
    ids::{Epoch, Rev, RoomName},
};
use rusqlite::{Connection, OptionalExtension as _, Row, params, types::Type};
use twox_hash::XxHash64;

use crate::log::LogError;

/// What the file keeps operations and records in.
pub(super) const CODEC: Codec = Codec::MessagePack;

/// A row of `rooms`.
#[derive(Debug, Clone)]
pub(super) struct RoomRow {
    pub(super) id: i64,
    pub(super) epoch: Epoch,
    pub(super) snapshot_rev: Rev,
    pub(super) snapshot_at: u64,
    pub(super) checksum: String,
    pub(super) tombstones_forgotten: u64,
    pub(super) clients_forgotten: Rev,
    pub(super) complete_rev: Rev,
    pub(super) unfinished: Rev,
}

/// A batch of operations as it is stored.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) bytes: Vec<u8>,
    /// The revision of its last operation.
    pub(super) last: Rev,
}

impl Body {
    /// That of `operations`; `None` without any.
    pub(super) fn of(operations: &[Arc<Operation>]) -> Option<Self> {
        Some(Self {
            last: operations.last()?.rev,
            bytes: CODEC.encode(operations),
        })
    }

    pub(super) fn sum(&self) -> i64 {
        sum(&self.bytes)
    }
}

fn sum(bytes: &[u8]) -> i64 {
    let mut hasher = XxHash64::with_seed(0);
    hasher.write(bytes);
    hasher.finish().cast_signed()
}

/// Why rows could not be read.
#[derive(Debug)]
pub(super) enum ReadError {
    Sqlite(rusqlite::Error),
    /// What is wrong with them.
    Damaged(String),
}

impl From<rusqlite::Error> for ReadError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl ReadError {
    pub(super) fn damaged(problem: impl Into<String>) -> Self {
        Self::Damaged(problem.into())
    }
}

impl From<ReadError> for LogError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Damaged(problem) => Self::Damaged(problem),
            ReadError::Sqlite(error) if is_damage(&error) => Self::Damaged(error.to_string()),
            ReadError::Sqlite(error) => Self::Unavailable(super::error::reason(&error)),
        }
    }
}

/// Whether an error says that what is stored cannot be what was stored.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::{Error, ErrorCode};
    match error {
        Error::FromSqlConversionFailure(..) | Error::InvalidColumnType(..) => true,
        error => matches!(
            error.sqlite_error_code(),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
        ),
    }
}

/// The row of the room `name`.
pub(super) fn room(connection: &Connection, name: &RoomName) -> rusqlite::Result<Option<RoomRow>> {
    let query = "SELECT id, epoch, snapshot_rev, snapshot_at, checksum, tombstones_forgotten, \
                 clients_forgotten, complete_rev, unfinished FROM rooms WHERE name = ?1";
    let mut query = connection.prepare_cached(query)?;
    query.query_row([name.as_str()], read_room).optional()
}

fn read_room(row: &Row<'_>) -> rusqlite::Result<RoomRow> {
    let epoch: String = row.get(1)?;
    let epoch = Epoch::new(&epoch)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(1, Type::Text, error.into()))?;
    Ok(RoomRow {
        id: row.get(0)?,
        epoch,
        snapshot_rev: rev(row, 2)?,
        snapshot_at: number(row, 3)?,
        checksum: row.get(4)?,
        tombstones_forgotten: number(row, 5)?,
        clients_forgotten: rev(row, 6)?,
        complete_rev: rev(row, 7)?,
        unfinished: rev(row, 8)?,
    })
}

/// The last revision that is stored of a room.
pub(super) fn head(connection: &Connection, room: &RoomRow) -> rusqlite::Result<Rev> {
    let query = "SELECT rev FROM operations WHERE room = ?1 ORDER BY rev DESC LIMIT 1";
    let mut query = connection.prepare_cached(query)?;
    let last = query
        .query_row([room.id], |row| rev(row, 0))
        .optional()?
        .unwrap_or_default();
    Ok(last.max(room.snapshot_rev))
}

/// The stored operations after `after`, and those stored with them; no hole is among them.
pub(super) fn operations(
    connection: &Connection,
    room: &RoomRow,
    after: Rev,
) -> Result<Vec<Arc<Operation>>, ReadError> {
    let query = "SELECT rev, body, sum FROM operations WHERE room = ?1 AND rev > ?2 ORDER BY rev";
    let mut query = connection.prepare_cached(query)?;
    let mut rows = query.query(params![room.id, signed(after)])?;
    let mut operations: Vec<Arc<Operation>> = Vec::new();
    while let Some(row) = rows.next()? {
        for operation in batch(row)? {
            let head = operations.last().map(|operation| operation.rev);
            if head.is_some_and(|head| head.next() != operation.rev) {
                let last = rev(row, 0)?;
                return Err(batch_problem(
                    last,
                    &format!("leave a hole before {}", operation.rev),
                ));
            }
            operations.push(Arc::new(operation));
        }
    }
    Ok(operations)
}

/// The operations in a row of revision, body and checksum.
pub(super) fn batch(row: &Row<'_>) -> Result<Vec<Operation>, ReadError> {
    let last = rev(row, 0)?;
    let (body, expected): (&[u8], i64) =
        (row.get_ref(1)?.as_blob().map_err(wrong(1))?, row.get(2)?);
    if sum(body) != expected {
        return Err(batch_problem(last, "do not match their checksum"));
    }
    let batch = CODEC
        .decode_operations(body)
        .map_err(|error| batch_problem(last, &format!("are not operations: {error}")))?;
    if batch.last().map(|operation| operation.rev) != Some(last) {
        return Err(batch_problem(last, "do not end with it"));
    }
    Ok(batch)
}

/// What is wrong with the operations in the row of revision `last`.
pub(super) fn batch_problem(last: Rev, problem: &str) -> ReadError {
    ReadError::damaged(format!(
        "the operations stored under revision {last} {problem}"
    ))
}

fn wrong(column: usize) -> impl Fn(rusqlite::types::FromSqlError) -> rusqlite::Error {
    move |error| rusqlite::Error::FromSqlConversionFailure(column, Type::Blob, error.into())
}

/// A revision as a column.
pub(super) fn signed(rev: Rev) -> i64 {
    rev.get().cast_signed()
}

/// The revision in a column.
pub(super) fn rev(row: &Row<'_>, column: usize) -> rusqlite::Result<Rev> {
    number(row, column).map(Rev::new)
}

/// The number in a column, which is never negative.
pub(super) fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Integer, error.into())
    })
}
