//! The first line of a file: which room it holds, and how much of everything.

use revring_protocol::{
    ids::{Epoch, Rev, RoomName},
    limits::{REMEMBERED_CLIENTS, TOMBSTONES},
};

use super::fields::{Fields, Problem, up_to};

/// What the first line says.
pub(super) struct Header {
    pub(super) room: RoomName,
    pub(super) epoch: Epoch,
    pub(super) rev: Rev,
    pub(super) at: u64,
    pub(super) checksum: String,
    pub(super) tombstones_forgotten: u64,
    pub(super) clients_forgotten: Rev,
    pub(super) records: usize,
    pub(super) tombstones: usize,
    pub(super) clients: usize,
}

impl Header {
    /// Reads and checks it.
    pub(super) fn read(fields: &mut Fields) -> Result<Self, Problem> {
        let header = Self {
            room: fields.name("room")?,
            epoch: fields.name("epoch")?,
            rev: fields.rev("rev")?,
            at: fields.integer("at")?,
            checksum: fields.text("checksum")?,
            tombstones_forgotten: fields.integer("tombstonesForgotten")?,
            clients_forgotten: fields.rev("clientsForgotten")?,
            records: fields.count("records")?,
            tombstones: fields.count("tombstones")?,
            clients: fields.count("clients")?,
        };
        header.check().map(|()| header)
    }

    fn check(&self) -> Result<(), Problem> {
        if self.rev == Rev::ZERO {
            return Err("rev must be 1 or more: a room begins with its first operation".to_owned());
        }
        up_to(
            "clientsForgotten",
            self.clients_forgotten.get(),
            self.rev.get(),
        )?;
        up_to("tombstones", self.tombstones as u64, TOMBSTONES as u64)?;
        up_to("clients", self.clients as u64, REMEMBERED_CLIENTS as u64)
    }
}
