//! Whichever row an image is abandoned after, the one that counts is whole, and the next one leaves nothing of it.

use std::{collections::VecDeque, sync::Arc};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use revring_protocol::{
    change::{Change, Edit, Operation, Update},
    ids::{ClientKey, Collection, Epoch, RecordId, RoomName},
    limits::Limits,
    room::{Image, Remembered, Request, Room, Ticket},
    value::{Object, Value},
};

use super::*;
use crate::log::{
    Checkpoint, Stored,
    sqlite::{
        load,
        rows::Body,
        schema::{VERSIONS, migrate},
    },
};

/// Operations that each image leaves before itself.
const KEPT: u64 = 10;

/// What the image is written from that follows the abandoned one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// Whichever counts, after more operations.
    Changes,
    /// Nothing, after more operations.
    Complete,
    /// Whichever counts; there was no operation since.
    SameChanges,
    /// Nothing; there was no operation since.
    SameComplete,
}

/// The line of a room, and its images on the way.
struct Story {
    name: RoomName,
    epoch: Epoch,
    batches: Vec<Arc<[Arc<Operation>]>>,
    /// The first, the one that is abandoned, and the one after.
    images: Vec<Image>,
}

impl Story {
    /// `many` records that stay as they are, and 20 that come and go.
    fn new(seed: u64, many: usize) -> Self {
        let epoch = Epoch::from_random([3; 12]);
        let mut room = Room::new(epoch.clone(), Limits::DEFAULT);
        let mut dice = StdRng::seed_from_u64(seed);
        let (mut batches, mut images) = (Vec::new(), Vec::new());
        let mut sent = 0;
        // The first client has more accepted ids than are remembered before there is any image.
        for updates in [300, 30, 30] {
            let mut requests: VecDeque<Request> = (0..updates)
                .map(|_| {
                    sent += 1;
                    request(sent, if sent == 1 { many } else { 0 }, &mut dice)
                })
                .collect();
            while !requests.is_empty() {
                let batch = room.propose(&mut requests, 1_000 + sent);
                batches.push(batch.operations().into());
                room.commit(batch);
            }
            images.push(room.image());
        }
        batches.retain(|batch: &Arc<[_]>| !batch.is_empty());
        Self {
            name: "room".parse().unwrap(),
            epoch,
            batches,
            images,
        }
    }

    fn rows(&self, since: Option<&Image>, image: &Image) -> Rows {
        let checkpoint = Checkpoint {
            since: since.cloned(),
            image: image.clone(),
            keep_after: Rev::new(image.rev.get() - KEPT),
        };
        Rows::of(self.name.clone(), &checkpoint)
    }

    /// Stores the operations from after `from` up to `to`.
    fn append(&self, connection: &Connection, from: Rev, to: Rev) {
        let room = rows::room(connection, &self.name).unwrap().unwrap();
        for batch in &self.batches {
            let body = Body::of(batch).unwrap();
            if body.last > from && body.last <= to {
                let insert =
                    "INSERT INTO operations (room, rev, body, sum) VALUES (?1, ?2, ?3, ?4)";
                let values = params![room.id, signed(body.last), body.bytes, body.sum()];
                connection
                    .prepare_cached(insert)
                    .unwrap()
                    .execute(values)
                    .unwrap();
            }
        }
    }

    /// A store with the first image and the operations up to the second.
    fn stored(&self) -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, 0, VERSIONS).unwrap();
        connection.set_prepared_statement_cache_capacity(64);
        let insert = "INSERT INTO rooms (name, epoch) VALUES (?1, ?2)";
        let values = params![self.name.as_str(), self.epoch.as_str()];
        connection.execute(insert, values).unwrap();
        let transaction = connection.transaction().unwrap();
        self.append(&transaction, Rev::ZERO, self.images[1].rev);
        transaction.commit().unwrap();
        let empty = Image::empty(self.epoch.clone());
        let rows = self.rows(Some(&empty), &self.images[0]);
        finish(&mut connection, Writing::new(rows), 1_000);
        connection
    }

    /// The image that counts; with the operations after it, it is the room at `head`.
    fn load(&self, connection: &mut Connection, head: &Image) -> Image {
        let Stored { image, tail } = load::room(connection, &self.name).unwrap().unwrap();
        let room = Room::restore(image.clone(), &tail, Limits::DEFAULT).unwrap();
        room.check();
        assert!(room.image() == *head, "the room is what it was");
        image
    }

    /// Abandons the second image after `steps` rows, and writes `next` to its end. Whether the second was at its end, too.
    fn abandon(&self, steps: usize, complete: bool, next: Next) -> bool {
        let [first, second, third] = &self.images[..] else {
            unreachable!("there are three")
        };
        let mut connection = self.stored();
        let since = (!complete).then_some(first);
        let mut abandoned = Writing::new(self.rows(since, second));
        let ended = (0..steps).any(|_| step(&mut connection, &mut abandoned, 1) == Progress::Done);
        drop(abandoned);
        let counts = self.load(&mut connection, second);
        assert!(counts == *first || counts == *second, "after {steps}");

        let same = matches!(next, Next::SameChanges | Next::SameComplete);
        let last = if same { second } else { third };
        self.append(&connection, second.rev, last.rev);
        assert!(self.load(&mut connection, last) == counts);
        if counts == *second {
            // Whoever was not told that the second counts is refused, and changes nothing.
            let mut mistaken = Writing::new(self.rows(Some(first), last));
            let refused = step(&mut connection, &mut mistaken, 1_000);
            assert_eq!(refused, Progress::OtherSince, "after {steps}");
        }
        let from = matches!(next, Next::Changes | Next::SameChanges).then_some(&counts);
        finish(
            &mut connection,
            Writing::new(self.rows(from, last)),
            1 + steps % 9,
        );
        assert!(self.load(&mut connection, last) == *last, "after {steps}");
        check_rows(&connection, last, &format!("{next:?} after {steps}"));
        ended
    }
}

