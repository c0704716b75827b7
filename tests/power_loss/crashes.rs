//! Stores that lose their power at many points.

use std::{
    collections::BTreeMap,
    env,
    ops::Range,
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use revring::log::{Durability, Log as _};

use crate::{
    crash::{Point, Wreck, keep},
    line::{Kind, Violation},
    plan::{Counts, Plan},
    world::World,
};

/// Crash points of one recording.
const POINTS: usize = 50;

/// What the environment says about the crash points to try.
struct Settings {
    seed: u64,
    points: usize,
    only: Option<usize>,
}

impl Settings {
    fn from_environment() -> Self {
        let points = number("REVRING_CRASH_POINTS").unwrap_or(1_000);
        let only = number("REVRING_CRASH_POINT");
        Self {
            seed: number("REVRING_CRASH_SEED").map_or(1, |seed| seed as u64),
            points: if only.is_some() { 1 } else { points },
            only,
        }
    }
}

fn number(name: &str) -> Option<usize> {
    let text = env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is a number, not {text:?}")),
    )
}

/// A store at work, and what is done to it, by seed: many records, long texts, or neither.
fn plan(seed: u64, durability: Durability) -> Plan {
    let (records, text, steps) = match seed % 4 {
        0 => (400, 20, 40),
        1 => (20, 3_000, 40),
        _ => (10, 30, 60),
    };
    let trouble = durability == Durability::Full;
    Plan {
        seed,
        durability,
        rooms: 3,
        steps,
        records,
        text,
        trouble,
    }
}

pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    // With one thread for blocking work, that is done in its order.
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().max_blocking_threads(1).build();
    runtime.unwrap().block_on(future)
}

async fn wreck(plan: Plan) -> (Wreck, Counts) {
    let seed = plan.seed;
    let mut world = World::new(plan);
    if let Err(violation) = world.run().await {
        panic!("seed {seed}: while it ran, {violation}");
    }
    let counts = world.counts;
    (Wreck::new(world, seed), counts)
}

/// Tries the points of one recording; panics at the first that is wrong.
async fn try_points(
    seed: u64,
    only: Option<usize>,
    points: impl FnOnce(&Wreck) -> Vec<Point>,
) -> Counts {
    let (wreck, mut counts) = wreck(plan(seed, Durability::Full)).await;
    let points = points(&wreck);
    wreck
        .visit(&points, only, |number, point, files, outcome| {
            counts.points += 1;
            let Err(violation) = outcome else {
                return;
            };
            let kept = keep(&format!("power-loss-{seed}-{number}"), files).unwrap();
            panic!(
                "{violation}\nafter {point:?}; the disk is kept in {}\n\
                 again: REVRING_CRASH_SEED={seed} REVRING_CRASH_POINT={number} \
                 cargo nextest run --test power_loss, and the name of this test",
                kept.display()
            );
        })
        .await;
    counts
}

#[test]
fn o8_what_was_acknowledged_or_shown_survives_power_loss() {
    let settings = Settings::from_environment();
    let worlds = settings.points.div_ceil(POINTS) as u64;
    let seeds = settings.seed..settings.seed + worlds;
    println!("seeds {seeds:?}, {POINTS} crash points each");
    let next = AtomicU64::new(seeds.start);
    let work = || {
        let mut counts = Counts::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return counts;
            }
            counts += run(try_points(seed, settings.only, |wreck| {
                wreck.points(POINTS)
            }));
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let mut counts = Counts::default();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            counts += worker.join().expect("every point holds");
        }
    });
    println!("{counts:?}");
    if worlds >= 10 {
        counts.assert_all();
    }
}

#[test]
#[ignore = "takes minutes"]
fn o8_what_was_acknowledged_or_shown_survives_power_loss_at_every_moment() {
    let Settings { seed, only, .. } = Settings::from_environment();
    let seeds = if only.is_some() { 1 } else { 4 };
    for seed in seed..seed + seeds {
        let counts = run(try_points(seed, only, Wreck::every_point));
        println!("seed {seed}: {counts:?}");
    }
}

