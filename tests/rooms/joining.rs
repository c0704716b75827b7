//! Who gets in, and what follows `JOINED`.

use std::{sync::Arc, time::Duration};

use revring::{
    auth::{Access, TokenRule},
    log::MemoryLog,
};
use revring_protocol::{
    codec::Codec,
    error::Code,
    ids::{Epoch, Rev, RoomName},
    message::{ClientMessage, GapReason, Join, Position, ServerMessage},
};

use crate::support::{End, Server, join, join_as, key, put, settings, update};

#[tokio::test]
async fn c6_without_position_a_snapshot_follows_and_then_full_presence() {
    let server = Server::start(settings()).await;
    for codec in Codec::ALL {
        let mut client = server.connect(codec).await;
        client.send(&join("room")).await;
        let joined = client.joined().await;
        assert!(!joined.resumed);
        assert_eq!(joined.limits, settings().limits);
        assert_eq!(
            joined.client_key.map(|key| key.client_id()),
            Some(joined.client_id)
        );
        assert!(
            client
                .snapshot()
                .await
                .iter()
                .all(|part| part.state.is_empty())
        );
        assert_eq!(client.presence().await, (vec![], true));
    }
}

#[tokio::test]
async fn c6_at_the_head_nothing_follows() {
    let server = Server::start(settings()).await;
    let mut writer = server.join(Codec::Json, "room").await;
    writer.update("u1", vec![put("a", "one")]).await;
    writer.operations_to(1).await;
    let mut client = server.connect(Codec::Json).await;
    client
        .send(&join_as("room", Some(1), writer.position.clone()))
        .await;
    let joined = client.joined().await;
    assert_eq!(
        (joined.resumed, joined.rev, joined.client_key),
        (true, Rev::new(1), None)
    );
    assert_eq!(joined.client_id, key(1).client_id());
    assert_eq!(client.presence().await, (vec![], true));
}

#[tokio::test]
async fn c6_inside_the_ring_a_delta_follows_and_nothing_else() {
    let server = Server::start(settings()).await;
    let mut writer = server.join(Codec::Json, "room").await;
    let start = writer.position.clone();
    for n in 1..=20 {
        writer
            .update(&format!("u{n}"), vec![put("a", "text")])
            .await;
    }
    writer.operations_to(20).await;
    for codec in Codec::ALL {
        let mut client = server.connect(codec).await;
        client.send(&join_as("room", Some(1), start.clone())).await;
        assert!(client.joined().await.resumed);
        let deltas = client.deltas().await;
        assert_eq!((deltas.from_rev, deltas.to_rev), (Rev::ZERO, Rev::new(20)));
        assert_eq!(client.presence().await, (vec![], true));
    }
}

#[tokio::test]
async fn c6_f4_another_epoch_and_a_rev_ahead_are_gaps() {
    let server = Server::start(settings()).await;
    let mut writer = server.join(Codec::Json, "room").await;
    writer.update("u1", vec![put("a", "one")]).await;
    writer.operations_to(1).await;
    let here = writer.position.clone().unwrap();
    let elsewhere = Position {
        epoch: Epoch::new("elsewhere").unwrap(),
        last_rev: Rev::new(1),
    };
    let ahead = Position {
        last_rev: Rev::new(9),
        ..here
    };
    for (position, reason) in [(elsewhere, GapReason::Epoch), (ahead, GapReason::Ahead)] {
        let mut client = server.connect(Codec::MessagePack).await;
        let expected = position.last_rev;
        client.send(&join_as("room", Some(1), Some(position))).await;
        assert!(!client.joined().await.resumed);
        let gap = client.gap().await;
        assert_eq!(
            (gap.reason, gap.expected_rev, gap.resume_from),
            (reason, expected, Rev::new(1))
        );
        assert_eq!(client.snapshot().await[0].rev, Rev::new(1));
        client.check_state().await;
    }
}

