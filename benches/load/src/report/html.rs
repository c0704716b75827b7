//! The report as one HTML file: no script, nothing loaded from elsewhere.

use std::fs;
use std::path::Path;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::curves::{self, Horizontal};
use super::figures::{is_numeric, latencies, runs, told_and_counted};
use super::numbers::{gibibytes, moment};
use super::{ReportError, Verdict, svg};
use crate::model::{Chapter, Check, Goal, Machine, Outcome, Plot, Report, Table};

const STYLE: &str = include_str!("style.css");
/// Chapters of so few runs show them at once; of more, each is opened by its reader.
const SHOWN_RUNS: usize = 2;
/// Longer cells of a table may be broken into lines.
const WORDS: usize = 28;

/// Writes the report.
///
/// # Errors
/// When the file cannot be written or a plot not drawn.
pub(crate) fn write(report: &Report, path: &Path) -> Result<(), ReportError> {
    fs::write(path, document(report)?).map_err(ReportError::file(path))
}

/// The whole document. The templates escape all text; only plots and the style go in as they are.
pub(super) fn document(report: &Report) -> Result<String, ReportError> {
    let chapters = report.chapters.iter().enumerate();
    let chapters: Vec<Markup> = chapters
        .map(|(index, chapter)| of_chapter(index, chapter))
        .collect::<Result<_, _>>()?;
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "revring-load, " (moment(report.started)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { "revring-load" }
                    (of_machine(&report.machine, report.started))
                    pre { code { (super::command(report)) } }
                    (of_verdict(report))
                    (contents(&report.chapters))
                }
                main { @for chapter in &chapters { (chapter) } }
            }
        }
    };
    Ok(markup.into_string())
}

fn of_machine(machine: &Machine, started: u64) -> Markup {
    html! {
        p.machine {
            (machine.processor) ", " (machine.processors) " processors, "
            (gibibytes(machine.memory)) " GiB of memory, " (machine.system) "; "
            (moment(started))
        }
    }
}

fn of_verdict(report: &Report) -> Markup {
    let verdict = Verdict::of(report);
    let good = verdict.unmet.is_empty() && verdict.failed.is_empty();
    html! {
        section.verdict.bad[!good] {
            @for line in verdict.goals().iter().chain(&verdict.checks()) {
                p { strong { (line) } }
            }
            ul {
                @for (chapter, goal) in &verdict.unmet {
                    li { b { "Not met" } ", " (chapter) ": " (goal.what) ": wanted "
                        (goal.wanted) ", seen " (goal.seen) }
                }
                @for (chapter, run, check) in &verdict.failed {
                    li { b { "Check failed" } ", " (chapter) ", " (run) ": " (check.what)
                        ": " (check.detail) }
                }
                @for (chapter, run) in &verdict.bounded {
                    li { b { "The load program was the bottleneck" } " in " (chapter) ", "
                        (run.name) ": the server can do more than its figures say." }
                }
            }
        }
    }
}

fn contents(chapters: &[Chapter]) -> Markup {
    html! {
        @if chapters.len() > 1 {
            nav {
                @for (index, chapter) in chapters.iter().enumerate() {
                    a href={ "#chapter-" (index) } { (chapter.name) }
                }
            }
        }
    }
}

fn of_chapter(index: usize, chapter: &Chapter) -> Result<Markup, ReportError> {
    let said = chapter.plots.iter().map(|plot| (plot, Horizontal::AsSaid));
    let plots = figures(said)?;
    let outcomes: Vec<Markup> = chapter
        .runs
        .iter()
        .map(|run| of_run(run, chapter.runs.len() <= SHOWN_RUNS))
        .collect::<Result<_, _>>()?;
    let measured = [runs(chapter), latencies(&chapter.runs)];
    Ok(html! {
        section.chapter id={ "chapter-" (index) } {
            h2 { (chapter.name) }
            p.stands-for { (chapter.stands_for) }
            (goals(&chapter.goals))
            @for table in &chapter.tables { (of_table(table)) }
            (plots)
            @for table in measured.iter().flatten() { (of_table(table)) }
            @if !chapter.notes.is_empty() {
                h3 { "Notes" }
                ul.notes { @for note in &chapter.notes { li { (note) } } }
            }
            @for outcome in &outcomes { (outcome) }
        }
    })
}

fn goals(goals: &[Goal]) -> Markup {
    html! {
        @if !goals.is_empty() {
            h3 { "Goals" }
            div.wide { table {
                thead { tr { th {} th { "what" } th { "wanted" } th { "seen" } } }
                tbody { @for goal in goals {
                    tr {
                        td { (badge(goal.met, "met", "not met")) }
                        td.words { (goal.what) } td.words { (goal.wanted) } td.words { (goal.seen) }
                    }
                } }
            } }
        }
    }
}

fn of_run(run: &Outcome, open: bool) -> Result<Markup, ReportError> {
    let curves = curves::of(run);
    let plots = figures(curves.iter().map(|curve| (&curve.plot, curve.horizontal)))?;
    let (told, counted) = told_and_counted(run);
    let failed = run.checks.iter().filter(|check| !check.holds).count();
    Ok(html! {
        details open[open] {
            summary {
                (run.name) " on " (run.target) " "
                @if failed > 0 { (badge(false, "", "checks failed")) }
                @if run.load.bottleneck { (badge(false, "", "bound by the load program")) }
            }
            (plots)
            div.pairs { (of_table(&told)) (of_table(&counted)) }
            (checks(&run.checks))
        }
    })
}

fn checks(checks: &[Check]) -> Markup {
    html! {
        @if !checks.is_empty() {
            h4 { "Checks" }
            div.wide { table {
                tbody { @for check in checks {
                    tr {
                        td { (badge(check.holds, "holds", "FAILED")) }
                        td.words { (check.what) }
                        td.words { (check.detail) }
                    }
                } }
            } }
        }
    }
}

fn of_table(table: &Table) -> Markup {
    let numeric: Vec<bool> = (0..table.columns.len())
        .map(|column| is_numeric(table, column))
        .collect();
    let is_number = |column: usize| numeric.get(column).copied().unwrap_or(false);
    html! {
        @if !table.rows.is_empty() {
            div {
                h4 { (table.title) }
                div.wide { table {
                    thead { tr { @for (column, head) in table.columns.iter().enumerate() {
                        th.number[is_number(column)] { (head) }
                    } } }
                    tbody { @for row in &table.rows {
                        tr { @for (column, cell) in row.iter().enumerate() {
                            td.number[is_number(column)].words[cell.chars().count() > WORDS] { (cell) }
                        } }
                    } }
                } }
            }
        }
    }
}

fn figures<'a>(plots: impl Iterator<Item = (&'a Plot, Horizontal)>) -> Result<Markup, ReportError> {
    let drawn: Vec<(&str, String)> = plots
        .map(|(plot, horizontal)| Ok((plot.title.as_str(), svg::inline(plot, horizontal)?)))
        .collect::<Result<_, ReportError>>()?;
    Ok(html! {
        @if !drawn.is_empty() {
            div.plots {
                @for (title, svg) in &drawn {
                    figure {
                        figcaption { (title) }
                        (PreEscaped(svg))
                    }
                }
            }
        }
    })
}

fn badge(good: bool, yes: &str, no: &str) -> Markup {
    html! {
        @if good { span.badge.good { (yes) } } @else { span.badge.bad { (no) } }
    }
}
