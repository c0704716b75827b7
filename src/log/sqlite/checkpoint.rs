//! Writes the rows of an image a few at a time, between appends. Until the last has been written the image before it counts.

#[cfg(test)]
mod tests;

use std::vec;

use revring_protocol::ids::{ClientId, ClientReqId, RecordKey, Rev};
use rusqlite::{Connection, params};

use super::{
    image::{ClientRow, RecordRow, Rows},
    rows::{self, signed},
    sweep::Sweep,
};

/// Bytes of records that count as much as a row more.
const ROW_BYTES: usize = 1 << 10;

/// An image that is being written.
#[derive(Debug)]
pub(super) struct Writing {
    rows: Rows,
    /// The room's `id`, once writing has begun.
    room: i64,
    stage: Stage,
    /// Keys whose older rows are to go.
    replaced: Vec<(RecordKey, bool)>,
}

#[derive(Debug)]
enum Stage {
    New,
    /// Something is left of earlier: it goes first.
    Leftovers(Sweep),
    Records(vec::IntoIter<RecordRow>),
    Duplicates(vec::IntoIter<(ClientId, Rev, ClientReqId)>),
    Flip,
    Replaced(vec::IntoIter<(RecordKey, bool)>),
    Forgotten(vec::IntoIter<Rev>),
    /// The image was complete, or is there already: whatever else there is goes.
    Others(Sweep),
    Operations,
    Done,
}

/// How far writing has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// There is more to write.
    More,
    /// All is written, or there was nothing to write.
    Done,
    /// The rows start from an image that is not the stored one.
    OtherSince,
}

impl Writing {
    pub(super) fn new(rows: Rows) -> Self {
        Self {
            rows,
            room: 0,
            stage: Stage::New,
            replaced: Vec::new(),
        }
    }

    /// Makes the rows, which are complete, those of a room that has nothing yet, instead of a later image of one that has.
    pub(super) fn adopt(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let insert = "INSERT INTO rooms (name, epoch) VALUES (?1, ?2) \
                      ON CONFLICT (name) DO UPDATE SET epoch = excluded.epoch RETURNING id";
        let values = params![self.rows.room.as_str(), self.rows.epoch.as_str()];
        let room = connection.query_row(insert, values, |row| row.get(0))?;
        self.room = room;
        self.begin_rows(connection).map(drop)
    }

    /// Writes about `budget` rows in the transaction of `connection`; yields how many it was.
    pub(super) fn advance(
        &mut self,
        connection: &Connection,
        budget: usize,
    ) -> rusqlite::Result<(Progress, usize)> {
        let mut spent = 0;
        while spent < budget.max(1) {
            spent += match &mut self.stage {
                Stage::New => match self.begin(connection)? {
                    Progress::More => 1,
                    end => return Ok((end, spent)),
                },
                Stage::Done => return Ok((Progress::Done, spent)),
                _ => self.step(connection, budget - spent)?,
            };
        }
        Ok((Progress::More, spent))
    }

    /// Writes a row, or turns to the next stage.
    fn step(&mut self, connection: &Connection, most: usize) -> rusqlite::Result<usize> {
        match &mut self.stage {
            Stage::New | Stage::Done => Ok(0),
            Stage::Leftovers(sweep) => match sweep.advance(connection)? {
                Some(spent) => Ok(spent),
                None => self.begin_rows(connection),
            },
            Stage::Records(rows) => match rows.next() {
                Some(row) => self.write_record(connection, row),
                None => Ok(self.turn_to(|this| {
                    Stage::Duplicates(std::mem::take(&mut this.rows.duplicates).into_iter())
                })),
            },
            Stage::Duplicates(rows) => match rows.next() {
                Some(row) => write_duplicate(connection, self.room, &row),
                None => Ok(self.turn_to(|_| Stage::Flip)),
            },
            Stage::Flip => self.flip(connection),
            Stage::Replaced(keys) => match keys.next() {
                Some(key) => delete_replaced(connection, self.room, self.rows.rev, &key),
                None => Ok(self.turn_to(|this| {
                    Stage::Forgotten(std::mem::take(&mut this.rows.gone).into_iter())
                })),
            },
            Stage::Forgotten(revs) => match revs.next() {
                Some(rev) => delete_forgotten(connection, self.room, rev),
                None => Ok(self.turn_to(|_| Stage::Operations)),
            },
            Stage::Others(sweep) => match sweep.advance(connection)? {
                Some(spent) => Ok(spent),
                None => Ok(self.turn_to(|_| Stage::Operations)),
            },
            Stage::Operations => self.delete_operations(connection, most),
        }
    }

