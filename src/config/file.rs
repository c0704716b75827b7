//! The configuration file: TOML, settings at the top level, then `[[tokens]]`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    error::ConfigError,
    keys::{self, KEYS, Key},
};
use crate::auth::{Access, TokenRule};

/// What stands in a configuration file.
#[derive(Debug, Default)]
pub(super) struct File {
    /// Settings, as text, with their lines.
    pub(super) values: Vec<(&'static Key, String, usize)>,
    /// The entries of `[[tokens]]`.
    pub(super) tokens: Vec<TokenRule>,
}

/// Reads the file at `path`.
pub(super) fn read(path: &Path) -> Result<File, ConfigError> {
    let text = fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    let source = Source { path, text: &text };
    let table = DeTable::parse(&text).map_err(|error| source.syntax(&error))?;
    let mut file = File::default();
    for (name, value) in table.get_ref() {
        if name.get_ref() == "tokens" {
            file.tokens = source.tokens(value)?;
        } else {
            let key = keys::find(name.get_ref()).ok_or_else(|| source.unknown(name))?;
            let line = source.line(name.span().start);
            file.values.push((key, plain(value.get_ref()), line));
        }
    }
    Ok(file)
}

/// The text of a file, and what to call it in errors.
struct Source<'a> {
    path: &'a Path,
    text: &'a str,
}

type Table<'a> = DeTable<'a>;
type Value<'a> = Spanned<DeValue<'a>>;

impl Source<'_> {
    fn tokens(&self, value: &Value<'_>) -> Result<Vec<TokenRule>, ConfigError> {
        let refused = |value| self.token(value, "write [[tokens]], once for each token");
        let entries = value.get_ref().as_array().ok_or_else(|| refused(value))?;
        let mut rules = Vec::new();
        for entry in entries {
            let table = entry.get_ref().as_table().ok_or_else(|| refused(entry))?;
            rules.extend(self.token_rules(entry, table)?);
        }
        Ok(rules)
    }

    fn token_rules(
        &self,
        entry: &Value<'_>,
        table: &Table<'_>,
    ) -> Result<Vec<TokenRule>, ConfigError> {
        if let Some((name, value)) = table.iter().find(|(name, _)| !is_token_key(name.get_ref())) {
            return Err(self.token(value, stray_token_key(name.get_ref())));
        }
        let missing = |name| self.token(entry, format!("this entry of [[tokens]] lacks {name}"));
        let field = |name| table.get(name).ok_or_else(|| missing(name));

        let token = field("token")?;
        let secret = token
            .get_ref()
            .as_str()
            .ok_or_else(|| self.token(token, "token must be text"))?;
        let access = field("access")?;
        let right = match access.get_ref().as_str() {
            Some("read") => Access::Read,
            Some("write") => Access::Write,
            _ => return Err(self.token(access, r#"access must be "read" or "write""#)),
        };
        let rooms = field("rooms")?;
        let patterns = texts(rooms.get_ref()).ok_or_else(|| {
            self.token(
                rooms,
                r#"rooms must be a name such as "team-*", or a list of them"#,
            )
        })?;
        patterns
            .into_iter()
            .map(|pattern| TokenRule::new(secret, pattern, right))
            .collect::<Result<_, _>>()
            .map_err(|invalid| self.token(entry, invalid.to_string()))
    }

    fn token(&self, at: &Value<'_>, problem: impl Into<String>) -> ConfigError {
        let line = self.line(at.span().start);
        ConfigError::Token {
            path: self.path.to_owned(),
            line,
            problem: problem.into(),
        }
    }

    fn unknown(&self, name: &Spanned<std::borrow::Cow<'_, str>>) -> ConfigError {
        ConfigError::UnknownKey {
            key: name.get_ref().to_string(),
            path: self.path.to_owned(),
            line: self.line(name.span().start),
            nearest: nearest(name.get_ref()),
        }
    }

    /// The parser's own words, without the line it quotes: that could be a token.
    fn syntax(&self, error: &toml::de::Error) -> ConfigError {
        let place = error
            .span()
            .map_or_else(String::new, |at| format!("line {}: ", self.line(at.start)));
        let message = error.message().lines().collect::<Vec<_>>().join("; ");
        ConfigError::Syntax {
            path: PathBuf::from(self.path),
            problem: format!("{place}{message}"),
        }
    }

    fn line(&self, at: usize) -> usize {
        1 + self
            .text
            .bytes()
            .take(at)
            .filter(|byte| *byte == b'\n')
            .count()
    }
}

fn is_token_key(name: &str) -> bool {
    matches!(name, "token" | "rooms" | "access")
}

fn stray_token_key(name: &str) -> String {
    if keys::find(name).is_some() {
        format!("{name:?} stands inside [[tokens]]: settings come before the first [[tokens]]")
    } else {
        format!("{name:?} is not a key of [[tokens]], which are token, rooms and access")
    }
}

/// One text or several; `None` for anything else and for an empty list.
fn texts<'a>(value: &'a DeValue<'_>) -> Option<Vec<&'a str>> {
    match value {
        DeValue::String(text) => Some(vec![text]),
        DeValue::Array(list) if !list.is_empty() => {
            list.iter().map(|item| item.get_ref().as_str()).collect()
        }
        _ => None,
    }
}

/// A value as it would be written on the command line.
fn plain(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(number) => i128::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| number.to_string(), |number| number.to_string()),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(switch) => switch.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        DeValue::Array(_) => "[…]".to_owned(),
        DeValue::Table(_) => "{…}".to_owned(),
    }
}

/// The known key that looks most like `name`, if one does.
pub(super) fn nearest(name: &str) -> Option<String> {
    let name = name.to_lowercase().replace('_', "-");
    let known = KEYS.iter().map(|key| key.name).chain(["tokens"]);
    let (likeness, key) = known
        .map(|key| (strsim::jaro_winkler(&name, key), key))
        .max_by(|one, other| one.0.total_cmp(&other.0))?;
    (likeness > 0.75).then(|| key.to_owned())
}
