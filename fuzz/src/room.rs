//! Random requests to a room with a small ring, and everything that must hold of it.

use std::{collections::BTreeSet, collections::VecDeque, sync::Arc};

use revring_protocol::{
    change::{Change, Edit, Operation, Sequence, Splice, Update},
    codec::{Codec, delta_payloads, snapshot_payloads},
    document::Document,
    ids::{ClientId, ClientKey, ClientReqId, Collection, Epoch, RecordId, RecordKey, Rev},
    limits::{FRAME_BYTES, Limits},
    message::ServerMessage,
    room::{CatchUp, Outcome, Request, Room, Ticket},
    value::{Number, Object, Path, Value},
};

use crate::input::Input;

const LIMITS: Limits = Limits {
    ring_ops: 12,
    ring_bytes: 12_000,
    operation_bytes: 3_000,
    record_bytes: 1_500,
    document_bytes: 4_000,
    changes_per_update: 5,
    depth: 4,
    ..Limits::DEFAULT
};

/// Bytes, read as a list of inputs to one room.
pub fn room(data: &[u8]) {
    let mut input = Input::new(data);
    let mut world = World::new();
    while !input.is_empty() {
        match input.below(16) {
            0 => world.drop_batch(&mut input),
            1 => world.restore(&mut input),
            2 => world.follow(),
            3 => world.catch_up(&mut input),
            _ => world.commit(&mut input),
        }
    }
    world.follow();
    world.check_snapshot();
}

/// A room, and what an observer knows of it.
struct World {
    room: Room,
    /// Every operation there ever was.
    log: Vec<Arc<Operation>>,
    /// The state that follows from the log alone.
    replayed: Document,
    /// The ids that became operations.
    ids: BTreeSet<(ClientId, ClientReqId)>,
    /// A room that only absorbs.
    follower: Room,
    now: u64,
}

impl World {
    fn new() -> Self {
        let room = || Room::new(Epoch::new("e").expect("a name"), LIMITS);
        Self {
            room: room(),
            log: Vec::new(),
            replayed: Document::new(),
            ids: BTreeSet::new(),
            follower: room(),
            now: 0,
        }
    }

    /// Commits a few requests, in as many batches as they need.
    fn commit(&mut self, input: &mut Input<'_>) {
        let mut requests = self.requests(input);
        self.now += input.below(4) as u64;
        while !requests.is_empty() {
            let (head, now) = (self.room.head(), self.now);
            let batch = self.room.propose(&mut requests, now);
            assert_eq!(batch.expected_head(), head);
            assert!(batch.operations().len() <= LIMITS.batch_ops());
            let bytes: usize = batch
                .operations()
                .iter()
                .map(|operation| operation.size())
                .sum();
            assert!(
                bytes <= LIMITS.batch_bytes(),
                "an operation fits in a batch by its limits"
            );
            let committed = self.room.commit(batch);
            let revs: Vec<_> = committed
                .operations
                .iter()
                .map(|entry| entry.operation().rev)
                .collect();
            let accepted = committed
                .answers
                .iter()
                .filter_map(|answer| match answer.outcome {
                    Outcome::Accepted(rev) => Some(rev),
                    Outcome::Reply(_) => None,
                });
            assert_eq!(
                accepted.collect::<Vec<_>>(),
                revs,
                "each operation has its answer"
            );
            for entry in &committed.operations {
                self.learn(entry.operation());
            }
            self.check();
        }
    }

    fn learn(&mut self, operation: &Arc<Operation>) {
        let last = self
            .log
            .last()
            .map_or((Rev::ZERO, 0), |last| (last.rev, last.at));
        assert_eq!(operation.rev, last.0.next(), "revisions are 1, 2, 3");
        assert!(operation.at >= last.1, "time never goes back");
        assert!(operation.size() <= LIMITS.operation_bytes);
        let id = (operation.client_id.clone(), operation.client_req_id.clone());
        assert!(self.ids.insert(id), "an update has at most one operation");
        self.replayed
            .apply(operation)
            .expect("an operation fits the state before it");
        self.log.push(Arc::clone(operation));
    }

