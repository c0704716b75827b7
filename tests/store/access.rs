//! Who may look into a store, and directories that are none.

use std::{
    fs::{self, Permissions},
    os::unix::{
        fs::{DirBuilderExt as _, PermissionsExt as _, symlink},
        process::CommandExt as _,
    },
    path::Path,
    process::Output,
};

use revring::log::{SqliteLog, StoreError, StoreOptions};
use rusqlite::Connection;

use crate::support::{Filled, files, fill, revring, run, stderr, stdout};

/// Whoever has no rights.
const NOBODY: u32 = 65_534;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// The output of a command run by someone who is no superuser; `None` if that cannot be.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn run_without_rights(command: &str, dir: &Path, args: &[&str]) -> Option<Output> {
    let mut command = revring(command, dir, args);
    if rustix::process::geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    match command.output() {
        Ok(output) => Some(output),
        Err(error) => {
            eprintln!("skipped: the program cannot be run without rights: {error}");
            None
        }
    }
}

#[tokio::test]
async fn a_store_is_for_its_owner_alone() {
    let parent = Filled::empty();
    let usual = parent.path().join("usual");
    fs::create_dir(&usual).unwrap();
    let outer = parent.path().join("outer");
    let dir = outer.join("data");
    let log = SqliteLog::open(&StoreOptions::new(&dir)).unwrap();
    fill(&log, "board", 20, Some((12, 8))).await;
    assert_eq!(
        mode(&outer),
        mode(&usual),
        "only the store's own directory is closed"
    );
    assert_eq!(mode(&dir), 0o700);
    let made = files(&dir);
    let names: Vec<_> = made.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        ["lock", "revring.db", "revring.db-shm", "revring.db-wal"]
    );
    for name in names {
        assert_eq!(mode(&dir.join(name)), 0o600, "{name}");
    }
    drop(log);

    let file = parent.path().join("board.jsonl");
    let args = ["board", file.to_str().unwrap(), "--force"];
    assert_eq!(run("export", &dir, &args[..2]).status.code(), Some(0));
    assert_eq!(mode(&file), 0o600);
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    assert_eq!(run("export", &dir, &args).status.code(), Some(0));
    assert_eq!(mode(&file), 0o600);

    let target = outer.join("target");
    let imported = run("import", &target, &[file.to_str().unwrap()]);
    assert_eq!(imported.status.code(), Some(0), "{}", stderr(&imported));
    assert_eq!(mode(&target), 0o700);
    assert_eq!(mode(&target.join("revring.db")), 0o600);
}

#[test]
fn a_directory_that_is_there_keeps_its_mode() {
    let parent = Filled::empty();
    let dir = parent.path().join("data");
    fs::DirBuilder::new().mode(0o750).create(&dir).unwrap();
    drop(SqliteLog::open(&StoreOptions::new(&dir)).unwrap());
    assert_eq!(mode(&dir), 0o750);
    assert_eq!(mode(&dir.join("revring.db")), 0o600);
}

#[test]
fn a_directory_is_made_with_all_around_it_however_it_is_written() {
    let parent = Filled::empty();
    for name in ["a/b/c", "d/./e/.", "f/g//"] {
        let dir = parent.path().join(name);
        drop(SqliteLog::open(&StoreOptions::new(&dir)).unwrap());
        assert_eq!(mode(&dir), 0o700, "{name}");
        drop(SqliteLog::open(&StoreOptions::new(&dir)).unwrap());
    }
}

#[tokio::test]
async fn a_store_of_someone_else_is_not_said_to_be_missing() {
    let filled = Filled::new().await;
    let dir = filled.path().join("data");
    fs::create_dir(&dir).unwrap();
    fs::rename(filled.database(), dir.join("revring.db")).unwrap();
    fs::set_permissions(filled.path(), Permissions::from_mode(0o755)).unwrap();
    for closed in [&dir, &dir.join("revring.db")] {
        fs::set_permissions(&dir, Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(closed, Permissions::from_mode(0o000)).unwrap();
        for (command, args) in [("inspect", &[][..]), ("export", &["board"])] {
            let Some(output) = run_without_rights(command, &dir, args) else {
                return;
            };
            assert_eq!((output.status.code(), stdout(&output)), (Some(1), ""));
            let said = stderr(&output);
            let expected = format!("error: cannot use {}", dir.display());
            assert!(
                said.starts_with(&expected) && said.contains("ermission"),
                "{said}"
            );
        }
    }
    fs::set_permissions(&dir, Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_link_that_leads_nowhere_is_called_one() {
    let parent = Filled::empty();
    let link = parent.path().join("link");
    symlink("/nowhere/at/all", &link).unwrap();
    for dir in [link.clone(), link.join("below")] {
        let error = SqliteLog::open(&StoreOptions::new(&dir)).unwrap_err();
        let expected = format!(
            "cannot use {}: it is a symbolic link to /nowhere/at/all, which does not exist",
            link.display()
        );
        assert_eq!(error.to_string(), expected);
    }
    assert_eq!(files_and_links(parent.path()), ["link"]);
}

fn files_and_links(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name();
    entries
        .map(|entry| name(entry).into_string().unwrap())
        .collect()
}

#[test]
fn a_directory_of_something_else_is_left_without_a_trace() {
    let other = Filled::empty();
    let database = Connection::open(other.database()).unwrap();
    database
        .execute_batch("CREATE TABLE notes (text TEXT)")
        .unwrap();
    drop(database);
    let before = other.files();
    for _ in 0..2 {
        let error = SqliteLog::open(&StoreOptions::new(other.path())).unwrap_err();
        assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
        assert!(other.files() == before, "{:?}", other.files().keys());
    }
}

#[test]
fn a_damaged_store_is_refused_with_the_command_that_looks_at_it() {
    let filled = Filled::empty();
    drop(filled.open());
    fs::write(filled.database(), "not a database, by far".repeat(1000)).unwrap();
    let error = SqliteLog::open(&StoreOptions::new(filled.path())).unwrap_err();
    let hint = format!("`revring inspect {} --verify`", filled.path().display());
    assert!(error.to_string().contains(&hint), "{error}");
}
