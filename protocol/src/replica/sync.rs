//! Following the room: `JOINED`, gaps, snapshots, deltas, heartbeats (rules K-2 to K-5, C-6, C-7, F-3, F-7).

use std::{collections::BTreeSet, sync::Arc};

use super::{Event, Replica};
use crate::{
    change::Operation,
    document::Document,
    ids::{Epoch, Millis, Rev},
    message::{Deltas, Gap, GapReason, Joined, SnapshotPart},
};

/// How often in a row a replica asks to be put right before it gives up.
const ATTEMPTS: u32 = 3;

/// What a replica is doing.
#[derive(Debug)]
pub(super) enum Stage {
    /// There is no connection.
    Offline,
    /// `JOIN` is to be sent.
    JoinDue,
    /// `JOIN` is sent.
    Joining {
        /// It said where to resume.
        resume: bool,
    },
    /// A snapshot is to come or has come in part.
    Loading(Loading),
    /// Deltas keep the state at the head.
    Live,
    /// `RESYNC` is to be sent.
    ResyncDue {
        /// It says where to resume.
        resume: bool,
    },
    /// `RESYNC` is sent; what comes before its `JOINED` does not count (rule C-7).
    Resyncing {
        /// It said where to resume.
        resume: bool,
    },
    /// Given up.
    Diverged,
}

/// A snapshot as far as it has come.
#[derive(Debug, Default)]
pub(super) struct Loading {
    /// Why it comes; `None` when no gap was announced, and no `acked` said what became of updates.
    pub(super) gap: Option<GapReason>,
    part: Option<Part>,
}

#[derive(Debug)]
struct Part {
    state: Confirmed,
    next: u64,
}

/// The state at a revision, as the server told it.
#[derive(Debug, Clone, Default)]
pub(super) struct Confirmed {
    pub(super) document: Document,
    pub(super) rev: Rev,
    /// `None`: nothing has come yet.
    pub(super) epoch: Option<Epoch>,
    /// The time of the latest operation in it, as far as it is known.
    pub(super) at: Millis,
}

impl Replica {
    pub(super) fn handle_joined(&mut self, joined: Joined) {
        let resume = match self.stage {
            Stage::Joining { resume } => {
                self.presence.joined_anew();
                resume
            }
            Stage::Resyncing { resume } => resume,
            _ => return,
        };
        if joined.client_key.is_some() {
            self.config.client_key = joined.client_key;
        }
        self.client_id = Some(joined.client_id);
        self.limits = joined.limits;
        self.head = joined.rev;
        self.joined_rev = joined.rev;
        self.events.push_back(Event::Joined {
            resumed: joined.resumed,
        });
        if !joined.resumed {
            self.set_aside();
            if self.confirmed.epoch.as_ref() != Some(&joined.epoch) {
                self.forget_answers();
            }
            self.stage = Stage::Loading(Loading::default());
        } else if resume
            && self.confirmed.epoch.as_ref() == Some(&joined.epoch)
            && self.confirmed.rev <= joined.rev
        {
            self.stage = Stage::Live;
        } else {
            self.mend(false);
        }
    }

    pub(super) fn handle_gap(&mut self, gap: &Gap) {
        match &mut self.stage {
            Stage::Loading(loading) => loading.gap = Some(gap.reason),
            Stage::Live => {
                self.set_aside();
                self.stage = Stage::Loading(Loading {
                    gap: Some(gap.reason),
                    part: None,
                });
            }
            _ => return,
        }
        self.head = gap.server_rev;
        self.events.push_back(Event::Gap(gap.reason));
        for acked in &gap.acked {
            self.handle_ack(&acked.client_req_id, acked.rev);
        }
    }

    /// What is unanswered is offered again once the snapshot has come (rule K-5).
    fn set_aside(&mut self) {
        for pending in self.queue.iter_mut() {
            pending.delivery.sent = false;
        }
    }

