//! Everyone who is in a run: rooms, writers, observers; and what must be true of them once they have settled.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use revring_client::{
    Codec, Rev, Room,
    protocol::{change::Operation, error::Code, ids::Epoch},
};
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    observer::{Habit, Observer},
    support::{open, quick, reach, soon},
    writer::{Book, Style, Writer},
};

/// Who takes part.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cast {
    pub(crate) rooms: usize,
    pub(crate) writers: usize,
    pub(crate) style: Style,
    /// What observers speak, one of them for each, in each room.
    pub(crate) observers: &'static [Codec],
}

/// Everyone, while they are at it.
pub(crate) struct Scene {
    url: String,
    pub(crate) books: Vec<Book>,
    /// With the number of their room.
    pub(crate) observers: Vec<(usize, Observer)>,
    writers: Vec<JoinHandle<Option<Room>>>,
    stop: watch::Sender<bool>,
}

/// What the server says of a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) rev: Rev,
    pub(crate) epoch: Epoch,
    pub(crate) checksum: String,
}

impl Scene {
    /// Everyone begins, on the server at `address`.
    pub(crate) async fn begin(address: SocketAddr, seed: u64, cast: Cast) -> Self {
        let url = format!("ws://{address}/v1/ws");
        let books: Vec<_> = (0..cast.rooms)
            .map(|n| Book::new(format!("room-{n}")))
            .collect();
        for book in &books {
            book.prepare(&url, cast.writers).await;
        }
        let mut observers = Vec::new();
        for (room, book) in books.iter().enumerate() {
            for codec in cast.observers {
                let habit = match cast.style.burst {
                    Some(_) => Habit::Visits {
                        seed: seed + room as u64,
                    },
                    None => Habit::Stays,
                };
                observers.push((room, Observer::start(address, &book.room, *codec, habit)));
            }
        }
        let stop = watch::Sender::new(false);
        let write = |number| {
            let writer = Writer::new(url.clone(), number, seed, cast.style);
            tokio::spawn(writer.run(books.clone(), stop.subscribe()))
        };
        let writers = (0..cast.writers).map(write).collect();
        Self {
            url,
            books,
            observers,
            writers,
            stop,
        }
    }

    /// How many updates were accepted so far.
    pub(crate) fn accepted(&self) -> usize {
        self.books
            .iter()
            .map(|book| book.ledger.lock().accepted.len())
            .sum()
    }

    /// Nobody begins anything new, and all that was asked for is answered. Then everything must fit.
    pub(crate) async fn settle(&mut self) -> Vec<Head> {
        self.stop.send_replace(true);
        let mut rooms = Vec::new();
        for writer in self.writers.drain(..) {
            rooms.extend(soon("the end of a writer", writer).await.expect("no panic"));
        }
        self.observers
            .iter()
            .for_each(|(_, observer)| observer.stay());
        let mut heads = Vec::new();
        for number in 0..self.books.len() {
            let head = self.compare(number, &rooms).await;
            self.check_ledger(number, &head);
            heads.push(head);
        }
        heads
    }

    /// All replicas are what the server says, and what a new client gets.
    async fn compare(&self, number: usize, rooms: &[Room]) -> Head {
        let book = &self.books[number];
        let fresh = open(quick(), &self.url, &book.room).await;
        let head = head_of(&fresh).await;
        for room in rooms.iter().filter(|room| room.name() == fresh.name()) {
            assert_eq!(head_of(room).await, head);
            assert_eq!(room.confirmed(), fresh.confirmed());
        }
        for observer in self.observers_of(number) {
            observer.reach(head.rev).await;
            let state = (head.rev, head.epoch.clone(), head.checksum.clone());
            observer.with(|seen| {
                assert_eq!(seen.problems, Vec::<String>::new());
                assert_eq!(seen.state.as_ref(), Some(&state));
                assert_eq!(seen.epochs, 0, "the epoch stays");
            });
        }
        book.ledger
            .lock()
            .check_state(&book.room, &fresh.confirmed());
        head
    }

    /// What was shown is what was acknowledged, and that is all there is.
    fn check_ledger(&self, number: usize, head: &Head) {
        let book = &self.books[number];
        let ledger = book.ledger.lock();
        ledger.check_revisions(&book.room, head.rev);
        let shown = self.shown(number);
        let gaps: u32 = self
            .observers_of(number)
            .map(|one| one.with(|seen| seen.gaps))
            .sum();
        if gaps == 0 {
            // The first update was made before anyone looked.
            assert_eq!(
                shown.len() as u64,
                head.rev.get() - 1,
                "all of it was shown"
            );
        }
        for (rev, operation) in shown {
            let entry = &ledger.accepted[&rev];
            let author = (&operation.client_id, &operation.client_req_id);
            assert_eq!((&entry.client, &entry.id), author, "{}: {rev}", book.room);
        }
        let odd = |(_, code): &&(_, Code)| !matches!(code, Code::Conflict | Code::BaseTooOld);
        let odd: Vec<_> = ledger.rejected.iter().filter(odd).collect();
        assert!(odd.is_empty(), "{}: {odd:?}", book.room);
    }

    /// All operations that anyone was shown in a room, of which everyone was shown the same.
    pub(crate) fn shown(&self, room: usize) -> BTreeMap<Rev, Arc<Operation>> {
        let mut shown = BTreeMap::new();
        for observer in self.observers_of(room) {
            observer.with(|seen| {
                for (rev, operation) in &seen.operations {
                    let known = shown.entry(*rev).or_insert_with(|| Arc::clone(operation));
                    assert_eq!(known, operation, "two observers saw different operations");
                }
            });
        }
        shown
    }

    fn observers_of(&self, room: usize) -> impl Iterator<Item = &Observer> {
        let there = self.observers.iter().filter(move |(at, _)| *at == room);
        there.map(|(_, observer)| observer)
    }

    /// What happened, in words.
    pub(crate) fn summary(&self) -> String {
        let (mut joins, mut resumed, mut gaps) = (0, 0, 0);
        for (_, observer) in &self.observers {
            observer.with(|seen| {
                joins += seen.joins;
                resumed += seen.resumed;
                gaps += seen.gaps;
            });
        }
        let rejected: usize = self
            .books
            .iter()
            .map(|book| book.ledger.lock().rejected.len())
            .sum();
        format!(
            "{} updates accepted and {rejected} rejected in {} rooms; observers joined {joins} times, resumed {resumed}, met {gaps} gaps",
            self.accepted(),
            self.books.len()
        )
    }
}

/// What the server says of a room, once the replica has it.
pub(crate) async fn head_of(room: &Room) -> Head {
    let said = soon("a heartbeat", room.heartbeat()).await.unwrap();
    reach(room, said.rev).await;
    let state = room.state();
    assert_eq!(state.rev, said.rev);
    let checksum = state.confirmed.checksum();
    assert_eq!(*checksum, *said.checksum);
    Head {
        rev: state.rev,
        epoch: state.epoch.expect("an epoch"),
        checksum,
    }
}
