//! Whatever the network does, every update counts exactly once.

use std::{collections::BTreeSet, time::Duration};

use futures_util::future::join_all;
use revring::config::Settings;
use revring_client::{Codec, Options, Rev, Room, UpdateError, change, protocol::error::Code};
use serde_json::json;
use tokio::time::timeout;

use crate::{
    proxy::{Dice, Proxy},
    server::{Running, reach},
    support::soon,
};

/// Updates of each client.
const UPDATES: u32 = 150;
/// Clients over the broken network.
const CLIENTS: u32 = 3;

async fn each_update_counts_once(codec: Codec, seed: u64, settings: Settings) {
    let server = Running::start(settings).await;
    let proxy = Proxy::start(server.address, seed, 6000).await;
    let witness = soon(Options::new().connect(&server.url, "room"))
        .await
        .expect("connected");
    let counters = ["shared", "0", "1", "2"].map(|id| change::put("counters", id, json!({"n": 0})));
    soon(witness.update(counters)).await.expect("accepted");

    let options = Options::new()
        .codec(codec)
        .backoff(Duration::from_millis(1), Duration::from_millis(8));
    let clients = (0..CLIENTS).map(|name| {
        options
            .clone()
            .open(&proxy.url, "room")
            .map(|room| (name, room))
    });
    let clients: Vec<(u32, Room)> = clients.collect::<Result<_, _>>().expect("valid");
    let work = clients.iter().map(|(name, room)| add_up(room, *name, seed));
    let accepted: Vec<Rev> = timeout(Duration::from_secs(120), join_all(work))
        .await
        .expect("it ends")
        .into_iter()
        .flatten()
        .collect();
    let cuts = proxy.cuts();
    proxy.calm_down();

    let total = UPDATES * CLIENTS;
    let revs: BTreeSet<Rev> = accepted.iter().copied().collect();
    assert_eq!(
        revs.len(),
        total as usize,
        "each update has a revision of its own"
    );
    let head = *revs.last().expect("there were updates");
    assert_eq!(
        head,
        Rev::new(u64::from(total) + 1),
        "and no operation is of an update counted twice"
    );
    reach(&witness, head).await;
    let n = |id: &str| witness.record("counters", id).expect("it is there").data()["n"].clone();
    assert_eq!(
        n("shared"),
        revring_client::protocol::value::Value::from(total)
    );
    for (name, room) in &clients {
        assert_eq!(n(&name.to_string()), UPDATES.into());
        reach(room, head).await;
        let state = room.state();
        assert_eq!(
            state.view.checksum(),
            witness.view().checksum(),
            "client {name}"
        );
        assert!(state.pending.is_empty());
    }
    assert!(cuts > 10, "the network was hardly broken: {cuts} cuts");
}

/// Adds to the shared counter and to an own one, with many updates on their way at once.
async fn add_up(room: &Room, name: u32, seed: u64) -> Vec<Rev> {
    let mut dice = Dice::new(seed + u64::from(name));
    // The counters have to be known before they can be added to.
    reach(room, Rev::new(1)).await;
    let mut revs = Vec::new();
    let mut left = u64::from(UPDATES);
    while left > 0 {
        let burst = (1 + dice.below(20)).min(left);
        left -= burst;
        let answers = (0..burst).map(|_| {
            room.update([
                change::add("counters", "shared", "/n", 1),
                change::add("counters", &name.to_string(), "/n", 1),
            ])
        });
        let answers: Result<Vec<Rev>, UpdateError> = join_all(answers.collect::<Vec<_>>())
            .await
            .into_iter()
            .collect();
        revs.extend(answers.expect("every update is accepted"));
    }
    revs
}

#[tokio::test]
async fn u2_k8_cut_connections_json_seed_1() {
    each_update_counts_once(Codec::Json, 1, Settings::default()).await;
}

#[tokio::test]
async fn u2_k8_cut_connections_msgpack_seed_2() {
    each_update_counts_once(Codec::MessagePack, 2, Settings::default()).await;
}

#[tokio::test]
async fn u2_k5_cut_connections_with_gaps_json_seed_3() {
    each_update_counts_once(
        Codec::Json,
        3,
        Settings {
            ring_ops: 16,
            ..Settings::default()
        },
    )
    .await;
}

