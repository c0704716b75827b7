//! A disk that is really full: a small file system of its own.

use std::{fs, path::Path, process::Command};

use rand::{SeedableRng as _, rngs::SmallRng};

use revring::log::{Appended, Log as _, LogError, SqliteLog, StoreOptions};
use revring_protocol::{
    ids::{Epoch, Rev},
    limits::Limits,
    room::{Image, Room},
};
use tempfile::TempDir;

use crate::{author::Author, crashes::run, faults::recovers, line::Line};

/// Bytes of the file system, and of what fills most of it.
const SIZE: usize = 4 << 20;
const FILLER: usize = 2 << 20;

/// A small file system in memory; it ends with the test.
struct Mounted(TempDir);

impl Mounted {
    /// `Err` says why there is none.
    fn new() -> Result<Self, String> {
        let directory = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", &format!("size={SIZE}"), "tmpfs"])
            .arg(directory.path());
        let mounted = mount.output().map_err(|error| error.to_string())?;
        if mounted.status.success() {
            return Ok(Self(directory));
        }
        Err(String::from_utf8_lossy(&mounted.stderr).trim().to_owned())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Lazily: a failed test may still have files open there.
        let unmounted = Command::new("umount").arg("-l").arg(self.0.path()).status();
        assert!(
            unmounted.is_ok_and(|status| status.success()),
            "what was mounted can be unmounted"
        );
    }
}

#[test]
fn u6_a_real_disk_that_is_full_refuses_appends_until_it_has_room() {
    match Mounted::new() {
        Ok(mounted) => run(fill(mounted.path())),
        Err(reason) => println!("skipped, as no file system can be mounted here: {reason}"),
    }
}

/// A room that is written to.
struct Writing {
    log: SqliteLog,
    line: Line,
    room: Room,
    author: Author,
    dice: SmallRng,
}

impl Writing {
    fn new(log: SqliteLog) -> Self {
        let epoch = Epoch::from_random([5; 12]);
        Self {
            log,
            line: Line::new("room".parse().unwrap(), Image::empty(epoch.clone())),
            room: Room::new(epoch, Limits::DEFAULT),
            author: Author::new(0, 50, 3_000),
            dice: SmallRng::seed_from_u64(4),
        }
    }

    async fn append(&mut self) -> Result<(), LogError> {
        let mut requests = self.author.requests(&self.room, 20, &mut self.dice);
        let batch = self.room.propose(&mut requests, 1_000);
        let (operations, head) = (batch.operations().to_vec(), batch.expected_head());
        self.line.attempt(0, &operations);
        let epoch = self.room.epoch().clone();
        let append = self.log.append(&self.line.name, &epoch, head, &operations);
        assert_eq!(append.await?, Appended::Committed);
        self.room.commit(batch);
        self.line.promise(0, &operations, self.room.image());
        Ok(())
    }

    /// The log has what was committed, and nothing else.
    async fn check(&mut self) {
        let stored = self.log.open(&self.line.name).await.unwrap();
        let found = self.line.check(0, stored);
        let (kept, _) = found.unwrap_or_else(|wrong| panic!("{wrong}")).unwrap();
        assert_eq!(kept.image(), self.room.image());
        let newer = self
            .log
            .read(&self.line.name, self.room.head())
            .await
            .unwrap();
        assert_eq!(newer, []);
        self.line.deny();
    }
}

async fn fill(disk: &Path) {
    let filler = disk.join("filler");
    fs::write(&filler, vec![1; FILLER]).unwrap();
    let options = StoreOptions::new(disk.join("store"));
    let mut writing = Writing::new(SqliteLog::open(&options).unwrap());
    let refused = loop {
        if let Err(error) = writing.append().await {
            break error;
        }
        assert!(writing.room.head() < Rev::new(100_000), "the disk is small");
    };
    assert_eq!(
        refused,
        LogError::Unavailable("the disk is full".to_owned())
    );
    assert_eq!(writing.log.health(), Err("the disk is full".to_owned()));
    writing.check().await;

    fs::remove_file(filler).unwrap();
    recovers(&writing.log).await;
    writing.check().await;
    writing.append().await.unwrap();
    writing.log.close().await.unwrap();
    drop(writing.log);
    writing.log = SqliteLog::open(&options).unwrap();
    writing.check().await;
}
