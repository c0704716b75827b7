//! A log on the simulated disk, with the laws of [`revring::log::Log`]: one journal of frames for all rooms, one flush for all that
//! was staged.
//!
//! Contents of images are kept as values beside the disk. A frame names them, so they are there exactly if that frame is.

pub mod frame;

use std::{collections::BTreeMap, sync::Arc};

use revring::log::{Appended, LogError, Stored};
use revring_protocol::{
    change::Operation,
    ids::{Epoch, Rev, RoomName},
    room::Image,
};

use self::frame::{Entry, Place};
use crate::{
    breakage::Breakage,
    counters::{Counter, Counters},
    dice::Dice,
    disk::{Disk, DiskError},
};

/// What of a log outlives its process.
#[derive(Debug, Clone, Default)]
pub struct Store {
    /// Where the journal is.
    pub disk: Disk,
    /// Contents of images by number.
    pub images: BTreeMap<u64, Image>,
}

/// What a log's work needs besides.
#[derive(Debug)]
pub struct Hand<'a> {
    /// What happens by chance.
    pub dice: &'a mut Dice,
    /// What is counted.
    pub counters: &'a mut Counters,
}

/// The log, as a process holds it.
#[derive(Debug)]
pub struct SimLog {
    store: Store,
    /// What is flushed, by room.
    rooms: BTreeMap<RoomName, Stored>,
    /// The end of what is known to be flushed.
    flushed: Place,
    /// What is written behind it.
    staged: Vec<Entry>,
    written: Place,
    /// What stands behind `flushed` is not known.
    in_doubt: bool,
    breakage: Option<Breakage>,
}

impl SimLog {
    /// The log of `store`, of which nothing is known yet.
    #[must_use]
    pub fn new(store: Store, breakage: Option<Breakage>) -> Self {
        Self {
            store,
            rooms: BTreeMap::new(),
            flushed: Place::default(),
            staged: Vec::new(),
            written: Place::default(),
            in_doubt: true,
            breakage,
        }
    }

    /// What outlives the process.
    #[must_use]
    pub fn into_store(self) -> Store {
        self.store
    }

    /// What outlives the process.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The disk.
    pub fn disk_mut(&mut self) -> &mut Disk {
        &mut self.store.disk
    }

    /// What is flushed, by room.
    #[must_use]
    pub fn rooms(&self) -> &BTreeMap<RoomName, Stored> {
        &self.rooms
    }

    /// What is stored of `room`.
    ///
    /// # Errors
    /// When it cannot be told now.
    pub fn open(
        &mut self,
        room: &RoomName,
        hand: &mut Hand<'_>,
    ) -> Result<Option<Stored>, LogError> {
        self.settle(hand)?;
        Ok(self.rooms.get(room).cloned())
    }

    /// The stored operations after `after`.
    ///
    /// # Errors
    /// When they cannot be told now.
    pub fn read(
        &mut self,
        room: &RoomName,
        after: Rev,
        hand: &mut Hand<'_>,
    ) -> Result<Vec<Arc<Operation>>, LogError> {
        self.settle(hand)?;
        let stored = self.rooms.get(room);
        Ok(stored.map_or_else(Vec::new, |stored| operations_after(stored, after)))
    }

    /// Writes `operations`, to be stored with the next [`Self::flush`].
    ///
    /// # Errors
    /// When they cannot be stored; nothing that is staged is then.
    pub fn stage_append(
        &mut self,
        room: &RoomName,
        epoch: &Epoch,
        expected_head: Rev,
        operations: &[Arc<Operation>],
        hand: &mut Hand<'_>,
    ) -> Result<Appended, LogError> {
        self.settle(hand)?;
        match self.rooms.get(room) {
            Some(stored) if stored.image.epoch != *epoch => {
                return Err(LogError::OtherEpoch(stored.image.epoch.clone()));
            }
            Some(stored)
                if head(stored) != expected_head
                    && self.breakage != Some(Breakage::ReuseRevision) =>
            {
                return Ok(Appended::Conflict(operations_after(stored, expected_head)));
            }
            None if expected_head != Rev::ZERO => {
                return Err(LogError::Unavailable(format!("{room} is not stored")));
            }
            _ => {}
        }
        let entry = Entry::Operations {
            room: room.clone(),
            epoch: epoch.clone(),
            operations: operations.to_vec(),
        };
        self.write(entry, hand)?;
        Ok(Appended::Committed)
    }

    /// Writes a checkpoint, to be stored with the next [`Self::flush`]. One that says nothing new is left out.
    ///
    /// # Errors
    /// When it cannot be stored; nothing that is staged is then.
    pub fn stage_checkpoint(
        &mut self,
        room: &RoomName,
        image: Image,
        keep_after: Rev,
        hand: &mut Hand<'_>,
    ) -> Result<(), LogError> {
        self.settle(hand)?;
        let fits = self.rooms.get(room).is_some_and(|stored| {
            stored.image.epoch == image.epoch
                && (stored.image.rev..=head(stored)).contains(&image.rev)
        });
        if !fits {
            return Ok(());
        }
        let image = self.keep(image);
        let room = room.clone();
        let entry = Entry::Checkpoint {
            room,
            image,
            keep_after,
        };
        self.write(entry, hand)
    }

