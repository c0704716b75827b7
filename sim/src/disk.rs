//! A disk: what is written is seen at once, and survives a power loss for certain only once it is flushed.
//!
//! Sectors are written whole or not at all, or, if the power goes meanwhile, in part; what a sector held is not at risk when it is
//! written anew with the same content. A failed flush says nothing: each sector may be on the platter or not, and the cache may go
//! on showing what is not, without a later flush writing it.

use std::collections::BTreeSet;

use crate::{
    counters::{Counter, Counters},
    dice::Dice,
};

/// How many of 1,000 unflushed sectors survive a power loss: none, some, or nearly all.
const LUCK: [usize; 4] = [0, 300, 700, 950];

/// Bytes of a sector.
pub const SECTOR: usize = 64;

/// What is wrong with a disk at present.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Faults {
    /// It takes no more bytes.
    pub full: bool,
    /// Writes fail in so many of 1,000 cases.
    pub writes: usize,
    /// Flushes fail in so many of 1,000 cases.
    pub flushes: usize,
}

/// Why a disk did not do what it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DiskError {
    /// No space is left.
    #[error("no space left on device")]
    Full,
    /// It failed.
    #[error("input/output error")]
    Failed,
}

/// A disk with one file.
#[derive(Debug, Clone, Default)]
pub struct Disk {
    /// What is wrong with it.
    pub faults: Faults,
    /// What reads return.
    cache: Vec<u8>,
    /// What survives a power loss.
    platter: Vec<u8>,
    /// Sectors that the next flush writes.
    dirty: BTreeSet<usize>,
    /// Counts changes of the platter.
    version: u64,
}

impl Disk {
    /// What reads return.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.cache
    }

    /// What would survive a power loss now.
    #[must_use]
    pub fn platter(&self) -> &[u8] {
        &self.platter
    }

    /// Changes whenever the platter does.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Writes `bytes` at `at`. After an error a part of them may be written.
    ///
    /// # Errors
    /// When the disk is full or fails.
    pub fn write(
        &mut self,
        at: usize,
        bytes: &[u8],
        dice: &mut Dice,
        counters: &mut Counters,
    ) -> Result<(), DiskError> {
        if self.faults.full && at + bytes.len() > self.cache.len() {
            counters.add(Counter::DiskFull);
            let taken = dice
                .below(bytes.len() + 1)
                .min(self.cache.len().saturating_sub(at));
            self.put(at, &bytes[..taken]);
            return Err(DiskError::Full);
        }
        if dice.chance(self.faults.writes) {
            counters.add(Counter::FailedWrites);
            let taken = dice.below(bytes.len() + 1);
            self.put(at, &bytes[..taken]);
            return Err(DiskError::Failed);
        }
        self.put(at, bytes);
        Ok(())
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        let end = at + bytes.len();
        if end > self.cache.len() {
            self.cache.resize(end.next_multiple_of(SECTOR), 0);
        }
        self.cache[at..end].copy_from_slice(bytes);
        if !bytes.is_empty() {
            self.dirty.extend(at / SECTOR..=(end - 1) / SECTOR);
        }
    }

    /// Makes everything written survive a power loss.
    ///
    /// # Errors
    /// When the disk fails: each sector may then be written or not.
    pub fn flush(&mut self, dice: &mut Dice, counters: &mut Counters) -> Result<(), DiskError> {
        let fails = dice.chance(self.faults.flushes);
        self.version += 1;
        let (luck, forgets) = (dice.below(1001), dice.chance(500));
        for sector in std::mem::take(&mut self.dirty) {
            if !fails || dice.chance(luck) {
                self.write_back(sector);
            } else if forgets {
                self.forget(sector);
            }
        }
        if fails {
            counters.add(Counter::FailedFlushes);
            return Err(DiskError::Failed);
        }
        Ok(())
    }

    /// The power goes and comes back.
    pub fn lose_power(&mut self, dice: &mut Dice, counters: &mut Counters) {
        self.version += 1;
        let luck = dice.pick(&LUCK).copied().unwrap_or_default();
        for sector in std::mem::take(&mut self.dirty) {
            match dice.below(1000) {
                rolled if rolled < luck => self.write_back(sector),
                _ if dice.chance(400) => self.tear(sector, dice),
                _ => counters.add(Counter::LostWrites),
            }
        }
        self.cache.clone_from(&self.platter);
    }

    fn write_back(&mut self, sector: usize) {
        let place = sector * SECTOR..(sector + 1) * SECTOR;
        if self.platter.len() < place.end {
            self.platter.resize(place.end, 0);
        }
        self.platter[place.clone()].copy_from_slice(&self.cache[place]);
    }

    /// The cache shows again what the platter has.
    fn forget(&mut self, sector: usize) {
        let place = sector * SECTOR..(sector + 1) * SECTOR;
        match self.platter.get(place.clone()) {
            Some(old) => self.cache[place].copy_from_slice(old),
            None => self.cache[place].fill(0),
        }
    }

    /// The sector is written in part, or what is in it then is neither the old nor the new.
    fn tear(&mut self, sector: usize, dice: &mut Dice) {
        let begin = sector * SECTOR;
        let place = begin..begin + SECTOR;
        if self.platter.get(place.clone()) == Some(&self.cache[place.clone()]) {
            return;
        }
        if self.platter.len() < place.end {
            self.platter.resize(place.end, 0);
        }
        let written = dice.below(SECTOR);
        self.platter[begin..begin + written].copy_from_slice(&self.cache[begin..begin + written]);
        if dice.chance(500) {
            let at = begin + dice.below(SECTOR);
            self.platter[at] ^= dice.byte() | 1;
        }
    }
}
