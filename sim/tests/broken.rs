//! The simulation can fail: each promise that is broken on purpose is found.

#![expect(clippy::panic, reason = "a test that cannot go on fails")]

use revring_sim::{Options, batch::run_all, breakage::Breakage, run, shrink::shrink};

/// Seeds among which each must be found.
const SEEDS: u64 = 120;

/// The first run in which `breakage` is found.
fn find(breakage: Breakage) -> Options {
    let options = Options {
        breakage: Some(breakage),
        ..Options::new(0)
    };
    let found = run_all(0..SEEDS, &options, &|| ()).failure;
    let (options, _) = found.unwrap_or_else(|| panic!("{breakage} is not found in {SEEDS} seeds"));
    options
}

macro_rules! found {
    ($($test:ident: $breakage:ident,)*) => {
        /// Those that a test of their own looks for.
        const TESTED: &[Breakage] = &[$(Breakage::$breakage,)*];

        $(
            #[test]
            fn $test() {
                find(Breakage::$breakage);
            }
        )*
    };
}

found! {
    o4_answers_before_the_flush_are_found: AckBeforeFlush,
    u2_forgotten_ids_are_found: ForgetDuplicates,
    f3_a_delta_left_out_is_found: SkipDelta,
    o1_a_revision_given_twice_is_found: ReuseRevision,
    o8_what_is_shown_unflushed_after_a_kill_is_found: ShowUnflushed,
    o8_a_second_flush_taken_for_the_truth_is_found: TrustSecondFlush,
    o8_a_torn_tail_that_is_kept_is_found: KeepTornTail,
    u6_a_final_refusal_of_what_may_be_stored_is_found: FinalRefusal,
    o8_a_backup_under_its_old_epoch_is_found: KeepEpoch,
    f7_a_snapshot_of_another_revision_is_found: MislabelSnapshot,
    o8_a_checkpoint_that_drops_what_follows_is_found: CheckpointDropsTail,
    f6_a_gap_without_acked_is_found: ForgetAcked,
}

#[test]
fn every_breakage_has_a_test_and_a_name_that_is_understood() {
    assert_eq!(TESTED, Breakage::ALL);
    for breakage in Breakage::ALL {
        assert_eq!(breakage.name().parse(), Ok(*breakage));
    }
    assert!("none".parse::<Breakage>().is_err());
}

#[test]
fn a_failing_run_is_made_shorter_and_fails_in_the_same_way() {
    let options = find(Breakage::AckBeforeFlush);
    let rule = |options: &Options| run(options).failure.map(|failure| failure.broken.rule);
    let shrunk = shrink(&options, 60).expect("it fails");
    assert_eq!(rule(&shrunk.options), rule(&options));
    let skipped = shrunk
        .options
        .skip
        .iter()
        .map(|skip| skip.end - skip.start)
        .sum::<u64>();
    assert!(shrunk.options.steps - skipped < options.steps / 4);
}
