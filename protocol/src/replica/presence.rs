//! Who is present (rule P-3).

use std::collections::{BTreeMap, BTreeSet};

use crate::{ids::ClientId, value::Object};

/// The presence of all clients, and this client's own.
#[derive(Debug, Default)]
pub(super) struct Presence {
    clients: BTreeMap<ClientId, Object>,
    own: Option<Object>,
    due: bool,
}

impl Presence {
    pub(super) fn clients(&self) -> &BTreeMap<ClientId, Object> {
        &self.clients
    }

    pub(super) fn own(&self) -> Option<&Object> {
        self.own.as_ref()
    }

    pub(super) fn set_own(&mut self, data: Option<Object>) {
        self.due |= self.own != data;
        self.own = data;
    }

    /// A new connection has no presence yet.
    pub(super) fn joined_anew(&mut self) {
        self.due = self.own.is_some();
    }

    /// Whether the own presence is to be sent; asks once.
    pub(super) fn take_due(&mut self) -> bool {
        std::mem::take(&mut self.due)
    }

    /// Takes what a `PRESENCE` says and names those whose presence changed.
    pub(super) fn handle(
        &mut self,
        clients: BTreeMap<ClientId, Option<Object>>,
        full: bool,
    ) -> BTreeSet<ClientId> {
        let mut changed = BTreeSet::new();
        if full {
            let gone = self
                .clients
                .keys()
                .filter(|id| !matches!(clients.get(*id), Some(Some(_))));
            changed.extend(gone.cloned());
            self.clients.retain(|id, _| !changed.contains(id));
        }
        for (id, data) in clients {
            let differs = match data {
                Some(data) if self.clients.get(&id) == Some(&data) => false,
                Some(data) => {
                    self.clients.insert(id.clone(), data);
                    true
                }
                None => self.clients.remove(&id).is_some(),
            };
            if differs {
                changed.insert(id);
            }
        }
        changed
    }
}