#[tokio::test]
async fn f2_the_ring_decides_between_delta_and_gap_exactly_at_its_edge() {
    let mut settings = settings();
    settings.limits.ring_ops = 8;
    let server = Server::start(settings).await;
    let mut writer = server.join(Codec::Json, "room").await;
    let mut stands = Vec::new();
    for n in 1..=20 {
        writer
            .update(&format!("u{n}"), vec![put("a", "text")])
            .await;
        writer.operations_to(n).await;
        stands.push((n, writer.position.clone(), writer.document.clone()));
    }
    let at_the_edge = stands
        .into_iter()
        .filter(|(rev, ..)| [11, 12].contains(rev));
    for (rev, position, document) in at_the_edge {
        let resumes = rev == 12;
        let mut client = server.connect(Codec::Json).await;
        (client.position, client.document) = (position.clone(), document);
        client.send(&join_as("room", Some(1), position)).await;
        assert_eq!(
            client.joined().await.resumed,
            resumes,
            "from revision {rev}"
        );
        if resumes {
            assert_eq!(client.deltas().await.ops.len(), 8);
        } else {
            assert_eq!(client.gap().await.buffer_first_rev, Rev::new(13));
        }
    }
}

#[tokio::test]
async fn c2_before_join_everything_is_unauthenticated() {
    let server = Server::start(settings()).await;
    let mut client = server.connect(Codec::Json).await;
    client.update("u1", vec![put("a", "one")]).await;
    assert_eq!(client.reject().await.code, Code::Unauthenticated);
    for message in [
        ClientMessage::Heartbeat,
        ClientMessage::Resync(None),
        ClientMessage::Presence(None),
    ] {
        client.send(&message).await;
        assert_eq!(client.error().await, Code::Unauthenticated);
    }
    client.send(&join("room")).await;
    client.joined().await;
    client.send(&join("room")).await;
    client.snapshot().await;
    assert_eq!(client.error().await, Code::AlreadyJoined);
}

#[tokio::test]
async fn c1_whoever_does_not_join_in_time_is_told_and_closed() {
    let mut settings = settings();
    settings.join_time = Duration::from_millis(50);
    let server = Server::start(settings).await;
    let mut client = server.connect(Codec::Json).await;
    assert_eq!(client.error().await, Code::JoinTimeout);
    assert_eq!(client.end().await, End::Closed(4408));
    drop(client);
    server.until_empty().await;
}

#[tokio::test]
async fn c3_tokens_open_rooms_for_reading_or_writing() {
    let rule = |token, rooms, access| TokenRule::new(token, rooms, access).unwrap();
    let tokens = [
        rule("reader", "team-*", Access::Read),
        rule("writer", "team-*", Access::Write),
    ];
    let server = Server::start_with(settings(), &tokens, Arc::new(MemoryLog::new(9))).await;
    let join = |room, token: Option<&str>| {
        ClientMessage::Join(Join {
            room: RoomName::new(room).unwrap(),
            client_key: None,
            position: None,
            token: token.map(str::to_owned),
        })
    };
    let refused = [
        (join("team-a", None), Code::Unauthenticated, 4401),
        (join("team-a", Some("other")), Code::Unauthenticated, 4401),
        (join("private", Some("writer")), Code::Forbidden, 4403),
    ];
    for (message, code, close) in refused {
        let mut client = server.connect(Codec::Json).await;
        client.send(&message).await;
        assert_eq!(client.error().await, code);
        assert_eq!(client.end().await, End::Closed(close));
    }
    let mut reader = server.connect(Codec::Json).await;
    reader.send(&join("team-a", Some("reader"))).await;
    reader.snapshot_after_joined().await;
    reader.update("u1", vec![put("a", "one")]).await;
    assert_eq!(reader.reject().await.code, Code::Forbidden);
    reader.send(&ClientMessage::Presence(None)).await;
    assert_eq!(reader.error().await, Code::Forbidden);
    let mut writer = server.connect(Codec::Json).await;
    writer.send(&join("team-a", Some("writer"))).await;
    writer.snapshot_after_joined().await;
    writer.update("u1", vec![put("a", "one")]).await;
    assert_eq!(reader.deltas().await.ops[0].client_req_id.as_str(), "u1");
}

