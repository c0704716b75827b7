//! From updates to operations: proposes, has them committed, shows them to everyone. One batch is in flight.

use std::sync::Arc;

use revring::{
    feed::{Chunk, Found},
    log::{Appended, LogError},
};
use revring_protocol::{
    change::{Change, Edit, Effect, Operation, Sequence, Splice},
    codec::{Codec, delta_payloads},
    error::Code,
    ids::Rev,
    message::{Reject, ServerMessage},
    room::{Answer, Batch, Outcome, Request, RingEntry},
};

use super::{
    Context,
    driver::{Driver, InFlight},
    session::Sessions,
};
use crate::{
    breakage::Breakage,
    broken::{Broken, Checked, ensure},
    counters::Counter,
    log::{Hand, SimLog},
    wire,
};

/// Bytes that one pass over a room offers to each client, but at least one frame.
const PASS_BYTES: usize = 4 << 10;

impl Driver {
    /// Whether updates wait that may be proposed now.
    pub(super) fn may_advance(&self) -> bool {
        self.is_settled() && !self.requests.is_empty()
    }

    /// Proposes the next batch. True when the log is to commit it.
    pub(super) fn advance(
        &mut self,
        sessions: &mut Sessions,
        cx: &mut Context<'_>,
    ) -> Checked<bool> {
        let passed = if self.members.is_empty() {
            self.room.head()
        } else {
            self.passed_by_all
        };
        self.pace.passed(passed);
        if !self.pace.allows_more() {
            cx.counters.add(Counter::Paced);
            return Ok(false);
        }
        let batch = self.room.propose(&mut self.requests, cx.now);
        self.check_batch(&batch)?;
        if batch.operations().is_empty() {
            self.commit(batch, sessions, cx);
            return Ok(false);
        }
        self.in_flight = InFlight::Asked(batch);
        Ok(true)
    }

    /// A batch is at most a quarter of the ring (rule O-7).
    fn check_batch(&self, batch: &Batch) -> Checked {
        let limits = self.room.limits();
        let (ops, bytes) = (
            batch.operations().len(),
            batch
                .operations()
                .iter()
                .map(|operation| operation.size())
                .sum::<usize>(),
        );
        let fits = ops <= limits.batch_ops() && (bytes <= limits.batch_bytes() || ops == 1);
        ensure(fits, "a batch is at most a quarter of the ring", || {
            format!("{ops} operations of {bytes} bytes")
        })
    }

    /// Has the log write the batch in flight. False when it says no at once, which is dealt with.
    pub(super) fn stage(
        &mut self,
        log: &mut SimLog,
        cx: &mut Context<'_>,
    ) -> Result<Checked<bool>, LogError> {
        let InFlight::Asked(batch) = &self.in_flight else {
            return Ok(Ok(false));
        };
        let mut hand = Hand {
            dice: cx.dice,
            counters: cx.counters,
        };
        let staged = log.stage_append(
            &self.name,
            self.room.epoch(),
            batch.expected_head(),
            batch.operations(),
            &mut hand,
        )?;
        match staged {
            Appended::Committed => Ok(Ok(true)),
            Appended::Conflict(foreign) => Ok(self.conflict(&foreign)),
        }
    }

    fn conflict(&mut self, foreign: &[Arc<Operation>]) -> Checked<bool> {
        if let InFlight::Asked(batch) = std::mem::replace(&mut self.in_flight, InFlight::None) {
            self.take_back(batch.into_requests());
        }
        self.absorb(foreign)?;
        Ok(false)
    }

    fn take_back(&mut self, requests: Vec<Request>) {
        for request in requests.into_iter().rev() {
            self.requests.push_front(request);
        }
    }

    fn absorb(&mut self, foreign: &[Arc<Operation>]) -> Checked {
        let before = self.room.head();
        let entries = self
            .room
            .absorb(foreign)
            .map_err(|error| Broken::new("the log holds the room", error))?;
        self.publish(before, &entries);
        Ok(())
    }

