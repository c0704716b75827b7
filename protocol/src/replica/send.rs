//! What is sent next (rules S-8, K-4 and K-8).

use std::collections::BTreeSet;

use super::{
    Replica, Stage,
    admit::check_size,
    pending::{Form, Pending},
};
use crate::{
    change::Update,
    error::Code,
    ids::{Millis, RecordKey},
    limits::REMEMBERED_IDS,
    message::{ClientMessage, Join, Position, Reject},
};

impl Replica {
    pub(super) fn next_message(&mut self, now: Millis) -> Option<ClientMessage> {
        match &self.stage {
            Stage::Offline | Stage::Joining { .. } => return None,
            Stage::JoinDue => return Some(self.join()),
            Stage::ResyncDue { resume } => {
                let position = if *resume { self.position() } else { None };
                self.stage = Stage::Resyncing {
                    resume: position.is_some(),
                };
                return Some(ClientMessage::Resync(position));
            }
            Stage::Resyncing { .. } | Stage::Loading(_) | Stage::Live | Stage::Diverged => {}
        }
        if self.presence.take_due() {
            return Some(ClientMessage::Presence(self.presence.own().cloned()));
        }
        if std::mem::take(&mut self.heartbeat_due) {
            return Some(ClientMessage::Heartbeat);
        }
        if let Some(update) = self.next_update(now) {
            return Some(ClientMessage::Update(update));
        }
        if std::mem::take(&mut self.leave_due) {
            self.stage = Stage::Offline;
            return Some(ClientMessage::Leave);
        }
        None
    }

    fn join(&mut self) -> ClientMessage {
        let position = self.position();
        self.stage = Stage::Joining {
            resume: position.is_some(),
        };
        ClientMessage::Join(Join {
            room: self.config.room.clone(),
            client_key: self.config.client_key.clone(),
            position,
            token: self.config.token.clone(),
        })
    }

    /// Where to resume; `None` when there is no state or it is not to be trusted.
    fn position(&self) -> Option<Position> {
        let epoch = self.confirmed.epoch.clone().filter(|_| self.trusted)?;
        Some(Position {
            epoch,
            last_rev: self.confirmed.rev,
        })
    }

    /// Whether updates may go out: the room is followed, and what was accepted before `JOINED` is known.
    pub(super) fn may_send(&self) -> bool {
        matches!(self.stage, Stage::Live) && self.confirmed.rev >= self.joined_rev
    }

    fn next_update(&mut self, now: Millis) -> Option<Update> {
        if self.hold.is_some_and(|hold| hold <= now) {
            self.hold = None;
        }
        if self.hold.is_some() || !self.may_send() {
            return None;
        }
        loop {
            let index = self.next_sendable()?;
            let update = self.update_at(index)?;
            match check_size(&update, &self.limits) {
                Ok(()) => {
                    self.note_sent(index, &update);
                    return Some(update);
                }
                // Over a message this large the server ends the connection for good (rule W-6).
                Err(problem) => {
                    let id = update.client_req_id;
                    self.reject(index, Reject::new(id, Code::TooLarge, problem));
                }
            }
        }
    }

    /// The update at `index` as it would be sent now: a splice as rebased, unless it is sent to learn what became of it.
    fn update_at(&self, index: usize) -> Option<Update> {
        let Pending {
            id,
            changes,
            splices,
            delivery,
            ..
        } = self.queue.get(index)?;
        let (base_rev, changes) = match &delivery.form {
            Some(form) if delivery.probe => (Some(form.base_rev), &form.changes),
            _ => (splices.then_some(self.confirmed.rev), changes),
        };
        Some(Update {
            client_req_id: id.clone(),
            changes: changes.clone(),
            base_rev,
            first_rev: delivery.first_rev,
        })
    }

    fn note_sent(&mut self, index: usize, update: &Update) {
        let Some(pending) = self.queue.get_mut(index) else {
            return;
        };
        let delivery = &mut pending.delivery;
        delivery.form = update.base_rev.map(|base_rev| Form {
            base_rev,
            changes: update.changes.clone(),
        });
        delivery.first_rev = update.first_rev.or(Some(self.confirmed.rev));
        delivery.sent = true;
        delivery.ever = true;
        delivery.copies = delivery.copies.saturating_add(1);
        delivery.count = delivery.count.saturating_add(1);
    }

    /// The first pending update whose turn has come (rule S-8).
    fn next_sendable(&self) -> Option<usize> {
        let unanswered = || self.queue.iter().filter(|pending| pending.is_unanswered());
        // What is unanswered must still be remembered when it is sent again.
        let most = self.limits.in_flight.clamp(1, REMEMBERED_IDS);
        if unanswered().count() >= most || !self.queue.iter().any(Pending::is_unsent) {
            return None;
        }
        let splice_out = unanswered().any(|pending| pending.splices);
        let mut unconfirmed: BTreeSet<&RecordKey> = BTreeSet::new();
        let mut unsent: BTreeSet<&RecordKey> = BTreeSet::new();
        for (index, pending) in self.queue.iter().enumerate() {
            if pending.is_unsent() {
                let behind =
                    |keys: &BTreeSet<&RecordKey>| pending.keys.iter().any(|key| keys.contains(key));
                let waits = match pending {
                    Pending { splices: false, .. } => behind(&unsent),
                    // Its positions refer to a revision of its own, whatever came before it here.
                    Pending { delivery, .. } if delivery.probe => splice_out,
                    // Its positions refer to the confirmed state alone.
                    Pending { .. } => splice_out || behind(&unconfirmed),
                };
                if !waits {
                    return Some(index);
                }
                unsent.extend(&pending.keys);
            }
            unconfirmed.extend(&pending.keys);
        }
        None
    }
}
