//! What each durability promises when the process ends: which epochs last, and that the state does.

use std::path::Path;

use revring_client::change;
use serde_json::json;

use crate::{
    process::Host,
    scene::{Head, head_of},
    support::{copy, directory, open, quick, soon},
};

/// How a server ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Killed,
    Stopped,
}

#[tokio::test(flavor = "multi_thread")]
async fn full_and_os_keep_epochs_over_kill_9() {
    for durability in ["full", "os"] {
        let place = directory();
        let host = Host::new(place.path(), &["--durability", durability]);
        let before = life(&host, End::Killed).await;
        assert_eq!(look(&host).await, before, "{durability}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn none_begins_new_epochs_after_kill_9_and_keeps_the_state() {
    let place = directory();
    let mut host = Host::new(place.path(), &["--durability", "none"]);
    let first = life(&host, End::Killed).await;
    let second = look(&host).await;
    assert_same_but_epoch(&first, &second);
    // What it had promised counts, not what it promises next.
    let second = life(&host, End::Killed).await;
    host.with(&["--durability", "full"]);
    let third = look(&host).await;
    assert_same_but_epoch(&second, &third);
    let third = life(&host, End::Killed).await;
    assert_eq!(look(&host).await, third);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_durability_keeps_epochs_over_stops_in_order() {
    let place = directory();
    let mut host = Host::new(place.path(), &[]);
    let mut before: Option<Head> = None;
    for durability in ["none", "os", "full", "none"] {
        host.with(&["--durability", durability]);
        let after = life(&host, End::Stopped).await;
        let epoch = before.map(|before| before.epoch);
        assert!(
            epoch.is_none_or(|epoch| epoch == after.epoch),
            "{durability}"
        );
        before = Some(after);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn copies_of_a_store_have_epochs_of_their_own() {
    let place = directory();
    let host = Host::new(place.path(), &[]);
    let original = life(&host, End::Stopped).await;
    let restored = place.path().join("restored");
    copy(&host.dir, &restored.join("data"));
    let backup = Host::new(&restored, &[]);
    let copied = look(&backup).await;
    assert_same_but_epoch(&original, &copied);
    assert_eq!(look(&backup).await, copied, "a copy is renewed once");
    assert_eq!(look(&host).await, original);
    put_back(&restored.join("data"), &host.dir);
    let back = look(&host).await;
    assert_same_but_epoch(&original, &back);
    assert_ne!(back.epoch, copied.epoch);
}

/// Puts a copy in the place of a store, as one does with a backup.
fn put_back(copied: &Path, dir: &Path) {
    std::fs::rename(dir, dir.with_extension("old")).unwrap();
    copy(copied, dir);
}

/// One life of a server in which a client writes a little: what the room was when it ended.
async fn life(host: &Host, end: End) -> Head {
    let served = host.start().await;
    let room = open(quick(), &host.url(), "room").await;
    for n in 0..10 {
        let put = change::put("cards", &n.to_string(), json!({ "n": n }));
        soon("an answer", room.update(put)).await.expect("accepted");
    }
    let head = head_of(&room).await;
    match end {
        End::Killed => served.kill().await,
        End::Stopped => served.stop().await,
    }
    head
}

/// What the room is to a new client. The server then ends in order.
async fn look(host: &Host) -> Head {
    let served = host.start().await;
    let room = open(quick(), &host.url(), "room").await;
    let head = head_of(&room).await;
    served.stop().await;
    head
}

fn assert_same_but_epoch(before: &Head, after: &Head) {
    assert_ne!(before.epoch, after.epoch);
    let epoch = before.epoch.clone();
    assert_eq!(
        *before,
        Head {
            epoch,
            ..after.clone()
        }
    );
}
