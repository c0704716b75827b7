//! Which updates were accepted, and what of that was forgotten (rules U-2 to U-5).

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use imbl::{OrdMap, ordmap::DiffItem};

use super::tag::Tag;
use crate::{
    ids::{ClientId, ClientReqId, Rev},
    limits::{REMEMBERED_CLIENTS, REMEMBERED_IDS},
    message::Acked,
};

/// The accepted ids of a room's clients. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Remembered {
    clients: OrdMap<ClientId, Arc<Window>>,
    /// Every client once, by the revision of one of its operations. Not the last one: most are never asked for.
    by_age: OrdMap<Rev, ClientId>,
    /// The highest revision forgotten together with its client.
    forgotten: Rev,
    max_clients: usize,
    max_ids: usize,
}

/// The last accepted ids of one client.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Window {
    /// Oldest first.
    ids: VecDeque<(Rev, ClientReqId)>,
    /// One for each id: looking for an id compares these, which stand close together, and hardly any text.
    tags: VecDeque<Tag>,
    /// The highest revision of this client that is forgotten.
    forgotten: Rev,
}

impl Window {
    /// The ids accepted after `rev`, oldest first.
    pub fn after(&self, rev: Rev) -> impl Iterator<Item = (Rev, &ClientReqId)> {
        let start = self.ids.partition_point(|(known, _)| *known <= rev);
        self.ids.range(start..).map(|(rev, id)| (*rev, id))
    }

    /// The highest revision of this client that is forgotten.
    #[must_use]
    pub fn forgotten(&self) -> Rev {
        self.forgotten
    }

    /// The revision of the newest.
    #[must_use]
    pub fn newest(&self) -> Rev {
        self.ids.back().map_or(Rev::ZERO, |(rev, _)| *rev)
    }

    fn find(&self, id: &ClientReqId) -> Option<Rev> {
        let tag = Tag::of(id);
        let (left, right) = self.tags.as_slices();
        let places = tag.places(left);
        let mut places = places.chain(tag.places(right).map(|place| left.len() + place));
        places.find_map(|place| match self.ids.get(place) {
            Some((rev, known)) if known == id => Some(*rev),
            _ => None,
        })
    }

    fn push(&mut self, rev: Rev, id: &ClientReqId, max_ids: usize) {
        if self.ids.len() >= max_ids
            && let Some((oldest, _)) = self.ids.pop_front()
        {
            self.tags.pop_front();
            self.forgotten = oldest;
        }
        self.ids.push_back((rev, id.clone()));
        self.tags.push_back(Tag::of(id));
    }
}

/// A client whose accepted ids are not as they were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientChange<'a> {
    /// The client.
    pub client: &'a ClientId,
    /// Its ids now; `None`: the client is forgotten.
    pub window: Option<&'a Window>,
    /// Its ids as they were; `None`: the client was not known.
    pub before: Option<&'a Window>,
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
        self.clients.get(client)?.find(id)
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

    /// The highest revision forgotten together with its client.
    #[must_use]
    pub fn room_forgotten(&self) -> Rev {
        self.forgotten
    }

    /// What [`Self::changes_since`] told of an empty memory: `room_forgotten`, the `forgotten` of each client, and the ids, which are
    /// in the order of their revisions.
    #[must_use]
    pub fn restore(
        room_forgotten: Rev,
        clients: impl IntoIterator<Item = (ClientId, Rev)>,
        ids: impl IntoIterator<Item = (ClientId, Rev, ClientReqId)>,
    ) -> Self {
        let mut restored = Self {
            forgotten: room_forgotten,
            ..Self::default()
        };
        let mut windows: BTreeMap<ClientId, Window> = BTreeMap::new();
        for (client, forgotten) in clients {
            windows.entry(client).or_default().forgotten = forgotten;
        }
        for (client, rev, id) in ids {
            let window = windows.entry(client).or_default();
            window.push(rev, &id, restored.max_ids);
        }
        windows.retain(|_, window| !window.ids.is_empty());
        for (client, window) in windows {
            restored.by_age.insert(window.newest(), client.clone());
            restored.clients.insert(client, Arc::new(window));
        }
        restored.forget_surplus();
        restored
    }

    /// Every client whose ids are not as they were in `older`. Takes time for what differs.
    pub fn changes_since<'a>(&'a self, older: &'a Self) -> impl Iterator<Item = ClientChange<'a>> {
        older.clients.diff(&self.clients).map(|item| {
            let (client, window, before) = match item {
                DiffItem::Add(client, new) => (client, Some(&**new), None),
                DiffItem::Update {
                    old: (_, old),
                    new: (client, new),
                } => (client, Some(&**new), Some(&**old)),
                DiffItem::Remove(client, old) => (client, None, Some(&**old)),
            };
            ClientChange {
                client,
                window,
                before,
            }
        })
    }

    /// The remembered updates of `client` after `rev`, oldest first.
    #[must_use]
    pub fn after(&self, client: &ClientId, rev: Rev) -> Vec<Acked> {
        let Some(window) = self.clients.get(client) else {
            return Vec::new();
        };
        let newer = window.after(rev);
        newer
            .map(|(rev, id)| Acked {
                client_req_id: id.clone(),
                rev,
            })
            .collect()
    }

    /// Remembers that the update `id` of `client` became the operation `rev`.
    pub(super) fn record(&mut self, client: &ClientId, id: &ClientReqId, rev: Rev) {
        if let Some(window) = self.clients.get_mut(client) {
            return Arc::make_mut(window).push(rev, id, self.max_ids);
        }
        let mut window = Window {
            // Nobody knows what a client did that was forgotten.
            forgotten: self.forgotten,
            ..Window::default()
        };
        window.push(rev, id, self.max_ids);
        self.clients.insert(client.clone(), Arc::new(window));
        self.by_age.insert(rev, client.clone());
        self.forget_surplus();
    }

    fn forget_surplus(&mut self) {
        while self.clients.len() > self.max_clients {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        while let Some((rev, client)) = self.by_age.get_min().cloned() {
            self.by_age.remove(&rev);
            let last = self
                .clients
                .get(&client)
                .map_or(rev, |window| window.newest());
            if last > rev {
                self.by_age.insert(last, client);
                continue;
            }
            self.clients.remove(&client);
            self.forgotten = self.forgotten.max(last);
            return;
        }
    }
}

impl PartialEq for Remembered {
    fn eq(&self, other: &Self) -> bool {
        self.clients == other.clients
            && self.forgotten == other.forgotten
            && self.max_clients == other.max_clients
            && self.max_ids == other.max_ids
    }
}

impl Eq for Remembered {}

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
