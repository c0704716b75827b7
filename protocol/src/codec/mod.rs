//! Bytes to messages and back: the same protocol in JSON and MessagePack (rule W-3).

mod client;
mod entry;
mod fields;
mod frame;
mod json;
pub(crate) mod kind;
mod msgpack;
mod server;

pub use fields::DecodeError;
pub use frame::{delta_payload, delta_payloads, snapshot_payloads, snapshot_payloads_in_steps};
pub use kind::Codec;

use crate::{
    change::Operation,
    ids::RecordKey,
    message::{ClientMessage, ServerMessage},
    record::Record,
    value::Node,
};

impl Codec {
    /// The message of a client that stands in `bytes`.
    ///
    /// # Errors
    /// What is wrong with it, in the terms of rules W-2 and W-4.
    pub fn decode_client(self, bytes: &[u8]) -> Result<ClientMessage, DecodeError> {
        client::decode(self, self.decode_node(bytes)?)
    }

    /// The message of a server that stands in `bytes`.
    ///
    /// # Errors
    /// What is wrong with it, in the terms of rules W-2 and W-4.
    pub fn decode_server(self, bytes: &[u8]) -> Result<ServerMessage, DecodeError> {
        server::decode(self, self.decode_node(bytes)?)
    }

    /// The operations whose list stands in `bytes`.
    ///
    /// # Errors
    /// What is wrong with it, in the terms of rules W-2 and W-4.
    pub fn decode_operations(self, bytes: &[u8]) -> Result<Vec<Operation>, DecodeError> {
        let Node::Array(items) = self.decode_node(bytes)? else {
            return Err(fields::Problem::new("operations are a list").invalid(None));
        };
        entry::read_list("operations", items, |item| {
            entry::read_operation(self, item)
        })
        .map_err(|problem| problem.invalid(None))
    }

    /// The record under `key` that stands in `bytes`.
    ///
    /// # Errors
    /// What is wrong with it, in the terms of rules W-2 and W-4.
    pub fn decode_record(self, key: &RecordKey, bytes: &[u8]) -> Result<Record, DecodeError> {
        server::read_record(key, self.decode_node(bytes)?).map_err(|problem| problem.invalid(None))
    }
}
