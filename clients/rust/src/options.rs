//! How a room is opened.

use std::time::Duration;

use revring_protocol::{
    codec::Codec,
    ids::{ClientKey, RoomName},
    limits,
    replica::OnGap,
};

use crate::{
    driver::Address,
    error::{ConnectError, OpenError},
    event::Status,
    room::Room,
};

/// The options of a room, each with a default that suits most.
///
/// ```no_run
/// use std::time::Duration;
/// use revring_client::{Codec, Options};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let room = Options::new()
///     .codec(Codec::Json)
///     .token("secret")
///     .backoff(Duration::from_millis(100), Duration::from_secs(10))
///     .connect("ws://127.0.0.1:7700/v1/ws", "board-1")
///     .await?;
/// # drop(room);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Options {
    pub(crate) codec: Codec,
    pub(crate) client_key: Option<ClientKey>,
    pub(crate) token: Option<String>,
    pub(crate) on_gap: OnGap,
    pub(crate) connect_timeout: Duration,
    pub(crate) backoff_base: Duration,
    pub(crate) backoff_max: Duration,
    pub(crate) heartbeat: Option<Duration>,
    pub(crate) max_message_bytes: usize,
    pub(crate) max_pending: usize,
    pub(crate) event_buffer: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            codec: Codec::MessagePack,
            client_key: None,
            token: None,
            on_gap: OnGap::Resubmit,
            connect_timeout: Duration::from_secs(10),
            backoff_base: Duration::from_millis(250),
            backoff_max: Duration::from_secs(30),
            heartbeat: None,
            max_message_bytes: 16 << 20,
            max_pending: 1024,
            event_buffer: 1024,
        }
    }
}

impl Options {
    /// No time is longer than this, so that adding up a few is always possible.
    pub(crate) const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

    /// A replica holds 4,096 updates, of which as many as may be in flight are answered but not confirmed yet.
    const MOST_PENDING: usize = 4096 - limits::IN_FLIGHT;

    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How messages stand on the wire. Default: MessagePack.
    #[must_use]
    pub fn codec(mut self, codec: Codec) -> Self {
        self.codec = codec;
        self
    }

    /// The secret that makes this client the same one over restarts (rule N-2). Default: a new random one for each room
    /// that is opened. Two rooms of one name opened with one key take turns in superseding each other.
    #[must_use]
    pub fn client_key(mut self, key: ClientKey) -> Self {
        self.client_key = Some(key);
        self
    }

    /// The access token, for servers that ask for one. Default: none.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// What becomes of unanswered updates on a gap (rule K-5). Default: [`OnGap::Resubmit`].
    #[must_use]
    pub fn on_gap(mut self, on_gap: OnGap) -> Self {
        self.on_gap = on_gap;
        self
    }

    /// How long one attempt may take, from the first packet to the server's `JOINED`. Default: 10 s.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Bounds of the pause between attempts: the n-th in a row is a random time up to `base` x 2^n, and up to `max`.
    /// Default: 250 ms and 30 s.
    #[must_use]
    pub fn backoff(mut self, base: Duration, max: Duration) -> Self {
        self.backoff_base = base;
        self.backoff_max = max;
        self
    }

    /// How often to expect a byte from the server. After 2.5 times as long without one the client asks for a sign of
    /// life, and another interval later it reconnects. Default: `JOINED.heartbeatMs`, but at least a second.
    #[must_use]
    pub fn heartbeat(mut self, interval: Duration) -> Self {
        self.heartbeat = Some(interval);
        self
    }

    /// The largest message taken from the server, in bytes. Default: 16 MiB.
    #[must_use]
    pub fn max_message_bytes(mut self, bytes: usize) -> Self {
        self.max_message_bytes = bytes;
        self
    }

    /// How many updates may be unanswered, offline ones included: 1 to 3,840. Default: 1,024. Past that
    /// [`Room::update`](crate::Room::update) waits and [`Room::try_update`](crate::Room::try_update) refuses.
    #[must_use]
    pub fn max_pending(mut self, updates: usize) -> Self {
        self.max_pending = updates;
        self
    }

    /// How many events are held for a subscriber that is slow to take them. Default: 1,024.
    #[must_use]
    pub fn event_buffer(mut self, events: usize) -> Self {
        self.event_buffer = events;
        self
    }