    /// The log has said what became of the batch in flight, or that it cannot say.
    pub(super) fn appended(&mut self, stored: bool, sessions: &mut Sessions, cx: &mut Context<'_>) {
        match std::mem::replace(&mut self.in_flight, InFlight::None) {
            InFlight::Asked(batch) if stored => self.commit(batch, sessions, cx),
            InFlight::Asked(batch) => {
                self.in_flight = InFlight::Open(batch);
                self.must_reload = true;
            }
            other => self.in_flight = other,
        }
    }

    /// Reads what the log has after head, and answers what was open.
    pub(super) fn reload(
        &mut self,
        log: &mut SimLog,
        sessions: &mut Sessions,
        cx: &mut Context<'_>,
    ) -> Checked {
        let open = match std::mem::replace(&mut self.in_flight, InFlight::None) {
            InFlight::Open(batch) => Some(batch),
            other => {
                self.in_flight = other;
                None
            }
        };
        if let Some(batch) = open {
            if self.setting.breakage == Some(Breakage::FinalRefusal) {
                self.refuse(batch.into_requests(), sessions, cx);
                return Ok(());
            }
            return self.reload_open(batch, log, sessions, cx);
        }
        match self.read_log(log, cx) {
            Ok(found) => {
                self.must_reload = false;
                self.absorb(&found)
            }
            Err(_) => {
                cx.counters.add(Counter::ReloadsFailed);
                let requests = self.requests.drain(..).collect();
                self.refuse(requests, sessions, cx);
                Ok(())
            }
        }
    }

    fn reload_open(
        &mut self,
        batch: Batch,
        log: &mut SimLog,
        sessions: &mut Sessions,
        cx: &mut Context<'_>,
    ) -> Checked {
        match self.read_log(log, cx) {
            Ok(found) if found == batch.operations() => {
                cx.counters.add(Counter::OpenStored);
                self.must_reload = false;
                self.commit(batch, sessions, cx);
            }
            Ok(found) if found.is_empty() => {
                cx.counters.add(Counter::OpenNotStored);
                self.must_reload = false;
                self.refuse(batch.into_requests(), sessions, cx);
            }
            Ok(found) => {
                self.must_reload = false;
                self.take_back(batch.into_requests());
                self.absorb(&found)?;
            }
            Err(_) => {
                cx.counters.add(Counter::ReloadsFailed);
                self.refuse(batch.into_requests(), sessions, cx);
            }
        }
        Ok(())
    }

    fn read_log(
        &self,
        log: &mut SimLog,
        cx: &mut Context<'_>,
    ) -> Result<Vec<Arc<Operation>>, LogError> {
        let mut hand = Hand {
            dice: cx.dice,
            counters: cx.counters,
        };
        log.read(&self.name, self.room.head(), &mut hand)
    }

    fn commit(&mut self, batch: Batch, sessions: &mut Sessions, cx: &mut Context<'_>) {
        let before = self.room.head();
        let committed = self.room.commit(batch);
        let operations = &committed.operations;
        if !operations.is_empty() {
            cx.counters.add(Counter::Batches);
            cx.counters.add_many(Counter::Operations, operations.len());
            let largest = &mut cx.counters.largest_batch;
            *largest = (*largest).max(operations.len() as u64);
        }
        self.publish(before, operations);
        for Answer { ticket, outcome } in committed.answers {
            let Some(author) = self.authors.remove(&ticket.0) else {
                continue;
            };
            count(&outcome, cx);
            if let Outcome::Accepted(rev) = outcome {
                let place = usize::try_from(rev.since(before.next())).unwrap_or(usize::MAX);
                if let Some(entry) = operations.get(place) {
                    count_splices(&author.changes, &entry.operation().changes, cx);
                }
            }
            let Some(session) = sessions.get_mut(&author.connection) else {
                continue;
            };
            match outcome {
                Outcome::Accepted(_) => session.settle(),
                Outcome::Reply(message) => session.answer(&message),
            }
        }
    }

