//! The `revring-conformance` command.

use std::{
    io::{Write as _, stderr, stdout},
    process::ExitCode,
};

use clap::Parser as _;
use revring_conformance::{cli::Cli, report::Output};

#[tokio::main]
async fn main() -> ExitCode {
    let mut output = Output::new(Box::new(stdout()));
    match Cli::parse().execute(&mut output).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(stderr(), "error: {error}");
            ExitCode::from(2)
        }
    }
}
