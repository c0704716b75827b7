//! `revring export` and `revring import`: a room goes from one store to another, whole or not at all.

use std::{
    fs,
    io::Write as _,
    net::SocketAddr,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
};

use futures_util::{SinkExt as _, StreamExt as _};
use revring::{
    Server,
    config::Settings,
    log::{Appended, Log as _},
};
use revring_protocol::{
    change::Operation,
    codec::Codec,
    ids::{Epoch, Rev},
    message::{ClientMessage, GapReason, Join, Position, ServerMessage},
    room::Image,
};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Message, client::IntoClientRequest as _};

use crate::support::{
    Filled, client_id, client_key, epoch, files, fill, image, operation, revring, room_name, run,
    stderr, stdout,
};

/// `board` in a file.
fn exported(filled: &Filled) -> PathBuf {
    let file = filled.path().join("board.jsonl");
    filled.print("export", &["board", file.to_str().unwrap()]);
    file
}

async fn stored(filled: &Filled, room: &str) -> Image {
    let log = filled.open();
    let stored = log.open(&room_name(room)).await.unwrap().unwrap();
    assert!(stored.tail.is_empty(), "operations stay behind");
    stored.image
}

/// Equal but for the epoch, which is new.
fn assert_moved(moved: Image, old: &Image) {
    assert_ne!(moved.epoch, old.epoch);
    let epoch = old.epoch.clone();
    assert_eq!(Image { epoch, ..moved }, *old);
}

fn import(dir: &Path, file: &Path, args: &[&str]) -> std::process::Output {
    let mut all = vec![file.to_str().unwrap()];
    all.extend(args);
    run("import", dir, &all)
}

