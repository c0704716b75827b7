//! Flags before environment before file before defaults.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::{Path, PathBuf},
};

use super::{
    Settings,
    error::{ConfigError, Origin},
    file,
    keys::{self, Group, KEYS, Key, env_name},
    relations,
};

/// What a configuration is put together from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    flags: BTreeMap<&'static str, String>,
    environment: BTreeMap<String, String>,
    file: Option<PathBuf>,
}

impl Sources {
    /// Nothing but the defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the value of one flag.
    #[must_use]
    pub fn with_flag(mut self, key: &Key, text: impl Into<String>) -> Self {
        self.flags.insert(key.name, text.into());
        self
    }

    /// Adds environment variables; those that do not begin with `REVRING_` are left out.
    #[must_use]
    pub fn with_environment(
        mut self,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let ours = variables
            .into_iter()
            .filter(|(name, _)| name.starts_with("REVRING_"));
        self.environment.extend(ours);
        self
    }

    /// Reads the file at `path`, too. Without one, `REVRING_CONFIG` may name it.
    #[must_use]
    pub fn with_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.file = Some(path.into());
        self
    }

    /// Puts the settings together and checks them.
    ///
    /// # Errors
    /// Names what is wrong, where it stands and what is allowed.
    pub fn load(&self) -> Result<Loaded, ConfigError> {
        let path = self
            .file
            .clone()
            .or_else(|| self.variable("config").map(PathBuf::from));
        let file = path
            .as_deref()
            .map(file::read)
            .transpose()?
            .unwrap_or_default();
        let mut settings = Settings {
            tokens: file.tokens,
            ..Settings::default()
        };
        let mut origins = BTreeMap::new();
        for key in KEYS {
            let in_file = file
                .values
                .iter()
                .find(|(known, ..)| known.name == key.name);
            let in_file = in_file.map(|(_, text, line)| (text.as_str(), *line));
            let Some((text, origin)) = self.choose(key, in_file, path.as_deref()) else {
                continue;
            };
            key.set(&mut settings, text)
                .map_err(|allowed| ConfigError::Value {
                    key: key.name,
                    value: format!("{text:?}"),
                    origin: origin.clone(),
                    allowed,
                })?;
            origins.insert(key.name, origin);
        }
        relations::settle(&mut settings, &|key| origins.contains_key(key));
        let loaded = Loaded {
            settings,
            origins,
            misspelt: self.misspelt(),
        };
        relations::check(&loaded.settings, &|key| loaded.origin(key))?;
        Ok(loaded)
    }

    fn choose<'a>(
        &'a self,
        key: &Key,
        in_file: Option<(&'a str, usize)>,
        path: Option<&Path>,
    ) -> Option<(&'a str, Origin)> {
        if let Some(text) = self.flags.get(key.name) {
            return Some((text, Origin::Flag(key.name)));
        }
        if let Some(text) = self.variable(key.name) {
            return Some((text, Origin::Environment(key.name)));
        }
        let (text, line) = in_file?;
        Some((
            text,
            Origin::File {
                path: path?.to_owned(),
                line,
            },
        ))
    }

    /// An empty variable counts as not set: that is how most tools unset one.
    fn variable(&self, key: &str) -> Option<&str> {
        self.environment
            .get(&env_name(key))
            .map(String::as_str)
            .filter(|text| !text.is_empty())
    }

    /// Variables that are no settings but look like one. Others may be about something else.
    fn misspelt(&self) -> Vec<(String, String)> {
        let known = |name: &str| {
            name == env_name("config") || KEYS.iter().any(|key| env_name(key.name) == name)
        };
        let strangers = self.environment.keys().filter(|name| !known(name));
        strangers
            .filter_map(|name| {
                let key = file::nearest(name.strip_prefix("REVRING_")?)?;
                keys::find(&key).map(|key| (name.clone(), env_name(key.name)))
            })
            .collect()
    }
}

/// Checked settings, and where each came from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// Environment variables that look like a misspelt setting, each with the one it looks like.
    pub misspelt: Vec<(String, String)>,
    origins: BTreeMap<&'static str, Origin>,
}

impl Loaded {
    /// Where the value of the setting `key` came from.
    #[must_use]
    pub fn origin(&self, key: &str) -> Origin {
        self.origins.get(key).cloned().unwrap_or(Origin::Default)
    }

    /// The settings as a configuration file, with where each came from. Tokens are left out.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        for group in Group::ALL {
            let _ = writeln!(text, "# {}", group.title());
            for key in KEYS.iter().filter(|key| key.group == group) {
                if let Some(value) = key.shown(&self.settings) {
                    let assignment = format!("{} = {value}", key.name);
                    let _ = writeln!(text, "{assignment:<36} # {}", self.origin(key.name));
                }
            }
            text.push('\n');
        }
        let rules = self.settings.tokens.len();
        let _ = match rules {
            0 => writeln!(text, "# no [[tokens]]: everyone may open every room"),
            _ => writeln!(text, "# {rules} rules from [[tokens]], not shown"),
        };
        text
    }
}
