//! Where findings go.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;

use crate::{failure::Failure, model::Report, report};

/// Where findings go, beside standard output.
#[derive(Debug, Args)]
#[command(next_help_heading = "Findings")]
pub(crate) struct Files {
    /// Write all that was found to this file, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write a report with plots to this file, in HTML
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

impl Files {
    /// Prints `report` and writes it to the files; the exit code tells whether everything in it holds.
    pub(crate) fn write(&self, report: &Report) -> Result<ExitCode, Failure> {
        report::print(report)?;
        self.store(report)?;
        let runs = report.chapters.iter().flat_map(|chapter| &chapter.runs);
        let holds = runs.flat_map(|run| &run.checks).all(|check| check.holds);
        Ok(if holds {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }

    /// Writes `report` to the files.
    pub(crate) fn store(&self, report: &Report) -> Result<(), Failure> {
        if let Some(file) = &self.json {
            report::write_json(report, file)?;
        }
        if let Some(file) = &self.html {
            report::write_html(report, file)?;
        }
        Ok(())
    }
}
