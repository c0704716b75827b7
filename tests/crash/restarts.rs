//! How far back a client may be to go on from where it was: as far after the server was ended, however it was, as before.

use revring_client::{Room, change, protocol::message::GapReason};
use serde_json::json;

use crate::{
    process::{Host, Served},
    scene::head_of,
    support::{directory, joined, leave, open, quick, soon},
};

/// Operations that the ring holds here.
const RING: u64 = 64;

/// What happens while two clients are away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Nothing,
    Killed,
    Stopped,
    /// The room leaves memory.
    LeftMemory,
    LeftMemoryAndKilled,
}

#[tokio::test(flavor = "multi_thread")]
async fn f2_a_ring_reaches_as_far_back_while_its_server_stays() {
    go_on_after(Fate::Nothing).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f2_a_ring_reaches_as_far_back_after_kill_9() {
    go_on_after(Fate::Killed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f2_a_ring_reaches_as_far_back_after_a_stop_in_order() {
    go_on_after(Fate::Stopped).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f2_a_ring_reaches_as_far_back_in_a_room_that_left_memory() {
    go_on_after(Fate::LeftMemory).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f2_a_ring_reaches_as_far_back_in_a_room_that_left_memory_before_kill_9() {
    go_on_after(Fate::LeftMemoryAndKilled).await;
}

async fn go_on_after(fate: Fate) {
    let place = directory();
    let host = Host::new(place.path(), &["--ring-ops=64", "--room-idle=1ms"]);
    let mut served = host.start().await;
    let writer = open(quick(), &host.url(), "room").await;
    write(&writer, 100).await;
    let far = left(&host).await;
    write(&writer, 1).await;
    let near = left(&host).await;
    write(&writer, RING).await;
    let head = head_of(&writer).await;
    drop(writer);

    served = undergo(fate, &host, served).await;
    for (client, away, resumes) in [(near, RING, true), (far, RING + 1, false)] {
        assert_eq!(head.rev.since(client.rev()), away);
        let mut events = client.subscribe();
        client.reconnect();
        let (joined, gap) = joined(&mut events).await;
        let gap_expected = (!resumes).then_some(GapReason::Behind);
        assert_eq!((joined, gap), (resumes, gap_expected), "{away} behind");
        assert_eq!(head_of(&client).await, head, "{away} behind");
    }
    served.stop().await;
    host.check_log();
}

/// A client that was in the room at its head and has gone offline.
async fn left(host: &Host) -> Room {
    let room = open(quick(), &host.url(), "room").await;
    head_of(&room).await;
    leave(&room).await;
    room
}

async fn undergo(fate: Fate, host: &Host, served: Served) -> Served {
    if matches!(fate, Fate::LeftMemory | Fate::LeftMemoryAndKilled) {
        host.logged("idle room left memory").await;
    }
    match fate {
        Fate::Nothing | Fate::LeftMemory => served,
        Fate::Killed | Fate::LeftMemoryAndKilled => {
            served.kill().await;
            host.start().await
        }
        Fate::Stopped => {
            served.stop().await;
            host.start().await
        }
    }
}

async fn write(room: &Room, updates: u64) {
    for n in 0..updates {
        let put = change::put("cards", &format!("{}", n % 10), json!({ "n": n }));
        soon("an answer", room.update(put)).await.expect("accepted");
    }
}
