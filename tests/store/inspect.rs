//! `revring inspect` shows what is stored, and changes nothing.

use std::{fs, path::Path};

use revring::log::StoreView;
use revring_protocol::{codec::Codec, ids::Rev};
use serde_json::{Value, json};

use crate::support::{
    Filled, epoch, files, fill, image, operation, revring, room_name, run, stderr, stdout,
};

fn lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test]
async fn rooms_are_listed_with_their_numbers() {
    let filled = Filled::new().await;
    let listed = filled.print("inspect", &[]);
    let rows: Vec<Vec<&str>> = listed
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    let epoch = epoch();
    let headings = [
        "ROOM", "REV", "EPOCH", "RECORDS", "BYTES", "SNAPSHOT", "TAIL",
    ];
    assert_eq!(rows[0], headings);
    assert_eq!(
        rows[1][..4],
        ["board", "20", epoch.as_str(), "6"],
        "{listed}"
    );
    assert_eq!(rows[1][5..], ["12", "9..20", "(12)"], "{listed}");
    assert_eq!(
        rows[2][..4],
        ["other", "3", epoch.as_str(), "3"],
        "{listed}"
    );
    assert_eq!(rows[2][5..], ["-", "1..3", "(3)"], "{listed}");
    assert!(
        rows[3].starts_with(&["2", "rooms:", "9", "records,"]),
        "{listed}"
    );

    let json = lines(&filled.print("inspect", &["--json"]));
    assert_eq!(json.len(), 2);
    let tail = json!({"first": 9, "last": 20, "operations": 12});
    assert_eq!(json[0]["tail"], tail);
    assert_eq!(json[0]["bytes"].to_string(), rows[1][4]);
    assert_eq!(
        (&json[1]["room"], &json[1]["snapshotRev"]),
        (&json!("other"), &Value::Null)
    );
}

#[tokio::test]
async fn one_room_is_described_with_what_it_remembers() {
    let filled = Filled::new().await;
    let text = filled.print("inspect", &["board"]);
    let checksum = image(20).document.checksum();
    for expected in [
        "rev         20, at 1020 ms",
        &format!("checksum    {checksum}"),
        "snapshot    revision 12 with 6 records",
        "tail        9..20 (12)",
        "tombstones  1; ",
        "clients     3 with 20 ids; ",
    ] {
        assert!(text.contains(expected), "{expected} in {text}");
    }
    let json = lines(&filled.print("inspect", &["board", "--json"])).remove(0);
    assert_eq!(json["checksum"], checksum);
    assert_eq!(
        (&json["clients"], &json["clientIds"]),
        (&json!(3), &json!(20))
    );
}

