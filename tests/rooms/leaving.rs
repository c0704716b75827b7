//! A room leaves memory once the log has an image of it, and not before.

use std::{sync::Arc, time::Duration};

use revring::log::{Log, LogError};
use revring_protocol::{codec::Codec, ids::Rev};

use crate::{
    puppet::{Asked, ImageStep, Puppet, on_purpose},
    support::{Client, Server, put, settings},
};

/// A server whose rooms leave memory as soon as they may.
async fn brief(log: &Arc<Puppet>) -> Server {
    let mut settings = settings();
    settings.room_idle = Duration::from_millis(10);
    Server::start_with(settings, &[], Arc::clone(log) as Arc<dyn Log>).await
}

/// Someone joins `room` at `rev`, writes once and leaves.
async fn visit(server: &Server, rev: u64) {
    let mut client: Client = server.join(Codec::Json, "room").await;
    assert_eq!(client.rev(), rev);
    let (id, text) = (format!("u{}", rev + 1), format!("at {rev}"));
    client.update(&id, vec![put("a", &text)]).await;
    client.operations_to(rev + 1).await;
    client.check_state().await;
}

async fn rooms(server: &Server) -> usize {
    server.services.stats().await.rooms.rooms
}

async fn until_gone(server: &Server) {
    server
        .until("gone from memory", |stats| stats.rooms.rooms == 0)
        .await;
}

fn since(since: u64, rev: u64) -> Asked {
    let since = Some(since);
    Asked { since, rev }
}

#[tokio::test]
async fn c4_a_room_that_is_about_to_leave_serves_whoever_comes() {
    let log = Puppet::with_images(vec![ImageStep::Wait, ImageStep::Wait]);
    let server = brief(&log).await;
    visit(&server, 0).await;
    assert_eq!(log.asked(1).await, [since(0, 1)]);

    // The checkpoint waits; nobody else does.
    let mut client = server.join(Codec::MessagePack, "room").await;
    let epoch = client.position.clone().unwrap().epoch;
    assert_eq!(client.rev(), 1);
    client.update("here", vec![put("b", "meanwhile")]).await;
    assert_eq!(client.deltas().await.to_rev, Rev::new(2));
    log.store_image.notify_one();
    client.check_state().await;
    assert_eq!(rooms(&server).await, 1, "it stays for whoever is there");
    drop(client);

    // What came in the meantime is not in the first image: it leaves after another one.
    assert_eq!(log.asked(2).await, [since(0, 1), since(1, 2)]);
    server.until_empty().await;
    assert_eq!(rooms(&server).await, 1, "nothing leaves without an image");
    log.store_image.notify_one();
    until_gone(&server).await;
    assert_eq!(log.asked.lock().len(), 2);
    let mut client = server.join(Codec::Json, "room").await;
    assert_eq!(client.position.clone().unwrap().epoch, epoch);
    assert_eq!(client.rev(), 2);
    client.check_state().await;
}

#[tokio::test]
async fn c4_who_comes_and_goes_while_a_room_is_about_to_leave_is_part_of_it() {
    let log = Puppet::with_images(vec![ImageStep::Wait]);
    let server = brief(&log).await;
    visit(&server, 0).await;
    log.asked(1).await;
    visit(&server, 1).await;
    server.until_empty().await;
    assert_eq!(log.asked.lock().len(), 1, "one is written at a time");
    log.store_image.notify_one();
    until_gone(&server).await;
    assert_eq!(log.asked(2).await, [since(0, 1), since(1, 2)]);
    visit(&server, 2).await;
}

#[tokio::test]
async fn c4_after_a_failed_checkpoint_the_next_starts_from_the_same_image() {
    let log = Puppet::with_images(vec![]);
    let server = brief(&log).await;
    visit(&server, 0).await;
    until_gone(&server).await;
    assert_eq!(log.asked(1).await, [since(0, 1)]);

    *log.images.lock() = vec![ImageStep::Fail(on_purpose())];
    visit(&server, 1).await;
    assert_eq!(log.asked(2).await[1..], [since(1, 2)]);
    server.until_empty().await;
    assert_eq!(rooms(&server).await, 1, "nothing leaves without an image");
    // Whoever leaves is a new occasion.
    visit(&server, 2).await;
    assert_eq!(log.asked(3).await[2..], [since(1, 3)]);
    until_gone(&server).await;
    visit(&server, 3).await;
}

#[tokio::test]
async fn c4_when_the_log_has_another_image_the_next_is_complete() {
    let log = Puppet::with_images(vec![ImageStep::Fail(LogError::OtherImage)]);
    let server = brief(&log).await;
    visit(&server, 0).await;
    log.asked(1).await;
    visit(&server, 1).await;
    let complete = Asked {
        since: None,
        rev: 2,
    };
    assert_eq!(log.asked(2).await, [since(0, 1), complete]);
    until_gone(&server).await;
    visit(&server, 2).await;
    assert_eq!(log.asked(3).await[2..], [since(2, 3)]);
}
