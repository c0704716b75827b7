//! Snapshots of rooms, encoded once for all who wait for them.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use revring_protocol::{
    codec::{Codec, snapshot_payloads_in_steps},
    document::Document,
    ids::{Epoch, Rev},
};
use tokio::runtime::Handle;

use crate::fanout::{Channel, frame};

/// Documents up to this size are encoded at once, larger ones beside the room.
pub(crate) const SMALL: usize = 64 << 10;

/// How long someone waits for one of the snapshots alive to be freed before the oldest is taken back.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// The frames of one snapshot.
#[derive(Debug)]
pub(crate) struct Snapshot {
    rev: Rev,
    codec: Codec,
    frames: Box<[Bytes]>,
    channel: Arc<Channel>,
}

impl Snapshot {
    /// Encodes `document`, the state of the room behind `channel` at `rev`.
    pub(crate) fn encode(
        channel: Arc<Channel>,
        codec: Codec,
        epoch: &Epoch,
        rev: Rev,
        document: &Document,
    ) -> Self {
        let payloads =
            snapshot_payloads_in_steps(codec, epoch, rev, document, &std::thread::yield_now);
        let frames = payloads
            .into_iter()
            .map(|payload| frame::message(codec, &payload))
            .collect();
        Self {
            rev,
            codec,
            frames,
            channel,
        }
    }

    pub(crate) fn rev(&self) -> Rev {
        self.rev
    }

    pub(crate) fn codec(&self) -> Codec {
        self.codec
    }

    /// How many frames there are; at least one.
    pub(crate) fn frames(&self) -> usize {
        self.frames.len()
    }

    /// The frame `n`.
    pub(crate) fn frame(&self, n: usize) -> &Bytes {
        &self.frames[n]
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        let frames = std::mem::take(&mut self.frames);
        // Giving back many pages takes milliseconds, which a writer does not have.
        match Handle::try_current() {
            Ok(runtime) if frames.len() > 1 => drop(runtime.spawn_blocking(move || drop(frames))),
            _ => drop(frames),
        }
        self.channel.signal_snapshot_freed();
    }
}
