//! Rooms leave memory and come back.

use std::{sync::Arc, time::Duration};

use revring::transport::ServiceStats;
use revring_protocol::{
    codec::Codec,
    ids::Rev,
    message::{ClientMessage, ServerMessage},
};
use tokio::task::JoinSet;

use crate::support::{Client, End, Server, join, join_as, put, settings};

async fn short_lived() -> Server {
    let mut settings = settings();
    settings.room_idle = Duration::from_millis(20);
    settings.limits.ring_ops = 8;
    Server::start(settings).await
}

#[tokio::test]
async fn c4_an_idle_room_comes_back_with_epoch_state_ring_and_duplicates() {
    let server = short_lived().await;
    let mut client = server.connect(Codec::Json).await;
    client.send(&join_as("room", Some(1), None)).await;
    client.snapshot_after_joined().await;
    for n in 1..=20 {
        client
            .update(&format!("u{n}"), vec![put(&format!("r{n}"), "text")])
            .await;
        client.operations_to(n).await;
        if n == 15 {
            client.update("u15", vec![put("r15", "again")]).await;
            assert!(matches!(client.told().await, ServerMessage::Ack { .. }));
        }
    }
    let (position, document) = (client.position.clone(), client.document.clone());
    drop(client);
    server
        .until("gone from memory", |stats| stats.rooms.rooms == 0)
        .await;

    let mut again = server.connect(Codec::Json).await;
    (again.position, again.document) = (position.clone(), document);
    again
        .send(&join_as("room", Some(1), position.clone()))
        .await;
    let joined = again.joined().await;
    assert_eq!(
        (Some(joined.epoch), joined.rev, joined.resumed),
        (position.map(|p| p.epoch), Rev::new(20), true)
    );
    again.check_state().await;
    again.update("u3", vec![put("r3", "again")]).await;
    let ServerMessage::Ack { rev, .. } = again.told().await else {
        panic!("an ACK")
    };
    assert_eq!(rev, Rev::new(3));
    again.update("u21", vec![put("r1", "new")]).await;
    assert_eq!(again.deltas().await.to_rev, Rev::new(21));
}

#[tokio::test]
async fn c4_the_ring_comes_back_too() {
    let server = short_lived().await;
    let mut client = server.join(Codec::MessagePack, "room").await;
    let mut stands = Vec::new();
    for n in 1..=20 {
        client
            .update(&format!("u{n}"), vec![put("r", &n.to_string())])
            .await;
        client.operations_to(n).await;
        stands.push((client.position.clone(), client.document.clone()));
    }
    drop(client);
    server
        .until("gone from memory", |stats| stats.rooms.rooms == 0)
        .await;
    let mut again = server.connect(Codec::MessagePack).await;
    (again.position, again.document) = stands[11].clone();
    again
        .send(&join_as("room", None, stands[11].0.clone()))
        .await;
    assert!(again.joined().await.resumed);
    assert_eq!(again.deltas().await.ops.len(), 8);
    again.check_state().await;
}

#[tokio::test]
async fn c4_a_room_without_operations_is_forgotten() {
    let server = short_lived().await;
    let client = server.join(Codec::Json, "room").await;
    let epoch = client.position.clone().unwrap().epoch;
    drop(client);
    server
        .until("gone from memory", |stats| stats.rooms.rooms == 0)
        .await;
    let client = server.join(Codec::Json, "room").await;
    assert_ne!(client.position.unwrap().epoch, epoch);
}

#[tokio::test]
async fn c8_who_hangs_up_after_the_room_left_memory_is_freed_too() {
    let server = short_lived().await;
    let mut client = server.join(Codec::Json, "room").await;
    client.send(&ClientMessage::Leave).await;
    assert_eq!(client.end().await, End::Closed(1000));
    let room_left = |stats: &ServiceStats| (stats.rooms.rooms, stats.connections.connections);
    server
        .until("gone from memory", |stats| room_left(stats) == (0, 1))
        .await;
    drop(client);
    server.until_empty().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn c4_joining_while_a_room_leaves_memory_finds_it_again() {
    let mut settings = settings();
    settings.room_idle = Duration::ZERO;
    let server = Arc::new(Server::start(settings).await);
    let mut writer = server.join(Codec::Json, "room").await;
    writer.update("u1", vec![put("a", "one")]).await;
    writer.operations_to(1).await;
    let epoch = writer.position.clone().unwrap().epoch;
    drop(writer);
    let mut tasks = JoinSet::new();
    for task in 0..8_u64 {
        let (server, epoch) = (Arc::clone(&server), epoch.clone());
        tasks.spawn(async move {
            // Pauses around the time that a room waits before it leaves.
            for round in 0..12 {
                tokio::time::sleep(Duration::from_millis(96 + (task + round) % 9)).await;
                let mut client: Client = server.connect(Codec::Json).await;
                client.send(&join("room")).await;
                let joined = client.joined().await;
                assert_eq!((joined.epoch, joined.rev), (epoch.clone(), Rev::new(1)));
                client.snapshot().await;
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    server
        .until("gone from memory", |stats| stats.rooms.rooms == 0)
        .await;
}
