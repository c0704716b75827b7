//! The command line of `revring-conformance`.

use std::{fs::File, net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use revring_protocol::codec::Codec;

use crate::{
    fixture::{FixtureError, Library},
    play::{self, PlayError, Stand},
    report::Output,
    suite::{self, Plan, SuiteError},
};

/// Run the conformance fixtures of the revring protocol against a server, or play the server for a client.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: Run,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run fixtures against a server (the default)
    Run(Run),
    /// Play the server for a client under test
    Play(Play),
}

#[derive(Debug, Args)]
struct Run {
    /// The server, as ws://HOST:PORT/v1/ws; without it servers are started, and a skipped fixture is a failure
    #[arg(long)]
    url: Option<String>,
    /// Run only fixtures whose name contains this
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// The server's program, when servers are started
    #[arg(long, value_name = "PATH", conflicts_with = "url")]
    server: Option<PathBuf>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
struct Play {
    /// Where to listen for the client under test
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Play only fixtures whose name contains one of these
    #[arg(value_name = "FIXTURE")]
    names: Vec<String>,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
struct Common {
    /// In which codec
    #[arg(long, value_enum, default_value_t = Codecs::Both)]
    codec: Codecs,
    /// Write the results as JUnit XML
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Take the fixtures of this folder in place of those built in
    #[arg(long, value_name = "DIR")]
    fixtures: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Codecs {
    /// JSON
    Json,
    /// MessagePack
    Msgpack,
    /// One after the other
    Both,
}

/// Why a command did not come to a result.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The fixtures.
    #[error(transparent)]
    Fixtures(#[from] FixtureError),
    /// No fixture is left.
    #[error("no fixture has such a name")]
    NothingToRun,
    /// The server.
    #[error(transparent)]
    Suite(#[from] SuiteError),
    /// The client under test.
    #[error(transparent)]
    Play(#[from] PlayError),
    /// The file for JUnit XML.
    #[error("cannot write {path}: {error}")]
    Junit {
        /// The file.
        path: String,
        /// Why.
        error: std::io::Error,
    },
}

impl Cli {
    /// Does what the command line asks; true if everything is as it should be.
    ///
    /// # Errors
    /// When there is no result at all.
    pub async fn execute(self, output: &mut Output) -> Result<bool, CliError> {
        match self.command {
            None => run(self.run, output).await,
            Some(Command::Run(options)) => run(options, output).await,
            Some(Command::Play(options)) => play(options, output).await,
        }
    }
}

async fn run(options: Run, output: &mut Output) -> Result<bool, CliError> {
    let filters: Vec<_> = options.filter.into_iter().collect();
    let library = options.common.library(&filters)?;
    let started_here = options.url.is_none();
    let plan = Plan {
        url: options.url,
        server: options.server,
        codecs: options.common.codecs(),
    };
    suite::run(&library, &plan, output).await?;
    options.common.finish(output)?;
    let tally = output.tally();
    Ok(tally.failed == 0 && !(started_here && tally.skipped > 0))
}

async fn play(options: Play, output: &mut Output) -> Result<bool, CliError> {
    let library = options.common.library(&options.names)?;
    let stand = Stand::open(options.listen).await?;
    output.line(&format!("playing on {}", stand.control_url()));
    play::play(&library, &options.common.codecs(), stand, output).await?;
    options.common.finish(output)?;
    Ok(output.tally().failed == 0)
}

impl Common {
    fn library(&self, names: &[String]) -> Result<Library, CliError> {
        let mut library = match &self.fixtures {
            Some(folder) => Library::folder(folder)?,
            None => Library::embedded()?,
        };
        if !names.is_empty() {
            library.keep(|name| names.iter().any(|text| name.contains(text.as_str())));
        }
        if library.fixtures().is_empty() {
            Err(CliError::NothingToRun)
        } else {
            Ok(library)
        }
    }

    fn codecs(&self) -> Vec<Codec> {
        match self.codec {
            Codecs::Json => vec![Codec::Json],
            Codecs::Msgpack => vec![Codec::MessagePack],
            Codecs::Both => Codec::ALL.to_vec(),
        }
    }

    fn finish(&self, output: &mut Output) -> Result<(), CliError> {
        output.summary();
        let Some(path) = &self.junit else {
            return Ok(());
        };
        let failed = |error| CliError::Junit {
            path: path.display().to_string(),
            error,
        };
        let file = File::create(path).map_err(failed)?;
        output.junit(file).map_err(failed)
    }
}
