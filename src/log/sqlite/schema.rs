//! The tables, and the way from older ones to these.

use rusqlite::{Connection, TransactionBehavior};

/// Stands in the head of the file: "revr".
pub(super) const APPLICATION_ID: i64 = 0x7265_7672;

/// What makes each version of the schema out of the one before. A version that was released is never changed: the next is added.
pub(super) const VERSIONS: &[&str] = &[V1];

/// `rooms.snapshot_rev`: the revision of the image that `records`, `tombstones`, `clients` and `duplicates` hold; 0: none.
/// `rooms.complete_rev`: the last image that was written whole, not only by what changed; older rows do not count.
/// `rooms.unfinished`: an image of which there may be rows that do not count yet, or not any more; 0: none.
/// `operations`: a row per batch, under its last revision; `sum` is the XXH64 of `body`, a MessagePack list of operations.
/// `records`: of several rows under a key, the last with `since` from `complete_rev` to `snapshot_rev` counts; without `body` the record
/// is gone.
/// `duplicates`: the accepted ids of those who stand in `clients`, by revision: new ones share pages, however many clients there are.
const V1: &str = "
CREATE TABLE store (
    key TEXT NOT NULL PRIMARY KEY,
    value ANY
) STRICT, WITHOUT ROWID;

CREATE TABLE rooms (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    epoch TEXT NOT NULL,
    snapshot_rev INTEGER NOT NULL DEFAULT 0,
    snapshot_at INTEGER NOT NULL DEFAULT 0,
    checksum TEXT NOT NULL DEFAULT '0000000000000000',
    records INTEGER NOT NULL DEFAULT 0,
    tombstones_forgotten INTEGER NOT NULL DEFAULT 0,
    clients_forgotten INTEGER NOT NULL DEFAULT 0,
    complete_rev INTEGER NOT NULL DEFAULT 0,
    unfinished INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE operations (
    room INTEGER NOT NULL,
    rev INTEGER NOT NULL,
    body BLOB NOT NULL,
    sum INTEGER NOT NULL,
    PRIMARY KEY (room, rev)
) STRICT, WITHOUT ROWID;

CREATE TABLE records (
    room INTEGER NOT NULL,
    collection TEXT NOT NULL,
    id TEXT NOT NULL,
    since INTEGER NOT NULL,
    body BLOB,
    PRIMARY KEY (room, collection, id, since)
) STRICT, WITHOUT ROWID;

CREATE TABLE tombstones (
    room INTEGER NOT NULL,
    collection TEXT NOT NULL,
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    rev INTEGER NOT NULL,
    place INTEGER NOT NULL,
    PRIMARY KEY (room, collection, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE clients (
    room INTEGER NOT NULL,
    client TEXT NOT NULL,
    forgotten INTEGER NOT NULL,
    PRIMARY KEY (room, client)
) STRICT, WITHOUT ROWID;

CREATE TABLE duplicates (
    room INTEGER NOT NULL,
    rev INTEGER NOT NULL,
    client TEXT NOT NULL,
    id TEXT NOT NULL,
    PRIMARY KEY (room, rev)
) STRICT, WITHOUT ROWID;
";

/// What a file is, by its head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// Nothing was ever stored in it.
    Empty,
    /// A store of revring, of this version of the schema.
    Version(i64),
    /// Something else.
    Foreign,
}

/// The newest version of the schema that is known.
pub(super) fn newest() -> i64 {
    VERSIONS.len().try_into().unwrap_or(i64::MAX)
}

/// Finds out what the database is.
pub(super) fn look(connection: &Connection) -> rusqlite::Result<Found> {
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let tables = "SELECT count(*) FROM sqlite_schema";
    let tables: i64 = connection.query_row(tables, [], |row| row.get(0))?;
    Ok(
        match (number("application_id")?, number("user_version")?, tables) {
            (APPLICATION_ID, version, _) => Found::Version(version),
            (0, 0, 0) => Found::Empty,
            _ => Found::Foreign,
        },
    )
}

/// Brings a database of version `found` (0: an empty one) to the last of `versions`, each step whole or not at all.
pub(super) fn migrate(
    connection: &mut Connection,
    found: i64,
    versions: &[&str],
) -> rusqlite::Result<()> {
    for (version, step) in (1_i64..)
        .zip(versions)
        .filter(|(version, _)| *version > found)
    {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_schema_becomes_the_newest_and_keeps_its_rows() {
        let mut connection = Connection::open_in_memory().unwrap();
        assert_eq!(look(&connection).unwrap(), Found::Empty);
        migrate(&mut connection, 0, VERSIONS).unwrap();
        assert_eq!(look(&connection).unwrap(), Found::Version(newest()));
        let room = "INSERT INTO rooms (name, epoch) VALUES ('board', 'e')";
        connection.execute(room, []).unwrap();

        let mut next = VERSIONS.to_vec();
        next.push("ALTER TABLE rooms ADD COLUMN title TEXT NOT NULL DEFAULT 'untitled'");
        migrate(&mut connection, newest(), &next).unwrap();
        assert_eq!(look(&connection).unwrap(), Found::Version(newest() + 1));
        let row = "SELECT name || ' ' || title FROM rooms";
        let row: String = connection.query_row(row, [], |row| row.get(0)).unwrap();
        assert_eq!(row, "board untitled");
    }

    #[test]
    fn a_step_that_fails_leaves_the_version_before_it() {
        let mut connection = Connection::open_in_memory().unwrap();
        let broken = [
            V1,
            "CREATE TABLE more (id INTEGER); CREATE TABLE rooms (id INTEGER)",
        ];
        migrate(&mut connection, 0, &broken).unwrap_err();
        assert_eq!(look(&connection).unwrap(), Found::Version(1));
        let more = "SELECT count(*) FROM sqlite_schema WHERE name = 'more'";
        let more: i64 = connection.query_row(more, [], |row| row.get(0)).unwrap();
        assert_eq!(more, 0, "the step was taken back as a whole");
    }
}
