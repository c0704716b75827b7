//! Puts a room into a store that no server has open.

use std::path::PathBuf;

use revring_protocol::{
    ids::{Rev, RoomName},
    room::Image,
};
use rusqlite::{Connection, TransactionBehavior};

use super::{
    StoreOptions,
    checkpoint::{Progress, Writing},
    connection::{self, Database},
    dir,
    epochs::new_epoch,
    error::StoreError,
    image::Rows,
    lock::Lock,
    rows,
};
use crate::log::Checkpoint;

/// Rows between two looks at what is left to write.
const STEP: usize = 4096;

/// Why a room was not put into a store, which is as it was.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A room of that name is there already.
    #[error("{} has a room {room} already, at revision {rev}; give this one another name with --as", dir.display())]
    Exists {
        /// The store.
        dir: PathBuf,
        /// The room.
        room: RoomName,
        /// The revision of its newest operation.
        rev: Rev,
    },
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes `image` the state of the room `name`, which the store must not have yet. The room's epoch is a new one; its revisions go on.
/// All of it is stored or, if the process ends meanwhile, none. The store is made if need be.
///
/// # Errors
/// When the room exists, a server has the store, or it cannot be written.
pub fn import_room(
    options: &StoreOptions,
    name: &RoomName,
    mut image: Image,
) -> Result<(), ImportError> {
    let dir = &options.dir;
    image.epoch = new_epoch().map_err(|source| StoreError::Io {
        path: dir.clone(),
        source,
    })?;
    dir::make(dir)?;
    let mut lock = Lock::take(dir)?;
    let database = Database::of(options);
    let in_place = options.vfs.is_none();
    let mut connection = database.writer(Some(lock.witness()).filter(|_| in_place))?;
    lock.keep();
    dir::sync(dir)?;
    let sqlite = |error| database.error(&error);
    if let Some(rev) = head(&connection, name).map_err(sqlite)? {
        return Err(ImportError::Exists {
            dir: dir.clone(),
            room: name.clone(),
            rev,
        });
    }
    let checkpoint = Checkpoint {
        since: None,
        keep_after: image.rev,
        image,
    };
    let writing = Writing::new(Rows::of(name.clone(), &checkpoint));
    write(&mut connection, writing).map_err(sqlite)?;
    connection::flush(&connection).map_err(sqlite)?;
    Ok(())
}

/// The revision that the room is at; `None` when it never had an operation.
fn head(connection: &Connection, name: &RoomName) -> rusqlite::Result<Option<Rev>> {
    let Some(room) = rows::room(connection, name)? else {
        return Ok(None);
    };
    let head = rows::head(connection, &room)?;
    Ok(Some(head).filter(|head| *head != Rev::ZERO))
}

fn write(connection: &mut Connection, mut writing: Writing) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    writing.adopt(&transaction)?;
    while writing.advance(&transaction, STEP)?.0 == Progress::More {}
    transaction.commit()
}
