//! The replica, and who waits for what comes of it.

use std::{collections::HashMap, sync::Arc};

use revring_protocol::{
    change::Change,
    ids::{ClientReqId, Millis, Rev},
    message::{ClientMessage, ServerMessage},
    replica::{self, Outcome, Replica},
};
use tokio::sync::{OwnedSemaphorePermit, broadcast, oneshot, watch};

use crate::{
    error::{Closed, OpenError, UpdateError, UpdateResult},
    event::{Event, Status},
    room::Heartbeat,
    shared::{Intent, Wish},
};

/// See the module.
pub(crate) struct Core {
    pub(crate) replica: Replica,
    pub(crate) intent: Intent,
    ids: RequestIds,
    waiters: HashMap<ClientReqId, Waiter>,
    pulse: Pulse,
    /// The head when the server last answered `JOIN` or `RESYNC`.
    target: Rev,
    outlets: Result<Outlets, Closed>,
}

/// Channels that end when the room is closed.
struct Outlets {
    events: broadcast::Sender<Event>,
    /// The latest heartbeat, and how many were asked for when it came.
    heartbeats: watch::Sender<(u64, Heartbeat)>,
}

/// Whoever waits for what becomes of an update.
struct Waiter {
    answer: oneshot::Sender<UpdateResult>,
    _permit: OwnedSemaphorePermit,
}

/// Heartbeats asked for and answered; at most one is on its way.
#[derive(Debug, Default)]
struct Pulse {
    asked: u64,
    sent: u64,
    answered: u64,
}

/// Names for updates, never used twice: a random prefix for each room that is opened, and a count.
#[derive(Debug)]
pub(crate) struct RequestIds {
    prefix: u64,
    count: u64,
}

impl Core {
    pub(crate) fn new(replica: Replica, ids: RequestIds, event_buffer: usize) -> Self {
        let nothing_yet = Heartbeat {
            rev: Rev::ZERO,
            checksum: Arc::from(""),
        };
        let outlets = Outlets {
            events: broadcast::Sender::new(event_buffer),
            heartbeats: watch::Sender::new((0, nothing_yet)),
        };
        Self {
            replica,
            intent: Intent {
                wish: Wish::Online,
                cuts: 0,
                hurries: 0,
            },
            ids,
            waiters: HashMap::new(),
            pulse: Pulse::default(),
            target: Rev::ZERO,
            outlets: Ok(outlets),
        }
    }

