//! What becomes of pending updates when the state under them is replaced, not moved (rules K-3, K-5 and K-6).

use super::{
    Event, Keys, OnGap, Outcome, Replica,
    pending::Pending,
    rebase::Place,
    settle::{end_in_conflict, lose, resolve},
    sync::Confirmed,
    view::View,
};
use crate::{
    change::Edit,
    document::{Document, replaces_value},
    ids::{Millis, RecordKey},
    message::{Conflict, GapReason},
    value::{Path, Value},
};

/// Why the state under pending updates is another.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// A snapshot came.
    Snapshot { same_epoch: bool, discard: bool },
    /// An update turned out to be part of the confirmed state already.
    Confirmed,
}

impl Replica {
    /// Puts a snapshot in place of the confirmed state. `gap` is why it came; without one nothing is known of what the
    /// server accepted meanwhile.
    pub(super) fn replace(&mut self, state: Confirmed, gap: Option<GapReason>) {
        for pending in self.queue.iter_mut() {
            let delivery = &mut pending.delivery;
            delivery.sent = false;
            delivery.unaccounted = match gap {
                None => delivery.unaccounted || delivery.count > 0,
                // `acked` names what was accepted since the confirmed revision, or all (rule F-6).
                Some(GapReason::Behind) => delivery.unaccounted,
                Some(GapReason::Ahead | GapReason::Epoch) => false,
            };
        }
        self.end_conflicts();
        let cause = Cause::Snapshot {
            same_epoch: self.confirmed.epoch == state.epoch,
            discard: self.config.on_gap == OnGap::Discard && self.confirmed.epoch.is_some(),
        };
        let old = std::mem::replace(&mut self.confirmed, state);
        self.trusted = true;
        self.head = self.head.max(self.confirmed.rev);
        self.reground(&old.document, old.at, cause);
        self.events.push_back(Event::Snapshot {
            rev: self.confirmed.rev,
        });
        self.events.push_back(Event::Changed { keys: Keys::All });
    }

    /// Takes out what was accepted as a revision that is confirmed by now, though no delta showed it.
    pub(super) fn drop_confirmed(&mut self) {
        let rev = self.confirmed.rev;
        let confirmed =
            |pending: &Pending| pending.answered.is_some_and(|answered| answered <= rev);
        if self.queue.iter().any(confirmed) {
            let old = self.confirmed.clone();
            self.reground(&old.document, old.at, Cause::Confirmed);
            self.events.push_back(Event::Changed { keys: Keys::All });
        }
    }

    /// Puts the pending updates on the confirmed state, which has taken the place of `old`.
    fn reground(&mut self, old: &Document, old_at: Millis, cause: Cause) {
        let mut before = View::over(old);
        let mut after = View::over(&self.confirmed.document);
        for mut pending in self.queue.take() {
            let lost = lost_ground(&pending, &before.document, &after.document);
            if pending.shown {
                // What does not apply was not in the view either.
                let _ = before.apply(&pending.changes, old_at);
            }
            if pending.answered.is_some() {
                self.reground_answered(&mut pending, lost.is_some());
            } else {
                match cause {
                    Cause::Confirmed => self.reground_waiting(&mut pending, lost),
                    Cause::Snapshot { discard: true, .. } => {
                        resolve(&mut self.events, &pending, &Outcome::Discarded);
                        pending.over = true;
                    }
                    Cause::Snapshot { same_epoch, .. } => {
                        self.offer_again(&mut pending, lost, same_epoch);
                    }
                }
            }
            if pending.over {
                continue;
            }
            if pending.shown {
                pending.shown = after.apply(&pending.changes, self.confirmed.at).is_ok();
            }
            self.queue.push(pending);
        }
        self.view = after;
        self.stale.clear();
    }

    /// What is accepted stays in the view until it is confirmed (rule K-3), if it still makes sense there.
    fn reground_answered(&self, pending: &mut Pending, lost: bool) {
        pending.over = pending
            .answered
            .is_some_and(|rev| rev <= self.confirmed.rev);
        pending.shown &= !lost;
    }

    /// Something before it turned out to be part of the confirmed state.
    fn reground_waiting(&mut self, pending: &mut Pending, lost: Option<Place>) {
        let Some(place) = lost.filter(|_| pending.shown) else {
            return;
        };
        pending.shown = false;
        let conflict = self.conflict_at(place);
        lose(&mut self.events, pending, conflict);
    }

    /// A snapshot came: the update is offered again, unless it is a splice and its value is another (rule K-6).
    fn offer_again(&mut self, pending: &mut Pending, lost: Option<Place>, same_epoch: bool) {
        if !same_epoch {
            pending.delivery.new_epoch();
        }
        pending.shown = !pending.delivery.probe && lost.is_none();
        if let Some(place) = lost.filter(|_| !pending.delivery.probe) {
            let conflict = self.conflict_at(place);
            end_in_conflict(&mut self.events, pending, conflict);
        }
    }

    pub(super) fn conflict_at(&self, (key, path): Place) -> Conflict {
        let version = self
            .confirmed
            .document
            .get(&key)
            .map_or(0, |record| record.version());
        Conflict::on(&key, version, Some(path))
    }
}

/// The first value spliced by `pending` that is not the same `after` as `before`, or of which that cannot be said as
/// the view did not show the update.
fn lost_ground(pending: &Pending, before: &Document, after: &Document) -> Option<Place> {
    pending
        .changes
        .iter()
        .enumerate()
        .find_map(|(index, change)| {
            let Edit::Splice { path, .. } = &change.edit else {
                return None;
            };
            let earlier = pending.changes.iter().take(index);
            let mut own = earlier.filter(|earlier| earlier.key == change.key);
            let same = own.any(|earlier| replaces_value(&earlier.edit, path))
                || pending.shown
                    && value_at(before, &change.key, path) == value_at(after, &change.key, path);
            (!same).then(|| (change.key.clone(), path.clone()))
        })
}

fn value_at<'a>(document: &'a Document, key: &RecordKey, path: &Path) -> Option<&'a Value> {
    path.find(document.get(key)?.data())
}
