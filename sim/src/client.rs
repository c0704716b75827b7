//! One client: its replica, its connection, and what it was told.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use revring_protocol::{
    codec::Codec,
    error::Code,
    ids::{ClientId, ClientKey, ClientReqId, Epoch, Millis, Rev, RoomName},
    replica::{Event, OnGap, Outcome, Replica, ReplicaConfig, Status},
};

use crate::{
    broken::{Broken, Checked, ensure},
    counters::{Counter, Counters},
    dice::Dice,
    net::{ConnectionId, Network, Received},
    oracle::{Line, Oracle},
    wire::{self, Frames},
    work,
};

/// Updates that may be unanswered before an application waits.
const PATIENCE: usize = 12;

/// How a client is.
#[derive(Debug, Clone)]
pub struct Manner {
    /// How its messages are written.
    pub codec: Codec,
    /// Its pending updates are given back after a gap.
    pub discards: bool,
    /// Most of what it does is typing.
    pub types: bool,
    /// Bytes it reads at once, at most.
    pub pace: usize,
    /// Bytes that each of its streams holds.
    pub capacity: usize,
}

/// A client.
#[derive(Debug)]
pub struct Client {
    /// Its room.
    pub room: RoomName,
    /// Its public name.
    pub id: ClientId,
    /// How it is.
    pub manner: Manner,
    /// Its copy of the room.
    pub replica: Replica,
    link: Option<Link>,
    made: BTreeSet<ClientReqId>,
    ended: BTreeMap<ClientReqId, Outcome>,
    /// The state that was checked last.
    checked: Option<(Epoch, Rev)>,
}

/// A connection as its client holds it.
#[derive(Debug)]
struct Link {
    id: ConnectionId,
    unsent: VecDeque<u8>,
    frames: Frames,
}

impl Client {
    /// The client number `n`, without a connection.
    ///
    /// # Errors
    /// Never, as its names are valid.
    pub fn new(n: usize, room: RoomName, manner: Manner) -> Checked<Self> {
        let key = ClientKey::new(&format!("the-key-of-client-{n}"));
        let key = key.map_err(|error| Broken::new("names are valid", error))?;
        let on_gap = if manner.discards {
            OnGap::Discard
        } else {
            OnGap::Resubmit
        };
        let id = key.client_id();
        let replica = Replica::new(ReplicaConfig {
            room: room.clone(),
            client_key: Some(key),
            token: None,
            on_gap,
        });
        Ok(Self {
            room,
            id,
            manner,
            replica,
            link: None,
            made: BTreeSet::new(),
            ended: BTreeMap::new(),
            checked: None,
        })
    }

    /// Its connection.
    #[must_use]
    pub fn connection(&self) -> Option<ConnectionId> {
        Some(self.link.as_ref()?.id)
    }

    /// Makes an update, if one comes to mind that fits. Returns its id.
    pub fn update(&mut self, dice: &mut Dice, counters: &mut Counters) -> Option<ClientReqId> {
        if self.replica.pending().count() >= PATIENCE {
            return None;
        }
        let changes = work::changes(self.replica.view(), self.manner.types, dice);
        let id = ClientReqId::new(&format!("u{}", self.made.len())).ok()?;
        self.replica.update(id.clone(), changes).ok()?;
        counters.add(Counter::Updates);
        self.made.insert(id.clone());
        Some(id)
    }

    /// The connection `id` is open.
    pub fn connected(&mut self, id: ConnectionId) {
        self.link = Some(Link {
            id,
            unsent: VecDeque::new(),
            frames: Frames::default(),
        });
        self.replica.connected();
    }

    /// Gives its connection up.
    pub fn disconnect(&mut self) -> Option<ConnectionId> {
        let link = self.link.take()?;
        self.replica.disconnected();
        Some(link.id)
    }

    /// Sends what is due, as far as its stream takes it. Returns the bytes.
    pub fn send(&mut self, now: Millis, net: &mut Network) -> usize {
        let Some(link) = &mut self.link else {
            return 0;
        };
        // A client that cannot send keeps what is due where it is.
        while link.unsent.is_empty() {
            let Some(message) = self.replica.poll_message(now) else {
                break;
            };
            let payload = self.manner.codec.encode(&message);
            link.unsent.extend(wire::frame(&payload));
            push(link, net);
        }
        push(link, net)
    }

    /// Reads at most `most` bytes. False when there was nothing.
    ///
    /// # Errors
    /// When something does not hold.
    pub fn read(&mut self, most: usize, now: Millis, net: &mut Network) -> Checked<bool> {
        let Some(link) = &mut self.link else {
            return Ok(false);
        };
        let received = net
            .wire(link.id)
            .map_or(Received::End, |wire| wire.down.read(most));
        match received {
            Received::Nothing => return Ok(false),
            Received::End => {
                self.disconnect();
                return Ok(true);
            }
            Received::Bytes(bytes) => link.frames.push(&bytes),
        }
        while let Some(link) = &mut self.link {
            let Some(payload) = link.frames.next_payload() else {
                break;
            };
            let message = self.manner.codec.decode_server(&payload);
            let message =
                message.map_err(|error| Broken::new("the server speaks the protocol", error))?;
            self.replica.handle(message, now);
        }
        Ok(true)
    }