#[tokio::test]
async fn the_state_and_the_operations_of_a_room_are_printed_as_json_lines() {
    let filled = Filled::new().await;
    let state = filled.print("inspect", &["board", "--state"]);
    assert!(!state.chars().any(|c| c.is_control() && c != '\n'));
    let records = lines(&state);
    let image = image(20);
    assert_eq!(records.len(), image.document.len());
    let ids: Vec<_> = records
        .iter()
        .map(|record| record["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["r0", "r1", "r2", "r3", "r4", "r6"]);
    let first = json!({"collection": "records", "id": "r0", "version": 14, "createdAt": 1007, "updatedAt": 1014,
                       "data": {"text": "of 14 \u{1b}[31m"}});
    assert_eq!(records[0], first);

    let operations = filled.print("inspect", &["board", "--operations"]);
    let expected: Vec<Value> = (9..=20)
        .map(|rev| serde_json::from_slice(&Codec::Json.encode(&*operation(rev))).unwrap())
        .collect();
    assert_eq!(lines(&operations), expected);
    let newer = filled.print("inspect", &["board", "--operations", "--after", "18"]);
    assert_eq!(lines(&newer), expected[10..]);
}

#[tokio::test]
async fn a_closed_store_is_read_without_a_trace() {
    let filled = Filled::new().await;
    let before = filled.files();
    for args in [&[][..], &["board"], &["board", "--state"], &["--verify"]] {
        filled.print("inspect", args);
    }
    filled.print("export", &["board"]);
    let after = filled.files();
    assert_eq!(
        before.keys().collect::<Vec<_>>(),
        after.keys().collect::<Vec<_>>()
    );
    assert!(before == after, "no byte of any file changed");
}

/// What a process leaves behind that is killed while it has the store of `from` open.
fn copy_as_left(from: &Path, to: &Path, names: &[&str]) {
    for name in names {
        fs::copy(from.join(name), to.join(name)).unwrap();
    }
}

#[tokio::test]
async fn a_store_is_read_as_a_killed_server_left_it() {
    let filled = Filled::empty();
    let log = filled.open();
    fill(&log, "board", 20, Some((12, 8))).await;
    for names in [
        &["revring.db", "revring.db-wal", "revring.db-shm"][..],
        &["revring.db", "revring.db-wal"],
    ] {
        let left = Filled::empty();
        copy_as_left(filled.path(), left.path(), names);
        let before = left.files();
        assert!(!before["revring.db-wal"].is_empty(), "the room is in there");
        let listed = lines(&left.print("inspect", &["--json"]));
        assert_eq!(
            (&listed[0]["rev"], &listed[0]["records"]),
            (&json!(20), &json!(6))
        );
        left.print("inspect", &["--verify"]);
        let after = left.files();
        for name in ["revring.db", "revring.db-wal"] {
            assert!(before[name] == after[name], "{name} is as it was");
        }
        assert!(after.keys().all(|name| name.starts_with("revring.db")));
    }
}

#[tokio::test]
async fn a_store_is_read_while_it_is_written() {
    let filled = Filled::empty();
    let log = filled.open();
    fill(&log, "first", 8, Some((8, 8))).await;
    let writing = async {
        for n in 0..20 {
            fill(&log, &format!("room-{n}"), 40, Some((20, 10))).await;
        }
    };
    let dir = filled.path().to_owned();
    let looking = tokio::task::spawn_blocking(move || {
        for _ in 0..5 {
            let output = run("inspect", &dir, &["--verify"]);
            assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
        }
    });
    let ((), looked) = tokio::join!(writing, looking);
    looked.unwrap();
    assert_eq!(lines(&filled.print("inspect", &["--json"])).len(), 21);
}

#[tokio::test]
async fn a_store_that_is_opened_meanwhile_is_noticed() {
    let filled = Filled::new().await;
    let mut view = StoreView::open(filled.path()).unwrap();
    assert!(!view.was_overtaken());
    let summary = view.summary("board").unwrap().unwrap();
    assert_eq!((summary.rev, summary.kept()), (Rev::new(20), 12));
    let _log = filled.open();
    assert!(view.was_overtaken());
}

#[tokio::test]
async fn what_is_not_there_is_named_and_not_made() {
    let filled = Filled::new().await;
    let parent = Filled::empty();
    let missing = parent.path().join("none");
    for command in ["inspect", "export"] {
        let args: &[&str] = if command == "export" { &["board"] } else { &[] };
        let output = run(command, &missing, args);
        assert_eq!((output.status.code(), stdout(&output)), (Some(1), ""));
        let expected = format!("error: there is no revring store in {}", missing.display());
        assert!(
            stderr(&output).starts_with(&expected),
            "{}",
            stderr(&output)
        );
    }
    assert!(files(parent.path()).is_empty() && !missing.exists());

    for args in [
        &["nobody"][..],
        &["nobody", "--state"],
        &["nobody", "--operations"],
        &["nobody", "--verify"],
    ] {
        let output = filled.run("inspect", args);
        assert_eq!(
            (output.status.code(), stdout(&output)),
            (Some(1), ""),
            "{args:?}"
        );
        let expected = "error: there is no room nobody in ";
        assert!(stderr(&output).starts_with(expected), "{}", stderr(&output));
    }
}

#[test]
fn a_file_that_is_no_store_is_refused() {
    let empty = Filled::empty();
    let other = rusqlite::Connection::open(empty.database()).unwrap();
    other
        .execute_batch("CREATE TABLE notes (text TEXT)")
        .unwrap();
    drop(other);
    let output = empty.run("inspect", &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("is a database, but not one of revring"));

    let newer = Filled::empty();
    drop(newer.open());
    let connection = rusqlite::Connection::open(newer.database()).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let output = newer.run("inspect", &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("has schema version 99"),
        "{}",
        stderr(&output)
    );
}

#[tokio::test]
async fn an_odd_directory_name_is_taken_as_it_is() {
    let parent = Filled::empty();
    let dir = parent.path().join("a b?immutable=1#%41é");
    let log = revring::log::SqliteLog::open(&revring::log::StoreOptions::new(&dir)).unwrap();
    fill(&log, "board", 3, None).await;
    drop(log);
    let output = revring("inspect", &dir, &["--json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(
        lines(stdout(&output))[0]["room"],
        room_name("board").as_str()
    );
}
