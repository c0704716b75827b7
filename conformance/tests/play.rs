//! Playing the server for a client under test, here the bare replica behind an adapter.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic, and so may its helpers"
)]

mod support;

use std::{
    io::{self, BufRead as _, BufReader, Read as _},
    net::SocketAddr,
    process::{Command, Stdio},
};

use revring_conformance::{
    fixture::Library,
    play::{Stand, play},
    report::{Case, Output, Verdict},
};
use revring_protocol::codec::Codec;

use self::support::adapter::{Adapter, Mistake};

/// Plays the fixtures whose name is `wanted` with a client that makes `mistake`.
async fn played(mistake: Mistake, codecs: &[Codec], wanted: impl Fn(&str) -> bool) -> Vec<Case> {
    let mut library = Library::embedded().expect("fixtures are valid");
    library.keep(wanted);
    let stand = Stand::open(SocketAddr::from(([127, 0, 0, 1], 0)))
        .await
        .expect("a free port");
    let url = stand.control_url();
    let client = tokio::spawn(async move { Adapter::connect(&url, mistake).await.run().await });
    let mut output = Output::new(Box::new(io::sink()));
    play(&library, codecs, stand, &mut output)
        .await
        .expect("the stand stands");
    client.await.expect("the client does not panic");
    output.cases().to_vec()
}

fn failed(cases: &[Case]) -> Vec<String> {
    let failed = cases.iter().filter_map(|case| match &case.verdict {
        Verdict::Failed(why) => Some(format!("{} {:?}\n{why}", case.name, case.codec)),
        Verdict::Passed | Verdict::Skipped(_) => None,
    });
    failed.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_replica_passes_every_fixture_that_concerns_a_client() {
    let cases = played(Mistake::None, &Codec::ALL, |_| true).await;
    let failed = failed(&cases);
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    let passed = cases
        .iter()
        .filter(|case| case.verdict == Verdict::Passed)
        .count();
    assert!(passed >= 40, "only {passed} of {} were played", cases.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e2_a_client_that_comes_back_after_being_superseded_fails() {
    let cases = played(Mistake::AlwaysReconnects, &[Codec::Json], |name| {
        name.starts_with("035")
    })
    .await;
    let failed = failed(&cases);
    assert!(
        failed.len() == 1 && failed[0].contains("connected by itself"),
        "{failed:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f3_a_client_that_takes_any_delta_fails() {
    let cases = played(Mistake::IgnoresFromRev, &[Codec::Json], |name| {
        name.starts_with("063")
    })
    .await;
    let failed = failed(&cases);
    assert!(
        failed.len() == 1 && failed[0].contains("the client sends nothing"),
        "{failed:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn k8_a_client_that_forgets_what_is_pending_fails() {
    let cases = played(Mistake::ForgetsPending, &[Codec::Json], |name| {
        name.starts_with("062")
    })
    .await;
    let failed = failed(&cases);
    assert!(failed.len() == 1 && failed[0].contains("062"), "{failed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_says_where_it_plays_and_what_came_of_it() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_revring-conformance"));
    command.args([
        "play",
        "--listen",
        "127.0.0.1:0",
        "--codec",
        "json",
        "001",
        "035",
    ]);
    let mut child = command.stdout(Stdio::piped()).spawn().expect("starts");
    let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
    let mut line = String::new();
    stdout.read_line(&mut line).expect("a line");
    let url = line
        .trim()
        .strip_prefix("playing on ")
        .expect("says where it plays");
    Adapter::connect(url, Mistake::AlwaysReconnects)
        .await
        .run()
        .await;
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).expect("lines");
    assert_eq!(child.wait().expect("ends").code(), Some(1), "{rest}");
    assert!(rest.starts_with("ok       001-happy-path"), "{rest}");
    assert!(
        rest.contains("FAILED   035-a-superseded-client-stays-away"),
        "{rest}"
    );
    assert!(rest.ends_with("1 passed, 1 failed, 0 skipped\n"), "{rest}");
}
