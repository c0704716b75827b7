//! A run: clients write while their server is ended over and over; then everyone settles and everything is compared.

use std::time::{Duration, Instant};

use revring_client::protocol::limits::Limits;
use tempfile::TempDir;
use tokio::time::sleep;

use crate::{
    process::{Host, Served, kill},
    scene::{Cast, Head, Scene},
    stored::{Kept, Peek, Store},
    support::{Dice, dice, directory, roll, seed, soon},
};

/// One kind of run.
pub(crate) struct Plan {
    pub(crate) test: &'static str,
    pub(crate) ends: u32,
    pub(crate) end: End,
    /// How long a server has.
    pub(crate) life: Life,
    pub(crate) cast: Cast,
    pub(crate) ring: usize,
    /// What the server is told beside that.
    pub(crate) args: &'static [&'static str],
}

/// How servers end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Killed, some of them before they listen.
    Kill,
    /// In order.
    Stop,
}

/// How long a server has before it ends.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Life {
    /// Up to so many milliseconds.
    Millis(u64),
    /// Until it has begun a checkpoint, and up to so many milliseconds.
    Checkpoint(u64),
}

/// Everything of a run that is under way.
struct Run {
    plan: Plan,
    seed: u64,
    _place: TempDir,
    host: Host,
    scene: Scene,
    /// Kills of servers, and of those how many were before they listened.
    kills: (u32, u32),
    /// Ends that met a checkpoint half written.
    inside: u32,
}

impl Plan {
    /// Runs it.
    pub(crate) async fn run(self) {
        let started = Instant::now();
        let (mut run, mut served) = Run::start(self).await;
        for life in 0..run.plan.ends {
            served = run.end(served, life).await;
        }
        let heads = run.scene.settle().await;
        match run.plan.end {
            End::Kill => served.kill().await,
            End::Stop => served.stop().await,
        }
        run.check_store(&heads).await;
        run.host.check_log();
        eprintln!(
            "{}: {} ends in {:.1} s ({} kills, {} of them before it listened), {} inside of checkpoints; {}",
            run.plan.test,
            run.plan.ends,
            started.elapsed().as_secs_f64(),
            run.kills.0,
            run.kills.1,
            run.inside,
            run.scene.summary()
        );
    }
}

impl Run {
    async fn start(plan: Plan) -> (Self, Served) {
        let seed = seed(plan.test);
        let place = directory();
        let ring = format!("--ring-ops={}", plan.ring);
        let args: Vec<&str> = plan.args.iter().copied().chain([ring.as_str()]).collect();
        let host = Host::new(place.path(), &args);
        let served = host.start().await;
        let scene = Scene::begin(host.address, seed, plan.cast).await;
        let run = Self {
            plan,
            seed,
            _place: place,
            host,
            scene,
            kills: (0, 0),
            inside: 0,
        };
        (run, served)
    }

    /// Lets the server live for a while, ends it, and starts it again; that may be killed, too, before it is there.
    async fn end(&mut self, served: Served, life: u32) -> Served {
        let mut dice: Dice = dice(self.seed, u64::from(life));
        let before = Peek::open(&self.host.database()).unfinished();
        self.live(&mut dice, before).await;
        if self.plan.end == End::Stop {
            served.stop().await;
            return self.host.start().await;
        }
        served.kill().await;
        self.kills.0 += 1;
        let after = Peek::open(&self.host.database()).unfinished();
        self.inside += u32::from(after > before);
        while roll(&mut dice, 0, 3) == 0 {
            let child = self.host.spawn();
            sleep(Duration::from_millis(roll(&mut dice, 0, 30))).await;
            kill(child).await;
            self.kills.0 += 1;
            self.kills.1 += 1;
        }
        self.host.start().await
    }

    /// Waits for the moment of the end.
    async fn live(&self, dice: &mut Dice, before: i64) {
        let millis = match self.plan.life {
            Life::Millis(most) => roll(dice, 0, most),
            Life::Checkpoint(most) => {
                let peek = Peek::open(&self.host.database());
                let begun = async {
                    while peek.unfinished() <= before {
                        sleep(Duration::from_micros(200)).await;
                    }
                };
                soon("a checkpoint", begun).await;
                roll(dice, 0, most)
            }
        };
        sleep(Duration::from_millis(millis)).await;
    }

    /// The store says what the server said.
    async fn check_store(&self, heads: &[Head]) {
        let store = Store::open(&self.host.dir);
        assert_eq!(store.rooms(), self.scene.books.len());
        let limits = Limits {
            ring_ops: self.plan.ring,
            ..Limits::DEFAULT
        };
        for (number, (book, head)) in self.scene.books.iter().zip(heads).enumerate() {
            let kept = store.room(&book.room, limits.clone()).await;
            assert_eq!(kept.head(), *head, "{}", book.room);
            self.check_tail(number, &kept);
        }
        store.close().await;
    }

    /// The operations that are kept are those that were shown, and as many as they must be.
    fn check_tail(&self, number: usize, kept: &Kept) {
        let tail = &kept.tail;
        let head = usize::try_from(kept.head().rev.get()).unwrap();
        let ring: usize = tail
            .iter()
            .rev()
            .take(self.plan.ring)
            .map(|one| one.size())
            .sum();
        let whole =
            tail.len() >= head.min(self.plan.ring) || ring >= Limits::DEFAULT.ring_bytes / 2;
        assert!(whole, "{} operations are kept of {head}", tail.len());
        let shown = self.scene.shown(number);
        for operation in tail {
            let seen = shown.get(&operation.rev);
            assert!(
                seen.is_none_or(|seen| seen == operation),
                "{operation:?} was {seen:?}"
            );
        }
    }
}
