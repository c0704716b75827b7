//! Async client for revring: rooms of shared state, kept the same on every client.
//!
//! ```no_run
//! use revring_client::{change, connect};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let room = connect("ws://127.0.0.1:7700/v1/ws", "board-1").await?;
//!
//! room.update(change::put("cards", "1", serde_json::json!({"title": "Milk", "votes": 0}))).await?;
//! room.update(change::add("cards", "1", "/votes", 1)).await?;
//!
//! let card = room.record("cards", "1").ok_or("it was deleted meanwhile")?;
//! println!("{:?} at version {}", card.data(), card.version());
//! # Ok(())
//! # }
//! ```
//!
//! - [`connect()`] and [`Options`] open a [`Room`]; [`change`] makes what [`Room::update`] takes.
//! - Updates show in [`Room::view`] at once and their future tells what became of them. They survive lost connections:
//!   each counts exactly once, however often it had to be sent.
//! - [`Room::subscribe`] follows what happens, [`Room::watch_status`] how the room stands with its server.
//! - The connection is made again whenever it is lost, and goes on from where it was.
//!
//! There is no TLS yet: `wss://` addresses are refused.

mod answer;
pub mod change;
mod core;
mod driver;
mod error;
mod event;
mod options;
mod room;
mod shared;

pub use answer::Answer;
pub use error::{Closed, ConnectError, OpenError, UpdateError, UpdateResult};
pub use event::{Event, Events, Status, StatusWatch};
pub use options::Options;
pub use revring_protocol as protocol;
pub use revring_protocol::{
    codec::Codec,
    document::Document,
    ids::{ClientId, ClientKey, ClientReqId, Rev},
    message::Reject,
    record::Record,
    replica::{Keys, OnGap},
};
pub use room::{Heartbeat, Room, State};

/// Opens `room` on the server at `url` with the default [`Options`], and waits until it is live.
///
/// ```no_run
/// # async fn run() -> Result<(), revring_client::ConnectError> {
/// let room = revring_client::connect("ws://127.0.0.1:7700/v1/ws", "board-1").await?;
/// println!("{} records at revision {}", room.view().len(), room.rev());
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// When an argument is wrong, or when the first attempt to connect fails.
pub async fn connect(url: &str, room: &str) -> Result<Room, ConnectError> {
    Options::new().connect(url, room).await
}
