//! The program against a real server: what it finds when all is well, and that it finds what is not.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod proxy;
mod server;
mod support;

use std::io::{BufRead as _, BufReader};

use serde_json::Value;

use proxy::{Proxy, Tamper};
use support::{Server, checks, load, started, words};

/// Readers of every class, two rooms, several writers.
const EVERYONE: &str = "--clients 40 --writers 3 --rooms 2 --replicas 3 --slow 0.25 --slow-speed 2KiB --reconnecting 0.2 \
                        --records 40 --record-bytes 200 --stamps-of-one-in 1 --rate 400 --duration 1500ms --warm-up 100ms";

#[test]
fn every_class_of_client_ends_equal_in_both_codecs() {
    for codec in ["msgpack", "json"] {
        let server = Server::start();
        let (status, report) = load(
            &server.url(),
            &format!("{EVERYONE} --work put --codec {codec}"),
        );
        assert_eq!(status, 0, "{:?}", checks(&report));
        let run = &report["chapters"][0]["runs"][0];
        assert!(
            run["counts"]["updates"].as_u64() > Some(200),
            "{}",
            run["counts"]
        );
        assert!(
            run["counts"]["resumes"].as_u64() > Some(0),
            "{}",
            run["counts"]
        );
        let classes = words(&run["latency"], "class");
        for class in ["readers", "replicas", "returning", "acknowledged"] {
            assert!(
                classes.contains(&class.to_owned()),
                "{class} is not among {classes:?}"
            );
        }
        assert!(checks(&report).len() >= 8);
    }
}

#[test]
fn f8_slow_readers_get_gaps_from_a_small_ring_and_end_equal() {
    let server = Server::with_ring(64);
    let options = "--clients 8 --slow 0.5 --slow-speed 1KiB --payload 500 --window 64 --duration 700ms --warm-up 100ms";
    let (status, report) = load(&server.url(), options);
    assert_eq!(status, 0, "{:?}", checks(&report));
    let (settled, _) = &checks(&report)[0];
    assert!(!settled.contains(" 0 gaps"), "{settled}");
}

#[test]
fn a_lone_writer_writes_until_its_input_ends_and_tells_what_came_back() {
    let server = Server::start();
    let task = format!(
        "lone-writer --server {} --room r --rate 1000 --payload 40 --seconds 1000",
        server.address()
    );
    let mut writer = started(&task);
    let mut out = BufReader::new(writer.stdout.take().unwrap()).lines();
    assert_eq!(out.next().unwrap().unwrap(), "ready");
    drop(writer.stdin.take());
    let account: Value = serde_json::from_str(&out.next().unwrap().unwrap()).unwrap();
    assert!(writer.wait().unwrap().success());
    let updates = account["answered"].as_array().unwrap();
    assert!(!updates.is_empty());
    assert_eq!(account["head"], updates.len());
    let checks = account["checks"].as_array().unwrap();
    assert!(checks.iter().all(|check| check["holds"] == true));
}

#[test]
fn a_stream_is_replayed_by_writers_that_hold_replicas() {
    let server = Server::start();
    let file = tempfile::NamedTempFile::new().unwrap();
    let key = r#""collection":"c","id":"d""#;
    let mut stream =
        format!(r#"{{"at":0,"changes":[{{"op":"put",{key},"data":{{"text":"ab"}}}}]}}"#);
    for _ in 0..50 {
        let splice =
            format!(r#"{{"op":"splice",{key},"path":"/text","at":1,"remove":0,"insert":"x"}}"#);
        stream.push_str(&format!("\n{{\"at\":0.1,\"changes\":[{splice}]}}"));
    }
    std::fs::write(file.path(), stream).unwrap();
    let options = format!(
        "--clients 4 --replicas 2 --rooms 2 --replay {}",
        file.path().display()
    );
    let (status, report) = load(&server.url(), &options);
    assert_eq!(status, 0, "{:?}", checks(&report));
    let run = &report["chapters"][0]["runs"][0];
    assert_eq!(run["counts"]["acknowledged"], 102);
    assert_eq!(run["plan"]["stream"], "played 102 of 102 updates");
    // Nothing tells in which order updates of replicas were written but the revisions.
    assert!(
        !checks(&report)
            .iter()
            .any(|(what, _)| what.contains("in their order"))
    );
}

/// A reader gets another stream than the others.
fn tampered(tamper: Tamper, finds: &str) {
    let server = Server::start();
    let proxy = Proxy::start(server.address(), tamper);
    let options = "--clients 4 --stamps-of-one-in 1 --rate 200 --duration 500ms --warm-up 0s";
    let (status, report) = load(&proxy.url(), options);
    assert_eq!(status, 1);
    let broken = checks(&report).into_iter().filter(|(_, holds)| !holds);
    let broken: Vec<String> = broken.map(|(what, _)| what).collect();
    assert!(broken.iter().any(|what| what.contains(finds)), "{broken:?}");
}

#[test]
fn f3_a_lost_operation_is_found() {
    tampered(Tamper::Drop, "without hole");
}

#[test]
fn f3_a_repeated_operation_is_found() {
    tampered(Tamper::Repeat, "each once");
}

#[test]
fn o1_an_operation_that_one_client_sees_otherwise_is_found() {
    tampered(Tamper::Garble, "exactly those operations");
}

#[test]
fn u1_an_update_that_is_shown_to_its_author_twice_is_found() {
    tampered(Tamper::RepeatToAuthor, "acknowledged exactly once");
}

#[test]
fn u1_an_update_that_is_refused_is_found() {
    tampered(Tamper::Refuse, "1 are refused");
}

#[test]
fn f7_a_snapshot_of_another_state_is_found() {
    tampered(Tamper::Snapshot, "every snapshot is the state");
}

#[test]
fn o1_another_checksum_than_the_state_has_is_found() {
    tampered(Tamper::Checksum, "lead to the server's checksum");
}

#[test]
fn what_cannot_be_done_is_said_with_what_to_do() {
    for (arguments, words) in [
        ("run --server /no/such/program", "/no/such/program"),
        ("run --url wss://example.org", "TLS"),
        (
            "run --url 127.0.0.1:1 --clients 1",
            "is a server listening there?",
        ),
        (
            "run --url 127.0.0.1:1 --clients 2 --replicas 3",
            "counted among the readers",
        ),
        ("run --window 0", "from 1 on"),
        ("run --writers 0 --rate 9", "leaves none"),
        ("scenario no-such-scenario", "there are fanout"),
    ] {
        let (status, said) = support::refused(arguments);
        assert!(status == 1 || status == 2, "{arguments}: {status}");
        assert!(said.contains(words), "{arguments}: {said}");
    }
}
