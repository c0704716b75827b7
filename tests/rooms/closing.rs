//! Ends of connections, announced or not, free everything.

use std::time::Duration;

use futures_util::SinkExt as _;
use revring_protocol::{
    codec::Codec,
    error::Code,
    message::{ClientMessage, ServerMessage},
};
use socket2::SockRef;
use tokio::{io::AsyncWriteExt as _, net::TcpStream};
use tokio_tungstenite::tungstenite::{
    Message, protocol::CloseFrame, protocol::frame::coding::CloseCode,
};

use crate::support::{Client, End, Server, join, join_as, put, settings};

#[tokio::test]
async fn c8_leave_ends_with_1000_and_frees_everything() {
    let server = Server::start(settings()).await;
    for codec in Codec::ALL {
        let mut client = server.join(codec, "room").await;
        client.send(&ClientMessage::Leave).await;
        assert_eq!(client.end().await, End::Closed(1000));
        // The room has parted with it, although its socket is still open.
        server
            .until("without members", |stats| stats.connections.members == 0)
            .await;
        drop(client);
        server.until_empty().await;
    }
}

#[tokio::test]
async fn c8_updates_before_leave_count() {
    let server = Server::start(settings()).await;
    let mut reader = server.join(Codec::Json, "room").await;
    let mut client = server.join(Codec::Json, "room").await;
    client.update("u1", vec![put("a", "one")]).await;
    client.send(&ClientMessage::Leave).await;
    assert_eq!(client.end().await, End::Closed(1000));
    reader.operations_to(1).await;
}

#[tokio::test]
async fn w7_a_close_frame_is_answered_with_its_code() {
    let server = Server::start(settings()).await;
    let mut client = server.join(Codec::Json, "room").await;
    let close = CloseFrame {
        code: CloseCode::Library(4321),
        reason: "enough".into(),
    };
    client.socket.close(Some(close)).await.unwrap();
    assert_eq!(client.end().await, End::Closed(4321));
    drop(client);
    server.until_empty().await;
}

#[tokio::test]
async fn c11_shutting_down_everyone_is_told_when_to_come_back() {
    let server = Server::start(settings()).await;
    let mut clients = Vec::new();
    for n in 0..10 {
        clients.push(server.join(Codec::ALL[n % 2], "room").await);
    }
    clients.push(server.connect(Codec::Json).await);
    let told = tokio::spawn(async move {
        let mut hints = Vec::new();
        for mut client in clients {
            let ServerMessage::Error {
                code,
                retryable,
                retry_after_ms,
                ..
            } = client.told().await
            else {
                panic!("an ERROR");
            };
            assert_eq!((code, retryable), (Code::ShuttingDown, true));
            assert_eq!(client.end().await, End::Closed(1012));
            hints.push(retry_after_ms.unwrap());
        }
        hints
    });
    let spread = Duration::from_secs(60);
    let left = server
        .services
        .shut_down(spread, Duration::from_secs(10))
        .await;
    assert_eq!(left, 0);
    let hints = told.await.unwrap();
    assert!(hints.iter().all(|hint| *hint <= 60_000));
    assert!(
        hints.iter().any(|hint| *hint != hints[0]),
        "the hints are spread: {hints:?}"
    );

    let mut late = server.connect(Codec::Json).await;
    assert_eq!(late.error().await, Code::ShuttingDown);
}

#[tokio::test]
async fn c11_a_client_that_does_not_read_does_not_hold_the_server_up() {
    let server = Server::start(settings()).await;
    let _stuck = full(&server, "room").await;
    let left = server
        .services
        .shut_down(Duration::ZERO, Duration::from_secs(10))
        .await;
    assert_eq!(left, 0);
}

/// A client whose socket is full.
async fn full(server: &Server, room: &str) -> Client {
    let before = server.services.stats().await.connections.full;
    let stuck = server.join_narrow(Codec::Json, room).await;
    let mut writer = server.join(Codec::Json, room).await;
    let text = "x".repeat(20_000);
    let head = writer.settle().await.0;
    for n in head + 1..=head + 30 {
        writer
            .update(&format!("{room}-{n}"), vec![put("a", &text)])
            .await;
        writer.reach(n).await;
    }
    server
        .until("full", |stats| stats.connections.full > before)
        .await;
    stuck
}

