//! What must be true, told by the platter alone: an operation that would not survive a power loss now does not exist here, so
//! whoever shows it is caught.

mod line;
mod model;

use std::{collections::BTreeMap, sync::Arc};

use revring_protocol::{
    change::Operation,
    ids::{ClientId, ClientReqId, Epoch, Rev, RoomName},
};

pub use line::Line;

use crate::{
    broken::{Broken, Checked, ensure},
    log::{
        Store,
        frame::{self, Entry, Place},
    },
};

/// Every room as it must be.
#[derive(Debug, Default)]
pub struct Oracle {
    rooms: BTreeMap<RoomName, Vec<Line>>,
    /// How far the platter was read.
    place: Place,
    version: u64,
}

impl Oracle {
    /// Takes what has come to the platter since. Returns the operations.
    ///
    /// # Errors
    /// When it is not what may follow.
    pub fn observe(&mut self, store: &Store) -> Checked<usize> {
        if store.disk.version() == self.version {
            return Ok(0);
        }
        self.version = store.disk.version();
        let mut new = 0;
        while let Some((entry, next)) = frame::decode(store.disk.platter(), self.place, false) {
            new += self.take(&entry, store)?;
            self.place = next;
        }
        Ok(new)
    }

    /// Checks that everything read before is still on the platter.
    ///
    /// # Errors
    /// When something is gone or has changed.
    pub fn check_kept(&self, store: &Store) -> Checked {
        let mut place = Place::default();
        while let Some((_, next)) = frame::decode(store.disk.platter(), place, false) {
            place = next;
            if place == self.place {
                return Ok(());
            }
        }
        ensure(
            self.place == Place::default(),
            "what is flushed stays",
            || format!("the journal ends at {}, not {}", place.at, self.place.at),
        )
    }

    fn take(&mut self, entry: &Entry, store: &Store) -> Checked<usize> {
        match entry {
            Entry::Operations {
                room,
                epoch,
                operations,
            } => {
                let lines = self.rooms.entry(room.clone()).or_default();
                if lines.is_empty() {
                    lines.push(Line::new(epoch.clone()));
                }
                if let Some(line) = lines.last_mut() {
                    ensure(line.epoch() == epoch, "a room is in one epoch", || {
                        format!("{epoch} follows {}", line.epoch())
                    })?;
                    operations
                        .iter()
                        .try_for_each(|operation| line.push(operation))?;
                }
                Ok(operations.len())
            }
            Entry::Checkpoint { room, image, .. } => {
                let stored = store.images.get(image);
                let line = self.line(room);
                let (Some(image), Some(line)) = (stored, line) else {
                    return Err(Broken::new("a checkpoint shows its room", room));
                };
                let state = line
                    .state(image.rev)
                    .filter(|_| image.epoch == *line.epoch());
                ensure(
                    state == Some(&image.document),
                    "a checkpoint shows its room",
                    || format!("{room} at {}", image.rev),
                )?;
                Ok(0)
            }
            Entry::Begin { room, image } => {
                let image = store.images.get(image);
                let before = self.rooms.get(room).and_then(|lines| lines.last());
                let (Some(image), Some(before)) = (image, before) else {
                    return Err(Broken::new("a backup is of a known room", room));
                };
                let used = self.epochs(room).any(|epoch| *epoch == image.epoch);
                ensure(!used, "an epoch is never used again", || &image.epoch)?;
                let line = Line::restored(image, before)?;
                self.rooms.entry(room.clone()).or_default().push(line);
                Ok(0)
            }
        }
    }

    /// The present line of `room`; `None` before its first operation.
    #[must_use]
    pub fn line(&self, room: &RoomName) -> Option<&Line> {
        self.rooms.get(room)?.last()
    }

    /// The line of `room` in `epoch`.
    #[must_use]
    pub fn line_in(&self, room: &RoomName, epoch: &Epoch) -> Option<&Line> {
        let mut lines = self.rooms.get(room)?.iter();
        lines.find(|line| line.epoch() == epoch)
    }

    /// Every line of `room`, oldest first.
    pub fn lines(&self, room: &RoomName) -> impl DoubleEndedIterator<Item = &Line> {
        self.rooms.get(room).into_iter().flatten()
    }

    fn epochs(&self, room: &RoomName) -> impl Iterator<Item = &Epoch> {
        self.lines(room).map(Line::epoch)
    }

    /// Checks that `operations` are durable ones of `room` in `epoch`, unchanged.
    ///
    /// # Errors
    /// Names the first that is not.
    pub fn check_shown(
        &self,
        room: &RoomName,
        epoch: &Epoch,
        operations: &[Arc<Operation>],
    ) -> Checked {
        let line = self.line_in(room, epoch);
        let stranger = operations
            .iter()
            .find(|shown| line.and_then(|line| line.operation(shown.rev)) != Some(shown));
        match stranger {
            None => Ok(()),
            Some(shown) => Err(Broken::new(
                "what is shown is durable and never changes",
                format!("{room} in {epoch}: {shown:?}"),
            )),
        }
    }

    /// Checks that the update `id` of `client` is durable as `rev`.
    ///
    /// # Errors
    /// When it is not.
    pub fn check_acked(
        &self,
        room: &RoomName,
        epoch: &Epoch,
        (client, id): (&ClientId, &ClientReqId),
        rev: Rev,
    ) -> Checked {
        let line = self.line_in(room, epoch);
        let found = line.and_then(|line| line.accepted(client, id));
        ensure(
            found == Some(rev),
            "what is acknowledged is durable",
            || format!("{room} in {epoch}: {client} {id} as {rev}, which is {found:?}"),
        )
    }

    /// Checks that `room` was at `rev` in `epoch`. A room without operations has no epoch yet.
    ///
    /// # Errors
    /// When it was not.
    pub fn check_reached(&self, room: &RoomName, epoch: &Epoch, rev: Rev) -> Checked {
        let head = self.line_in(room, epoch).map_or(Rev::ZERO, Line::head);
        ensure(
            rev <= head,
            "what is shown is durable and never changes",
            || format!("{room} in {epoch} is at {rev}, of which {head} is durable"),
        )
    }
}
