//! `revring inspect`.

mod details;
mod table;

use std::{
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{ArgMatches, Args as _, Command, FromArgMatches as _};
use revring_protocol::{
    ids::{Rev, RoomName},
    limits::Limits,
    room::Room,
};

use super::{Failure, verify};
use crate::{
    exchange::RecordLine,
    log::{LogError, StoreError, StoreView},
    text::json_line,
};

const ABOUT: &str = "\
Look at the rooms that a server keeps on disk

Lists the rooms of a store; with ROOM, says more of one. A server may be running on it. Nothing is changed: a database that no \
server has open is read as it stands; beside a server, or after one was killed, SQLite may renew revring.db-shm, its index of \
what has not been moved into revring.db yet.";

const COLUMNS: &str = "\
RECORDS are those at REV. BYTES is what operations and records take in the file. SNAPSHOT is the revision of the stored \
snapshot, TAIL the operations that are kept: those that resuming clients may need, and those after the snapshot.";

/// Runs `revring inspect`.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("what").args(["state", "operations", "verify", "json"]))]
struct Inspect {
    /// The store's directory
    #[arg(value_name = "DIR", default_value = "./revring-data")]
    dir: PathBuf,
    /// The room to look at
    #[arg(value_name = "ROOM")]
    room: Option<RoomName>,
    /// Print as JSON Lines
    #[arg(long)]
    json: bool,
    /// Print the room's records at its newest revision as JSON Lines
    #[arg(long, requires = "room")]
    state: bool,
    /// Print the room's operations that are kept as JSON Lines, as clients get them
    #[arg(long, requires = "room")]
    operations: bool,
    /// Only operations after this revision
    #[arg(long, value_name = "REV", requires = "operations")]
    after: Option<u64>,
    /// Check revisions, checksums and that each room opens; without ROOM, the file and all rooms.
    ///
    /// Prints each problem on a line of its own; the exit code is 1 if there is any.
    #[arg(long)]
    verify: bool,
}

pub(super) fn command() -> Command {
    Inspect::augment_args(Command::new("inspect"))
        .about("Look at the rooms that a server keeps on disk")
        .long_about(ABOUT)
        .after_help(COLUMNS)
}

pub(super) fn run(matches: &ArgMatches) -> Result<ExitCode, Failure> {
    let asked = Inspect::from_arg_matches(matches)?;
    let mut view = match StoreView::open(&asked.dir) {
        Err(StoreError::Damaged { found, .. }) if asked.verify => return verify::hopeless(&found),
        opened => opened?,
    };
    let exit = if asked.verify {
        verify::run(&mut view, &asked.dir, asked.room.as_ref())?
    } else {
        let mut out = BufWriter::new(io::stdout().lock());
        let exit = asked.print(&mut view, &mut out)?;
        out.flush().map_err(Failure::Output)?;
        exit
    };
    check_moment(&view, &asked.dir)?;
    Ok(exit)
}

/// Fails if what was read of `view` may be of several moments.
pub(super) fn check_moment(view: &StoreView, dir: &Path) -> Result<(), Failure> {
    if view.was_overtaken() {
        let dir = dir.to_owned();
        return Err(Failure::Overtaken { dir });
    }
    Ok(())
}

/// The room as a server would open it.
pub(super) fn open_room(
    view: &mut StoreView,
    dir: &Path,
    room: &RoomName,
) -> Result<Room, Failure> {
    let failed = |error| Failure::Room {
        dir: dir.to_owned(),
        room: room.clone(),
        error,
    };
    let Some(stored) = view.room(room).map_err(failed)? else {
        return Err(Failure::no_room(dir, room));
    };
    Room::restore(stored.image, &stored.tail, Limits::DEFAULT)
        .map_err(|error| failed(LogError::Damaged(error.to_string())))
}

impl Inspect {
    fn print(&self, view: &mut StoreView, out: &mut dyn Write) -> Result<ExitCode, Failure> {
        let Some(room) = &self.room else {
            return table::list(view, self.json, out);
        };
        if self.state {
            self.print_state(view, room, out)?;
        } else if self.operations {
            self.print_operations(view, room, out)?;
        } else {
            let opened = open_room(view, &self.dir, room)?;
            details::print(view, &opened, &self.dir, room, self.json, out)?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn print_state(
        &self,
        view: &mut StoreView,
        room: &RoomName,
        out: &mut dyn Write,
    ) -> Result<(), Failure> {
        let opened = open_room(view, &self.dir, room)?;
        for (collection, records) in opened.document().collections() {
            for (id, record) in records {
                let record = RecordLine::new(collection.as_str(), id.as_str(), record);
                put(out, &json_line(&record))?;
            }
        }
        Ok(())
    }

    fn print_operations(
        &self,
        view: &mut StoreView,
        room: &RoomName,
        out: &mut dyn Write,
    ) -> Result<(), Failure> {
        let after = Rev::new(self.after.unwrap_or_default());
        let operations = view
            .operations(room, after)
            .map_err(|error| Failure::Room {
                dir: self.dir.clone(),
                room: room.clone(),
                error,
            })?;
        let operations = operations.ok_or_else(|| Failure::no_room(&self.dir, room))?;
        let mut lines = operations.iter().map(|operation| json_line(&**operation));
        lines.try_for_each(|line| put(out, &line))
    }
}

fn put(out: &mut dyn Write, text: &str) -> Result<(), Failure> {
    out.write_all(text.as_bytes()).map_err(Failure::Output)
}
