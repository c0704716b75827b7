//! Backups that are put back in every way there is: what a store shows then begins new epochs, and is never a mixture.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use revring_client::{change, protocol::ids::Epoch};
use serde_json::json;
use tempfile::TempDir;

use crate::{
    process::{Host, contents, revring},
    scene::{Head, head_of},
    support::{copy, directory, open, quick, soon},
};

/// A server's directory, what was ever issued in it, and a backup of it.
struct Store {
    place: TempDir,
    host: Host,
    issued: BTreeSet<(Epoch, u64)>,
    /// The room when the last life ended.
    head: Option<Head>,
}

/// How a life ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Killed,
    Stopped,
}

impl Store {
    fn new() -> Self {
        let place = directory();
        Self {
            host: Host::new(place.path(), &[]),
            place,
            issued: BTreeSet::new(),
            head: None,
        }
    }

    /// A store with a backup, and with a life after it.
    async fn with_backup(end: End) -> (Self, Head) {
        let mut store = Self::new();
        store.live(End::Stopped).await;
        let backup = store.live(End::Stopped).await;
        copy(&store.host.dir, &store.backup());
        let after = store.live(end).await;
        assert_eq!(after.epoch, backup.epoch, "nothing happened to it");
        (store, backup)
    }

    fn backup(&self) -> PathBuf {
        self.place.path().join("backup")
    }

    /// One life of the server: no revision that it issues was issued before in the same epoch.
    async fn live(&mut self, end: End) -> Head {
        let served = self.host.start().await;
        let room = open(quick(), &self.host.url(), "room").await;
        let before = head_of(&room).await;
        for n in 0..10 {
            let put = change::put("cards", &n.to_string(), json!({ "at": before.rev.get() }));
            soon("an answer", room.update(put)).await.expect("accepted");
        }
        let head = head_of(&room).await;
        match end {
            End::Killed => served.kill().await,
            End::Stopped => served.stop().await,
        }
        assert_eq!(before.epoch, head.epoch);
        for rev in before.rev.get() + 1..=head.rev.get() {
            let new = self.issued.insert((head.epoch.clone(), rev));
            assert!(new, "revision {rev} is issued twice in {}", head.epoch);
        }
        self.head = Some(head.clone());
        head
    }

    /// The server shows `expected`, in an epoch that was never before, and goes on in it.
    async fn shows_anew(&mut self, expected: &Head) {
        let served = self.host.start().await;
        let room = open(quick(), &self.host.url(), "room").await;
        let shown = head_of(&room).await;
        served.kill().await;
        let known = |(epoch, _): &(Epoch, u64)| *epoch == shown.epoch;
        assert!(!self.issued.iter().any(known), "the epoch was there before");
        assert_eq!(
            (shown.rev, &shown.checksum),
            (expected.rev, &expected.checksum)
        );
        for end in [End::Killed, End::Stopped, End::Stopped] {
            let lived = self.live(end).await;
            assert_eq!(lived.epoch, shown.epoch, "it is renewed once");
        }
        self.host.check_log();
    }

    fn put_back(&self, name: &str) {
        fs::copy(self.backup().join(name), self.host.dir.join(name)).unwrap();
    }

    fn wal(&self) -> PathBuf {
        self.host.dir.join("revring.db-wal")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn o8_an_undisturbed_store_keeps_its_epoch() {
    let mut store = Store::new();
    let first = store.live(End::Stopped).await;
    for end in [End::Killed, End::Killed, End::Stopped, End::Killed] {
        assert_eq!(store.live(end).await.epoch, first.epoch);
    }
    store.host.check_log();
}

#[tokio::test(flavor = "multi_thread")]
async fn o8_a_backup_copied_over_the_database_begins_new_epochs() {
    let (mut store, backup) = Store::with_backup(End::Stopped).await;
    store.put_back("revring.db");
    store.shows_anew(&backup).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn o8_a_backup_in_place_of_the_removed_database_begins_new_epochs() {
    let (mut store, backup) = Store::with_backup(End::Stopped).await;
    // Some file systems give the new file the old one's number.
    fs::remove_file(store.host.database()).unwrap();
    store.put_back("revring.db");
    store.shows_anew(&backup).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn o8_a_directory_copied_over_its_own_begins_new_epochs() {
    let (mut store, backup) = Store::with_backup(End::Stopped).await;
    copy(&store.backup(), &store.host.dir);
    store.shows_anew(&backup).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn o8_a_backup_in_a_fresh_directory_begins_new_epochs() {
    for whole in [true, false] {
        let (mut store, backup) = Store::with_backup(End::Stopped).await;
        fs::rename(&store.host.dir, store.place.path().join("old")).unwrap();
        fs::create_dir(&store.host.dir).unwrap();
        match whole {
            true => copy(&store.backup(), &store.host.dir),
            false => store.put_back("revring.db"),
        }
        store.shows_anew(&backup).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn o8_the_same_backup_put_back_again_begins_new_epochs_again() {
    let (mut store, backup) = Store::with_backup(End::Stopped).await;
    for _ in 0..2 {
        copy(&store.backup(), &store.host.dir);
        store.shows_anew(&backup).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn o8_a_backup_beside_a_write_ahead_log_of_another_run_is_refused_as_it_is() {
    let (mut store, backup) = Store::with_backup(End::Killed).await;
    assert!(fs::metadata(store.wal()).unwrap().len() > 0);
    store.put_back("revring.db");
    is_refused(&store.host.dir).await;
    fs::rename(store.wal(), store.place.path().join("moved")).unwrap();
    store.shows_anew(&backup).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn o8_a_copy_of_what_a_killed_server_left_begins_new_epochs() {
    let (mut store, _) = Store::with_backup(End::Killed).await;
    let last = store.head.clone().unwrap();
    let copied = store.place.path().join("copied");
    copy(&store.host.dir, &copied);
    // The original goes on as if nobody had copied it.
    let original = store.live(End::Stopped).await;
    assert_eq!(original.epoch, last.epoch);
    store.host.dir = copied;
    store.shows_anew(&last).await;
}

/// A server does not start on `dir`, says why, and leaves it as it was found.
async fn is_refused(dir: &Path) {
    let before = files(dir);
    for _ in 0..2 {
        let mut command = revring(&["serve", "--listen", "127.0.0.1:0", "--data-dir"]);
        let output = soon("a refusal", command.arg(dir).output()).await.unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{error}");
        assert!(error.contains("do not belong together"), "{error}");
        assert!(files(dir) == before, "the files are not as they were");
    }
}

/// Everything but the index that SQLite makes anew.
fn files(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = contents(dir);
    files.retain(|(path, _)| !path.ends_with("revring.db-shm"));
    files
}
