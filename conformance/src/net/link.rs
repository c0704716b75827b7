//! A WebSocket connection that is read in the background, can stop reading, and can send any frame.

use std::{fmt, time::Duration};

use bytes::Bytes;
use futures_util::{
    SinkExt as _, StreamExt as _,
    stream::{SplitSink, SplitStream},
};
use revring_protocol::codec::Codec;
use tokio::{
    net::TcpStream,
    sync::{mpsc, watch},
    task::JoinHandle,
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message,
        protocol::{
            CloseFrame, WebSocketConfig,
            frame::{
                Frame, FrameHeader, Utf8Bytes,
                coding::{CloseCode, Data, OpCode},
            },
        },
    },
};

/// Messages that are read ahead of the steps; past that the connection is not read.
const READ_AHEAD: usize = 1 << 16;
/// How long a frame may wait for a peer that does not read.
const WRITE_TIME: Duration = Duration::from_secs(20);
/// The largest message that is read.
const MESSAGE_BYTES: usize = 64 << 20;

/// A WebSocket connection.
pub(crate) struct Link {
    sink: SplitSink<WebSocketStream<TcpStream>, Message>,
    events: mpsc::Receiver<Event>,
    reading: watch::Sender<bool>,
    reader: JoinHandle<()>,
}

/// What a connection receives.
#[derive(Debug)]
pub(crate) enum Event {
    /// A message.
    Message(Incoming),
    /// A ping; it is answered by itself.
    Ping,
    /// A pong.
    Pong(Bytes),
    /// Nothing more.
    Ended(End),
}

/// A message as it came.
#[derive(Debug, Clone)]
pub(crate) struct Incoming {
    /// In text frames, not binary ones.
    pub(crate) text: bool,
    /// The payload.
    pub(crate) bytes: Bytes,
}

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// With a close frame.
    Closed(Option<u16>),
    /// Without one.
    Cut(String),
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(Some(code)) => write!(f, "closed with {code}"),
            Self::Closed(None) => f.write_str("closed without a code"),
            Self::Cut(why) => write!(f, "cut: {why}"),
        }
    }
}

/// Why a frame could not be sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    /// The connection is gone.
    #[error("the connection is gone: {0}")]
    Gone(Box<Error>),
    /// The peer does not read.
    #[error("the peer did not take a frame for {} s", WRITE_TIME.as_secs())]
    Stuck,
}

impl Link {
    /// How connections are read: in small pieces, so that a paused one holds back its peer.
    pub(crate) fn config() -> WebSocketConfig {
        WebSocketConfig::default()
            .read_buffer_size(4 << 10)
            .write_buffer_size(0)
            .max_message_size(Some(MESSAGE_BYTES))
            .max_frame_size(Some(MESSAGE_BYTES))
    }

    pub(crate) fn new(socket: WebSocketStream<TcpStream>) -> Self {
        let (sink, stream) = socket.split();
        let (sender, events) = mpsc::channel(READ_AHEAD);
        let (reading, may_read) = watch::channel(true);
        let reader = tokio::spawn(read(stream, sender, may_read));
        Self {
            sink,
            events,
            reading,
            reader,
        }
    }

    /// Stops reading, or goes on.
    pub(crate) fn read(&self, on: bool) {
        self.reading.send_replace(on);
    }

    /// The next that comes.
    pub(crate) async fn event(&mut self) -> Event {
        self.events
            .recv()
            .await
            .unwrap_or_else(|| Event::Ended(End::Cut("it ended before".to_owned())))
    }

    /// What has come already.
    pub(crate) fn waiting_event(&mut self) -> Option<Event> {
        self.events.try_recv().ok()
    }

    /// Sends a message in the frames of `codec`.
    pub(crate) async fn send(&mut self, codec: Codec, bytes: Vec<u8>) -> Result<(), LinkError> {
        // As a bare frame: a text frame may carry bytes that are not UTF-8.
        let opcode = match codec {
            Codec::Json => OpCode::Data(Data::Text),
            Codec::MessagePack => OpCode::Data(Data::Binary),
        };
        self.send_frame(frame(opcode, bytes, true)).await
    }

    /// Sends a frame as it is.
    pub(crate) async fn send_frame(&mut self, frame: Frame) -> Result<(), LinkError> {
        let sent = timeout(WRITE_TIME, self.sink.send(Message::Frame(frame))).await;
        sent.map_err(|_| LinkError::Stuck)?
            .map_err(|error| LinkError::Gone(Box::new(error)))
    }

    /// Sends a close frame and nothing more.
    pub(crate) async fn close(&mut self, code: u16, reason: &str) -> Result<(), LinkError> {
        let close = CloseFrame {
            code: CloseCode::from(code),
            reason: Utf8Bytes::from(reason.to_owned()),
        };
        let sent = timeout(WRITE_TIME, self.sink.send(Message::Close(Some(close)))).await;
        sent.map_err(|_| LinkError::Stuck)?
            .map_err(|error| LinkError::Gone(Box::new(error)))
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// A frame of `opcode` that carries `payload`.
pub(crate) fn frame(opcode: OpCode, payload: impl Into<Bytes>, fin: bool) -> Frame {
    let header = FrameHeader {
        is_final: fin,
        opcode,
        ..FrameHeader::default()
    };
    Frame::from_payload(header, payload.into())
}

async fn read(
    mut stream: SplitStream<WebSocketStream<TcpStream>>,
    sender: mpsc::Sender<Event>,
    mut may_read: watch::Receiver<bool>,
) {
    let mut closed = None;
    loop {
        if may_read.wait_for(|on| *on).await.is_err() {
            return;
        }
        let next = tokio::select! {
            biased;
            _ = may_read.wait_for(|on| !*on) => continue,
            next = stream.next() => next,
        };
        let event = match next {
            Some(Ok(Message::Text(text))) => Event::Message(Incoming {
                text: true,
                bytes: text.into(),
            }),
            Some(Ok(Message::Binary(bytes))) => Event::Message(Incoming { text: false, bytes }),
            Some(Ok(Message::Ping(_))) => Event::Ping,
            Some(Ok(Message::Pong(payload))) => Event::Pong(payload),
            Some(Ok(Message::Close(frame))) => {
                closed = Some(frame.map(|frame| u16::from(frame.code)));
                continue;
            }
            Some(Ok(Message::Frame(_))) => continue,
            Some(Err(error)) => Event::Ended(end(closed, &error.to_string())),
            None => Event::Ended(end(closed, "end of stream")),
        };
        let over = matches!(event, Event::Ended(_));
        if sender.send(event).await.is_err() || over {
            return;
        }
    }
}

fn end(closed: Option<Option<u16>>, why: &str) -> End {
    closed.map_or_else(|| End::Cut(why.to_owned()), End::Closed)
}
