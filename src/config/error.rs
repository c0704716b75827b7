//! What can be wrong with a configuration, in words that say how to mend it.

use std::{fmt, io, path::PathBuf};

use super::keys::env_name;

/// Where the value of a setting came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The command line.
    Flag(&'static str),
    /// The environment.
    Environment(&'static str),
    /// A line of the configuration file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// Nothing: it is the default.
    Default,
    /// The program that embeds the server.
    Given,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(key) => write!(f, "from --{key}"),
            Self::Environment(key) => write!(f, "from {}", env_name(key)),
            Self::File { path, line } => write!(f, "from {}:{line}", path.display()),
            Self::Default => f.write_str("the default"),
            Self::Given => f.write_str("as given"),
        }
    }
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A setting has a value it cannot have.
    #[error("{key} is {value} ({origin}); {allowed}")]
    Value {
        /// The setting.
        key: &'static str,
        /// Its value.
        value: String,
        /// Where the value came from.
        origin: Origin,
        /// What it may be.
        allowed: String,
    },
    /// The file has a key that is no setting.
    #[error("{}:{line}: {key:?} is not a setting{}", path.display(), suggestion(nearest.as_deref()))]
    UnknownKey {
        /// The key.
        key: String,
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The known key that looks most like it.
        nearest: Option<String>,
    },
    /// An entry of `[[tokens]]` cannot be used.
    #[error("{}:{line}: {problem}", path.display())]
    Token {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong; never the token itself.
        problem: String,
    },
    /// The file is not TOML.
    #[error("{}: {problem}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// What is wrong, with the place.
        problem: String,
    },
    /// The file cannot be read.
    #[error("cannot read the configuration file {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |key| format!("; did you mean {key:?}?"))
}
