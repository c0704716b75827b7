//! What happened, line by line, and a hash of it all.

use std::{
    collections::VecDeque,
    fmt::{self, Write as _},
    hash::Hasher as _,
};

use twox_hash::XxHash64;

/// Lines kept for a report.
const KEPT: usize = 50;

/// The trace of a run.
#[derive(Debug)]
pub struct Trace {
    hash: XxHash64,
    last: VecDeque<String>,
    /// Every line, where asked for.
    all: Option<Vec<String>>,
    lines: u64,
}

impl Trace {
    /// An empty trace. Keeps every line if `whole`, else the last few.
    #[must_use]
    pub fn new(whole: bool) -> Self {
        Self {
            hash: XxHash64::with_seed(0),
            last: VecDeque::new(),
            all: whole.then(Vec::new),
            lines: 0,
        }
    }

    /// Adds a line.
    pub fn line(&mut self, line: fmt::Arguments<'_>) {
        let mut text = if self.last.len() < KEPT {
            String::new()
        } else {
            self.last.pop_front().unwrap_or_default()
        };
        text.clear();
        // Writing to a string cannot fail.
        let _ = text.write_fmt(line);
        self.hash.write(text.as_bytes());
        self.hash.write_u8(b'\n');
        self.lines += 1;
        if let Some(all) = &mut self.all {
            all.push(text.clone());
        }
        self.last.push_back(text);
    }

    /// The hash of every line.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.hash.finish()
    }

    /// How many lines there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.lines
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines == 0
    }

    /// All lines if they were kept, else the last ones.
    #[must_use]
    pub fn into_lines(self) -> Vec<String> {
        self.all.unwrap_or_else(|| self.last.into())
    }
}
