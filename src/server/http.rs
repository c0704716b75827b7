//! One request of HTTP/1.1 per connection, by the routes of this server.

use std::{
    convert::Infallible,
    sync::{Arc, OnceLock},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    response::{IntoResponse as _, Response},
    routing::get,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use hyper::{
    body::Incoming,
    server::conn::http1,
    service::{Service as _, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use revring_protocol::codec::Codec;
use tokio::{net::TcpStream, pin, select, sync::watch, time::timeout};
use tracing::debug;

use super::{
    handshake::{self, Accepted},
    page,
};
use crate::log::Log;

/// How many times as long an answer may take as its request.
const ANSWER_TIMES: u32 = 6;
/// The least that hyper takes.
const REQUEST_HEAD_BYTES: usize = 8 << 10;
const CLOSE: HeaderValue = HeaderValue::from_static("close");
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("5");

const ABOUT: &str = concat!(
    "revring ",
    env!("CARGO_PKG_VERSION"),
    ", a real-time revision server\n\n",
    "Connect a WebSocket to /v1/ws, with the subprotocol revring.v1.json or revring.v1.msgpack,\n",
    "and send JOIN first. /healthz answers ok while the server works, /readyz while it takes updates.\n",
);

/// A connection that has not said yet what it wants.
pub(super) struct Wire {
    pub(super) stream: TcpStream,
    pub(super) handshake_time: Duration,
}

/// A connection that became a WebSocket.
pub(super) struct Socket {
    pub(super) stream: TcpStream,
    /// What came right behind the request.
    pub(super) leftover: Bytes,
    pub(super) codec: Codec,
}

/// Which answers there are.
pub(super) struct Routes {
    usual: Router,
    full: Router,
}

/// The routes of a server that keeps its rooms in `log`.
pub(super) fn routes(log: Arc<dyn Log>) -> Routes {
    let health = Router::new()
        .route("/healthz", get(|| async { text(StatusCode::OK, "ok\n") }))
        .route("/readyz", get(|| async move { ready(&*log) }));
    let usual = health
        .clone()
        .route("/", get(about))
        .route("/v1/ws", get(handshake::upgrade))
        .fallback(|| async {
            text(
                StatusCode::NOT_FOUND,
                "nothing here: WebSockets connect to /v1/ws\n",
            )
        })
        .method_not_allowed_fallback(|| async {
            text(StatusCode::METHOD_NOT_ALLOWED, "only GET is allowed here\n")
        });
    // A server without a place left is still healthy.
    let full = health.fallback(|| async {
        unavailable("this server has as many connections as it may: come back in a few seconds\n")
    });
    Routes { usual, full }
}

impl Routes {
    /// For connections that have their place.
    pub(super) fn usual(&self) -> Router {
        self.usual.clone()
    }

    /// For connections over the limit (rule C-10).
    pub(super) fn full(&self) -> Router {
        self.full.clone()
    }
}

/// Whether the server takes updates.
fn ready(log: &dyn Log) -> Response {
    match log.health() {
        Ok(()) => text(StatusCode::OK, "ok\n"),
        Err(reason) => unavailable(&format!(
            "not ready: updates are refused because {reason}; rooms can still be read\n"
        )),
    }
}

/// The board, for browsers; else a few words.
async fn about(request: HeaderMap) -> Response {
    if page::is_wanted(&request) {
        return page::answer(&request);
    }
    let mut response = text(StatusCode::OK, ABOUT);
    let accept = HeaderValue::from_static("accept");
    response.headers_mut().insert(header::VARY, accept);
    response
}

/// Answers one request. Gives the connection back if it became a WebSocket: nothing of HTTP is left of it then.
/// `ending` turns true when the server shuts down; from then on nobody becomes one.
pub(super) async fn serve(
    wire: Wire,
    routes: Router,
    mut ending: watch::Receiver<bool>,
) -> Option<Socket> {
    let routes = TowerToHyperService::new(routes);
    let accepted = OnceLock::new();
    let ended = ending.clone();
    let service = service_fn(|request: http::Request<Incoming>| {
        let answer = (!*ended.borrow()).then(|| routes.call(request));
        async {
            let mut response = match answer {
                Some(response) => response.await?,
                None => unavailable("this server is shutting down: come back in a few seconds\n"),
            };
            match response.extensions_mut().remove::<Accepted>() {
                Some(next) => drop(accepted.set(next)),
                // One request each: then the time for its head bounds the whole.
                None => drop(response.headers_mut().append(header::CONNECTION, CLOSE)),
            }
            Ok::<_, Infallible>(response)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(wire.handshake_time)
        .max_buf_size(REQUEST_HEAD_BYTES)
        .serve_connection(TokioIo::new(wire.stream), service)
        .with_upgrades();
    pin!(connection);
    let answered = async {
        select! {
            outcome = &mut connection => outcome,
            _ = ending.changed() => {
                connection.as_mut().graceful_shutdown();
                connection.as_mut().await
            }
        }
    };
    match timeout(wire.handshake_time * (1 + ANSWER_TIMES), answered).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => debug!(%error, "a request could not be answered"),
        Err(_) => {
            debug!("an answer was not taken in time");
            return None;
        }
    }
    take_over(accepted.get()?.clone()).await
}

async fn take_over(Accepted { upgrade, codec }: Accepted) -> Option<Socket> {
    let upgraded = match upgrade.await {
        Ok(upgraded) => upgraded,
        Err(error) => {
            debug!(%error, "a connection ended in its handshake");
            return None;
        }
    };
    let parts = upgraded.downcast::<TokioIo<TcpStream>>().ok()?;
    // A copy: the buffer itself is many times as large and would live as long as the connection.
    let leftover = Bytes::copy_from_slice(&parts.read_buf);
    Some(Socket {
        stream: parts.io.into_inner(),
        leftover,
        codec,
    })
}

/// A response that people can read.
pub(super) fn text(status: StatusCode, body: &str) -> Response {
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    let headers = [
        (header::CONTENT_TYPE, plain),
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (status, headers, Body::from(body.to_owned())).into_response()
}

fn unavailable(body: &str) -> Response {
    let mut response = text(StatusCode::SERVICE_UNAVAILABLE, body);
    let headers = response.headers_mut();
    headers.insert(header::RETRY_AFTER, RETRY_AFTER_SECONDS);
    response
}
