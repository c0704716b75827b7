//! Servers that break one rule: for each, the right fixture fails, and for the right reason.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test may panic, and so may its helpers"
)]

mod support;

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use revring_conformance::{
    reference::{Fault, Settings},
    report::Verdict,
};
use revring_protocol::limits::Limits;

/// The rule that is broken, a fixture that must fail, and what its report must say.
const TABLE: &[(Fault, &str, &str)] = &[
    (
        Fault::ForgetsDuplicates,
        "011-duplicate-on-the-same-connection",
        "at ops[0].clientReqId",
    ),
    (
        Fault::ForgetsDuplicates,
        "012-duplicate-on-a-new-connection",
        "at ops[0].clientReqId",
    ),
    (
        Fault::ForgetsDuplicates,
        "013-duplicate-after-it-left-the-ring",
        "at ops[0].clientReqId",
    ),
    (
        Fault::AcksTheHead,
        "011-duplicate-on-the-same-connection",
        "at rev\n  expected  1\n  received  2",
    ),
    (
        Fault::AppliesUnknownOutcome,
        "028-outcome-forgotten",
        "expected  \"REJECT\"",
    ),
    (
        Fault::SkipsRevision,
        "023-two-writers",
        "the server broke rule",
    ),
    (
        Fault::AppliesHalf,
        "015-rejected-update-changes-nothing",
        "expected nothing",
    ),
    (
        Fault::AppliesRejected,
        "016-if-version",
        "at ops[0].changes[0].data.n",
    ),
    (
        Fault::IgnoresIfVersion,
        "016-if-version",
        "expected  \"REJECT\"",
    ),
    (
        Fault::LosesNulls,
        "017-merge-with-null",
        "at view.notes.n1.b",
    ),
    (
        Fault::RestartsVersions,
        "031-delete-create-again-and-join",
        "broke rule D-8",
    ),
    (Fault::NoChecksum, "001-happy-path", "broke rule F-7"),
    (Fault::WrongChecksum, "037-heartbeat", "broke rule D-8"),
    (
        Fault::UnmovedSplice,
        "018-splice-against-splice",
        "at ops[0].changes[0].at\n  expected  14\n  received  11",
    ),
    (
        Fault::WrongTie,
        "019-splice-at-the-same-place",
        "at ops[0].changes[0].at\n  expected  2\n  received  1",
    ),
    (
        Fault::SpliceOverReplaced,
        "029-splice-whose-value-was-replaced",
        "expected  \"REJECT\"",
    ),
    (
        Fault::AcceptsOldBase,
        "030-splice-with-a-base-outside-the-ring",
        "BASE_TOO_OLD",
    ),
    (
        Fault::GapAtTheEdge,
        "005-resume-at-the-edge-of-the-ring",
        "at resumed\n  expected  true",
    ),
    (
        Fault::DeltaPastTheEdge,
        "006-resume-past-the-edge-of-the-ring",
        "at resumed\n  expected  false",
    ),
    (
        Fault::DeltaHole,
        "004-resume-inside-the-ring",
        "broke rule F-3: fromRev 2, but 1",
    ),
    (Fault::NoGap, "002-revision-gap", "broke rule F-4"),
    (
        Fault::WrongBufferFirstRev,
        "002-revision-gap",
        "at bufferFirstRev\n  expected  28\n  received  29",
    ),
    (
        Fault::ForgetsAcked,
        "027-acknowledged-in-a-gap",
        "at acked[0]",
    ),
    (Fault::OnePart, "032-snapshot-in-parts", "broke rule W-8"),
    (
        Fault::DropsSlowReaders,
        "024-slow-reader-catches-up",
        "the connection was cut",
    ),
    (
        Fault::ThinsSlowReaders,
        "024-slow-reader-catches-up",
        "broke rule F-3",
    ),
    (
        Fault::SilentBeforeJoin,
        "048-before-join",
        "nothing came within",
    ),
    (Fault::JoinsTwice, "054-second-join", "broke rule C-6"),
    (Fault::ForgetsIdleRooms, "009-idle-room", "differs at epoch"),
    (Fault::NoSupersede, "034-superseded", "nothing came within"),
    (
        Fault::LateEndHurts,
        "034-superseded",
        "who is present differs",
    ),
    (
        Fault::WrongResumed,
        "009-idle-room",
        "broke rule C-6: resumed is true",
    ),
    (
        Fault::ResumesOtherEpoch,
        "008-another-epoch",
        "broke rule F-4: reason Ahead, the client is Epoch",
    ),
    (
        Fault::ResumesAhead,
        "007-ahead-of-the-server",
        "broke rule C-6: resumed is true",
    ),
    (
        Fault::ResyncWithoutJoined,
        "026-resync-on-a-live-socket",
        "expected  \"JOINED\"",
    ),
    (Fault::StaysOnLeave, "055-leave", "still open after"),
    (
        Fault::AnySubprotocol,
        "050-subprotocols",
        "the answer has another status",
    ),
    (
        Fault::ClosesOnUnknownType,
        "039-unknown-type",
        "the connection was cut",
    ),
    (Fault::RefusesUnknownFields, "040-unknown-fields", "at type"),
    (
        Fault::IgnoresTrailing,
        "043-bytes-after-the-message",
        "expected  \"ERROR\"",
    ),
    (
        Fault::ClosesOnMalformed,
        "041-malformed-json",
        "the connection was cut",
    ),
    (
        Fault::ClosesOnMalformed,
        "042-malformed-messagepack",
        "the connection was cut",
    ),
    (
        Fault::ClosesOthers,
        "041-malformed-json",
        "bob <- ERROR code=\"SUPERSEDED\"",
    ),
    (
        Fault::ClosesOthers,
        "042-malformed-messagepack",
        "bob <- ERROR code=\"SUPERSEDED\"",
    ),
    (
        Fault::IgnoresInvalid,
        "044-wrong-types",
        "nothing came within",
    ),
    (
        Fault::ClampsNumbers,
        "045-huge-numbers",
        "expected  \"ERROR\"",
    ),
    (
        Fault::CutsNesting,
        "046-deep-nesting",
        "expected  \"ERROR\"",
    ),
    (
        Fault::ReadsWrongFrame,
        "051-frame-of-the-wrong-kind",
        "expected  \"ERROR\"",
    ),
    (
        Fault::SilentOnTooLarge,
        "047-oversized-message",
        "the connection was cut",
    ),
    (
        Fault::SilentOnBadText,
        "049-bad-utf8",
        "the connection was cut",
    ),
    (
        Fault::PresenceStays,
        "036-presence",
        "who is present differs",
    ),
    (Fault::PresenceNeverFull, "036-presence", "broke rule P-3"),
    (Fault::NoHeartbeat, "037-heartbeat", "nothing came within"),
    (
        Fault::NoPing,
        "075-quiet-clients-are-pinged",
        "no ping came",
    ),
    (
        Fault::KeepsSilent,
        "076-silent-clients-are-dropped",
        "who is present differs",
    ),
    (
        Fault::WrongRetryable,
        "015-rejected-update-changes-nothing",
        "broke rule E-1",
    ),
];

