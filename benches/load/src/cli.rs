//! The command line.

use std::{
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand};

use crate::{
    engine::LoadError,
    failure::Failure,
    files::Files,
    limit, lone,
    options::RunOptions,
    progress, replay, report, run,
    scenario::{self, Lab},
};

/// Exit code for wrong arguments, as clap has it.
const USAGE: u8 = 2;

/// Puts load on a revision server and tells what it makes of it.
#[derive(Debug, Parser)]
#[command(
    name = "revring-load",
    version,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "`revring-load run` starts a server of its own, puts a crowd on it for a few seconds, and checks all that the \
                  crowd saw. It ends with 1 when something does not hold."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Put one load on a server
    Run(Box<RunOptions>),
    /// Carry out scenarios by name
    Scenario(ScenarioOptions),
    /// List the scenarios
    List,
    /// Write the results page from a report
    Page(PageOptions),
    /// Convert a published history to a stream that can be replayed
    Convert(ConvertOptions),
    /// Copy what each client sends to all
    #[command(name = limit::ROLE, hide = true)]
    Limit {
        /// Messages joined in one write
        #[arg(long, default_value_t = 1)]
        batch: usize,
    },
    /// Write in one room, and tell when each update came back
    #[command(name = lone::ROLE, hide = true)]
    Lone(lone::Task),
}

#[derive(Debug, Args)]
struct ScenarioOptions {
    /// Which: `revring-load list` tells; without a name, all of them
    #[arg(value_name = "NAME", value_parser = scenario_name)]
    names: Vec<String>,
    /// Take a few seconds for each
    #[arg(long)]
    short: bool,
    /// The server's program [default: `revring` beside this program]
    #[arg(long, value_name = "PATH")]
    server: Option<PathBuf>,
    /// A stream for the scenario `replay`
    #[arg(long, value_name = "FILE")]
    replay: Option<PathBuf>,
    #[command(flatten)]
    files: Files,
}

#[derive(Debug, Args)]
struct PageOptions {
    /// What was found, as `--json` wrote it
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// The directory to write it to
    #[arg(long, value_name = "DIR", default_value = "docs")]
    to: PathBuf,
}

#[derive(Debug, Args)]
struct ConvertOptions {
    /// The form it is in
    #[arg(value_enum)]
    form: replay::Form,
    /// The history
    from: PathBuf,
    /// The stream; compressed if its name ends in .gz
    to: PathBuf,
}

/// Runs the command that the process was started with.
pub(crate) fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Run(options) => options.run(),
        Command::Scenario(options) => options.run(),
        Command::List => list(),
        Command::Page(options) => options.run(),
        Command::Convert(options) => options.run(),
        Command::Limit { batch } => limit::serve(batch)
            .map(|()| ExitCode::SUCCESS)
            .map_err(Failure::Output),
        Command::Lone(task) => lone::run(&task).map(|()| ExitCode::SUCCESS),
    };
    done.unwrap_or_else(|failure| {
        // There is nobody left to tell.
        let _ = writeln!(io::stderr(), "error: {failure}");
        match failure {
            Failure::Arguments(_) | Failure::Load(LoadError::Plan(_)) => ExitCode::from(USAGE),
            _ => ExitCode::FAILURE,
        }
    })
}

impl RunOptions {
    fn run(&self) -> Result<ExitCode, Failure> {
        self.check().map_err(Failure::Arguments)?;
        let report = run::run(self, &self.plan(), &*progress::on_stderr())?;
        self.files.write(&report)
    }
}

impl ScenarioOptions {
    fn run(self) -> Result<ExitCode, Failure> {
        let progress = progress::on_stderr();
        let mut lab = Lab::new(run::program(self.server)?, self.short, &*progress)?;
        if let Some(stream) = self.replay {
            lab = lab.with_stream(stream);
        }
        let chosen = |scenario: &scenario::Scenario| {
            self.names.is_empty() || self.names.iter().any(|name| name == scenario.name)
        };
        let mut report = run::report(Vec::new());
        for scenario in scenario::ALL.iter().filter(|scenario| chosen(scenario)) {
            report.chapters.push(scenario.run(&lab)?);
            // What is found is kept, whatever happens to the scenarios that follow.
            self.files.store(&report)?;
        }
        drop(progress);
        self.files.write(&report)
    }
}

impl PageOptions {
    fn run(&self) -> Result<ExitCode, Failure> {
        report::write_page(&report::read_json(&self.from)?, &self.to)?;
        Ok(ExitCode::SUCCESS)
    }
}

impl ConvertOptions {
    fn run(&self) -> Result<ExitCode, Failure> {
        let stream = replay::convert(self.form, &self.from, &self.to)?;
        writeln!(
            io::stdout(),
            "{} updates in {}",
            stream.updates.len(),
            self.to.display()
        )?;
        Ok(ExitCode::SUCCESS)
    }
}

fn list() -> Result<ExitCode, Failure> {
    let mut out = io::stdout().lock();
    for scenario in scenario::ALL {
        writeln!(out, "{:<16} {}", scenario.name, scenario.stands_for)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn scenario_name(name: &str) -> Result<String, String> {
    if scenario::named(name).is_some() {
        return Ok(name.to_owned());
    }
    let names: Vec<&str> = scenario::ALL.iter().map(|scenario| scenario.name).collect();
    Err(format!(
        "there is none of that name; there are {}",
        names.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
