//! `revring serve`.

use std::{
    env,
    io::{self, Write as _},
    net::SocketAddr,
    path::PathBuf,
};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use tokio::runtime::{Builder, Runtime};
use tracing::warn;

use super::Failure;
use crate::{
    config::{KEYS, Key, Loaded, Settings, Sources},
    files,
    log::Durability,
    logging,
    server::{Kept, Server},
    shutdown::Signals,
    text::printable,
};

const ABOUT: &str = "\
Serve rooms over WebSocket

Clients connect to ws://IP:PORT/v1/ws; a browser at http://IP:PORT/ shows a shared board. Without any \
option the server listens on this machine only and keeps rooms in ./revring-data.";

const SOURCES: &str = "\
SIZE is in bytes, or has a unit: 64KiB, 4MiB, 1GiB. TIME has one: 500ms, 45s, 2m, 1h.

Each setting can be given in three places, the first of which counts: as an option (--ring-ops 1024), in the \
environment (REVRING_RING_OPS=1024) or in the configuration file (ring-ops = 1024).";

pub(super) fn command() -> Command {
    Command::new("serve")
        .about("Serve rooms over WebSocket")
        .long_about(ABOUT)
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

/// Serves until a signal asks for the end.
pub(super) fn run(matches: &ArgMatches) -> Result<(), Failure> {
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
    announce(server.local_addr(), server.kept());
    server.run(signals.first()).await;
    Ok(())
}

/// The one line on stdout. That nobody reads it is no reason not to serve.
fn announce(address: SocketAddr, kept: &Kept) {
    let mut out = io::stdout().lock();
    let kept = describe(kept);
    let _ = writeln!(out, "listening on ws://{address}/v1/ws ({kept})").and_then(|()| out.flush());
}

fn describe(kept: &Kept) -> String {
    let Kept::OnDisk {
        dir,
        durability,
        rooms,
    } = kept
    else {
        return "ephemeral: rooms live in memory and end with this process".to_owned();
    };
    let promise = match durability {
        Durability::Full => "survives power loss",
        Durability::Os => "survives the end of this process, but not power loss",
        Durability::None => "may be lost in a crash",
    };
    let found = match rooms {
        1 => "1 room".to_owned(),
        rooms => format!("{rooms} rooms"),
    };
    let dir = printable(&dir.display().to_string());
    format!(
        "durable: {found} found in {dir}; durability {durability}: what is acknowledged {promise}"
    )
}
