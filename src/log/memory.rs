//! A log that ends with the process.

use std::{collections::HashMap, future::ready, sync::Arc};

use parking_lot::Mutex;
use revring_protocol::{
    change::Operation,
    ids::{Epoch, Rev, RoomName},
    room::Image,
};

use super::{Appended, Checkpoint, Log, LogError, LogFuture, Stored};

/// Keeps rooms in memory. Everything ends with the process, so epochs do, too.
///
/// Rooms that left the server's memory stay here, so their number has a bound.
#[derive(Debug)]
pub struct MemoryLog {
    rooms: Mutex<HashMap<RoomName, Stored>>,
    max_rooms: usize,
}

impl MemoryLog {
    /// A log of at most `max_rooms` rooms.
    #[must_use]
    pub fn new(max_rooms: usize) -> Self {
        Self {
            rooms: Mutex::default(),
            max_rooms,
        }
    }
}

impl Stored {
    fn head(&self) -> Rev {
        self.tail
            .last()
            .map_or(self.image.rev, |last| last.rev.max(self.image.rev))
    }

    fn after(&self, rev: Rev) -> Vec<Arc<Operation>> {
        let start = self.tail.partition_point(|operation| operation.rev <= rev);
        self.tail[start..].to_vec()
    }
}

impl Log for MemoryLog {
    fn open<'a>(&'a self, room: &'a RoomName) -> LogFuture<'a, Option<Stored>> {
        let rooms = self.rooms.lock();
        let opened = match rooms.get(room) {
            None if rooms.len() >= self.max_rooms => Err(LogError::Full),
            stored => Ok(stored.cloned()),
        };
        Box::pin(ready(opened))
    }

    fn append<'a>(
        &'a self,
        room: &'a RoomName,
        epoch: &'a Epoch,
        expected_head: Rev,
        operations: &'a [Arc<Operation>],
    ) -> LogFuture<'a, Appended> {
        let mut rooms = self.rooms.lock();
        let full = rooms.len() >= self.max_rooms;
        let appended = match rooms.get_mut(room) {
            Some(stored) if stored.image.epoch != *epoch => {
                Err(LogError::OtherEpoch(stored.image.epoch.clone()))
            }
            Some(stored) if stored.head() != expected_head => {
                Ok(Appended::Conflict(stored.after(expected_head)))
            }
            Some(stored) => {
                stored.tail.extend_from_slice(operations);
                Ok(Appended::Committed)
            }
            None if expected_head != Rev::ZERO => {
                Err(LogError::Unavailable(format!("{room} is not stored")))
            }
            None if full => Err(LogError::Full),
            None => {
                let (image, tail) = (Image::empty(epoch.clone()), operations.to_vec());
                rooms.insert(room.clone(), Stored { image, tail });
                Ok(Appended::Committed)
            }
        };
        Box::pin(ready(appended))
    }

    fn read<'a>(&'a self, room: &'a RoomName, after: Rev) -> LogFuture<'a, Vec<Arc<Operation>>> {
        let operations = self
            .rooms
            .lock()
            .get(room)
            .map(|stored| stored.after(after));
        Box::pin(ready(Ok(operations.unwrap_or_default())))
    }

    fn checkpoint<'a>(&'a self, room: &'a RoomName, checkpoint: Checkpoint) -> LogFuture<'a, ()> {
        let Checkpoint {
            image, keep_after, ..
        } = checkpoint;
        let mut rooms = self.rooms.lock();
        let replaced = rooms.get_mut(room).filter(|stored| {
            stored.image.epoch == image.epoch
                && (stored.image.rev..=stored.head()).contains(&image.rev)
        });
        // What is replaced is freed once the lock is.
        let freed = replaced.map(|stored| {
            let end = stored
                .tail
                .partition_point(|operation| operation.rev <= keep_after.min(image.rev));
            let dropped: Vec<_> = stored.tail.drain(..end).collect();
            (dropped, std::mem::replace(&mut stored.image, image))
        });
        drop(rooms);
        drop(freed);
        Box::pin(ready(Ok(())))
    }
}