    fn turn_to(&mut self, stage: impl FnOnce(&mut Self) -> Stage) -> usize {
        self.stage = stage(self);
        0
    }

    fn begin_rows(&mut self, connection: &Connection) -> rusqlite::Result<usize> {
        note_unfinished(connection, self.room, self.rows.rev)?;
        Ok(self.turn_to(|this| Stage::Records(std::mem::take(&mut this.rows.records).into_iter())))
    }

    fn begin(&mut self, connection: &Connection) -> rusqlite::Result<Progress> {
        let Some(room) = rows::room(connection, &self.rows.room)? else {
            return Ok(Progress::Done);
        };
        let head = rows::head(connection, &room)?;
        let shown = room.snapshot_rev..=head;
        if room.epoch != self.rows.epoch || !shown.contains(&self.rows.rev) {
            return Ok(Progress::Done);
        }
        // A room without image differs from nothing by all that it has.
        let since = self.rows.since.unwrap_or_default();
        if self.rows.since.is_some() && since != room.snapshot_rev {
            return Ok(Progress::OtherSince);
        }
        self.room = room.id;
        if room.snapshot_rev == self.rows.rev {
            self.stage = match room.unfinished {
                Rev::ZERO => Stage::Operations,
                _ => Stage::Others(Sweep::new(&room)),
            };
            return Ok(Progress::More);
        }
        if room.unfinished != Rev::ZERO {
            self.stage = Stage::Leftovers(Sweep::new(&room));
            return Ok(Progress::More);
        }
        self.begin_rows(connection)?;
        Ok(Progress::More)
    }

    fn write_record(&mut self, connection: &Connection, row: RecordRow) -> rusqlite::Result<usize> {
        let RecordRow { key, body } = row;
        let insert = "INSERT OR REPLACE INTO records (room, collection, id, since, body) \
                      VALUES (?1, ?2, ?3, ?4, ?5)";
        let (collection, id) = (key.collection.as_str(), key.id.as_str());
        let values = params![self.room, collection, id, signed(self.rows.rev), body];
        connection.prepare_cached(insert)?.execute(values)?;
        let size = body.as_ref().map_or(0, Vec::len);
        self.replaced.push((key, body.is_none()));
        Ok(1 + size / ROW_BYTES)
    }

    /// From here on this image is the one that counts.
    fn flip(&mut self, connection: &Connection) -> rusqlite::Result<usize> {
        let complete = self.rows.since.is_none();
        if complete {
            connection.execute("DELETE FROM tombstones WHERE room = ?1", [self.room])?;
            connection.execute("DELETE FROM clients WHERE room = ?1", [self.room])?;
        }
        for (key, tombstone) in &self.rows.tombstones {
            write_tombstone(connection, self.room, key, *tombstone)?;
        }
        for client in &self.rows.clients {
            write_client(connection, self.room, client)?;
        }
        let update = "UPDATE rooms SET snapshot_rev = ?2, snapshot_at = ?3, checksum = ?4, records = ?5, tombstones_forgotten = ?6,                       clients_forgotten = ?7, complete_rev = iif(?8, ?2, complete_rev) WHERE id = ?1";
        connection.prepare_cached(update)?.execute(params![
            self.room,
            signed(self.rows.rev),
            self.rows.at.cast_signed(),
            self.rows.checksum,
            i64::try_from(self.rows.record_count).unwrap_or(i64::MAX),
            self.rows.tombstones_forgotten.cast_signed(),
            signed(self.rows.clients_forgotten),
            complete,
        ])?;
        self.stage = match rows::room(connection, &self.rows.room)? {
            Some(room) if complete => Stage::Others(Sweep::new(&room)),
            _ => Stage::Replaced(std::mem::take(&mut self.replaced).into_iter()),
        };
        Ok(1 + self.rows.tombstones.len() + self.rows.clients.len())
    }

