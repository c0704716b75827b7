//! `ACK`, `REJECT` and `acked` (rules K-3, K-9 and K-10).

use super::{Replica, Stage, settle::lose};
use crate::{
    error::Code,
    ids::{ClientReqId, Millis, Rev},
    message::Reject,
};

/// How long a retryable refusal that names no time holds updates back; doubled with each in a row.
const BACKOFF_MS: u64 = 500;
/// Doublings of it at most.
const BACKOFF_DOUBLINGS: u32 = 6;

impl Replica {
    /// An update was accepted as `rev`, whether a delta shows it or not.
    pub(super) fn handle_ack(&mut self, id: &ClientReqId, rev: Rev) {
        let Some(index) = self.queue.find(id) else {
            return;
        };
        self.accept(index, rev);
        // While a snapshot loads, revisions may be of another epoch than what is confirmed; it is looked at then.
        if rev <= self.confirmed.rev && !matches!(self.stage, Stage::Loading(_)) {
            self.drop_confirmed();
        }
    }

    pub(super) fn handle_reject(&mut self, reject: Reject, now: Millis) {
        let Some(index) = self.queue.find(&reject.client_req_id) else {
            return;
        };
        let Some(pending) = self.queue.get_mut(index) else {
            return;
        };
        let delivery = &mut pending.delivery;
        if pending.answered.is_some() || delivery.copies == 0 {
            return;
        }
        delivery.copies -= 1;
        if reject.retryable {
            delivery.sent = false;
            if delivery.count == 1 && reject.code != Code::Unavailable {
                // It is certain not to be an operation (rule U-6), so the next time is the first again.
                delivery.count = 0;
                delivery.first_rev = None;
            }
            self.hold(reject.retry_after_ms, now);
            self.end_refused(index);
            return;
        }
        // Another copy is judged after this one. One that was sent before a gap is offered again (rule K-5).
        let set_aside = !delivery.sent && pending.conflict.is_none();
        if delivery.copies > 0 || (set_aside && reject.code == Code::BaseTooOld) {
            return;
        }
        self.reject(index, reject);
    }

    /// The update at `index` is not to be sent again if its value was replaced.
    fn end_refused(&mut self, index: usize) {
        let Some(pending) = self.queue.get_mut(index) else {
            return;
        };
        if let Some(conflict) = pending.conflict.take() {
            lose(&mut self.events, pending, conflict);
            self.queue.sweep();
        }
    }

    /// Sends no update for a while.
    fn hold(&mut self, retry_after_ms: Option<u64>, now: Millis) {
        let backoff = BACKOFF_MS << self.refusals.min(BACKOFF_DOUBLINGS);
        self.refusals = self.refusals.saturating_add(1);
        let until = now.saturating_add(retry_after_ms.unwrap_or(backoff));
        self.hold = Some(self.hold.map_or(until, |hold| hold.max(until)));
    }
}
