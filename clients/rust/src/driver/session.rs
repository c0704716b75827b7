//! One connection: from `JOIN` to its end.

use std::time::Duration;

use bytes::Bytes;
use revring_protocol::{
    codec::{Codec, DecodeError},
    error::Code,
    message::{ClientMessage, Reject, ServerMessage},
    replica,
};
use tokio::time::Instant;

use super::{
    address::Address,
    ending::{Complaint, Ending, Verdict},
    socket::{Socket, Turn},
};
use crate::{
    event::Status,
    options::Options,
    shared::{Intent, Shared, Wish},
};

/// How long a parting may take: the server's answer to `LEAVE`, its reason after a failed write, the last flush.
const PARTING: Duration = Duration::from_secs(2);

/// A server may say less; a false alarm costs more than a late one.
const SHORTEST_HEARTBEAT: Duration = Duration::from_secs(1);

/// See the module.
pub(super) struct Session<'a> {
    shared: &'a Shared,
    options: &'a Options,
    /// The value of [`Intent::cuts`] under which this connection lives.
    ///
    /// [`Intent::cuts`]: crate::shared::Intent
    cuts: u64,
    socket: Socket,
    /// The next message, encoded.
    next: Option<Vec<u8>>,
    /// Since the server answered `JOIN`.
    joined: Option<Joined>,
    /// When `JOINED` is due.
    join_due: Instant,
    /// Until when the server may take to answer `LEAVE`.
    leaving: Option<Instant>,
    complaint: Option<Complaint>,
}

/// What a joined session knows.
struct Joined {
    since: Instant,
    /// How often to expect a byte.
    heartbeat: Duration,
    /// When a sign of life was asked for, nothing having come for long.
    asked: Option<Instant>,
}

impl<'a> Session<'a> {
    /// Connects, joins, and stays until the end. Says what follows, and for how long it was joined.
    pub(super) async fn run(
        shared: &'a Shared,
        address: &Address,
        options: &'a Options,
    ) -> (Verdict, Duration) {
        let cuts = shared.intent().cuts;
        let join_due = Instant::now() + options.connect_timeout;
        let connecting = Socket::connect(address, options.codec, options.max_message_bytes);
        let socket = tokio::select! {
            socket = tokio::time::timeout_at(join_due, connecting) => {
                socket.unwrap_or_else(|_| Err(Ending::lost("the server did not answer in time")))
            }
            ending = unwanted(shared, cuts) => Err(ending),
        };
        let socket = match socket {
            Ok(socket) => socket,
            Err(ending) => return (ending.verdict(None, false), Duration::ZERO),
        };
        shared.set_status(Status::Joining);
        shared.core().connected();
        let (next, joined, leaving, complaint) = (None, None, None, None);
        let mut session = Self {
            shared,
            options,
            cuts,
            socket,
            next,
            joined,
            join_due,
            leaving,
            complaint,
        };
        let ending = session.pump().await;
        shared.core().disconnected();
        let lived = session.joined.as_ref().map(|joined| joined.since.elapsed());
        let verdict = ending.verdict(session.complaint.as_ref(), lived.is_some());
        if matches!(verdict, Verdict::Close(_)) {
            session.socket.finish(PARTING).await;
        }
        (verdict, lived.unwrap_or_default())
    }

    async fn pump(&mut self) -> Ending {
        loop {
            if let Err(ending) = self.check() {
                return ending;
            }
            self.prepare();
            let deadline = self.deadline();
            tokio::select! {
                turn = self.socket.turn(self.next.is_some()) => {
                    if let Err(ending) = self.act(turn) {
                        return ending;
                    }
                }
                () = self.shared.wake.notified() => {}
                () = tokio::time::sleep_until(deadline) => {}
            }
        }
    }

    /// Looks at what the handles want, and at the clock.
    fn check(&mut self) -> Result<(), Ending> {
        let now = Instant::now();
        if let Some(ending) = no_longer_wanted(self.shared.intent(), self.cuts) {
            if ending == Ending::Cut || self.joined.is_none() {
                return Err(ending);
            }
            if self.leaving.is_none() {
                self.leaving = Some(now + PARTING);
                self.shared.core().replica.leave();
            }
        }
        if self.leaving.is_some_and(|until| now >= until) {
            return Err(Ending::Left);
        }
        if let Some((since, reason)) = self.socket.broken()
            && now >= *since + PARTING
        {
            return Err(Ending::lost(reason.clone()));
        }
        match &mut self.joined {
            None if now >= self.join_due => {
                Err(Ending::lost("the server did not answer JOIN in time"))
            }
            None => Ok(()),
            Some(joined) => joined.listen(self.socket.last_read(), now, self.shared),
        }
    }

    /// When [`Session::check`] or the replica has something to do next.
    fn deadline(&self) -> Instant {
        let due = match &self.joined {
            None => self.join_due,
            Some(joined) => joined.due(self.socket.last_read()),
        };
        let retry = self
            .shared
            .core()
            .replica
            .poll_timeout()
            .and_then(|millis| self.shared.instant(millis));
        let broken = self.socket.broken().map(|(since, _)| *since + PARTING);
        [retry, broken, self.leaving]
            .into_iter()
            .flatten()
            .fold(due, Instant::min)
    }

