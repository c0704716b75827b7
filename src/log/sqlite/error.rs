//! Why a store does not open, in words that say what to do.

use std::{
    io,
    path::{Path, PathBuf},
};

use rusqlite::ErrorCode;

/// Why a directory cannot be used as a store. Nothing in it was changed or deleted.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process of revring has it: a server or an import.
    #[error("{} is in use by another revring process{}; stop that one first, or name another directory", dir.display(), process(*pid))]
    InUse {
        /// The directory.
        dir: PathBuf,
        /// The other process, if it says so.
        pid: Option<u32>,
    },
    /// Some other program holds a lock on the database.
    #[error("{} is locked by another program that has it open; close that program and try again", file.display())]
    Locked {
        /// The database.
        file: PathBuf,
    },
    /// A newer version of revring wrote it.
    #[error("{} has schema version {found}, and this revring knows versions up to {known}: use the revring that wrote it, or a newer one", file.display())]
    Newer {
        /// The database.
        file: PathBuf,
        /// Its schema version.
        found: i64,
        /// The newest version that is known.
        known: i64,
    },
    /// It holds something else.
    #[error("{} is a database, but not one of revring; name another directory", file.display())]
    Foreign {
        /// The database.
        file: PathBuf,
    },
    /// There is none.
    #[error("there is no revring store in {}: {} does not exist", dir.display(), super::FILE)]
    Missing {
        /// The directory.
        dir: PathBuf,
    },
    /// The database and the write-ahead log beside it are not of one run.
    #[error("{} and {} do not belong together, as when a backup is copied over what a server left behind; nothing was changed. \
             Put backups into an empty directory. If the database is the backup that you want, move the other file away", file.display(), wal.display())]
    Mixed {
        /// The database.
        file: PathBuf,
        /// The write-ahead log.
        wal: PathBuf,
    },
    /// Its content cannot be what revring wrote.
    #[error("{} is damaged: {found}; nothing was changed. Keep a copy, look with `revring inspect {} --verify`, and restore a backup or name another directory", file.display(), parent(file).display())]
    Damaged {
        /// The database.
        file: PathBuf,
        /// What was found.
        found: String,
    },
    /// The file system refuses.
    #[error("cannot use {}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// SQLite refuses for another reason.
    #[error("cannot use {}: {reason}", file.display())]
    Sqlite {
        /// The database.
        file: PathBuf,
        /// Why.
        reason: String,
    },
}

/// The directory of a database.
fn parent(file: &Path) -> &Path {
    file.parent().unwrap_or(file)
}

fn process(pid: Option<u32>) -> String {
    pid.map_or_else(String::new, |pid| format!(" (process {pid})"))
}

impl StoreError {
    pub(super) fn sqlite(file: PathBuf, error: &rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked { file },
            Some(ErrorCode::NotADatabase) => Self::Damaged {
                file,
                found: "it is not a database, or its first page was overwritten".to_owned(),
            },
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged {
                file,
                found: error.to_string(),
            },
            _ => Self::Sqlite {
                file,
                reason: reason(error),
            },
        }
    }
}

/// What SQLite says, for people.
pub(super) fn reason(error: &rusqlite::Error) -> String {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "the disk is full".to_owned(),
        Some(ErrorCode::SystemIoFailure) => format!("the disk does not work: {error}"),
        Some(ErrorCode::CannotOpen) => format!("{error}; this user may lack the permission"),
        Some(ErrorCode::ReadOnly) => "the files cannot be written to".to_owned(),
        _ => error.to_string(),
    }
}