#[tokio::test]
async fn an_imported_room_is_the_exported_one_in_a_new_epoch() {
    let filled = Filled::new().await;
    let file = exported(&filled);
    let target = Filled::empty();
    let dir = target.path().join("made/here");
    let output = import(&dir, &file, &[]);
    let expected = format!(
        "imported board at revision 20 with 6 records into {}; its epoch is new\n",
        dir.display()
    );
    assert_eq!(stdout(&output), expected, "{}", stderr(&output));
    let said = stdout(&run("inspect", &dir, &["--verify"])).to_owned();
    assert!(
        said.ends_with("6 records in snapshots; no problem found\n"),
        "{said}"
    );

    let output = import(&dir, &file, &["--as", "second"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    fs::rename(dir.join("revring.db"), target.database()).unwrap();
    assert_moved(stored(&target, "board").await, &image(20));
    assert_moved(stored(&target, "second").await, &image(20));
}

#[tokio::test]
async fn a_room_goes_through_a_pipe_from_a_store_that_is_in_use() {
    let filled = Filled::empty();
    let log = filled.open();
    fill(&log, "board", 20, None).await;
    let output = filled.run("export", &["board"]);
    assert_eq!(output.status.code(), Some(0));
    let said = "exported board at revision 20 with 6 records to stdout\n";
    assert_eq!(stderr(&output), said);
    let target = Filled::empty();
    let mut child = revring("import", target.path(), &["-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(&output.stdout)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_moved(stored(&target, "board").await, &image(20));
}

#[tokio::test]
async fn an_existing_file_is_overwritten_only_when_told_so() {
    let filled = Filled::new().await;
    let file = filled.path().join("board.jsonl");
    fs::write(&file, "mine").unwrap();
    let args = ["board", file.to_str().unwrap(), "--force"];
    let output = filled.run("export", &args[..2]);
    assert_eq!((output.status.code(), stdout(&output)), (Some(1), ""));
    assert!(
        stderr(&output).contains("exists already; name another file"),
        "{}",
        stderr(&output)
    );
    assert_eq!(fs::read(&file).unwrap(), b"mine");
    filled.print("export", &args);
    assert!(fs::read_to_string(&file).unwrap().contains("revring-room"));
}

#[tokio::test]
async fn an_export_that_fails_leaves_the_file_that_was_there_and_no_other() {
    let filled = Filled::new().await;
    let target = Filled::empty();
    let file = target.path().join("board.jsonl");
    for force in [false, true] {
        let before = target.files();
        // Files may have 512 bytes, or 1024, as the shell counts.
        let limited = "trap '' XFSZ; ulimit -f 1; exec \"$@\"";
        let mut command = Command::new("/bin/sh");
        command.args(["-c", limited, "sh", env!("CARGO_BIN_EXE_revring"), "export"]);
        command.arg(filled.path()).arg("board").arg(&file);
        command.args(force.then_some("--force"));
        let output = command.output().unwrap();
        assert_eq!((output.status.code(), stdout(&output)), (Some(1), ""));
        let expected = format!("error: cannot write {}: ", file.display());
        let said = stderr(&output);
        assert!(said.starts_with(&expected), "{said}");
        assert_eq!(target.files(), before);
        fs::write(&file, "mine").unwrap();
    }
}

#[tokio::test]
async fn a_link_and_a_pipe_stay_what_they_are() {
    let filled = Filled::new().await;
    let target = Filled::empty();
    let (file, link) = (target.path().join("file"), target.path().join("link"));
    fs::write(&file, "mine").unwrap();
    symlink(&file, &link).unwrap();
    filled.print("export", &["board", link.to_str().unwrap(), "--force"]);
    assert_eq!(fs::read_link(&link).unwrap(), file);
    assert!(fs::read_to_string(&file).unwrap().contains("revring-room"));
    let printed = filled.print("export", &["board", "/dev/stdout", "--force"]);
    assert_eq!(printed, fs::read_to_string(&file).unwrap());
}

#[tokio::test]
async fn a_file_that_is_not_whole_or_not_right_leaves_no_trace() {
    let filled = Filled::new().await;
    let text = fs::read_to_string(exported(&filled)).unwrap();
    let half = text
        .lines()
        .take(4)
        .map(|line| format!("{line}\n"))
        .collect();
    for (content, expected) in [
        (half, "it was cut off after line 4: export the room again"),
        (
            text.replacen("of 14", "of 41", 1),
            "it was changed since it was exported",
        ),
        (
            text.replacen("\"version\":1,\"room\"", "\"version\":7,\"room\"", 1),
            "it is of version 7 of the format, and this revring knows versions up to 1",
        ),
        (
            text.replacen("\"room\":\"board\"", "\"room\":\"\u{9b}\"", 1),
            "line 1: room must be of",
        ),
        (
            "{}\n".to_owned(),
            "it is not a room that `revring export` wrote",
        ),
        (
            String::new(),
            "it is not a room that `revring export` wrote: it is empty",
        ),
    ] {
        let target = Filled::empty();
        let file = target.path().join("file.jsonl");
        fs::write(&file, content).unwrap();
        let dir = target.path().join("store");
        let output = import(&dir, &file, &[]);
        assert_eq!(
            (output.status.code(), stdout(&output)),
            (Some(1), ""),
            "{expected}"
        );
        let said = stderr(&output);
        assert!(
            said.starts_with("error: cannot import ") && said.contains(expected),
            "{said}"
        );
        assert!(!said.trim_end().contains(char::is_control), "{said:?}");
        assert!(!dir.exists(), "nothing was made");
    }
}

#[tokio::test]
async fn a_room_that_exists_is_never_replaced() {
    let filled = Filled::new().await;
    let file = exported(&filled);
    let database = fs::read(filled.database()).unwrap();
    let output = import(filled.path(), &file, &[]);
    assert_eq!((output.status.code(), stdout(&output)), (Some(1), ""));
    let said = stderr(&output);
    let expected = "has a room board already, at revision 20; give this one another name with --as";
    assert!(said.contains(expected), "{said}");
    assert!(
        database == fs::read(filled.database()).unwrap(),
        "the database is as it was"
    );
}

#[tokio::test]
async fn a_store_in_use_is_left_alone() {
    let filled = Filled::new().await;
    let file = exported(&filled);
    let target = Filled::empty();
    let log = target.open();
    let before: Vec<_> = files(target.path()).into_keys().collect();
    let output = import(target.path(), &file, &[]);
    assert_eq!((output.status.code(), stdout(&output)), (Some(1), ""));
    let said = stderr(&output);
    let expected = format!(
        "is in use by another revring process (process {})",
        std::process::id()
    );
    assert!(said.contains(&expected), "{said}");
    assert_eq!(before, files(target.path()).into_keys().collect::<Vec<_>>());
    assert!(log.open(&room_name("board")).await.unwrap().is_none());
}

/// A file of a room with so many records that SQLite writes some of them before all are there.
async fn large_export(filled: &Filled) -> PathBuf {
    let log = filled.open();
    let (name, epoch) = (room_name("board"), epoch());
    for rev in 1..=100 {
        let mut large = Operation::clone(&operation(1));
        large.rev = Rev::new(rev);
        large.client_req_id = format!("u{rev}").parse().unwrap();
        let effect = large.changes.remove(0);
        large.changes = (0..200)
            .map(|n| {
                let mut effect = effect.clone();
                effect.key.id = format!("{}-{rev}-{n}", "long".repeat(20)).parse().unwrap();
                effect
            })
            .collect();
        let (head, large) = (Rev::new(rev - 1), [Arc::new(large)]);
        let appended = log.append(&name, &epoch, head, &large);
        assert_eq!(appended.await, Ok(Appended::Committed));
    }
    drop(log);
    exported(filled)
}

#[tokio::test]
async fn an_import_that_is_killed_leaves_the_whole_room_or_none() {
    let filled = Filled::empty();
    let file = large_export(&filled).await;
    let target = Filled::empty();
    let wal = target.path().join("revring.db-wal");
    let mut child = revring("import", target.path(), &[file.to_str().unwrap()])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    // Some of the room is in the write-ahead log; the rest may be.
    let begun = || fs::metadata(&wal).is_ok_and(|wal| wal.len() > 512 << 10);
    while !begun() && child.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();

    let said = target.print("inspect", &["--verify"]);
    let (none, whole) = (", 0 records in snapshots", ", 20000 records in snapshots");
    assert!(said.contains(none) || said.contains(whole), "{said}");
    let again = import(target.path(), &file, &[]);
    let expected = i32::from(said.contains(whole));
    assert_eq!(again.status.code(), Some(expected), "{}", stderr(&again));
    let said = target.print("inspect", &["board", "--verify"]);
    assert!(said.contains(whole), "{said}");
}

/// The first two messages to a client that joins `board` where it was in another epoch.
async fn rejoin(address: SocketAddr, client: u64, epoch: Epoch) -> (ServerMessage, ServerMessage) {
    let stream = TcpStream::connect(address).await.unwrap();
    let mut request = format!("ws://{address}/v1/ws")
        .into_client_request()
        .unwrap();
    let protocol = Codec::Json.subprotocol().parse().unwrap();
    request
        .headers_mut()
        .insert("sec-websocket-protocol", protocol);
    let (mut socket, _) = tokio_tungstenite::client_async(request, stream)
        .await
        .unwrap();
    let join = ClientMessage::Join(Join {
        room: room_name("board"),
        client_key: Some(client_key(client)),
        position: Some(Position {
            epoch,
            last_rev: Rev::new(19),
        }),
        token: None,
    });
    let text = String::from_utf8(Codec::Json.encode(&join)).unwrap();
    socket.send(Message::text(text)).await.unwrap();
    let mut messages = Vec::new();
    while messages.len() < 2 {
        if let Message::Text(text) = socket.next().await.unwrap().unwrap() {
            messages.push(Codec::Json.decode_server(text.as_bytes()).unwrap());
        }
    }
    let second = messages.pop().unwrap();
    (messages.pop().unwrap(), second)
}

#[tokio::test]
async fn f6_an_imported_room_tells_its_clients_what_it_has_of_theirs() {
    let filled = Filled::new().await;
    let file = exported(&filled);
    let target = Filled::empty();
    assert_eq!(import(target.path(), &file, &[]).status.code(), Some(0));
    let server = Server::bind(Settings {
        listen: "127.0.0.1:0".parse().unwrap(),
        data_dir: target.path().to_owned(),
        ..Settings::default()
    });
    let server = server.await.unwrap();
    let address = server.local_addr();
    let serving = tokio::spawn(server.run(std::future::pending()));
    let listed = target.print("inspect", &["--json"]);
    assert!(listed.contains(r#""rev":20,"#), "{listed}");
    let refused = import(target.path(), &file, &["--as", "second"]);
    let said = stderr(&refused);
    assert!(
        said.contains("is in use by another revring process"),
        "{said}"
    );

    let (joined, gap) = rejoin(address, 1, epoch()).await;
    let ServerMessage::Joined(joined) = joined else {
        panic!("JOINED, not {joined:?}");
    };
    assert_eq!((joined.client_id, joined.rev), (client_id(1), Rev::new(20)));
    assert_ne!(joined.epoch, epoch());
    let ServerMessage::Gap(gap) = gap else {
        panic!("REVISION_GAP, not {gap:?}");
    };
    assert_eq!(gap.reason, GapReason::Epoch);
    let acked: Vec<_> = gap.acked.iter().map(|acked| acked.rev.get()).collect();
    assert_eq!(acked, [1, 4, 7, 10, 13, 16, 19]);
    serving.abort();
}