/// Settings that the fixtures of the table find what they need in.
fn settings(fault: Fault) -> Settings {
    let mut settings = Settings {
        fault: Some(fault),
        ..Settings::default()
    };
    if matches!(fault, Fault::NoPing | Fault::KeepsSilent) {
        settings.heartbeat = Duration::from_millis(200);
        settings.limits = Limits {
            silence_ms: 1000,
            ..Limits::DEFAULT
        };
    }
    settings
}

/// What is wrong with how `fixture` takes `fault`.
async fn unnoticed(fault: Fault, fixture: &'static str, reason: &'static str) -> Vec<String> {
    let cases = support::run(settings(fault), |name| name == fixture).await;
    let mut problems = Vec::new();
    if cases.is_empty() {
        problems.push(format!("{fault:?}: there is no fixture {fixture}"));
    }
    for case in cases {
        match case.verdict {
            Verdict::Failed(why) if why.contains(reason) => {}
            other => problems.push(format!("{fault:?}, {fixture}, {:?}: {other:?}", case.codec)),
        }
    }
    problems
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_broken_rule_is_noticed_by_the_fixture_about_it() {
    let runs =
        stream::iter(TABLE).map(|(fault, fixture, reason)| unnoticed(*fault, fixture, reason));
    let problems: Vec<_> = runs.buffer_unordered(8).concat().await;
    assert!(problems.is_empty(), "{}", problems.join("\n\n"));
}

#[test]
fn every_fault_is_in_the_table() {
    let missing: Vec<_> = Fault::ALL
        .iter()
        .filter(|fault| TABLE.iter().all(|row| row.0 != **fault))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}