#[tokio::test]
async fn u2_k5_cut_connections_with_gaps_msgpack_seed_4() {
    each_update_counts_once(
        Codec::MessagePack,
        4,
        Settings {
            ring_ops: 16,
            ..Settings::default()
        },
    )
    .await;
}

/// Several people type into one text, one character of their own at a time.
async fn each_character_is_typed_once(codec: Codec, seed: u64, settings: Settings) {
    let server = Running::start(settings).await;
    let proxy = Proxy::start(server.address, seed, 6000).await;
    let witness = soon(Options::new().connect(&server.url, "room"))
        .await
        .expect("connected");
    soon(witness.update(change::put("notes", "1", json!({"text": ""}))))
        .await
        .expect("accepted");

    let options = Options::new()
        .codec(codec)
        .backoff(Duration::from_millis(1), Duration::from_millis(8));
    let clients: Result<Vec<Room>, _> = (0..CLIENTS)
        .map(|_| options.clone().open(&proxy.url, "room"))
        .collect();
    let clients = clients.expect("valid");
    let work = clients
        .iter()
        .zip(0..)
        .map(|(room, name)| type_in(room, name, seed));
    let typed = timeout(Duration::from_secs(120), join_all(work))
        .await
        .expect("it ends");
    assert!(proxy.cuts() > 5, "the network was hardly broken");
    proxy.calm_down();

    let head = soon(witness.heartbeat()).await.expect("answered").rev;
    reach(&witness, head).await;
    let text = text(&witness);
    for (character, outcome) in typed.into_iter().flatten() {
        let times = text.chars().filter(|other| *other == character).count();
        match outcome {
            Ok(_) => assert_eq!(times, 1, "accepted"),
            Err(UpdateError::Rejected(reject)) if reject.code == Code::OutcomeUnknown => {
                assert!(times <= 1);
            }
            Err(error) => assert_eq!(times, 0, "{error}"),
        }
    }
    assert!(!text.is_empty());
    for room in &clients {
        reach(room, head).await;
        assert_eq!(room.state().view.checksum(), witness.view().checksum());
    }
}

async fn type_in(room: &Room, name: u32, seed: u64) -> Vec<(char, Result<Rev, UpdateError>)> {
    let mut dice = Dice::new(seed + u64::from(name));
    reach(room, Rev::new(1)).await;
    let mut typed = Vec::new();
    let mut characters = (0..UPDATES).filter_map(|n| char::from_u32(0x4e00 + name * UPDATES + n));
    loop {
        let burst = 1 + usize::try_from(dice.below(8)).expect("it is small");
        let answers = characters.by_ref().take(burst).map(|character| {
            let length = text(room).chars().count();
            let at = usize::try_from(dice.below(length as u64 + 1)).expect("a position");
            let answer = room.update(change::splice(
                "notes",
                "1",
                "/text",
                at,
                0,
                character.to_string(),
            ));
            async move { (character, answer.await) }
        });
        let answers = join_all(answers.collect::<Vec<_>>()).await;
        if answers.is_empty() {
            return typed;
        }
        typed.extend(answers);
    }
}

fn text(room: &Room) -> String {
    let note = room.record("notes", "1").expect("it is there");
    note.data()["text"].as_str().expect("a text").to_owned()
}

#[tokio::test]
async fn s8_k8_cut_connections_while_typing_json_seed_5() {
    each_character_is_typed_once(Codec::Json, 5, Settings::default()).await;
}

#[tokio::test]
async fn s8_k6_cut_connections_while_typing_with_gaps_msgpack_seed_6() {
    each_character_is_typed_once(
        Codec::MessagePack,
        6,
        Settings {
            ring_ops: 16,
            ..Settings::default()
        },
    )
    .await;
}

/// `cargo test -p revring-client -- --ignored` for a longer look.
#[tokio::test]
#[ignore = "takes a minute"]
async fn u2_k8_k5_cut_connections_many_seeds() {
    for seed in 100..140 {
        let codec = Codec::ALL[usize::from(seed % 2 == 0)];
        let ring_ops = if seed % 4 < 2 { 16 } else { 1024 };
        println!("seed {seed}, {codec:?}, ring of {ring_ops}");
        each_update_counts_once(
            codec,
            seed,
            Settings {
                ring_ops,
                ..Settings::default()
            },
        )
        .await;
    }
}
