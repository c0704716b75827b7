//! What is done to a store, and what that has shown.

use std::ops::AddAssign;

use revring::log::Durability;

/// What is done.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) durability: Durability,
    pub(crate) rooms: u8,
    pub(crate) steps: usize,
    /// Records of a room.
    pub(crate) records: u32,
    /// Characters of the longest text.
    pub(crate) text: usize,
    /// Whether the process is killed now and then, and calls fail.
    pub(crate) trouble: bool,
}

/// What a run has seen.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Counts {
    pub(crate) acknowledged: usize,
    pub(crate) unavailable: usize,
    pub(crate) checkpoints: usize,
    pub(crate) kills: usize,
    pub(crate) restarts: usize,
    pub(crate) moves: usize,
    /// Crash points that were tried.
    pub(crate) points: usize,
}

impl Counts {
    /// Everything that is to be seen was.
    pub(crate) fn assert_all(&self) {
        let Self {
            acknowledged,
            unavailable,
            checkpoints,
            kills,
            restarts,
            moves,
            points,
        } = *self;
        let seen = [
            acknowledged,
            unavailable,
            checkpoints,
            kills,
            restarts,
            moves,
            points,
        ];
        assert!(seen.iter().all(|count| *count > 0), "{self:?}");
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.acknowledged += other.acknowledged;
        self.unavailable += other.unavailable;
        self.checkpoints += other.checkpoints;
        self.kills += other.kills;
        self.restarts += other.restarts;
        self.moves += other.moves;
        self.points += other.points;
    }
}
