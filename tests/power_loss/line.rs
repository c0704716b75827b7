//! One room as it must be: what was promised of it, at each position of a recording, and whether a log keeps that.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::Arc,
};

use revring::log::Stored;
use revring_protocol::{
    change::{Change, Edit, Effect, Operation, Update},
    ids::{Rev, RoomName},
    limits::Limits,
    message::ServerMessage,
    room::{Image, Outcome, Request, Room, Ticket},
    value::Object,
};

/// Of the last operations, so many are sent again.
const RESENT: usize = 8;

/// How a log broke its word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) kind: Kind,
    pub(crate) what: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A room that was acknowledged or shown is not there at all.
    Gone,
    /// A part of what was acknowledged or shown is not there.
    Lost,
    /// Something is there that nobody sent, or only a part of what was sent together.
    Foreign,
    /// The epoch is another.
    Epoch,
    /// What is there does not make a room.
    Broken,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.what)
    }
}

fn violation<T>(kind: Kind, what: impl Into<String>) -> Result<T, Violation> {
    Err(Violation {
        kind,
        what: what.into(),
    })
}

/// A room that is as it must be, and its operations after those that were certain.
pub(crate) type Found = (Room, Vec<Arc<Operation>>);

/// A room's history.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) name: RoomName,
    operations: Vec<Arc<Operation>>,
    /// The room at the end of each batch.
    images: BTreeMap<Rev, Image>,
    /// From these positions on, everything up to these revisions was acknowledged or shown.
    certain: Vec<(usize, Rev)>,
    attempts: Vec<Attempt>,
    /// From these positions on, operations up to these revisions need not be kept.
    released: Vec<(usize, Rev)>,
}

/// A batch that may be stored.
#[derive(Debug, Clone)]
struct Attempt {
    begun: usize,
    /// The log said that it is not stored. It holds as long as the process does.
    denied: bool,
    base: Rev,
    operations: Vec<Arc<Operation>>,
}

impl Line {
    pub(crate) fn new(name: RoomName, image: Image) -> Self {
        Self {
            name,
            operations: Vec::new(),
            images: BTreeMap::from([(Rev::ZERO, image)]),
            certain: vec![(0, Rev::ZERO)],
            attempts: Vec::new(),
            released: vec![(0, Rev::ZERO)],
        }
    }

    /// The room as it is certain to be.
    pub(crate) fn image(&self) -> &Image {
        let (_, last) = self.images.last_key_value().expect("it begins with one");
        last
    }

    /// A batch is being appended.
    pub(crate) fn attempt(&mut self, position: usize, operations: &[Arc<Operation>]) {
        let (begun, base) = (position, self.image().rev);
        let operations = operations.to_vec();
        self.attempts.push(Attempt {
            begun,
            denied: false,
            base,
            operations,
        });
    }

    /// The log says that what was attempted and is not certain is not stored.
    pub(crate) fn deny(&mut self) {
        self.attempts
            .iter_mut()
            .for_each(|attempt| attempt.denied = true);
    }

    /// The process ended: what it denied may be there after all.
    pub(crate) fn restarted(&mut self) {
        self.attempts
            .iter_mut()
            .for_each(|attempt| attempt.denied = false);
    }

    /// The room was acknowledged or shown as it is in `image`.
    pub(crate) fn promise(&mut self, position: usize, operations: &[Arc<Operation>], image: Image) {
        let head = self.image().rev;
        let new = operations.iter().filter(|operation| operation.rev > head);
        self.operations.extend(new.cloned());
        assert_eq!(
            self.operations.len() as u64,
            image.rev.get(),
            "an image fits its operations"
        );
        self.certain.push((position, image.rev));
        self.images.insert(image.rev, image);
    }

    /// Operations up to `rev` need not be kept.
    pub(crate) fn release(&mut self, position: usize, rev: Rev) {
        let most = self.released.last().map_or(rev, |(_, most)| rev.max(*most));
        self.released.push((position, most));
    }

    /// Where something was acknowledged or shown.
    pub(crate) fn promises(&self) -> impl Iterator<Item = usize> {
        self.certain.iter().map(|(position, _)| *position)
    }

    /// The line as the next process may find it after a crash at `position`.
    pub(crate) fn at(&self, position: usize) -> Self {
        let certain = up_to(&self.certain, position);
        let attempts = self
            .attempts
            .iter()
            .filter(|attempt| attempt.begun <= position);
        let attempts = attempts.map(|attempt| Attempt {
            begun: 0,
            denied: false,
            ..attempt.clone()
        });
        Self {
            name: self.name.clone(),
            operations: self.operations[..length(certain)].to_vec(),
            images: self
                .images
                .range(..=certain)
                .map(|(rev, image)| (*rev, image.clone()))
                .collect(),
            certain: vec![(0, certain)],
            attempts: attempts.collect(),
            released: vec![(0, up_to(&self.released, position))],
        }
    }

    /// Checks what a log has of the room at `position`; returns the room, and its operations after those that were
    /// certain.
    pub(crate) fn check(
        &self,
        position: usize,
        stored: Option<Stored>,
    ) -> Result<Option<Found>, Violation> {
        let certain = up_to(&self.certain, position);
        let Some(Stored { image, tail }) = stored else {
            if certain == Rev::ZERO {
                return Ok(None);
            }
            return violation(
                Kind::Gone,
                format!("{} is not there, it was at {certain}", self.name),
            );
        };
        let known = self.image();
        if image.epoch != known.epoch {
            let what = format!(
                "{} has the epoch {}, not {}",
                self.name, image.epoch, known.epoch
            );
            return violation(Kind::Epoch, what);
        }
        let head = tail
            .last()
            .map_or(image.rev, |last| last.rev.max(image.rev));
        if head < certain {
            return violation(
                Kind::Lost,
                format!("{} is at {head}, it was at {certain}", self.name),
            );
        }
        let more = self.beyond(position, certain, head, &tail)?;
        self.check_tail(position, certain, &image, &tail, &more)?;
        self.check_image(&image)?;
        let room = Room::restore(image, &tail, Limits::DEFAULT);
        let mut room =
            room.or_else(|error| violation(Kind::Broken, format!("{}: {error}", self.name)))?;
        self.check_room(&mut room, certain, &more)?;
        Ok(Some((room, more)))
    }

