//! The optimistic view: the confirmed state with pending changes on top (rule K-1).

use std::collections::{BTreeMap, BTreeSet};

use super::{Event, Keys, Replica, UpdateError};
use crate::{
    change::{Change, Edit, Effect},
    document::{Document, EditError, Workspace},
    ids::{Millis, RecordKey},
    message::Conflict,
};

/// A state that changes are tried on. What the server alone knows is guessed: a record that was deleted before this
/// replica knew of it starts at version 1, and pending changes are dated at the latest operation.
#[derive(Debug, Clone, Default)]
pub(super) struct View {
    pub(super) document: Document,
    /// The versions of records that pending updates delete.
    deleted: BTreeMap<RecordKey, u64>,
}

/// Why changes do not apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Misfit {
    Edit { key: RecordKey, problem: EditError },
    Version(Conflict),
}

impl From<Misfit> for UpdateError {
    fn from(misfit: Misfit) -> Self {
        match misfit {
            Misfit::Edit { key, problem } => Self::DoesNotApply { key, problem },
            Misfit::Version(conflict) => Self::Conflict(conflict),
        }
    }
}

impl View {
    /// The view of `document` with nothing pending.
    pub(super) fn over(document: &Document) -> Self {
        Self {
            document: document.clone(),
            deleted: BTreeMap::new(),
        }
    }

    /// Applies the changes of one update as the server would, all or none.
    pub(super) fn apply(&mut self, changes: &[Change], at: Millis) -> Result<(), Misfit> {
        for change in changes {
            self.check_version(change)?;
        }
        let mut workspace = Workspace::new(&self.document);
        for Change { key, edit, .. } in changes {
            match edit {
                Edit::Delete if workspace.data(key).is_none() => continue,
                Edit::Splice { splice, .. } if splice.is_noop() => continue,
                _ => {}
            }
            let first = || {
                self.deleted
                    .get(key)
                    .map_or(1, |version| version.saturating_add(1))
            };
            let version = workspace.version(key, first);
            let effect = Effect {
                key: key.clone(),
                version,
                edit: edit.clone(),
            };
            workspace
                .apply(&effect, at)
                .map_err(|problem| Misfit::Edit {
                    key: key.clone(),
                    problem,
                })?;
        }
        for deleted in workspace.finish(at).commit(&mut self.document) {
            self.deleted.insert(deleted.key, deleted.version);
        }
        Ok(())
    }

    /// Puts the records under `keys` back to what they are in `document`.
    pub(super) fn reset(&mut self, document: &Document, keys: &BTreeSet<RecordKey>) {
        for key in keys {
            self.deleted.remove(key);
            match document.get(key) {
                Some(record) => self.document.insert(key, record.clone()),
                None => self.document.remove(key),
            }
        }
    }

    fn check_version(
        &self,
        Change {
            key, if_version, ..
        }: &Change,
    ) -> Result<(), Misfit> {
        let version = self.document.get(key).map_or(0, |record| record.version());
        match if_version {
            Some(expected) if *expected != version => {
                Err(Misfit::Version(Conflict::on(key, version, None)))
            }
            _ => Ok(()),
        }
    }
}

impl Replica {
    /// Brings the view up to date where `keys`, or the updates that touch them, may have changed it.
    pub(super) fn refresh(&mut self, mut keys: BTreeSet<RecordKey>) {
        keys.append(&mut self.stale);
        if keys.is_empty() {
            return;
        }
        while let Some(misfit) = self.rebuild(&mut keys) {
            self.hide(misfit);
            keys.append(&mut self.stale);
        }
        self.changed(keys);
    }

    /// Rebuilds the records `keys` of the view, which grow by those of the updates concerned. Returns the first update
    /// that does not apply.
    fn rebuild(&mut self, keys: &mut BTreeSet<RecordKey>) -> Option<usize> {
        let mut known = 0;
        while known != keys.len() {
            known = keys.len();
            for pending in self.queue.iter().filter(|pending| pending.shown) {
                if pending.touches(keys) {
                    keys.extend(pending.keys.iter().cloned());
                }
            }
        }
        self.view.reset(&self.confirmed.document, keys);
        self.queue.iter().position(|pending| {
            pending.shown
                && pending.touches(keys)
                && self
                    .view
                    .apply(&pending.changes, self.confirmed.at)
                    .is_err()
        })
    }

    /// Tells that the view of `keys` changed.
    pub(super) fn changed(&mut self, keys: BTreeSet<RecordKey>) {
        match self.events.back_mut() {
            Some(Event::Changed { keys: Keys::All }) => {}
            Some(Event::Changed {
                keys: Keys::These(known),
            }) => known.extend(keys),
            _ => self.events.push_back(Event::Changed {
                keys: Keys::These(keys),
            }),
        }
    }
}
