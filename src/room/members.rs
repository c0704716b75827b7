//! Who is in a room: one connection per client.

use std::{collections::HashMap, sync::Arc};

use revring_protocol::{codec::Codec, ids::ClientId};

use crate::fanout::Connection;

/// The connections of a room.
#[derive(Debug)]
pub(super) struct Members {
    by_client: HashMap<ClientId, Arc<Connection>>,
    by_shard: Box<[usize]>,
    by_codec: [usize; Codec::COUNT],
}

impl Members {
    pub(super) fn new(shards: usize) -> Self {
        Self {
            by_client: HashMap::new(),
            by_shard: vec![0; shards].into(),
            by_codec: [0; Codec::COUNT],
        }
    }

    pub(super) fn len(&self) -> usize {
        self.by_client.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_client.is_empty()
    }

    /// The connection of `client`.
    pub(super) fn get(&self, client: &ClientId) -> Option<&Arc<Connection>> {
        self.by_client.get(client)
    }

    /// Whether `connection` is the one of its client, not one that was superseded (rule C-5).
    pub(super) fn contains(&self, connection: &Connection) -> bool {
        let current = connection
            .client()
            .and_then(|client| self.by_client.get(client));
        current.is_some_and(|current| current.number() == connection.number())
    }

    /// Adds the connection of a client that has none here.
    pub(super) fn insert(&mut self, client: ClientId, connection: Arc<Connection>) {
        self.by_shard[connection.shard()] += 1;
        self.by_codec[connection.codec().index()] += 1;
        self.by_client.insert(client, connection);
    }

    /// Removes `connection`. False when it is not the one of its client.
    pub(super) fn remove(&mut self, connection: &Connection) -> bool {
        let found = self.contains(connection);
        if let Some(client) = connection.client().filter(|_| found) {
            self.by_client.remove(client);
            self.by_shard[connection.shard()] -= 1;
            self.by_codec[connection.codec().index()] -= 1;
        }
        if self.by_client.is_empty() {
            self.by_client.shrink_to(0);
        }
        found
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Connection>> {
        self.by_client.values()
    }

    /// The shards that write to someone here.
    pub(super) fn shards(&self) -> impl Iterator<Item = usize> {
        let counts = self.by_shard.iter().enumerate();
        counts
            .filter(|(_, count)| **count > 0)
            .map(|(shard, _)| shard)
    }

    /// How many there are in a shard.
    pub(super) fn in_shard(&self, shard: usize) -> usize {
        self.by_shard[shard]
    }

    /// The codecs that someone here reads.
    pub(super) fn codecs(&self) -> impl Iterator<Item = Codec> {
        Codec::ALL
            .into_iter()
            .filter(|codec| self.using(*codec) > 0)
    }

    /// How many read a codec.
    pub(super) fn using(&self, codec: Codec) -> usize {
        self.by_codec[codec.index()]
    }
}
