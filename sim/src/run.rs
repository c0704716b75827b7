//! One run: a seed, so many steps, and what came of it.

use std::{
    any::Any,
    cell::RefCell,
    ops::Range,
    panic::{self, AssertUnwindSafe},
    sync::Once,
};

use crate::{
    breakage::Breakage,
    broken::{Broken, Checked},
    counters::Counters,
    world::World,
};

/// What to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Everything follows from it.
    pub seed: u64,
    /// How many things happen before the faults stop.
    pub steps: u64,
    /// Steps that are left out.
    pub skip: Vec<Range<u64>>,
    /// What the server does wrong on purpose.
    pub breakage: Option<Breakage>,
    /// Every line of the trace is kept.
    pub trace: bool,
}

impl Options {
    /// Steps of a run where nothing else is said.
    pub const STEPS: u64 = 2_000;

    /// A run of `seed`, in which nothing is broken.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            steps: Self::STEPS,
            skip: Vec::new(),
            breakage: None,
            trace: false,
        }
    }

    fn skips(&self, step: u64) -> bool {
        self.skip.iter().any(|range| range.contains(&step))
    }
}

/// What came of a run.
#[derive(Debug)]
pub struct Report {
    /// What was exercised.
    pub counters: Counters,
    /// The hash of the trace.
    pub hash: u64,
    /// Lines of the trace.
    pub lines: u64,
    /// The whole trace if it was asked for, else its end.
    pub trace: Vec<String>,
    /// What did not hold.
    pub failure: Option<Failure>,
}

/// What did not hold, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The step after which it did not; `None`: it came out at the end.
    pub step: Option<u64>,
    /// What did not hold.
    pub broken: Broken,
}

/// Runs a world.
#[must_use]
pub fn run(options: &Options) -> Report {
    let mut world = match World::new(options.seed, options.breakage, options.trace) {
        Ok(world) => world,
        Err(broken) => return Report::without_world(broken),
    };
    let mut failure = None;
    for step in (0..options.steps).filter(|step| !options.skips(*step)) {
        if let Err(broken) = caught(|| world.step(step)) {
            let step = Some(step);
            failure = Some(Failure { step, broken });
            break;
        }
    }
    if failure.is_none()
        && let Err(broken) = caught(|| world.settle())
    {
        failure = Some(Failure { step: None, broken });
    }
    Report {
        counters: world.counters,
        hash: world.trace.hash(),
        lines: world.trace.len(),
        trace: world.trace.into_lines(),
        failure,
    }
}

impl Report {
    fn without_world(broken: Broken) -> Self {
        Self {
            counters: Counters::default(),
            hash: 0,
            lines: 0,
            trace: Vec::new(),
            failure: Some(Failure { step: None, broken }),
        }
    }
}

thread_local! {
    /// Where the simulated code panicked, while it runs.
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
    static RUNNING: RefCell<bool> = const { RefCell::new(false) };
}

/// Runs `step`; a panic of the code under test is something that does not hold.
fn caught(step: impl FnOnce() -> Checked) -> Checked {
    silence_panics();
    RUNNING.set(true);
    let done = panic::catch_unwind(AssertUnwindSafe(step));
    RUNNING.set(false);
    done.unwrap_or_else(|payload| {
        let place = PANIC.take().unwrap_or_default();
        let found = format!("{} at {place}", message(&*payload));
        Err(Broken::new("nothing panics", found))
    })
}

fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without words")
}

/// Panics within a run are reported with the run, not at once.
fn silence_panics() {
    static SILENCED: Once = Once::new();
    SILENCED.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if RUNNING.with_borrow(|running| *running) {
                PANIC.set(info.location().map(ToString::to_string));
            } else {
                usual(info);
            }
        }));
    });
}
