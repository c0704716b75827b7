//! The kinds of settings: how each is written and read, and what is said when it is not allowed.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use super::{LogFormat, Settings, value};
use crate::log::Durability;

/// How a setting is written, where it goes and what it may be.
#[derive(Debug)]
pub(super) enum Kind {
    /// An address with its port.
    Address(fn(&mut Settings) -> &mut SocketAddr),
    /// On or off.
    Switch(fn(&mut Settings) -> &mut bool),
    /// A number, from and up to.
    Count(fn(&mut Settings) -> &mut usize, usize, usize),
    /// Bytes, from and up to.
    Size(fn(&mut Settings) -> &mut usize, usize, usize),
    /// A time, from and up to.
    Time(fn(&mut Settings) -> &mut Duration, Duration, Duration),
    /// What is logged.
    Filter(fn(&mut Settings) -> &mut String),
    /// How log lines look.
    Format(fn(&mut Settings) -> &mut LogFormat),
    /// A directory.
    Dir(fn(&mut Settings) -> &mut PathBuf),
    /// What an acknowledgement means.
    Durability(fn(&mut Settings) -> &mut Durability),
}

impl Kind {
    /// What stands for the value in `--help`; `None`: the setting is a switch.
    pub(super) fn placeholder(&self) -> Option<&'static str> {
        match *self {
            Self::Address(_) => Some("IP:PORT"),
            Self::Switch(_) => None,
            Self::Count(..) => Some("N"),
            Self::Size(..) => Some("SIZE"),
            Self::Time(..) => Some("TIME"),
            Self::Filter(_) => Some("FILTER"),
            Self::Format(_) => Some("FORMAT"),
            Self::Dir(_) => Some("DIR"),
            Self::Durability(_) => Some("LEVEL"),
        }
    }

    /// The value in `settings`, as it is written in the file; `None`: it has none.
    pub(super) fn shown(&self, settings: &Settings) -> Option<String> {
        let mut settings = settings.clone();
        let s = &mut settings;
        Some(match *self {
            Self::Address(at) => quoted(at(s)),
            Self::Switch(at) => at(s).to_string(),
            Self::Count(at, ..) => at(s).to_string(),
            Self::Size(at, ..) => {
                let text = value::show_size(*at(s));
                if value::parse_count(&text).is_some() {
                    text
                } else {
                    quoted(text)
                }
            }
            Self::Time(at, ..) => quoted(value::show_time(*at(s))),
            Self::Filter(at) => quoted(at(s)),
            Self::Format(at) => quoted(at(s)),
            Self::Dir(at) => quoted(at(s).display()),
            Self::Durability(at) => quoted(at(s)),
        })
    }

    /// Sets the value in `settings` to what `text` says, if that is allowed.
    pub(super) fn set(&self, settings: &mut Settings, text: &str) -> Option<()> {
        match *self {
            Self::Address(at) => *at(settings) = value::parse_address(text)?,
            Self::Switch(at) => *at(settings) = value::parse_switch(text)?,
            Self::Count(at, ..) => *at(settings) = value::parse_count(text)?,
            Self::Size(at, ..) => *at(settings) = value::parse_size(text)?,
            Self::Time(at, ..) => *at(settings) = value::parse_time(text)?,
            Self::Filter(at) => text.clone_into(at(settings)),
            Self::Format(at) => *at(settings) = LogFormat::parse(text)?,
            Self::Dir(at) => *at(settings) = PathBuf::from(text),
            Self::Durability(at) => *at(settings) = text.parse().ok()?,
        }
        self.in_range(settings).then_some(())
    }

    /// Whether the value in `settings` is one that the setting may have.
    pub(super) fn in_range(&self, settings: &Settings) -> bool {
        let mut settings = settings.clone();
        match *self {
            Self::Count(at, min, max) | Self::Size(at, min, max) => {
                (min..=max).contains(at(&mut settings))
            }
            Self::Time(at, min, max) => (min..=max).contains(at(&mut settings)),
            Self::Dir(at) => !at(&mut settings).as_os_str().is_empty(),
            Self::Filter(at) => crate::logging::is_filter(at(&mut settings)),
            _ => true,
        }
    }

    /// What the setting may be, in words.
    pub(super) fn allowed(&self) -> String {
        match *self {
            Self::Address(_) => {
                "allowed: an IP address and a port, such as 127.0.0.1:7700 or [::]:7700".to_owned()
            }
            Self::Switch(_) => "allowed: true or false".to_owned(),
            Self::Count(_, min, max) => format!("allowed: a whole number from {min} to {max}"),
            Self::Size(_, min, max) => format!(
                "allowed: a size from {} to {}, in bytes or with KiB, MiB, GiB",
                value::show_size(min),
                value::show_size(max)
            ),
            Self::Time(_, min, max) => format!(
                "allowed: a time from {} to {}, with its unit: ms, s, m or h",
                value::show_time(min),
                value::show_time(max)
            ),
            Self::Filter(_) => {
                "allowed: error, warn, info, debug, trace, off, or a filter such as \
                 info,revring::server=debug"
                    .to_owned()
            }
            Self::Format(_) => "allowed: human or json".to_owned(),
            Self::Dir(_) => "allowed: the path of a directory, which is made if need be".to_owned(),
            Self::Durability(_) => "allowed: full, os or none".to_owned(),
        }
    }
}

impl LogFormat {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "human" => Some(Self::Human),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

impl std::fmt::Display for LogFormat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Human => "human",
            Self::Json => "json",
        })
    }
}

fn quoted(value: impl std::fmt::Display) -> String {
    toml::Value::String(value.to_string()).to_string()
}
