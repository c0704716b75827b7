//! What the server answers over HTTP, on real sockets, up to the point where a WebSocket begins.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on has failed"
)]

mod board;
mod support;

use std::time::Duration;

use revring::{Server, config::Settings};
use tokio::{io::AsyncWriteExt as _, net::TcpStream, time::timeout};

use support::{PATIENCE, Running, VALID, body, handshake, header, rest, status};

#[tokio::test]
async fn w1_the_first_known_subprotocol_is_taken_and_none_means_json() {
    let server = Running::start(Settings::default()).await;
    let cases = [
        ("", None),
        ("Sec-WebSocket-Protocol: \r\n", None),
        (
            "Sec-WebSocket-Protocol: revring.v1.json\r\n",
            Some("revring.v1.json"),
        ),
        (
            "Sec-WebSocket-Protocol: revring.v1.msgpack\r\n",
            Some("revring.v1.msgpack"),
        ),
        (
            "Sec-WebSocket-Protocol: x, revring.v1.msgpack,revring.v1.json\r\n",
            Some("revring.v1.msgpack"),
        ),
        (
            "Sec-WebSocket-Protocol: x\r\nSec-WebSocket-Protocol: revring.v1.json\r\n",
            Some("revring.v1.json"),
        ),
    ];
    for (offer, taken) in cases {
        let (_stream, response) = server.open(offer).await;
        assert_eq!(status(&response), "101", "{offer}: {response}");
        assert_eq!(
            header(&response, "sec-websocket-protocol"),
            taken,
            "{offer}"
        );
        assert_eq!(header(&response, "upgrade"), Some("websocket"));
        assert_eq!(header(&response, "connection"), Some("Upgrade"));
        assert_eq!(
            header(&response, "sec-websocket-accept"),
            Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        );
    }
    server.end().await;
}

#[tokio::test]
async fn w1_only_unknown_subprotocols_are_refused_with_the_known_ones_named() {
    let server = Running::start(Settings::default()).await;
    for offer in [
        "graphql-ws",
        "revring.v2.json, mqtt",
        "REVRING.V1.JSON",
        "räv",
    ] {
        let response = server
            .ask(&handshake(&format!("Sec-WebSocket-Protocol: {offer}\r\n")))
            .await;
        assert_eq!(status(&response), "400", "{offer}");
        let text = body(&response);
        assert!(
            text.contains("revring.v1.json") && text.contains("revring.v1.msgpack"),
            "{text}"
        );
    }
    server.end().await;
}

#[tokio::test]
async fn w1_what_is_no_handshake_is_told_what_is_missing() {
    let server = Running::start(Settings::default()).await;
    let plain = server.get("/v1/ws", "").await;
    assert_eq!(status(&plain), "426");
    assert_eq!(header(&plain, "upgrade"), Some("websocket"));
    assert!(body(&plain).contains("WebSocket client"), "{plain}");

    let old = server
        .ask(&handshake("").replace("Version: 13", "Version: 8"))
        .await;
    assert_eq!(status(&old), "426");
    assert_eq!(header(&old, "sec-websocket-version"), Some("13"));

    for key in ["Sec-WebSocket-Key: short\r\n", ""] {
        let request = handshake("").replace("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", key);
        let response = server.ask(&request).await;
        assert_eq!(status(&response), "400", "{key}");
        assert!(body(&response).contains("Sec-WebSocket-Key"), "{response}");
    }

    let post = server.ask(&handshake("").replace("GET", "POST")).await;
    assert_eq!(status(&post), "405");
    let head = server.ask(&handshake("").replace("GET", "HEAD")).await;
    assert_eq!(status(&head), "426");
    server.end().await;
}

#[tokio::test]
async fn health_is_told_in_two_letters() {
    let server = Running::start(Settings::default()).await;
    let response = server.get("/healthz", "").await;
    assert_eq!((status(&response), body(&response)), ("200", "ok\n"));
    server.end().await;
}

#[tokio::test]
async fn other_paths_and_methods_are_answered_in_words() {
    let server = Running::start(Settings::default()).await;
    let lost = server.get("/v1/rooms?x=1", "").await;
    assert_eq!(status(&lost), "404");
    assert!(body(&lost).contains("/v1/ws"), "{lost}");

    let post = server
        .ask("POST /healthz HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello")
        .await;
    assert_eq!(status(&post), "405");
    assert_eq!(header(&post, "allow"), Some("GET,HEAD"));
    assert_eq!(body(&post), "only GET is allowed here\n");
    server.end().await;
}