    /// Tells the authors that the log did not take their updates.
    pub(super) fn refuse(
        &mut self,
        requests: Vec<Request>,
        sessions: &mut Sessions,
        cx: &mut Context<'_>,
    ) {
        for request in requests {
            let Some(author) = self.authors.remove(&request.ticket.0) else {
                continue;
            };
            cx.counters.add(Counter::Unavailable);
            let code = if self.setting.breakage == Some(Breakage::FinalRefusal) {
                Code::Invalid
            } else {
                Code::Unavailable
            };
            let id = request.update.client_req_id;
            let mut reject = Reject::new(id, code, "the log does not take operations now");
            reject.retry_after_ms = Some(self.setting.retry_ms);
            if let Some(session) = sessions.get_mut(&author.connection) {
                session.answer(&ServerMessage::Reject(reject));
            }
        }
    }

    /// Shows everyone the operations after `before`.
    fn publish(&mut self, before: Rev, entries: &[Arc<RingEntry>]) {
        if entries.is_empty() {
            return;
        }
        let head = self.room.head();
        for codec in Codec::ALL {
            if self.users[codec.index()] == 0 {
                continue;
            }
            let feed = &self.feeds[codec.index()];
            let encoded = entries.iter().map(|entry| entry.encoded(codec).clone());
            let ops: Vec<_> = encoded.collect();
            for (to, payload) in delta_payloads(codec, before, &ops, self.setting.frame_bytes) {
                feed.publish(&[&wire::header(payload.len()), &payload], to);
            }
            feed.trim(Rev::new(self.room.buffer_first_rev().get() - 1));
        }
        let bytes = entries
            .iter()
            .map(|entry| entry.operation().size())
            .sum::<usize>();
        self.pace.committed(head, bytes);
        self.since_checkpoint.0 += entries.len();
        self.since_checkpoint.1 += bytes;
    }

    /// Whether the ring has been filled anew since the last checkpoint.
    pub(super) fn checkpoint_is_due(&self) -> bool {
        let limits = self.room.limits();
        let (ops, bytes) = self.since_checkpoint;
        ops >= limits.ring_ops || bytes >= limits.ring_bytes
    }

    /// Offers everything new to each client in the room.
    pub(super) fn pass(&mut self, sessions: &mut Sessions, cx: &mut Context<'_>) -> Checked {
        let head = self.room.head();
        let mut chunks: [Chunk; Codec::COUNT] = Default::default();
        let mut passed_by_all = head;
        for codec in Codec::ALL {
            if self.users[codec.index()] == 0 {
                continue;
            }
            let (feed, passed) = (&self.feeds[codec.index()], &mut self.passed[codec.index()]);
            let chunk = &mut chunks[codec.index()];
            if feed.copy_after(*passed, chunk, PASS_BYTES) == Found::Gone {
                chunk.clear(feed.head());
            }
            *passed = chunk.to();
            passed_by_all = passed_by_all.min(*passed);
        }
        for id in self.members.values().copied().collect::<Vec<_>>() {
            self.write(id, Some(&chunks), sessions, cx)?;
        }
        self.passed_by_all = passed_by_all;
        Ok(())
    }
}

fn count(outcome: &Outcome, cx: &mut Context<'_>) {
    let counter = match outcome {
        Outcome::Reply(ServerMessage::Ack { .. }) => Counter::Duplicates,
        Outcome::Reply(ServerMessage::Reject(reject)) => match reject.code {
            Code::Conflict => Counter::Conflicts,
            Code::BaseTooOld => Counter::BasesTooOld,
            _ => return,
        },
        _ => return,
    };
    cx.counters.add(counter);
}

fn count_splices(changes: &[Change], effects: &[Effect], cx: &mut Context<'_>) {
    let asked: Vec<&Splice> = changes
        .iter()
        .filter_map(|change| splice(&change.edit))
        .collect();
    let done: Vec<&Splice> = effects
        .iter()
        .filter_map(|effect| splice(&effect.edit))
        .collect();
    cx.counters.add_many(Counter::Splices, asked.len());
    if asked != done {
        cx.counters.add(Counter::SplicesMoved);
    }
}

fn splice(edit: &Edit) -> Option<&Splice> {
    match edit {
        Edit::Splice { splice, .. } if splice.remove > 0 || !splice_is_empty(splice) => {
            Some(splice)
        }
        _ => None,
    }
}

fn splice_is_empty(splice: &Splice) -> bool {
    match &splice.insert {
        Sequence::Text(text) => text.is_empty(),
        Sequence::Items(items) => items.is_empty(),
    }
}
