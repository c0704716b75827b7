//! `revring inspect --verify`.

use std::{
    fs,
    io::{self, Write as _},
    path::Path,
    process::ExitCode,
};

use revring_protocol::ids::RoomName;

use super::{Failure, progress::Progress};
use crate::{
    log::{LogError, RoomCheck, StoreView},
    text::printable,
};

/// Databases from this size on take so long that a bar is shown.
const LONG: u64 = 32 << 20;

/// Says that the file is nothing to be checked any more.
pub(super) fn hopeless(found: &str) -> Result<ExitCode, Failure> {
    let lines = format!(
        "file: {found}\nchecked the file, which cannot be read as a database; 1 problem found"
    );
    writeln!(io::stdout(), "{lines}").map_err(Failure::Output)?;
    Ok(ExitCode::FAILURE)
}

/// Checks one room, or the file and all of them. Prints each problem, and what was checked.
pub(super) fn run(
    view: &mut StoreView,
    dir: &Path,
    room: Option<&RoomName>,
) -> Result<ExitCode, Failure> {
    let (rooms, steps) = match room {
        Some(room) => (Ok(vec![room.as_str().to_owned()]), 1),
        None => {
            let rooms = view.rooms();
            let steps = rooms.as_ref().map_or(1, |rooms| rooms.len() + 1);
            (rooms, steps)
        }
    };
    let size = fs::metadata(view.file()).map_or(0, |file| file.len());
    let mut report = Report {
        progress: Progress::new(steps, size >= LONG),
        done: RoomCheck::default(),
        problems: 0,
        rooms: 0,
    };
    if room.is_none() {
        report.progress.at("the file");
        report.add("file", view.check_file())?;
        report.progress.step();
    }
    match rooms {
        Ok(rooms) => rooms.iter().try_for_each(|room| report.room(view, room))?,
        Err(error) => report.problem("file", &error.to_string())?,
    }
    match room {
        Some(room) if report.rooms == 0 => Err(Failure::no_room(dir, room)),
        room => report.end(room),
    }
}

struct Report {
    progress: Progress,
    /// All that was read.
    done: RoomCheck,
    problems: u64,
    rooms: u64,
}

impl Report {
    fn room(&mut self, view: &mut StoreView, room: &str) -> Result<(), Failure> {
        self.progress.at(&printable(room));
        let checked = view.check_room(room);
        self.progress.step();
        let Some(check) = checked.transpose() else {
            return Ok(());
        };
        self.rooms += 1;
        let problems = check.map(|check| {
            self.done.batches += check.batches;
            self.done.operations += check.operations;
            self.done.records += check.records;
            check.problems
        });
        self.add(room, problems)
    }

    fn add(&mut self, what: &str, found: Result<Vec<String>, LogError>) -> Result<(), Failure> {
        match found {
            Ok(problems) => problems
                .iter()
                .try_for_each(|problem| self.problem(what, problem)),
            Err(error) => self.problem(what, &error.to_string()),
        }
    }

    fn problem(&mut self, what: &str, problem: &str) -> Result<(), Failure> {
        self.problems += 1;
        let line = printable(&format!("{what}: {problem}"));
        let printed = self.progress.aside(|| writeln!(io::stdout(), "{line}"));
        printed.map_err(Failure::Output)
    }

    fn end(self, room: Option<&RoomName>) -> Result<ExitCode, Failure> {
        let what = match room {
            Some(room) => format!("the room {room}"),
            None => format!("the file and {}", counted(self.rooms, "room", "rooms")),
        };
        let operations = counted(self.done.operations, "operation", "operations");
        let batches = counted(self.done.batches, "batch", "batches");
        let records = counted(self.done.records, "record", "records");
        let found = match self.problems {
            0 => "no problem".to_owned(),
            problems => counted(problems, "problem", "problems"),
        };
        drop(self.progress);
        writeln!(
            io::stdout(),
            "checked {what}: {operations} in {batches}, {records} in snapshots; {found} found"
        )
        .map_err(Failure::Output)?;
        Ok(if self.problems == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
