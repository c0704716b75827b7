//! How far a run has come, shown to people who wait for it.

use std::cell::RefCell;
use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often a bar is drawn each second, at most. Drawing takes time from the load.
const DRAWS_PER_SECOND: u8 = 4;
/// How long a phase lasts before a line says how far it is, where there is no terminal, and how often that is repeated.
const BETWEEN_LINES: Duration = Duration::from_secs(15);
const COUNTED: &str = "{prefix:>24} [{bar:30}] {human_pos}/{human_len} {elapsed} {wide_msg}";
const UNCOUNTED: &str = "{prefix:>24} {spinner} {human_pos} {elapsed} {wide_msg}";

/// Hears how far a run has come.
pub(crate) trait Progress {
    /// Something begins that takes `total` steps; 0 if nobody knows how many.
    fn phase(&self, name: &str, total: u64);

    /// So many steps are done. `note` says what else is worth seeing, and may be empty.
    fn at(&self, done: u64, note: &str);
}

/// Bars on stderr if that is a terminal, else a line now and then.
pub(crate) fn on_stderr() -> Box<dyn Progress> {
    if stderr().is_terminal() {
        Box::new(Bars::default())
    } else {
        Box::new(Lines::new(stderr(), BETWEEN_LINES))
    }
}

/// Says nothing.
pub(crate) struct Silent;

impl Progress for Silent {
    fn phase(&self, _name: &str, _total: u64) {}

    fn at(&self, _done: u64, _note: &str) {}
}

/// One bar: that of the current phase. It moves only when it hears something, so no thread of its own wakes up beside the load.
#[derive(Default)]
struct Bars(RefCell<Option<ProgressBar>>);

impl Progress for Bars {
    fn phase(&self, name: &str, total: u64) {
        let bar = ProgressBar::with_draw_target(
            (total > 0).then_some(total),
            ProgressDrawTarget::stderr_with_hz(DRAWS_PER_SECOND),
        );
        let template = if total > 0 { COUNTED } else { UNCOUNTED };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_prefix(name.to_owned());
        if let Some(before) = self.0.replace(Some(bar)) {
            before.finish_and_clear();
        }
    }

    fn at(&self, done: u64, note: &str) {
        if let Some(bar) = &*self.0.borrow() {
            bar.set_position(done);
            if bar.message() != note {
                bar.set_message(note.to_owned());
            }
        }
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        if let Some(bar) = self.0.take() {
            bar.finish_and_clear();
        }
    }
}

/// A line when a phase begins, and one now and then while it lasts.
struct Lines<W> {
    every: Duration,
    state: RefCell<Lasting<W>>,
}

/// The phase that lasts.
struct Lasting<W> {
    out: W,
    name: String,
    total: u64,
    last_line: Instant,
}

impl<W: Write> Lines<W> {
    fn new(out: W, every: Duration) -> Self {
        let state = RefCell::new(Lasting {
            out,
            name: String::new(),
            total: 0,
            last_line: Instant::now(),
        });
        Self { every, state }
    }
}

impl<W: Write> Progress for Lines<W> {
    fn phase(&self, name: &str, total: u64) {
        let mut state = self.state.borrow_mut();
        name.clone_into(&mut state.name);
        state.total = total;
        state.last_line = Instant::now();
        // A run does not fail because nobody reads how far it is.
        let _ = writeln!(state.out, "{name}");
    }

    fn at(&self, done: u64, note: &str) {
        let mut state = self.state.borrow_mut();
        if state.last_line.elapsed() < self.every {
            return;
        }
        state.last_line = Instant::now();
        let mut line = format!("{}: {done}", state.name);
        if state.total > 0 {
            line.push_str(&format!(" of {}", state.total));
        }
        if !note.is_empty() {
            line.push_str(&format!(", {note}"));
        }
        let _ = writeln!(state.out, "{line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(every: Duration) -> String {
        let mut out = Vec::new();
        let lines = Lines::new(&mut out, every);
        lines.phase("connect", 100);
        lines.at(40, "");
        lines.phase("settle", 0);
        lines.at(7, "3 behind");
        drop(lines);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn without_a_terminal_each_phase_is_a_line_and_a_long_one_says_how_far_it_is() {
        assert_eq!(
            written(Duration::ZERO),
            "connect\nconnect: 40 of 100\nsettle\nsettle: 7, 3 behind\n"
        );
        assert_eq!(written(Duration::from_secs(3600)), "connect\nsettle\n");
    }

    #[test]
    fn a_bar_takes_phases_with_and_without_a_total() {
        let bars = Bars::default();
        bars.at(1, "before any phase");
        bars.phase("connect", 10);
        bars.at(10, "done");
        bars.phase("settle", 0);
        bars.at(3, "");
        assert_eq!(bars.0.borrow().as_ref().map(ProgressBar::position), Some(3));
    }
}
