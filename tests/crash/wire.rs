//! The protocol message by message, over a socket of its own.

use std::net::SocketAddr;

use futures_util::{SinkExt as _, StreamExt as _};
use revring_client::change;
use revring_protocol::{
    codec::Codec,
    ids::ClientKey,
    message::{ClientMessage, Reject, ServerMessage},
    replica::{OnGap, Replica, ReplicaConfig},
};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Message, client::IntoClientRequest as _, http::HeaderValue},
};

use crate::support::soon;

/// An open WebSocket.
pub(crate) struct Wire {
    codec: Codec,
    socket: WebSocketStream<TcpStream>,
}

impl Wire {
    pub(crate) async fn connect(address: SocketAddr, codec: Codec) -> Option<Self> {
        let stream = TcpStream::connect(address).await.ok()?;
        let url = format!("ws://{address}/v1/ws");
        let mut request = url.into_client_request().unwrap();
        let protocol = HeaderValue::from_static(codec.subprotocol());
        let headers = request.headers_mut();
        headers.insert("sec-websocket-protocol", protocol);
        let (socket, _) = client_async(request, stream).await.ok()?;
        Some(Self { codec, socket })
    }

    /// Sends a message; `None` when the connection has ended.
    pub(crate) async fn send(&mut self, message: &ClientMessage) -> Option<()> {
        let payload = self.codec.encode(message);
        let message = match self.codec {
            Codec::Json => Message::text(String::from_utf8(payload).unwrap()),
            Codec::MessagePack => Message::binary(payload),
        };
        self.socket.send(message).await.ok()
    }

    /// The next message; `None` when the connection has ended.
    pub(crate) async fn receive(&mut self) -> Option<ServerMessage> {
        loop {
            let payload = match self.socket.next().await?.ok()? {
                Message::Text(text) => text.as_bytes().to_vec(),
                Message::Binary(bytes) => bytes.to_vec(),
                Message::Close(_) => return None,
                _ => continue,
            };
            return Some(self.codec.decode_server(&payload).expect("a message"));
        }
    }
}

/// A replica that has seen nothing yet.
pub(crate) fn replica(room: &str) -> Replica {
    Replica::new(ReplicaConfig {
        room: room.parse().unwrap(),
        client_key: Some(ClientKey::from_random(rand::random())),
        token: None,
        on_gap: OnGap::Resubmit,
    })
}

/// How the server refuses an update of a new client, which would change nothing.
pub(crate) async fn refusal(address: SocketAddr, room: &str) -> Reject {
    let mut replica = replica(room);
    let mut wire = Wire::connect(address, Codec::Json)
        .await
        .expect("a connection");
    replica.connected();
    let nothing = change::delete("nothing", "nothing").check().unwrap();
    replica
        .update("refused".parse().unwrap(), vec![nothing])
        .unwrap();
    loop {
        while let Some(message) = replica.poll_message(0) {
            wire.send(&message).await.expect("an open connection");
        }
        match soon("a refusal", wire.receive())
            .await
            .expect("an open connection")
        {
            ServerMessage::Reject(reject) => return reject,
            message => replica.handle(message, 0),
        }
    }
}
