//! What clients ask for and what comes of it: [`Change`], [`Effect`], [`Operation`].

use crate::{
    ids::{ClientId, ClientReqId, Millis, RecordKey, Rev},
    limits::{CHANGE_OVERHEAD, OPERATION_OVERHEAD},
    value::{Number, Object, Path, Value, object_depth, object_size, string_size},
};

/// One edit of one record, as a client asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The record.
    pub key: RecordKey,
    /// The version the record must have before the update; 0: it must not exist (rule D-3).
    pub if_version: Option<u64>,
    /// What to do with it.
    pub edit: Edit,
}

/// One edit of one record, as the server accepted it (rule O-6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// The record.
    pub key: RecordKey,
    /// The record's version after the operation.
    pub version: u64,
    /// What was done; never [`Edit::Add`].
    pub edit: Edit,
}

/// What is done to a record (rule D-1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// Create the record or replace its data.
    Put {
        /// The record's data.
        data: Object,
    },
    /// JSON Merge Patch (RFC 7396).
    Merge {
        /// The patch; null removes a field.
        data: Object,
    },
    /// Set a field.
    Set {
        /// Where.
        path: Path,
        /// To what; null is a value.
        value: Value,
    },
    /// Remove a field.
    Unset {
        /// Which.
        path: Path,
    },
    /// Remove the record.
    Delete,
    /// Add to a number.
    Add {
        /// Where.
        path: Path,
        /// How much.
        by: Number,
    },
    /// Edit a string or an array in place.
    Splice {
        /// Which field.
        path: Path,
        /// What to do there.
        splice: Splice,
    },
}

impl Edit {
    /// Its name on the wire.
    #[must_use]
    pub fn op(&self) -> &'static str {
        match self {
            Self::Put { .. } => "put",
            Self::Merge { .. } => "merge",
            Self::Set { .. } => "set",
            Self::Unset { .. } => "unset",
            Self::Delete => "delete",
            Self::Add { .. } => "add",
            Self::Splice { .. } => "splice",
        }
    }
}

impl Edit {
    fn size(&self) -> usize {
        match self {
            Self::Put { data } | Self::Merge { data } => object_size(data),
            Self::Set { path, value } => string_size(path.as_str()) + value.size(),
            Self::Unset { path } => string_size(path.as_str()),
            Self::Delete => 0,
            Self::Add { path, by } => string_size(path.as_str()) + Value::Number(*by).size(),
            Self::Splice { path, splice } => string_size(path.as_str()) + splice.insert.size(),
        }
    }

    /// Nesting levels of what it carries; of data they are those of the record's data (rule V-5).
    pub(crate) fn depth(&self) -> usize {
        match self {
            Self::Put { data } | Self::Merge { data } => object_depth(data),
            Self::Set { value, .. } => value.depth(),
            Self::Splice { splice, .. } => splice.insert.depth(),
            Self::Unset { .. } | Self::Delete | Self::Add { .. } => 0,
        }
    }
}

/// Removes elements at a position and inserts others there (rule S-1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Splice {
    /// The position, in code points or elements.
    pub at: usize,
    /// How many are removed.
    pub remove: usize,
    /// What is inserted.
    pub insert: Sequence,
}

/// What a splice edits and inserts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sequence {
    /// Text, counted in Unicode code points.
    Text(String),
    /// Elements of an array.
    Items(Vec<Value>),
}

impl Sequence {
    /// Its size (rule V-6).
    fn size(&self) -> usize {
        match self {
            Self::Text(text) => string_size(text),
            Self::Items(items) => 5 + items.iter().map(|item| 1 + item.size()).sum::<usize>(),
        }
    }

    fn depth(&self) -> usize {
        match self {
            Self::Text(_) => 0,
            Self::Items(items) => 1 + items.iter().map(Value::depth).max().unwrap_or(0),
        }
    }
}

/// An accepted update: the only thing that moves a room forward.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// Its revision.
    pub rev: Rev,
    /// Who asked for it.
    pub client_id: ClientId,
    /// Under which id.
    pub client_req_id: ClientReqId,
    /// When, by the server's clock; never decreasing in a room.
    pub at: Millis,
    /// What it did, in order.
    pub changes: Vec<Effect>,
}

impl Operation {
    /// Its size (rule D-9): never less than its encoding in either codec.
    #[must_use]
    pub fn size(&self) -> usize {
        OPERATION_OVERHEAD + self.changes.iter().map(Effect::size).sum::<usize>()
    }
}

impl Effect {
    /// Its part of the operation's size (rule D-9).
    pub(crate) fn size(&self) -> usize {
        change_size(&self.key, &self.edit)
    }
}

impl Change {
    /// The size of the effect it has if it is accepted as it is (rule D-9).
    pub(crate) fn size(&self) -> usize {
        change_size(&self.key, &self.edit)
    }
}

fn change_size(key: &RecordKey, edit: &Edit) -> usize {
    let names = string_size(key.collection.as_str()) + string_size(key.id.as_str());
    CHANGE_OVERHEAD + names + edit.size()
}

/// An update as a client sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// The client's name for it.
    pub client_req_id: ClientReqId,
    /// What to do, all or nothing.
    pub changes: Vec<Change>,
    /// The confirmed revision that positions of splices refer to (rule S-2).
    pub base_rev: Option<Rev>,
    /// On a resend: the client's confirmed revision when the id was first sent (rule U-5).
    pub first_rev: Option<Rev>,
}
