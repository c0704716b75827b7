//! One WebSocket: messages in and out, and when a byte last came.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http::{HeaderValue, StatusCode, header};
use revring_protocol::codec::Codec;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::Instant,
};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        Error as WsError, Message,
        client::IntoClientRequest as _,
        error::{CapacityError, ProtocolError},
        protocol::WebSocketConfig,
    },
};

use super::{address::Address, ending::Ending};

const READ_BUFFER: usize = 16 << 10;
const WRITE_BUFFER: usize = 16 << 10;

/// An open WebSocket that speaks one codec.
pub(super) struct Socket {
    stream: WebSocketStream<Watched<TcpStream>>,
    codec: Codec,
    unflushed: bool,
    /// When writing failed. Reading goes on for a while: the reason may still be on its way.
    broken: Option<(Instant, String)>,
}

/// What a socket was found ready for.
pub(super) enum Turn {
    /// A message arrived.
    Message(Bytes),
    /// It can take a message.
    Writable,
    /// It is at its end.
    Ended(Ending),
}

impl Socket {
    /// Connects and shakes hands.
    pub(super) async fn connect(
        address: &Address,
        codec: Codec,
        max_message: usize,
    ) -> Result<Self, Ending> {
        let stream = TcpStream::connect((address.host.as_str(), address.port)).await;
        let stream = stream
            .map_err(|error| Ending::lost(format!("{}:{}: {error}", address.host, address.port)))?;
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY");
        }
        let mut request = address
            .uri
            .clone()
            .into_client_request()
            .map_err(|error| handshake_ending(&error))?;
        let protocol = HeaderValue::from_static(codec.subprotocol());
        request
            .headers_mut()
            .insert(header::SEC_WEBSOCKET_PROTOCOL, protocol);
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(WRITE_BUFFER)
            .max_message_size(Some(max_message))
            .max_frame_size(Some(max_message));
        let stream = Watched {
            stream,
            last_read: Instant::now(),
        };
        let shaken = client_async_with_config(request, stream, Some(config)).await;
        let (stream, _) = shaken.map_err(|error| handshake_ending(&error))?;
        Ok(Self {
            stream,
            codec,
            unflushed: false,
            broken: None,
        })
    }

    /// When the last byte came from the server.
    pub(super) fn last_read(&self) -> Instant {
        self.stream.get_ref().last_read
    }

    /// Since when, and why, nothing can be written.
    pub(super) fn broken(&self) -> Option<&(Instant, String)> {
        self.broken.as_ref()
    }

    /// Queues a message; to be called when a turn said [`Turn::Writable`].
    pub(super) fn write(&mut self, payload: Vec<u8>) {
        let message = match self.codec {
            Codec::Json => match String::from_utf8(payload) {
                Ok(text) => Message::text(text),
                Err(error) => return self.fail(&error),
            },
            Codec::MessagePack => Message::binary(payload),
        };
        self.unflushed = true;
        if let Err(error) = self.stream.start_send_unpin(message) {
            self.fail(&error);
        }
    }

    /// Waits for the next turn. Nothing is lost when the future is dropped.
    pub(super) async fn turn(&mut self, wants_to_write: bool) -> Turn {
        poll_fn(|cx| self.poll_turn(cx, wants_to_write)).await
    }

    fn poll_turn(&mut self, cx: &mut Context<'_>, wants_to_write: bool) -> Poll<Turn> {
        if self.broken.is_none() && wants_to_write {
            match self.stream.poll_ready_unpin(cx) {
                Poll::Ready(Ok(())) => return Poll::Ready(Turn::Writable),
                Poll::Ready(Err(error)) => self.fail(&error),
                Poll::Pending => {}
            }
        } else if self.broken.is_none() && self.unflushed {
            match self.stream.poll_flush_unpin(cx) {
                Poll::Ready(Ok(())) => self.unflushed = false,
                Poll::Ready(Err(error)) => self.fail(&error),
                Poll::Pending => {}
            }
        }
        loop {
            return Poll::Ready(match std::task::ready!(self.stream.poll_next_unpin(cx)) {
                Some(Ok(Message::Text(text))) if self.codec == Codec::Json => {
                    Turn::Message(text.into())
                }
                Some(Ok(Message::Binary(bytes))) if self.codec == Codec::MessagePack => {
                    Turn::Message(bytes)
                }
                Some(Ok(Message::Text(_) | Message::Binary(_))) => {
                    Turn::Ended(Ending::lost("the server sent a frame of the other codec"))
                }
                Some(Ok(Message::Close(frame))) => Turn::Ended(match frame {
                    Some(frame) => Ending::closed(frame.code.into(), frame.reason.as_str()),
                    None => Ending::lost("the server closed the connection"),
                }),
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
                Some(Err(error)) => Turn::Ended(self.lost(&error)),
                None => Turn::Ended(Ending::lost("the connection ended")),
            });
        }
    }

    /// Writes out what is queued, the answer to a close frame included, for as long as `bound` allows.
    pub(super) async fn finish(mut self, bound: Duration) {
        if let Ok(Err(error)) = tokio::time::timeout(bound, self.stream.flush()).await {
            tracing::trace!(%error, "the last flush");
        }
    }

    fn fail(&mut self, error: &dyn std::error::Error) {
        tracing::debug!(%error, "cannot write");
        self.broken
            .get_or_insert_with(|| (Instant::now(), error.to_string()));
    }

    fn lost(&self, error: &WsError) -> Ending {
        match (&self.broken, error) {
            (_, WsError::Capacity(CapacityError::MessageTooLong { size, max_size })) => {
                Ending::lost(format!(
                    "a message of {size} bytes; Options::max_message_bytes allows {max_size}"
                ))
            }
            (Some((_, reason)), _) => Ending::lost(reason.clone()),
            (None, WsError::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => {
                Ending::lost("the connection ended")
            }
            (None, error) => Ending::lost(error.to_string()),
        }
    }
}

fn handshake_ending(error: &WsError) -> Ending {
    let WsError::Http(response) = error else {
        return match error {
            // Cut short, as a dying or overloaded server does.
            WsError::Io(_)
            | WsError::ConnectionClosed
            | WsError::AlreadyClosed
            | WsError::Protocol(ProtocolError::HandshakeIncomplete) => {
                Ending::lost(format!("handshake: {error}"))
            }
            error => Ending::refused(error.to_string()),
        };
    };
    let status = response.status();
    let body = response.body().as_deref().unwrap_or_default();
    let words = String::from_utf8_lossy(body.get(..200).unwrap_or(body));
    let reason = format!("HTTP {status} {}", words.trim());
    let transient = [
        StatusCode::REQUEST_TIMEOUT,
        StatusCode::TOO_EARLY,
        StatusCode::TOO_MANY_REQUESTS,
    ];
    if !status.is_server_error() && !transient.contains(&status) {
        return Ending::refused(reason);
    }
    let seconds = response
        .headers()
        .get(header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse().ok());
    Ending::Lost {
        reason,
        retry_after: seconds.map(Duration::from_secs),
    }
}

/// A stream that notes when a byte last came out of it.
#[derive(Debug)]
struct Watched<S> {
    stream: S,
    last_read: Instant,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = std::task::ready!(Pin::new(&mut self.stream).poll_read(cx, buf));
        if buf.filled().len() > before {
            self.last_read = Instant::now();
        }
        Poll::Ready(result)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
