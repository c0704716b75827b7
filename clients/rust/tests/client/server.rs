//! The client and the real server.

use std::{net::SocketAddr, time::Duration};

use revring::{Server, config::Settings};
use revring_client::{
    Closed, Codec, Event, Keys, Options, Room, Status, UpdateError, change,
    protocol::{error::Code, ids::Rev},
};
use serde_json::json;
use tokio::{sync::oneshot, task::JoinHandle};

use crate::support::{is_offline, quick, soon, until};

/// A server in this process; gone when dropped.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) url: String,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Running {
    pub(crate) async fn start(settings: Settings) -> Self {
        let listen = "127.0.0.1:0".parse().expect("an address");
        let server = Server::bind(Settings {
            listen,
            ephemeral: true,
            ..settings
        })
        .await
        .expect("a server");
        let address = server.local_addr();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(server.run(async {
            let _ = stopped.await;
        }));
        Self {
            address,
            url: format!("ws://{address}/v1/ws"),
            stop: Some(stop),
            task,
        }
    }

    /// Ends it in order.
    pub(crate) async fn stop(mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        soon(&mut self.task).await.expect("no panic");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn connect(server: &Running, options: Options, room: &str) -> Room {
    soon(options.connect(&server.url, room))
        .await
        .expect("connected")
}

/// Waits until `room` has confirmed `rev`.
pub(crate) async fn reach(room: &Room, rev: Rev) {
    let mut events = room.subscribe();
    while room.rev() < rev {
        soon(events.next()).await.expect("the room is open");
    }
}

#[tokio::test]
async fn two_clients_see_the_same() {
    let server = Running::start(Settings::default()).await;
    for codec in Codec::ALL {
        let room = format!("room-{}", codec.index());
        let ada = connect(&server, quick().codec(codec), &room).await;
        let bob = connect(&server, quick(), &room).await;
        let rev = soon(ada.update(change::put("cards", "1", json!({"title": "Milk"}))))
            .await
            .expect("accepted");
        reach(&bob, rev).await;
        let rev = soon(bob.update(change::splice("cards", "1", "/title", 0, 0, "Oat ")))
            .await
            .expect("accepted");
        reach(&ada, rev).await;
        let card = ada.record("cards", "1").expect("it is there");
        assert_eq!(card.data()["title"].as_str(), Some("Oat Milk"));
        let (ada, bob) = (ada.state(), bob.state());
        assert_eq!(ada.view.checksum(), bob.view.checksum());
        assert_eq!((ada.rev, ada.epoch), (bob.rev, bob.epoch));
    }
}

#[tokio::test]
async fn h1_heartbeat_tells_head_and_checksum() {
    let server = Running::start(Settings::default()).await;
    let room = connect(&server, quick(), "room").await;
    soon(room.update(change::put("cards", "1", json!({}))))
        .await
        .expect("accepted");
    let heartbeat = soon(room.heartbeat()).await.expect("answered");
    assert_eq!(
        (heartbeat.rev, &*heartbeat.checksum),
        (room.rev(), room.confirmed().checksum().as_str())
    );
}

#[tokio::test]
async fn h3_an_idle_client_is_not_silent() {
    let (heartbeat, silence) = (Duration::from_millis(100), Duration::from_millis(1000));
    let server = Running::start(Settings {
        heartbeat,
        silence,
        ..Settings::default()
    })
    .await;
    let room = connect(&server, quick(), "room").await;
    let mut events = room.subscribe();
    let end = tokio::time::timeout(silence * 2, async {
        while !matches!(events.next().await, Some(Event::Status(_)) | None) {}
    });
    assert!(
        end.await.is_err(),
        "the connection ended: {:?}",
        room.status()
    );
}

#[tokio::test]
async fn d3_a_conflict_is_an_error_that_says_what_stood_in_the_way() {
    let server = Running::start(Settings::default()).await;
    let ada = connect(&server, quick(), "room").await;
    let bob = connect(&server, quick(), "room").await;
    let put = |title| change::put("cards", "1", json!({"title": title})).if_version(0);
    let (first, second) = tokio::join!(
        soon(ada.update(put("Milk"))),
        soon(bob.update(put("Bread")))
    );
    let lost = match (first, second) {
        (Ok(_), Err(lost)) | (Err(lost), Ok(_)) => lost,
        other => panic!("one of them wins: {other:?}"),
    };
    match lost {
        UpdateError::Rejected(reject) => {
            assert_eq!(reject.code, Code::Conflict);
            assert_eq!(reject.conflict.expect("what stood in the way").version, 1);
        }
        // The other's put was there before this one was asked for.
        UpdateError::Refused(_) => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn p2_presence_is_seen_by_others_and_ends_with_the_connection() {
    let server = Running::start(Settings::default()).await;
    let ada = connect(&server, quick(), "room").await;
    let bob = connect(&server, quick(), "room").await;
    let mut events = bob.subscribe();
    ada.presence(Some(json!({"cursor": 3}))).expect("an object");
    while !bob.present().contains_key(ada.client_id()) {
        soon(events.next()).await.expect("open");
    }
    assert_eq!(bob.present()[ada.client_id()]["cursor"], 3.into());
    soon(ada.close()).await;
    while bob.present().contains_key(ada.client_id()) {
        soon(events.next()).await.expect("open");
    }
}

#[tokio::test]
async fn c5_a_second_connection_of_the_same_client_closes_the_first() {
    let server = Running::start(Settings::default()).await;
    let first = connect(&server, quick(), "room").await;
    let second = connect(
        &server,
        quick().client_key(first.client_key().clone()),
        "room",
    )
    .await;
    let closed = soon(first.watch_status().wait_for(|_| false)).await;
    assert_eq!(closed, Status::Closed(Closed::Superseded));
    soon(second.update(change::put("cards", "1", json!({}))))
        .await
        .expect("the second goes on");
}

#[tokio::test]
async fn c8_close_ends_the_room() {
    let server = Running::start(Settings::default()).await;
    let room = connect(&server, quick(), "room").await;
    soon(room.close()).await;
    assert_eq!(room.status(), Status::Closed(Closed::Left));
}

#[tokio::test]
async fn c11_a_shutdown_is_survived() {
    let server = Running::start(Settings::default()).await;
    let room = connect(&server, quick(), "room").await;
    soon(room.update(change::put("cards", "1", json!({"n": 1}))))
        .await
        .expect("accepted");
    let address = server.address;
    server.stop().await;
    let offline = until(&room, is_offline).await;
    assert!(format!("{offline:?}").contains("1012"), "{offline:?}");
    let answer = room.update(change::put("cards", "2", json!({"n": 2})));
    let server = Server::bind(Settings {
        listen: address,
        ephemeral: true,
        ..Settings::default()
    })
    .await
    .expect("the port again");
    let server = tokio::spawn(server.run(std::future::pending()));
    room.reconnect();
    soon(answer).await.expect("accepted in the new epoch");
    until(&room, |status| *status == Status::Live).await;
    assert_eq!(
        room.view().len(),
        1,
        "the memory log has lost what was before"
    );
    server.abort();
}

#[tokio::test]
async fn f4_a_gap_brings_a_snapshot_and_loses_no_update() {
    let server = Running::start(Settings {
        ring_ops: 16,
        ..Settings::default()
    })
    .await;
    let away = connect(&server, quick(), "room").await;
    soon(away.update(change::put("counters", "n", json!({"n": 0}))))
        .await
        .expect("accepted");
    let mut events = away.subscribe();
    away.disconnect();
    until(&away, is_offline).await;
    let answer = away.update(change::add("counters", "n", "/n", 1));
    let busy = connect(&server, quick(), "room").await;
    for _ in 0..40 {
        soon(busy.update(change::add("counters", "n", "/n", 1)))
            .await
            .expect("accepted");
    }
    away.reconnect();
    let rev = soon(answer).await.expect("offered again");
    reach(&away, rev).await;
    reach(&busy, rev).await;
    assert_eq!(
        away.record("counters", "n").expect("it is there").data()["n"],
        41.into()
    );
    assert_eq!(away.state().view.checksum(), busy.state().view.checksum());
    let mut seen = Vec::new();
    while let Some(event) = events.try_next() {
        seen.push(event);
    }
    assert!(
        seen.iter().any(|event| matches!(event, Event::Gap(_))),
        "{seen:?}"
    );
    assert!(
        seen.iter()
            .any(|event| matches!(event, Event::Changed(keys) if **keys == Keys::All)),
        "{seen:?}"
    );
}

#[tokio::test]
async fn u2_an_update_kept_over_a_restart_of_the_client_counts_once() {
    let server = Running::start(Settings::default()).await;
    let before = connect(&server, quick(), "room").await;
    soon(before.update(change::put("counters", "n", json!({"n": 0}))))
        .await
        .expect("accepted");
    let id = "kept-1"
        .parse::<revring_client::ClientReqId>()
        .expect("a valid id");
    let add = || change::add("counters", "n", "/n", 1);
    let rev = soon(before.update_as(id.clone(), add()))
        .await
        .expect("accepted");
    let key = before.client_key().clone();
    soon(before.close()).await;
    let after = connect(&server, quick().client_key(key), "room").await;
    assert_eq!(soon(after.update_as(id, add())).await, Ok(rev));
    assert_eq!(after.confirmed().checksum(), before.confirmed().checksum());
}
