//! How facts reach clients: shards of connections, each with one writer task.
//!
//! What every client of a room gets is built once, in the room's [`feed`](crate::feed). A writer copies what is new out of
//! it and gives it to each of its sockets with one write. A client that does not keep up costs its revision and the rest of
//! one frame; it goes on from the feed when its socket takes bytes again.

mod channel;
mod connection;
pub(crate) mod frame;
mod output;
mod shard;
mod turn;
mod writer;

pub(crate) use channel::{Behind, Channel};
pub(crate) use connection::Connection;
pub(crate) use output::{Item, SnapshotGap};
pub(crate) use shard::Vigilance;
pub use shard::{ShardStats, Shards};
