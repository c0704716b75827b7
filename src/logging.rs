//! Log lines, on stderr.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::{EnvFilter, filter::ParseError};

use crate::config::LogFormat;

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// Whether `text` says what to log: a level, or parts of the server with their levels.
pub(crate) fn is_filter(text: &str) -> bool {
    // A single word that is no level would be taken for a part of the server, and nothing else be logged.
    let says_a_level = |part: &str| part.contains('=') || LEVELS.contains(&part);
    text.split(',').all(|part| says_a_level(part.trim())) && parse(text).is_ok()
}

/// Sends everything that `filter` lets through to stderr, from now on. The first call counts.
///
/// # Errors
/// When `filter` is none.
pub fn start(filter: &str, format: LogFormat) -> Result<(), ParseError> {
    let lines = tracing_subscriber::fmt()
        .with_env_filter(parse(filter)?)
        // It reports them on stderr and panics if that fails, as on a full disk: a line lost is no reason to end.
        .log_internal_errors(false)
        .with_writer(io::stderr);
    let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    // An error means that the program already has a subscriber, which is then the one to use.
    let _ = match format {
        LogFormat::Human => lines.with_ansi(colours).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    Ok(())
}

fn parse(filter: &str) -> Result<EnvFilter, ParseError> {
    EnvFilter::builder().parse(filter)
}