    /// Deletes what is neither after the image nor to be kept, `most` rows at once.
    fn delete_operations(
        &mut self,
        connection: &Connection,
        most: usize,
    ) -> rusqlite::Result<usize> {
        let end = signed(self.rows.keep_after.min(self.rows.rev));
        let delete = "DELETE FROM operations WHERE room = ?1 AND rev <= (SELECT max(rev) FROM (SELECT rev FROM \
                      operations WHERE room = ?1 AND rev <= ?2 ORDER BY rev LIMIT ?3))";
        let deleted = connection.prepare_cached(delete)?.execute(params![
            self.room,
            end,
            i64::try_from(most).unwrap_or(i64::MAX)
        ])?;
        if deleted < most {
            note_unfinished(connection, self.room, Rev::ZERO)?;
            self.stage = Stage::Done;
        }
        Ok(deleted)
    }
}

/// Notes of which image there are rows that do not count yet, or not any more.
fn note_unfinished(connection: &Connection, room: i64, rev: Rev) -> rusqlite::Result<()> {
    let update = "UPDATE rooms SET unfinished = ?2 WHERE id = ?1";
    let mut update = connection.prepare_cached(update)?;
    update.execute(params![room, signed(rev)]).map(drop)
}

fn write_duplicate(
    connection: &Connection,
    room: i64,
    (client, rev, id): &(ClientId, Rev, ClientReqId),
) -> rusqlite::Result<usize> {
    let insert =
        "INSERT OR REPLACE INTO duplicates (room, client, rev, id) VALUES (?1, ?2, ?3, ?4)";
    let values = params![room, client.as_str(), signed(*rev), id.as_str()];
    connection.prepare_cached(insert)?.execute(values)
}

fn write_tombstone(
    connection: &Connection,
    room: i64,
    key: &RecordKey,
    tombstone: Option<revring_protocol::room::Tombstone>,
) -> rusqlite::Result<usize> {
    let (collection, id) = (key.collection.as_str(), key.id.as_str());
    let Some(tombstone) = tombstone else {
        let delete = "DELETE FROM tombstones WHERE room = ?1 AND collection = ?2 AND id = ?3";
        return connection
            .prepare_cached(delete)?
            .execute(params![room, collection, id]);
    };
    let insert = "INSERT OR REPLACE INTO tombstones (room, collection, id, version, rev, place) \
                  VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    connection.prepare_cached(insert)?.execute(params![
        room,
        collection,
        id,
        tombstone.version().cast_signed(),
        signed(tombstone.rev()),
        i64::try_from(tombstone.place()).unwrap_or(i64::MAX)
    ])
}

fn write_client(
    connection: &Connection,
    room: i64,
    ClientRow { client, forgotten }: &ClientRow,
) -> rusqlite::Result<usize> {
    match forgotten {
        Some(forgotten) => {
            let insert =
                "INSERT OR REPLACE INTO clients (room, client, forgotten) VALUES (?1, ?2, ?3)";
            let values = params![room, client.as_str(), signed(*forgotten)];
            connection.prepare_cached(insert)?.execute(values)
        }
        None => connection
            .prepare_cached("DELETE FROM clients WHERE room = ?1 AND client = ?2")?
            .execute(params![room, client.as_str()]),
    }
}

/// Deletes the rows of a record that an image of `rev` replaced, and that of a record that is gone.
fn delete_replaced(
    connection: &Connection,
    room: i64,
    rev: Rev,
    (key, gone): &(RecordKey, bool),
) -> rusqlite::Result<usize> {
    let end = signed(rev) - i64::from(!gone);
    let delete =
        "DELETE FROM records WHERE room = ?1 AND collection = ?2 AND id = ?3 AND since <= ?4";
    connection.prepare_cached(delete)?.execute(params![
        room,
        key.collection.as_str(),
        key.id.as_str(),
        end
    ])?;
    Ok(1)
}

fn delete_forgotten(connection: &Connection, room: i64, rev: Rev) -> rusqlite::Result<usize> {
    let delete = "DELETE FROM duplicates WHERE room = ?1 AND rev = ?2";
    let mut delete = connection.prepare_cached(delete)?;
    delete.execute(params![room, signed(rev)]).map(|_| 1)
}
