//! Snapshots: in parts, shared, and taken back.

use std::{collections::BTreeSet, time::Duration};

use revring_protocol::{
    codec::Codec,
    limits::FRAME_BYTES,
    message::{ClientMessage, GapReason, ServerMessage},
};
use tokio::time::timeout;

use crate::support::{Client, Server, WAIT, join, put, settings};

/// Fills a room with `count` records of 100 KiB.
async fn fill(writer: &mut Client, count: u64) {
    let text = "x".repeat(100 << 10);
    let first = writer.rev();
    for n in first + 1..=first + count {
        writer
            .update(&format!("fill{n}"), vec![put(&format!("r{n}"), &text)])
            .await;
        writer.operations_to(n).await;
    }
}

async fn touch(writer: &mut Client, count: u64) {
    let first = writer.rev();
    for n in first + 1..=first + count {
        writer
            .update(&format!("touch{n}"), vec![put("touched", &n.to_string())])
            .await;
        writer.operations_to(n).await;
    }
}

#[tokio::test]
async fn f7_a_large_state_comes_in_parts() {
    let server = Server::start(settings()).await;
    let mut writer = server.join(Codec::Json, "room").await;
    fill(&mut writer, 25).await;
    for codec in Codec::ALL {
        let mut client = server.connect(codec).await;
        client.send(&join("room")).await;
        assert!(!client.joined().await.resumed);
        let parts = client.snapshot().await;
        assert!(parts.len() >= 3, "{} parts", parts.len());
        for part in &parts {
            assert_eq!(
                (part.rev, part.checksum.is_some()),
                (parts[0].rev, part.last)
            );
            assert!(codec.encode(part).len() <= FRAME_BYTES);
        }
        client.check_state().await;
    }
}

#[tokio::test]
async fn f5_a_join_storm_on_a_large_room_shares_a_snapshot_while_writers_go_on() {
    let server = Server::start(settings()).await;
    let mut writer = server.join(Codec::Json, "room").await;
    fill(&mut writer, 8).await;
    let mut newcomers = Vec::new();
    for _ in 0..20 {
        let mut client = server.connect(Codec::MessagePack).await;
        client.send(&join("room")).await;
        newcomers.push(client);
        touch(&mut writer, 1).await;
    }
    let mut snapshots = BTreeSet::new();
    for client in &mut newcomers {
        client.joined().await;
        snapshots.insert(client.snapshot().await[0].rev);
        client.reach(28).await;
        client.check_state().await;
    }
    assert!(
        snapshots.len() < 20,
        "{} different snapshots",
        snapshots.len()
    );
}

#[tokio::test]
async fn c7_resync_in_the_middle_of_a_snapshot_begins_anew() {
    let server = Server::start(settings()).await;
    let mut writer = server.join(Codec::Json, "room").await;
    fill(&mut writer, 30).await;
    let mut slow = server.connect_narrow(Codec::Json).await;
    slow.send(&join("room")).await;
    slow.joined().await;
    slow.told().await;
    slow.send(&ClientMessage::Resync(writer.position.clone()))
        .await;
    loop {
        match slow.told().await {
            ServerMessage::Snapshot(part) => {
                assert!(!part.last, "the rest of the snapshot is dropped");
            }
            ServerMessage::Joined(joined) => {
                assert!(joined.resumed);
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    slow.document = writer.document.clone();
    slow.position = writer.position.clone();
    touch(&mut writer, 3).await;
    slow.operations_to(33).await;
    slow.check_state().await;
}

#[tokio::test]
async fn f7_a_snapshot_that_nobody_finishes_is_taken_back_when_others_have_waited() {
    let mut settings = settings();
    settings.limits.ring_ops = 8;
    let server = Server::start(settings).await;
    let mut writer = server.join(Codec::Json, "room").await;
    fill(&mut writer, 30).await;
    // Each holds a snapshot that the ring no longer follows: all that may be alive.
    let mut stuck = Vec::new();
    for _ in 0..4 {
        let mut client = server.connect_narrow(Codec::Json).await;
        client.send(&join("room")).await;
        client.joined().await;
        server
            .until("full", |stats| stats.connections.full == stuck.len() + 1)
            .await;
        stuck.push(client);
        touch(&mut writer, 20).await;
    }
    let mut late = server.connect(Codec::Json).await;
    late.send(&join("room")).await;
    late.joined().await;
    let waiting = timeout(Duration::from_millis(500), late.told());
    assert!(
        waiting.await.is_err(),
        "four snapshots are alive, so the fifth client waits"
    );
    late.snapshot().await;
    late.check_state().await;

    // The reader of the oldest begins anew, behind a gap that names what it would miss.
    let first = &mut stuck[0];
    let gap = loop {
        match timeout(WAIT, first.told()).await.unwrap() {
            ServerMessage::Snapshot(part) => assert!(!part.last),
            ServerMessage::Gap(gap) => break gap,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(gap.reason, GapReason::Behind);
    assert_eq!(first.snapshot().await[0].rev, gap.resume_from);
    first.check_state().await;

    // The others keep theirs: each is cut only for someone who waits.
    let second = &mut stuck[1];
    second.snapshot().await;
    second.check_state().await;
}

#[tokio::test]
async fn c8_a_client_that_vanishes_while_its_snapshot_is_made_leaves_nothing() {
    let server = Server::start(settings()).await;
    let mut writer = server.join(Codec::Json, "room").await;
    fill(&mut writer, 20).await;
    for _ in 0..20 {
        let mut client = server.connect(Codec::Json).await;
        client.send(&join("room")).await;
        drop(client);
    }
    server
        .until("one left", |stats| stats.connections.connections == 1)
        .await;
    let mut client = server.connect(Codec::Json).await;
    client.send(&join("room")).await;
    client.snapshot_after_joined().await;
    client.check_state().await;
}