#[tokio::test]
async fn c5_a_second_connection_supersedes_the_first_whose_late_end_changes_nothing() {
    let server = Server::start(settings()).await;
    let mut other = server.join(Codec::Json, "room").await;
    let mut old = server.connect(Codec::Json).await;
    old.send(&join_as("room", Some(1), None)).await;
    old.snapshot_after_joined().await;
    let mut new = server.connect(Codec::MessagePack).await;
    new.send(&join_as("room", Some(1), None)).await;
    new.snapshot_after_joined().await;
    new.send(&ClientMessage::Presence(Some(crate::support::object(
        "here",
    ))))
    .await;
    assert_eq!(other.presence().await.0.len(), 1);

    assert_eq!(old.error().await, Code::Superseded);
    assert_eq!(old.end().await, End::Closed(4001));
    drop(old);
    server
        .until("the first one freed", |stats| {
            stats.connections.connections == 2
        })
        .await;

    other.update("u1", vec![put("a", "one")]).await;
    assert_eq!(new.deltas().await.to_rev, Rev::new(1));
    let mut late = server.connect(Codec::Json).await;
    late.send(&join("room")).await;
    late.snapshot_after_joined().await;
    let (present, full) = late.presence().await;
    assert_eq!(
        (present.len(), full),
        (1, true),
        "the second one is still present"
    );
}

#[tokio::test]
async fn c5_a_client_that_supersedes_itself_over_and_over_leaves_one_member() {
    let server = Server::start(settings()).await;
    let mut last = None;
    let mut clients = Vec::new();
    for _ in 0..50 {
        let mut client = server.connect(Codec::Json).await;
        client.send(&join_as("room", Some(1), None)).await;
        if let Some(before) = last.replace(client) {
            clients.push(before);
        }
    }
    drop(clients);
    let mut last = last.unwrap();
    last.snapshot_after_joined().await;
    server
        .until("one left", |stats| stats.connections.members == 1)
        .await;
    last.update("u1", vec![put("a", "one")]).await;
    assert_eq!(last.deltas().await.to_rev, Rev::new(1));
}

#[tokio::test]
async fn c7_resync_is_answered_by_a_new_joined_and_what_follows_it() {
    let server = Server::start(settings()).await;
    let mut client = server.join(Codec::Json, "room").await;
    let start = client.position.clone();
    for n in 1..=3 {
        client
            .update(&format!("u{n}"), vec![put("a", "text")])
            .await;
    }
    client.operations_to(3).await;

    client
        .send(&ClientMessage::Resync(client.position.clone()))
        .await;
    assert!(client.joined().await.resumed);
    assert_eq!(
        client.presence().await,
        (vec![], true),
        "nothing else follows at the head"
    );

    client.send(&ClientMessage::Resync(start.clone())).await;
    assert!(client.joined().await.resumed);
    client.position = start;
    client.document = revring_protocol::document::Document::new();
    assert_eq!(client.deltas().await.ops.len(), 3);

    client.send(&ClientMessage::Resync(None)).await;
    assert!(!client.joined().await.resumed);
    assert_eq!(client.snapshot().await[0].rev, Rev::new(3));
    client.update("u4", vec![put("a", "more")]).await;
    assert_eq!(client.deltas().await.to_rev, Rev::new(4));
    client.check_state().await;
}

#[tokio::test]
async fn c10_a_full_room_and_a_full_server_turn_newcomers_away() {
    let mut settings = settings();
    settings.max_room_connections = 1;
    settings.max_rooms = 2;
    let server = Server::start(settings).await;
    let mut first = server.connect(Codec::Json).await;
    first.send(&join_as("a", Some(1), None)).await;
    first.snapshot_after_joined().await;
    let _second = server.join(Codec::Json, "b").await;
    for (room, expected) in [("a", Code::RoomFull), ("c", Code::TooManyRooms)] {
        let mut client = server.connect(Codec::Json).await;
        client.send(&join(room)).await;
        let ServerMessage::Error {
            code,
            retryable,
            retry_after_ms,
            ..
        } = client.told().await
        else {
            panic!("an ERROR");
        };
        assert_eq!((code, retryable), (expected, true));
        assert!(retry_after_ms.is_some());
        assert_eq!(client.end().await, End::Closed(1013));
    }
    let mut again = server.connect(Codec::Json).await;
    again.send(&join_as("a", Some(1), None)).await;
    again.joined().await;
    assert_eq!(
        first.error().await,
        Code::Superseded,
        "who supersedes needs no place of its own"
    );
}

#[tokio::test]
async fn u1_updates_sent_right_behind_join_are_taken() {
    let server = Server::start(settings()).await;
    for codec in Codec::ALL {
        let mut client = server.connect(codec).await;
        client.send(&join("room")).await;
        client
            .send(&ClientMessage::Update(update(
                "first",
                vec![put("a", "one")],
            )))
            .await;
        client.snapshot_after_joined().await;
        assert_eq!(client.deltas().await.ops[0].client_req_id.as_str(), "first");
    }
}
