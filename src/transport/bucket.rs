//! The rate limit of one connection: a token bucket (rule U-7).

use std::time::Duration;

use tokio::time::Instant;

/// Holds the tokens of one second; each update takes one.
#[derive(Debug)]
pub(super) struct Bucket {
    per_second: f64,
    tokens: f64,
    filled_at: Instant,
}

impl Bucket {
    /// A full bucket; `None` when there is no limit.
    pub(super) fn new(per_second: u32) -> Option<Self> {
        let tokens = f64::from(per_second);
        (per_second > 0).then(|| Self {
            per_second: tokens,
            tokens,
            filled_at: Instant::now(),
        })
    }

    /// Takes a token, or says when there will be one.
    pub(super) fn take(&mut self) -> Result<(), Duration> {
        let now = Instant::now();
        let gained = now.duration_since(self.filled_at).as_secs_f64() * self.per_second;
        self.tokens = (self.tokens + gained).min(self.per_second);
        self.filled_at = now;
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Ok(());
        }
        Err(Duration::from_secs_f64(
            (1.0 - self.tokens) / self.per_second,
        ))
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[test]
    fn u7_no_rate_means_no_bucket() {
        assert!(Bucket::new(0).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn u7_a_second_holds_as_many_as_its_rate_and_says_when_the_next_is_due() {
        let mut bucket = Bucket::new(4).unwrap();
        for _ in 0..4 {
            assert_eq!(bucket.take(), Ok(()));
        }
        assert_eq!(bucket.take(), Err(Duration::from_millis(250)));
        advance(Duration::from_millis(250)).await;
        assert_eq!(bucket.take(), Ok(()));
        assert!(bucket.take().is_err());
        advance(Duration::from_secs(60)).await;
        for _ in 0..4 {
            assert_eq!(
                bucket.take(),
                Ok(()),
                "a long pause fills one second, not more"
            );
        }
        assert!(bucket.take().is_err());
    }
}