    /// Has the next message ready, if there is one.
    fn prepare(&mut self) {
        while self.next.is_none() && self.socket.broken().is_none() {
            let now = self.shared.now();
            let mut core = self.shared.core();
            let Some(message) = core.next_message(self.joined.is_some(), now) else {
                return;
            };
            let bound = core.replica.limits().message_bytes;
            drop(core);
            let payload = self.options.codec.encode(&message);
            // Before JOINED the bound is that of the server before this one.
            if payload.len() <= bound || self.joined.is_none() {
                self.next = Some(payload);
            } else {
                self.refuse(message, payload.len(), bound);
            }
        }
    }

    /// Does in the server's place what rule W-6 does to a message over its limit, but without losing the connection.
    fn refuse(&self, message: ClientMessage, size: usize, bound: usize) {
        let words = format!("the message has {size} bytes, the server takes {bound}");
        let now = self.shared.now();
        let mut core = self.shared.core();
        match message {
            ClientMessage::Update(update) => {
                core.handle(
                    ServerMessage::Reject(Reject::new(update.client_req_id, Code::TooLarge, words)),
                    now,
                );
            }
            _ => core.handle(ServerMessage::error(Code::TooLarge, words), now),
        }
    }

    fn act(&mut self, turn: Turn) -> Result<(), Ending> {
        match turn {
            Turn::Writable => {
                if let Some(payload) = self.next.take() {
                    self.socket.write(payload);
                }
                Ok(())
            }
            Turn::Message(payload) => self.read(&payload),
            Turn::Ended(_) if self.leaving.is_some() => Err(Ending::Left),
            Turn::Ended(ending) => Err(ending),
        }
    }

    fn read(&mut self, payload: &Bytes) -> Result<(), Ending> {
        let message = match decode(self.options.codec, payload) {
            Ok(Some(message)) => message,
            Ok(None) => return Ok(()),
            Err(error) => {
                return Err(Ending::lost(format!(
                    "the server sent what is not a message: {error}"
                )));
            }
        };
        match &message {
            ServerMessage::Joined(answer) => {
                let told = Duration::from_millis(answer.heartbeat_ms);
                let told = told.clamp(SHORTEST_HEARTBEAT, Options::LONGEST);
                let heartbeat = self.options.heartbeat.unwrap_or(told);
                let since = self
                    .joined
                    .as_ref()
                    .map_or_else(Instant::now, |joined| joined.since);
                self.joined = Some(Joined {
                    since,
                    heartbeat,
                    asked: None,
                });
                tracing::debug!(client = %answer.client_id, rev = %answer.rev, resumed = answer.resumed, "joined");
            }
            ServerMessage::Error {
                code,
                message,
                retry_after_ms,
                ..
            } => {
                tracing::warn!(%code, message, "the server reports an error");
                let retry_after = retry_after_ms.map(Duration::from_millis);
                self.complaint = Some(Complaint {
                    at: Instant::now(),
                    code: *code,
                    message: message.clone(),
                    retry_after,
                });
            }
            _ => {}
        }
        let mut core = self.shared.core();
        core.handle(message, self.shared.now());
        if core.replica.status() == replica::Status::Diverged {
            return Err(Ending::lost("state and server disagree"));
        }
        let status = self.joined.as_ref().map(|_| core.progress());
        drop(core);
        if let Some(status) = status {
            self.shared.set_status(status);
        }
        Ok(())
    }
}

/// Waits until the connection is not wanted any more.
async fn unwanted(shared: &Shared, cuts: u64) -> Ending {
    loop {
        shared.wake.notified().await;
        if let Some(ending) = no_longer_wanted(shared.intent(), cuts) {
            return ending;
        }
    }
}

fn no_longer_wanted(intent: Intent, cuts: u64) -> Option<Ending> {
    match intent.wish {
        Wish::Leave => Some(Ending::Left),
        Wish::Online | Wish::Offline => (intent.cuts != cuts).then_some(Ending::Cut),
    }
}

impl Joined {
    /// Asks for a sign of life after a long silence, and ends the connection when none comes.
    fn listen(&mut self, last_read: Instant, now: Instant, shared: &Shared) -> Result<(), Ending> {
        match self.asked {
            Some(asked) if last_read >= asked => self.asked = None,
            Some(_) if now >= self.due(last_read) => {
                return Err(Ending::lost("the server fell silent"));
            }
            None if now >= self.due(last_read) => {
                self.asked = Some(now);
                let _ = shared.core().ask_heartbeat();
            }
            Some(_) | None => {}
        }
        Ok(())
    }

    fn due(&self, last_read: Instant) -> Instant {
        match self.asked {
            Some(asked) if asked > last_read => asked + self.heartbeat,
            Some(_) | None => last_read + self.heartbeat * 5 / 2,
        }
    }
}

/// The message in `payload`; `None` for one of a type that this client does not know (it may be older than the server).
fn decode(codec: Codec, payload: &[u8]) -> Result<Option<ServerMessage>, DecodeError> {
    match codec.decode_server(payload) {
        Ok(message) => Ok(Some(message)),
        Err(DecodeError::UnknownType(name)) => {
            tracing::debug!(name, "a message of unknown type");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
