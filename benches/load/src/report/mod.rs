//! What becomes of a report: a summary for the terminal, JSON, one HTML file, and the pages under `docs/`.

mod curves;
mod figures;
mod html;
mod json;
mod numbers;
mod page;
mod scale;
mod svg;
mod table;

#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};

use crate::model::{Check, Goal, Outcome, Report};

pub(crate) use self::html::write as write_html;
pub(crate) use self::json::{read as read_json, write as write_json};
pub(crate) use self::page::write as write_page;
pub(crate) use self::table::print;

/// Why a report cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReportError {
    /// A file or directory.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file that does not hold a report.
    #[error("{} is not a report: {source}", path.display())]
    NotAReport {
        /// Which.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// Standard output.
    #[error("standard output: {0}")]
    Output(io::Error),
    /// A plot.
    #[error("the plot \"{title}\" cannot be drawn: {why}")]
    Plot {
        /// Its title.
        title: String,
        /// What the drawing library says.
        why: String,
    },
}

impl ReportError {
    /// What `map_err` needs for an operation on the file at `path`.
    fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        |source| Self::File {
            path: path.to_owned(),
            source,
        }
    }
}

/// How a report came out, in as few words as possible.
struct Verdict<'a> {
    /// How many goals there are.
    goals: usize,
    /// Those not met, with their chapter.
    unmet: Vec<(&'a str, &'a Goal)>,
    /// How many checks there are.
    checks: usize,
    /// Those that failed, with their chapter and run.
    failed: Vec<(&'a str, &'a str, &'a Check)>,
    /// Runs whose figures are bounds of the load program, with their chapter.
    bounded: Vec<(&'a str, &'a Outcome)>,
}

impl<'a> Verdict<'a> {
    fn of(report: &'a Report) -> Self {
        let mut verdict = Self {
            goals: 0,
            unmet: Vec::new(),
            checks: 0,
            failed: Vec::new(),
            bounded: Vec::new(),
        };
        for chapter in &report.chapters {
            let name = chapter.name.as_str();
            verdict.goals += chapter.goals.len();
            let unmet = chapter.goals.iter().filter(|goal| !goal.met);
            verdict.unmet.extend(unmet.map(|goal| (name, goal)));
            for run in &chapter.runs {
                verdict.checks += run.checks.len();
                let failed = run.checks.iter().filter(|check| !check.holds);
                verdict
                    .failed
                    .extend(failed.map(|check| (name, run.name.as_str(), check)));
                if run.load.bottleneck {
                    verdict.bounded.push((name, run));
                }
            }
        }
        verdict
    }

    /// "12 of 14 goals are met"; nothing without goals.
    fn goals(&self) -> Option<String> {
        let met = self.goals - self.unmet.len();
        match self.goals {
            0 => None,
            1 if met == 1 => Some("The one goal is met.".to_owned()),
            1 => Some("The one goal is NOT met.".to_owned()),
            all if met == all => Some(format!("All {all} goals are met.")),
            all => Some(format!("{met} of {all} goals are met.")),
        }
    }

    /// "All 40 checks hold"; nothing without checks.
    fn checks(&self) -> Option<String> {
        match (self.checks, self.failed.len()) {
            (0, _) => None,
            (1, 0) => Some("The one check holds.".to_owned()),
            (all, 0) => Some(format!("All {all} checks hold.")),
            (all, failed) => Some(format!("{failed} of {all} checks FAILED.")),
        }
    }
}

/// The command that measures it again, for readers elsewhere: without the files that it read and wrote here.
fn command(report: &Report) -> String {
    const FILES: [&str; 3] = ["--server", "--json", "--html"];
    let mut words = Vec::new();
    let mut said = report.command.split_whitespace();
    while let Some(word) = said.next() {
        if FILES.contains(&word) {
            said.next();
        } else if !FILES.iter().any(|file| is_set(word, file)) {
            words.push(elsewhere(word));
        }
    }
    words.join(" ")
}

/// Whether `word` is `--option=value`.
fn is_set(word: &str, option: &str) -> bool {
    word.strip_prefix(option)
        .is_some_and(|rest| rest.starts_with('='))
}

/// A path on this machine is nothing but its last part to others.
fn elsewhere(word: &str) -> String {
    let (option, value) = match word.split_once('=') {
        Some((option, value)) => (format!("{option}="), value),
        None => (String::new(), word),
    };
    let name = Path::new(value).file_name();
    match name.filter(|_| Path::new(value).is_absolute()) {
        Some(name) => format!("{option}{}", name.to_string_lossy()),
        None => word.to_owned(),
    }
}
