//! What becomes of updates.

use crate::support::{Stage, quick, soon, stranger, until};
use revring_client::{
    OnGap, Rev, Status, UpdateError, change,
    protocol::{
        error::Code,
        limits::Limits,
        message::{ClientMessage, Deltas, Gap, GapReason, Reject, ServerMessage},
    },
};
use serde_json::json;

#[tokio::test]
async fn u1_k1_an_update_shows_at_once_and_resolves_by_the_delta() {
    let stage = Stage::set().await;
    let (room, mut peer) = stage.room(quick()).await;
    let answer = room.update(change::put("cards", "1", json!({"title": "Milk"})));
    assert!(
        room.record("cards", "1").is_some(),
        "before anything is awaited"
    );
    assert!(room.confirmed().is_empty());
    assert_eq!(room.pending(), [answer.id().expect("taken").clone()]);
    let update = peer.receive_update().await;
    peer.accept(room.client_id(), &update).await;
    assert_eq!(soon(answer).await, Ok(Rev::new(1)));
    let state = room.state();
    assert_eq!((state.rev, state.pending.len()), (Rev::new(1), 0));
    assert_eq!(state.view.checksum(), peer.document.checksum());
    assert_eq!(state.confirmed.checksum(), peer.document.checksum());
}

#[tokio::test]
async fn u1_a_rejection_gives_the_reason_and_takes_the_update_back() {
    let stage = Stage::set().await;
    let (room, mut peer) = stage.room(quick()).await;
    let answer = room.update(change::put("cards", "1", json!({})));
    let update = peer.receive_update().await;
    peer.send(ServerMessage::Reject(Reject::new(
        update.client_req_id,
        Code::Forbidden,
        "read only",
    )))
    .await;
    let Err(UpdateError::Rejected(reject)) = soon(answer).await else {
        panic!("rejected")
    };
    assert_eq!(
        (reject.code, reject.message.as_str()),
        (Code::Forbidden, "read only")
    );
    assert!(room.view().is_empty());
}

#[tokio::test]
async fn dropping_the_answer_does_not_cancel_the_update() {
    let stage = Stage::set().await;
    let (room, mut peer) = stage.room(quick()).await;
    drop(room.update(change::put("cards", "1", json!({}))));
    let update = peer.receive_update().await;
    let mut events = room.subscribe();
    peer.accept(room.client_id(), &update).await;
    while room.rev() != Rev::new(1) {
        soon(events.next()).await.expect("open");
    }
    assert_eq!(room.confirmed().len(), 1);
}

#[tokio::test]
async fn k8_unanswered_updates_are_sent_again_in_order_with_first_rev() {
    let stage = Stage::set().await;
    let (room, mut peer) = stage.room(quick()).await;
    let first = room.update(change::put("cards", "1", json!({})));
    let second = room.update(change::put("cards", "2", json!({})));
    let sent = [peer.receive_update().await, peer.receive_update().await];
    drop(peer);
    let (mut peer, _) = stage.joined().await;
    let again = [peer.receive_update().await, peer.receive_update().await];
    for (sent, again) in sent.iter().zip(&again) {
        assert_eq!(
            (&sent.client_req_id, sent.first_rev),
            (&again.client_req_id, None)
        );
        assert_eq!(again.first_rev, Some(Rev::ZERO));
    }
    for update in &again {
        peer.accept(room.client_id(), update).await;
    }
    assert_eq!(
        (soon(first).await, soon(second).await),
        (Ok(Rev::new(1)), Ok(Rev::new(2)))
    );
}

#[tokio::test]
async fn u2_a_duplicate_is_answered_with_its_first_revision() {
    let stage = Stage::set().await;
    let (room, mut peer) = stage.room(quick()).await;
    let answer = room.update(change::put("cards", "1", json!({})));
    let update = peer.receive_update().await;
    let operation = peer.commit(room.client_id(), &update);
    drop(peer);
    let (mut peer, _) = stage.joined().await;
    let again = peer.receive_update().await;
    let ack = ServerMessage::Ack {
        client_req_id: again.client_req_id,
        rev: Rev::new(1),
        duplicate: true,
    };
    peer.send(ack).await;
    assert_eq!(soon(answer).await, Ok(Rev::new(1)));
    assert_eq!(room.view().len(), 1, "no flicker before the delta");
    let deltas = Deltas {
        from_rev: Rev::ZERO,
        to_rev: Rev::new(1),
        ops: vec![operation],
    };
    peer.send(ServerMessage::Deltas(deltas)).await;
    let mut events = room.subscribe();
    while room.rev() != Rev::new(1) {
        soon(events.next()).await.expect("open");
    }
    assert_eq!(room.view().len(), 1);
}

