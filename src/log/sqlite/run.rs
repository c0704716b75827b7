//! What each run of a server leaves behind for the next, and when that means that every epoch must end: revisions that someone has
//! seen could be issued again.

use std::{fs, os::unix::fs::MetadataExt as _, path::Path};

use rusqlite::{Connection, OptionalExtension as _, Transaction, params, types::FromSql};

use super::{
    Durability,
    connection::{Database, Flushed, flush},
    epochs::{new_name, renew},
    error::StoreError,
    lock::{Lock, Witness},
};

/// Why every epoch of a store is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Renewed {
    /// The machine or the process ended while less than `full` was promised.
    Unclean,
    /// The database is not the one that was here last, such as a backup that was put back.
    Copied,
}

/// A run, as the database tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Run {
    durability: String,
    /// Which start of the machine it was in; `None`: the system does not say.
    boot: Option<String>,
    /// Whether it ended in order.
    clean: bool,
    mark: Mark,
}

/// What ties a database to its database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Mark {
    /// Which file it was.
    inode: i64,
    /// The run's name, which the lock file says, too.
    name: String,
    /// The name before: it counts until the lock file says the new one.
    before: String,
    /// When the lock file was changed; `None`: that was not noted yet.
    changed: Option<i64>,
}

impl Mark {
    /// Whether a lock file names another run than the database.
    pub(super) fn contradicts(&self, witness: &Witness) -> bool {
        let known = |run: &String| *run == self.name || *run == self.before;
        witness.run.as_ref().is_some_and(|run| !known(run))
    }

    /// Whether a lock file is the one that was beside the database last.
    fn fits(&self, witness: &Witness) -> bool {
        let unchanged = || self.changed.is_none_or(|then| then == witness.changed);
        match &witness.run {
            Some(run) if *run == self.name => unchanged(),
            Some(run) => *run == self.before,
            None => self.name.is_empty(),
        }
    }
}

/// Notes that a run begins. Renews every epoch if the run before may have shown what is not here.
///
/// `lock` is `None` where files have no place of their own.
pub(super) fn begin(
    connection: &mut Connection,
    database: &Database,
    lock: Option<&Lock>,
    durability: Durability,
) -> Result<Option<Renewed>, StoreError> {
    let sqlite = |error| database.error(&error);
    let last = last(connection).map_err(sqlite)?;
    let this = Run {
        durability: durability.to_string(),
        boot: boot(),
        clean: false,
        mark: Mark {
            inode: inode(&database.file),
            ..Mark::default()
        },
    };
    let witness = lock.map(Lock::witness);
    let renewed = last
        .as_ref()
        .and_then(|last| last.endangers(&this, witness));
    let transaction = connection.transaction().map_err(sqlite)?;
    if renewed.is_some() {
        renew(&transaction).map_err(sqlite)?;
    }
    note(&transaction, &this).map_err(sqlite)?;
    transaction.commit().map_err(sqlite)?;
    if let Some(lock) = lock {
        name(connection, database, lock)?;
    }
    // A run that promises less must not be forgotten with what it loses.
    flush(connection).map_err(sqlite)?;
    Ok(renewed)
}

/// Notes that the run ended in order: everything is flushed.
pub(super) fn end(
    connection: &Connection,
    database: &Database,
    lock: Option<&Lock>,
) -> Result<(), StoreError> {
    let sqlite = |error| database.error(&error);
    // Not before all that it speaks of has come to rest.
    count(connection).map_err(sqlite)?;
    if flush(connection).map_err(sqlite)? == Flushed::Busy {
        return Ok(());
    }
    put(connection, "clean", &true).map_err(sqlite)?;
    if let Some(lock) = lock {
        // A copy made while the server ran is another run's now.
        name(connection, database, lock)?;
    }
    flush(connection).map(drop).map_err(sqlite)
}

/// Gives the database and the lock file a new name, one after the other; at any moment they fit each other.
fn name(connection: &Connection, database: &Database, lock: &Lock) -> Result<(), StoreError> {
    let sqlite = |error| database.error(&error);
    let name = new_name().map_err(|source| StoreError::Io {
        path: database.file.clone(),
        source,
    })?;
    let before: Option<String> = value(connection, "run").map_err(sqlite)?;
    let named = connection.execute_batch("BEGIN IMMEDIATE").and_then(|()| {
        put(connection, "before", &before)?;
        put(connection, "run", &name)?;
        put(connection, "changed", &None::<i64>)?;
        connection.execute_batch("COMMIT")
    });
    named.map_err(sqlite)?;
    // The database itself must say so before the lock file does, not only its write-ahead log.
    if flush(connection).map_err(sqlite)? == Flushed::Busy {
        return Ok(());
    }
    let changed = lock.note(&name)?;
    put(connection, "changed", &changed).map_err(sqlite)
}

