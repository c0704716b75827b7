//! What a run exercised.

use std::fmt;

macro_rules! counters {
    ($($name:ident = $text:literal,)*) => {
        /// Something that is counted.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[expect(missing_docs, reason = "its text says what it counts")]
        #[repr(usize)]
        pub enum Counter {
            $($name,)*
        }

        impl Counter {
            /// Every counter, in the order of the summary.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// What it counts.
            #[must_use]
            pub fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

counters! {
    Updates = "updates made",
    Batches = "batches committed",
    Operations = "operations committed",
    GroupsOfSeveral = "flushes shared by several rooms",
    Splices = "splices accepted",
    SplicesMoved = "splices moved over others",
    Conflicts = "updates in conflict",
    BasesTooOld = "splices on too old a base",
    OutcomesUnknown = "outcomes unknown",
    RateLimited = "updates over the rate",
    Duplicates = "duplicates acknowledged",
    ResumedAtHead = "resumes at the head",
    ResumedByDelta = "resumes by delta",
    GapsBehind = "gaps: behind",
    GapsAhead = "gaps: ahead",
    GapsEpoch = "gaps: epoch",
    MergedDeltas = "merged deltas for readers that fell out of the feed",
    Snapshots = "snapshots made",
    SnapshotsShared = "snapshots served to another reader",
    SnapshotsOlder = "snapshots of an older revision, deltas behind",
    SnapshotsOvertaken = "snapshots overtaken by the ring",
    SnapshotsCut = "snapshots taken back and begun anew",
    Resyncs = "resyncs",
    Heartbeats = "heartbeats at the head",
    Superseded = "connections superseded",
    LateMessages = "late messages of superseded connections",
    Silent = "silent connections ended",
    Cut = "connections lost",
    CutInFrame = "connections lost in the middle of a frame",
    PartialWrites = "partial writes",
    Paced = "commits held back for the writers",
    Checkpoints = "checkpoints stored",
    CheckpointsFailed = "checkpoints not stored",
    Evictions = "rooms evicted",
    Reopened = "rooms opened from the log",
    Kills = "server processes killed",
    PowerLosses = "power losses",
    TornTails = "torn tails dropped",
    LostWrites = "unflushed writes lost",
    FailedWrites = "failed writes",
    FailedFlushes = "failed flushes",
    DiskFull = "writes to a full disk",
    Unavailable = "updates refused as unavailable",
    OpenStored = "failed appends that turned out stored",
    OpenNotStored = "failed appends that turned out not stored",
    ReloadsFailed = "reloads that failed",
    NewEpochs = "restores under a new epoch",
    RoomsRefused = "joins refused because the room does not open",
    FinalSteps = "rounds until everyone was at the head",
}

/// How often each thing happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counters {
    counts: Vec<u64>,
    /// Operations of the largest batch.
    pub largest_batch: u64,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            counts: vec![0; Counter::ALL.len()],
            largest_batch: 0,
        }
    }
}

impl Counters {
    /// Counts one.
    pub fn add(&mut self, counter: Counter) {
        self.add_many(counter, 1);
    }

    /// Counts `n`.
    pub fn add_many(&mut self, counter: Counter, n: usize) {
        self.counts[counter as usize] += n as u64;
    }

    /// How often it happened.
    #[must_use]
    pub fn get(&self, counter: Counter) -> u64 {
        self.counts[counter as usize]
    }

    /// Adds what another run counted.
    pub fn merge(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.largest_batch = self.largest_batch.max(other.largest_batch);
    }

    /// What never happened.
    pub fn missing(&self) -> impl Iterator<Item = Counter> {
        Counter::ALL
            .iter()
            .copied()
            .filter(|counter| self.get(*counter) == 0)
    }

    /// Operations of a batch, on average.
    #[must_use]
    pub fn mean_batch(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a mean for people")]
        let parts = |counter| self.get(counter) as f64;
        parts(Counter::Operations) / parts(Counter::Batches).max(1.0)
    }
}

impl fmt::Display for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for counter in Counter::ALL {
            writeln!(f, "{:>12}  {}", self.get(*counter), counter.text())?;
        }
        writeln!(f, "{:>12.2}  operations per batch", self.mean_batch())?;
        write!(
            f,
            "{:>12}  operations of the largest batch",
            self.largest_batch
        )
    }
}
