//! Heartbeats, and clients that are gone without a word.

use std::time::Duration;

use futures_util::StreamExt as _;
use revring_protocol::{
    codec::Codec,
    error::Code,
    message::{ClientMessage, ServerMessage},
};
use tokio::{
    io::AsyncReadExt as _,
    time::{Instant, sleep, timeout},
};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Server, WAIT, put, settings};

fn hasty() -> revring::transport::ServiceSettings {
    let mut settings = settings();
    settings.heartbeat = Duration::from_millis(40);
    settings.limits.silence_ms = 200;
    settings
}

#[tokio::test]
async fn h1_heartbeat_is_answered_with_head_and_checksum() {
    let server = Server::start(settings()).await;
    let mut client = server.join(Codec::Json, "room").await;
    client.update("u1", vec![put("a", "one")]).await;
    client.operations_to(1).await;
    client.send(&ClientMessage::Heartbeat).await;
    let ServerMessage::Heartbeat { rev, checksum } = client.told().await else {
        panic!("HEARTBEAT")
    };
    assert_eq!((rev.get(), checksum), (1, client.document.checksum()));
}

#[tokio::test]
async fn h2_a_quiet_client_is_pinged_and_h3_its_pongs_keep_it() {
    let server = Server::start(hasty()).await;
    let mut client = server.join(Codec::Json, "room").await;
    // Longer than silence; tungstenite answers each ping on the next read.
    for _ in 0..10 {
        let frame = timeout(WAIT, client.socket.next())
            .await
            .expect("a ping")
            .unwrap()
            .unwrap();
        assert!(matches!(frame, Message::Ping(_)), "{frame:?}");
    }
    client.update("u1", vec![put("a", "one")]).await;
    assert_eq!(client.operations_to(1).await.len(), 1);
}

#[tokio::test]
async fn h3_a_silent_client_is_told_and_everything_held_for_it_is_freed() {
    let server = Server::start(hasty()).await;
    let client = server.join(Codec::Json, "room").await;
    let mut socket = client.socket.into_inner();
    let mut told = Vec::new();
    timeout(WAIT, socket.read_to_end(&mut told))
        .await
        .expect("the server closes")
        .unwrap();
    let told = String::from_utf8_lossy(&told).into_owned();
    assert!(told.contains(Code::Silent.as_str()), "{told}");
    drop(socket);
    server.until_empty().await;
}

#[tokio::test]
async fn h3_a_client_that_neither_reads_nor_sends_is_silent() {
    let server = Server::start(hasty()).await;
    let stuck = server.join_narrow(Codec::Json, "room").await;
    let mut writer = server.join(Codec::Json, "room").await;
    let text = "x".repeat(20_000);
    for n in 1..=50 {
        writer.update(&format!("u{n}"), vec![put("a", &text)]).await;
        writer.operations_to(n).await;
    }
    server
        .until("full", |stats| stats.connections.full == 1)
        .await;
    while server.services.stats().await.connections.connections > 1 {
        writer.settle().await;
    }
    drop(stuck);
}

#[tokio::test]
async fn h3_a_slow_reader_behind_its_backlog_is_not_silent() {
    let mut settings = hasty();
    settings.limits.silence_ms = 800;
    let server = Server::start(settings).await;
    let slow = server.join_narrow(Codec::Json, "room").await;
    let mut writer = server.join(Codec::Json, "room").await;
    let text = "x".repeat(20_000);
    for n in 1..=50 {
        writer.update(&format!("u{n}"), vec![put("a", &text)]).await;
        writer.operations_to(n).await;
    }
    server
        .until("full", |stats| stats.connections.full == 1)
        .await;
    // Only reads, for several times the silence: nothing answers the pings.
    let mut socket = slow.socket.into_inner();
    let started = Instant::now();
    let mut buffer = vec![0; 4_000];
    while started.elapsed() < Duration::from_secs(3) {
        sleep(Duration::from_millis(10)).await;
        let bytes = timeout(WAIT, socket.read(&mut buffer))
            .await
            .unwrap()
            .unwrap();
        assert!(bytes > 0, "the server ended a slow reader");
        writer.settle().await;
    }
}

#[tokio::test]
async fn h3_whoever_has_joined_nothing_is_watched_too() {
    let server = Server::start(hasty()).await;
    let mut socket = server.connect(Codec::Json).await.socket.into_inner();
    let mut told = Vec::new();
    timeout(WAIT, socket.read_to_end(&mut told))
        .await
        .expect("the server closes")
        .unwrap();
    assert!(String::from_utf8_lossy(&told).contains(Code::Silent.as_str()));
    drop(socket);
    server.until_empty().await;
}
