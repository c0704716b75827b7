//! Faults of the server and its log that a simulation must find: each is one way to break a promise.

use std::{fmt, str::FromStr};

macro_rules! breakages {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// A promise that is broken on purpose.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Breakage {
            $($(#[$doc])* $name,)*
        }

        impl Breakage {
            /// Every one there is.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Its name.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

breakages! {
    /// Updates are answered and shown once they are written, before they are flushed.
    AckBeforeFlush = "ack-before-flush",
    /// A room that is opened remembers no accepted ids but those of the operations it still keeps.
    ForgetDuplicates = "forget-duplicates",
    /// Now and then a reader of the feed is taken to have what it was not sent.
    SkipDelta = "skip-delta",
    /// A room that is opened lacks its last operation, and gives its revision to another.
    ReuseRevision = "reuse-revision",
    /// What a killed process left in the cache is shown without being flushed.
    ShowUnflushed = "show-unflushed",
    /// After a failed flush a second one that succeeds is taken for the truth.
    TrustSecondFlush = "trust-second-flush",
    /// The torn end of a log counts if it can be read.
    KeepTornTail = "keep-torn-tail",
    /// Updates of a failed append are refused for good, though they may be stored.
    FinalRefusal = "final-refusal",
    /// A restored backup goes on under the epoch it was taken in.
    KeepEpoch = "keep-epoch",
    /// A snapshot says an older revision than that of its state.
    MislabelSnapshot = "mislabel-snapshot",
    /// A checkpoint drops the operations that follow it.
    CheckpointDropsTail = "checkpoint-drops-tail",
    /// A gap does not tell what was accepted of its client.
    ForgetAcked = "forget-acked",
}

impl fmt::Display for Breakage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that no breakage has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is none of {names}", names = Breakage::ALL.iter().map(|known| known.name()).collect::<Vec<_>>().join(", "))]
pub struct UnknownBreakage(String);

impl FromStr for Breakage {
    type Err = UnknownBreakage;

    fn from_str(text: &str) -> Result<Self, UnknownBreakage> {
        let found = Self::ALL.iter().find(|known| known.name() == text);
        found
            .copied()
            .ok_or_else(|| UnknownBreakage(text.to_owned()))
    }
}
