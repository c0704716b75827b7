//! The command line.

mod inspect;
mod progress;
mod serve;
mod transfer;
mod verify;

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{ArgMatches, Command};
use revring_protocol::ids::RoomName;

use crate::{
    config::ConfigError,
    exchange,
    log::{ImportError, LogError, StoreError},
    server::StartError,
    text::printable,
};

/// Exit code for wrong arguments or settings, as clap has it.
const USAGE: u8 = 2;

const HINT: &str = "\
Start with `revring serve`; `revring help serve` explains all it can be told. `revring inspect` looks at what a server keeps \
on disk.";

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    let matches = command().get_matches();
    let outcome = match matches.subcommand() {
        Some((name, matches)) => dispatch(name, matches),
        None => Ok(ExitCode::SUCCESS),
    };
    outcome.unwrap_or_else(|failure| {
        if !failure.is_closed_pipe() {
            // File names and what stands in files may hold anything.
            let failure = failure.to_string();
            let lines: Vec<_> = failure.lines().map(printable).collect();
            let _ = writeln!(io::stderr(), "error: {}", lines.join("\n"));
        }
        failure.exit_code()
    })
}

fn command() -> Command {
    Command::new("revring")
        .version(env!("CARGO_PKG_VERSION"))
        .about("A real-time revision server: every room has one revision line, every client reads it at its own pace")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .after_help(HINT)
        .subcommand(serve::command())
        .subcommand(inspect::command())
        .subcommand(transfer::export_command())
        .subcommand(transfer::import_command())
}

fn dispatch(name: &str, matches: &ArgMatches) -> Result<ExitCode, Failure> {
    match name {
        "serve" => serve::run(matches).map(|()| ExitCode::SUCCESS),
        "inspect" => inspect::run(matches),
        "export" => transfer::export(matches).map(|()| ExitCode::SUCCESS),
        "import" => transfer::import(matches).map(|()| ExitCode::SUCCESS),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// Why a command did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Arguments(#[from] clap::Error),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("cannot start: {0}")]
    System(io::Error),
    #[error("cannot print: {0}")]
    Output(io::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{}: {error}", file.display())]
    Read { file: PathBuf, error: LogError },
    #[error("the room {room} cannot be read: {error}; `revring inspect {} --verify` looks further", dir.display())]
    Room {
        dir: PathBuf,
        room: RoomName,
        error: LogError,
    },
    #[error("there is no room {room} in {}; `revring inspect` lists those that are", dir.display())]
    NoRoom { dir: PathBuf, room: RoomName },
    #[error("a server began to use {} meanwhile, so what was read may be of no one moment: try again", dir.display())]
    Overtaken { dir: PathBuf },
    #[error("{} exists already; name another file, or give --force to overwrite it", file.display())]
    FileExists { file: PathBuf },
    #[error("cannot write {}: {source}", file.display())]
    Write { file: PathBuf, source: io::Error },
    #[error("cannot read {}: {source}", file.display())]
    Open { file: PathBuf, source: io::Error },
    #[error("cannot import {from}: {error}. Nothing was changed")]
    Exchange {
        from: String,
        error: exchange::ReadError,
    },
    #[error(transparent)]
    Import(#[from] ImportError),
}

impl Failure {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Config(_) | Self::Arguments(_) | Self::Start(StartError::Config(_)) => {
                ExitCode::from(USAGE)
            }
            _ if self.is_closed_pipe() => ExitCode::SUCCESS,
            _ => ExitCode::FAILURE,
        }
    }

    fn no_room(dir: &Path, room: &RoomName) -> Self {
        Self::NoRoom {
            dir: dir.to_owned(),
            room: room.clone(),
        }
    }

    /// Whoever read the output has seen enough.
    fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}
