//! Deletes the rows that no image of a room has, a few at a time: what is left of an image that was not finished, and of the
//! one before a complete one.

use revring_protocol::ids::Rev;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::rows::{RoomRow, signed};

/// Rows looked at in one step.
const WINDOW: i64 = 256;

/// How far a sweep has come.
#[derive(Debug)]
pub(super) struct Sweep {
    room: i64,
    /// The image whose rows stay.
    snapshot_rev: Rev,
    /// The last image that was written whole.
    complete_rev: Rev,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// Up to this collection and id the records are swept.
    Records(String, String),
    /// Up to this revision the accepted ids are.
    Duplicates(i64),
    Done,
}

impl Sweep {
    /// A sweep of the room as it is stored; nothing of its image changes meanwhile.
    pub(super) fn new(room: &RoomRow) -> Self {
        Self {
            room: room.id,
            snapshot_rev: room.snapshot_rev,
            complete_rev: room.complete_rev,
            stage: Stage::Records(String::new(), String::new()),
        }
    }

    /// Sweeps one window more; yields how many rows it looked at, `None` once all is swept.
    pub(super) fn advance(&mut self, connection: &Connection) -> rusqlite::Result<Option<usize>> {
        let next = match &self.stage {
            Stage::Records(collection, id) => self.records(connection, collection, id)?,
            Stage::Duplicates(rev) => self.duplicates(connection, *rev)?,
            Stage::Done => return Ok(None),
        };
        self.stage = next;
        Ok(Some(usize::try_from(WINDOW).unwrap_or(usize::MAX)))
    }

    fn records(
        &self,
        connection: &Connection,
        collection: &str,
        id: &str,
    ) -> rusqlite::Result<Stage> {
        let query = "SELECT collection, id FROM records WHERE room = ?1 AND (collection, id) > (?2, ?3) \
                     ORDER BY collection, id LIMIT 1 OFFSET ?4";
        let end: Option<(String, String)> = connection
            .prepare_cached(query)?
            .query_row(params![self.room, collection, id, WINDOW - 1], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()?;
        // The end is a whole key: all rows under it are in this window. A row is superseded by a later one of the image.
        let delete = "DELETE FROM records AS old WHERE room = ?1 AND (collection, id) > (?2, ?3) \
                      AND (?4 IS NULL OR (collection, id) <= (?4, ?5)) \
                      AND (body IS NULL OR since > ?6 OR since < ?7 OR EXISTS (SELECT 1 FROM records AS new \
                      WHERE new.room = old.room AND new.collection = old.collection AND new.id = old.id \
                      AND new.since > old.since AND new.since <= ?6))";
        let bound = end.as_ref();
        connection.prepare_cached(delete)?.execute(params![
            self.room,
            collection,
            id,
            bound.map(|(collection, _)| collection),
            bound.map(|(_, id)| id),
            signed(self.snapshot_rev),
            signed(self.complete_rev)
        ])?;
        Ok(match end {
            Some((collection, id)) => Stage::Records(collection, id),
            None => Stage::Duplicates(0),
        })
    }

    fn duplicates(&self, connection: &Connection, rev: i64) -> rusqlite::Result<Stage> {
        let query = "SELECT rev FROM duplicates WHERE room = ?1 AND rev > ?2 \
                     ORDER BY rev LIMIT 1 OFFSET ?3";
        let end: Option<i64> = connection
            .prepare_cached(query)?
            .query_row(params![self.room, rev, WINDOW - 1], |row| row.get(0))
            .optional()?;
        let delete = "DELETE FROM duplicates AS old WHERE room = ?1 AND rev > ?2 AND (?3 IS NULL OR rev <= ?3) \
                      AND (rev > ?4 OR NOT EXISTS (SELECT 1 FROM clients WHERE clients.room = old.room \
                      AND clients.client = old.client AND clients.forgotten < old.rev))";
        connection.prepare_cached(delete)?.execute(params![
            self.room,
            rev,
            end,
            signed(self.snapshot_rev)
        ])?;
        Ok(end.map_or(Stage::Done, Stage::Duplicates))
    }
}
