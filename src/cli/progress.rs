//! How far a command has come, shown to people who watch it.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often the bar moves while nothing comes to an end.
const TICK: Duration = Duration::from_millis(200);
const TEMPLATE: &str = "{spinner} [{bar:30}] {pos}/{len} {msg}";

/// A bar on stderr, if that is a terminal and the work is long.
pub(super) struct Progress(ProgressBar);

impl Progress {
    pub(super) fn new(steps: usize, long: bool) -> Self {
        if !long {
            return Self(ProgressBar::hidden());
        }
        let target = ProgressDrawTarget::stderr();
        let bar = ProgressBar::with_draw_target(Some(steps as u64), target);
        if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.enable_steady_tick(TICK);
        Self(bar)
    }

    /// What is being done now.
    pub(super) fn at(&self, what: &str) {
        self.0.set_message(what.to_owned());
    }

    pub(super) fn step(&self) {
        self.0.inc(1);
    }

    /// Prints something while the bar is away.
    pub(super) fn aside<T>(&self, print: impl FnOnce() -> T) -> T {
        self.0.suspend(print)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
