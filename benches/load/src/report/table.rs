//! The summary for the terminal.

use std::fmt::Write as _;
use std::io::{self, Write as _, stdout};

use super::figures::{is_numeric, latencies, runs};
use super::numbers::gibibytes;
use super::{ReportError, Verdict};
use crate::model::{Chapter, Goal, Report, Table};

/// Prints what a report says to standard output.
///
/// # Errors
/// When it cannot be written; a reader that has seen enough is none.
pub(crate) fn print(report: &Report) -> Result<(), ReportError> {
    let mut out = stdout().lock();
    match out
        .write_all(summary(report).as_bytes())
        .and_then(|()| out.flush())
    {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(ReportError::Output(error)),
        _ => Ok(()),
    }
}

/// What a report says.
pub(super) fn summary(report: &Report) -> String {
    let machine = &report.machine;
    let mut text = format!(
        "{}, {} processors, {} GiB of memory, {}\n",
        plain(&machine.processor),
        machine.processors,
        gibibytes(machine.memory),
        plain(&machine.system),
    );
    for chapter in &report.chapters {
        text.push_str(&of_chapter(chapter));
    }
    text.push('\n');
    text.push_str(&of_verdict(report));
    text
}

fn of_chapter(chapter: &Chapter) -> String {
    let mut text = format!("\n{}\n", plain(&chapter.name));
    let _ = writeln!(text, "{}", "=".repeat(chapter.name.chars().count()));
    if !chapter.stands_for.is_empty() {
        let _ = writeln!(text, "{}", plain(&chapter.stands_for));
    }
    let tables = [
        goals(&chapter.goals),
        runs(chapter),
        latencies(&chapter.runs),
    ];
    for table in tables.iter().flatten().chain(&chapter.tables) {
        let _ = write!(text, "\n{}", grid(table));
    }
    if !chapter.notes.is_empty() {
        text.push('\n');
    }
    for note in &chapter.notes {
        let _ = writeln!(text, "- {}", plain(note));
    }
    text
}

/// The last lines, which are what is seen first.
fn of_verdict(report: &Report) -> String {
    let verdict = Verdict::of(report);
    let mut text = String::new();
    for line in verdict.goals().iter().chain(&verdict.checks()) {
        let _ = writeln!(text, "{line}");
    }
    for (chapter, run) in &verdict.bounded {
        let _ = writeln!(
            text,
            "LOAD PROGRAM WAS THE BOTTLENECK in {}, {}: the server can do more than its figures say.",
            plain(chapter),
            plain(&run.name),
        );
    }
    for (chapter, goal) in &verdict.unmet {
        let _ = writeln!(
            text,
            "NOT MET: {}: {}: wanted {}, seen {}",
            plain(chapter),
            plain(&goal.what),
            plain(&goal.wanted),
            plain(&goal.seen),
        );
    }
    for (chapter, run, check) in &verdict.failed {
        let _ = writeln!(
            text,
            "CHECK FAILED: {}, {}: {}: {}",
            plain(chapter),
            plain(run),
            plain(&check.what),
            plain(&check.detail),
        );
    }
    text
}

/// The goals as a table; nothing without goals.
fn goals(goals: &[Goal]) -> Option<Table> {
    let row = |goal: &Goal| {
        let met = if goal.met { "met" } else { "NOT MET" };
        [&goal.what, &goal.wanted, &goal.seen, met]
            .map(str::to_owned)
            .to_vec()
    };
    (!goals.is_empty()).then(|| Table {
        title: "Goals".to_owned(),
        columns: ["what", "wanted", "seen", ""].map(str::to_owned).to_vec(),
        rows: goals.iter().map(row).collect(),
    })
}

/// Columns below each other, numbers from the right.
fn grid(table: &Table) -> String {
    let widths: Vec<usize> = (0..table.columns.len())
        .map(|column| {
            let cells = table.rows.iter().filter_map(|row| row.get(column));
            let cells = cells.chain(&table.columns[column..=column]);
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let numeric: Vec<bool> = (0..table.columns.len())
        .map(|column| is_numeric(table, column))
        .collect();
    let line = |cells: &[String]| {
        let cells = cells.iter().zip(&widths).zip(&numeric);
        let aligned = cells.map(|((cell, width), numeric)| {
            let cell = plain(cell);
            if *numeric {
                format!("{cell:>width$}")
            } else {
                format!("{cell:<width$}")
            }
        });
        let line = aligned.collect::<Vec<_>>().join("  ");
        format!("  {}\n", line.trim_end())
    };
    let mut text = format!("{}\n{}", plain(&table.title), line(&table.columns));
    let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    text.push_str(&line(&rule));
    text.extend(table.rows.iter().map(|row| line(row)));
    text
}

/// Text of a report, without what would steer a terminal.
fn plain(text: &str) -> String {
    let printable = |symbol: char| if symbol.is_control() { ' ' } else { symbol };
    text.chars().map(printable).collect()
}
