//! What is counted while a load runs.

use hdrhistogram::Histogram;

use crate::{
    model::{Counts, Latency, Sample},
    speaker::Heard,
};

/// The longest latency told apart: five minutes, in microseconds.
const LONGEST: u64 = 300_000_000;
/// The percentiles that are told.
const PERCENTILES: [f64; 5] = [50.0, 90.0, 99.0, 99.9, 100.0];

/// What kind of client one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    /// Reads as fast as it can, without decoding.
    Readers,
    /// Holds a replica.
    Replicas,
    /// Reads slowly.
    Slow,
    /// Loses its connection now and then.
    Returning,
    /// Came when the load was on.
    Joining,
    /// Writes.
    Writers,
}

impl Class {
    /// All of them.
    pub(crate) const ALL: [Self; 6] = [
        Self::Readers,
        Self::Replicas,
        Self::Slow,
        Self::Returning,
        Self::Joining,
        Self::Writers,
    ];

    /// Its name in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Readers => "readers",
            Self::Replicas => "replicas",
            Self::Slow => "slow",
            Self::Returning => "returning",
            Self::Joining => "joining",
            Self::Writers => "writers",
        }
    }

    /// The name of its latencies: what a writer measures is its acknowledgement.
    fn latency(self) -> &'static str {
        match self {
            Self::Writers => "acknowledged",
            other => other.name(),
        }
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Figures {
    /// Since the beginning.
    pub(super) total: Counts,
    /// Of `total`, what there was when the measured time began and ended.
    began: Counts,
    ended: Option<Counts>,
    /// Microseconds at which the measured time began and ended.
    window: Option<(u64, u64)>,
    latency: [Option<Histogram<u64>>; Class::ALL.len()],
    pub(super) samples: Vec<Sample>,
    /// Clients that are live.
    pub(super) live: u64,
    /// Messages that came, of whatever kind: whether anything happens at all.
    pub(super) messages: u64,
}

impl Figures {
    pub(super) fn new() -> Self {
        Self {
            total: Counts::default(),
            began: Counts::default(),
            ended: None,
            window: None,
            latency: [const { None }; Class::ALL.len()],
            samples: Vec::new(),
            live: 0,
            messages: 0,
        }
    }

    /// The measured time begins.
    pub(super) fn begin(&mut self, now: u64) {
        self.began = self.total.clone();
        self.ended = None;
        self.window = Some((now, u64::MAX));
        self.latency = [const { None }; Class::ALL.len()];
        self.samples.clear();
    }

    /// The measured time ends. Latencies of what was sent in it still count.
    pub(super) fn end(&mut self, now: u64) {
        self.ended = Some(self.total.clone());
        if let Some((_, end)) = &mut self.window {
            *end = now;
        }
    }

    /// Counts a message of `bytes` bytes.
    pub(super) fn hear(&mut self, heard: &Heard, bytes: usize) {
        self.messages += 1;
        let total = &mut self.total;
        total.bytes += bytes as u64;
        total.deliveries += heard.deliveries;
        total.frames += u64::from(heard.operations);
        total.gaps += u64::from(heard.gap);
        total.snapshots += u64::from(heard.snapshot);
        total.resumes += u64::from(heard.resumed);
    }

    /// An operation that was to be sent at `intended` arrived at a client of `class`.
    pub(super) fn arrived(&mut self, class: Class, intended: u64, now: u64) {
        let measured = self
            .window
            .is_some_and(|(begin, end)| (begin..end).contains(&intended));
        if !measured {
            return;
        }
        let slot = &mut self.latency[class as usize];
        if slot.is_none() {
            *slot = Histogram::new_with_max(LONGEST, 3).ok();
        }
        if let Some(histogram) = slot {
            histogram.saturating_record(now.saturating_sub(intended).max(1));
        }
    }

    /// Seconds of the measured time.
    pub(super) fn seconds(&self) -> f64 {
        self.window
            .map_or(0.0, |(begin, end)| (end - begin) as f64 / 1e6)
    }

    /// What happened in the measured time.
    pub(super) fn counts(&self) -> Counts {
        difference(self.ended.as_ref().unwrap_or(&self.total), &self.began)
    }

    /// What has happened since the measured time ended.
    pub(super) fn since(&self) -> Counts {
        difference(&self.total, self.ended.as_ref().unwrap_or(&self.total))
    }

    pub(super) fn latencies(&self) -> Vec<Latency> {
        let all = Class::ALL.iter().zip(&self.latency);
        all.filter_map(|(class, histogram)| {
            let histogram = histogram.as_ref()?;
            Some(Latency {
                class: class.latency().to_owned(),
                count: histogram.len(),
                percentiles: PERCENTILES
                    .map(|percentile| (percentile, histogram.value_at_percentile(percentile)))
                    .to_vec(),
            })
        })
        .collect()
    }
}

/// What came to `before` until `after`.
pub(super) fn difference(after: &Counts, before: &Counts) -> Counts {
    let refused = after.refused.iter().map(|(code, count)| {
        let earlier = before.refused.get(code).copied().unwrap_or(0);
        (code.clone(), count - earlier)
    });
    Counts {
        updates: after.updates - before.updates,
        acknowledged: after.acknowledged - before.acknowledged,
        refused: refused.filter(|(_, count)| *count > 0).collect(),
        deliveries: after.deliveries - before.deliveries,
        frames: after.frames - before.frames,
        bytes: after.bytes - before.bytes,
        connects: after.connects - before.connects,
        resumes: after.resumes - before.resumes,
        gaps: after.gaps - before.gaps,
        snapshots: after.snapshots - before.snapshots,
    }
}
