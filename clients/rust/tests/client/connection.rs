//! Connecting, losing the connection, coming back, leaving.

use std::time::Duration;

use crate::support::{Stage, is_offline, quick, soon, until};
use revring_client::{
    Closed, Codec, ConnectError, Event, Options, Status, UpdateError, change, connect,
    protocol::{
        error::Code,
        ids::ClientKey,
        message::{ClientMessage, ServerMessage},
    },
};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

fn error(code: Code, retry_after_ms: Option<u64>) -> ServerMessage {
    ServerMessage::Error {
        code,
        message: "so says the script".into(),
        retryable: code.retryable(),
        retry_after_ms,
    }
}

fn closed(status: &Status) -> Closed {
    match status {
        Status::Closed(closed) => closed.clone(),
        other => panic!("not closed: {other:?}"),
    }
}

#[tokio::test]
async fn w1_each_codec_is_its_subprotocol() {
    for codec in Codec::ALL {
        let stage = Stage::set().await;
        let (room, peer) = stage.room(quick().codec(codec)).await;
        assert_eq!(peer.codec, codec);
        assert_eq!(room.status(), Status::Live);
    }
}

#[tokio::test]
async fn n2_a_given_key_is_used_and_a_random_one_is_new() {
    let stage = Stage::set().await;
    let key = ClientKey::new("a-key-of-16-bytes-or-more").expect("a valid key");
    let given = quick()
        .client_key(key.clone())
        .open(&stage.url, "room")
        .expect("valid");
    let (_peer, join) = stage.joined().await;
    assert_eq!(join.client_key.as_ref(), Some(&key));
    assert_eq!(*given.client_id(), key.client_id());

    let (first, _peer1) = stage.room(quick()).await;
    let (second, _peer2) = stage.room(quick()).await;
    assert_ne!(first.client_key(), second.client_key());
}

#[tokio::test]
async fn c3_a_token_is_sent_and_its_refusal_is_final() {
    let stage = Stage::set().await;
    let (connected, ()) =
        tokio::join!(quick().token("secret").connect(&stage.url, "room"), async {
            let mut peer = stage.accept().await;
            let ClientMessage::Join(join) = peer.receive().await else {
                panic!("JOIN comes first")
            };
            assert_eq!(join.token.as_deref(), Some("secret"));
            peer.send(error(Code::Unauthenticated, None)).await;
            peer.close(4401).await;
        });
    let Err(ConnectError::Closed(Closed::Refused { code, .. })) = connected else {
        panic!("{connected:?}")
    };
    assert_eq!(code, Code::Unauthenticated);
}

#[tokio::test]
async fn c5_superseded_ends_every_wait_and_reconnects_no_more() {
    let stage = Stage::set().await;
    let (room, mut peer) = stage.room(quick()).await;
    let mut events = room.subscribe();
    let answer = room.update(change::put("cards", "1", json!({})));
    peer.receive_update().await;
    peer.send(error(Code::Superseded, None)).await;
    peer.close(4001).await;
    assert_eq!(
        soon(answer).await,
        Err(UpdateError::Closed(Closed::Superseded))
    );
    assert_eq!(room.status(), Status::Closed(Closed::Superseded));
    while soon(events.next()).await.is_some() {}
    let later = room.update(change::put("cards", "2", json!({})));
    assert_eq!(
        soon(later).await,
        Err(UpdateError::Closed(Closed::Superseded))
    );
    assert_eq!(soon(room.heartbeat()).await, Err(Closed::Superseded));
}

#[tokio::test]
async fn c8_close_leaves_and_waits_for_the_end() {
    let stage = Stage::set().await;
    let (room, mut peer) = stage.room(quick()).await;
    let ((), message) = tokio::join!(soon(room.close()), async {
        let message = peer.receive().await;
        peer.close(1000).await;
        message
    });
    assert_eq!(message, ClientMessage::Leave);
    assert_eq!(closed(&room.status()), Closed::Left);
}

#[tokio::test]
async fn c8_the_last_handle_leaves() {
    let stage = Stage::set().await;
    let (room, mut peer) = stage.room(quick()).await;
    let other = room.clone();
    let answer = other.update(change::put("cards", "1", json!({})));
    drop(room);
    drop(other);
    let update = peer.receive_update().await;
    peer.send(ServerMessage::Ack {
        client_req_id: update.client_req_id,
        rev: revring_client::Rev::new(1),
        duplicate: false,
    })
    .await;
    assert_eq!(
        soon(answer).await,
        Ok(revring_client::Rev::new(1)),
        "an answer keeps the room open"
    );
    assert_eq!(peer.receive().await, ClientMessage::Leave);
    peer.close(1000).await;
}

#[tokio::test]
async fn c8_a_room_without_a_connection_closes_at_once() {
    let stage = Stage::set().await;
    let (room, peer) = stage.room(Options::new()).await;
    drop(stage);
    drop(peer);
    until(&room, is_offline).await;
    soon(room.close()).await;
    assert_eq!(closed(&room.status()), Closed::Left);
}