    /// Begins `room` anew with `image`, as an operator does who restores a backup.
    ///
    /// # Errors
    /// When that cannot be stored now.
    pub fn begin(
        &mut self,
        room: &RoomName,
        image: Image,
        hand: &mut Hand<'_>,
    ) -> Result<(), LogError> {
        self.settle(hand)?;
        let image = self.keep(image);
        let room = room.clone();
        self.write(Entry::Begin { room, image }, hand)?;
        self.flush(hand)
    }

    /// Makes everything that is staged survive.
    ///
    /// # Errors
    /// When that cannot be said: it may be stored or not.
    pub fn flush(&mut self, hand: &mut Hand<'_>) -> Result<(), LogError> {
        if self.in_doubt {
            return self.settle(hand);
        }
        let flushed = self.store.disk.flush(hand.dice, hand.counters);
        self.known(flushed)?;
        self.flushed = self.written;
        for entry in std::mem::take(&mut self.staged) {
            self.take(&entry);
        }
        Ok(())
    }

    /// Finds out what is stored, where that is open: what can be read behind the last flush is written anew and flushed, the rest
    /// is forgotten.
    fn settle(&mut self, hand: &mut Hand<'_>) -> Result<(), LogError> {
        if !self.in_doubt {
            return Ok(());
        }
        let (found, end) = self.found();
        let rewrites = self.breakage != Some(Breakage::TrustSecondFlush);
        if rewrites && self.breakage != Some(Breakage::ShowUnflushed) {
            let bytes = self.store.disk.bytes()[self.flushed.at..end.at].to_vec();
            let disk = &mut self.store.disk;
            let written = disk.write(self.flushed.at, &bytes, hand.dice, hand.counters);
            self.known(written)?;
        }
        if self.breakage != Some(Breakage::ShowUnflushed) {
            let flushed = self.store.disk.flush(hand.dice, hand.counters);
            self.known(flushed)?;
        }
        if frame::has_remains(self.store.disk.bytes(), end) {
            hand.counters.add(Counter::TornTails);
        }
        found.iter().for_each(|entry| self.take(entry));
        (self.flushed, self.written) = (end, end);
        self.in_doubt = false;
        Ok(())
    }

    /// What can be read behind the last flush, and where that ends.
    fn found(&self) -> (Vec<Entry>, Place) {
        let lenient = self.breakage == Some(Breakage::KeepTornTail);
        let (mut entries, mut place) = (Vec::new(), self.flushed);
        while let Some((entry, next)) = frame::decode(self.store.disk.bytes(), place, lenient) {
            entries.push(entry);
            place = next;
        }
        (entries, place)
    }

    fn write(&mut self, entry: Entry, hand: &mut Hand<'_>) -> Result<(), LogError> {
        let (bytes, next) = frame::encode(&entry, self.written);
        let disk = &mut self.store.disk;
        let written = disk.write(self.written.at, &bytes, hand.dice, hand.counters);
        self.known(written)?;
        self.written = next;
        self.staged.push(entry);
        Ok(())
    }

    /// After an error it is open what is stored.
    fn known(&mut self, done: Result<(), DiskError>) -> Result<(), LogError> {
        done.map_err(|error| {
            self.in_doubt = true;
            self.staged.clear();
            LogError::Unavailable(error.to_string())
        })
    }

    fn keep(&mut self, image: Image) -> u64 {
        let number = self
            .store
            .images
            .last_key_value()
            .map_or(0, |(last, _)| last + 1);
        self.store.images.insert(number, image);
        number
    }

    fn take(&mut self, entry: &Entry) {
        match entry {
            Entry::Operations {
                room,
                epoch,
                operations,
            } => {
                let stored = self.rooms.entry(room.clone()).or_insert_with(|| Stored {
                    image: Image::empty(epoch.clone()),
                    tail: Vec::new(),
                });
                stored.tail.extend_from_slice(operations);
            }
            Entry::Checkpoint {
                room,
                image,
                keep_after,
            } => {
                let image = self.store.images.get(image).cloned();
                if let (Some(stored), Some(image)) = (self.rooms.get_mut(room), image) {
                    checkpoint(stored, image, *keep_after, self.breakage);
                }
            }
            Entry::Begin { room, image } => {
                if let Some(image) = self.store.images.get(image).cloned() {
                    let tail = Vec::new();
                    self.rooms.insert(room.clone(), Stored { image, tail });
                }
            }
        }
    }
}

fn checkpoint(stored: &mut Stored, image: Image, keep_after: Rev, breakage: Option<Breakage>) {
    if stored.image.epoch != image.epoch || image.rev < stored.image.rev {
        return;
    }
    let gone = keep_after.min(image.rev);
    let end = stored
        .tail
        .partition_point(|operation| operation.rev <= gone);
    stored.tail.drain(..end);
    if breakage == Some(Breakage::CheckpointDropsTail) {
        let end = stored
            .tail
            .partition_point(|operation| operation.rev <= image.rev);
        stored.tail.truncate(end);
    }
    stored.image = image;
}

/// The last stored revision.
#[must_use]
pub fn head(stored: &Stored) -> Rev {
    let last = stored.tail.last().map_or(Rev::ZERO, |last| last.rev);
    last.max(stored.image.rev)
}

fn operations_after(stored: &Stored, rev: Rev) -> Vec<Arc<Operation>> {
    let start = stored
        .tail
        .partition_point(|operation| operation.rev <= rev);
    stored.tail[start..].to_vec()
}
