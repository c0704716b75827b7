//! Reports as JSON: indented, fields in the order of the model, maps by key.

use std::fs;
use std::path::Path;

use super::ReportError;
use crate::model::Report;

/// Writes a report.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn write(report: &Report, path: &Path) -> Result<(), ReportError> {
    let text = serde_json::to_string_pretty(&finite(report)).map_err(|source| {
        ReportError::NotAReport {
            path: path.to_owned(),
            source,
        }
    })?;
    fs::write(path, text + "\n").map_err(ReportError::file(path))
}

/// Reads a report back.
///
/// # Errors
/// When the file cannot be read or holds something else.
pub(crate) fn read(path: &Path) -> Result<Report, ReportError> {
    let text = fs::read_to_string(path).map_err(ReportError::file(path))?;
    serde_json::from_str(&text).map_err(|source| ReportError::NotAReport {
        path: path.to_owned(),
        source,
    })
}

/// The report without the numbers that JSON cannot say: a quotient of nothing by nothing must not make a whole run unreadable.
fn finite(report: &Report) -> Report {
    let mut report = report.clone();
    for chapter in &mut report.chapters {
        for line in chapter.plots.iter_mut().flat_map(|plot| &mut plot.lines) {
            line.points.retain(|(x, y)| x.is_finite() && y.is_finite());
        }
        for run in &mut chapter.runs {
            for number in [&mut run.seconds, &mut run.load.busy] {
                zero_unless_finite(number);
            }
            if let Some(server) = &mut run.server {
                zero_unless_finite(&mut server.cpu_seconds);
            }
            for latency in &mut run.latency {
                latency.percentiles.retain(|(at, _)| at.is_finite());
            }
            run.samples.retain(|sample| sample.at.is_finite());
            for sample in &mut run.samples {
                zero_unless_finite(&mut sample.busy);
                sample.server_cpu = sample.server_cpu.filter(|cpu| cpu.is_finite());
            }
        }
    }
    report
}

fn zero_unless_finite(number: &mut f64) {
    if !number.is_finite() {
        *number = 0.0;
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn a_report_reads_back_as_it_was_written_and_writes_the_same_again() {
        let directory = tempfile::tempdir().unwrap();
        let (first, second) = (
            directory.path().join("a.json"),
            directory.path().join("b.json"),
        );
        write(&sample::report(), &first).unwrap();
        write(&read(&first).unwrap(), &second).unwrap();
        let text = fs::read_to_string(&first).unwrap();
        assert_eq!(text, fs::read_to_string(&second).unwrap());
        assert!(text.contains("\"processor\": \"A processor"));
    }

    #[test]
    fn numbers_that_json_cannot_say_do_not_make_a_report_unreadable() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.json");
        let mut report = sample::report();
        let chapter = &mut report.chapters[0];
        chapter.plots[0].lines[0].points.insert(0, (1.0, f64::NAN));
        chapter.runs[0].load.busy = f64::INFINITY;
        chapter.runs[0].samples[0].server_cpu = Some(f64::NAN);
        let points = chapter.plots[0].lines[0].points.len();
        write(&report, &path).unwrap();
        let back = read(&path).unwrap();
        assert_eq!(back.chapters[0].plots[0].lines[0].points.len(), points - 1);
        assert_eq!(back.chapters[0].runs[0].samples[0].server_cpu, None);
    }

    #[test]
    fn a_file_with_something_else_is_named_in_the_error() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("other.json");
        fs::write(&path, "[]").unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains("other.json is not a report"), "{error}");
    }
}
