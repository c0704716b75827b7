//! How clients reach rooms: WebSocket connections after their upgrade.

mod bucket;
mod door;
mod input;
mod services;
mod session;

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use revring_protocol::codec::Codec;
use socket2::SockRef;
use tokio::net::TcpStream;
use tracing::Instrument as _;

pub use services::{ConnectionPermit, ServiceSettings, ServiceStats, Services};
use session::Session;

/// Serves one upgraded WebSocket until it ends and everything held for it is freed.
///
/// `leftover` is what was read from `socket` past the handshake. `permit` is given back at the end. Spawn this as a task of its
/// own: what is around it would stay in memory for as long as the connection.
pub fn serve_socket(
    services: Arc<Services>,
    socket: TcpStream,
    leftover: Bytes,
    codec: Codec,
    peer: SocketAddr,
    permit: ConnectionPermit,
) -> impl Future<Output = ()> + Send + 'static {
    tune(&socket, services.settings().send_buffer);
    let connection = services.shards().connect(socket, codec, permit);
    let span = tracing::debug_span!(
        "connection",
        connection = connection.number(),
        %peer,
        client = tracing::field::Empty,
        room = tracing::field::Empty,
    );
    let mut session = Session::new(services, connection, leftover);
    async move { session.run().await }.instrument(span)
}

/// Small writes go out at once, and the kernel keeps little for a client that does not read.
fn tune(socket: &TcpStream, send_buffer: usize) {
    let tuned = socket.set_nodelay(true).and_then(|()| match send_buffer {
        0 => Ok(()),
        bytes => SockRef::from(socket).set_send_buffer_size(bytes),
    });
    if let Err(error) = tuned {
        tracing::debug!(%error, "a socket cannot be tuned");
    }
}
