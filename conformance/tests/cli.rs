//! The command: its lines, its exit codes, its files.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic, and so may its helpers"
)]

use std::{
    fs,
    process::{Command, Output},
};

use revring_conformance::reference::{Fault, Reference, Settings};

fn conformance(arguments: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_revring-conformance");
    Command::new(program)
        .args(arguments)
        .output()
        .expect("the command runs")
}

fn lines(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

async fn server(fault: Option<Fault>) -> Reference {
    Reference::start(Settings {
        fault,
        ..Settings::default()
    })
    .await
    .expect("starts")
}

/// Runs the command off the test's own threads, which serve its server meanwhile.
async fn run(arguments: &[&str]) -> Output {
    let arguments: Vec<String> = arguments
        .iter()
        .map(|&argument| argument.to_owned())
        .collect();
    let command = move || conformance(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    tokio::task::spawn_blocking(command).await.expect("runs")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_good_server_gets_one_line_per_fixture_and_codec() {
    let server = server(None).await;
    let output = run(&["run", "--url", server.url(), "--filter", "001"]).await;
    let text = lines(&output);
    assert!(output.status.success(), "{text}");
    let (ok, summary): (Vec<_>, Vec<_>) = text.lines().partition(|line| line.starts_with("ok "));
    assert_eq!(ok.len(), 2, "{text}");
    assert!(
        ok[0].contains("001-happy-path") && ok[0].contains(" json ") && ok[1].contains(" msgpack "),
        "{text}"
    );
    assert_eq!(summary, ["2 passed, 0 failed, 0 skipped"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn run_is_what_the_command_does_without_a_name() {
    let server = server(None).await;
    let output = run(&[
        "--url",
        server.url(),
        "--filter",
        "001",
        "--codec",
        "msgpack",
    ])
    .await;
    assert!(output.status.success());
    assert!(lines(&output).ends_with("1 passed, 0 failed, 0 skipped\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_is_explained_and_told_by_the_exit_code() {
    let server = server(Some(Fault::WrongBufferFirstRev)).await;
    let junit =
        std::env::temp_dir().join(format!("revring-conformance-{}.xml", std::process::id()));
    let path = junit.to_str().expect("a path");
    let output = run(&[
        "--url",
        server.url(),
        "--filter",
        "002",
        "--codec",
        "json",
        "--junit",
        path,
    ])
    .await;
    let text = lines(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    for part in [
        "FAILED   002-revision-gap",
        "step 13, ann expect: the message differs at bufferFirstRev",
        "expected  28",
        "received  29",
        "the last messages",
        "ann <- REVISION_GAP",
        "0 passed, 1 failed, 0 skipped",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    let xml = fs::read_to_string(&junit).expect("written");
    fs::remove_file(&junit).expect("removed");
    assert!(
        xml.contains("<failure") && xml.contains("002-revision-gap"),
        "{xml}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_server_does_not_offer_is_skipped_and_said() {
    let server = server(None).await;
    let output = run(&["--url", server.url(), "--filter", "075", "--codec", "json"]).await;
    let text = lines(&output);
    assert!(output.status.success(), "{text}");
    assert!(
        text.contains("needs heartbeatMs at most 500, the server has 15000"),
        "{text}"
    );
    assert!(text.contains("0 passed, 0 failed, 1 skipped"), "{text}");
}

#[test]
fn no_result_at_all_is_another_exit_code() {
    let nobody = conformance(&["--url", "ws://127.0.0.1:9/v1/ws"]);
    assert_eq!(nobody.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("cannot connect"));
    let nothing = conformance(&[
        "--url",
        "ws://127.0.0.1:9/v1/ws",
        "--filter",
        "no such fixture",
    ]);
    assert_eq!(nothing.status.code(), Some(2));
}
