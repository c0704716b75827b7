//! From updates to operations: proposes, has them committed, shows them to everyone. One batch is in flight.

use std::{
    pin::Pin,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use futures_util::FutureExt as _;
use revring_protocol::{
    codec::{Codec, delta_payloads},
    ids::{Millis, Rev},
    room::{Batch, RingEntry},
};
use tokio::{
    task::{JoinHandle, yield_now},
    time::Instant,
};

use super::driver::{Driver, Next, QUIET};
use crate::{
    fanout::frame,
    log::{Appended, LogError},
};

/// Bytes of one frame of the feed, unless it carries exactly one operation. It is what a slow client may keep in memory.
const FEED_FRAME_BYTES: usize = 64 << 10;

/// Batches proposed before other tasks have their turn.
const STRETCH: usize = 4;

/// A batch that the log is asked to commit.
pub(super) type Append = Pin<Box<dyn Future<Output = (Batch, Result<Appended, LogError>)> + Send>>;

/// What has been stored since the last checkpoint.
#[derive(Debug, Default)]
pub(super) struct Checkpoint {
    ops: usize,
    bytes: usize,
    running: Option<JoinHandle<()>>,
}

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
            let mut append = self.append(batch);
            // A log in memory answers at once.
            let Some((batch, appended)) = (&mut append).now_or_never() else {
                self.in_flight = Some(append);
                break;
            };
            if self.appended(batch, appended) == Next::End {
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

    fn append(&self, batch: Batch) -> Append {
        let (log, shared) = (Arc::clone(&self.log), Arc::clone(&self.shared));
        let epoch = self.room.epoch().clone();
        Box::pin(async move {
            let (head, operations) = (batch.expected_head(), batch.operations());
            let appended = log.append(&shared.name, &epoch, head, operations).await;
            (batch, appended)
        })
    }

    pub(super) fn appended(&mut self, batch: Batch, appended: Result<Appended, LogError>) -> Next {
        let room = &self.shared.name;
        match appended {
            Ok(Appended::Committed) => self.commit(batch),
            Ok(Appended::Conflict(foreign)) => {
                self.undecided.take_back(batch.into_requests());
                let before = self.room.head();
                let absorbed = self.room.absorb(&foreign);
                match absorbed {
                    Ok(entries) => self.publish(before, &entries),
                    Err(error) => {
                        tracing::error!(%room, %error, "the log holds what is not this room");
                        return Next::End;
                    }
                }
            }
            Err(error @ LogError::OtherEpoch(_)) => {
                tracing::error!(%room, %error, "the room is driven elsewhere");
                return Next::End;
            }
            Err(error) => {
                tracing::warn!(%room, %error, "updates were not committed");
                self.undecided
                    .refuse(batch.into_requests(), &self.shared.budget);
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
        let bytes = entries.iter().map(|entry| entry.operation().size()).sum();
        self.pace.committed(head, bytes);
        self.timers.quiet = Some(Instant::now() + QUIET);
        self.pass_on();
        self.checkpoint.ops += entries.len();
        self.checkpoint.bytes += bytes;
        self.checkpoint_if_due();
    }

    /// Lets the log forget what the ring and a checkpoint have, each time the ring has been filled anew.
    fn checkpoint_if_due(&mut self) {
        let limits = self.room.limits();
        let full =
            self.checkpoint.ops >= limits.ring_ops || self.checkpoint.bytes >= limits.ring_bytes;
        let running = self
            .checkpoint
            .running
            .as_ref()
            .is_some_and(|running| !running.is_finished());
        if !full || running {
            return;
        }
        let (log, shared, image) = (
            Arc::clone(&self.log),
            Arc::clone(&self.shared),
            self.room.image(),
        );
        let keep_after = Rev::new(self.room.buffer_first_rev().get() - 1);
        let running = tokio::spawn(async move {
            if let Err(error) = log.checkpoint(&shared.name, image, keep_after).await {
                tracing::warn!(room = %shared.name, %error, "no checkpoint was stored");
            }
        });
        self.checkpoint = Checkpoint {
            running: Some(running),
            ..Checkpoint::default()
        };
    }
}

/// What the log says about the batch in flight; nothing without one.
pub(super) async fn appended(
    in_flight: &mut Option<Append>,
) -> Option<(Batch, Result<Appended, LogError>)> {
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
