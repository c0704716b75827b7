//! Where a client under test connects.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use http::{HeaderValue, header::SEC_WEBSOCKET_PROTOCOL};
use revring_protocol::codec::Codec;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinHandle,
};
use tokio_tungstenite::{
    accept_hdr_async_with_config,
    tungstenite::handshake::server::{ErrorResponse, Request, Response},
};

use super::PlayError;
use crate::net::Link;

/// Connections of one client that wait to be looked at.
const ARRIVALS: usize = 16;

/// A listening socket for control connections and for the connections of clients under test.
pub struct Stand {
    address: SocketAddr,
    controls: mpsc::Receiver<Link>,
    sessions: Arc<Sessions>,
    accepting: JoinHandle<()>,
}

/// The sessions that are expected.
#[derive(Default)]
struct Sessions(Mutex<BTreeMap<String, Session>>);

struct Session {
    codec: Codec,
    arrivals: mpsc::Sender<Link>,
}

impl Sessions {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a connection is for.
enum Purpose {
    Control,
    Session(mpsc::Sender<Link>),
}

impl Stand {
    /// Listens on `address`.
    ///
    /// # Errors
    /// When it is taken or not ours.
    pub async fn open(address: SocketAddr) -> Result<Self, PlayError> {
        let failed = |error| PlayError::Listen {
            address: address.to_string(),
            error,
        };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let sessions = Arc::new(Sessions::default());
        let (sender, controls) = mpsc::channel(1);
        let accepting = tokio::spawn(accept(listener, Arc::clone(&sessions), sender));
        Ok(Self {
            address,
            controls,
            sessions,
            accepting,
        })
    }

    /// Where a client under test opens its control connection.
    #[must_use]
    pub fn control_url(&self) -> String {
        format!("ws://{}/play", self.address)
    }

    pub(super) async fn control(&mut self) -> Option<Link> {
        self.controls.recv().await
    }

    pub(super) fn session_url(&self, session: &str) -> String {
        format!("ws://{}/v1/ws?session={session}", self.address)
    }

    /// Lets the client of `session` connect.
    pub(super) fn expect(&self, session: &str, codec: Codec) -> mpsc::Receiver<Link> {
        let (arrivals, receiver) = mpsc::channel(ARRIVALS);
        self.sessions
            .lock()
            .insert(session.to_owned(), Session { codec, arrivals });
        receiver
    }

    pub(super) fn forget(&self, session: &str) {
        self.sessions.lock().remove(session);
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, sessions: Arc<Sessions>, controls: mpsc::Sender<Link>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(admit(stream, Arc::clone(&sessions), controls.clone()));
    }
}

async fn admit(stream: TcpStream, sessions: Arc<Sessions>, controls: mpsc::Sender<Link>) {
    // Only latency is at stake.
    let _ = stream.set_nodelay(true);
    let mut purpose = None;
    #[expect(clippy::result_large_err, reason = "the signature is tungstenite's")]
    let judge = |request: &Request, mut response: Response| {
        let (found, codec) = judge(request, &sessions)?;
        if let Some(codec) = codec {
            let chosen = HeaderValue::from_static(codec.subprotocol());
            response
                .headers_mut()
                .insert(SEC_WEBSOCKET_PROTOCOL, chosen);
        }
        purpose = Some(found);
        Ok(response)
    };
    let Ok(socket) = accept_hdr_async_with_config(stream, judge, Some(Link::config())).await else {
        return;
    };
    let link = Link::new(socket);
    // A receiver that is gone no longer wants it.
    let _ = match purpose {
        Some(Purpose::Control) => controls.send(link).await,
        Some(Purpose::Session(arrivals)) => arrivals.send(link).await,
        None => return,
    };
}

/// What a connection is for, and the subprotocol to answer with.
#[expect(clippy::result_large_err, reason = "the signature is tungstenite's")]
fn judge(
    request: &Request,
    sessions: &Sessions,
) -> Result<(Purpose, Option<Codec>), ErrorResponse> {
    if request.uri().path() == "/play" {
        return Ok((Purpose::Control, None));
    }
    let session = request
        .uri()
        .query()
        .and_then(|query| query.strip_prefix("session="));
    let sessions = sessions.lock();
    let session = session.and_then(|session| sessions.get(session));
    let session = session
        .ok_or_else(|| refusal("there is no such session; connect to the url of the action"))?;
    let offered = request
        .headers()
        .get(SEC_WEBSOCKET_PROTOCOL)
        .and_then(|value| value.to_str().ok());
    let purpose = Purpose::Session(session.arrivals.clone());
    match offered {
        None if session.codec == Codec::Json => Ok((purpose, None)),
        Some(offered)
            if offered
                .split(',')
                .any(|one| one.trim() == session.codec.subprotocol()) =>
        {
            Ok((purpose, Some(session.codec)))
        }
        _ => Err(refusal("offer the subprotocol of the action")),
    }
}

fn refusal(why: &str) -> ErrorResponse {
    let mut response = ErrorResponse::new(Some(why.to_owned()));
    *response.status_mut() = http::StatusCode::BAD_REQUEST;
    response
}
