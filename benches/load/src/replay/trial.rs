//! A room on which a conversion is tried: what the converted changes lead to is what a server makes of them.

use std::collections::VecDeque;

use revring_protocol::{
    change::Change,
    document::Document,
    ids::{ClientId, ClientKey, ClientReqId, Epoch},
    limits::Limits,
    message::ServerMessage,
    room::{Outcome, Request, Room, Ticket},
};

use super::{Step, form::update};

/// A room, and the updates it has taken.
pub(super) struct Trial {
    room: Room,
    author: ClientId,
    /// The updates so far.
    pub(super) steps: Vec<Step>,
}

impl Trial {
    pub(super) fn new() -> Self {
        Self {
            room: Room::new(Epoch::from_random([0; 12]), Limits::DEFAULT),
            author: ClientKey::from_random([0; 32]).client_id(),
            steps: Vec::new(),
        }
    }

    /// Makes `changes` at the time `at`: one update, or several where they are more than an update may have.
    pub(super) fn take(&mut self, at: Option<f64>, changes: &[Change]) -> Result<(), String> {
        for changes in changes.chunks(Limits::DEFAULT.changes_per_update) {
            self.update(changes.to_vec())?;
            self.steps.push(Step {
                at,
                changes: changes.to_vec(),
            });
        }
        Ok(())
    }

    /// The state after all updates.
    pub(super) fn document(&self) -> &Document {
        self.room.document()
    }

    fn update(&mut self, changes: Vec<Change>) -> Result<(), String> {
        let id = ClientReqId::new(&self.steps.len().to_string()).map_err(|e| e.to_string())?;
        let mut update = update(id, changes);
        update.base_rev = Some(self.room.head());
        let request = Request {
            client_id: self.author.clone(),
            update,
            ticket: Ticket(0),
        };
        let batch = self.room.propose(&mut VecDeque::from([request]), 0);
        match self
            .room
            .commit(batch)
            .answers
            .pop()
            .map(|answer| answer.outcome)
        {
            Some(Outcome::Accepted(_)) => Ok(()),
            Some(Outcome::Reply(ServerMessage::Reject(reject))) => {
                Err(format!("a server would refuse it: {}", reject.message))
            }
            other => Err(format!("a server would answer {other:?}")),
        }
    }
}
