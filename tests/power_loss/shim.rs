//! The recorder itself: it lets everything through, notes all of it, and breaks what it is told to.

use std::{collections::BTreeSet, path::Path};

use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};
use rusqlite::{Connection, OpenFlags};

use crate::{
    disk::{Disk, Files, Kept, Names, Stage},
    journal::{Call, Event, Fault},
    recorder::Recorder,
    vfs,
    world::new_home,
};

fn connect(directory: &Path) -> Connection {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
    let file = directory.canonicalize().unwrap().join("a.db");
    let connection = Connection::open_with_flags_and_vfs(file, flags, vfs::register()).unwrap();
    connection
        .pragma_update(None, "journal_mode", "WAL")
        .unwrap();
    connection
        .pragma_update(None, "synchronous", "FULL")
        .unwrap();
    connection
}

/// The files that the recorder saw.
fn files(directory: &Path) -> Files {
    let entries = std::fs::read_dir(directory).unwrap().map(Result::unwrap);
    let entries = entries.map(|entry| (entry.file_name().into_string().unwrap(), entry.path()));
    let recorded = entries.filter(|(name, _)| !name.ends_with("-shm"));
    recorded
        .map(|(name, path)| (name, std::fs::read(path).unwrap()))
        .collect()
}

/// The disk after all that was recorded.
fn replay(recorder: &Recorder) -> Disk {
    let (mut disk, mut dice) = (Disk::default(), SmallRng::seed_from_u64(1));
    recorder
        .events()
        .iter()
        .for_each(|event| disk.step(event, &mut dice));
    disk
}

fn count(connection: &Connection) -> i64 {
    connection
        .query_row("SELECT count(*) FROM t", [], |row| row.get(0))
        .unwrap()
}

fn insert(connection: &Connection, bytes: u32) -> rusqlite::Result<usize> {
    connection.execute("INSERT INTO t VALUES (randomblob(?1))", [bytes])
}

#[test]
fn a_recording_replays_to_the_files_and_two_connections_work() {
    let directory = new_home();
    let recorder = Recorder::new(directory.path());
    let (writer, reader) = (connect(directory.path()), connect(directory.path()));
    writer.execute_batch("CREATE TABLE t (bytes BLOB)").unwrap();
    let mut dice = SmallRng::seed_from_u64(2);
    for round in 0..100 {
        insert(&writer, dice.random_range(0..9_000)).unwrap();
        assert_eq!(count(&reader), round + 1);
        if round % 30 == 29 {
            let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
            writer.query_row(checkpoint, [], |_| Ok(())).unwrap();
        }
        if round % 10 == 9 {
            assert_eq!(
                replay(&recorder).cached(),
                files(directory.path()),
                "round {round}"
            );
        }
    }
    drop((writer, reader));
    assert_eq!(
        replay(&recorder).cached(),
        files(directory.path()),
        "after the last close"
    );
    assert_eq!(count(&connect(directory.path())), 100);
}

#[test]
fn what_was_flushed_is_on_every_disk() {
    let (directory, aside) = (new_home(), new_home());
    let recorder = Recorder::new(directory.path());
    let writer = connect(directory.path());
    writer.execute_batch("CREATE TABLE t (bytes BLOB)").unwrap();
    let mut committed = vec![(recorder.position(), 0)];
    for round in 1..=40 {
        insert(&writer, 3_000).unwrap();
        committed.push((recorder.position(), round));
    }
    recorder.kill();
    drop(writer);
    let stage = Stage::new(directory.path(), aside.path());
    let (mut disk, mut dice) = (Disk::default(), SmallRng::seed_from_u64(3));
    for (position, event) in recorder.events().iter().enumerate() {
        disk.step(event, &mut dice);
        let Some(at_least) = committed.iter().rfind(|(at, _)| *at <= position + 1) else {
            continue;
        };
        for kept in Kept::ALL {
            stage
                .show(&disk.after_power_loss(kept, Names::None, &mut dice))
                .unwrap();
            let file = directory.path().join("a.db");
            let found = count(&Connection::open(file).unwrap());
            assert!(
                (at_least.1..=at_least.1 + 1).contains(&found),
                "{kept:?} at {position}: {found}"
            );
        }
    }
}