impl Run {
    fn endangers(&self, next: &Self, witness: Option<&Witness>) -> Option<Renewed> {
        if let Some(witness) = witness
            && (self.mark.inode != next.mark.inode || !self.mark.fits(witness))
        {
            return Some(Renewed::Copied);
        }
        let survived = match self.durability.parse() {
            _ if self.clean => true,
            Ok(Durability::Full) => true,
            // The system kept what the process had written, unless it ended, too.
            Ok(Durability::Os) => self.boot.is_some() && self.boot == next.boot,
            Ok(Durability::None) | Err(_) => false,
        };
        (!survived).then_some(Renewed::Unclean)
    }
}

fn last(connection: &Connection) -> rusqlite::Result<Option<Run>> {
    let Some(durability) = value(connection, "durability")? else {
        return Ok(None);
    };
    Ok(Some(Run {
        durability,
        boot: value(connection, "boot")?,
        clean: value(connection, "clean")?.unwrap_or_default(),
        mark: mark(connection)?,
    }))
}

/// The mark of a database.
pub(super) fn mark(connection: &Connection) -> rusqlite::Result<Mark> {
    Ok(Mark {
        inode: value(connection, "inode")?.unwrap_or_default(),
        name: value(connection, "run")?.unwrap_or_default(),
        before: value(connection, "before")?.unwrap_or_default(),
        changed: value(connection, "changed")?,
    })
}

fn note(transaction: &Transaction<'_>, run: &Run) -> rusqlite::Result<()> {
    count(transaction)?;
    put(transaction, "durability", &run.durability)?;
    put(transaction, "boot", &run.boot)?;
    put(transaction, "clean", &run.clean)?;
    put(transaction, "inode", &run.mark.inode)
}

/// Writes what was never there before: the next flush has a page to move, and so flushes the database.
fn count(connection: &Connection) -> rusqlite::Result<()> {
    let changes: i64 = value(connection, "changes")?.unwrap_or(0);
    put(connection, "changes", &(changes + 1))
}

fn value<T: FromSql>(connection: &Connection, key: &str) -> rusqlite::Result<Option<T>> {
    let query = "SELECT value FROM store WHERE key = ?1 AND value IS NOT NULL";
    connection
        .query_row(query, [key], |row| row.get(0))
        .optional()
}

fn put(connection: &Connection, key: &str, value: &dyn rusqlite::ToSql) -> rusqlite::Result<()> {
    let insert = "INSERT OR REPLACE INTO store (key, value) VALUES (?1, ?2)";
    connection.execute(insert, params![key, value]).map(drop)
}

/// Changes with every start of the machine, also under a container.
fn boot() -> Option<String> {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned())
}

fn inode(file: &Path) -> i64 {
    fs::metadata(file).map_or(0, |file| file.ino().cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(durability: Durability, boot: &str, clean: bool) -> Run {
        Run {
            durability: durability.to_string(),
            boot: Some(boot.to_owned()),
            clean,
            mark: Mark {
                inode: 7,
                name: "now".to_owned(),
                before: "before".to_owned(),
                changed: Some(1_000),
            },
        }
    }

    fn witness(run: &str, changed: i64) -> Witness {
        Witness {
            run: Some(run.to_owned()),
            changed,
        }
    }

    #[test]
    fn o8_epochs_end_when_something_shown_may_be_lost_and_only_then() {
        let next = run(Durability::Full, "b", false);
        let unclean = Some(Renewed::Unclean);
        for (last, expected) in [
            (run(Durability::Full, "a", false), None),
            (run(Durability::Os, "b", false), None),
            (run(Durability::Os, "a", true), None),
            (run(Durability::Os, "a", false), unclean),
            (run(Durability::None, "b", false), unclean),
            (run(Durability::None, "b", true), None),
        ] {
            let here = witness("now", 1_000);
            assert_eq!(last.endangers(&next, Some(&here)), expected, "{last:?}");
            assert_eq!(last.endangers(&next, None), expected, "{last:?}");
        }
        let nameless = Run {
            boot: None,
            ..run(Durability::Os, "", false)
        };
        assert_eq!(nameless.endangers(&nameless, None), unclean);
    }

    #[test]
    fn o8_a_database_that_was_not_here_last_is_a_copy() {
        let last = run(Durability::Full, "b", true);
        let copied = Some(Renewed::Copied);
        for (witness, expected) in [
            (witness("now", 1_000), None),
            // The process ended before the lock file said its name.
            (witness("before", 900), None),
            (witness("later", 2_000), copied),
            // The lock file was copied, too.
            (witness("now", 2_000), copied),
            (Witness::default(), copied),
        ] {
            assert_eq!(
                last.endangers(&last, Some(&witness)),
                expected,
                "{witness:?}"
            );
        }
        let mut elsewhere = last.clone();
        elsewhere.mark.inode = 8;
        let here = witness("now", 1_000);
        assert_eq!(last.endangers(&elsewhere, Some(&here)), copied);
    }
}