    fn check(&self) {
        self.room.check();
        assert_eq!(self.room.head().get(), self.log.len() as u64);
        assert_eq!(
            &self.replayed,
            self.room.document(),
            "the state is its operations in order"
        );
        assert_eq!(self.replayed.checksum(), self.room.document().checksum());
        assert!(self.room.document().size() <= LIMITS.document_bytes);
        let first = usize::try_from(self.room.buffer_first_rev().get()).expect("small") - 1;
        let held = self.room.after(Rev::ZERO).map(|entry| entry.operation());
        assert!(
            held.eq(&self.log[first..]),
            "the ring is the end of the log"
        );
    }

    /// Proposes and gives up: nothing changes.
    fn drop_batch(&mut self, input: &mut Input<'_>) {
        let before = self.room.image();
        let mut requests = self.requests(input);
        drop(self.room.propose(&mut requests, self.now + 100));
        assert_eq!(self.room.image(), before);
        self.check();
    }

    /// The room leaves memory and comes back.
    fn restore(&mut self, input: &mut Input<'_>) {
        let tail: Vec<_> = self
            .room
            .after(Rev::ZERO)
            .map(|entry| Arc::clone(entry.operation()))
            .collect();
        let lost = input.below(tail.len() + 1);
        let image = self.room.image();
        let room =
            Room::restore(image.clone(), &tail[lost..], LIMITS).expect("its own image and tail");
        assert_eq!(room.image(), image);
        self.room = room;
        self.check();
    }

    /// The follower takes what it lacks and is then the same.
    fn follow(&mut self) {
        let known = usize::try_from(self.follower.head().get()).expect("small");
        self.follower
            .absorb(&self.log[known..])
            .expect("the log is without hole");
        assert_eq!(self.follower.image(), self.room.image());
        self.follower.check();
    }

    /// A client at any revision gets what makes it equal, in both codecs.
    fn catch_up(&mut self, input: &mut Input<'_>) {
        let head = self.room.head();
        let rev = Rev::new((head.get() + 2).saturating_sub(input.below(20) as u64));
        let ring = self.room.buffer_first_rev().get() - 1..=head.get();
        match self.room.behind(rev) {
            CatchUp::Nothing => assert_eq!(rev, head),
            CatchUp::Delta { from } => {
                assert_eq!(from, rev);
                assert!(ring.contains(&rev.get()) && rev < head);
                self.check_deltas(rev);
            }
            CatchUp::Gap(_) => assert!(!ring.contains(&rev.get())),
            CatchUp::Snapshot => panic!("it has a position"),
        }
    }

    fn check_deltas(&self, from: Rev) {
        for codec in Codec::ALL {
            let encoded: Vec<_> = self
                .room
                .after(from)
                .map(|entry| entry.encoded(codec).clone())
                .collect();
            let mut read = Vec::new();
            for (_, payload) in delta_payloads(codec, from, &encoded, FRAME_BYTES) {
                match codec.decode_server(&payload) {
                    Ok(ServerMessage::Deltas(deltas)) => read.extend(deltas.ops),
                    other => panic!("{other:?}"),
                }
            }
            assert_eq!(
                read,
                self.log[usize::try_from(from.get()).expect("small")..]
            );
        }
    }

    fn check_snapshot(&self) {
        for codec in Codec::ALL {
            let mut document = Document::new();
            for payload in snapshot_payloads(
                codec,
                self.room.epoch(),
                self.room.head(),
                self.room.document(),
            ) {
                match codec.decode_server(&payload) {
                    Ok(ServerMessage::Snapshot(part)) => document.add_part(&part.state),
                    other => panic!("{other:?}"),
                }
            }
            assert_eq!(&document, self.room.document());
        }
    }

    fn requests(&self, input: &mut Input<'_>) -> VecDeque<Request> {
        let count = 1 + input.below(4);
        (0..count).map(|_| self.request(input)).collect()
    }

