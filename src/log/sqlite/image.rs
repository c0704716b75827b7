//! What of an image is not stored yet, as rows to be written.

use revring_protocol::{
    document::Document,
    ids::{ClientId, ClientReqId, Epoch, RecordKey, Rev, RoomName},
    room::{ClientChange, Image, Remembered, Tombstone, Tombstones, Window},
};

use super::rows::CODEC;
use crate::log::Checkpoint;

/// The rows that make the stored image of a room the newer one.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) room: RoomName,
    pub(super) epoch: Epoch,
    /// The revision of the stored image that they start from; `None`: they are complete.
    pub(super) since: Option<Rev>,
    pub(super) rev: Rev,
    pub(super) at: u64,
    pub(super) keep_after: Rev,
    pub(super) checksum: String,
    pub(super) record_count: usize,
    pub(super) tombstones_forgotten: u64,
    pub(super) clients_forgotten: Rev,
    pub(super) records: Vec<RecordRow>,
    pub(super) duplicates: Vec<(ClientId, Rev, ClientReqId)>,
    /// Revisions of accepted ids that are forgotten.
    pub(super) gone: Vec<Rev>,
    pub(super) tombstones: Vec<(RecordKey, Option<Tombstone>)>,
    pub(super) clients: Vec<ClientRow>,
}

/// A record that changed; without body it is gone.
#[derive(Debug)]
pub(super) struct RecordRow {
    pub(super) key: RecordKey,
    pub(super) body: Option<Vec<u8>>,
}

/// A client whose ids changed, with its highest forgotten revision; `None`: the client is forgotten.
#[derive(Debug)]
pub(super) struct ClientRow {
    pub(super) client: ClientId,
    pub(super) forgotten: Option<Rev>,
}

impl Rows {
    /// The rows of `checkpoint`. Takes time for what it is to write.
    pub(super) fn of(room: RoomName, checkpoint: &Checkpoint) -> Self {
        let Checkpoint {
            since,
            image,
            keep_after,
        } = checkpoint;
        let since = since.as_ref().filter(|since| since.epoch == image.epoch);
        let ids = ids(since, &image.remembered);
        Self {
            room,
            epoch: image.epoch.clone(),
            since: since.map(|since| since.rev),
            rev: image.rev,
            at: image.at,
            keep_after: *keep_after,
            checksum: image.document.checksum(),
            record_count: image.document.len(),
            tombstones_forgotten: image.tombstones.forgotten(),
            clients_forgotten: image.remembered.room_forgotten(),
            records: records(since, &image.document),
            duplicates: ids.new,
            gone: ids.gone,
            tombstones: tombstones(since, &image.tombstones),
            clients: ids.clients,
        }
    }
}

fn records(since: Option<&Image>, document: &Document) -> Vec<RecordRow> {
    let nothing = Document::new();
    let since = since.map_or(&nothing, |since| &since.document);
    let changes = document.changes_since(since);
    changes
        .map(|(key, record)| RecordRow {
            key,
            body: record.map(|record| CODEC.encode(&**record)),
        })
        .collect()
}

fn tombstones(
    since: Option<&Image>,
    tombstones: &Tombstones,
) -> Vec<(RecordKey, Option<Tombstone>)> {
    let nothing = Tombstones::default();
    let since = since.map_or(&nothing, |since| &since.tombstones);
    let changes = tombstones.changes_since(since);
    changes
        .map(|(key, tombstone)| (key.clone(), tombstone))
        .collect()
}

/// What of the accepted ids is to be written, and what is to go.
#[derive(Debug, Default)]
struct Ids {
    clients: Vec<ClientRow>,
    new: Vec<(ClientId, Rev, ClientReqId)>,
    gone: Vec<Rev>,
}

fn ids(since: Option<&Image>, remembered: &Remembered) -> Ids {
    let nothing = Remembered::default();
    let since = since.map_or(&nothing, |since| &since.remembered);
    let mut ids = Ids::default();
    for ClientChange {
        client,
        window,
        before,
    } in remembered.changes_since(since)
    {
        let forgotten = window.map(Window::forgotten);
        ids.clients.push(ClientRow {
            client: client.clone(),
            forgotten,
        });
        let known = before.map_or(Rev::ZERO, Window::newest);
        let new = window.into_iter().flat_map(|window| window.after(known));
        ids.new
            .extend(new.map(|(rev, id)| (client.clone(), rev, id.clone())));
        let old = before
            .into_iter()
            .flat_map(|window| window.after(Rev::ZERO));
        let gone = old.filter(|(rev, _)| forgotten.is_none_or(|forgotten| *rev <= forgotten));
        ids.gone.extend(gone.map(|(rev, _)| rev));
    }
    // In the order of the table: neighbours share pages.
    ids.new.sort_unstable_by_key(|(_, rev, _)| *rev);
    ids.gone.sort_unstable();
    ids
}
