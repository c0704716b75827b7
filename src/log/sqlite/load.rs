//! Reads a room: its image, and the operations that are kept.

use std::{str::FromStr, sync::Arc};

use revring_protocol::{
    change::Operation,
    document::Document,
    ids::{ClientId, ClientReqId, Collection, InvalidName, RecordId, RecordKey, Rev, RoomName},
    record::Record,
    room::{Image, Remembered, Tombstone, Tombstones},
};
use rusqlite::{Connection, Row, params, types::Type};

use super::rows::{self, CODEC, ReadError, RoomRow, number, rev, signed};
use crate::log::Stored;

/// What is stored of the room `name`, all of one moment; `None` when it never had an operation.
pub(super) fn room(
    connection: &mut Connection,
    name: &RoomName,
) -> Result<Option<Stored>, ReadError> {
    let moment = connection.transaction()?;
    let Some(row) = rows::room(&moment, name)? else {
        return Ok(None);
    };
    let tail = rows::operations(&moment, &row, Rev::ZERO)?;
    if tail.is_empty() && row.snapshot_rev == Rev::ZERO {
        return Ok(None);
    }
    let image = image(&moment, &row)?;
    check_meeting(&image, &tail)?;
    Ok(Some(Stored { image, tail }))
}

/// Checks that no revision is missing between an image and the operations around it.
pub(super) fn check_meeting(image: &Image, tail: &[Arc<Operation>]) -> Result<(), ReadError> {
    let (Some(first), Some(last)) = (tail.first(), tail.last()) else {
        return Ok(());
    };
    if first.rev <= image.rev.next() && image.rev <= last.rev {
        return Ok(());
    }
    Err(ReadError::damaged(format!(
        "the operations {} to {} do not meet the snapshot of revision {}",
        first.rev, last.rev, image.rev
    )))
}

/// The image that is stored of a room.
pub(super) fn image(connection: &Connection, room: &RoomRow) -> Result<Image, ReadError> {
    if room.snapshot_rev == Rev::ZERO {
        return Ok(Image::empty(room.epoch.clone()));
    }
    let document = document(connection, room)?;
    if document.checksum() != room.checksum {
        return Err(ReadError::damaged(format!(
            "the snapshot of revision {} has the checksum {}, not {} as when it was written",
            room.snapshot_rev,
            document.checksum(),
            room.checksum
        )));
    }
    Ok(Image {
        epoch: room.epoch.clone(),
        rev: room.snapshot_rev,
        at: room.snapshot_at,
        document,
        tombstones: tombstones(connection, room)?,
        remembered: remembered(connection, room)?,
    })
}

fn document(connection: &Connection, room: &RoomRow) -> Result<Document, ReadError> {
    let query = "SELECT collection, id, body FROM records WHERE room = ?1 AND since <= ?2 AND since >= ?3 \
                 ORDER BY collection, id, since";
    let mut query = connection.prepare_cached(query)?;
    let mut rows = query.query(params![
        room.id,
        signed(room.snapshot_rev),
        signed(room.complete_rev)
    ])?;
    let mut records: Vec<(RecordKey, Record)> = Vec::new();
    while let Some(row) = rows.next()? {
        let key = key(row)?;
        // A later row under the same key replaces the earlier one.
        if records.last().is_some_and(|(last, _)| *last == key) {
            records.pop();
        }
        if let Some(body) = row.get_ref(2)?.as_blob_or_null().map_err(not_a_blob)? {
            let record = CODEC.decode_record(&key, body).map_err(|error| {
                ReadError::damaged(format!("the record {key} is not one: {error}"))
            })?;
            records.push((key, record));
        }
    }
    Ok(Document::from_records(records))
}

fn tombstones(connection: &Connection, room: &RoomRow) -> Result<Tombstones, ReadError> {
    let query = "SELECT collection, id, version, rev, place FROM tombstones WHERE room = ?1";
    let mut query = connection.prepare_cached(query)?;
    let tombstones = query.query_map([room.id], |row| {
        let place = usize::try_from(number(row, 4)?).unwrap_or(usize::MAX);
        let tombstone = Tombstone::new(number(row, 2)?, rev(row, 3)?, place);
        Ok((key(row)?, tombstone))
    })?;
    let tombstones: Vec<_> = tombstones.collect::<Result<_, _>>()?;
    Ok(Tombstones::restore(room.tombstones_forgotten, tombstones))
}

fn remembered(connection: &Connection, room: &RoomRow) -> Result<Remembered, ReadError> {
    let query = "SELECT client, forgotten FROM clients WHERE room = ?1";
    let mut query = connection.prepare_cached(query)?;
    let clients = query.query_map([room.id], |row| Ok((name(row, 0)?, rev(row, 1)?)))?;
    let clients: Vec<(ClientId, Rev)> = clients.collect::<Result<_, _>>()?;

    // Rows of clients that are forgotten, or of an image that was not finished, may be left over.
    let query = "SELECT client, rev, id FROM duplicates JOIN clients USING (room, client) \
                 WHERE room = ?1 AND rev > forgotten AND rev <= ?2 ORDER BY rev";
    let mut query = connection.prepare_cached(query)?;
    let ids = query.query_map(params![room.id, signed(room.snapshot_rev)], |row| {
        Ok((name(row, 0)?, rev(row, 1)?, name(row, 2)?))
    })?;
    let ids: Vec<(ClientId, Rev, ClientReqId)> = ids.collect::<Result<_, _>>()?;
    Ok(Remembered::restore(room.clients_forgotten, clients, ids))
}

/// The key in the first two columns.
fn key(row: &Row<'_>) -> rusqlite::Result<RecordKey> {
    let (collection, id): (Collection, RecordId) = (name(row, 0)?, name(row, 1)?);
    Ok(RecordKey { collection, id })
}

fn name<T: FromStr<Err = InvalidName>>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    text.parse().map_err(|error: InvalidName| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into())
    })
}

fn not_a_blob(error: rusqlite::types::FromSqlError) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(2, Type::Blob, error.into())
}
