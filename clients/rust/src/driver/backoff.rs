//! How long to wait between attempts.

use std::time::Duration;

/// Exponential backoff with full jitter, as in "Exponential Backoff And Jitter" (Marc Brooker, AWS Architecture Blog,
/// 2015): the pause before attempt n is uniform in [0, min(max, base x 2^n)].
#[derive(Debug)]
pub(super) struct Backoff {
    base: Duration,
    max: Duration,
    failures: u32,
}

impl Backoff {
    pub(super) fn new(base: Duration, max: Duration) -> Self {
        Self {
            base,
            max,
            failures: 0,
        }
    }

    /// The pause before the next attempt, `random` being uniform over all of `u64`.
    pub(super) fn pause(&mut self, random: u64) -> Duration {
        let ceiling = self.ceiling();
        self.failures = self.failures.saturating_add(1);
        let ceiling = u64::try_from(ceiling.as_nanos()).unwrap_or(u64::MAX);
        let nanos = (u128::from(ceiling) * u128::from(random)) >> 64;
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// A connection was joined for `time`. Only one that outlived the pause that may have led to it starts the count
    /// anew, or a server that takes every client and drops it at once would be asked again without pause.
    pub(super) fn lived(&mut self, time: Duration) {
        if time >= self.ceiling() {
            self.failures = 0;
        }
    }

    fn ceiling(&self) -> Duration {
        let factor = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        self.base.saturating_mul(factor).min(self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: Duration = Duration::from_millis(100);
    const MAX: Duration = Duration::from_secs(5);

    #[test]
    fn the_ceiling_doubles_up_to_the_maximum() {
        let mut backoff = Backoff::new(BASE, MAX);
        let pauses: Vec<u128> = (0..8)
            .map(|_| backoff.pause(u64::MAX).as_millis())
            .collect();
        assert_eq!(pauses, [99, 199, 399, 799, 1599, 3199, 4999, 4999]);
    }

    #[test]
    fn the_jitter_is_full() {
        assert_eq!(Backoff::new(BASE, MAX).pause(0), Duration::ZERO);
        assert_eq!(Backoff::new(BASE, MAX).pause(1 << 63), BASE / 2);
    }

    #[test]
    fn it_never_overflows() {
        let mut backoff = Backoff::new(Duration::MAX, Duration::MAX);
        for _ in 0..100 {
            let _ = backoff.pause(u64::MAX);
        }
        assert!(backoff.pause(u64::MAX) > MAX);
    }

    #[test]
    fn only_a_connection_that_lasted_resets_it() {
        let mut backoff = Backoff::new(BASE, MAX);
        for _ in 0..3 {
            let _ = backoff.pause(0);
        }
        backoff.lived(BASE * 7);
        assert_eq!(backoff.ceiling(), BASE * 8, "it did not outlive the pause");
        backoff.lived(BASE * 8);
        assert_eq!(backoff.ceiling(), BASE);
    }
}
