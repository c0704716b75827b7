//! From an HTTP request to a WebSocket (rule W-1).

use axum::{body::Body, extract::Request, response::Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use hyper::upgrade::OnUpgrade;
use revring_protocol::codec::Codec;
use tokio_tungstenite::tungstenite::{
    Error,
    error::ProtocolError::{
        InvalidSecWebSocketKey, MissingSecWebSocketKey, MissingSecWebSocketVersionHeader,
    },
    handshake::server::create_response_with_body,
};

use super::http::text;

/// In the response to a handshake that succeeded: what comes next.
#[derive(Clone)]
pub(super) struct Accepted {
    pub(super) upgrade: OnUpgrade,
    pub(super) codec: Codec,
}

/// `GET /v1/ws`
pub(super) async fn upgrade(mut request: Request) -> Response {
    let mut response = match create_response_with_body(&request, Body::empty) {
        Ok(response) => response,
        Err(error) => return refuse(&error),
    };
    let codec = match choose(request.headers()) {
        Ok(offered) => {
            if let Some(codec) = offered {
                let name = HeaderValue::from_static(codec.subprotocol());
                response
                    .headers_mut()
                    .insert(header::SEC_WEBSOCKET_PROTOCOL, name);
            }
            offered.unwrap_or(Codec::Json)
        }
        Err(UnknownOnly) => return text(StatusCode::BAD_REQUEST, &unknown_only()),
    };
    let upgrade = hyper::upgrade::on(&mut request);
    response
        .extensions_mut()
        .insert(Accepted { upgrade, codec });
    response
}

/// Subprotocols were offered, but none that is known.
struct UnknownOnly;

/// The codec of the first subprotocol offered that is known; `None` when none is offered.
fn choose(headers: &HeaderMap) -> Result<Option<Codec>, UnknownOnly> {
    let mut unknown = false;
    for line in headers.get_all(header::SEC_WEBSOCKET_PROTOCOL) {
        // What is not ASCII cannot be a name that is known.
        let names = line.to_str().unwrap_or("?").split(',').map(str::trim);
        for name in names.filter(|name| !name.is_empty()) {
            match Codec::from_subprotocol(name) {
                Some(codec) => return Ok(Some(codec)),
                None => unknown = true,
            }
        }
    }
    if unknown { Err(UnknownOnly) } else { Ok(None) }
}

fn unknown_only() -> String {
    let known = Codec::ALL.map(Codec::subprotocol).join(" or ");
    format!("none of the subprotocols offered is known: offer {known}, or none, which means JSON\n")
}

fn refuse(error: &Error) -> Response {
    match error {
        Error::Protocol(InvalidSecWebSocketKey | MissingSecWebSocketKey) => text(
            StatusCode::BAD_REQUEST,
            "Sec-WebSocket-Key must be 16 bytes in base64\n",
        ),
        Error::Protocol(MissingSecWebSocketVersionHeader) => {
            let body = "this server speaks WebSocket version 13 (RFC 6455)\n";
            let mut response = text(StatusCode::UPGRADE_REQUIRED, body);
            let version = HeaderValue::from_static("13");
            response
                .headers_mut()
                .insert(header::SEC_WEBSOCKET_VERSION, version);
            demand_upgrade(response)
        }
        _ => demand_upgrade(text(
            StatusCode::UPGRADE_REQUIRED,
            "this address is for WebSockets: connect with a WebSocket client, subprotocol revring.v1.json or \
             revring.v1.msgpack\n",
        )),
    }
}

fn demand_upgrade(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    response
}
