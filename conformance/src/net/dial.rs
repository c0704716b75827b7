//! Opening connections to a server.

use std::{io, time::Duration};

use http::{HeaderValue, Uri, header::SEC_WEBSOCKET_PROTOCOL};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream, lookup_host},
    time::timeout,
};
use tokio_tungstenite::{
    client_async_with_config,
    tungstenite::{Error, client::IntoClientRequest as _, handshake::client::generate_key},
};

use super::Link;

/// How long an upgrade may take.
const DIAL_TIME: Duration = Duration::from_secs(10);
/// Bytes of an HTTP answer that are read.
const ANSWER_BYTES: u64 = 64 << 10;

/// How a connection is opened.
#[derive(Debug)]
pub(crate) struct Dial<'a> {
    /// `ws://HOST:PORT/PATH`
    pub(crate) url: &'a str,
    /// The subprotocols offered.
    pub(crate) subprotocols: &'a [String],
    /// The size of the socket's receive buffer.
    pub(crate) receive_buffer: Option<u32>,
}

/// Opens a connection; says which subprotocol the server chose.
pub(crate) async fn dial(dial: Dial<'_>) -> Result<(Link, Option<String>), String> {
    timeout(DIAL_TIME, upgrade(&dial))
        .await
        .map_err(|_| format!("no answer from {}", dial.url))?
}

async fn upgrade(dial: &Dial<'_>) -> Result<(Link, Option<String>), String> {
    let stream = connect(dial)
        .await
        .map_err(|error| format!("cannot connect to {}: {error}", dial.url))?;
    let mut request = dial
        .url
        .into_client_request()
        .map_err(|error| error.to_string())?;
    if !dial.subprotocols.is_empty() {
        let offered = HeaderValue::from_str(&dial.subprotocols.join(", "))
            .map_err(|error| error.to_string())?;
        request
            .headers_mut()
            .insert(SEC_WEBSOCKET_PROTOCOL, offered);
    }
    let upgraded = client_async_with_config(request, stream, Some(Link::config())).await;
    let (socket, response) = upgraded.map_err(|error| refusal(&error))?;
    let chosen = response
        .headers()
        .get(SEC_WEBSOCKET_PROTOCOL)
        .and_then(|value| value.to_str().ok());
    let chosen = chosen.map(ToOwned::to_owned);
    Ok((Link::new(socket), chosen))
}

fn refusal(error: &Error) -> String {
    let Error::Http(response) = error else {
        return format!("no upgrade: {error}");
    };
    let body = response
        .body()
        .as_deref()
        .map(String::from_utf8_lossy)
        .unwrap_or_default();
    format!(
        "no upgrade: HTTP {} {}",
        response.status().as_u16(),
        body.trim()
    )
}

async fn connect(dial: &Dial<'_>) -> io::Result<TcpStream> {
    let uri: Uri = dial.url.parse().map_err(io::Error::other)?;
    if uri.scheme_str() != Some("ws") {
        return Err(io::Error::other("the URL must begin with ws://"));
    }
    let host = uri
        .host()
        .ok_or_else(|| io::Error::other("the URL names no host"))?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = uri.port_u16().unwrap_or(80);
    let mut last = io::Error::other(format!("{host} has no address"));
    for address in lookup_host((host, port)).await? {
        let socket = if address.is_ipv4() {
            TcpSocket::new_v4()?
        } else {
            TcpSocket::new_v6()?
        };
        if let Some(bytes) = dial.receive_buffer {
            socket.set_recv_buffer_size(bytes)?;
        }
        match socket.connect(address).await {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// A server's refusal of an upgrade.
#[derive(Debug)]
pub(crate) struct Refused {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The body.
    pub(crate) body: String,
}

/// Asks for an upgrade and reads the answer as plain HTTP.
pub(crate) async fn refused_upgrade(url: &str, subprotocols: &[String]) -> Result<Refused, String> {
    let answer = timeout(DIAL_TIME, ask(url, subprotocols))
        .await
        .map_err(|_| format!("no answer from {url}"))?;
    parse_answer(&answer.map_err(|error| format!("no answer from {url}: {error}"))?)
}

async fn ask(url: &str, subprotocols: &[String]) -> io::Result<Vec<u8>> {
    let mut stream = connect(&Dial {
        url,
        subprotocols,
        receive_buffer: None,
    })
    .await?;
    let uri: Uri = url.parse().map_err(io::Error::other)?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let host = uri.authority().map_or("", |authority| authority.as_str());
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {}\r\nSec-WebSocket-Protocol: {}\r\n\r\n",
        generate_key(),
        subprotocols.join(", "),
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    let mut stream = stream.take(ANSWER_BYTES);
    while !complete(&answer) {
        if stream.read_buf(&mut answer).await? == 0 {
            break;
        }
    }
    Ok(answer)
}

/// Whether `answer` has its whole head and as much body as the head says.
fn complete(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    head.starts_with("HTTP/1.1 101")
        || content_length(head).is_some_and(|length| body.len() >= length)
}

fn content_length(head: &str) -> Option<usize> {
    let mut headers = head.lines().filter_map(|line| line.split_once(':'));
    let (_, length) = headers.find(|(name, _)| name.eq_ignore_ascii_case("content-length"))?;
    length.trim().parse().ok()
}

fn parse_answer(answer: &[u8]) -> Result<Refused, String> {
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text
        .split_once("\r\n\r\n")
        .ok_or("the answer is not HTTP")?;
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    Ok(Refused {
        status: status.ok_or("the answer has no status")?,
        body: body.to_owned(),
    })
}
