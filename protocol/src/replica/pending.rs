//! Updates that are not confirmed yet.

use std::collections::{BTreeSet, VecDeque};

use crate::{
    change::{Change, Edit},
    ids::{ClientReqId, RecordKey, Rev},
    message::Conflict,
};

/// An update that its author does not see confirmed yet.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    /// The id it has on the wire.
    pub(super) id: ClientReqId,
    /// The ids of updates composed into it, which end as it does.
    pub(super) aliases: Vec<ClientReqId>,
    /// What it asks for: splices as they apply to what comes before it.
    pub(super) changes: Vec<Change>,
    /// The records it touches.
    pub(super) keys: BTreeSet<RecordKey>,
    /// Whether there is a splice in it.
    pub(super) splices: bool,
    /// Whether the view contains it. Once hidden it stays so until a snapshot: updates made later do not build on it.
    pub(super) shown: bool,
    /// The revision it was accepted as, which is not confirmed yet (rule K-3).
    pub(super) answered: Option<Rev>,
    /// What another's operation replaced under it: it is hidden, and only the server's answer is missing (rule K-7).
    pub(super) conflict: Option<Conflict>,
    /// It is done with: the next [`Queue::sweep`] takes it out.
    pub(super) over: bool,
    pub(super) delivery: Delivery,
}

/// What was sent of an update.
#[derive(Debug, Clone, Default)]
pub(super) struct Delivery {
    /// It is sent; its answer is awaited.
    pub(super) sent: bool,
    /// How often it went over this connection without an answer. Only the last refusal counts, for each copy is judged.
    pub(super) copies: u32,
    /// How often it was sent in this epoch.
    pub(super) count: u32,
    /// Whether it was ever sent, in whatever epoch: what its id stands for is then fixed.
    pub(super) ever: bool,
    /// The confirmed revision when it was first sent in this epoch (rule U-5).
    pub(super) first_rev: Option<Rev>,
    /// An update with splices as it was last sent in this epoch.
    pub(super) form: Option<Form>,
    /// A snapshot that came without `acked` may contain it.
    pub(super) unaccounted: bool,
    /// It is sent only to learn what became of it, in the form it was last sent in.
    pub(super) probe: bool,
}

/// Positions and the revision they refer to.
#[derive(Debug, Clone)]
pub(super) struct Form {
    pub(super) base_rev: Rev,
    pub(super) changes: Vec<Change>,
}

impl Delivery {
    /// No answer comes to what went over the last connection.
    pub(super) fn disconnected(&mut self) {
        self.sent = false;
        self.copies = 0;
    }

    /// Another line of revisions: what was sent in the old one tells the server nothing.
    pub(super) fn new_epoch(&mut self) {
        let Self {
            ever, unaccounted, ..
        } = *self;
        *self = Self {
            ever,
            unaccounted,
            ..Self::default()
        };
    }
}

impl Pending {
    pub(super) fn new(id: ClientReqId, changes: Vec<Change>, shown: bool) -> Self {
        Self {
            id,
            aliases: Vec::new(),
            keys: changes.iter().map(|change| change.key.clone()).collect(),
            splices: has_splice(&changes),
            changes,
            shown,
            answered: None,
            conflict: None,
            over: false,
            delivery: Delivery::default(),
        }
    }

    /// Whether it is still to be sent.
    pub(super) fn is_unsent(&self) -> bool {
        self.answered.is_none() && self.conflict.is_none() && !self.delivery.sent
    }

    /// Whether it is sent and has no answer.
    pub(super) fn is_unanswered(&self) -> bool {
        self.answered.is_none() && self.delivery.sent
    }

    /// Whether it and `other` touch the same record.
    pub(super) fn shares(&self, other: &Self) -> bool {
        self.touches(&other.keys)
    }

    /// Whether it touches one of `keys`.
    pub(super) fn touches(&self, keys: &BTreeSet<RecordKey>) -> bool {
        !self.keys.is_disjoint(keys)
    }

    /// All ids that end with it.
    pub(super) fn ids(&self) -> impl Iterator<Item = &ClientReqId> {
        std::iter::once(&self.id).chain(&self.aliases)
    }
}

/// Whether there is a splice in `changes`.
pub(super) fn has_splice(changes: &[Change]) -> bool {
    changes
        .iter()
        .any(|change| matches!(change.edit, Edit::Splice { .. }))
}

/// The pending updates in their order.
#[derive(Debug, Default)]
pub(super) struct Queue {
    list: VecDeque<Pending>,
    ids: BTreeSet<ClientReqId>,
}

impl Queue {
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// How many ids are taken, those of composed updates included.
    pub(super) fn id_count(&self) -> usize {
        self.ids.len()
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Pending> + ExactSizeIterator {
        self.list.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Pending> {
        self.list.iter_mut()
    }

    pub(super) fn get(&self, index: usize) -> Option<&Pending> {
        self.list.get(index)
    }

    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut Pending> {
        self.list.get_mut(index)
    }

    /// Whether `id` names one of them, composed ones included.
    pub(super) fn names(&self, id: &ClientReqId) -> bool {
        self.ids.contains(id)
    }

    /// The place of the update that has `id` on the wire.
    pub(super) fn find(&self, id: &ClientReqId) -> Option<usize> {
        if !self.ids.contains(id) {
            return None;
        }
        self.list.iter().position(|pending| pending.id == *id)
    }

    pub(super) fn push(&mut self, pending: Pending) {
        self.ids.extend(pending.ids().cloned());
        self.list.push_back(pending);
    }

    /// Composes the update `id` into the one at `index`, which then asks for `changes`. Returns the records it touched
    /// before; nothing may be left to do to some of them.
    pub(super) fn merge(
        &mut self,
        index: usize,
        id: ClientReqId,
        changes: Vec<Change>,
    ) -> BTreeSet<RecordKey> {
        let Some(pending) = self.list.get_mut(index) else {
            return BTreeSet::new();
        };
        let keys = changes.iter().map(|change| change.key.clone()).collect();
        pending.changes = changes;
        pending.aliases.push(id.clone());
        self.ids.insert(id);
        std::mem::replace(&mut pending.keys, keys)
    }

    /// Takes out what is over.
    pub(super) fn sweep(&mut self) {
        let ids = &mut self.ids;
        self.list.retain(|pending| {
            if pending.over {
                pending.ids().for_each(|id| {
                    ids.remove(id);
                });
            }
            !pending.over
        });
    }

    /// Takes all out.
    pub(super) fn take(&mut self) -> VecDeque<Pending> {
        self.ids.clear();
        std::mem::take(&mut self.list)
    }
}
