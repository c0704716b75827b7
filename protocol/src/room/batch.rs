//! Updates that the log is to commit at once, and their answers, held back until it has.

use std::{collections::HashMap, sync::Arc};

use super::{
    Room,
    judge::{Court, Refusal, Verdict},
    tombstones::Tombstones,
};
use crate::{
    change::{Operation, Update},
    document::{Changed, Overlay},
    error::Code,
    ids::{ClientId, ClientReqId, Millis, Rev},
    limits::BATCH_CHANGES,
    message::{Reject, ServerMessage},
};

/// The caller's own number for a request; comes back with the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ticket(pub u64);

/// An update and who sent it.
#[derive(Debug, Clone)]
pub struct Request {
    /// Its author.
    pub client_id: ClientId,
    /// What it asks for.
    pub update: Update,
    /// Comes back with the answer.
    pub ticket: Ticket,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The request's.
    pub ticket: Ticket,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of an update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is an operation now; the delta that carries it tells its author.
    Accepted(Rev),
    /// Its author is to be told this.
    Reply(ServerMessage),
}

/// What the log is to commit next. Dropping it changes nothing.
#[derive(Debug)]
pub struct Batch {
    pub(super) expected_head: Rev,
    pub(super) changed: Changed,
    pub(super) tombstones: Tombstones,
    pub(super) operations: Vec<Arc<Operation>>,
    pub(super) answers: Vec<Answer>,
    pub(super) at: Millis,
    requests: Vec<Request>,
}

impl Batch {
    /// The room's revision before the batch.
    #[must_use]
    pub fn expected_head(&self) -> Rev {
        self.expected_head
    }

    /// The operations to commit, in order; none when every update was refused or a duplicate.
    #[must_use]
    pub fn operations(&self) -> &[Arc<Operation>] {
        &self.operations
    }

    /// The requests it was made of, to be proposed again.
    #[must_use]
    pub fn into_requests(self) -> Vec<Request> {
        self.requests
    }
}

/// A batch in the making: the state after what was accepted so far.
pub(super) struct Draft<'a> {
    room: &'a Room,
    now: Millis,
    document: Overlay<'a>,
    tombstones: Tombstones,
    operations: Vec<Arc<Operation>>,
    bytes: usize,
    /// The ids accepted in this batch. Only looked up: the order, which differs from run to run, is never seen.
    fresh: HashMap<(ClientId, ClientReqId), Rev>,
    answers: Vec<Answer>,
    requests: Vec<Request>,
    /// The changes of its requests.
    judged: usize,
}

impl<'a> Draft<'a> {
    /// An empty one, with room for `requests`.
    pub(super) fn new(room: &'a Room, now: Millis, requests: usize) -> Self {
        let expected = requests.min(room.limits.batch_ops());
        Self {
            room,
            now,
            document: Overlay::new(&room.document),
            tombstones: room.tombstones.clone(),
            operations: Vec::with_capacity(expected),
            bytes: 0,
            fresh: HashMap::with_capacity(expected),
            answers: Vec::with_capacity(expected),
            requests: Vec::with_capacity(expected),
            judged: 0,
        }
    }

    /// Whether the next request would be one too many (rule O-7), or judging has taken its time already.
    pub(super) fn is_full(&self) -> bool {
        self.operations.len() >= self.room.limits.batch_ops()
            || self.judged >= BATCH_CHANGES.max(self.room.limits.batch_ops())
    }

    /// Takes `request` into the batch, or gives it back when the batch has no room for its operation.
    pub(super) fn take(&mut self, request: Request) -> Result<(), Request> {
        let outcome = match self.known(&request) {
            Some(reply) => Outcome::Reply(reply),
            None => match self.judge(&request) {
                Ok((operation, verdict)) => {
                    let size = verdict.size;
                    if !self.operations.is_empty()
                        && self.bytes + size > self.room.limits.batch_bytes()
                    {
                        return Err(request);
                    }
                    self.bytes += size;
                    Outcome::Accepted(self.accept(operation, verdict))
                }
                Err(refusal) => {
                    Outcome::Reply(ServerMessage::Reject(refusal.into_reject(&request.update)))
                }
            },
        };
        self.answers.push(Answer {
            ticket: request.ticket,
            outcome,
        });
        self.judged += request.update.changes.len();
        self.requests.push(request);
        Ok(())
    }

    pub(super) fn finish(self) -> Batch {
        Batch {
            expected_head: self.room.head(),
            changed: self.document.into_changed(),
            tombstones: self.tombstones,
            operations: self.operations,
            answers: self.answers,
            at: self.now,
            requests: self.requests,
        }
    }

    fn head(&self) -> Rev {
        Rev::new(self.room.head().get() + self.operations.len() as u64)
    }

    /// The answer to a request that was judged before, or may have been (rules U-2 and U-5).
    fn known(&self, request: &Request) -> Option<ServerMessage> {
        let Request {
            client_id, update, ..
        } = request;
        let id = &update.client_req_id;
        let accepted = self.room.remembered.find(client_id, id);
        let fresh = || self.fresh.get(&(client_id.clone(), id.clone())).copied();
        if let Some(rev) = accepted.or_else(fresh) {
            return Some(ServerMessage::Ack {
                client_req_id: id.clone(),
                rev,
                duplicate: true,
            });
        }
        let first_rev = update.first_rev?;
        let forgotten = self.room.remembered.forgotten(client_id);
        if first_rev >= forgotten {
            return None;
        }
        let message = format!(
            "what became of this update, first sent at revision {first_rev}, is forgotten (up to revision {forgotten})"
        );
        Some(ServerMessage::Reject(Reject::new(
            id.clone(),
            Code::OutcomeUnknown,
            message,
        )))
    }

    fn judge(&self, request: &Request) -> Result<(Operation, Verdict), Refusal> {
        let ring = &self.room.ring;
        let court = Court {
            document: &self.document,
            tombstones: &self.tombstones,
            limits: &self.room.limits,
            now: self.now,
            head: self.room.head(),
            buffer_first_rev: ring.first_rev(),
            history: |base| {
                let committed = ring.after(base).map(|entry| &**entry.operation());
                committed.chain(self.operations.iter().map(|operation| &**operation))
            },
        };
        let mut verdict = court.judge(&request.update)?;
        let operation = Operation {
            rev: self.head().next(),
            client_id: request.client_id.clone(),
            client_req_id: request.update.client_req_id.clone(),
            at: self.now,
            changes: std::mem::take(&mut verdict.effects),
        };
        Ok((operation, verdict))
    }

    fn accept(&mut self, operation: Operation, verdict: Verdict) -> Rev {
        let rev = operation.rev;
        for (key, _) in verdict.finished.records() {
            self.tombstones.raise(key);
        }
        let deleted = verdict.finished.commit(&mut self.document);
        self.tombstones.bury(rev, deleted);
        let id = (operation.client_id.clone(), operation.client_req_id.clone());
        self.fresh.insert(id, rev);
        self.operations.push(Arc::new(operation));
        rev
    }
}
