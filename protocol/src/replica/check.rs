//! What must hold of a replica at any time; for tests and simulations.

use std::collections::{BTreeMap, BTreeSet};

use super::{Replica, pending::Pending, view::View};
use crate::{
    document::Document,
    ids::{Collection, RecordId},
    limits::REMEMBERED_IDS,
    value::Object,
};

impl Replica {
    /// Checks what must hold of a replica at any time; for tests and simulations.
    ///
    /// # Panics
    /// Names what does not hold.
    pub fn check(&self) {
        self.check_queue();
        self.check_sent();
        self.check_view();
        self.confirmed.document.check();
    }

    fn check_queue(&self) {
        let mut ids = BTreeSet::new();
        for pending in self.queue.iter() {
            let Pending {
                id,
                changes,
                keys,
                delivery,
                conflict,
                ..
            } = pending;
            assert!(!pending.over, "{id} is over and still there");
            assert!(!changes.is_empty(), "{id} has a change");
            assert!(
                pending.ids().all(|id| ids.insert(id)),
                "{id} stands there once"
            );
            assert!(
                changes.iter().all(|change| keys.contains(&change.key)),
                "{id} names its records"
            );
            let hidden = conflict.is_some() || delivery.probe;
            assert!(
                !(hidden && pending.shown),
                "{id} waits for its end and does not show"
            );
            assert!(
                conflict.is_none() || delivery.copies > 0,
                "{id} waits for an answer that can come"
            );
            assert!(
                !delivery.probe || delivery.form.is_some(),
                "{id} can be asked for"
            );
            assert!(
                !delivery.sent || delivery.copies > 0,
                "{id} is sent over this connection"
            );
        }
        assert_eq!(ids.len(), self.queue.id_count(), "every id has its update");
        assert!(
            ids.iter().all(|id| self.queue.names(id)),
            "every update is found by its ids"
        );
    }

    fn check_sent(&self) {
        let unanswered = || self.queue.iter().filter(|pending| pending.is_unanswered());
        assert!(
            unanswered().count() <= REMEMBERED_IDS,
            "what is unanswered is remembered"
        );
        let splices = unanswered().filter(|pending| pending.splices);
        assert!(
            splices.count() <= 1,
            "one splice update is unanswered at a time"
        );
        for (index, pending) in self.queue.iter().enumerate() {
            if pending.splices && pending.is_unanswered() && pending.shown {
                let mut earlier = self
                    .queue
                    .iter()
                    .take(index)
                    .filter(|earlier| earlier.shown);
                let id = &pending.id;
                assert!(
                    !earlier.any(|earlier| earlier.shares(pending)),
                    "{id} was sent in its turn"
                );
            }
        }
    }

    fn check_view(&self) {
        assert!(self.stale.is_empty(), "the view is up to date");
        let mut view = View::over(&self.confirmed.document);
        for pending in self.queue.iter().filter(|pending| pending.shown) {
            let applies = view.apply(&pending.changes, self.confirmed.at);
            assert!(
                applies.is_ok(),
                "{} applies to the view: {applies:?}",
                pending.id
            );
        }
        let rebuilt = contents(&view.document);
        assert_eq!(
            rebuilt,
            contents(&self.view.document),
            "the view is what is pending on the state"
        );
    }
}

/// What a view shows but times, which are guessed when a record is rebuilt.
fn contents(document: &Document) -> BTreeMap<(&Collection, &RecordId), (u64, &Object)> {
    let records = document.collections().flat_map(|(collection, records)| {
        records
            .iter()
            .map(move |(id, record)| ((collection, id), (record.version(), record.data())))
    });
    records.collect()
}
