//! Stores that were filled, and the command that looks at them.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::Arc,
};

use revring::log::{Appended, Checkpoint, Log as _, SqliteLog, StoreOptions};
use revring_protocol::{
    change::{Edit, Effect, Operation},
    ids::{
        ClientId, ClientKey, ClientReqId, Collection, Epoch, RecordId, RecordKey, Rev, RoomName,
    },
    limits::Limits,
    room::{Image, Room},
    value::{Object, Value},
};
use rusqlite::Connection;
use tempfile::TempDir;

/// Operations in each stored batch.
const BATCH: usize = 4;

/// A store that is closed, in a directory of its own.
pub(crate) struct Filled {
    dir: TempDir,
}

impl Filled {
    /// The room `board` with 20 operations, a snapshot at 12 and operations from 9 on; and `other` with 3 operations.
    pub(crate) async fn new() -> Self {
        let filled = Self::empty();
        let log = filled.open();
        fill(&log, "board", 20, Some((12, 8))).await;
        fill(&log, "other", 3, None).await;
        log.close().await.unwrap();
        filled
    }

    pub(crate) fn empty() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { dir }
    }

    pub(crate) fn open(&self) -> SqliteLog {
        SqliteLog::open(&StoreOptions::new(self.path())).unwrap()
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.path().join("revring.db")
    }

    /// Changes rows behind everyone's back.
    pub(crate) fn damage(&self, statement: &str) {
        let connection = Connection::open(self.database()).unwrap();
        assert_ne!(connection.execute(statement, []).unwrap(), 0, "{statement}");
    }

    /// Runs `revring COMMAND DIR ARGS`.
    pub(crate) fn run(&self, command: &str, args: &[&str]) -> Output {
        run(command, self.path(), args)
    }

    /// The same, and what it prints when all is well.
    pub(crate) fn print(&self, command: &str, args: &[&str]) -> String {
        let output = self.run(command, args);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        stdout(&output).to_owned()
    }

    /// Every file with its content.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        files(self.path())
    }
}

pub(crate) fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(dir).unwrap().map(Result::unwrap);
    entries
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect()
}

pub(crate) fn run(command: &str, dir: &Path, args: &[&str]) -> Output {
    revring(command, dir, args).output().unwrap()
}

pub(crate) fn revring(command: &str, dir: &Path, args: &[&str]) -> Command {
    let mut revring = Command::new(env!("CARGO_BIN_EXE_revring"));
    revring.arg(command).arg(dir).args(args);
    revring.env_clear().stdin(Stdio::null());
    revring
}

pub(crate) fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

pub(crate) fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

/// Appends operations 1 to `revs` of a room, and stores an image at a revision, keeping what is after another.
pub(crate) async fn fill(log: &SqliteLog, name: &str, revs: u64, snapshot: Option<(u64, u64)>) {
    let (name, epoch) = (room_name(name), epoch());
    let mut room = Room::new(epoch.clone(), Limits::DEFAULT);
    let mut image = None;
    for first in (1..=revs).step_by(BATCH) {
        let last = (first + BATCH as u64 - 1).min(revs);
        let batch: Vec<_> = (first..=last).map(operation).collect();
        let appended = log.append(&name, &epoch, room.head(), &batch).await;
        assert_eq!(appended, Ok(Appended::Committed));
        room.absorb(&batch).unwrap();
        if snapshot.is_some_and(|(rev, _)| rev == last) {
            image = Some(room.image());
        }
    }
    if let (Some(image), Some((_, keep_after))) = (image, snapshot) {
        let checkpoint = Checkpoint {
            since: None,
            image,
            keep_after: Rev::new(keep_after),
        };
        log.checkpoint(&name, checkpoint).await.unwrap();
    }
}

/// The room after `revs` operations.
pub(crate) fn image(revs: u64) -> Image {
    let mut room = Room::new(epoch(), Limits::DEFAULT);
    let operations: Vec<_> = (1..=revs).map(operation).collect();
    room.absorb(&operations).unwrap();
    room.image()
}

pub(crate) fn epoch() -> Epoch {
    Epoch::from_random([1; 12])
}

pub(crate) fn room_name(name: &str) -> RoomName {
    RoomName::new(name).unwrap()
}

pub(crate) fn client_key(n: u64) -> ClientKey {
    ClientKey::from_random([u8::try_from(n).unwrap(); 32])
}

pub(crate) fn client_id(n: u64) -> ClientId {
    client_key(n).client_id()
}

/// The records r0 to r6 are put in turn by three clients; every tenth operation deletes what the one before put.
pub(crate) fn operation(rev: u64) -> Arc<Operation> {
    let (slot, edit) = if rev.is_multiple_of(10) {
        (rev - 1, Edit::Delete)
    } else {
        let text = format!("of {rev} \u{1b}[31m");
        let data = Object::from([("text".to_owned(), Value::String(text))]);
        (rev, Edit::Put { data })
    };
    let key = RecordKey {
        collection: Collection::new("records").unwrap(),
        id: RecordId::new(&format!("r{}", slot % 7)).unwrap(),
    };
    Arc::new(Operation {
        rev: Rev::new(rev),
        client_id: client_id(rev % 3),
        client_req_id: ClientReqId::new(&format!("u{rev}")).unwrap(),
        at: 1_000 + rev,
        changes: vec![Effect {
            key,
            version: rev,
            edit,
        }],
    })
}
