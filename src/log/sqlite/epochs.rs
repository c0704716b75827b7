//! New epochs, and names as random as they.

use std::io;

use getrandom::fill;
use revring_protocol::ids::Epoch;
use rusqlite::{Transaction, params};

/// A random epoch.
pub(crate) fn new_epoch() -> io::Result<Epoch> {
    let mut random = [0; 12];
    fill(&mut random).map_err(io::Error::other)?;
    Ok(Epoch::from_random(random))
}

/// A random name.
pub(super) fn new_name() -> io::Result<String> {
    new_epoch().map(|epoch| epoch.as_str().to_owned())
}

/// Gives every room a new epoch.
pub(super) fn renew(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let mut rooms = transaction.prepare("SELECT id FROM rooms")?;
    let rooms: Vec<i64> = rooms
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for room in rooms {
        let epoch = new_epoch()
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
        let update = "UPDATE rooms SET epoch = ?2 WHERE id = ?1";
        transaction.execute(update, params![room, epoch.as_str()])?;
    }
    Ok(())
}
