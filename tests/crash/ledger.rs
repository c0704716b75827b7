//! What writers were told of their updates, and what the room must be because of it.

use std::{collections::BTreeMap, fmt::Write as _};

use revring_client::{
    Document, Rev,
    protocol::{
        error::Code,
        ids::{ClientId, ClientReqId, RecordKey},
        value::{Number, Value},
    },
};

/// What an update did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Deed {
    /// Made the counters and texts, all empty.
    Prepare,
    /// Added to the counter of everyone and to its own.
    Add {
        by: i64,
    },
    /// Put a record; `stamp` is never used twice.
    Put {
        record: String,
        stamp: String,
    },
    Delete {
        record: String,
    },
    /// Edited its own text.
    Type {
        at: usize,
        remove: usize,
        insert: String,
    },
    /// Put a word into the text of everyone.
    Say {
        word: String,
    },
}

/// An accepted update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) rev: Rev,
    pub(crate) client: ClientId,
    pub(crate) id: ClientReqId,
    pub(crate) writer: usize,
    pub(crate) deed: Deed,
}

/// Everything that was answered in one room.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) accepted: BTreeMap<Rev, Entry>,
    pub(crate) rejected: Vec<(ClientReqId, Code)>,
}

/// The collection of counters.
pub(crate) const COUNTERS: &str = "counters";
/// The collection of records that are put and deleted.
pub(crate) const NOTES: &str = "notes";
/// The collection of texts.
pub(crate) const TEXTS: &str = "texts";
/// The counter and the text of everyone.
pub(crate) const ALL: &str = "all";

/// A writer's own counter and text.
pub(crate) fn own(writer: usize) -> String {
    format!("w{writer}")
}

impl Ledger {
    /// Notes an accepted update, which no other may have been accepted as.
    pub(crate) fn accept(&mut self, entry: Entry) {
        let rev = entry.rev;
        if let Some(other) = self.accepted.insert(rev, entry) {
            panic!(
                "{rev} was two updates: {other:?} and {:?}",
                self.accepted[&rev]
            );
        }
    }

    /// Each revision up to `head` is one accepted update: none is missing, none counts twice, there is no hole.
    pub(crate) fn check_revisions(&self, room: &str, head: Rev) {
        let revs: Vec<u64> = self.accepted.keys().map(|rev| rev.get()).collect();
        let hole = (1..).zip(&revs).find(|(expected, rev)| expected != *rev);
        assert_eq!(
            hole, None,
            "{room}: the revision expected, and the next that was acknowledged"
        );
        assert_eq!(
            revs.len() as u64,
            head.get(),
            "{room}: updates accepted, and the head"
        );
    }

    /// `document` is what the accepted updates make of an empty room, each applied once, in the order of their revisions.
    pub(crate) fn check_state(&self, room: &str, document: &Document) {
        let mut expected = Expected::default();
        self.accepted
            .values()
            .for_each(|entry| expected.apply(entry));
        expected.check(room, document);
    }
}

#[derive(Debug, Default)]
struct Expected {
    counters: BTreeMap<String, i64>,
    notes: BTreeMap<String, String>,
    texts: BTreeMap<usize, Vec<char>>,
    words: Vec<String>,
}

impl Expected {
    fn apply(&mut self, entry: &Entry) {
        match &entry.deed {
            Deed::Prepare => {}
            Deed::Add { by } => {
                for counter in [ALL.to_owned(), own(entry.writer)] {
                    *self.counters.entry(counter).or_default() += by;
                }
            }
            Deed::Put { record, stamp } => {
                self.notes.insert(record.clone(), stamp.clone());
            }
            Deed::Delete { record } => {
                self.notes.remove(record);
            }
            Deed::Type { at, remove, insert } => {
                let text = self.texts.entry(entry.writer).or_default();
                text.splice(*at..at + remove, insert.chars());
            }
            Deed::Say { word } => self.words.push(word.clone()),
        }
    }

    fn check(&self, room: &str, document: &Document) {
        let mut wrong = String::new();
        for (counter, sum) in &self.counters {
            let found = field(document, COUNTERS, counter, "n");
            let found = found
                .as_ref()
                .and_then(Value::as_number)
                .and_then(Number::as_i64);
            if found != Some(*sum) {
                let _ = writeln!(wrong, "counter {counter}: {found:?}, not {sum}");
            }
        }
        for (record, stamp) in &self.notes {
            let found = field(document, NOTES, record, "stamp");
            if found.as_ref().and_then(Value::as_str) != Some(stamp) {
                let _ = writeln!(wrong, "record {record}: {found:?}, not {stamp}");
            }
        }
        for (writer, text) in &self.texts {
            let found = field(document, TEXTS, &own(*writer), "text");
            let text: String = text.iter().collect();
            if found.as_ref().and_then(Value::as_str) != Some(&text) {
                let _ = writeln!(wrong, "text of {writer}: {found:?}, not {text:?}");
            }
        }
        let said = field(document, TEXTS, ALL, "text");
        let said = said.as_ref().and_then(Value::as_str).unwrap_or_default();
        let mut found: Vec<&str> = said.split_whitespace().collect();
        let mut words: Vec<&str> = self.words.iter().map(String::as_str).collect();
        found.sort_unstable();
        words.sort_unstable();
        if found != words {
            let _ = writeln!(wrong, "words: {found:?}, not {words:?}");
        }
        let notes = document
            .collections()
            .find(|(name, _)| name.as_str() == NOTES);
        let notes = notes.map_or(0, |(_, records)| records.len());
        if notes != self.notes.len() {
            let _ = writeln!(wrong, "{notes} records, not {}", self.notes.len());
        }
        assert!(wrong.is_empty(), "{room}:\n{wrong}");
    }
}

fn field(document: &Document, collection: &str, id: &str, field: &str) -> Option<Value> {
    let key = RecordKey {
        collection: collection.parse().unwrap(),
        id: id.parse().unwrap(),
    };
    document.get(&key)?.data().get(field).cloned()
}
