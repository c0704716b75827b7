//! Rooms in numbers, for people and for programs.

use std::{fmt::Write as _, fs, io::Write, process::ExitCode};

use revring_protocol::ids::{Epoch, Rev, RoomName};
use serde::Serialize;

use super::{Failure, put};
use crate::{
    log::{RoomSummary, StoreView},
    text::{json_line, printable},
};

const HEADINGS: [&str; COLUMNS] = [
    "ROOM", "REV", "EPOCH", "RECORDS", "BYTES", "SNAPSHOT", "TAIL",
];
const COLUMNS: usize = 7;
/// Columns of numbers, which end where their heading ends.
const NUMBERS: [bool; COLUMNS] = [false, true, false, true, true, true, false];

/// Lists all rooms. A damaged one is named with its problem, and does not keep the others from being listed.
pub(super) fn list(
    view: &mut StoreView,
    json: bool,
    out: &mut dyn Write,
) -> Result<ExitCode, Failure> {
    let names = view.rooms().map_err(|error| Failure::Read {
        file: view.file().to_owned(),
        error,
    })?;
    let (mut rooms, mut damaged) = (Vec::new(), Vec::new());
    for name in names {
        match view.summary(&name) {
            Ok(Some(room)) => rooms.push(room),
            Ok(None) => {}
            Err(error) => damaged.push((name, error.to_string())),
        }
    }
    if json {
        for room in &rooms {
            put(out, &json_line(&RoomLine::new(room)))?;
        }
        for (name, problem) in &damaged {
            let room = name;
            put(out, &json_line(&DamagedLine { room, problem }))?;
        }
    } else {
        let size = fs::metadata(view.file()).map_or(0, |file| file.len());
        put(out, &to_table(&rooms))?;
        for (name, problem) in &damaged {
            put(
                out,
                &format!("{}\n", printable(&format!("{name}: {problem}"))),
            )?;
        }
        put(out, &total(&rooms, damaged.len(), size))?;
    }
    Ok(if damaged.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// A room in the list as JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RoomLine<'a> {
    room: &'a RoomName,
    rev: Rev,
    epoch: &'a Epoch,
    records: u64,
    bytes: u64,
    snapshot_rev: Option<Rev>,
    tail: Option<TailEntry>,
}

#[derive(Serialize)]
struct TailEntry {
    first: Rev,
    last: Rev,
    operations: u64,
}

/// A room that cannot be read.
#[derive(Serialize)]
struct DamagedLine<'a> {
    room: &'a str,
    problem: &'a str,
}

impl<'a> RoomLine<'a> {
    pub(super) fn new(room: &'a RoomSummary) -> Self {
        Self {
            room: &room.name,
            rev: room.rev,
            epoch: &room.epoch,
            records: room.records,
            bytes: room.bytes(),
            snapshot_rev: Some(room.snapshot_rev).filter(|rev| *rev != Rev::ZERO),
            tail: room.tail.as_ref().map(|tail| TailEntry {
                first: *tail.start(),
                last: *tail.end(),
                operations: room.kept(),
            }),
        }
    }
}

fn to_table(rooms: &[RoomSummary]) -> String {
    if rooms.is_empty() {
        return String::new();
    }
    let mut rows = vec![HEADINGS.map(str::to_owned)];
    rows.extend(rooms.iter().map(row));
    let widest = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: [usize; COLUMNS] = std::array::from_fn(widest);
    let mut table = String::new();
    for row in &rows {
        let mut line = String::new();
        for ((text, width), number) in row.iter().zip(widths).zip(NUMBERS) {
            // Writing to a String cannot fail.
            let _ = if number {
                write!(line, "{text:>width$}  ")
            } else {
                write!(line, "{text:<width$}  ")
            };
        }
        table.push_str(line.trim_end());
        table.push('\n');
    }
    table
}

fn row(room: &RoomSummary) -> [String; COLUMNS] {
    let snapshot = match room.snapshot_rev {
        Rev::ZERO => "-".to_owned(),
        rev => rev.to_string(),
    };
    [
        room.name.to_string(),
        room.rev.to_string(),
        room.epoch.to_string(),
        room.records.to_string(),
        room.bytes().to_string(),
        snapshot,
        tail(room),
    ]
}

pub(super) fn tail(room: &RoomSummary) -> String {
    match &room.tail {
        Some(tail) => format!("{}..{} ({})", tail.start(), tail.end(), room.kept()),
        None => "-".to_owned(),
    }
}

fn total(rooms: &[RoomSummary], damaged: usize, size: u64) -> String {
    let records: u64 = rooms.iter().map(|room| room.records).sum();
    let bytes: u64 = rooms.iter().map(RoomSummary::bytes).sum();
    let count = match rooms.len() {
        1 => "1 room".to_owned(),
        count => format!("{count} rooms"),
    };
    let damaged = match damaged {
        0 => String::new(),
        count => format!(", {count} damaged beside them"),
    };
    format!("{count}{damaged}: {records} records, {bytes} bytes; the file has {size} bytes\n")
}
