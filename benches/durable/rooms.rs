//! A room whose writers each change their own card.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use revring::log::{Appended, Checkpoint, Log};
use revring_protocol::{
    change::{Change, Edit, Operation, Update},
    ids::{
        ClientId, ClientKey, ClientReqId, Collection, Epoch, RecordId, RecordKey, Rev, RoomName,
    },
    limits::Limits,
    room::{Image, Request, Room, Ticket},
    value::{Object, Value},
};

/// Operations after which the server stores an image.
const CHECKPOINT: u64 = 8192;

/// A room, its log, and its writers.
pub(crate) struct Table {
    pub(crate) name: RoomName,
    pub(crate) room: Room,
    log: Arc<dyn Log>,
    writers: Vec<ClientId>,
    sent: u64,
    stored: Option<Image>,
    since_image: u64,
    /// Time spent in the log, of all that has passed.
    pub(crate) appending: Duration,
    checkpoint: Option<tokio::task::JoinHandle<Image>>,
}

impl Table {
    pub(crate) fn new(name: &str, writers: usize, log: Arc<dyn Log>) -> Self {
        let epoch = Epoch::from_random([7; 12]);
        let writer = |n: usize| {
            let key = ClientKey::new(&format!("the-key-of-writer-{n:06}")).expect("a key");
            key.client_id()
        };
        Self {
            name: RoomName::new(name).expect("a name"),
            room: Room::new(epoch.clone(), Limits::DEFAULT),
            log,
            writers: (0..writers).map(writer).collect(),
            sent: 0,
            stored: Some(Image::empty(epoch)),
            since_image: 0,
            appending: Duration::ZERO,
            checkpoint: None,
        }
    }

    /// One update of each writer, as they would wait for each other's flush.
    pub(crate) fn requests(&mut self) -> VecDeque<Request> {
        let writers = self.writers.iter().enumerate();
        let sent = &mut self.sent;
        writers
            .map(|(n, client)| {
                *sent += 1;
                Request {
                    client_id: client.clone(),
                    update: update(n, *sent),
                    ticket: Ticket(0),
                }
            })
            .collect()
    }

    /// Has `requests` accepted, in as many batches as that takes; yields those.
    pub(crate) async fn accept(
        &mut self,
        mut requests: VecDeque<Request>,
    ) -> Vec<Vec<Arc<Operation>>> {
        let mut batches = Vec::new();
        while !requests.is_empty() {
            let batch = self.room.propose(&mut requests, 1_700_000_000_000);
            let (head, operations) = (batch.expected_head(), batch.operations());
            self.since_image += operations.len() as u64;
            batches.push(operations.to_vec());
            let epoch = self.room.epoch().clone();
            let start = Instant::now();
            let appended = self.log.append(&self.name, &epoch, head, operations).await;
            self.appending += start.elapsed();
            assert_eq!(appended, Ok(Appended::Committed));
            self.room.commit(batch);
            self.store_image().await;
        }
        batches
    }

    /// As the server does: an image now and then, beside the appends.
    async fn store_image(&mut self) {
        if let Some(running) = self.checkpoint.take_if(|running| running.is_finished()) {
            self.stored = Some(running.await.expect("a checkpoint ends"));
        }
        if self.since_image < CHECKPOINT || self.checkpoint.is_some() {
            return;
        }
        self.since_image = 0;
        let (log, name) = (Arc::clone(&self.log), self.name.clone());
        let checkpoint = Checkpoint {
            since: self.stored.take(),
            image: self.room.image(),
            keep_after: Rev::new(self.room.buffer_first_rev().get() - 1),
        };
        self.checkpoint = Some(tokio::spawn(async move {
            let image = checkpoint.image.clone();
            log.checkpoint(&name, checkpoint)
                .await
                .expect("a checkpoint");
            image
        }));
    }

    pub(crate) async fn finish(&mut self) {
        if let Some(running) = self.checkpoint.take() {
            running.await.expect("a checkpoint ends");
        }
    }
}

/// About 100 bytes: one field of the writer's card.
fn update(writer: usize, n: u64) -> Update {
    let mut data = Object::new();
    let text = format!("what writer {writer} typed at last, number {n:09}");
    data.insert("text".to_owned(), Value::String(text));
    let key = RecordKey {
        collection: Collection::new("cards").expect("a name"),
        id: RecordId::new(&format!("card-{writer:06}")).expect("an id"),
    };
    Update {
        client_req_id: ClientReqId::new(&format!("u{n}")).expect("an id"),
        changes: vec![Change {
            key,
            if_version: None,
            edit: Edit::Put { data },
        }],
        base_rev: None,
        first_rev: None,
    }
}