#[tokio::test]
async fn f2_a_lost_connection_resumes_from_the_position() {
    let stage = Stage::set().await;
    let (room, mut peer) = stage.room(quick()).await;
    let answer = room.update(change::put("cards", "1", json!({"n": 1})));
    let update = peer.receive_update().await;
    peer.accept(room.client_id(), &update).await;
    soon(answer).await.expect("accepted");
    peer.close(1001).await;
    let (_peer, join) = stage.joined().await;
    let position = join.position.expect("a position");
    assert_eq!(
        (position.epoch, position.last_rev.get()),
        (crate::support::epoch(), 1)
    );
    until(&room, |status| *status == Status::Live).await;
    assert_eq!(room.view().len(), 1);
}

#[tokio::test]
async fn e2_retry_after_is_respected_and_reconnect_cuts_it_short() {
    let stage = Stage::set().await;
    let (room, mut peer) = stage.room(quick()).await;
    peer.send(error(Code::ShuttingDown, Some(300_000))).await;
    peer.close(1012).await;
    let Status::Offline {
        retry_in: Some(pause),
        ..
    } = until(&room, is_offline).await
    else {
        panic!("{:?}", room.status())
    };
    assert!(
        pause >= Duration::from_secs(300) && pause <= Duration::from_secs(301),
        "{pause:?}"
    );
    room.reconnect();
    let (_peer, _) = stage.joined().await;
    until(&room, |status| *status == Status::Live).await;
}

#[tokio::test]
async fn disconnect_stays_offline_until_reconnect() {
    let stage = Stage::set().await;
    let (room, mut peer) = stage.room(quick()).await;
    room.disconnect();
    assert_eq!(peer.try_receive().await, None, "the connection is gone");
    let offline = until(&room, is_offline).await;
    assert!(
        matches!(offline, Status::Offline { retry_in: None, .. }),
        "{offline:?}"
    );
    let answer = room.update(change::put("cards", "1", json!({})));
    assert_eq!(room.view().len(), 1, "updates are still taken");
    room.reconnect();
    let (mut peer, join) = stage.joined().await;
    let update = peer.receive_update().await;
    peer.accept(&crate::support::client_id(&join), &update)
        .await;
    soon(answer).await.expect("accepted");
}

#[tokio::test]
async fn a_disconnect_followed_by_a_reconnect_is_a_new_connection() {
    let stage = Stage::set().await;
    let (room, mut peer) = stage.room(quick()).await;
    room.disconnect();
    room.reconnect();
    assert_eq!(peer.try_receive().await, None, "the old one is gone");
    let (_peer, join) = stage.joined().await;
    assert!(join.position.is_some());
}

