//! What stands at `/`.

use std::time::Duration;

use revring::config::Settings;
use socket2::SockRef;
use tokio::{io::AsyncWriteExt as _, net::TcpSocket, time::timeout};

use crate::support::{PATIENCE, Running, body, header, status};

/// As browsers ask.
const BROWSER: &str = "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n";
const BOARD: &str = include_str!("../../src/board.html");

#[tokio::test]
async fn programs_are_told_where_to_connect() {
    let server = Running::start(Settings::default()).await;
    for accept in ["", "Accept: */*\r\n"] {
        let text = server.get("/", accept).await;
        assert_eq!(status(&text), "200");
        assert_eq!(
            header(&text, "content-type"),
            Some("text/plain; charset=utf-8")
        );
        assert_eq!(header(&text, "vary"), Some("accept"));
        assert!(
            body(&text).contains("/v1/ws") && body(&text).contains("revring.v1.json"),
            "{text}"
        );
    }
    server.end().await;
}

#[tokio::test]
async fn browsers_get_the_board() {
    let server = Running::start(Settings::default()).await;
    let page = server.get("/", BROWSER).await;
    assert_eq!(status(&page), "200");
    assert_eq!(
        header(&page, "content-type"),
        Some("text/html; charset=utf-8")
    );
    assert_eq!(header(&page, "cache-control"), Some("no-cache"));
    assert_eq!(header(&page, "vary"), Some("accept"));
    assert!(body(&page) == BOARD, "not src/board.html");

    let policy = header(&page, "content-security-policy").unwrap();
    for directive in [
        "default-src 'none'",
        "connect-src 'self' ws: wss:",
        "script-src 'sha256-",
        "frame-ancestors 'none'",
    ] {
        assert!(policy.contains(directive), "{directive} in {policy}");
    }
    server.end().await;
}

#[tokio::test]
async fn who_has_the_board_is_told_that_it_is_still_the_same() {
    let server = Running::start(Settings::default()).await;
    let page = server.get("/", BROWSER).await;
    let etag = header(&page, "etag").unwrap().to_owned();
    assert!(etag.starts_with('"') && etag.ends_with('"'), "{etag}");

    let ask = async |known: &str| {
        let headers = format!("{BROWSER}If-None-Match: {known}\r\n");
        server.get("/", &headers).await
    };
    for known in [
        etag.clone(),
        format!("W/{etag}"),
        format!("\"x\", {etag}"),
        "*".to_owned(),
    ] {
        let same = ask(&known).await;
        assert_eq!((status(&same), body(&same)), ("304", ""), "{known}");
        assert_eq!(header(&same, "etag"), Some(&*etag));
    }
    let other = ask("\"x\"").await;
    assert_eq!(status(&other), "200");
    assert!(body(&other) == BOARD);
    server.end().await;
}

#[tokio::test]
async fn who_does_not_take_the_board_loses_the_connection() {
    let server = Running::start(Settings {
        max_connections: 1,
        handshake_time: Duration::from_millis(100),
        ..Settings::default()
    })
    .await;
    let socket = TcpSocket::new_v4().unwrap();
    // Small segments, so that the server's kernel takes but a part of the page.
    SockRef::from(&socket).set_tcp_mss(536).unwrap();
    socket.set_recv_buffer_size(1).unwrap();
    let mut stalled = socket.connect(server.address).await.unwrap();
    let request = format!("GET / HTTP/1.1\r\nHost: test\r\n{BROWSER}\r\n");
    stalled.write_all(request.as_bytes()).await.unwrap();

    let free = async { while status(&server.open("").await.1) != "101" {} };
    timeout(PATIENCE, free)
        .await
        .expect("the place becomes free");
    drop(stalled);
    server.end().await;
}
