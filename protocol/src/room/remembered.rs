//! Which updates were accepted, and what of that was forgotten (rules U-2 to U-5).

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use imbl::OrdMap;

use crate::{
    ids::{ClientId, ClientReqId, Rev},
    limits::{REMEMBERED_CLIENTS, REMEMBERED_IDS},
    message::Acked,
};

/// The accepted ids of a room's clients. Cloning is cheap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    clients: OrdMap<ClientId, Arc<Window>>,
    /// Clients by the revision of their last operation.
    by_age: OrdMap<Rev, ClientId>,
    /// The highest revision forgotten together with its client.
    forgotten: Rev,
    max_clients: usize,
    max_ids: usize,
}

/// The last accepted ids of one client.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Window {
    revs: BTreeMap<ClientReqId, Rev>,
    order: VecDeque<(Rev, ClientReqId)>,
    /// The highest revision of this client that is forgotten.
    forgotten: Rev,
}

impl Default for Remembered {
    fn default() -> Self {
        Self::bounded(REMEMBERED_CLIENTS, REMEMBERED_IDS)
    }
}

impl Remembered {
    fn bounded(max_clients: usize, max_ids: usize) -> Self {
        Self {
            clients: OrdMap::new(),
            by_age: OrdMap::new(),
            forgotten: Rev::ZERO,
            max_clients,
            max_ids,
        }
    }

    /// The revision that the update `id` of `client` got.
    #[must_use]
    pub fn find(&self, client: &ClientId, id: &ClientReqId) -> Option<Rev> {
        self.clients.get(client)?.revs.get(id).copied()
    }

    /// The highest revision of `client` that may have been forgotten.
    #[must_use]
    pub fn forgotten(&self, client: &ClientId) -> Rev {
        let own = self
            .clients
            .get(client)
            .map_or(Rev::ZERO, |window| window.forgotten);
        own.max(self.forgotten)
    }

    /// The remembered updates of `client` after `rev`, oldest first.
    #[must_use]
    pub fn after(&self, client: &ClientId, rev: Rev) -> Vec<Acked> {
        let Some(window) = self.clients.get(client) else {
            return Vec::new();
        };
        let newer = window.order.iter().filter(|(at, _)| *at > rev);
        newer
            .map(|(rev, id)| Acked {
                client_req_id: id.clone(),
                rev: *rev,
            })
            .collect()
    }

    /// Remembers that the update `id` of `client` became the operation `rev`.
    pub(super) fn record(&mut self, client: &ClientId, id: &ClientReqId, rev: Rev) {
        let window = Arc::make_mut(self.clients.entry(client.clone()).or_default());
        if let Some((last, _)) = window.order.back() {
            self.by_age.remove(last);
        }
        window.order.push_back((rev, id.clone()));
        window.revs.insert(id.clone(), rev);
        if window.order.len() > self.max_ids
            && let Some((rev, id)) = window.order.pop_front()
        {
            window.revs.remove(&id);
            window.forgotten = rev;
        }
        self.by_age.insert(rev, client.clone());
        while self.clients.len() > self.max_clients {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some((last, client)) = self.by_age.get_min().cloned() else {
            return;
        };
        self.by_age.remove(&last);
        self.clients.remove(&client);
        self.forgotten = self.forgotten.max(last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ClientKey;

    fn client(n: u8) -> ClientId {
        ClientKey::from_random([n; 32]).client_id()
    }

    fn id(n: u64) -> ClientReqId {
        ClientReqId::new(&format!("u{n}")).unwrap()
    }

    #[test]
    fn u3_the_oldest_id_is_forgotten_and_its_revision_noted_for_its_client_alone() {
        let mut remembered = Remembered::bounded(2, 2);
        for rev in 1..=3 {
            remembered.record(&client(1), &id(rev), Rev::new(rev));
        }
        remembered.record(&client(2), &id(4), Rev::new(4));
        assert_eq!(remembered.find(&client(1), &id(1)), None);
        assert_eq!(remembered.find(&client(1), &id(2)), Some(Rev::new(2)));
        assert_eq!(remembered.forgotten(&client(1)), Rev::new(1));
        assert_eq!(remembered.forgotten(&client(2)), Rev::ZERO);
    }

    #[test]
    fn u4_the_longest_silent_client_is_forgotten_and_noted_for_the_room() {
        let mut remembered = Remembered::bounded(2, 2);
        remembered.record(&client(1), &id(1), Rev::new(1));
        remembered.record(&client(2), &id(2), Rev::new(2));
        remembered.record(&client(1), &id(3), Rev::new(3));
        remembered.record(&client(3), &id(4), Rev::new(4));
        assert_eq!(remembered.find(&client(2), &id(2)), None);
        assert_eq!(remembered.find(&client(1), &id(3)), Some(Rev::new(3)));
        assert_eq!(remembered.forgotten(&client(3)), Rev::new(2));
    }

    #[test]
    fn f6_acked_lists_what_came_after_a_revision() {
        let mut remembered = Remembered::bounded(2, 4);
        for rev in 1..=3 {
            remembered.record(&client(1), &id(rev), Rev::new(rev));
        }
        let acked = remembered.after(&client(1), Rev::new(1));
        let acked: Vec<_> = acked.iter().map(|acked| acked.rev.get()).collect();
        assert_eq!(acked, [2, 3]);
    }
}
