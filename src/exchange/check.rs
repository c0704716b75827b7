//! What must hold of each line of a file, so that the room made of it is one that a server could have made.

use std::collections::BTreeSet;

use revring_protocol::{
    document::Document,
    ids::{ClientId, ClientReqId, RecordKey, Rev},
    limits::{FRAME_BYTES, REMEMBERED_IDS},
    record::Record,
    room::Tombstone,
    value::object_depth,
};

use super::{
    fields::{Fields, Problem, up_to},
    header::Header,
};
use crate::config::{MOST_DEPTH, MOST_DOCUMENT_BYTES};

/// That `next` comes after what was before; and makes it that.
fn in_order<T: Ord + Clone + std::fmt::Display>(
    last: &mut Option<T>,
    next: &T,
) -> Result<(), Problem> {
    match last {
        Some(last) if last == next => return Err(format!("{next} is there twice")),
        Some(last) if *last > *next => return Err(format!("{next} must stand before {last}")),
        _ => *last = Some(next.clone()),
    }
    Ok(())
}

fn key(fields: &mut Fields) -> Result<RecordKey, Problem> {
    Ok(RecordKey {
        collection: fields.name("collection")?,
        id: fields.name("id")?,
    })
}

/// The records as they come.
pub(super) struct Records {
    at: u64,
    last: Option<RecordKey>,
    size: usize,
    records: Vec<(RecordKey, Record)>,
}

impl Records {
    pub(super) fn new(header: &Header) -> Self {
        Self {
            at: header.at,
            last: None,
            size: 0,
            records: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, mut fields: Fields) -> Result<(), Problem> {
        let key = key(&mut fields)?;
        in_order(&mut self.last, &key)?;
        let version = fields.integer("version")?;
        let (created_at, updated_at) = (fields.integer("createdAt")?, fields.integer("updatedAt")?);
        let data = fields.object("data")?;
        if version == 0 {
            return Err("version must be 1 or more".to_owned());
        }
        up_to("updatedAt", updated_at, self.at)?;
        up_to("createdAt", created_at, updated_at)?;
        up_to(
            "nesting of data",
            object_depth(&data) as u64,
            MOST_DEPTH as u64,
        )?;
        let record = Record::new(&key, version, created_at, updated_at, data);
        up_to(
            "size of the record",
            record.size() as u64,
            FRAME_BYTES as u64,
        )?;
        self.size += record.size();
        up_to(
            "size of all records",
            self.size as u64,
            MOST_DOCUMENT_BYTES as u64,
        )?;
        self.records.push((key, record));
        Ok(())
    }

    pub(super) fn finish(self) -> Vec<(RecordKey, Record)> {
        self.records
    }
}

/// The tombstones as they come.
pub(super) struct Deletions<'a> {
    rev: Rev,
    document: &'a Document,
    last: Option<RecordKey>,
    ages: BTreeSet<(Rev, usize)>,
    tombstones: Vec<(RecordKey, Tombstone)>,
}

impl<'a> Deletions<'a> {
    pub(super) fn new(header: &Header, document: &'a Document) -> Self {
        Self {
            rev: header.rev,
            document,
            last: None,
            ages: BTreeSet::new(),
            tombstones: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, mut fields: Fields) -> Result<(), Problem> {
        let key = key(&mut fields)?;
        in_order(&mut self.last, &key)?;
        if self.document.get(&key).is_some() {
            return Err(format!("{key} is a record, so it has no tombstone"));
        }
        let version = fields.integer("version")?;
        let (rev, place) = (fields.rev("rev")?, fields.count("place")?);
        up_to("rev", rev.get(), self.rev.get())?;
        if !self.ages.insert((rev, place)) {
            return Err(format!("rev {rev} and place {place} are there twice"));
        }
        let tombstone = Tombstone::new(version, rev, place);
        self.tombstones.push((key, tombstone));
        Ok(())
    }

    pub(super) fn finish(self) -> Vec<(RecordKey, Tombstone)> {
        self.tombstones
    }
}

/// Remembered ids, with whose and of which revision they are.
pub(super) type Ids = Vec<(ClientId, Rev, ClientReqId)>;

/// The clients as they come.
pub(super) struct Clients {
    rev: Rev,
    last: Option<ClientId>,
    revs: BTreeSet<Rev>,
    clients: Vec<(ClientId, Rev)>,
    ids: Ids,
}

impl Clients {
    pub(super) fn new(header: &Header) -> Self {
        Self {
            rev: header.rev,
            last: None,
            revs: BTreeSet::new(),
            clients: Vec::new(),
            ids: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, mut fields: Fields) -> Result<(), Problem> {
        let client: ClientId = fields.name("clientId")?;
        in_order(&mut self.last, &client)?;
        let forgotten = fields.rev("forgotten")?;
        let ids = fields.list("ids")?;
        if !(1..=REMEMBERED_IDS).contains(&ids.len()) {
            return Err(format!(
                "ids must be 1 to {REMEMBERED_IDS}, not {}",
                ids.len()
            ));
        }
        let mut before = forgotten;
        let mut names = BTreeSet::new();
        for mut fields in ids {
            let (rev, id): (_, ClientReqId) = (fields.rev("rev")?, fields.name("clientReqId")?);
            if rev <= before {
                return Err(format!("rev {rev} must come after {before}"));
            }
            up_to("rev", rev.get(), self.rev.get())?;
            if !self.revs.insert(rev) {
                return Err(format!("rev {rev} is there twice"));
            }
            if !names.insert(id.clone()) {
                return Err(format!("clientReqId {id} is there twice"));
            }
            before = rev;
            self.ids.push((client.clone(), rev, id));
        }
        self.clients.push((client, forgotten));
        Ok(())
    }

    pub(super) fn finish(self) -> (Vec<(ClientId, Rev)>, Ids) {
        (self.clients, self.ids)
    }
}
