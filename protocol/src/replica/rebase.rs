//! Moving pending splices over the operations of others, and finding those that have lost what they were made on.

use std::collections::{BTreeMap, BTreeSet};

use super::pending::{Pending, Queue};
use crate::{
    change::{Change, Edit, Effect, Splice},
    document::{Concurrent, replaces_value},
    ids::RecordKey,
    value::Path,
};

/// What a walk found for one pending update.
#[derive(Debug)]
pub(super) enum Fate {
    /// Its splices have moved: these are its changes now.
    Moved(Vec<Change>),
    /// The value it splices was replaced, or it was made on an update that is gone (rule K-7).
    Lost(Place),
}

/// A value: the record and the path in it.
pub(super) type Place = (RecordKey, Path);

/// Walks over `queue` and says what the effects `theirs` of another's operation, and the end of the update at `gone`
/// that leaves nothing behind, mean for the splices in it.
///
/// Each pending update was made on the result of those shown before it. Hidden ones are moved for themselves.
pub(super) fn walk(queue: &Queue, theirs: &[Effect], gone: Option<usize>) -> Vec<(usize, Fate)> {
    let mut walk = Walk::new(theirs);
    if let Some(pending) = gone.and_then(|index| queue.get(index)) {
        walk.records.extend(&pending.keys);
    }
    if !queue
        .iter()
        .any(|pending| pending.splices && walk.concerns(pending))
    {
        return Vec::new();
    }
    let mut fates = Vec::new();
    for (index, pending) in queue.iter().enumerate() {
        if gone == Some(index) {
            if pending.shown {
                walk.lose(pending);
            }
        } else if let Some(fate) = walk.pass(pending) {
            fates.push((index, fate));
        }
    }
    fates
}

struct Walk<'a> {
    theirs: &'a [Effect],
    /// The records where something changed under pending updates.
    records: BTreeSet<&'a RecordKey>,
    /// What pending updates did to those records, as far as it decides what later ones were made on.
    past: Vec<Past<'a>>,
    /// Their splices on each value, moved over the pending ones so far.
    moved: BTreeMap<Place, Concurrent>,
}

struct Past<'a> {
    change: &'a Change,
    /// It is no longer pending, nor confirmed.
    lost: bool,
}

/// What a pending splice was made on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ground {
    /// The confirmed value and pending splices.
    Confirmed,
    /// A value that a pending update set.
    Own,
    /// What a lost update did.
    Lost,
}

impl<'a> Walk<'a> {
    fn new(theirs: &'a [Effect]) -> Self {
        Self {
            theirs,
            records: theirs.iter().map(|effect| &effect.key).collect(),
            past: Vec::new(),
            moved: BTreeMap::new(),
        }
    }

    fn concerns(&self, pending: &Pending) -> bool {
        pending.keys.iter().any(|key| self.records.contains(key))
    }

    fn pass(&mut self, pending: &'a Pending) -> Option<Fate> {
        let settled = pending.conflict.is_some() || pending.delivery.probe;
        if settled || !self.concerns(pending) {
            return None;
        }
        if !pending.splices {
            self.keep(pending);
            return None;
        }
        let before = self.moved.clone();
        match self.move_splices(pending) {
            Ok(changes) => {
                self.keep(pending);
                if !pending.shown {
                    self.moved = before;
                }
                changes.map(Fate::Moved)
            }
            Err(place) => {
                self.moved = before;
                if pending.shown {
                    self.lose(pending);
                }
                Some(Fate::Lost(place))
            }
        }
    }

    /// Notes what later updates were made on.
    fn keep(&mut self, pending: &'a Pending) {
        if pending.shown {
            self.past.extend(pending.changes.iter().map(|change| Past {
                change,
                lost: false,
            }));
        }
    }

    /// Notes that nothing is left of `pending`.
    fn lose(&mut self, pending: &'a Pending) {
        self.records.extend(&pending.keys);
        self.past.extend(
            pending
                .changes
                .iter()
                .map(|change| Past { change, lost: true }),
        );
    }

    /// The changes of `pending` with its splices moved, `None` when none has moved, or the value it lost.
    fn move_splices(&mut self, pending: &Pending) -> Result<Option<Vec<Change>>, Place> {
        let mut changes = Vec::with_capacity(pending.changes.len());
        for (index, change) in pending.changes.iter().enumerate() {
            let Edit::Splice { path, splice } = &change.edit else {
                changes.push(change.clone());
                continue;
            };
            let earlier = pending.changes.iter().take(index);
            let own = earlier.filter(|earlier| earlier.key == change.key);
            if own
                .into_iter()
                .any(|earlier| replaces_value(&earlier.edit, path))
            {
                changes.push(change.clone());
                continue;
            }
            match self.ground(&change.key, path) {
                Ground::Own => changes.push(change.clone()),
                Ground::Lost => return Err((change.key.clone(), path.clone())),
                Ground::Confirmed => {
                    let moved = self.move_splice(&change.key, path, splice)?;
                    changes.extend(moved.into_iter().map(|splice| with_splice(change, splice)));
                }
            }
        }
        if changes.is_empty() {
            changes.extend(pending.changes.first().and_then(without_effect));
        }
        Ok((changes != pending.changes).then_some(changes))
    }

    fn ground(&self, key: &RecordKey, path: &Path) -> Ground {
        let mut ground = Ground::Confirmed;
        for Past { change, lost } in self.past.iter().filter(|past| past.change.key == *key) {
            let replaced = replaces_value(&change.edit, path);
            let spliced = matches!(&change.edit, Edit::Splice { path: at, .. } if at == path);
            ground = match (replaced, spliced, lost) {
                (true, _, false) => Ground::Own,
                (true, _, true) | (_, true, true) => Ground::Lost,
                _ => ground,
            };
        }
        ground
    }

    fn move_splice(
        &mut self,
        key: &RecordKey,
        path: &Path,
        splice: &Splice,
    ) -> Result<Vec<Splice>, Place> {
        let place = (key.clone(), path.clone());
        let theirs = || self.theirs.iter().filter(|effect| effect.key == *key);
        if theirs().any(|effect| replaces_value(&effect.edit, path)) {
            return Err(place);
        }
        let concurrent = match self.moved.get_mut(&place) {
            Some(concurrent) => concurrent,
            None => {
                let mut concurrent = Concurrent::new();
                for effect in theirs() {
                    match &effect.edit {
                        Edit::Splice { path: at, splice } if at == path => concurrent.push(splice),
                        _ => {}
                    }
                }
                self.moved.entry(place).or_insert(concurrent)
            }
        };
        if concurrent.is_empty() {
            return Ok(vec![splice.clone()]);
        }
        Ok(concurrent.rebase(splice))
    }
}

/// `change`, a splice, with `splice` in its place.
fn with_splice(change: &Change, splice: Splice) -> Change {
    let mut change = change.clone();
    if let Edit::Splice { splice: old, .. } = &mut change.edit {
        *old = splice;
    }
    change
}

/// A splice that does nothing, in place of `change`: an update carries at least one change.
fn without_effect(change: &Change) -> Option<Change> {
    let Edit::Splice { splice, .. } = &change.edit else {
        return None;
    };
    let nothing = Splice {
        at: 0,
        remove: 0,
        insert: splice.insert.emptied(),
    };
    Some(with_splice(change, nothing))
}