#[test]
fn the_same_seed_does_the_same() {
    for seed in 4..12 {
        let once = run(wreck(plan(seed, Durability::Full))).0;
        let again = run(wreck(plan(seed, Durability::Full))).0;
        let (once, again) = (once.outline(), again.outline());
        let differs = once
            .iter()
            .zip(&again)
            .position(|(one, other)| one != other);
        if let Some(at) = differs {
            panic!("event {at} is {} once and {} again", once[at], again[at]);
        }
        assert_eq!(once.len(), again.len());
    }
}

/// What came of many points, by kind; `None`: nothing was wrong.
type Outcomes = BTreeMap<Option<Kind>, usize>;

async fn outcomes(wreck: &Wreck, points: &[Point]) -> Outcomes {
    let mut outcomes = Outcomes::new();
    let count = |_, _, _: &_, outcome: Result<(), Violation>| {
        let kind = outcome.err().map(|violation| violation.kind);
        *outcomes.entry(kind).or_default() += 1;
    };
    wreck.visit(points, None, count).await;
    println!("{outcomes:?}");
    outcomes
}

/// A store whose process is killed once, at the end, and nothing fails before.
async fn quiet_wreck(seed: u64, durability: Durability) -> Wreck {
    wreck(Plan {
        trouble: false,
        ..plan(seed, durability)
    })
    .await
    .0
}

#[test]
fn a_disk_that_only_pretends_to_flush_is_found_out() {
    run(async {
        let mut wreck = quiet_wreck(2, Durability::Full).await;
        wreck.ignore_flushes();
        let outcomes = outcomes(&wreck, &wreck.points(2 * POINTS)).await;
        let right = outcomes.get(&None).copied().unwrap_or(0);
        assert!(right < POINTS, "{outcomes:?}");
    });
}

#[test]
fn acknowledgements_that_no_flush_waited_for_are_found_out() {
    run(async {
        let wreck = quiet_wreck(2, Durability::Os).await;
        let outcomes = outcomes(&wreck, &wreck.points(2 * POINTS)).await;
        assert!(outcomes.contains_key(&Some(Kind::Lost)), "{outcomes:?}");
    });
}

fn weak_seeds() -> Range<u64> {
    let first = Settings::from_environment().seed;
    println!("from seed {first} on");
    first..first + 3
}

/// A loss in the epoch in which it was shown would make clients that have it go on with something else.
fn assert_never_lost_in_its_epoch(outcomes: &Outcomes) {
    assert!(!outcomes.contains_key(&Some(Kind::Lost)), "{outcomes:?}");
    assert!(!outcomes.contains_key(&Some(Kind::Foreign)), "{outcomes:?}");
    assert!(outcomes.contains_key(&Some(Kind::Epoch)), "{outcomes:?}");
}

#[test]
fn o8_less_durability_loses_nothing_in_its_epoch_and_damages_nothing() {
    run(async {
        for seed in weak_seeds() {
            let mut wreck = quiet_wreck(seed, Durability::Os).await;
            wreck.reboots = true;
            let outcomes = outcomes(&wreck, &wreck.points(2 * POINTS)).await;
            assert_never_lost_in_its_epoch(&outcomes);
            assert!(!outcomes.contains_key(&Some(Kind::Broken)), "{outcomes:?}");
        }
    });
}

#[test]
fn o8_no_durability_loses_nothing_in_its_epoch() {
    run(async {
        for seed in weak_seeds() {
            let wreck = quiet_wreck(seed, Durability::None).await;
            let outcomes = outcomes(&wreck, &wreck.points(2 * POINTS)).await;
            assert_never_lost_in_its_epoch(&outcomes);
        }
    });
}

#[test]
fn o8_without_flushes_a_run_is_noted_before_it_begins_and_its_end_after_all_is_flushed() {
    run(async {
        let plan = Plan {
            rooms: 1,
            ..plan(2, Durability::None)
        };
        let mut world = World::new(plan);
        let mut log = world.open_store().await.unwrap();
        for _ in 0..2 {
            world.append_to(&log, 1).await;
            world.move_log();
            log.close().await.unwrap();
            log = world.restart(log).await.unwrap();
        }
        for _ in 0..2 {
            world.append_to(&log, 1).await;
            world.move_log();
        }
        world.append_to(&log, 1).await;
        world.recorder.kill();
        drop(log);
        let wreck = Wreck::new(world, 1);
        let outcomes = outcomes(&wreck, &wreck.every_point()).await;
        assert_never_lost_in_its_epoch(&outcomes);
    });
}
