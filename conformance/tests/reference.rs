//! The reference server passes every fixture it offers what is needed for.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic, and so may its helpers"
)]

mod support;

use std::time::Duration;

use revring_conformance::{
    reference::Settings,
    report::{Case, Verdict},
};
use revring_protocol::limits::Limits;

fn assert_none_failed(cases: &[Case]) {
    let failed = cases.iter().filter_map(|case| match &case.verdict {
        Verdict::Failed(why) => Some(format!("{} {:?}\n{why}", case.name, case.codec)),
        Verdict::Passed | Verdict::Skipped(_) => None,
    });
    let failed: Vec<_> = failed.collect();
    assert!(
        failed.is_empty(),
        "{} failed\n{}",
        failed.len(),
        failed.join("\n")
    );
}

fn passed(cases: &[Case]) -> usize {
    let passed = cases.iter().filter(|case| case.verdict == Verdict::Passed);
    passed.count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fixture_passes_against_the_reference_server() {
    let cases = support::run(Settings::default(), |_| true).await;
    assert_none_failed(&cases);
    assert!(passed(&cases) > 160, "only {} passed", passed(&cases));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h2_h3_the_reference_server_pings_and_drops() {
    let settings = Settings {
        limits: Limits {
            silence_ms: 1500,
            ..Limits::DEFAULT
        },
        heartbeat: Duration::from_millis(200),
        ..Settings::default()
    };
    let cases = support::run(settings, |name| ["075", "076", "096"].contains(&&name[..3])).await;
    assert_none_failed(&cases);
    assert_eq!(passed(&cases), 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f1_d7_the_reference_server_keeps_small_limits() {
    let limits = Limits {
        ring_ops: 16,
        ring_bytes: 64 << 10,
        operation_bytes: 16 << 10,
        record_bytes: 8 << 10,
        document_bytes: 32 << 10,
        ..Limits::DEFAULT
    };
    let settings = Settings {
        limits,
        ..Settings::default()
    };
    let cases = support::run(settings, |name| ["081", "082", "083"].contains(&&name[..3])).await;
    assert_none_failed(&cases);
    assert_eq!(passed(&cases), 6);
}
