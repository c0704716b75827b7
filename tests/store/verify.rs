//! `revring inspect --verify` finds what is damaged, all of it, and reads on.

use std::fs::{self, OpenOptions};

use revring::log::Log as _;
use revring_protocol::ids::Rev;

use crate::support::{Filled, fill, stderr, stdout};

/// What is printed of a store that has problems.
fn problems(filled: &Filled) -> Vec<String> {
    let before = fs::read(filled.database()).unwrap();
    let output = filled.run("inspect", &["--verify"]);
    assert_eq!(output.status.code(), Some(1), "{}", stdout(&output));
    assert_eq!(stderr(&output), "");
    assert!(
        before == fs::read(filled.database()).unwrap(),
        "nothing is repaired"
    );
    stdout(&output).lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn a_sound_store_is_said_to_be_one() {
    let filled = Filled::new().await;
    let said = filled.print("inspect", &["--verify"]);
    let expected = "checked the file and 2 rooms: 15 operations in 4 batches, 6 records in snapshots; no problem found\n";
    assert_eq!(said, expected);
    let said = filled.print("inspect", &["other", "--verify"]);
    let expected = "checked the room other: 3 operations in 1 batch, 0 records in snapshots; no problem found\n";
    assert_eq!(said, expected);
}

#[tokio::test]
async fn each_kind_of_damage_is_found_and_named() {
    let board = "room = (SELECT id FROM rooms WHERE name = 'board')";
    for (damage, expected) in [
        (
            format!(
                "UPDATE operations SET body = zeroblob(length(body)) WHERE {board} AND rev = 16"
            ),
            "board: the operations stored under revision 16 do not match their checksum",
        ),
        (
            format!("UPDATE operations SET sum = sum + 1 WHERE {board} AND rev = 20"),
            "board: the operations stored under revision 20 do not match their checksum",
        ),
        (
            format!("DELETE FROM operations WHERE {board} AND rev = 16"),
            "board: the operations stored under revision 20 leave a hole before 17",
        ),
        (
            format!("DELETE FROM operations WHERE {board} AND rev <= 16"),
            "board: the operations 17 to 20 do not meet the snapshot of revision 12",
        ),
        (
            format!("UPDATE operations SET rev = 21 WHERE {board} AND rev = 20"),
            "board: the operations stored under revision 21 do not end with it",
        ),
        (
            format!("DELETE FROM records WHERE {board} AND id = 'r1'"),
            "board: the snapshot of revision 12 has the checksum ",
        ),
        (
            format!("UPDATE records SET body = x'c0' WHERE {board} AND id = 'r1'"),
            "board: the record records/r1 is not one: ",
        ),
        (
            "UPDATE rooms SET checksum = '0123456789abcdef' WHERE name = 'board'".to_owned(),
            "not 0123456789abcdef as when it was written",
        ),
        (
            "UPDATE rooms SET records = 99 WHERE name = 'board'".to_owned(),
            "board: the snapshot of revision 12 has 6 records, not 99 as when it was written",
        ),
        (
            format!("UPDATE clients SET client = upper(client) || '!' WHERE {board}"),
            "clientId must be 16 to 16 bytes long",
        ),
        (
            "UPDATE rooms SET name = 'bo' || char(27) || 'ard' WHERE name = 'board'".to_owned(),
            "bo\\u{1b}ard: its name cannot be one: ",
        ),
        (
            "DELETE FROM rooms WHERE name = 'board'".to_owned(),
            "file: 3 rows of operations belong to no room",
        ),
    ] {
        let filled = Filled::new().await;
        filled.damage(&damage);
        let found = problems(&filled);
        let named = found.iter().any(|line| line.contains(expected));
        assert!(named, "{damage}: {found:#?}");
        let last = found.last().unwrap();
        assert!(last.starts_with("checked the file and "), "{last}");
    }
}

#[tokio::test]
async fn every_damaged_batch_is_named_and_other_rooms_are_read() {
    let filled = Filled::new().await;
    let log = filled.open();
    fill(&log, "aside", 3, None).await;
    drop(log);
    let board = "room = (SELECT id FROM rooms WHERE name = 'board')";
    filled.damage(&format!("UPDATE operations SET sum = 0 WHERE {board}"));
    filled.damage("UPDATE rooms SET checksum = '' WHERE name = 'board'");
    let found = problems(&filled);
    for rev in [12, 16, 20].map(Rev::new) {
        let expected = format!(
            "board: the operations stored under revision {rev} do not match their checksum"
        );
        assert!(found.contains(&expected), "{found:#?}");
    }
    let last = found.last().unwrap();
    assert!(
        last.starts_with("checked the file and 3 rooms: 6 operations in 5 batches"),
        "{last}"
    );
    assert!(last.ends_with("; 4 problems found"), "{last}");

    let listed = filled.run("inspect", &[]);
    assert_eq!(listed.status.code(), Some(1));
    let listed = stdout(&listed);
    assert!(
        listed.contains("\naside ") && listed.contains("\nother "),
        "{listed}"
    );
    assert!(listed.contains("\nboard: "), "{listed}");
    assert!(
        listed.contains("\n2 rooms, 1 damaged beside them: "),
        "{listed}"
    );

    let listed = filled.run("inspect", &["--json"]);
    let last = stdout(&listed).lines().last().unwrap();
    let expected = r#"{"room":"board","problem":"the log is damaged: "#;
    assert!(last.starts_with(expected), "{last}");

    for args in [
        &["board", "--state"][..],
        &["board", "--operations"],
        &["board"],
    ] {
        let output = filled.run("inspect", args);
        assert_eq!((output.status.code(), stdout(&output)), (Some(1), ""));
        let expected = "error: the room board cannot be read: the log is damaged: ";
        assert!(stderr(&output).starts_with(expected), "{}", stderr(&output));
    }
}

#[tokio::test]
async fn a_truncated_or_overwritten_file_is_found() {
    let filled = Filled::empty();
    let log = filled.open();
    for n in 0..20 {
        fill(&log, &format!("room-{n}"), 40, Some((20, 8))).await;
    }
    log.close().await.unwrap();
    drop(log);
    let whole = fs::read(filled.database()).unwrap();

    let file = OpenOptions::new()
        .write(true)
        .open(filled.database())
        .unwrap();
    file.set_len(whole.len() as u64 / 2).unwrap();
    let found = problems(&filled);
    assert!(found[0].starts_with("file: "), "{found:#?}");
    let output = filled.run("inspect", &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("is damaged: "),
        "{}",
        stderr(&output)
    );

    let mut scribbled = whole.clone();
    let page = whole.len() / 4096 / 2 * 4096;
    scribbled[page..page + 4096].fill(0xa5);
    fs::write(filled.database(), &scribbled).unwrap();
    let found = problems(&filled);
    assert!(found.len() > 1, "{found:#?}");

    fs::write(filled.database(), vec![0xa5; 8192]).unwrap();
    let found = problems(&filled);
    assert_eq!(found.len(), 2, "{found:#?}");
}