    /// Takes what its replica tells, and checks it.
    ///
    /// # Errors
    /// When it was told what is not true.
    pub fn check(&mut self, oracle: &Oracle, counters: &mut Counters) -> Checked {
        while let Some(event) = self.replica.poll_event() {
            if let Event::Resolved { id, outcome } = event {
                self.check_outcome(&id, &outcome, oracle)?;
                if let Outcome::Rejected(reject) = &outcome
                    && reject.code == Code::OutcomeUnknown
                {
                    counters.add(Counter::OutcomesUnknown);
                }
                ensure(self.made.contains(&id), "only what was made ends", || &id)?;
                let before = self.ended.insert(id.clone(), outcome);
                ensure(before.is_none(), "an update ends once", || &id)?;
            }
        }
        self.replica.check();
        let rev = self.replica.confirmed_rev();
        let Some(epoch) = self.replica.epoch() else {
            return Ok(());
        };
        // A state is another only at another revision; at the end it is compared once more.
        let position = Some((epoch.clone(), rev));
        if self.checked == position {
            return Ok(());
        }
        oracle.check_reached(&self.room, epoch, rev)?;
        let state = oracle
            .line_in(&self.room, epoch)
            .and_then(|line| line.state(rev));
        self.checked = position;
        let same = state.map_or(rev.get() == 0, |state| state == self.replica.confirmed());
        ensure(
            same,
            "any mix of snapshots and deltas gives the state at its revision",
            || format!("{} has at {rev} {:?}", self.id, self.replica.confirmed()),
        )
    }

    fn check_outcome(&self, id: &ClientReqId, outcome: &Outcome, oracle: &Oracle) -> Checked {
        let mut lines = oracle.lines(&self.room);
        match outcome {
            Outcome::Accepted(rev) => {
                // A composed update is accepted under the id it was sent with.
                let own = |line: &Line| match line.operation(*rev) {
                    Some(operation) => operation.client_id == self.id,
                    None => line.accepted(&self.id, id) == Some(*rev),
                };
                ensure(
                    lines.any(own),
                    "what is told as accepted is durable",
                    || format!("{} {id} as {rev}", self.id),
                )
            }
            Outcome::Rejected(reject) if reject.code != Code::OutcomeUnknown => {
                let found = oracle
                    .line(&self.room)
                    .and_then(|line| line.accepted(&self.id, id));
                ensure(
                    found.is_none(),
                    "what is told as refused changed nothing",
                    || {
                        format!(
                            "{} {id} is {found:?}, its author was told {reject:?}",
                            self.id
                        )
                    },
                )
            }
            Outcome::Rejected(_) | Outcome::Discarded => Ok(()),
        }
    }

    /// Whether nothing is pending and everything is confirmed.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.link
            .as_ref()
            .is_some_and(|link| link.unsent.is_empty())
            && self.replica.pending().next().is_none()
            && self.replica.status() == Status::Live
    }

    /// What it still waits for, in words.
    #[must_use]
    pub fn waits_for(&self) -> String {
        let pending: Vec<_> = self.replica.pending().collect();
        format!(
            "{} {:?} at {} pending {pending:?}",
            self.id,
            self.replica.status(),
            self.replica.confirmed_rev()
        )
    }

    /// Checks that every update has ended, in the way its author was told.
    ///
    /// # Errors
    /// Names the first that has not.
    pub fn check_end(&self, oracle: &Oracle) -> Checked {
        let open = self.made.iter().find(|id| !self.ended.contains_key(*id));
        ensure(open.is_none(), "every update ends", || {
            format!("{} {open:?}", self.id)
        })?;
        let view = self.replica.view();
        ensure(
            view == self.replica.confirmed(),
            "with nothing pending the view is the state",
            || &self.id,
        )?;
        let Some(line) = oracle.line(&self.room) else {
            return Ok(());
        };
        for (_, id, rev) in line
            .all_accepted()
            .filter(|(client, ..)| **client == self.id)
        {
            let told = self.ended.get(id);
            let explained = match told {
                Some(Outcome::Accepted(_)) => true,
                Some(Outcome::Rejected(reject)) => reject.code == Code::OutcomeUnknown,
                Some(Outcome::Discarded) => self.manner.discards,
                None => false,
            };
            ensure(explained, "what was accepted is told as accepted", || {
                format!("{} {id} is {rev}, its author was told {told:?}", self.id)
            })?;
        }
        Ok(())
    }
}

/// Gives the stream what it takes.
fn push(link: &mut Link, net: &mut Network) -> usize {
    let Some(wire) = net.wire(link.id) else {
        return 0;
    };
    let bytes = link.unsent.make_contiguous();
    let sent = wire.up.write(bytes).unwrap_or(0);
    link.unsent.drain(..sent);
    sent
}