    /// Opens `room` and waits until it is live. What fails is reported at once; later interruptions are not: the room
    /// reconnects by itself.
    ///
    /// # Errors
    /// When an argument is wrong, or when the first attempt fails.
    pub async fn connect(self, url: &str, room: &str) -> Result<Room, ConnectError> {
        let room = self.open(url, room)?;
        let mut status = room.watch_status();
        let mut failed = room.shared().failed.subscribe();
        tokio::select! {
            biased;
            status = status.wait_for(|status| *status == Status::Live) => match status {
                Status::Closed(closed) => Err(closed.into()),
                _ => Ok(room),
            },
            Ok(reason) = failed.wait_for(Option::is_some) => {
                Err(ConnectError::Unreachable(reason.as_deref().unwrap_or_default().to_owned()))
            }
        }
    }

    /// Opens `room` without waiting: the view is empty, updates are taken, and the connection is made, and made again,
    /// in the background.
    ///
    /// # Errors
    /// When an argument is wrong, or when there is no tokio runtime.
    pub fn open(self, url: &str, room: &str) -> Result<Room, OpenError> {
        self.check()?;
        let address = Address::parse(url)?;
        Room::open(address, RoomName::new(room)?, self)
    }

    fn check(&self) -> Result<(), OpenError> {
        let rule = |holds: bool, option, allowed| {
            if holds {
                Ok(())
            } else {
                Err(OpenError::Option { option, allowed })
            }
        };
        let token = self.token.as_ref().map_or(0, String::len);
        rule(
            token <= limits::TOKEN_BYTES,
            "token",
            "at most 4,096 bytes long",
        )?;
        let span = |time: Duration| !time.is_zero() && time <= Self::LONGEST;
        rule(
            span(self.connect_timeout),
            "connect_timeout",
            "more than zero and at most a day",
        )?;
        rule(span(self.backoff_base), "backoff", "a base above zero")?;
        rule(
            self.backoff_base <= self.backoff_max,
            "backoff",
            "a base no larger than the maximum",
        )?;
        rule(
            span(self.backoff_max),
            "backoff",
            "a maximum of at most a day",
        )?;
        rule(
            self.heartbeat.is_none_or(span),
            "heartbeat",
            "more than zero and at most a day",
        )?;
        rule(
            self.max_message_bytes >= limits::FRAME_BYTES,
            "max_message_bytes",
            "at least 1 MiB, a server's frame",
        )?;
        rule(
            (1..=Self::MOST_PENDING).contains(&self.max_pending),
            "max_pending",
            "1 to 3,840",
        )?;
        rule(
            (1..=1 << 20).contains(&self.event_buffer),
            "event_buffer",
            "1 to 1,048,576",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(options: Options) -> String {
        options
            .open("ws://127.0.0.1:1/v1/ws", "room")
            .expect_err("not allowed")
            .to_string()
    }

    #[test]
    fn a_wrong_option_is_named() {
        assert!(
            refused(Options::new().connect_timeout(Duration::ZERO)).contains("connect_timeout")
        );
        assert!(
            refused(Options::new().backoff(Duration::from_secs(2), Duration::from_secs(1)))
                .contains("backoff")
        );
        assert!(refused(Options::new().max_pending(0)).contains("max_pending"));
        assert!(refused(Options::new().event_buffer(0)).contains("event_buffer"));
        assert!(refused(Options::new().heartbeat(Duration::ZERO)).contains("heartbeat"));
        assert!(refused(Options::new().max_message_bytes(10)).contains("max_message_bytes"));
        assert!(refused(Options::new().token("x".repeat(5000))).contains("token"));
    }

    #[test]
    fn n1_a_wrong_room_is_named() {
        let error = Options::new().open("ws://127.0.0.1:1/v1/ws", "not a room");
        assert!(error.expect_err("not a name").to_string().contains("room"));
    }

    #[test]
    fn a_room_needs_a_runtime() {
        let error = Options::new().open("ws://127.0.0.1:1/v1/ws", "room");
        assert_eq!(error.expect_err("no runtime here"), OpenError::NoRuntime);
    }
}