#[test]
fn what_a_failed_flush_was_for_is_not_flushed_later_unless_it_is_written_again() {
    let name = "a.db".to_owned();
    let write = |byte| Event::Write {
        inode: 0,
        offset: 0,
        bytes: vec![byte; 2_000],
    };
    let begin = [
        Event::Link { name, inode: 0 },
        Event::SyncDirectory,
        write(1),
    ];
    let fail = [
        Event::Sync { inode: 0 },
        write(2),
        Event::FailedSync { inode: 0 },
    ];
    let mut found = BTreeSet::new();
    for seed in 0..50 {
        let (mut disk, mut dice) = (Disk::default(), SmallRng::seed_from_u64(seed));
        begin
            .iter()
            .chain(&fail)
            .for_each(|event| disk.step(event, &mut dice));
        disk.step(&Event::Sync { inode: 0 }, &mut dice);
        assert_eq!(
            disk.cached()["a.db"],
            [2; 2_000],
            "programs read what was written"
        );
        let kept = disk.after_power_loss(Kept::Everything, Names::All, &mut dice);
        found.extend(kept["a.db"].iter().copied());
        disk.step(&write(2), &mut dice);
        disk.step(&Event::Sync { inode: 0 }, &mut dice);
        let kept = disk.after_power_loss(Kept::Nothing, Names::None, &mut dice);
        assert_eq!(kept, disk.cached(), "seed {seed}");
    }
    assert_eq!(
        found,
        BTreeSet::from([1, 2]),
        "some of it is on disk, some is not"
    );
}

#[test]
fn a_flush_fails_as_told() {
    let directory = new_home();
    let recorder = Recorder::new(directory.path());
    let writer = connect(directory.path());
    writer.execute_batch("CREATE TABLE t (bytes BLOB)").unwrap();
    recorder.fail(Fault {
        call: Call::Sync,
        file: "-wal",
        skip: 1,
        times: 1,
    });
    insert(&writer, 100).unwrap();
    insert(&writer, 100).unwrap_err();
    insert(&writer, 100).unwrap();
    assert_eq!(count(&writer), 2);
}

#[test]
fn a_file_that_is_rewritten_without_sqlite_before_it_is_opened_is_noticed() {
    let directory = new_home();
    let recorder = Recorder::new(directory.path());
    let writer = connect(directory.path());
    writer.execute_batch("CREATE TABLE t (bytes BLOB)").unwrap();
    recorder.kill();
    drop(writer);
    let wal = directory.path().join("a.db-wal");
    for rewrite in [false, true] {
        recorder.restart();
        let bytes = std::fs::read(&wal).unwrap();
        if rewrite {
            std::fs::write(&wal, &bytes).unwrap();
        }
        let before = recorder.position();
        let writer = connect(directory.path());
        count(&writer);
        recorder.kill();
        drop(writer);
        let events = recorder.events();
        let noticed = events[before..]
            .iter()
            .any(|event| matches!(event, Event::Write { bytes: written, .. } if *written == bytes));
        assert_eq!(noticed, rewrite);
    }
}

#[test]
fn writes_fail_as_told_and_a_full_disk_takes_nothing_more() {
    let directory = new_home();
    let recorder = Recorder::new(directory.path());
    let writer = connect(directory.path());
    writer.execute_batch("CREATE TABLE t (bytes BLOB)").unwrap();
    for call in [Call::Write, Call::ShortWrite] {
        recorder.fail(Fault {
            call,
            file: "-wal",
            skip: 0,
            times: usize::MAX,
        });
        let error = insert(&writer, 100).unwrap_err();
        assert_eq!(
            error.sqlite_error_code(),
            Some(rusqlite::ErrorCode::SystemIoFailure)
        );
        recorder.heal();
    }
    recorder.fill_disk(20_000);
    let mut inserted = 0;
    let error = loop {
        match insert(&writer, 4_000) {
            Ok(_) => inserted += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(
        error.sqlite_error_code(),
        Some(rusqlite::ErrorCode::DiskFull)
    );
    assert_eq!(count(&writer), inserted);
    recorder.heal();
    insert(&writer, 4_000).unwrap();
    assert_eq!(replay(&recorder).cached(), files(directory.path()));
}