    /// Takes an update into the replica, whose view shows it from here on.
    pub(crate) fn take(
        &mut self,
        id: Option<ClientReqId>,
        changes: Vec<Change>,
        permit: OwnedSemaphorePermit,
    ) -> Result<(ClientReqId, oneshot::Receiver<UpdateResult>), UpdateError> {
        if let Err(closed) = &self.outlets {
            return Err(closed.clone().into());
        }
        let id = id.unwrap_or_else(|| self.ids.next());
        self.replica
            .update(id.clone(), changes)
            .map_err(|refusal| match refusal {
                replica::UpdateError::TooManyPending(_) => UpdateError::TooManyPending,
                refusal => refusal.into(),
            })?;
        let (answer, answered) = oneshot::channel();
        self.waiters.insert(
            id.clone(),
            Waiter {
                answer,
                _permit: permit,
            },
        );
        self.drain();
        Ok((id, answered))
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Event> {
        match &self.outlets {
            Ok(outlets) => outlets.events.subscribe(),
            // At its end from the start.
            Err(_) => broadcast::channel(1).1,
        }
    }

    /// Asks for a heartbeat that is sent from now on: its number, and where answers appear.
    pub(crate) fn ask_heartbeat(
        &mut self,
    ) -> Result<(u64, watch::Receiver<(u64, Heartbeat)>), Closed> {
        let outlets = self.outlets.as_ref().map_err(Closed::clone)?;
        if self.pulse.asked == self.pulse.sent {
            self.pulse.asked += 1;
        }
        Ok((self.pulse.asked, outlets.heartbeats.subscribe()))
    }

    /// A socket is open.
    pub(crate) fn connected(&mut self) {
        self.replica.connected();
        self.drain();
    }

    /// The socket is gone.
    pub(crate) fn disconnected(&mut self) {
        self.pulse.sent = self.pulse.answered;
        self.replica.disconnected();
        self.drain();
    }

    /// The next message to send.
    pub(crate) fn next_message(&mut self, joined: bool, now: Millis) -> Option<ClientMessage> {
        if joined && self.pulse.is_due() {
            self.replica.heartbeat();
        }
        let message = self.replica.poll_message(now);
        if matches!(message, Some(ClientMessage::Heartbeat)) {
            self.pulse.sent = self.pulse.asked;
        }
        self.drain();
        message
    }

    /// Takes a message from the server.
    pub(crate) fn handle(&mut self, message: ServerMessage, now: Millis) {
        match &message {
            ServerMessage::Joined(joined) => self.target = joined.rev,
            ServerMessage::Heartbeat { rev, checksum } => {
                self.pulse.answered = self.pulse.sent;
                if let Ok(outlets) = &self.outlets {
                    let heartbeat = Heartbeat {
                        rev: *rev,
                        checksum: checksum.as_str().into(),
                    };
                    outlets
                        .heartbeats
                        .send_replace((self.pulse.answered, heartbeat));
                }
            }
            _ => {}
        }
        self.replica.handle(message, now);
        self.drain();
    }

    /// The status of a connection that has joined.
    pub(crate) fn progress(&self) -> Status {
        let following = self.replica.status() == replica::Status::Live;
        let live = following && self.replica.confirmed_rev() >= self.target;
        if live { Status::Live } else { Status::Syncing }
    }

    /// Tells the subscribers.
    pub(crate) fn tell(&self, event: Event) {
        if let Ok(outlets) = &self.outlets {
            // An error says that nobody has subscribed.
            let _ = outlets.events.send(event);
        }
    }

    /// Every wait ends.
    pub(crate) fn close(&mut self, closed: &Closed) {
        for (_, waiter) in self.waiters.drain() {
            let _ = waiter.answer.send(Err(closed.clone().into()));
        }
        self.outlets = Err(closed.clone());
    }

    fn drain(&mut self) {
        while let Some(event) = self.replica.poll_event() {
            match event {
                replica::Event::Resolved { id, outcome } => self.resolve(&id, outcome),
                replica::Event::Heartbeat { .. } => {}
                replica::Event::Joined { resumed } => self.tell(Event::Joined { resumed }),
                replica::Event::Changed { keys } => self.tell(Event::Changed(Arc::new(keys))),
                replica::Event::Gap(reason) => self.tell(Event::Gap(reason)),
                replica::Event::Snapshot { rev } => self.tell(Event::Snapshot { rev }),
                replica::Event::Presence { clients } => {
                    self.tell(Event::Presence(Arc::new(clients)));
                }
                replica::Event::Error { code, message, .. } => {
                    self.tell(Event::Error {
                        code,
                        message: message.into(),
                    });
                }
                replica::Event::Diverged => self.tell(Event::Diverged),
            }
        }
    }

    fn resolve(&mut self, id: &ClientReqId, outcome: Outcome) {
        let Some(waiter) = self.waiters.remove(id) else {
            return;
        };
        // An error says that nobody waits.
        let _ = waiter.answer.send(match outcome {
            Outcome::Accepted(rev) => Ok(rev),
            Outcome::Rejected(reject) => Err(UpdateError::Rejected(Box::new(reject))),
            Outcome::Discarded => Err(UpdateError::Discarded),
        });
    }
}

impl Pulse {
    fn is_due(&self) -> bool {
        self.sent == self.answered && self.asked > self.sent
    }
}

impl RequestIds {
    pub(crate) fn random() -> Result<Self, OpenError> {
        let prefix = getrandom::u64().map_err(|error| OpenError::Random(error.to_string()))?;
        Ok(Self { prefix, count: 0 })
    }

    fn next(&mut self) -> ClientReqId {
        self.count += 1;
        let text = format!("{:016x}-{}", self.prefix, self.count);
        #[expect(
            clippy::expect_used,
            reason = "at most 37 hexadecimal digits and dashes: a valid id"
        )]
        ClientReqId::new(&text).expect("a valid id")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn n1_request_ids_are_valid_and_differ() {
        let mut ids = RequestIds {
            prefix: u64::MAX,
            count: u64::MAX - 2,
        };
        let (first, second) = (ids.next(), ids.next());
        assert_ne!(first, second);
        let random = || RequestIds::random().expect("random numbers").next();
        assert_ne!(random(), random());
    }
}