#[tokio::test]
async fn nonsense_and_oversized_heads_get_an_answer_and_the_server_goes_on() {
    let server = Running::start(Settings::default()).await;
    assert_eq!(status(&server.ask("this is not http\r\n\r\n").await), "400");
    let large = format!("X-Large: {}\r\n", "x".repeat(16 << 10));
    assert_eq!(status(&server.get("/", &large).await), "431");
    assert_eq!(status(&server.get("/healthz", "").await), "200");
    server.end().await;
}

#[tokio::test]
async fn a_request_that_does_not_come_in_time_ends_the_connection() {
    let handshake_time = Duration::from_millis(100);
    let server = Running::start(Settings {
        handshake_time,
        ..Settings::default()
    })
    .await;
    for part in ["", "GET /v1/ws HTTP/1.1\r\nHost: te"] {
        let mut stream = server.connect().await;
        stream.write_all(part.as_bytes()).await.unwrap();
        rest(&mut stream).await;
    }
    server.end().await;
}

#[tokio::test]
async fn c10_over_the_limit_a_newcomer_gets_503_until_a_place_is_free() {
    let server = Running::start(Settings {
        max_connections: 1,
        ..Settings::default()
    })
    .await;
    let (first, response) = server.open("").await;
    assert_eq!(status(&response), "101");

    let refused = server.ask(&handshake("")).await;
    assert_eq!(status(&refused), "503");
    assert_eq!(header(&refused, "retry-after"), Some("5"));
    assert!(body(&refused).contains("as many connections"), "{refused}");
    assert_eq!(
        status(&server.get("/healthz", "").await),
        "200",
        "a full server is healthy"
    );

    drop(first);
    let free = async {
        while status(&server.open("").await.1) != "101" {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, free)
        .await
        .expect("the place becomes free");
    server.end().await;
}

#[tokio::test]
async fn shutting_down_ends_connections_that_have_not_asked_anything() {
    let server = Running::start(Settings::default()).await;
    let mut silent = server.connect().await;
    // Answered, so the one before it has been accepted as well.
    server.get("/healthz", "").await;
    let address = server.address;
    server.end().await;
    assert_eq!(rest(&mut silent).await, "");
    assert!(
        TcpStream::connect(address).await.is_err(),
        "nothing listens any more"
    );
}

#[tokio::test]
async fn shutting_down_waits_for_the_grace_time_at_most() {
    let shutdown_grace = Duration::from_millis(100);
    let server = Running::start(Settings {
        shutdown_grace,
        ..Settings::default()
    })
    .await;
    let mut slow = server.connect().await;
    slow.write_all(b"GET / HTTP/1.1\r\nHost: te").await.unwrap();
    server.get("/healthz", "").await;
    server.end().await;
}

#[tokio::test]
async fn a_request_that_completes_while_shutting_down_gets_503() {
    let server = Running::start(Settings::default()).await;
    let mut slow = server.connect().await;
    let (early, late) = VALID.split_at(20);
    let early = format!("GET /v1/ws HTTP/1.1\r\nHost: test\r\n{early}");
    slow.write_all(early.as_bytes()).await.unwrap();
    server.get("/healthz", "").await;
    let Running {
        address,
        stop,
        done,
    } = server;
    stop.send(()).unwrap();
    let refused = async { while TcpStream::connect(address).await.is_ok() {} };
    timeout(PATIENCE, refused)
        .await
        .expect("it stops listening");

    slow.write_all(format!("{late}\r\n").as_bytes())
        .await
        .unwrap();
    let response = rest(&mut slow).await;
    assert_eq!(status(&response), "503");
    assert_eq!(header(&response, "retry-after"), Some("5"));
    assert!(body(&response).contains("shutting down"), "{response}");
    timeout(PATIENCE, done).await.unwrap().unwrap();
}

#[tokio::test]
async fn an_address_in_use_is_an_error_that_names_it() {
    let server = Running::start(Settings::default()).await;
    let second = Server::bind(Settings {
        listen: server.address,
        ephemeral: true,
        ..Settings::default()
    })
    .await;
    let error = second.unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("cannot listen on {}: ", server.address)),
        "{error}"
    );
    server.end().await;
}

#[tokio::test]
async fn settings_that_do_not_fit_are_refused_before_anything_listens() {
    let error = Server::bind(Settings {
        ring_ops: 1,
        ..Settings::default()
    })
    .await
    .unwrap_err();
    assert!(error.to_string().starts_with("ring-ops is 1"), "{error}");
}
