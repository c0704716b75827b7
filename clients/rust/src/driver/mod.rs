//! The task behind a room: it owns the socket, and connects again whenever that ends.

mod address;
mod backoff;
mod ending;
mod session;
mod socket;

use std::{sync::Arc, time::Duration};

pub(crate) use address::Address;
use backoff::Backoff;
use ending::Verdict;
use revring_protocol::ids::RoomName;
use session::Session;
use tracing::Instrument as _;

use crate::{
    error::Closed,
    event::Status,
    options::Options,
    shared::{Shared, Wish},
};

/// See the module.
pub(crate) struct Driver {
    shared: Arc<Shared>,
    room: RoomName,
    address: Address,
    options: Options,
    backoff: Backoff,
}

impl Driver {
    pub(crate) fn new(
        shared: Arc<Shared>,
        room: RoomName,
        address: Address,
        options: Options,
    ) -> Self {
        let backoff = Backoff::new(options.backoff_base, options.backoff_max);
        Self {
            shared,
            room,
            address,
            options,
            backoff,
        }
    }

    /// Runs until the room is closed for good.
    pub(crate) async fn run(self) {
        let span = tracing::info_span!("room", name = %self.room, server = %self.address);
        self.drive().instrument(span).await;
    }

    async fn drive(mut self) {
        let shared = Arc::clone(&self.shared);
        // However this ends, nobody is left waiting.
        let _guard = CloseOnDrop(&shared);
        loop {
            let verdict = match shared.intent().wish {
                Wish::Leave => return,
                Wish::Offline => Verdict::Pause,
                Wish::Online => self.attempt().await,
            };
            match verdict {
                Verdict::Close(closed) => {
                    tracing::info!(reason = %closed, "closed");
                    return shared.close(&closed);
                }
                Verdict::Pause => self.stay_offline().await,
                Verdict::Retry {
                    reason,
                    retry_after,
                } => self.pause(reason, retry_after).await,
            }
        }
    }

    /// One connection, from the first packet to its end.
    async fn attempt(&mut self) -> Verdict {
        self.shared.set_status(Status::Connecting);
        let (verdict, lived) = Session::run(&self.shared, &self.address, &self.options).await;
        self.backoff.lived(lived);
        verdict
    }

    /// Waits before the next attempt, unless a handle wants it at once or not at all.
    async fn pause(&mut self, reason: String, retry_after: Duration) {
        // Without random numbers the longest pause is the safe one.
        let random = getrandom::u64().unwrap_or(u64::MAX);
        let pause = retry_after + self.backoff.pause(random);
        tracing::info!(%reason, pause_ms = pause.as_millis(), "offline");
        let reason: Arc<str> = reason.into();
        // Before anyone can know of the pause and want it cut short.
        let before = self.shared.intent();
        self.shared.failed.send_replace(Some(Arc::clone(&reason)));
        self.shared.set_status(Status::Offline {
            retry_in: Some(pause),
            reason,
        });
        let over = tokio::time::sleep(pause);
        tokio::pin!(over);
        while self.shared.intent() == before {
            tokio::select! {
                () = &mut over => return,
                () = self.shared.wake.notified() => {}
            }
        }
    }

    async fn stay_offline(&self) {
        self.shared.set_status(Status::Offline {
            retry_in: None,
            reason: "disconnected on request".into(),
        });
        while self.shared.intent().wish == Wish::Offline {
            self.shared.wake.notified().await;
        }
    }
}

struct CloseOnDrop<'a>(&'a Shared);

impl Drop for CloseOnDrop<'_> {
    fn drop(&mut self) {
        if self.0.closed().is_none() {
            self.0.close(&Closed::Left);
        }
    }
}
