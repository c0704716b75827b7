//! Rust and TypeScript clients in one room, over a network that breaks: all end equal, every update counts once.
//!
//! Needs node and the built TypeScript SDK, so it is run by `just typescript` only. `REVRING_CROSS_SEED` gives another
//! seed than the one in a test's name.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use futures_util::future::join_all;
use revring::config::Settings;
use revring_client::{
    Codec, Options, Rev, Room, UpdateError, change,
    protocol::{
        error::Code,
        ids::{Collection, RecordId},
        value::Value,
    },
};
use serde::Deserialize;
use serde_json::json;
use tokio::time::timeout;

use crate::{
    edits::{cards, edits},
    node::Node,
    proxy::{Dice, Proxy},
    server::{Running, reach},
    support::soon,
};

/// Clients of each implementation.
const CLIENTS: u64 = 5;
/// Updates of each client.
const UPDATES: u64 = 100;
/// Each update leaves a record of its own here.
const LOG: &str = "log";

/// What became of an update.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Fate {
    Accepted(u64),
    Refused,
    Unknown,
}

/// Collection, id, version and data of a record.
pub(crate) type Entry = (String, String, u64, serde_json::Value);

/// The fate of each update by the id of its record in the log.
pub(crate) type Fates = BTreeMap<String, Fate>;

async fn all_end_equal(seed: u64, settings: Settings) {
    let seed =
        std::env::var("REVRING_CROSS_SEED").map_or(seed, |seed| seed.parse().expect("a number"));
    println!("seed {seed}");
    let server = Running::start(settings).await;
    let proxy = Proxy::start(server.address, seed, 12_000).await;
    let witness = soon(Options::new().connect(&server.url, "room"))
        .await
        .expect("connected");
    soon(witness.update(cards())).await.expect("accepted");

    let rust: Vec<Room> = (0..CLIENTS).map(|number| open(&proxy, number)).collect();
    let mut typescript: Vec<Node> = (0..CLIENTS)
        .map(|number| Node::start(&proxy.url, number, seed, UPDATES))
        .collect();
    let work = join_all(
        rust.iter()
            .zip(0..)
            .map(|(room, number)| work(room, number, seed)),
    );
    let node_work = join_all(typescript.iter_mut().map(Node::fates));
    let (fates, node_fates) = timeout(Duration::from_secs(120), async {
        tokio::join!(work, node_work)
    })
    .await
    .expect("it ends");
    assert!(
        proxy.cuts() > 20,
        "the network was hardly broken: {} cuts",
        proxy.cuts()
    );
    proxy.calm_down();

    let head = soon(witness.heartbeat()).await.expect("answered");
    reach(&witness, head.rev).await;
    let checksum = witness.confirmed().checksum();
    assert_eq!(checksum, &*head.checksum);
    let fates = fates.into_iter().chain(node_fates).flatten().collect();
    each_counts_once(&witness, &fates);
    for room in &rust {
        reach(room, head.rev).await;
        assert_eq!(room.state().view.checksum(), checksum);
        assert_eq!(room.state().pending, []);
    }
    let ends = typescript.iter_mut().map(|node| node.end(head.rev));
    for end in soon(join_all(ends)).await {
        assert_eq!((end.rev, &end.checksum), (head.rev.get(), &checksum));
        assert_eq!(end.resyncs, 0);
        assert_eq!(end.view, view(&witness));
    }
}

/// The records of a client's view, as a client of the other implementation tells them.
fn view(room: &Room) -> Vec<Entry> {
    let view = room.view();
    let collections = view.collections();
    let mut entries: Vec<Entry> = collections
        .flat_map(|(name, records)| records.iter().map(move |(id, record)| (name, id, record)))
        .map(|(name, id, record)| {
            let data = Value::Object(record.data().clone()).to_json();
            (name.to_string(), id.to_string(), record.version(), data)
        })
        .collect();
    entries.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
    entries
}

/// A client over the broken network. Its number says its codec.
fn open(proxy: &Proxy, number: u64) -> Room {
    let codec = Codec::ALL[usize::from(number.is_multiple_of(2))];
    let options = Options::new()
        .codec(codec)
        .backoff(Duration::from_millis(1), Duration::from_millis(8));
    options.open(&proxy.url, "room").expect("valid arguments")
}

/// Edits at random, with some updates on their way at once.
async fn work(room: &Room, number: u64, seed: u64) -> Fates {
    let mut dice = Dice::new(seed + number);
    let mut ids = (0..UPDATES)
        .map(|n| format!("rust-{number}-{n}"))
        .peekable();
    reach(room, Rev::new(1)).await;
    let mut fates = Fates::new();
    while ids.peek().is_some() {
        let burst = usize::try_from(1 + dice.below(6)).expect("it is small");
        let answers = ids.by_ref().take(burst).map(|id| {
            let mut changes = edits(&mut dice, room);
            changes.push(change::put(LOG, &id, json!({})));
            let answer = room.update(changes);
            async move { (id, fate(answer.await)) }
        });
        fates.extend(join_all(answers.collect::<Vec<_>>()).await);
    }
    fates
}

fn fate(outcome: Result<Rev, UpdateError>) -> Fate {
    match outcome {
        Ok(rev) => Fate::Accepted(rev.get()),
        Err(UpdateError::Rejected(reject)) if reject.code == Code::OutcomeUnknown => Fate::Unknown,
        Err(UpdateError::Rejected(_) | UpdateError::Refused(_)) => Fate::Refused,
        Err(error) => panic!("{error}"),
    }
}

/// The log has what was accepted, once, and nothing that was refused; each of it is an operation of its own.
fn each_counts_once(witness: &Room, fates: &Fates) {
    assert_eq!(fates.len() as u64, 2 * CLIENTS * UPDATES);
    let state = witness.state();
    let log = Collection::new(LOG).expect("a valid name");
    let (_, log) = state
        .confirmed
        .collections()
        .find(|(name, _)| **name == log)
        .expect("it is there");
    assert!(log.values().all(|entry| entry.version() == 1));
    assert_eq!(state.rev.get(), 1 + log.len() as u64);

    let logged: BTreeSet<&str> = log.keys().map(RecordId::as_str).collect();
    let mut revs = BTreeSet::new();
    for (id, fate) in fates {
        match fate {
            Fate::Accepted(rev) => assert!(revs.insert(rev) && logged.contains(&**id), "{id}"),
            Fate::Refused => assert!(!logged.contains(&**id), "{id} was refused"),
            Fate::Unknown => {}
        }
    }
    let (accepted, number) = (revs.len(), fates.len());
    println!("{accepted} of {number} updates were accepted");
    assert!(accepted > number / 2);
}

#[tokio::test]
#[ignore = "needs node and the built TypeScript SDK: `just typescript`"]
async fn u2_k8_typescript_and_rust_clients_end_equal_seed_7() {
    all_end_equal(7, Settings::default()).await;
}

#[tokio::test]
#[ignore = "needs node and the built TypeScript SDK: `just typescript`"]
async fn u2_k5_typescript_and_rust_clients_end_equal_with_gaps_seed_8() {
    let settings = Settings {
        ring_ops: 16,
        ..Settings::default()
    };
    all_end_equal(8, settings).await;
}