    /// Revisions of another epoch are never confirmed in this one: what was accepted there is done with.
    fn forget_answers(&mut self) {
        for pending in self.queue.iter_mut() {
            pending.answered = pending.answered.map(|_| Rev::ZERO);
        }
    }

    pub(super) fn handle_snapshot(&mut self, part: &SnapshotPart) {
        let Stage::Loading(loading) = &mut self.stage else {
            return;
        };
        if !loading.add(part) {
            return self.mend(false);
        }
        if !part.last {
            return;
        }
        let gap = loading.gap;
        match loading.part.take().map(|loaded| loaded.state) {
            Some(state) if part.checksum.as_ref() == Some(&state.document.checksum()) => {
                self.stage = Stage::Live;
                self.replace(state, gap);
            }
            _ => self.mend(false),
        }
    }

    pub(super) fn handle_deltas(&mut self, deltas: &Deltas) {
        match self.stage {
            Stage::Live => {}
            Stage::Loading(_) => return self.mend(false),
            _ => return,
        }
        if deltas.from_rev != self.confirmed.rev {
            return self.mend(true);
        }
        let Some(next) = self.confirmed.after(&deltas.ops, deltas.to_rev) else {
            return self.mend(false);
        };
        self.confirmed = next;
        self.head = self.head.max(deltas.to_rev);
        self.trouble = 0;
        let mut keys = BTreeSet::new();
        for operation in &deltas.ops {
            keys.extend(operation.changes.iter().map(|effect| effect.key.clone()));
            self.confirm(operation);
        }
        self.drop_confirmed();
        self.refresh(keys);
    }

    pub(super) fn handle_heartbeat(&mut self, rev: Rev, checksum: &str) {
        self.head = self.head.max(rev);
        if matches!(self.stage, Stage::Live) && rev == self.confirmed.rev {
            if checksum == self.confirmed.document.checksum() {
                self.trouble = 0;
            } else {
                self.mend(false);
            }
        }
        let lag = self.head.since(self.confirmed.rev);
        self.events.push_back(Event::Heartbeat {
            head: self.head,
            lag,
        });
    }

    /// Asks the server to put right what does not fit: from the confirmed position on, or by a snapshot when the
    /// confirmed state is not to be trusted (rule K-4).
    fn mend(&mut self, resume: bool) {
        self.trouble += 1;
        self.trusted &= resume;
        if self.trouble > ATTEMPTS {
            self.stage = Stage::Diverged;
            self.events.push_back(Event::Diverged);
        } else {
            self.stage = Stage::ResyncDue { resume };
        }
    }
}

impl Loading {
    /// Takes the next part; false when it is not the next.
    fn add(&mut self, part: &SnapshotPart) -> bool {
        if part.part == 0 {
            let state = Confirmed {
                rev: part.rev,
                epoch: Some(part.epoch.clone()),
                ..Confirmed::default()
            };
            self.part = Some(Part { state, next: 0 });
        }
        let Some(Part { state, next }) = &mut self.part else {
            return false;
        };
        if part.part != *next || part.rev != state.rev || Some(&part.epoch) != state.epoch.as_ref()
        {
            return false;
        }
        *next += 1;
        let records = part.state.values().flat_map(|records| records.values());
        let latest = records.map(|record| record.updated_at()).max().unwrap_or(0);
        state.at = state.at.max(latest);
        state.document.add_part(&part.state);
        true
    }
}

impl Confirmed {
    /// This state with `operations` applied, which must be those up to `to`.
    fn after(&self, operations: &[Arc<Operation>], to: Rev) -> Option<Self> {
        let mut next = self.clone();
        for operation in operations {
            if Some(operation.rev.get()) != next.rev.get().checked_add(1) {
                return None;
            }
            next.document.apply(operation).ok()?;
            next.rev = operation.rev;
            next.at = next.at.max(operation.at);
        }
        (next.rev == to && !operations.is_empty()).then_some(next)
    }
}
