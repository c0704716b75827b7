//! Finds what is wrong with a store: every problem, not only the first.

use std::sync::Arc;

use revring_protocol::{
    change::Operation,
    ids::Rev,
    limits::Limits,
    room::{Image, Room},
};
use rusqlite::Connection;

use super::{find, records_noted};
use crate::log::{
    LogError,
    sqlite::{
        load,
        rows::{self, ReadError, RoomRow},
    },
};

/// What the check of a room found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoomCheck {
    /// What is wrong, a line each.
    pub problems: Vec<String>,
    /// Stored batches of operations that were read.
    pub batches: u64,
    /// Operations that were read.
    pub operations: u64,
    /// Records of the snapshot that were read.
    pub records: u64,
}

impl RoomCheck {
    /// Notes what makes the room unreadable.
    fn note(&mut self, error: ReadError) {
        let problem = match LogError::from(error) {
            LogError::Damaged(problem) | LogError::Unavailable(problem) => problem,
            error => error.to_string(),
        };
        self.problems.push(problem);
    }
}

/// Checks one room: operations, snapshot, and that one follows the other.
pub(super) fn room(
    connection: &mut Connection,
    name: &str,
) -> Result<Option<RoomCheck>, ReadError> {
    let moment = connection.transaction()?;
    let mut check = RoomCheck::default();
    let room = match find(&moment, name) {
        Ok(Some((_, room))) => room,
        Ok(None) => return Ok(None),
        Err(error) => {
            check.note(error);
            return Ok(Some(check));
        }
    };
    let tail = operations(&moment, &room, &mut check);
    let image = snapshot(&moment, &room, &mut check);
    if let (Some(tail), Some(image)) = (tail, image)
        && let Err(problem) = restore(image, &tail)
    {
        check.note(problem);
    }
    Ok(Some(check))
}

/// The stored operations; `None` when some of them are not what was stored.
fn operations(
    connection: &Connection,
    room: &RoomRow,
    check: &mut RoomCheck,
) -> Option<Vec<Arc<Operation>>> {
    let before = check.problems.len();
    let mut operations = Vec::new();
    if let Err(error) = read_operations(connection, room, &mut operations, check) {
        check.note(error);
    }
    (check.problems.len() == before).then_some(operations)
}

fn read_operations(
    connection: &Connection,
    room: &RoomRow,
    operations: &mut Vec<Arc<Operation>>,
    check: &mut RoomCheck,
) -> Result<(), ReadError> {
    let query = "SELECT rev, body, sum FROM operations WHERE room = ?1 ORDER BY rev";
    let mut query = connection.prepare(query)?;
    let mut stored = query.query([room.id])?;
    // The revision before; of a batch that cannot be read, the one it is stored under.
    let mut head: Option<Rev> = None;
    while let Some(row) = stored.next()? {
        check.batches += 1;
        let last = rows::rev(row, 0)?;
        let batch = match rows::batch(row) {
            Ok(batch) => batch,
            Err(error) => {
                check.note(error);
                head = Some(last);
                continue;
            }
        };
        check.operations += batch.len() as u64;
        for operation in batch {
            if head.is_some_and(|head| head.next() != operation.rev) {
                let hole = format!("leave a hole before {}", operation.rev);
                check.note(rows::batch_problem(last, &hole));
            }
            head = Some(operation.rev);
            operations.push(Arc::new(operation));
        }
    }
    Ok(())
}

/// The snapshot; `None` when it is not what was stored.
fn snapshot(connection: &Connection, room: &RoomRow, check: &mut RoomCheck) -> Option<Image> {
    let image = match load::image(connection, room) {
        Ok(image) => image,
        Err(error) => {
            check.note(error);
            return None;
        }
    };
    let found = image.document.len() as u64;
    check.records += found;
    match records_noted(connection, room) {
        Ok(noted) if noted != found => check.problems.push(format!(
            "the snapshot of revision {} has {found} records, not {noted} as when it was written",
            image.rev
        )),
        Ok(_) => {}
        Err(error) => check.note(error.into()),
    }
    Some(image)
}

fn restore(image: Image, tail: &[Arc<Operation>]) -> Result<(), ReadError> {
    load::check_meeting(&image, tail)?;
    let rev = image.rev;
    Room::restore(image, tail, Limits::DEFAULT)
        .map(drop)
        .map_err(|error| {
            ReadError::damaged(format!(
                "the operations do not follow the snapshot of revision {rev}: {error}"
            ))
        })
}

/// What belongs to a room, by table.
const PARTS: [&str; 5] = [
    "operations",
    "records",
    "tombstones",
    "clients",
    "duplicates",
];

/// Checks the file as a database.
pub(super) fn file(connection: &Connection) -> Result<Vec<String>, ReadError> {
    let mut problems = Vec::new();
    let mut query = connection.prepare("PRAGMA integrity_check")?;
    let mut found = query.query([])?;
    loop {
        match found.next() {
            Ok(Some(row)) => {
                let text: String = row.get(0)?;
                let lines = text.lines().filter(|line| !line.starts_with("***"));
                problems.extend(lines.filter(|line| *line != "ok").map(str::to_owned));
            }
            Ok(None) => break,
            Err(error) => {
                problems.push(error.to_string());
                return Ok(problems);
            }
        }
    }
    for table in PARTS {
        let query =
            format!("SELECT count(*) FROM {table} WHERE room NOT IN (SELECT id FROM rooms)");
        match connection.query_row(&query, [], |row| rows::number(row, 0)) {
            Ok(0) => {}
            Ok(count) => problems.push(format!("{count} rows of {table} belong to no room")),
            Err(error) => problems.push(format!("{table}: {error}")),
        }
    }
    Ok(problems)
}
