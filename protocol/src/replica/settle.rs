//! What operations and answers do to pending updates.

use std::collections::{BTreeSet, VecDeque};

use super::{
    Event, Outcome, Replica,
    pending::{Delivery, Pending},
    rebase::{Fate, Place, walk},
};
use crate::{
    change::{Edit, Operation},
    error::Code,
    ids::Rev,
    message::{Conflict, Reject},
};

impl Replica {
    /// Rebases what is pending over an operation that the confirmed state has taken (rule K-2).
    pub(super) fn confirm(&mut self, operation: &Operation) {
        let own = self.client_id.as_ref() == Some(&operation.client_id);
        match self.queue.find(&operation.client_req_id).filter(|_| own) {
            Some(index) => self.confirm_own(index, operation),
            None => self.carry_out(walk(&self.queue, &operation.changes, None)),
        }
        self.queue.sweep();
    }

    fn confirm_own(&mut self, index: usize, operation: &Operation) {
        self.accept(index, operation.rev);
        let fates = walk(&self.queue, &operation.changes, Some(index));
        let (earlier, later) = fates.into_iter().partition(|(at, _)| *at < index);
        self.carry_out(earlier);
        let Some(pending) = self.queue.get(index) else {
            return;
        };
        // Its effects are what later updates were made on, unless the view did not show it so, or something that
        // comes before it there is still to come.
        let before = |earlier: &Pending| earlier.shown && !earlier.over && earlier.shares(pending);
        let foreseen = pending.shown && same_splices(pending, operation);
        if !foreseen || self.queue.iter().take(index).any(before) {
            self.carry_out(later);
        }
        self.drop_at(index);
    }

    /// Tells that the update at `index` was accepted as `rev`, if that is news.
    pub(super) fn accept(&mut self, index: usize, rev: Rev) {
        let Some(pending) = self.queue.get_mut(index) else {
            return;
        };
        if pending.answered.is_none() {
            pending.answered = Some(rev);
            pending.conflict = None;
            self.refusals = 0;
            resolve(&mut self.events, pending, &Outcome::Accepted(rev));
        }
    }

    /// Ends the update at `index` with `reject`, and what was made on it.
    pub(super) fn reject(&mut self, index: usize, reject: Reject) {
        self.carry_out(walk(&self.queue, &[], Some(index)));
        if let Some(pending) = self.queue.get(index) {
            resolve(&mut self.events, pending, &Outcome::Rejected(reject));
        }
        self.drop_at(index);
        self.queue.sweep();
        self.refresh(BTreeSet::new());
    }

    /// Leaves the update at `index` out of the view (rule K-1); what was made on it is lost.
    pub(super) fn hide(&mut self, index: usize) {
        self.carry_out(walk(&self.queue, &[], Some(index)));
        if let Some(pending) = self.queue.get_mut(index) {
            self.stale.extend(pending.keys.iter().cloned());
            pending.shown = false;
        }
        self.queue.sweep();
    }

    /// The update at `index` is done with.
    fn drop_at(&mut self, index: usize) {
        if let Some(pending) = self.queue.get_mut(index) {
            self.stale.extend(pending.keys.iter().cloned());
            pending.over = true;
        }
    }

    /// Does to pending updates what a walk has found.
    fn carry_out(&mut self, fates: Vec<(usize, Fate)>) {
        for (index, fate) in fates {
            match (fate, self.queue.get_mut(index)) {
                (Fate::Moved(changes), Some(pending)) => pending.changes = changes,
                (Fate::Lost(place), Some(_)) => self.end_lost(index, place),
                (_, None) => {}
            }
        }
    }

    /// The update at `index` has lost the value it splices (rule K-7).
    fn end_lost(&mut self, index: usize, place: Place) {
        let conflict = self.conflict_at(place);
        let Some(pending) = self.queue.get_mut(index) else {
            return;
        };
        self.stale.extend(pending.keys.iter().cloned());
        pending.shown = false;
        if pending.answered.is_some() {
            return;
        }
        lose(&mut self.events, pending, conflict);
    }

    /// Ends what only waited for an answer that cannot come any more (rule K-7).
    pub(super) fn end_conflicts(&mut self) {
        for pending in self.queue.iter_mut() {
            if let Some(conflict) = pending.conflict.take() {
                end_in_conflict(&mut self.events, pending, conflict);
            }
        }
        self.queue.sweep();
    }
}

/// Whether the splices of `operation` are those that `pending` had become here.
fn same_splices(pending: &Pending, operation: &Operation) -> bool {
    let expected = pending
        .changes
        .iter()
        .filter_map(|change| match &change.edit {
            Edit::Splice { path, splice } if !splice.is_noop() => Some((&change.key, path, splice)),
            _ => None,
        });
    let found = operation
        .changes
        .iter()
        .filter_map(|effect| match &effect.edit {
            Edit::Splice { path, splice } => Some((&effect.key, path, splice)),
            _ => None,
        });
    expected.eq(found)
}

/// `pending`, which does not show any more, has lost the value it splices: if its answer is on its way, that is its
/// end (rule K-7).
pub(super) fn lose(events: &mut VecDeque<Event>, pending: &mut Pending, conflict: Conflict) {
    let Delivery {
        sent,
        copies,
        unaccounted,
        ..
    } = pending.delivery;
    if sent || (copies > 0 && !unaccounted) {
        pending.conflict = Some(conflict);
    } else {
        end_in_conflict(events, pending, conflict);
    }
}

/// Ends `pending`, whose splice has lost its value. If it may have been accepted before, the server is asked for that
/// first, under the positions it knows.
pub(super) fn end_in_conflict(
    events: &mut VecDeque<Event>,
    pending: &mut Pending,
    conflict: Conflict,
) {
    let id = pending.id.clone();
    let reject = match &pending.delivery {
        Delivery {
            unaccounted: true,
            form: Some(_),
            ..
        } => {
            pending.delivery.probe = true;
            return;
        }
        Delivery {
            unaccounted: true,
            form: None,
            ..
        } => {
            let message = "the room began anew, and the splice may have been applied before";
            Reject::new(id, Code::OutcomeUnknown, message)
        }
        Delivery {
            unaccounted: false, ..
        } => {
            let Conflict {
                collection,
                id: record,
                ..
            } = &conflict;
            let path = conflict.path.as_ref().map_or("", |path| path.as_str());
            let message =
                format!("{collection}/{record}{path} is no longer what the splice was made on");
            let mut reject = Reject::new(id, Code::Conflict, message);
            reject.conflict = Some(conflict);
            reject
        }
    };
    pending.over = true;
    resolve(events, pending, &Outcome::Rejected(reject));
}

/// Tells what became of `pending`, under each of its ids.
pub(super) fn resolve(events: &mut VecDeque<Event>, pending: &Pending, outcome: &Outcome) {
    for id in pending.ids() {
        let mut outcome = outcome.clone();
        if let Outcome::Rejected(reject) = &mut outcome {
            reject.client_req_id = id.clone();
        }
        events.push_back(Event::Resolved {
            id: id.clone(),
            outcome,
        });
    }
}
