//! The wire contract: what the committed files of `schema/` and `vectors/` hold, made from the code.
//!
//! The tables here are written by hand, expectations included; making the files checks them.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on fails"
)]

pub(crate) mod checksums;
#[cfg(feature = "schema")]
pub(crate) mod files;
pub(crate) mod invalid;
pub(crate) mod lenient;
pub(crate) mod merges;
pub(crate) mod messages;
pub(crate) mod names;
pub(crate) mod rebases;
pub(crate) mod refused;
pub(crate) mod settle;
pub(crate) mod splices;
pub(crate) mod values;

use std::fmt::Write as _;

use revring_protocol::codec::Codec;

/// One vector: an object in one line.
pub(crate) struct Line(String);

impl Line {
    pub(crate) fn new() -> Self {
        Self(String::new())
    }

    /// Adds a field whose value is the JSON text `json`.
    pub(crate) fn raw(mut self, name: &str, json: &str) -> Self {
        let separator = if self.0.is_empty() { "" } else { "," };
        write!(self.0, "{separator}{}:{json}", quoted(name)).unwrap();
        self
    }

    /// Adds a field whose value is a string.
    pub(crate) fn text(self, name: &str, text: &str) -> Self {
        self.raw(name, &quoted(text))
    }

    /// Adds a field whose value is an array of strings.
    pub(crate) fn texts<'a>(self, name: &str, texts: impl IntoIterator<Item = &'a str>) -> Self {
        let texts: Vec<_> = texts.into_iter().map(quoted).collect();
        self.raw(name, &format!("[{}]", texts.join(",")))
    }
}

pub(crate) fn document(about: &str, lines: Vec<Line>) -> String {
    let lines: Vec<_> = lines
        .into_iter()
        .map(|line| format!("    {{{}}}", line.0))
        .collect();
    format!(
        "{{\n  \"about\": {},\n  \"vectors\": [\n{}\n  ]\n}}\n",
        quoted(about),
        lines.join(",\n")
    )
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "{text}");
    let digits = |i: usize| u8::from_str_radix(&text[i..i + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digits).collect()
}

/// Who sends a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

impl Side {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }
}

/// Bytes of a message, written so that they can be read.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Input {
    /// JSON.
    Json(&'static str),
    /// The MessagePack of this JSON text.
    Packed(&'static str),
    /// MessagePack in hex.
    Hex(&'static str),
}

impl Input {
    pub(crate) fn codec(self) -> Codec {
        match self {
            Self::Json(_) => Codec::Json,
            Self::Packed(_) | Self::Hex(_) => Codec::MessagePack,
        }
    }

    pub(crate) fn bytes(self) -> Vec<u8> {
        match self {
            Self::Json(text) => text.as_bytes().to_vec(),
            Self::Packed(text) => {
                let value: serde_json::Value = serde_json::from_str(text).unwrap();
                rmp_serde::to_vec(&value).unwrap()
            }
            Self::Hex(text) => unhex(text),
        }
    }

    /// Adds the field that holds it, named after the codec.
    pub(crate) fn write(self, line: Line) -> Line {
        match self {
            Self::Json(text) => line.text("json", text),
            Self::Packed(_) | Self::Hex(_) => line.text("msgpack", &hex(&self.bytes())),
        }
    }
}