fn request(sent: u64, many: usize, dice: &mut StdRng) -> Request {
    let who = match dice.random_range(0..10) {
        0 => 1 + sent / 100,
        _ => 0,
    };
    let client_key = ClientKey::new(&format!("the-key-of-client-{who}")).unwrap();
    let record = format!("r{}", dice.random_range(0..20));
    let edit = match dice.random_range(0..3) {
        0 => Edit::Delete,
        _ => put(dice.random_range(0..3_000)),
    };
    let mut changes = vec![change("few", &record, edit)];
    changes.extend((0..many).map(|n| change("many", &format!("m{n}"), put(10))));
    Request {
        client_id: client_key.client_id(),
        update: Update {
            client_req_id: ClientReqId::new(&format!("u{sent}")).unwrap(),
            changes,
            base_rev: None,
            first_rev: None,
        },
        ticket: Ticket(0),
    }
}

fn put(length: usize) -> Edit {
    let text = Value::String("x".repeat(length));
    Edit::Put {
        data: Object::from([("text".to_owned(), text)]),
    }
}

fn change(collection: &str, id: &str, edit: Edit) -> Change {
    Change {
        key: RecordKey {
            collection: Collection::new(collection).unwrap(),
            id: RecordId::new(id).unwrap(),
        },
        if_version: None,
        edit,
    }
}

/// One transaction of about `budget` rows.
fn step(connection: &mut Connection, writing: &mut Writing, budget: usize) -> Progress {
    let transaction = connection.transaction().unwrap();
    let (progress, _) = writing.advance(&transaction, budget).unwrap();
    transaction.commit().unwrap();
    progress
}

fn finish(connection: &mut Connection, mut writing: Writing, budget: usize) {
    loop {
        match step(connection, &mut writing, budget) {
            Progress::More => {}
            end => return assert_eq!(end, Progress::Done),
        }
    }
}

/// The rows are those of `image`, and no others.
fn check_rows(connection: &Connection, image: &Image, when: &str) {
    let count = |query| -> usize {
        let count: i64 = connection.query_row(query, [], |row| row.get(0)).unwrap();
        usize::try_from(count).unwrap()
    };
    assert_eq!(count("SELECT unfinished FROM rooms"), 0, "{when}");
    let records = image.document.len();
    assert_eq!(
        count("SELECT count(*) FROM records WHERE body IS NULL"),
        0,
        "{when}"
    );
    assert_eq!(count("SELECT count(*) FROM records"), records, "{when}");
    let keys = "SELECT count(*) FROM (SELECT DISTINCT collection, id FROM records)";
    assert_eq!(count(keys), records, "{when}");

    let (nobody, no_tombstones) = Default::default();
    let clients: Vec<_> = image.remembered.changes_since(&nobody).collect();
    assert_eq!(
        count("SELECT count(*) FROM clients"),
        clients.len(),
        "{when}"
    );
    let ids = clients.iter().filter_map(|client| client.window);
    let ids: usize = ids.map(|window| window.after(Rev::ZERO).count()).sum();
    assert_eq!(count("SELECT count(*) FROM duplicates"), ids, "{when}");
    let tombstones = image.tombstones.changes_since(&no_tombstones).count();
    assert_eq!(
        count("SELECT count(*) FROM tombstones"),
        tombstones,
        "{when}"
    );
    let first = usize::try_from(image.rev.get() - KEPT).unwrap();
    assert!(count("SELECT min(rev) FROM operations") > first, "{when}");
}

