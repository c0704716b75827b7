//! Opens the database: what it must be, how it flushes, what is checked before anything is believed.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt as _,
    path::PathBuf,
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, config::DbConfig};

use super::{
    Durability, FILE, StoreOptions, dir,
    error::StoreError,
    inspect::immutable,
    lock::Witness,
    run::{self, Mark},
    schema::{self, Found, VERSIONS},
};

/// How long another program's short lock is waited for.
pub(super) const BUSY: Duration = Duration::from_secs(5);
/// Pages of 4 KiB in the write-ahead log before they are moved into the database.
const WAL_PAGES: i64 = 1000;
/// What the write-ahead log is cut to after it had to grow.
const WAL_BYTES: i64 = 16 << 20;
/// Bytes of the write-ahead log in memory while it is written again: it may be long.
const PIECE: usize = 1 << 20;
/// Databases up to this size are checked whole at start; larger ones by what is read of them.
const CHECKED_WHOLE: u64 = 64 << 20;

/// Where the database is, and through which file system of SQLite.
#[derive(Debug, Clone)]
pub(super) struct Database {
    pub(super) file: PathBuf,
    vfs: Option<String>,
}

impl Database {
    pub(super) fn of(options: &StoreOptions) -> Self {
        Self {
            file: options.dir.join(FILE),
            vfs: options.vfs.clone(),
        }
    }

    pub(super) fn error(&self, error: &rusqlite::Error) -> StoreError {
        StoreError::sqlite(self.file.clone(), error)
    }

    fn connect(&self, flags: OpenFlags) -> rusqlite::Result<Connection> {
        let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = match &self.vfs {
            Some(vfs) => Connection::open_with_flags_and_vfs(&self.file, flags, vfs.as_str()),
            None => Connection::open_with_flags(&self.file, flags),
        }?;
        connection.busy_timeout(BUSY)?;
        Ok(connection)
    }

    /// The connection that writes, with full durability. Makes the database, or brings it to this version's schema.
    ///
    /// `witness` is what the lock file says; `None` where files have no place of their own.
    pub(super) fn writer(&self, witness: Option<&Witness>) -> Result<Connection, StoreError> {
        self.check_wal(witness)?;
        self.write_wal_again().map_err(|source| StoreError::Io {
            path: self.file.clone(),
            source,
        })?;
        dir::make_file(&self.file)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let mut connection = self.connect(flags).map_err(|error| self.error(&error))?;
        keep_wal(&connection, true).map_err(|error| self.error(&error))?;
        let found = self.check(&connection)?;
        prepare(&mut connection, found).map_err(|error| self.error(&error))?;
        Ok(connection)
    }

    /// A connection that only reads, beside the one that writes.
    pub(super) fn second(&self) -> rusqlite::Result<Connection> {
        self.connect(OpenFlags::SQLITE_OPEN_READ_ONLY)
    }

    /// Refuses a write-ahead log that is not this database's: SQLite would take both for one.
    fn check_wal(&self, witness: Option<&Witness>) -> Result<(), StoreError> {
        let wal = self.wal();
        let Some(witness) = witness.filter(|_| fs::metadata(&wal).is_ok_and(|wal| wal.len() > 0))
        else {
            return Ok(());
        };
        match self.mark_without_wal() {
            Ok(mark) if mark.contradicts(witness) => Err(StoreError::Mixed {
                file: self.file.clone(),
                wal,
            }),
            // What the database cannot tell alone, it tells with its write-ahead log.
            _ => Ok(()),
        }
    }

    /// Writes the write-ahead log over itself. After a flush that failed the system shows what is not on disk, and takes it for
    /// flushed: nothing but writing it once more makes it last.
    fn write_wal_again(&self) -> io::Result<()> {
        let wal = match File::options().read(true).write(true).open(self.wal()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            wal => wal?,
        };
        let (mut piece, mut at) = (vec![0; PIECE], 0);
        loop {
            match wal.read_at(&mut piece, at)? {
                0 => break,
                count => {
                    wal.write_all_at(&piece[..count], at)?;
                    at += count as u64;
                }
            }
        }
        if at > 0 { wal.sync_all() } else { Ok(()) }
    }

    fn wal(&self) -> PathBuf {
        self.file.with_extension("db-wal")
    }

    fn mark_without_wal(&self) -> rusqlite::Result<Mark> {
        let address = immutable(&self.file);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
        run::mark(&Connection::open_with_flags(address, flags)?)
    }

    /// The version of the schema; 0 for an empty database. Refuses what this version of revring must not touch.
    fn check(&self, connection: &Connection) -> Result<i64, StoreError> {
        let found = schema::look(connection).map_err(|error| self.error(&error))?;
        match found {
            Found::Empty => Ok(0),
            Found::Foreign => Err(self.foreign()),
            Found::Version(found) if found > schema::newest() => Err(StoreError::Newer {
                file: self.file.clone(),
                found,
                known: schema::newest(),
            }),
            Found::Version(found) => self.check_content(connection).map(|()| found),
        }
    }

    fn check_content(&self, connection: &Connection) -> Result<(), StoreError> {
        let size = fs::metadata(&self.file).map_or(0, |file| file.len());
        if size > CHECKED_WHOLE {
            return Ok(());
        }
        let found: String = connection
            .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
            .map_err(|error| self.error(&error))?;
        if found == "ok" {
            return Ok(());
        }
        Err(StoreError::Damaged {
            file: self.file.clone(),
            found: found.lines().collect::<Vec<_>>().join(" "),
        })
    }

    fn foreign(&self) -> StoreError {
        StoreError::Foreign {
            file: self.file.clone(),
        }
    }
}

/// Whether closing leaves the write-ahead log as it is: what is refused stays as it was found.
fn keep_wal(connection: &Connection, keep: bool) -> rusqlite::Result<()> {
    let config = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
    connection.set_db_config(config, keep).map(drop)
}

fn prepare(connection: &mut Connection, found: i64) -> rusqlite::Result<()> {
    keep_wal(connection, false)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // Whatever happened before is made to last as if it had been acknowledged: it is about to be shown.
    connection.pragma_update(None, "synchronous", "FULL")?;
    schema::migrate(connection, found, VERSIONS)?;
    flush(connection)?;
    connection.pragma_update(None, "journal_size_limit", WAL_BYTES)?;
    connection.pragma_update(None, "wal_autocheckpoint", WAL_PAGES)
}

/// Whether a flush did all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flushed {
    /// Everything is in the database and on disk.
    All,
    /// Someone who reads held it up.
    Busy,
}

/// Moves the write-ahead log into the database and flushes both. What a process left there that was killed while it wrote may
/// never have been flushed.
pub(super) fn flush(connection: &Connection) -> rusqlite::Result<Flushed> {
    let busy = "PRAGMA wal_checkpoint(TRUNCATE)";
    let busy: i64 = connection.query_row(busy, [], |row| row.get(0))?;
    Ok(if busy == 0 {
        Flushed::All
    } else {
        Flushed::Busy
    })
}

/// From now on commits promise `durability`.
pub(super) fn promise(connection: &Connection, durability: Durability) -> rusqlite::Result<()> {
    let synchronous = match durability {
        Durability::Full => "FULL",
        Durability::Os => "NORMAL",
        Durability::None => "OFF",
    };
    connection.pragma_update(None, "synchronous", synchronous)
}
