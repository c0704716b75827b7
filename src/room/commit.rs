//! From updates to operations: proposes, has them committed, shows them to everyone. One batch is in flight.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use futures_util::FutureExt as _;
use revring_protocol::{
    change::Operation,
    codec::{Codec, delta_payloads},
    ids::{Millis, Rev},
    room::{Batch, RingEntry},
};
use tokio::{task::yield_now, time::Instant};

use super::{
    append::{Found, InFlight, Place},
    driver::{Driver, Next, QUIET},
};
use crate::fanout::frame;

/// Bytes of one frame of the feed, unless it carries exactly one operation. It is what a slow client may keep in memory.
const FEED_FRAME_BYTES: usize = 64 << 10;

/// Batches proposed before other tasks have their turn.
const STRETCH: usize = 4;

impl Driver {
    /// Proposes and commits as far as that goes without waiting for the log. Others have their turn in between.
    pub(super) async fn advance(&mut self) -> Next {
        let mut batches = 0;
        while self.in_flight.is_none() && !self.undecided.is_empty() && self.may_commit() {
            batches += 1;
            if batches % STRETCH == 0 {
                yield_now().await;
            }
            let batch = self.room.propose(&mut self.undecided.requests, now());
            if batch.operations().is_empty() {
                self.commit(batch);
                continue;
            }
            let mut append = self.place().append(batch);
            // A log in memory answers at once.
            let Some((batch, found)) = (&mut append).now_or_never() else {
                self.in_flight = Some(append);
                break;
            };
            if self.found(batch, found) == Next::End {
                return Next::End;
            }
        }
        Next::Go
    }

    /// Whether the writers have passed on enough. If not, the next pass wakes this task.
    fn may_commit(&mut self) -> bool {
        self.note_passes();
        if self.pace.allows_more() {
            return true;
        }
        self.shared.channel.await_pass();
        self.note_passes();
        self.pace.allows_more()
    }

    fn note_passes(&mut self) {
        let channel = &self.shared.channel;
        let passed = self
            .members
            .shards()
            .map(|shard| channel.passed_by(shard))
            .min();
        self.pace.passed(passed.unwrap_or_else(|| self.room.head()));
    }

    fn place(&self) -> Place {
        Place {
            log: Arc::clone(&self.log),
            room: self.shared.name.clone(),
            epoch: self.room.epoch().clone(),
            head: self.room.head(),
        }
    }

    /// Takes what the log has after head; `batch` is what it was asked to commit.
    pub(super) fn found(&mut self, batch: Option<Batch>, found: Found) -> Next {
        let room = &self.shared.name;
        match (found, batch) {
            (Found::Batch, Some(batch)) => self.commit(batch),
            (Found::Batch | Found::Nothing(_), None) => {}
            (Found::Others(others), _) if others.is_empty() => {
                tracing::error!(%room, head = %self.room.head(), "the log has less than it took");
                return Next::End;
            }
            (Found::Others(others), batch) => {
                let requests = batch.map(Batch::into_requests);
                self.undecided.take_back(requests.unwrap_or_default());
                return self.absorb(&others);
            }
            (Found::OtherRoom(error), _) => {
                tracing::error!(%room, %error, "the log does not have this room");
                return Next::End;
            }
            (Found::Nothing(error), Some(batch)) => {
                tracing::debug!(%room, ?error, "updates were not committed");
                let requests = batch.into_requests();
                self.undecided.refuse(requests, &self.shared.budget);
            }
            (Found::Unknown(error), batch) => {
                if batch.is_some() {
                    tracing::warn!(%room, %error, "it is not known what the log has");
                }
                let requests = batch.map(Batch::into_requests);
                self.undecided.take_back(requests.unwrap_or_default());
                self.undecided.refuse_all(&self.shared.budget);
                // Nothing is proposed on a state that may not be the stored one.
                self.in_flight = Some(self.place().ask_again());
            }
        }
        Next::Go
    }

    fn absorb(&mut self, others: &[Arc<Operation>]) -> Next {
        let before = self.room.head();
        match self.room.absorb(others) {
            Ok(entries) => self.publish(before, &entries),
            Err(error) => {
                let room = &self.shared.name;
                tracing::error!(%room, %error, "the log holds what is not this room");
                return Next::End;
            }
        }
        Next::Go
    }

    fn commit(&mut self, batch: Batch) {
        let before = self.room.head();
        let committed = self.room.commit(batch);
        self.publish(before, &committed.operations);
        self.undecided
            .decide(committed.answers, &self.shared.budget);
    }

    /// Shows everyone the operations after `before`.
    fn publish(&mut self, before: Rev, entries: &[Arc<RingEntry>]) {
        if entries.is_empty() {
            return;
        }
        let head = self.room.head();
        for codec in self.members.codecs() {
            let feed = self.shared.channel.feed(codec);
            publish_frames(codec, before, entries, |pieces, to| {
                feed.publish(pieces, to);
            });
            feed.trim(Rev::new(self.room.buffer_first_rev().get() - 1));
        }
        self.shared.channel.set_head(head);
        let bytes = entries.iter().map(|entry| entry.size()).sum();
        self.pace.committed(head, bytes);
        self.timers.quiet = Some(Instant::now() + QUIET);
        self.pass_on();
        self.checkpoints.count(entries.len(), bytes);
        self.checkpoints
            .begin_if_due(&self.shared.name, &self.room, &self.log);
    }
}

/// What the log says about what is in flight; nothing without that.
pub(super) async fn found(in_flight: &mut Option<InFlight>) -> Option<(Option<Batch>, Found)> {
    let answer = in_flight.as_mut()?.await;
    *in_flight = None;
    Some(answer)
}

/// Gives `publish` the frames of `entries`, which follow `before`.
fn publish_frames(
    codec: Codec,
    before: Rev,
    entries: &[Arc<RingEntry>],
    publish: impl Fn(&[&[u8]], Rev),
) {
    let ops: Vec<_> = entries
        .iter()
        .map(|entry| entry.encoded(codec).clone())
        .collect();
    for (to, payload) in delta_payloads(codec, before, &ops, FEED_FRAME_BYTES) {
        publish(
            &[frame::header(codec, payload.len()).as_slice(), &payload],
            to,
        );
    }
}

/// The server's clock.
fn now() -> Millis {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
