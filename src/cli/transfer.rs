//! `revring export` and `revring import`.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, BufReader, BufWriter, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use clap::{ArgMatches, Args as _, Command, FromArgMatches as _};
use revring_protocol::{ids::RoomName, room::Image};

use super::{
    Failure,
    inspect::{check_moment, open_room},
};
use crate::{
    exchange::{self, Exported},
    log::{StoreOptions, StoreView, import_room},
};

const ABOUT_EXPORT: &str = "\
Write a room to a file

The file holds the room as it is at its newest revision: its records and what is remembered of clients and of deleted records, as \
JSON Lines. A server may be running on the store.";

const ABOUT_IMPORT: &str = "\
Put an exported room into a store

The file is checked as a whole before anything is written, and the room is stored whole or not at all. Its revisions go on from \
where they were, in a new epoch: clients that knew the room start from a snapshot and learn which of their updates it has. No \
server may be running on the store, and the room must not exist there.";

/// Begins the name of a file that is not whole yet.
const TEMPORARY: &str = ".revring-export-";

#[derive(Debug, clap::Args)]
struct Export {
    /// The store's directory
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// The room to write
    #[arg(value_name = "ROOM")]
    room: RoomName,
    /// Where to; stdout if not given
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Overwrite the file if it exists
    #[arg(long, requires = "file")]
    force: bool,
}

#[derive(Debug, clap::Args)]
struct Import {
    /// The store's directory, which is made if need be
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// What `revring export` wrote; - for stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The room's name here, if it is to have another
    #[arg(long = "as", value_name = "ROOM")]
    name: Option<RoomName>,
}

pub(super) fn export_command() -> Command {
    Export::augment_args(Command::new("export"))
        .about("Write a room to a file")
        .long_about(ABOUT_EXPORT)
}

pub(super) fn import_command() -> Command {
    Import::augment_args(Command::new("import"))
        .about("Put an exported room into a store")
        .long_about(ABOUT_IMPORT)
}

pub(super) fn export(matches: &ArgMatches) -> Result<(), Failure> {
    let asked = Export::from_arg_matches(matches)?;
    let mut view = StoreView::open(&asked.dir)?;
    let opened = open_room(&mut view, &asked.dir, &asked.room)?;
    let image = opened.image();
    check_moment(&view, &asked.dir)?;
    match &asked.file {
        Some(file) => asked.write_file(file, &image)?,
        None => {
            let mut out = BufWriter::new(io::stdout().lock());
            exchange::write(&mut out, &asked.room, &image).map_err(Failure::Output)?;
        }
    }
    let (room, rev, records) = (&asked.room, image.rev, image.document.len());
    let to = asked
        .file
        .as_deref()
        .map_or_else(|| "stdout".to_owned(), shown);
    // The room is written, whether anyone reads this or not.
    let _ = writeln!(
        io::stderr(),
        "exported {room} at revision {rev} with {records} records to {to}"
    );
    Ok(())
}

impl Export {
    fn write_file(&self, file: &Path, image: &Image) -> Result<(), Failure> {
        self.try_write_file(file, image).map_err(|source| {
            let file = file.to_owned();
            if source.kind() == io::ErrorKind::AlreadyExists && !self.force {
                return Failure::FileExists { file };
            }
            Failure::Write { file, source }
        })
    }

    /// The file appears when it is whole; until then, one that was there is as it was.
    fn try_write_file(&self, file: &Path, image: &Image) -> io::Result<()> {
        if self.force && fs::metadata(file).is_ok_and(|found| !found.is_file()) {
            // Pipes and devices stay what they are.
            let file = OpenOptions::new().write(true).open(file)?;
            return exchange::write(&mut BufWriter::new(file), &self.room, image);
        }
        if !self.force && fs::symlink_metadata(file).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        // A link goes on to lead where it leads.
        let file = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
        let dir = match file.parent() {
            Some(dir) if !dir.as_os_str().is_empty() => dir,
            _ => Path::new("."),
        };
        let mut temporary = tempfile::Builder::new();
        // Like the store, for nobody else to read.
        let temporary = temporary.permissions(Permissions::from_mode(0o600));
        let temporary = temporary.prefix(TEMPORARY).tempfile_in(dir)?;
        exchange::write(&mut BufWriter::new(&temporary), &self.room, image)?;
        temporary.as_file().sync_all()?;
        if self.force {
            temporary.persist(&file)?;
        } else {
            temporary.persist_noclobber(&file)?;
        }
        File::open(dir)?.sync_all()
    }
}

pub(super) fn import(matches: &ArgMatches) -> Result<(), Failure> {
    let asked = Import::from_arg_matches(matches)?;
    let Exported { room, image } = asked.read()?;
    let room = asked.name.unwrap_or(room);
    let (rev, records) = (image.rev, image.document.len());
    import_room(&StoreOptions::new(&asked.dir), &room, image)?;
    let dir = shown(&asked.dir);
    writeln!(
        io::stdout(),
        "imported {room} at revision {rev} with {records} records into {dir}; its epoch is new"
    )
    .map_err(Failure::Output)
}

impl Import {
    fn read(&self) -> Result<Exported, Failure> {
        if self.file == Path::new("-") {
            let from = "stdin".to_owned();
            return exchange::read(&mut io::stdin().lock())
                .map_err(|error| Failure::Exchange { from, error });
        }
        let file = File::open(&self.file).map_err(|source| Failure::Open {
            file: self.file.clone(),
            source,
        })?;
        exchange::read(&mut BufReader::new(file)).map_err(|error| Failure::Exchange {
            from: shown(&self.file),
            error,
        })
    }
}

/// A path in a message.
fn shown(path: &Path) -> String {
    crate::text::printable(&path.display().to_string())
}
