//! Commits go no faster than the writers pass them on, so that no client gaps because this machine is busy.
//!
//! A slow client does not count: its writer passes over it.

use std::collections::VecDeque;

use revring_protocol::{ids::Rev, limits::Limits};

/// How far the writers are behind.
#[derive(Debug)]
pub struct Pace {
    /// What was committed and not passed on by every writer, oldest first.
    ahead: VecDeque<Commit>,
    bytes: usize,
    passed: Rev,
    max_ops: u64,
    max_bytes: usize,
}

#[derive(Debug)]
struct Commit {
    to: Rev,
    bytes: usize,
}

impl Pace {
    /// The pace of a room at `head`: half its ring may be ahead of the writers.
    #[must_use]
    pub fn new(head: Rev, limits: &Limits) -> Self {
        Self {
            ahead: VecDeque::new(),
            bytes: 0,
            passed: head,
            max_ops: (limits.ring_ops / 2) as u64,
            max_bytes: limits.ring_bytes / 2,
        }
    }

    /// Operations of `bytes` in all were committed, up to `to`.
    pub fn committed(&mut self, to: Rev, bytes: usize) {
        self.ahead.push_back(Commit { to, bytes });
        self.bytes += bytes;
    }

    /// Every writer has passed on everything up to `rev`.
    pub fn passed(&mut self, rev: Rev) {
        self.passed = self.passed.max(rev);
        while self.ahead.front().is_some_and(|commit| commit.to <= rev) {
            self.bytes -= self.ahead.pop_front().map_or(0, |commit| commit.bytes);
        }
    }

    /// Whether more may be committed now.
    #[must_use]
    pub fn allows_more(&self) -> bool {
        let head = self.ahead.back().map_or(self.passed, |commit| commit.to);
        self.ahead.is_empty()
            || (head.since(self.passed) < self.max_ops && self.bytes < self.max_bytes)
    }
}
