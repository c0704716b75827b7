//! One revision line: every operation of a room in an epoch, and the state after each.

use std::{collections::BTreeMap, sync::Arc};

use revring_protocol::{
    change::Operation,
    document::Document,
    ids::{ClientId, ClientReqId, Epoch, Rev},
    room::Image,
};

use super::model::Model;
use crate::broken::{Broken, Checked, ensure};

/// A room in one epoch, as it must be.
#[derive(Debug)]
pub struct Line {
    epoch: Epoch,
    /// The revision it began with: 0, or that of a backup.
    base: Rev,
    /// The states from `base` on.
    states: Vec<Document>,
    operations: Vec<Arc<Operation>>,
    accepted: BTreeMap<(ClientId, ClientReqId), Rev>,
    first: Model,
    model: Model,
}

impl Line {
    /// A line without operations.
    #[must_use]
    pub fn new(epoch: Epoch) -> Self {
        Self::begin(&Image::empty(epoch), BTreeMap::new(), Model::default())
    }

    /// The line that begins anew with the state that `before` had at the revision of `image`.
    ///
    /// # Errors
    /// When the image is not that state, or the epoch was used before.
    pub fn restored(image: &Image, before: &Self) -> Checked<Self> {
        ensure(
            image.epoch != before.epoch,
            "a restored room has a new epoch",
            || &image.epoch,
        )?;
        let kept = before.state(image.rev);
        ensure(
            kept == Some(&image.document),
            "a backup is a state of the room",
            || image.rev,
        )?;
        let accepted = before.accepted.iter().filter(|(_, rev)| **rev <= image.rev);
        let accepted = accepted.map(|(id, rev)| (id.clone(), *rev)).collect();
        let model = before.model_at(image.rev)?;
        Ok(Self::begin(image, accepted, model))
    }

    fn begin(
        image: &Image,
        accepted: BTreeMap<(ClientId, ClientReqId), Rev>,
        model: Model,
    ) -> Self {
        Self {
            epoch: image.epoch.clone(),
            base: image.rev,
            states: vec![image.document.clone()],
            operations: Vec::new(),
            accepted,
            first: model.clone(),
            model,
        }
    }

    fn model_at(&self, rev: Rev) -> Checked<Model> {
        let mut model = self.first.clone();
        let operations = self.operations.iter();
        for operation in operations.take_while(|operation| operation.rev <= rev) {
            model.apply(operation)?;
        }
        Ok(model)
    }

    /// Its epoch.
    #[must_use]
    pub fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    /// Its last revision.
    #[must_use]
    pub fn head(&self) -> Rev {
        Rev::new(self.base.get() + self.operations.len() as u64)
    }

    /// The state at `rev`.
    #[must_use]
    pub fn state(&self, rev: Rev) -> Option<&Document> {
        self.states.get(self.place(rev)?)
    }

    /// The operation `rev`, if it was accepted in this epoch.
    #[must_use]
    pub fn operation(&self, rev: Rev) -> Option<&Arc<Operation>> {
        self.operations.get(self.place(rev)?.checked_sub(1)?)
    }

    /// The revision that the update `id` of `client` got.
    #[must_use]
    pub fn accepted(&self, client: &ClientId, id: &ClientReqId) -> Option<Rev> {
        self.accepted.get(&(client.clone(), id.clone())).copied()
    }

    /// Every accepted update.
    pub fn all_accepted(&self) -> impl Iterator<Item = (&ClientId, &ClientReqId, Rev)> {
        self.accepted
            .iter()
            .map(|((client, id), rev)| (client, id, *rev))
    }

    /// Adds the next operation.
    ///
    /// # Errors
    /// When it cannot be that.
    pub fn push(&mut self, operation: &Arc<Operation>) -> Checked {
        let rev = operation.rev;
        ensure(
            rev == self.head().next(),
            "revisions are 1, 2, 3 without hole or reuse",
            || format!("{rev} follows {}", self.head()),
        )?;
        let last = self.operations.last().map_or(0, |last| last.at);
        ensure(
            operation.at >= last,
            "the time of operations never decreases",
            || format!("{rev} is at {}, after {last}", operation.at),
        )?;
        let id = (operation.client_id.clone(), operation.client_req_id.clone());
        let before = self.accepted.insert(id, rev);
        ensure(
            before.is_none(),
            "an update has at most one operation",
            || format!("{operation:?}, which was {before:?}"),
        )?;
        let mut state = self.states.last().cloned().unwrap_or_default();
        state
            .apply(operation)
            .map_err(|error| Broken::new("an operation fits the state", error))?;
        self.model.apply(operation)?;
        self.model.check_same(&state)?;
        self.states.push(state);
        self.operations.push(Arc::clone(operation));
        Ok(())
    }

    fn place(&self, rev: Rev) -> Option<usize> {
        usize::try_from(rev.get().checked_sub(self.base.get())?).ok()
    }
}
