//! Taking an update of the application: what is refused at once, and what is composed with an update that waits
//! (rule S-8).

use std::collections::BTreeSet;

use super::{
    Replica, UpdateError,
    pending::{Pending, Queue, has_splice},
};
use crate::{
    change::{Change, Edit, Splice, Update},
    codec::Codec,
    document::Patch,
    ids::{ClientReqId, Rev},
    limits::{Limits, MAX_SAFE_INTEGER, MESSAGE_DEPTH, OPERATION_OVERHEAD},
    message::ClientMessage,
};

/// Updates that may be pending, composed ones counted once.
const PENDING: usize = 4096;
/// Ids that may be pending, those of composed updates included.
const PENDING_IDS: usize = 65_536;
/// A revision as long as any.
const LARGEST: Rev = Rev::new(MAX_SAFE_INTEGER.unsigned_abs());
/// Levels of a message around the data of a change.
const ENVELOPE_DEPTH: usize = 8;

impl Replica {
    pub(super) fn admit(
        &mut self,
        id: ClientReqId,
        changes: Vec<Change>,
    ) -> Result<(), UpdateError> {
        self.check_room(&id)?;
        check_form(&id, &changes, &self.limits)?;
        let mut view = self.view.clone();
        let shown = match view.apply(&changes, self.confirmed.at) {
            Ok(()) => true,
            // Nothing is known yet, so it may well apply to what will come.
            Err(_) if self.confirmed.epoch.is_none() => {
                if has_splice(&changes) {
                    return Err(UpdateError::NotSynced);
                }
                false
            }
            Err(misfit) => return Err(misfit.into()),
        };
        let keys: BTreeSet<_> = changes.iter().map(|change| change.key.clone()).collect();
        match composed(&self.queue, &changes, &self.limits) {
            Some((index, changes)) => {
                self.stale.extend(self.queue.merge(index, id, changes));
                self.refresh(keys);
            }
            None => {
                self.queue.push(Pending::new(id, changes, shown));
                self.view = view;
                self.changed(keys);
            }
        }
        Ok(())
    }

    fn check_room(&self, id: &ClientReqId) -> Result<(), UpdateError> {
        if self.queue.names(id) {
            return Err(UpdateError::DuplicateId(id.clone()));
        }
        if self.queue.len() >= PENDING || self.queue.id_count() >= PENDING_IDS {
            return Err(UpdateError::TooManyPending(self.queue.id_count()));
        }
        Ok(())
    }
}

/// Checks what the server refuses whatever its state is.
fn check_form(id: &ClientReqId, changes: &[Change], limits: &Limits) -> Result<(), UpdateError> {
    if changes.is_empty() {
        return Err(UpdateError::Empty);
    }
    let limit = limits.changes_per_update;
    if changes.len() > limit {
        return Err(UpdateError::TooManyChanges {
            changes: changes.len(),
            limit,
        });
    }
    let deepest = changes
        .iter()
        .map(|change| change.edit.depth())
        .max()
        .unwrap_or(0);
    let depth = limits.depth.min(MESSAGE_DEPTH - ENVELOPE_DEPTH);
    if deepest > depth {
        let problem = format!("it nests {deepest} levels deep, {depth} are allowed");
        return Err(UpdateError::TooLarge(problem));
    }
    let largest = changes
        .iter()
        .filter_map(|change| change.if_version)
        .max()
        .unwrap_or(0);
    if largest > MAX_SAFE_INTEGER.unsigned_abs() {
        return Err(UpdateError::TooLarge(format!(
            "no record has version {largest}"
        )));
    }
    let size = size(changes);
    if size > limits.operation_bytes {
        let limit = limits.operation_bytes;
        let problem = format!("it has {size} bytes, an operation may have {limit}");
        return Err(UpdateError::TooLarge(problem));
    }
    if size <= limits.message_bytes {
        return Ok(());
    }
    let update = Update {
        client_req_id: id.clone(),
        changes: changes.to_vec(),
        base_rev: Some(LARGEST),
        first_rev: Some(LARGEST),
    };
    check_size(&update, limits).map_err(UpdateError::TooLarge)
}

/// Checks that `update` fits in a message of either codec.
pub(super) fn check_size(update: &Update, limits: &Limits) -> Result<(), String> {
    let limit = limits.message_bytes;
    // The size is never less than what is encoded.
    if size(&update.changes) <= limit {
        return Ok(());
    }
    let message = ClientMessage::Update(update.clone());
    let bytes = Codec::ALL
        .iter()
        .map(|codec| codec.encode(&message).len())
        .max()
        .unwrap_or(0);
    if bytes <= limit {
        return Ok(());
    }
    Err(format!(
        "it takes {bytes} bytes, a message may have {limit}"
    ))
}

fn size(changes: &[Change]) -> usize {
    OPERATION_OVERHEAD + changes.iter().map(Change::size).sum::<usize>()
}

/// The waiting update that `changes` can be composed into, and what it is then.
///
/// What stands between the two touches none of the records, so the order of the two and it does not matter.
fn composed(queue: &Queue, changes: &[Change], limits: &Limits) -> Option<(usize, Vec<Change>)> {
    if !composes(changes) {
        return None;
    }
    let touches = |pending: &Pending| {
        changes
            .iter()
            .any(|change| pending.keys.contains(&change.key))
    };
    let (index, pending) = queue
        .iter()
        .enumerate()
        .rev()
        .find(|(_, pending)| touches(pending))?;
    // Once sent, an id stands for what was sent under it.
    let waits = pending.shown && pending.is_unsent() && !pending.delivery.ever;
    if !waits || !composes(&pending.changes) {
        return None;
    }
    let changes = compose(&pending.changes, changes)?;
    let fits = changes.len() <= limits.changes_per_update
        && size(&changes) <= limits.operation_bytes.min(limits.message_bytes);
    fits.then_some((index, changes))
}

/// Whether these are splices and no more.
fn composes(changes: &[Change]) -> bool {
    changes.iter().all(
        |Change {
             if_version, edit, ..
         }| { if_version.is_none() && matches!(edit, Edit::Splice { .. }) },
    )
}

/// The splices of `first` and `second` as one row, value by value. `None` when nothing is left of them.
fn compose(first: &[Change], second: &[Change]) -> Option<Vec<Change>> {
    let mut values: Vec<(&Change, Vec<&Splice>)> = Vec::new();
    for change in first.iter().chain(second) {
        let Edit::Splice { path, splice } = &change.edit else {
            return None;
        };
        let same = |(known, _): &&mut (&Change, Vec<&Splice>)| {
            let Edit::Splice { path: at, .. } = &known.edit else {
                return false;
            };
            known.key == change.key && at == path
        };
        match values.iter_mut().find(same) {
            Some((_, splices)) => splices.push(splice),
            None => values.push((change, vec![splice])),
        }
    }
    let mut changes = Vec::new();
    for (change, splices) in values {
        let Edit::Splice { path, .. } = &change.edit else {
            return None;
        };
        for splice in Patch::from_splices(splices)?.to_splices() {
            let edit = Edit::Splice {
                path: path.clone(),
                splice,
            };
            changes.push(Change {
                key: change.key.clone(),
                if_version: None,
                edit,
            });
        }
    }
    (!changes.is_empty()).then_some(changes)
}
