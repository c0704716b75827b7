//! What every test here needs: patience, seeds, directories, clients that come back at once.

use std::{env, future::Future, path::Path, time::Duration};

use rand::{RngExt as _, SeedableRng as _, rngs::Xoshiro256PlusPlus};
use revring_client::{
    Event, Events, Options, Rev, Room, Status, StatusWatch, protocol::message::GapReason,
};
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

/// Long enough for whatever should happen on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Random numbers that a seed brings back.
pub(crate) type Dice = Xoshiro256PlusPlus;

/// The value of `future`, which has to be ready before patience ends.
pub(crate) async fn soon<F: Future>(what: &str, future: F) -> F::Output {
    let ready = timeout(PATIENCE, future).await;
    ready.unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"))
}

/// The seed of this run, which is printed.
pub(crate) fn seed(test: &str) -> u64 {
    let given = env::var("REVRING_CRASH_SEED").ok();
    let seed = given.map_or_else(
        || rand::rng().random_range(0..1_000_000),
        |seed| seed.parse().expect("a number"),
    );
    eprintln!("{test}: REVRING_CRASH_SEED={seed}");
    seed
}

/// The dice of one part of a run.
pub(crate) fn dice(seed: u64, part: u64) -> Dice {
    Dice::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(part))
}

/// A number of `from..to` by `dice`.
pub(crate) fn roll(dice: &mut Dice, from: u64, to: u64) -> u64 {
    dice.random_range(from..to)
}

/// How often a server is killed, if nobody says otherwise.
pub(crate) fn kills(few: u32) -> u32 {
    let given = env::var("REVRING_CRASH_KILLS").ok();
    given.map_or(few, |kills| kills.parse().expect("a number"))
}

/// A directory on a disk, gone with the test.
pub(crate) fn directory() -> TempDir {
    tempfile::Builder::new()
        .prefix("crash-")
        .tempdir_in(env!("CARGO_TARGET_TMPDIR"))
        .unwrap()
}

/// Options of a client that reconnects at once.
pub(crate) fn quick() -> Options {
    Options::new()
        .backoff(Duration::from_millis(1), Duration::from_millis(20))
        .event_buffer(64)
}

/// A room that is live.
pub(crate) async fn open(options: Options, url: &str, room: &str) -> Room {
    let opened = options.open(url, room).expect("valid arguments");
    until(&opened, |status| *status == Status::Live).await;
    opened
}

/// Waits for a status.
pub(crate) async fn until(room: &Room, wanted: impl Fn(&Status) -> bool) -> Status {
    let mut watch: StatusWatch = room.watch_status();
    let status = soon("a status", watch.wait_for(&wanted)).await;
    assert!(wanted(&status), "closed while waiting: {status:?}");
    status
}

/// Waits until `room` has confirmed `rev`.
pub(crate) async fn reach(room: &Room, rev: Rev) {
    let mut events = room.subscribe();
    while room.rev() < rev {
        soon("a revision", events.next())
            .await
            .expect("an open room");
    }
}

/// Waits until `holds`.
pub(crate) async fn wait(what: &str, mut holds: impl FnMut() -> bool) {
    let held = async {
        while !holds() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    soon(what, held).await;
}

/// Whether the next `JOINED` goes on from where the client was, and the gap if it does not.
pub(crate) async fn joined(events: &mut Events) -> (bool, Option<GapReason>) {
    let mut joined = None;
    loop {
        match soon("an event", events.next()).await.expect("an open room") {
            Event::Joined { resumed: true } => return (true, None),
            Event::Joined { resumed: false } => joined = Some(false),
            Event::Gap(reason) => return (joined.expect("JOINED comes first"), Some(reason)),
            _ => {}
        }
    }
}

/// Takes a client offline.
pub(crate) async fn leave(room: &Room) {
    room.disconnect();
    until(room, |status| {
        matches!(status, Status::Offline { retry_in: None, .. })
    })
    .await;
}

/// Copies a directory as `cp -r` does.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}
