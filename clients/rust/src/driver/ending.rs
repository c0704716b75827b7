//! How a connection ended, and what follows from it (rule E-2).

use std::time::Duration;

use revring_protocol::error::{CloseCode, Code, reconnects_after};

use tokio::time::Instant;

use crate::error::Closed;

/// A server may ask for a longer pause; so much is granted.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(600);
/// An `ERROR` this old was not the reason for the end.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(10);

/// How an attempt or a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ending {
    /// A close frame came.
    Closed {
        /// Its code.
        code: u16,
        /// Its reason.
        reason: String,
    },
    /// The handshake was refused for good.
    Refused(String),
    /// The network, or something that passes.
    Lost {
        /// What happened.
        reason: String,
        /// How long to wait, when that was said.
        retry_after: Option<Duration>,
    },
    /// This side wanted it: the room is being closed.
    Left,
    /// This side wanted it: the room goes offline, or anew.
    Cut,
}

/// The last `ERROR` of a connection.
#[derive(Debug, Clone)]
pub(super) struct Complaint {
    /// When it came.
    pub(super) at: Instant,
    /// Its code.
    pub(super) code: Code,
    /// Its words.
    pub(super) message: String,
    /// Its pause.
    pub(super) retry_after: Option<Duration>,
}

/// What follows from an ending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The room is closed for good.
    Close(Closed),
    /// Another attempt is due, no sooner than after the pause.
    Retry {
        /// What ended the connection.
        reason: String,
        /// How long to wait at least.
        retry_after: Duration,
    },
    /// Another attempt is due when this side says so.
    Pause,
}

impl Ending {
    pub(super) fn lost(reason: impl Into<String>) -> Self {
        Self::Lost {
            reason: reason.into(),
            retry_after: None,
        }
    }

    pub(super) fn closed(code: u16, reason: &str) -> Self {
        Self::Closed {
            code,
            reason: reason.to_owned(),
        }
    }

    pub(super) fn refused(reason: impl Into<String>) -> Self {
        Self::Refused(reason.into())
    }

    /// What follows, given the last `ERROR` and whether the server had answered `JOIN`.
    pub(super) fn verdict(self, complaint: Option<&Complaint>, joined: bool) -> Verdict {
        let complaint = complaint.filter(|complaint| complaint.at.elapsed() < FORGOTTEN_AFTER);
        match self {
            Self::Left => Verdict::Close(Closed::Left),
            Self::Cut => Verdict::Pause,
            Self::Refused(reason) => Verdict::Close(Closed::Handshake(reason)),
            Self::Closed { code, reason } if !reconnects_after(Some(code)) => {
                Verdict::Close(final_close(code, reason, complaint))
            }
            Self::Closed { code, reason } => {
                let words =
                    complaint.map_or(reason.as_str(), |complaint| complaint.message.as_str());
                retry(
                    format!("closed with {code}: {words}"),
                    complaint.and_then(|complaint| complaint.retry_after),
                )
            }
            Self::Lost {
                reason,
                retry_after,
            } => match complaint {
                Some(complaint) if is_final(complaint.code, joined) => {
                    Verdict::Close(refusal(complaint))
                }
                complaint => retry(
                    reason,
                    retry_after.or(complaint.and_then(|complaint| complaint.retry_after)),
                ),
            },
        }
    }
}

fn retry(reason: String, retry_after: Option<Duration>) -> Verdict {
    Verdict::Retry {
        reason,
        retry_after: retry_after.unwrap_or_default().min(MAX_RETRY_AFTER),
    }
}

/// Why the room is closed after a close frame with a final code.
fn final_close(code: u16, reason: String, complaint: Option<&Complaint>) -> Closed {
    if code == CloseCode::Superseded.get() {
        return Closed::Superseded;
    }
    match complaint {
        Some(complaint) if !complaint.code.retryable() => refusal(complaint),
        _ => Closed::ByServer { code, reason },
    }
}

fn refusal(complaint: &Complaint) -> Closed {
    match complaint.code {
        Code::Superseded => Closed::Superseded,
        code => Closed::Refused {
            code,
            message: complaint.message.clone(),
        },
    }
}

/// Whether a final close frame belonged to this `ERROR`, should it be lost on the way.
fn is_final(code: Code, joined: bool) -> bool {
    match code {
        Code::Superseded => true,
        Code::Unauthenticated | Code::Forbidden | Code::JoinTimeout => !joined,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(code: Code, retry_after: Option<u64>) -> Complaint {
        Complaint {
            at: Instant::now(),
            code,
            message: "words".to_owned(),
            retry_after: retry_after.map(Duration::from_millis),
        }
    }

    fn pause(verdict: &Verdict) -> Duration {
        match verdict {
            Verdict::Retry { retry_after, .. } => *retry_after,
            other => panic!("no retry: {other:?}"),
        }
    }

    #[test]
    fn e2_final_close_codes_end_the_room() {
        for code in [1000, 4000, 4001, 4009, 4401, 4403, 4408, 4999] {
            let verdict = Ending::closed(code, "why").verdict(None, true);
            assert!(matches!(verdict, Verdict::Close(_)), "{code}: {verdict:?}");
        }
    }

    #[test]
    fn e2_other_endings_are_retried() {
        for code in [1001, 1006, 1011, 1012, 1013, 3000] {
            assert_eq!(
                pause(&Ending::closed(code, "").verdict(None, true)),
                Duration::ZERO,
                "{code}"
            );
        }
        assert_eq!(
            pause(&Ending::lost("reset").verdict(None, false)),
            Duration::ZERO
        );
    }

    #[test]
    fn e2_retry_after_of_the_error_is_kept_within_bounds() {
        let shutdown = complaint(Code::ShuttingDown, Some(1500));
        assert_eq!(
            pause(&Ending::closed(1012, "").verdict(Some(&shutdown), true)),
            Duration::from_millis(1500)
        );
        assert_eq!(
            pause(&Ending::lost("reset").verdict(Some(&shutdown), true)),
            Duration::from_millis(1500)
        );
        let absurd = complaint(Code::RoomFull, Some(u64::MAX));
        assert_eq!(
            pause(&Ending::closed(1013, "").verdict(Some(&absurd), true)),
            MAX_RETRY_AFTER
        );
    }

    #[test]
    fn c5_superseded_is_final_even_without_the_close_frame() {
        let superseded = complaint(Code::Superseded, None);
        let expected = Verdict::Close(Closed::Superseded);
        assert_eq!(Ending::closed(4001, "").verdict(None, true), expected);
        assert_eq!(
            Ending::lost("reset").verdict(Some(&superseded), true),
            expected
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_old_error_is_not_the_reason() {
        let old = complaint(Code::ShuttingDown, Some(1500));
        tokio::time::advance(FORGOTTEN_AFTER).await;
        assert_eq!(
            pause(&Ending::lost("reset").verdict(Some(&old), true)),
            Duration::ZERO
        );
    }

    #[test]
    fn c3_a_refused_join_is_final_but_a_refused_presence_is_not() {
        let forbidden = complaint(Code::Forbidden, None);
        assert!(matches!(
            Ending::lost("reset").verdict(Some(&forbidden), false),
            Verdict::Close(Closed::Refused {
                code: Code::Forbidden,
                ..
            })
        ));
        assert!(matches!(
            Ending::lost("reset").verdict(Some(&forbidden), true),
            Verdict::Retry { .. }
        ));
    }
}
