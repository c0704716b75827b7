//! One room in numbers, for people and for programs.

use std::{io::Write, path::Path};

use revring_protocol::{
    ids::{Rev, RoomName},
    room::{Image, Remembered, Room, Tombstones, Window},
};
use serde::Serialize;

use super::{
    Failure, put,
    table::{RoomLine, tail},
};
use crate::{
    log::{RoomSummary, StoreView},
    text::json_line,
};

/// Says more of the room `name`, which is `opened`.
pub(super) fn print(
    view: &mut StoreView,
    opened: &Room,
    dir: &Path,
    name: &RoomName,
    json: bool,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let summary = view.summary(name.as_str()).map_err(|error| Failure::Room {
        dir: dir.to_owned(),
        room: name.clone(),
        error,
    })?;
    let Some(room) = summary else {
        return Ok(());
    };
    let image = opened.image();
    let text = if json {
        json_line(&Details::new(&room, &image))
    } else {
        Details::new(&room, &image).to_text(&room)
    };
    put(out, &text)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Details<'a> {
    #[serde(flatten)]
    room: RoomLine<'a>,
    at: u64,
    checksum: String,
    document_size: usize,
    operation_bytes: u64,
    record_bytes: u64,
    snapshot_records: u64,
    tombstones: usize,
    tombstones_forgotten: u64,
    clients: usize,
    client_ids: usize,
    clients_forgotten: Rev,
}

impl<'a> Details<'a> {
    fn new(room: &'a RoomSummary, image: &Image) -> Self {
        let (no_tombstones, nobody) = (Tombstones::default(), Remembered::default());
        let count = |window: &Window| window.after(Rev::ZERO).count();
        let ids: Vec<usize> = image
            .remembered
            .changes_since(&nobody)
            .map(|client| client.window.map_or(0, count))
            .collect();
        Self {
            room: RoomLine::new(room),
            at: image.at,
            checksum: image.document.checksum(),
            document_size: image.document.size(),
            operation_bytes: room.operation_bytes,
            record_bytes: room.record_bytes,
            snapshot_records: room.snapshot_records,
            tombstones: image.tombstones.changes_since(&no_tombstones).count(),
            tombstones_forgotten: image.tombstones.forgotten(),
            clients: ids.len(),
            client_ids: ids.iter().sum(),
            clients_forgotten: image.remembered.room_forgotten(),
        }
    }

    fn to_text(&self, room: &RoomSummary) -> String {
        let snapshot = match room.snapshot_rev {
            Rev::ZERO => "none".to_owned(),
            rev => format!("revision {rev} with {} records", self.snapshot_records),
        };
        let lines = [
            ("room", room.name.to_string()),
            (
                "rev",
                format!("{}, at {} ms since 1970-01-01 UTC", room.rev, self.at),
            ),
            ("epoch", room.epoch.to_string()),
            (
                "records",
                format!("{} of size {}", room.records, self.document_size),
            ),
            ("checksum", self.checksum.clone()),
            ("snapshot", snapshot),
            ("tail", tail(room)),
            (
                "bytes",
                format!(
                    "{} of operations, {} of records",
                    self.operation_bytes, self.record_bytes
                ),
            ),
            (
                "tombstones",
                format!(
                    "{}; highest version forgotten: {}",
                    self.tombstones, self.tombstones_forgotten
                ),
            ),
            (
                "clients",
                format!(
                    "{} with {} ids; highest revision forgotten: {}",
                    self.clients, self.client_ids, self.clients_forgotten
                ),
            ),
        ];
        let line = |(name, value): &(&str, String)| format!("{name:<11} {value}\n");
        lines.iter().map(line).collect()
    }
}