#[test]
fn c4_an_image_of_changes_that_is_abandoned_anywhere_is_no_image() {
    let story = Story::new(1, 0);
    for next in [
        Next::Changes,
        Next::Complete,
        Next::SameChanges,
        Next::SameComplete,
    ] {
        let ends = (0..).find(|steps| story.abandon(*steps, false, next));
        assert!(ends.is_some_and(|steps| steps > 50), "{ends:?} steps");
    }
}

#[test]
fn c4_a_complete_image_that_is_abandoned_anywhere_is_no_image() {
    let story = Story::new(2, 0);
    for next in [
        Next::Changes,
        Next::Complete,
        Next::SameChanges,
        Next::SameComplete,
    ] {
        // In the middle are nothing but accepted ids.
        let mut steps = (0..30).chain((30..250).step_by(7)).chain(250..);
        let ends = steps.find(|steps| story.abandon(*steps, true, next));
        assert!(ends.is_some_and(|steps| steps > 280), "{ends:?} steps");
    }
}

#[test]
fn c4_the_stored_image_once_more_lets_none_of_an_abandoned_one_count() {
    let story = Story::new(4, 0);
    let [first, second, third] = &story.images[..] else {
        unreachable!("there are three")
    };
    for steps in 0..60 {
        let mut connection = story.stored();
        let mut abandoned = Writing::new(story.rows(Some(first), second));
        step(&mut connection, &mut abandoned, steps);
        drop(abandoned);
        let counts = story.load(&mut connection, second);
        for since in [None, Some(&counts)] {
            finish(&mut connection, Writing::new(story.rows(since, &counts)), 3);
            assert!(story.load(&mut connection, second) == counts);
            check_rows(&connection, &counts, &format!("once more after {steps}"));
        }
        story.append(&connection, second.rev, third.rev);
        finish(
            &mut connection,
            Writing::new(story.rows(Some(&counts), third)),
            3,
        );
        assert!(
            story.load(&mut connection, third) == *third,
            "after {steps}"
        );
        check_rows(&connection, third, &format!("after {steps}"));
    }
}

#[test]
fn u4_a_client_that_is_forgotten_leaves_nothing_whenever_its_image_is_abandoned() {
    let mut story = Story::new(5, 0);
    let first = story.images[0].clone();
    story.images[1].remembered = without_oldest_clients(&story.images[1], 2);
    let second = story.images[1].clone();
    assert!(second.remembered.room_forgotten() > first.remembered.room_forgotten());
    for steps in 0.. {
        let mut connection = story.stored();
        let mut abandoned = Writing::new(story.rows(Some(&first), &second));
        let ended = step(&mut connection, &mut abandoned, steps) == Progress::Done;
        drop(abandoned);
        let stored = load::room(&mut connection, &story.name).unwrap().unwrap();
        assert!(stored.image == first || stored.image == second);
        for since in [Some(&stored.image), None] {
            finish(&mut connection, Writing::new(story.rows(since, &second)), 5);
            let stored = load::room(&mut connection, &story.name).unwrap().unwrap();
            assert!(stored.image == second, "after {steps}");
            check_rows(&connection, &second, &format!("after {steps}"));
        }
        if ended {
            return assert!(steps > 50, "{steps} steps");
        }
    }
}

/// What `image` remembers, had it forgotten the `count` clients that wrote least lately.
fn without_oldest_clients(image: &Image, count: usize) -> Remembered {
    let nobody = Remembered::default();
    let changes = image.remembered.changes_since(&nobody);
    let mut clients: Vec<_> = changes
        .filter_map(|change| Some((change.client.clone(), change.window?)))
        .collect();
    clients.sort_by_key(|(_, window)| window.newest());
    let kept = clients.split_off(count);
    let forgotten = clients.last().map_or(Rev::ZERO, |(_, last)| last.newest());
    let ids = kept.iter().flat_map(|(client, window)| {
        let ids = window.after(Rev::ZERO);
        ids.map(|(rev, id)| (client.clone(), rev, id.clone()))
    });
    let ids: Vec<_> = ids.collect();
    let kept = kept
        .iter()
        .map(|(client, window)| (client.clone(), window.forgotten()));
    Remembered::restore(forgotten, kept, ids)
}

#[test]
fn c4_what_is_left_is_swept_in_more_than_one_window() {
    let story = Story::new(3, 600);
    for complete in [true, false] {
        for next in [Next::Changes, Next::Complete, Next::SameComplete] {
            let ends = (0..).find(|n| story.abandon(n * 23, complete, next));
            assert!(ends.is_some());
        }
    }
}
