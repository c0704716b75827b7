//! Why a command does not do what it was asked for.

use std::io;

use crate::{
    engine::LoadError, process::ProcessError, replay::ReplayError, report::ReportError,
    scenario::ScenarioError,
};

/// Why a command did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// Something on the command line makes no sense.
    #[error("{0}")]
    Arguments(String),
    /// No load can be made.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// No server runs.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// A scenario has no result.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// A stream cannot be read or written.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// A report cannot be read or written.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// What was found cannot be printed.
    #[error("cannot print: {0}")]
    Output(#[from] io::Error),
}
