//! The command line.

use std::{
    env,
    io::{self, Write as _},
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use tokio::runtime::{Builder, Runtime};
use tracing::warn;

use crate::{
    config::{ConfigError, KEYS, Key, Loaded, Settings, Sources},
    files, logging,
    server::{Server, StartError},
    shutdown::Signals,
};

/// Exit code for wrong arguments or settings, as clap has it.
const USAGE: u8 = 2;

const ABOUT_SERVE: &str = "\
Serve rooms over WebSocket

Clients connect to ws://IP:PORT/v1/ws; a browser at http://IP:PORT/ shows a page to try it with. Without any \
option the server listens on this machine only and keeps rooms in memory.";

const SOURCES: &str = "\
SIZE is in bytes, or has a unit: 64KiB, 4MiB, 1GiB. TIME has one: 500ms, 45s, 2m, 1h.

Each setting can be given in three places, the first of which counts: as an option (--ring-ops 1024), in the \
environment (REVRING_RING_OPS=1024) or in the configuration file (ring-ops = 1024).";

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    let matches = command().get_matches();
    let outcome = match matches.subcommand() {
        Some(("serve", matches)) => serve(matches),
        _ => Ok(()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(io::stderr(), "error: {failure}");
            failure.exit_code()
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("cannot start: {0}")]
    System(io::Error),
    #[error("cannot print: {0}")]
    Output(io::Error),
}

impl Failure {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Config(_) | Self::Start(StartError::Config(_)) => ExitCode::from(USAGE),
            Self::Start(StartError::Listen { .. }) | Self::System(_) | Self::Output(_) => {
                ExitCode::FAILURE
            }
        }
    }
}

fn command() -> Command {
    Command::new("revring")
        .version(env!("CARGO_PKG_VERSION"))
        .about("A real-time revision server: every room has one revision line, every client reads it at its own pace")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .after_help("Start with `revring serve`; `revring help serve` explains all it can be told.")
        .subcommand(serve_command())
}

fn serve_command() -> Command {
    Command::new("serve")
        .about("Serve rooms over WebSocket")
        .long_about(ABOUT_SERVE)
        .after_help(SOURCES)
        .arg(
            Arg::new("config")
                .long("config")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .help("Read settings and access tokens from this TOML file"),
        )
        .arg(
            Arg::new("check")
                .long("check")
                .action(ArgAction::SetTrue)
                .help("Print the settings in effect and where each came from, then exit"),
        )
        .args(KEYS.iter().map(option))
}

/// The option of one setting.
fn option(key: &'static Key) -> Arg {
    let default = key
        .shown(&Settings::default())
        .filter(|_| key.placeholder().is_some());
    let summary = match default {
        Some(value) => format!("{} [default: {}]", key.summary, value.trim_matches('"')),
        None => key.summary.to_owned(),
    };
    let option = Arg::new(key.name)
        .long(key.name)
        .help_heading(key.group.title());
    let option = match key.details {
        "" => option.help(summary),
        details => option
            .long_help(format!("{summary}\n\n{details}"))
            .help(summary),
    };
    match key.placeholder() {
        Some(placeholder) => option.value_name(placeholder),
        None => option.action(ArgAction::SetTrue),
    }
}

fn serve(matches: &ArgMatches) -> Result<(), Failure> {
    let loaded = sources(matches).load()?;
    if matches.get_flag("check") {
        io::stdout()
            .write_all(loaded.to_toml().as_bytes())
            .map_err(Failure::Output)?;
        return Ok(());
    }
    start_log(&loaded);
    let runtime = runtime(loaded.settings.workers).map_err(Failure::System)?;
    let outcome = runtime.block_on(serve_until_signal(loaded.settings));
    // Whatever still runs has had its time.
    runtime.shutdown_background();
    outcome
}

/// What the process was told, in its arguments and its environment.
fn sources(matches: &ArgMatches) -> Sources {
    let mut sources = Sources::new().with_environment(variables());
    if let Some(path) = matches.get_one::<PathBuf>("config") {
        sources = sources.with_file(path);
    }
    for key in KEYS {
        let text = match key.placeholder() {
            Some(_) => matches.get_one::<String>(key.name).cloned(),
            None => matches.get_flag(key.name).then(|| true.to_string()),
        };
        if let Some(text) = text {
            sources = sources.with_flag(key, text);
        }
    }
    sources
}

fn variables() -> impl Iterator<Item = (String, String)> {
    env::vars_os().filter_map(|(name, value)| {
        Some((
            name.into_string().ok()?,
            value.to_string_lossy().into_owned(),
        ))
    })
}

fn start_log(loaded: &Loaded) {
    // The filter has been checked with the other settings.
    let _ = logging::start(&loaded.settings.log, loaded.settings.log_format);
    for (name, meant) in &loaded.misspelt {
        warn!("the environment variable {name} is no setting; {meant} is");
    }
}

fn runtime(workers: usize) -> io::Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    if workers > 0 {
        builder.worker_threads(workers);
    }
    builder.thread_name("revring").enable_all().build()
}

async fn serve_until_signal(settings: Settings) -> Result<(), Failure> {
    let signals = Signals::listen().map_err(Failure::System)?;
    if settings.tokens.is_empty() && !settings.listen.ip().to_canonical().is_loopback() {
        warn!("there are no tokens: anyone who reaches this server can read and write every room");
    }
    files::make_room_for(settings.max_connections);
    let server = Server::bind(settings).await?;
    announce(server.local_addr());
    server.run(signals.first()).await;
    Ok(())
}

/// The one line on stdout. That nobody reads it is no reason not to serve.
fn announce(address: SocketAddr) {
    let mut out = io::stdout().lock();
    let line = format!(
        "listening on ws://{address}/v1/ws (ephemeral: rooms live in memory and end with this process)"
    );
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