#[tokio::test]
async fn what_is_no_message_ends_the_connection_and_an_unknown_type_does_not() {
    let stage = Stage::set().await;
    let (room, mut peer) = stage.room(quick().codec(Codec::Json)).await;
    peer.send_raw(br#"{"type":"FROM_THE_FUTURE"}"#.to_vec())
        .await;
    let answer = room.update(change::put("cards", "1", json!({})));
    let update = peer.receive_update().await;
    peer.accept(room.client_id(), &update).await;
    soon(answer).await.expect("the connection lives");

    let mut watch = room.watch_status();
    peer.send_raw(b"{".to_vec()).await;
    let offline = soon(watch.wait_for(is_offline)).await;
    assert!(
        format!("{offline:?}").contains("not a message"),
        "{offline:?}"
    );
    stage.joined().await;
}

#[tokio::test]
async fn w5_a_frame_of_the_other_codec_ends_the_connection() {
    let stage = Stage::set().await;
    let (room, mut peer) = stage.room(Options::new().codec(Codec::MessagePack)).await;
    peer.codec = Codec::Json;
    peer.send(error(Code::Invalid, None)).await;
    assert!(format!("{:?}", until(&room, is_offline).await).contains("other codec"));
}

#[tokio::test]
async fn a_message_over_the_bound_ends_the_connection() {
    let stage = Stage::set().await;
    let (room, mut peer) = stage
        .room(Options::new().codec(Codec::Json).max_message_bytes(1 << 20))
        .await;
    let words = "x".repeat(1 << 20);
    peer.send(ServerMessage::error(Code::Invalid, words)).await;
    assert!(format!("{:?}", until(&room, is_offline).await).contains("max_message_bytes"));
}

#[tokio::test]
async fn an_unreachable_server_is_reported_by_connect() {
    let stage = Stage::set().await;
    let url = stage.url.clone();
    drop(stage);
    let error = soon(connect(&url, "room"))
        .await
        .expect_err("nobody listens");
    assert!(matches!(error, ConnectError::Unreachable(_)), "{error:?}");
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_given_up_in_time() {
    let stage = Stage::set().await;
    let options = Options::new().connect_timeout(Duration::from_millis(50));
    let error = soon(options.clone().connect(&stage.url, "room"))
        .await
        .expect_err("no handshake");
    assert!(error.to_string().contains("in time"), "{error}");

    // The first attempt may still be in the backlog of the listener.
    let (error, _peer) = tokio::join!(soon(options.connect(&stage.url, "room")), async {
        drop(stage.accept_tcp().await);
        stage.accept().await
    });
    assert!(
        error
            .expect_err("no JOINED")
            .to_string()
            .contains("JOIN in time")
    );
}

async fn handshake_answer(answer: &'static str) -> ConnectError {
    let stage = Stage::set().await;
    let (connected, ()) = tokio::join!(soon(Options::new().connect(&stage.url, "room")), async {
        let mut stream = stage.accept_tcp().await;
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(stream.read_u8().await.expect("a request"));
        }
        stream
            .write_all(answer.as_bytes())
            .await
            .expect("an open connection");
    });
    connected.expect_err("refused")
}

#[tokio::test]
async fn w1_a_refused_handshake_is_final_and_says_why() {
    let body = "known: revring.v1.json";
    let error = handshake_answer(
        "HTTP/1.1 400 Bad Request\r\nContent-Length: 22\r\n\r\nknown: revring.v1.json",
    )
    .await;
    let ConnectError::Closed(Closed::Handshake(reason)) = error else {
        panic!("{error:?}")
    };
    assert!(reason.contains("400") && reason.contains(body), "{reason}");
}

#[tokio::test]
async fn c10_http_503_is_not_final() {
    let error = handshake_answer(
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n",
    )
    .await;
    assert!(
        matches!(&error, ConnectError::Unreachable(reason) if reason.contains("503")),
        "{error:?}"
    );
}

#[tokio::test]
async fn events_tell_joins_and_statuses_in_order() {
    let stage = Stage::set().await;
    let room = quick().open(&stage.url, "room").expect("valid");
    let mut events = room.subscribe();
    let (mut peer, _) = stage.joined().await;
    let mut seen = Vec::new();
    while seen.last() != Some(&Event::Status(Status::Live)) {
        seen.push(soon(events.next()).await.expect("open"));
    }
    peer.close(1001).await;
    while !matches!(seen.last(), Some(Event::Status(Status::Offline { .. }))) {
        seen.push(soon(events.next()).await.expect("open"));
    }
    let joined = Event::Joined { resumed: false };
    let place = |event: &Event| seen.iter().position(|seen| seen == event);
    assert!(
        place(&joined).is_some() && place(&joined) < place(&Event::Status(Status::Live)),
        "{seen:?}"
    );
}

#[tokio::test]
async fn a_slow_subscriber_is_told_what_it_missed() {
    let stage = Stage::set().await;
    let (room, mut peer) = stage.room(quick().event_buffer(2)).await;
    let mut events = room.subscribe();
    for _ in 0..5 {
        peer.send(error(Code::Invalid, None)).await;
    }
    let heartbeat = tokio::spawn({
        let room = room.clone();
        async move { room.heartbeat().await }
    });
    assert_eq!(peer.receive().await, ClientMessage::Heartbeat);
    let checksum = room.confirmed().checksum();
    peer.send(ServerMessage::Heartbeat {
        rev: room.rev(),
        checksum,
    })
    .await;
    soon(heartbeat)
        .await
        .expect("no panic")
        .expect("answered, so the errors before it were taken");
    assert_eq!(soon(events.next()).await, Some(Event::Lagged { missed: 3 }));
    assert!(matches!(
        soon(events.next()).await,
        Some(Event::Error { .. })
    ));
    assert!(matches!(events.try_next(), Some(Event::Error { .. })));
    assert_eq!(events.try_next(), None);
}

#[tokio::test]
async fn a_status_test_may_look_at_the_room() {
    let stage = Stage::set().await;
    let (room, _peer) = stage.room(quick()).await;
    let status = soon(
        room.watch_status()
            .wait_for(|_| room.view().is_empty() && room.pending().is_empty()),
    )
    .await;
    assert_eq!(status, Status::Live);
}

#[tokio::test]
async fn attempts_that_never_join_are_further_and_further_apart() {
    let stage = Stage::set().await;
    let options = Options::new()
        .connect_timeout(Duration::from_millis(40))
        .backoff(Duration::from_millis(1), Duration::from_secs(60));
    let room = options.open(&stage.url, "room").expect("valid");
    // Each attempt takes longer than the pauses: were that to count as success, no pause would ever exceed 1 ms.
    let bound = Duration::from_millis(50);
    let long = |status: &Status| matches!(status, Status::Offline { retry_in, .. } if *retry_in > Some(bound));
    until(&room, long).await;
}