    fn request(&self, input: &mut Input<'_>) -> Request {
        let author = input.pick(&["the-key-of-client-a", "the-key-of-client-b"]);
        // Mostly a new id, sometimes one that was used.
        let serial = if input.once_in(4) {
            input.below(16)
        } else {
            16 + self.log.len() * 4 + input.below(4)
        };
        let head = self.room.head().get();
        let back = |by: usize| Rev::new((head + 1).saturating_sub(by as u64));
        let changes = (0..=input.below(3)).map(|_| change(input)).collect();
        let update = Update {
            client_req_id: ClientReqId::new(&format!("u{serial}")).expect("a name"),
            changes,
            base_rev: (!input.once_in(16)).then(|| back(1 + input.below(4) * input.below(5))),
            first_rev: input.once_in(8).then(|| back(input.below(20))),
        };
        Request {
            client_id: ClientKey::new(author).expect("a key").client_id(),
            update,
            ticket: Ticket(0),
        }
    }
}

const VALUES: &[&str] = &[
    "null",
    "true",
    "0",
    "-9007199254740991",
    "0.5",
    "\"\"",
    "\"hello, world\"",
    "\"a😀é\"",
    "[]",
    "[1,[2],{\"a\":3}]",
    "{}",
    "{\"s\":\"inner\",\"l\":[1,2],\"n\":7}",
    "{\"s\":null}",
    "[[[[[[[[]]]]]]]]",
    "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{}}}}}}",
];

fn value(input: &mut Input<'_>) -> Value {
    if input.once_in(12) {
        // Large enough to meet the bounds.
        return Value::from("x".repeat(input.below(256) * 12));
    }
    let text = input.pick(VALUES);
    Codec::Json.decode_value(text.as_bytes()).expect("JSON")
}

fn data(input: &mut Input<'_>) -> Object {
    let fields = 1 + input.below(4);
    (0..fields)
        .map(|_| (input.pick(&["s", "l", "o", "n"]).to_owned(), value(input)))
        .collect()
}

fn path(input: &mut Input<'_>) -> Path {
    let text = input.pick(&[
        "/s",
        "/l",
        "/n",
        "/o",
        "/o/s",
        "/o/l",
        "/o/n",
        "/o/missing/x",
        "/",
    ]);
    Path::parse(text).expect("a path")
}

fn change(input: &mut Input<'_>) -> Change {
    let id = input.pick(&["1", "1", "1", "2", "3"]);
    let key = RecordKey {
        collection: Collection::new(input.pick(&["t", "t", "u"])).expect("a name"),
        id: RecordId::new(id).expect("a name"),
    };
    let edit = match input.below(16) {
        0..3 => Edit::Put { data: data(input) },
        3..5 => Edit::Merge { data: data(input) },
        5..7 => Edit::Set {
            path: path(input),
            value: value(input),
        },
        7 => Edit::Unset { path: path(input) },
        8 => Edit::Delete,
        9 => Edit::Add {
            path: path(input),
            by: number(input),
        },
        _ => Edit::Splice {
            path: path(input),
            splice: splice(input),
        },
    };
    Change {
        key,
        if_version: input.once_in(8).then(|| input.below(4) as u64),
        edit,
    }
}

fn number(input: &mut Input<'_>) -> Number {
    Number::from_f64(input.pick(&[1.0, -1.0, 0.25, 9_007_199_254_740_991.0])).expect("in range")
}

fn splice(input: &mut Input<'_>) -> Splice {
    let insert = match value(input) {
        Value::Array(items) => Sequence::Items(items),
        Value::String(text) => Sequence::Text(text),
        _ => Sequence::Text(input.pick(&["", "x", "yz", "😀"]).to_owned()),
    };
    let huge = input.once_in(64);
    let at = if huge { usize::MAX } else { input.below(8) };
    Splice {
        at,
        remove: if input.once_in(64) {
            usize::MAX
        } else {
            input.below(4)
        },
        insert,
    }
}
