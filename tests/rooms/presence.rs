//! Who is present.

use std::collections::BTreeMap;

use revring_protocol::{
    codec::Codec,
    error::Code,
    message::ClientMessage,
    value::{Object, Value},
};

use crate::support::{Client, Server, join_as, key, object, settings};

async fn present(server: &Server, codec: Codec, n: u8) -> Client {
    present_in(server, "room", codec, n).await
}

async fn present_in(server: &Server, room: &str, codec: Codec, n: u8) -> Client {
    let mut client = server.connect(codec).await;
    client.send(&join_as(room, Some(n), None)).await;
    client.snapshot_after_joined().await;
    client
}

async fn say(client: &mut Client, text: &str) {
    client
        .send(&ClientMessage::Presence(Some(object(text))))
        .await;
}

/// Reads presence until it is `expected`.
async fn until_present(
    client: &mut Client,
    known: &mut BTreeMap<String, Object>,
    expected: &[(u8, &str)],
) {
    let expected: BTreeMap<_, _> = expected
        .iter()
        .map(|(n, text)| (key(*n).client_id().to_string(), object(text)))
        .collect();
    while *known != expected {
        let (changes, full) = client.presence().await;
        if full {
            known.clear();
        }
        for (id, data) in changes {
            match data {
                Some(data) => known.insert(id, data),
                None => known.remove(&id),
            };
        }
    }
}

#[tokio::test]
async fn p2_a_tick_carries_the_last_value_of_each_client_that_changed() {
    let server = Server::start(settings()).await;
    for codec in Codec::ALL {
        let mut first = present_in(&server, codec.subprotocol(), codec, 1).await;
        assert_eq!(first.presence().await, (vec![], true));
        for n in 0..50 {
            say(&mut first, &n.to_string()).await;
        }
        let mut frames = 0;
        loop {
            let (changes, full) = first.presence().await;
            frames += 1;
            assert!(!full && changes.len() == 1);
            if changes[0].1 == Some(object("49")) {
                break;
            }
        }
        assert!(frames < 10, "fifty values in a row take {frames} frames");
    }
}

#[tokio::test]
async fn p1_presence_ends_with_the_connection_and_p3_newcomers_get_all_of_it() {
    let server = Server::start(settings()).await;
    let (mut first, mut known) = (present(&server, Codec::Json, 1).await, BTreeMap::new());
    let mut second = present(&server, Codec::MessagePack, 2).await;
    say(&mut first, "a").await;
    say(&mut second, "b").await;
    until_present(&mut first, &mut known, &[(1, "a"), (2, "b")]).await;

    let (mut third, mut seen) = (present(&server, Codec::Json, 3).await, BTreeMap::new());
    until_present(&mut third, &mut seen, &[(1, "a"), (2, "b")]).await;

    drop(second);
    until_present(&mut first, &mut known, &[(1, "a")]).await;
    first.send(&ClientMessage::Presence(None)).await;
    until_present(&mut first, &mut known, &[]).await;
    until_present(&mut third, &mut seen, &[]).await;
}

#[tokio::test]
async fn p3_after_resync_presence_is_full_again() {
    let server = Server::start(settings()).await;
    let mut client = present(&server, Codec::Json, 1).await;
    say(&mut client, "a").await;
    until_present(&mut client, &mut BTreeMap::new(), &[(1, "a")]).await;
    client
        .send(&ClientMessage::Resync(client.position.clone()))
        .await;
    client.joined().await;
    let (all, full) = client.presence().await;
    assert_eq!((all.len(), full), (1, true));
}

#[tokio::test]
async fn p1_too_large_or_deep_a_presence_is_refused() {
    let mut settings = settings();
    settings.limits.presence_bytes = 600;
    settings.limits.depth = 3;
    let server = Server::start(settings).await;
    let mut client = present(&server, Codec::Json, 1).await;
    say(&mut client, &"x".repeat(600)).await;
    assert_eq!(client.error().await, Code::TooLarge);
    client
        .send_payload(r#"{"type":"PRESENCE","data":{"a":{"b":{"c":1}}}}"#)
        .await;
    client
        .send_payload(r#"{"type":"PRESENCE","data":{"a":{"b":{"c":{}}}}}"#)
        .await;
    assert_eq!(client.error().await, Code::TooLarge);
    say(&mut client, "fits").await;
    until_present(&mut client, &mut BTreeMap::new(), &[(1, "fits")]).await;
}

#[tokio::test]
async fn p3_more_presence_than_fits_a_frame_continues_without_full() {
    let mut settings = settings();
    settings.limits.presence_bytes = 256 << 10;
    let server = Server::start(settings).await;
    let mut clients = Vec::new();
    for n in 1..=10 {
        let mut client = present(&server, Codec::Json, n).await;
        let data = Object::from([("long".to_owned(), Value::String("x".repeat(200_000)))]);
        client.send(&ClientMessage::Presence(Some(data))).await;
        client.settle().await;
        clients.push(client);
    }
    let mut last = present(&server, Codec::Json, 11).await;
    let (mut named, mut fulls, mut frames) = (0, 0, 0);
    while named < 10 {
        let (clients, full) = last.presence().await;
        // A tick between joining and reading may repeat some.
        named += clients.len();
        fulls += usize::from(full);
        frames += 1;
        assert!(full || fulls > 0, "the first one is full");
    }
    assert!(frames >= 2);
}
