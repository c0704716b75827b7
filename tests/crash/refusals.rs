//! Directories that a server must not use: refused in words that say what is wrong, with exit code 1, and left as they were.

use std::{
    fs::{self, OpenOptions},
    io::{Seek as _, SeekFrom, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use revring_client::change;
use rusqlite::Connection;
use serde_json::json;

use crate::{
    process::{Host, contents, revring},
    support::{directory, open, quick, soon},
};

/// Whoever has no rights.
const NOBODY: u32 = 65_534;

/// What a server says that does not start on `dir`. It must leave the files there as they are.
async fn refusal(dir: &Path) -> String {
    let before = files(dir);
    let mut command = revring(&["serve", "--listen", "127.0.0.1:0", "--data-dir"]);
    let output = soon("a refusal", command.arg(dir).output()).await.unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(output.stdout.is_empty());
    assert!(error.starts_with("error: "), "{error}");
    assert!(
        files(dir) == before,
        "the files are not as they were: {error}"
    );
    error
}

/// What counts of a directory: not who has the lock, and not an empty write-ahead log or the index that SQLite makes of one.
fn files(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    if !dir.is_dir() {
        return fs::read(dir).map_or(Vec::new(), |bytes| vec![(dir.to_owned(), bytes)]);
    }
    let mut files = contents(dir);
    files.retain(|(path, bytes)| {
        let idle = path.ends_with("revring.db-wal") && bytes.is_empty();
        !idle && !path.ends_with("lock") && !path.ends_with("revring.db-shm")
    });
    files
}

/// A store that a server has used, and how it ended.
async fn store(place: &Path, killed: bool) -> Host {
    let host = Host::new(place, &[]);
    let served = host.start().await;
    for room in ["one", "two"] {
        let room = open(quick(), &host.url(), room).await;
        for n in 0..50 {
            let text = format!("text of {n} in {} {}", room.name(), "x".repeat(500));
            let put = change::put("cards", &n.to_string(), json!({ "text": text }));
            soon("an answer", room.update(put)).await.expect("accepted");
        }
    }
    match killed {
        true => served.kill().await,
        false => served.stop().await,
    }
    host
}

fn says(error: &str, parts: &[&str]) {
    for part in parts {
        assert!(error.contains(part), "{part:?} is not in: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_in_use_is_refused_and_names_the_process() {
    let place = directory();
    let host = Host::new(place.path(), &[]);
    let served = host.start().await;
    let process = format!("(process {})", served.pid().as_raw_nonzero());
    let dir = host.dir.to_string_lossy();
    let mut command = revring(&["serve", "--listen", "127.0.0.1:0", "--data-dir", &dir]);
    let output = soon("a refusal", command.output()).await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    says(&error, &["is in use by", &process, &dir]);
    let room = open(quick(), &host.url(), "room").await;
    let put = change::put("cards", "1", json!({}));
    soon("an answer", room.update(put))
        .await
        .expect("the first goes on");
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_in_place_of_the_directory_is_refused() {
    let place = directory();
    let file = place.path().join("data");
    fs::write(&file, "something else").unwrap();
    says(
        &refusal(&file).await,
        &[&file.to_string_lossy(), "not a directory"],
    );
    says(
        &refusal(&file.join("below")).await,
        &[&file.to_string_lossy(), "ot a directory"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_cannot_be_written_is_refused() {
    let place = directory();
    let host = store(place.path(), false).await;
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
    for (path, _) in contents(&host.dir) {
        fs::set_permissions(path, fs::Permissions::from_mode(0o444)).unwrap();
    }
    fs::set_permissions(&host.dir, fs::Permissions::from_mode(0o555)).unwrap();
    let missing = place.path().join("missing");
    for dir in [&host.dir, &missing] {
        let before = files(dir);
        let mut command = revring(&["serve", "--listen", "127.0.0.1:0", "--data-dir"]);
        command.arg(dir);
        // Rights do not bind a superuser.
        if rustix::process::geteuid().is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        let output = match command.output().await {
            Ok(output) => output,
            Err(error) => {
                return eprintln!("skipped: the program cannot be run without rights: {error}");
            }
        };
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{error}");
        says(
            &error,
            &[
                "error: cannot use",
                &dir.to_string_lossy(),
                "ermission denied",
            ],
        );
        assert_eq!(files(dir), before);
    }
    fs::set_permissions(&host.dir, fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_schema_is_refused() {
    for killed in [false, true] {
        let place = directory();
        let host = store(place.path(), false).await;
        let database = Connection::open(host.database()).unwrap();
        database.pragma_update(None, "user_version", 99).unwrap();
        leave(database, &host, killed);
        says(&refusal(&host.dir).await, &["schema version 99", "newer"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_another_program_is_refused() {
    for killed in [false, true] {
        let place = directory();
        let host = Host::new(place.path(), &[]);
        fs::create_dir_all(&host.dir).unwrap();
        let database = Connection::open(host.database()).unwrap();
        database.pragma_update(None, "journal_mode", "WAL").unwrap();
        let table = "CREATE TABLE birds (name TEXT); INSERT INTO birds VALUES ('wren')";
        database.execute_batch(table).unwrap();
        leave(database, &host, killed);
        says(&refusal(&host.dir).await, &["not one of revring"]);
    }
}

/// Closes the database, or leaves it as a program that was killed does: with a write-ahead log.
fn leave(database: Connection, host: &Host, killed: bool) {
    if !killed {
        return database.close().unwrap();
    }
    let left = host.dir.with_extension("left");
    fs::create_dir_all(&left).unwrap();
    for name in ["revring.db", "revring.db-wal"] {
        fs::copy(host.dir.join(name), left.join(name)).unwrap();
    }
    database.close().unwrap();
    fs::remove_dir_all(&host.dir).unwrap();
    fs::rename(left, &host.dir).unwrap();
    let wal = fs::metadata(host.dir.join("revring.db-wal")).unwrap();
    assert!(wal.len() > 0, "something is left in the write-ahead log");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_truncated_database_is_refused() {
    for killed in [false, true] {
        let place = directory();
        let host = store(place.path(), killed).await;
        let file = OpenOptions::new()
            .write(true)
            .open(host.database())
            .unwrap();
        let length = file.metadata().unwrap().len();
        file.set_len(length / 2 / 4096 * 4096 + 100).unwrap();
        let error = refusal(&host.dir).await;
        says(&error, &["revring.db is damaged", "nothing was changed"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overwritten_database_is_refused() {
    for (name, at) in [("its first page", 0), ("the page of the rooms", 4096)] {
        let place = directory();
        let host = store(place.path(), false).await;
        overwrite(&host.database(), at, &[0x5a; 4096]);
        let error = refusal(&host.dir).await;
        says(&error, &["revring.db is damaged"]);
        eprintln!("{name}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_room_does_not_open_and_others_do() {
    let place = directory();
    let host = store(place.path(), false).await;
    let bytes = fs::read(host.database()).unwrap();
    let text = b"text of 7 in one";
    let at = bytes.windows(text.len()).position(|window| window == text);
    overwrite(&host.database(), at.expect("it is stored") as u64, b"TEXT");
    let served = host.start().await;
    let room = quick().connect(&host.url(), "one").await;
    assert!(
        room.is_err(),
        "it is shown as {:?}",
        room.map(|room| room.confirmed().len())
    );
    let room = open(quick(), &host.url(), "two").await;
    assert_eq!(room.confirmed().len(), 50);
    assert!(
        host.log().contains("ERROR") && host.log().contains("damaged"),
        "{}",
        host.log()
    );
    served.stop().await;
}

fn overwrite(path: &Path, at: u64, bytes: &[u8]) {
    let mut file = OpenOptions::new().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(bytes).unwrap();
}
