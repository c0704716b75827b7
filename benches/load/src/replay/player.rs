//! A stream as a source of updates for a writer.

use std::time::Duration;

use super::{Step, Stream};
use crate::revring::{Planned, Source};

/// Plays a stream once.
#[derive(Debug)]
pub(crate) struct Player {
    updates: std::vec::IntoIter<(Option<Duration>, Step)>,
}

impl Player {
    /// Plays `stream` as fast as it is taken.
    pub(crate) fn fast(stream: Stream) -> Self {
        let updates: Vec<_> = stream
            .updates
            .into_iter()
            .map(|step| (None, step))
            .collect();
        Self {
            updates: updates.into_iter(),
        }
    }

    /// Plays `stream` in its own time, `speed` times as fast, no pause longer than `longest`.
    pub(crate) fn recorded(stream: Stream, speed: f64, longest: Duration) -> Self {
        let due = stream.schedule(speed, longest.as_secs_f64());
        let due = due
            .into_iter()
            .map(|seconds| Duration::try_from_secs_f64(seconds).ok());
        let updates: Vec<_> = due.zip(stream.updates).collect();
        Self {
            updates: updates.into_iter(),
        }
    }
}

impl Source for Player {
    fn next(&mut self, _: u32) -> Option<Planned> {
        let (at, step) = self.updates.next()?;
        Some(Planned {
            at,
            changes: step.changes,
        })
    }

    fn length(&self) -> Option<u64> {
        u64::try_from(self.updates.len()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> Stream {
        let step = |at| Step {
            at: Some(at),
            changes: Vec::new(),
        };
        Stream {
            updates: vec![step(1.0), step(3.0)],
        }
    }

    fn times(player: &mut Player) -> Vec<Option<Duration>> {
        std::iter::from_fn(|| player.next(0))
            .map(|planned| planned.at)
            .collect()
    }

    #[test]
    fn a_stream_is_played_once_at_once_or_in_its_time() {
        assert_eq!(times(&mut Player::fast(stream())), [None, None]);
        let mut player = Player::recorded(stream(), 4.0, Duration::from_secs(9));
        let expected = [Duration::ZERO, Duration::from_millis(500)].map(Some);
        assert_eq!(times(&mut player), expected);
    }
}
