//! The last messages of a run, for the report of a failure.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::Value;

/// Lines that are kept.
const LINES: usize = 16;
/// Characters of a line.
const WIDTH: usize = 240;

/// The last lines of what all actors sent and received.
#[derive(Debug, Clone, Default)]
pub(crate) struct Transcript {
    lines: Arc<Mutex<VecDeque<String>>>,
    /// Of this actor only errors are worth a line.
    quiet: bool,
}

impl Transcript {
    /// Leaves out the messages of an actor that sends many of a kind.
    pub(crate) fn keep_quiet(&mut self, quiet: bool) {
        self.quiet = quiet;
    }

    pub(crate) fn sent(&self, actor: &str, message: &Value) {
        if !self.quiet {
            self.line(format!("{actor} -> {}", Line(message)));
        }
    }

    pub(crate) fn received(&self, actor: &str, message: &Value) {
        if !self.quiet
            || matches!(
                message["type"].as_str(),
                Some("ERROR" | "REJECT" | "REVISION_GAP")
            )
        {
            self.line(format!("{actor} <- {}", Line(message)));
        }
    }

    pub(crate) fn event(&self, actor: &str, what: &str) {
        self.line(format!("{actor} -- {what}"));
    }

    fn line(&self, mut line: String) {
        if let Some((end, _)) = line.char_indices().nth(WIDTH) {
            let bytes = line.len();
            line.truncate(end);
            line.push_str(&format!("… ({bytes} bytes)"));
        }
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .cloned()
            .collect()
    }
}

/// A message in one line: its type, then the fields that tell something.
struct Line<'a>(&'a Value);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(fields) = self.0.as_object() else {
            return self.0.fmt(f);
        };
        let kind = fields
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or("(no type)");
        f.write_str(kind)?;
        for (name, field) in fields {
            match name.as_str() {
                "type" => {}
                "limits" => f.write_str(" limits=…")?,
                _ => write!(f, " {name}={field}")?,
            }
        }
        Ok(())
    }
}
