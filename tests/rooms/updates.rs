//! What becomes of updates.

use revring_protocol::{
    codec::Codec,
    error::Code,
    ids::Rev,
    message::{ClientMessage, ServerMessage},
};

use crate::support::{Server, join_as, put, settings, update};

#[tokio::test]
async fn o1_two_writers_share_one_line_of_revisions() {
    let server = Server::start(settings()).await;
    let mut first = server.join(Codec::Json, "room").await;
    let mut second = server.join(Codec::MessagePack, "room").await;
    let each = 200;
    for n in 0..each {
        first
            .update(&format!("a{n}"), vec![put("a", &n.to_string())])
            .await;
        second
            .update(&format!("b{n}"), vec![put("b", &n.to_string())])
            .await;
    }
    let seen = first.operations_to(2 * each).await;
    let revs: Vec<u64> = seen.iter().map(|operation| operation.rev.get()).collect();
    assert_eq!(revs, (1..=2 * each).collect::<Vec<_>>());
    assert_eq!(
        second.operations_to(2 * each).await,
        seen,
        "everyone sees the same operations"
    );
    for author in ["a", "b"] {
        let own = seen
            .iter()
            .filter(|op| op.client_req_id.as_str().starts_with(author));
        let ids: Vec<_> = own.map(|op| op.client_req_id.to_string()).collect();
        assert_eq!(
            ids,
            (0..each)
                .map(|n| format!("{author}{n}"))
                .collect::<Vec<_>>()
        );
    }
    first.check_state().await;
    second.check_state().await;
}

#[tokio::test]
async fn u2_a_resend_gets_ack_over_any_connection() {
    let server = Server::start(settings()).await;
    let mut client = server.connect(Codec::Json).await;
    client.send(&join_as("room", Some(1), None)).await;
    client.snapshot_after_joined().await;
    client.update("u1", vec![put("a", "one")]).await;
    client.operations_to(1).await;
    let mut again = server.connect(Codec::MessagePack).await;
    again
        .send(&join_as("room", Some(1), client.position.clone()))
        .await;
    again.joined().await;
    again.update("u1", vec![put("a", "two")]).await;
    let ServerMessage::Ack { rev, duplicate, .. } = again.told().await else {
        panic!("an ACK")
    };
    assert_eq!((rev, duplicate), (Rev::new(1), true));
    assert_eq!(again.settle().await.0, 1);
}

#[tokio::test]
async fn o5_a_rejected_update_changes_nothing() {
    let server = Server::start(settings()).await;
    let mut client = server.join(Codec::Json, "room").await;
    let before = client.settle().await;
    let mut change = put("a", "one");
    change.if_version = Some(7);
    client.update("u1", vec![put("b", "one"), change]).await;
    assert_eq!(client.reject().await.code, Code::Conflict);
    client.update("u2", vec![]).await;
    assert_eq!(client.reject().await.code, Code::Invalid);
    assert_eq!(client.settle().await, before);
}

#[tokio::test]
async fn c9_nothing_is_dropped_of_a_client_that_sends_more_than_it_reads() {
    let server = Server::start(settings()).await;
    let mut client = server.join_narrow(Codec::Json, "room").await;
    // A duplicate is answered with ACK, so every update has an answer of its own.
    client.update("u1", vec![put("a", "one")]).await;
    client.operations_to(1).await;
    let resend = ClientMessage::Update(update("u1", vec![put("a", &"x".repeat(10_000))]));
    let resend = client.frame(Codec::Json.encode(&resend));
    let (total, mut sent, mut answered, mut pauses) = (2_000, 0, 0, 0);
    while answered < total {
        while sent < total && client.try_send(resend.clone()).await {
            sent += 1;
        }
        pauses += usize::from(sent < total);
        let held = server.services.stats().await.connections.own_bytes;
        assert!(held < 64 << 10, "{held} bytes are held for one client");
        for _ in 0..(total - answered).min(250) {
            assert!(matches!(client.told().await, ServerMessage::Ack { .. }));
            answered += 1;
        }
    }
    assert!(pauses > 0, "the server stops reading");
    assert_eq!(client.settle().await.0, 1);
}

#[tokio::test]
async fn o1_a_room_goes_on_when_the_last_client_of_a_codec_says_goodbye_and_keeps_its_socket() {
    let server = Server::start(settings()).await;
    let mut leaver = server.join(Codec::MessagePack, "room").await;
    // Shards take connections in turn: the writer is to share the leaver's.
    let _other = server.join(Codec::Json, "elsewhere").await;
    let mut writer = server.join(Codec::Json, "room").await;
    leaver.send(&ClientMessage::Leave).await;
    server
        .until("the leaver has parted", |stats| {
            stats.connections.members == 2
        })
        .await;
    for n in 1..=2_000_u64 {
        writer.update(&format!("u{n}"), vec![put("r", "x")]).await;
        if n % 50 == 0 {
            writer.operations_to(n).await;
        }
    }
    drop(leaver);
}
