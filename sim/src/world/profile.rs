//! What a seed's world is like: how many there are, how everything is bounded, what goes wrong how often.

use revring_protocol::{codec::Codec, limits::Limits};

use super::action::Action;
use crate::{breakage::Breakage, client::Manner, dice::Dice, server::Setting};

/// A world before anything has happened.
#[derive(Debug, Clone)]
pub(super) struct Profile {
    pub(super) setting: Setting,
    pub(super) rooms: usize,
    pub(super) clients: Vec<Manner>,
    /// Bytes that the server reads at once, at most.
    pub(super) server_pace: usize,
    /// How likely each action is.
    pub(super) weights: Vec<(Action, usize)>,
    /// How a bad disk fails, of 1,000 writes and flushes.
    pub(super) bad_writes: usize,
    pub(super) bad_flushes: usize,
    /// How often the power goes between a write and its flush, of 1,000.
    pub(super) bad_moments: usize,
}

impl Profile {
    pub(super) fn new(dice: &mut Dice, breakage: Option<Breakage>) -> Self {
        let typing = dice.chance(300);
        let clients = (0..dice.between(2, 5))
            .map(|_| manner(typing, dice))
            .collect();
        let calm = dice.chance(450);
        let weights = Action::ALL
            .iter()
            .map(|action| (*action, weight(*action, calm, dice)))
            .collect();
        Self {
            setting: setting(dice, breakage),
            rooms: if dice.chance(300) { 2 } else { 1 },
            clients,
            server_pace: one_of(&[100, 1_000, 10_000], dice),
            weights,
            bad_writes: one_of(&[0, 200, 600], dice),
            bad_flushes: one_of(&[200, 500, 900], dice),
            bad_moments: one_of(&[0, 0, 20, 100], dice),
        }
    }

    /// An action, as likely as it is.
    pub(super) fn choose(&self, dice: &mut Dice) -> Action {
        let sum: usize = self.weights.iter().map(|(_, weight)| weight).sum();
        let mut roll = dice.below(sum);
        for (action, weight) in &self.weights {
            if roll < *weight {
                return *action;
            }
            roll -= weight;
        }
        Action::Log
    }
}

fn one_of(items: &[usize], dice: &mut Dice) -> usize {
    dice.pick(items).copied().unwrap_or_default()
}

fn manner(typing: bool, dice: &mut Dice) -> Manner {
    let slow = dice.chance(250);
    Manner {
        codec: Codec::ALL[dice.below(Codec::COUNT)],
        discards: dice.chance(150),
        types: typing || dice.chance(200),
        pace: if slow {
            60
        } else {
            one_of(&[200, 2_000, 20_000], dice)
        },
        capacity: one_of(&[400, 2_000, 16_000], dice),
    }
}

fn setting(dice: &mut Dice, breakage: Option<Breakage>) -> Setting {
    let ring_ops = one_of(&[8, 8, 16, 48], dice);
    let ring_bytes = one_of(&[16 << 10, 4 << 20], dice);
    let default = Limits::DEFAULT;
    Setting {
        limits: Limits {
            ring_ops,
            ring_bytes,
            in_flight: one_of(&[3, 16, 256], dice),
            operation_bytes: default.operation_bytes.min(ring_bytes / 4),
            changes_per_update: 8,
            ..default
        },
        feed_bytes: one_of(&[600, 3_000, 64 << 10], dice),
        frame_bytes: one_of(&[300, 1_500, 64 << 10], dice),
        delta_bytes: one_of(&[500, 3_000, 64 << 10], dice),
        small_document: one_of(&[0, 1_000, 64 << 10], dice),
        part_records: one_of(&[0, 1, 2], dice),
        rate_limited: one_of(&[0, 0, 30], dice),
        retry_ms: 100,
        silence_ms: if dice.chance(500) { 4_000 } else { 20_000 },
        breakage,
    }
}

/// Common things have a fixed weight; how common a trouble is differs from seed to seed.
fn weight(action: Action, calm: bool, dice: &mut Dice) -> usize {
    let trouble = |most: usize, dice: &mut Dice| {
        if dice.chance(if calm { 850 } else { 250 }) {
            0
        } else {
            dice.between(1, most)
        }
    };
    match action {
        Action::Update => dice.between(100, 300),
        Action::Take => dice.between(60, 160),
        Action::Send | Action::Log => 140,
        Action::ClientRead | Action::ServerRead => 160,
        Action::Pass | Action::Write => dice.between(30, 100),
        Action::Advance => dice.between(40, 120),
        Action::Reload => 60,
        Action::Connect => 60,
        Action::Start => 150,
        Action::Encode => one_of(&[1, 4, 40], dice),
        Action::Tick => 12,
        Action::Heartbeat => 5,
        Action::Mend => 12,
        Action::Silence => 2,
        Action::Reconnect => trouble(10, dice),
        Action::Cut => trouble(5, dice),
        Action::Stranger => one_of(&[0, 1, 6, 60], dice),
        Action::Evict => dice.between(1, 20),
        Action::Resync => trouble(5, dice),
        Action::Kill | Action::PowerLoss => trouble(2, dice),
        Action::BadDisk => trouble(6, dice),
        Action::FullDisk => trouble(3, dice),
        Action::Restore => usize::from(!calm && dice.chance(400)),
    }
}
