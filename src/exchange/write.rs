//! Writes a room as a file.

use std::io::{self, Write};

use revring_protocol::{
    ids::{ClientId, ClientReqId, Epoch, RecordKey, Rev, RoomName},
    record::Record,
    room::{ClientChange, Image, Remembered, Tombstone, Tombstones},
    value::Object,
};
use serde::Serialize;

use super::{FORMAT, Sum, VERSION};
use crate::text::json_line;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Header<'a> {
    format: &'a str,
    version: u64,
    room: &'a RoomName,
    epoch: &'a Epoch,
    rev: Rev,
    at: u64,
    checksum: String,
    tombstones_forgotten: u64,
    clients_forgotten: Rev,
    records: usize,
    tombstones: usize,
    clients: usize,
}

/// A line after the header.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Line<'a> {
    Record(RecordLine<'a>),
    Tombstone(TombstoneLine<'a>),
    Client(ClientLine<'a>),
    End(EndLine),
}

/// A record with its key.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RecordLine<'a> {
    collection: &'a str,
    id: &'a str,
    version: u64,
    created_at: u64,
    updated_at: u64,
    data: &'a Object,
}

impl<'a> RecordLine<'a> {
    pub(crate) fn new(collection: &'a str, id: &'a str, record: &'a Record) -> Self {
        Self {
            collection,
            id,
            version: record.version(),
            created_at: record.created_at(),
            updated_at: record.updated_at(),
            data: record.data(),
        }
    }
}

#[derive(Serialize)]
struct TombstoneLine<'a> {
    collection: &'a str,
    id: &'a str,
    version: u64,
    rev: Rev,
    place: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ClientLine<'a> {
    client_id: &'a ClientId,
    forgotten: Rev,
    ids: Vec<IdEntry<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct IdEntry<'a> {
    rev: Rev,
    client_req_id: &'a ClientReqId,
}

#[derive(Serialize)]
struct EndLine {
    lines: u64,
    sum: String,
}

/// Writes `image` as the room `room`.
pub(crate) fn write(out: &mut dyn Write, room: &RoomName, image: &Image) -> io::Result<()> {
    let nothing = (Tombstones::default(), Remembered::default());
    let tombstones: Vec<_> = image.tombstones.changes_since(&nothing.0).collect();
    let clients: Vec<_> = image.remembered.changes_since(&nothing.1).collect();
    let mut lines = Lines {
        out,
        count: 0,
        sum: Sum::default(),
    };
    lines.add(&Header {
        format: FORMAT,
        version: VERSION,
        room,
        epoch: &image.epoch,
        rev: image.rev,
        at: image.at,
        checksum: image.document.checksum(),
        tombstones_forgotten: image.tombstones.forgotten(),
        clients_forgotten: image.remembered.room_forgotten(),
        records: image.document.len(),
        tombstones: tombstones.len(),
        clients: clients.len(),
    })?;
    for (collection, records) in image.document.collections() {
        for (id, record) in records {
            let record = RecordLine::new(collection.as_str(), id.as_str(), record);
            lines.add(&Line::Record(record))?;
        }
    }
    for (key, tombstone) in tombstones {
        if let Some(tombstone) = tombstone {
            lines.add(&tombstone_line(key, tombstone))?;
        }
    }
    for client in clients {
        lines.add(&client_line(&client))?;
    }
    lines.end()
}

fn tombstone_line(key: &RecordKey, tombstone: Tombstone) -> Line<'_> {
    Line::Tombstone(TombstoneLine {
        collection: key.collection.as_str(),
        id: key.id.as_str(),
        version: tombstone.version(),
        rev: tombstone.rev(),
        place: tombstone.place(),
    })
}

fn client_line<'a>(client: &ClientChange<'a>) -> Line<'a> {
    let ids = client.window.into_iter().flat_map(|window| {
        window
            .after(Rev::ZERO)
            .map(|(rev, client_req_id)| IdEntry { rev, client_req_id })
    });
    Line::Client(ClientLine {
        client_id: client.client,
        forgotten: client
            .window
            .map_or(Rev::ZERO, revring_protocol::room::Window::forgotten),
        ids: ids.collect(),
    })
}

struct Lines<'a> {
    out: &'a mut dyn Write,
    count: u64,
    sum: Sum,
}

impl Lines<'_> {
    fn add<T: Serialize>(&mut self, line: &T) -> io::Result<()> {
        let line = json_line(line);
        self.count += 1;
        self.sum.add(line.as_bytes());
        self.out.write_all(line.as_bytes())
    }

    fn end(self) -> io::Result<()> {
        let end = Line::End(EndLine {
            lines: self.count,
            sum: self.sum.text(),
        });
        self.out.write_all(json_line(&end).as_bytes())?;
        self.out.flush()
    }
}