#[tokio::test]
async fn k5_discard_gives_updates_back_on_a_gap() {
    let stage = Stage::set().await;
    let (room, mut peer) = stage.room(quick().on_gap(OnGap::Discard)).await;
    let answer = room.update(change::put("cards", "1", json!({})));
    let update = peer.receive_update().await;
    peer.commit(&stranger(), &update);
    peer.send(ServerMessage::Gap(Gap {
        expected_rev: Rev::ZERO,
        server_rev: Rev::new(1),
        buffer_first_rev: Rev::new(2),
        resume_from: Rev::new(1),
        reason: GapReason::Behind,
        acked: Vec::new(),
    }))
    .await;
    peer.send_snapshot().await;
    assert_eq!(soon(answer).await, Err(UpdateError::Discarded));
    until(&room, |status| *status == Status::Live).await;
}

#[tokio::test]
async fn k9_a_retryable_rejection_is_sent_again_after_its_pause() {
    let stage = Stage::set().await;
    let (room, mut peer) = stage.room(quick()).await;
    let answer = room.update(change::put("cards", "1", json!({})));
    let update = peer.receive_update().await;
    let reject = Reject {
        retry_after_ms: Some(20),
        ..Reject::new(update.client_req_id.clone(), Code::RateLimited, "slower")
    };
    peer.send(ServerMessage::Reject(reject)).await;
    let again = peer.receive_update().await;
    assert_eq!(again.client_req_id, update.client_req_id);
    peer.accept(room.client_id(), &again).await;
    assert_eq!(soon(answer).await, Ok(Rev::new(1)));
}

#[tokio::test]
async fn w6_an_update_over_the_message_limit_is_rejected_without_being_sent() {
    let stage = Stage::set().await;
    let room = quick().open(&stage.url, "room").expect("valid");
    let mut peer = stage.accept().await;
    let ClientMessage::Join(join) = peer.receive().await else {
        panic!("JOIN comes first")
    };
    let limits = Limits {
        message_bytes: 1000,
        ..Limits::DEFAULT
    };
    // Taken while the limits are not known.
    let early = room.update(change::put("cards", "1", json!({"text": "x".repeat(2000)})));
    peer.answer_join(&join, limits, 60_000).await;
    let Err(UpdateError::Rejected(reject)) = soon(early).await else {
        panic!("rejected")
    };
    assert_eq!(reject.code, Code::TooLarge);
    let late = room.update(change::put("cards", "2", json!({"text": "x".repeat(2000)})));
    assert!(matches!(
        soon(late).await,
        Err(UpdateError::Rejected(_) | UpdateError::Refused(_))
    ));
    let fits = room.update(change::put("cards", "3", json!({})));
    let update = peer.receive_update().await;
    assert_eq!(
        update.changes[0].key.id.as_str(),
        "3",
        "the connection goes on"
    );
    peer.accept(room.client_id(), &update).await;
    assert_eq!(soon(fits).await, Ok(Rev::new(1)));
}

#[tokio::test]
async fn updates_past_the_bound_are_held_back() {
    let stage = Stage::set().await;
    let (room, mut peer) = stage.room(quick().max_pending(1)).await;
    let put = |id| change::put("cards", id, json!({}));
    let first = room.update(put("1"));
    let second = room.update(put("2"));
    assert_eq!(second.id(), None);
    assert_eq!(room.view().len(), 1, "held back, it does not show");
    assert!(matches!(
        room.try_update(put("3")),
        Err(UpdateError::TooManyPending)
    ));
    let second = tokio::spawn(second);
    let update = peer.receive_update().await;
    peer.accept(room.client_id(), &update).await;
    assert_eq!(soon(first).await, Ok(Rev::new(1)));
    let update = peer.receive_update().await;
    peer.accept(room.client_id(), &update).await;
    assert_eq!(soon(second).await.expect("no panic"), Ok(Rev::new(2)));
    let third = room.try_update(put("3")).expect("there is room");
    assert!(third.id().is_some());
}

#[tokio::test]
async fn an_update_that_cannot_be_is_refused_at_once() {
    let stage = Stage::set().await;
    let (room, _peer) = stage.room(quick()).await;
    let invalid = room.update([
        change::put("cards", "1", json!({})),
        change::set("cards", "1", "no-slash", 1),
    ]);
    assert!(matches!(soon(invalid).await, Err(UpdateError::Invalid(_))));
    let empty = room.update(Vec::<change::Draft>::new());
    assert!(matches!(soon(empty).await, Err(UpdateError::Refused(_))));
    let absent = room.update(change::add("cards", "nowhere", "/n", 1));
    assert!(matches!(soon(absent).await, Err(UpdateError::Refused(_))));
    assert!(room.view().is_empty() && room.pending().is_empty());
}
