//! Signs of life, and presence.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use crate::support::{Stage, is_offline, quick, soon, stranger};
use futures_util::{SinkExt as _, StreamExt as _};
use revring_client::{
    ClientId, Event, Events, Options, Status,
    protocol::message::{ClientMessage, ServerMessage},
};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

#[tokio::test]
async fn h1_a_heartbeat_is_answered_with_head_and_checksum() {
    let stage = Stage::set().await;
    let (room, mut peer) = stage.room(quick()).await;
    let checksum = room.confirmed().checksum();
    let (heartbeat, ()) = tokio::join!(soon(room.heartbeat()), async {
        assert_eq!(peer.receive().await, ClientMessage::Heartbeat);
        peer.send(ServerMessage::Heartbeat {
            rev: room.rev(),
            checksum: checksum.clone(),
        })
        .await;
    });
    let heartbeat = heartbeat.expect("answered");
    assert_eq!(
        (heartbeat.rev, &*heartbeat.checksum),
        (room.rev(), checksum.as_str())
    );
}

#[tokio::test]
async fn h1_a_heartbeat_outlives_the_connection_it_was_asked_on() {
    let stage = Stage::set().await;
    let (room, mut peer) = stage.room(quick()).await;
    let (heartbeat, ()) = tokio::join!(soon(room.heartbeat()), async {
        assert_eq!(peer.receive().await, ClientMessage::Heartbeat);
        drop(peer);
        let (mut peer, _) = stage.joined().await;
        assert_eq!(peer.receive().await, ClientMessage::Heartbeat);
        let checksum = room.confirmed().checksum();
        peer.send(ServerMessage::Heartbeat {
            rev: room.rev(),
            checksum,
        })
        .await;
    });
    heartbeat.expect("answered");
}

#[tokio::test]
async fn h2_silence_is_questioned_and_then_ends_the_connection() {
    let stage = Stage::set().await;
    let (room, mut peer) = stage
        .room(quick().heartbeat(Duration::from_millis(20)))
        .await;
    let mut watch = room.watch_status();
    assert_eq!(
        peer.receive().await,
        ClientMessage::Heartbeat,
        "first it asks"
    );
    let offline = soon(watch.wait_for(is_offline)).await;
    assert!(format!("{offline:?}").contains("silent"), "{offline:?}");
    let (_peer, join) = stage.joined().await;
    assert!(join.position.is_some());
}

#[tokio::test]
async fn h2_any_byte_is_a_sign_of_life() {
    let stage = Stage::set().await;
    let (room, mut peer) = stage
        .room(quick().heartbeat(Duration::from_millis(40)))
        .await;
    assert_eq!(
        peer.receive().await,
        ClientMessage::Heartbeat,
        "nothing came for long"
    );
    let mut ticks = tokio::time::interval(Duration::from_millis(10));
    for _ in 0..20 {
        ticks.tick().await;
        peer.stream
            .send(Message::Ping(Vec::new().into()))
            .await
            .expect("the connection lives");
    }
    assert_eq!(
        room.status(),
        Status::Live,
        "pings came in place of an answer"
    );
}

#[tokio::test]
async fn w7_a_ping_is_answered() {
    let stage = Stage::set().await;
    let (_room, mut peer) = stage.room(Options::new()).await;
    peer.stream
        .send(Message::Ping(b"here?".as_slice().into()))
        .await
        .expect("open");
    let answer = soon(peer.stream.next())
        .await
        .expect("open")
        .expect("a frame");
    assert_eq!(answer, Message::Pong(b"here?".as_slice().into()));
}

#[tokio::test]
async fn p1_presence_is_said_again_on_each_connection() {
    let stage = Stage::set().await;
    let (room, mut peer) = stage.room(quick()).await;
    room.presence(Some(json!({"cursor": 3})))
        .expect("an object");
    let ClientMessage::Presence(Some(said)) = peer.receive().await else {
        panic!("presence")
    };
    assert_eq!(said["cursor"], 3.into());
    drop(peer);
    let (mut peer, _) = stage.joined().await;
    assert_eq!(peer.receive().await, ClientMessage::Presence(Some(said)));
    room.presence(None::<Value>).expect("nothing");
    assert_eq!(peer.receive().await, ClientMessage::Presence(None));
    assert!(room.presence(Some(3)).is_err(), "presence is an object");
}

#[tokio::test]
async fn p3_who_is_present_stays_known_until_a_new_connection_says_otherwise() {
    let stage = Stage::set().await;
    let (room, mut peer) = stage.room(quick()).await;
    let mut events = room.subscribe();
    let data = [("cursor".to_owned(), 3.into())].into();
    let clients = BTreeMap::from([(stranger(), Some(data))]);
    peer.send(ServerMessage::Presence {
        clients,
        full: true,
    })
    .await;
    assert!(next_presence(&mut events).await.contains(&stranger()));
    assert_eq!(room.present()[&stranger()]["cursor"], 3.into());
    drop(peer);
    let (mut peer, _) = stage.joined().await;
    assert!(!room.present().is_empty(), "nothing else is known yet");
    peer.send(ServerMessage::Presence {
        clients: BTreeMap::new(),
        full: true,
    })
    .await;
    assert!(next_presence(&mut events).await.contains(&stranger()));
    assert!(room.present().is_empty());
}

async fn next_presence(events: &mut Events) -> Arc<BTreeSet<ClientId>> {
    loop {
        if let Event::Presence(changed) = soon(events.next()).await.expect("open") {
            return changed;
        }
    }
}