#[tokio::test]
async fn c5_superseding_a_client_whose_socket_is_full_frees_it() {
    let server = Server::start(settings()).await;
    let mut stuck = server.connect_narrow(Codec::Json).await;
    stuck.send(&join_as("room", Some(1), None)).await;
    let mut writer = server.join(Codec::Json, "room").await;
    let text = "x".repeat(20_000);
    for n in 1..=30 {
        writer.update(&format!("u{n}"), vec![put("a", &text)]).await;
        writer.operations_to(n).await;
    }
    server
        .until("full", |stats| stats.connections.full == 1)
        .await;
    let mut new = server.connect(Codec::Json).await;
    new.send(&join_as("room", Some(1), None)).await;
    new.snapshot_after_joined().await;
    server
        .until("freed", |stats| stats.connections.connections == 2)
        .await;
    new.check_state().await;
}

#[tokio::test]
async fn c9_a_client_that_vanishes_while_the_server_waits_for_it_is_freed() {
    let server = Server::start(settings()).await;
    let mut client = server.join_narrow(Codec::Json, "room").await;
    let heartbeat = client.frame(Codec::Json.encode(&ClientMessage::Heartbeat));
    while client.try_send(heartbeat.clone()).await {}
    // Its reader has no permit left and its writer no room in the socket.
    drop(client);
    server.until_empty().await;
}

/// How far a client comes before it vanishes.
async fn vanish(server: &Server, stage: usize) {
    let stream = TcpStream::connect(server.address).await.unwrap();
    match stage {
        0 => drop(stream),
        1 => {
            let mut stream = stream;
            stream
                .write_all(b"GET /v1/ws HTTP/1.1\r\nHost: x\r\n")
                .await
                .unwrap();
        }
        2 => drop(Client::over(stream, Codec::Json).await),
        3 => {
            let mut client = Client::over(stream, Codec::MessagePack).await;
            client.send(&join("room")).await;
        }
        4 => {
            let mut client = Client::over(stream, Codec::Json).await;
            client.send(&join("room")).await;
            client.snapshot_after_joined().await;
            client.update("u", vec![put("a", "text")]).await;
            client.send(&ClientMessage::Resync(None)).await;
        }
        5 => {
            // In the middle of a frame.
            let client = Client::over(stream, Codec::Json).await;
            let mut stream = client.socket.into_inner();
            stream
                .write_all(&[0x81, 0xfe, 0x10, 0x00, 1, 2, 3, 4, b'{'])
                .await
                .unwrap();
        }
        6 => {
            // Reset instead of closed, with much to be sent.
            let mut client = Client::over(stream, Codec::Json).await;
            client.send(&join("room")).await;
            client.joined().await;
            for n in 0..50 {
                client
                    .update(&format!("r{n}"), vec![put("a", &"x".repeat(5_000))])
                    .await;
            }
            let stream = client.socket.into_inner();
            SockRef::from(&stream)
                .set_linger(Some(Duration::ZERO))
                .unwrap();
        }
        _ => {
            let mut client = Client::over(stream, Codec::Json).await;
            client.send(&join_as("room", Some(7), None)).await;
            client.socket.send(Message::Close(None)).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c8_hundreds_of_clients_that_vanish_at_any_point_leave_nothing() {
    let mut settings = settings();
    settings.room_idle = Duration::from_millis(50);
    let server = Server::start(settings).await;
    for round in 0..40 {
        let stages = (0..8).map(|stage| vanish(&server, (stage + round) % 8));
        futures_util::future::join_all(stages).await;
    }
    server.until_empty().await;
    let stats = server
        .until("without rooms", |stats| stats.rooms.rooms == 0)
        .await;
    assert_eq!(stats.connections.own_bytes, 0);
}