    /// What is stored after the certain operations: nothing, or one attempt that may be stored.
    fn beyond(
        &self,
        position: usize,
        certain: Rev,
        head: Rev,
        tail: &[Arc<Operation>],
    ) -> Result<Vec<Arc<Operation>>, Violation> {
        if head == certain {
            return Ok(Vec::new());
        }
        let found: Vec<_> = tail
            .iter()
            .filter(|operation| operation.rev > certain)
            .cloned()
            .collect();
        let mut possible = self.attempts.iter().filter(|attempt| {
            attempt.begun <= position && attempt.base == certain && attempt.operations == found
        });
        match possible.next() {
            None => {
                let what = format!("{}: {} after {certain}", self.name, span(&found));
                violation(Kind::Foreign, what)
            }
            Some(attempt) if attempt.denied => {
                let what = format!("{}: {} was said not to be there", self.name, span(&found));
                violation(Kind::Foreign, what)
            }
            Some(_) => Ok(found),
        }
    }

    fn check_tail(
        &self,
        position: usize,
        certain: Rev,
        image: &Image,
        tail: &[Arc<Operation>],
        more: &[Arc<Operation>],
    ) -> Result<(), Violation> {
        let expected: Vec<_> = self.operations[..length(certain)]
            .iter()
            .chain(more)
            .collect();
        let released = up_to(&self.released, position).min(image.rev);
        let first = tail
            .first()
            .map_or(expected.len() + 1, |first| length(first.rev));
        if first == 0 || first > length(released) + 1 {
            let what = format!(
                "{}: the tail begins at {first}, {released} was released",
                self.name
            );
            return violation(Kind::Lost, what);
        }
        if tail.iter().ne(expected[first - 1..].iter().copied()) {
            let what = format!(
                "{}: {} are not the operations that were sent",
                self.name,
                span(tail)
            );
            return violation(Kind::Broken, what);
        }
        Ok(())
    }

    /// The stored image is the room as it was at the image's revision.
    fn check_image(&self, image: &Image) -> Result<(), Violation> {
        if self.images.get(&image.rev) == Some(image) {
            return Ok(());
        }
        violation(
            Kind::Broken,
            format!("{}: the image of {} is another", self.name, image.rev),
        )
    }

    fn check_room(
        &self,
        room: &mut Room,
        certain: Rev,
        more: &[Arc<Operation>],
    ) -> Result<(), Violation> {
        room.check();
        let expected = self.images[&certain].clone();
        let expected = match more {
            [] => expected,
            more => Room::restore(expected, more, Limits::DEFAULT)
                .expect("what was sent fits")
                .image(),
        };
        let found = room.image();
        if found.document.checksum() != expected.document.checksum() || found != expected {
            let what = format!("{}: the state at {} is another", self.name, room.head());
            return violation(Kind::Broken, what);
        }
        let sent = self.operations[..length(certain)].iter().chain(more).rev();
        check_duplicates(room, &sent.take(RESENT).cloned().collect::<Vec<_>>())
    }
}

/// Resends of accepted updates are answered with their revisions, and change nothing.
fn check_duplicates(room: &mut Room, accepted: &[Arc<Operation>]) -> Result<(), Violation> {
    let mut requests: VecDeque<Request> = accepted.iter().map(|one| resend(one)).collect();
    let batch = room.propose(&mut requests, 0);
    if !batch.operations().is_empty() {
        let what = format!("of {}, some count twice when sent again", span(accepted));
        return violation(Kind::Broken, what);
    }
    let answers = room.commit(batch).answers;
    for (answer, operation) in answers.iter().zip(accepted) {
        let expected = ServerMessage::Ack {
            client_req_id: operation.client_req_id.clone(),
            rev: operation.rev,
            duplicate: true,
        };
        if answer.outcome != Outcome::Reply(expected) {
            let what = format!(
                "operation {} sent again: {:?}",
                operation.rev, answer.outcome
            );
            return violation(Kind::Broken, what);
        }
    }
    Ok(())
}

fn resend(operation: &Operation) -> Request {
    let change = |effect: &Effect| Change {
        key: effect.key.clone(),
        if_version: None,
        edit: Edit::Put {
            data: Object::new(),
        },
    };
    let update = Update {
        client_req_id: operation.client_req_id.clone(),
        changes: operation.changes.iter().map(change).collect(),
        base_rev: None,
        first_rev: None,
    };
    Request {
        client_id: operation.client_id.clone(),
        update,
        ticket: Ticket(0),
    }
}

/// The value of the last fact up to `position`.
fn up_to(facts: &[(usize, Rev)], position: usize) -> Rev {
    let end = facts.partition_point(|(at, _)| *at <= position);
    facts[end - 1].1
}

fn length(rev: Rev) -> usize {
    usize::try_from(rev.get()).expect("a test is short")
}

fn span(operations: &[Arc<Operation>]) -> String {
    match operations {
        [] => "no operations".to_owned(),
        [first, .., last] => format!("operations {} to {}", first.rev, last.rev),
        [only] => format!("operation {}", only.rev),
    }
}
