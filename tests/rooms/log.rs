//! What becomes of updates while the log is slow, fails, or had others first.

use std::sync::{Arc, atomic::Ordering};

use revring::log::Log;
use revring_protocol::{codec::Codec, error::Code, ids::Rev, message::ServerMessage};

use crate::{
    puppet::{Puppet, Step},
    support::{End, Server, join, put, settings},
};

#[tokio::test]
async fn o4_nothing_is_seen_before_the_log_has_it_and_others_are_served_meanwhile() {
    let log = Puppet::new(vec![Step::Wait]);
    let server = Server::start_with(settings(), &[], Arc::clone(&log) as Arc<dyn Log>).await;
    let mut writer = server.join(Codec::Json, "room").await;
    writer.update("u1", vec![put("a", "one")]).await;
    writer.update("u2", vec![put("a", "two")]).await;
    assert_eq!(writer.settle().await.0, 0, "the update waits for the log");
    let mut reader = server.join(Codec::Json, "room").await;
    assert_eq!(reader.settle().await.0, 0);
    log.go_on.notify_one();
    for client in [&mut writer, &mut reader] {
        assert_eq!(client.operations_to(2).await.len(), 2);
    }
}

#[tokio::test]
async fn o5_what_the_log_does_not_take_is_rejected_and_may_be_sent_again() {
    let server = Server::start_with(settings(), &[], Puppet::new(vec![Step::Fail])).await;
    let mut client = server.join(Codec::Json, "room").await;
    client.update("u1", vec![put("a", "one")]).await;
    let reject = client.reject().await;
    assert_eq!((reject.code, reject.retryable), (Code::Unavailable, true));
    assert!(reject.retry_after_ms.is_some());
    client.update("u1", vec![put("a", "one")]).await;
    assert_eq!(client.deltas().await.to_rev, Rev::new(1));
    client.check_state().await;
}

#[tokio::test]
async fn u6_what_was_stored_although_the_log_failed_is_accepted() {
    let server = Server::start_with(settings(), &[], Puppet::new(vec![Step::FailStored])).await;
    let mut client = server.join(Codec::Json, "room").await;
    client.update("u1", vec![put("a", "one")]).await;
    assert_eq!(client.deltas().await.to_rev, Rev::new(1));
    client.update("u2", vec![put("a", "two")]).await;
    assert_eq!(client.deltas().await.to_rev, Rev::new(2));
    client.check_state().await;
}

#[tokio::test]
async fn u6_nothing_is_proposed_until_the_log_tells_what_it_has() {
    let step = Step::FailBlind(Box::new(Step::FailStored));
    let log = Puppet::new(vec![step]);
    let server = Server::start_with(settings(), &[], Arc::clone(&log) as Arc<dyn Log>).await;
    let mut client = server.join(Codec::Json, "room").await;
    let mut reader = server.join(Codec::MessagePack, "room").await;
    for id in ["u1", "u2"] {
        client.update(id, vec![put("a", id)]).await;
        let reject = client.reject().await;
        assert_eq!((reject.code, reject.retryable), (Code::Unavailable, true));
    }
    assert_eq!(reader.settle().await.0, 0, "readers are served meanwhile");
    log.blind.store(false, Ordering::Relaxed);
    // What was refused turns out to be stored, and is shown like any other.
    let shown = reader.operations_to(1).await;
    assert_eq!(shown[0].client_req_id.as_str(), "u1");
    assert_eq!(client.operations_to(1).await, shown);
    client.update("u1", vec![put("a", "u1")]).await;
    let ServerMessage::Ack { rev, duplicate, .. } = client.told().await else {
        panic!("an ACK")
    };
    assert_eq!((rev, duplicate), (Rev::new(1), true), "it counts once");
    client.update("u2", vec![put("a", "u2")]).await;
    assert_eq!(client.deltas().await.to_rev, Rev::new(2));
    client.check_state().await;
}

#[tokio::test]
async fn u6_what_was_not_stored_is_refused_even_if_that_shows_late() {
    let step = Step::FailBlind(Box::new(Step::Fail));
    let log = Puppet::new(vec![step]);
    let server = Server::start_with(settings(), &[], Arc::clone(&log) as Arc<dyn Log>).await;
    let mut client = server.join(Codec::Json, "room").await;
    client.update("u1", vec![put("a", "one")]).await;
    assert_eq!(client.reject().await.code, Code::Unavailable);
    log.blind.store(false, Ordering::Relaxed);
    client.update("u1", vec![put("a", "one")]).await;
    assert_eq!(client.deltas().await.to_rev, Rev::new(1));
    client.check_state().await;
}

#[tokio::test]
async fn c10_a_room_that_the_log_does_not_open_is_unavailable() {
    let mut log = Arc::into_inner(Puppet::new(vec![])).unwrap();
    log.opens = false;
    let server = Server::start_with(settings(), &[], Arc::new(log)).await;
    for _ in 0..2 {
        let mut client = server.connect(Codec::Json).await;
        client.send(&join("room")).await;
        assert_eq!(client.error().await, Code::Unavailable);
        assert_eq!(client.end().await, End::Closed(1013));
    }
    server.until_empty().await;
    assert_eq!(server.services.stats().await.rooms.rooms, 0);
}

#[tokio::test]
async fn o1_operations_of_another_node_come_first_and_the_batch_is_judged_again() {
    // What the other node committed is taken from a room of its own.
    let server = Server::start(settings()).await;
    let mut other = server.join(Codec::Json, "room").await;
    other.update("theirs", vec![put("a", "theirs")]).await;
    let foreign = other.operations_to(1).await;

    let server =
        Server::start_with(settings(), &[], Puppet::new(vec![Step::Foreign(foreign)])).await;
    let mut client = server.join(Codec::Json, "room").await;
    let mut only_new = put("a", "mine");
    only_new.if_version = Some(0);
    client.update("conflicting", vec![only_new]).await;
    client.update("fitting", vec![put("b", "mine")]).await;
    let mut told = [
        client.told().await,
        client.told().await,
        client.told().await,
    ];
    told.sort_by_key(|message| matches!(message, ServerMessage::Deltas(_)));
    let ServerMessage::Reject(reject) = &told[0] else {
        panic!("a REJECT")
    };
    assert_eq!(
        (reject.client_req_id.as_str(), reject.code),
        ("conflicting", Code::Conflict)
    );
    assert_eq!(client.rev(), 2);
    client.check_state().await;
}

#[tokio::test]
async fn o1_a_room_whose_log_contradicts_itself_ends() {
    let server = Server::start_with(settings(), &[], Puppet::new(vec![Step::Nobody])).await;
    let mut client = server.join(Codec::Json, "room").await;
    let mut reader = server.join(Codec::MessagePack, "room").await;
    client.update("u1", vec![put("a", "one")]).await;
    for client in [&mut client, &mut reader] {
        assert_eq!(client.error().await, Code::Unavailable);
        assert_eq!(client.end().await, End::Closed(1013));
    }
    drop((client, reader));
    server.until_empty().await;
    assert_eq!(server.services.stats().await.rooms.rooms, 0);
    // Whoever comes back finds the room as the log has it.
    let mut client = server.join(Codec::Json, "room").await;
    client.update("u1", vec![put("a", "one")]).await;
    assert_eq!(client.deltas().await.to_rev, Rev::new(1));
    client.check_state().await;
}
