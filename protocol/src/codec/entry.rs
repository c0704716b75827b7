//! Operations and changes: objects in JSON, positional arrays in MessagePack (rule W-3).

use std::borrow::Cow;

use serde::{
    Serialize, Serializer,
    ser::{SerializeMap as _, SerializeSeq as _},
};

use super::{
    Codec,
    fields::{Fields, Problem, wrong},
};
use crate::{
    change::{Change, Edit, Effect, Operation, Sequence, Splice},
    ids::{ClientId, ClientReqId, Collection, RecordId, RecordKey},
    value::{Node, Path, Value, excerpt},
};

/// Writes fields in order: named where people may read them, positional where bytes count.
enum Writer<S: Serializer> {
    Named(S::SerializeMap),
    Positional(S::SerializeSeq),
}

impl<S: Serializer> Writer<S> {
    fn new(serializer: S, fields: usize, absent: usize) -> Result<Self, S::Error> {
        if serializer.is_human_readable() {
            serializer
                .serialize_map(Some(fields - absent))
                .map(Self::Named)
        } else {
            serializer.serialize_seq(Some(fields)).map(Self::Positional)
        }
    }

    fn field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), S::Error> {
        match self {
            Self::Named(map) => map.serialize_entry(name, value),
            Self::Positional(seq) => seq.serialize_element(value),
        }
    }

    /// A field that may be absent: left out by name, nil by place.
    fn optional<T: Serialize>(
        &mut self,
        name: &'static str,
        value: Option<&T>,
    ) -> Result<(), S::Error> {
        match (self, value) {
            (Self::Named(_), None) => Ok(()),
            (Self::Named(map), Some(value)) => map.serialize_entry(name, value),
            (Self::Positional(seq), value) => seq.serialize_element(&value),
        }
    }

    fn end(self) -> Result<S::Ok, S::Error> {
        match self {
            Self::Named(map) => map.end(),
            Self::Positional(seq) => seq.end(),
        }
    }
}

/// Fields that follow the version.
fn edit_fields(edit: &Edit) -> usize {
    match edit {
        Edit::Put { .. } | Edit::Merge { .. } | Edit::Unset { .. } => 1,
        Edit::Set { .. } | Edit::Add { .. } => 2,
        Edit::Delete => 0,
        Edit::Splice { .. } => 4,
    }
}

fn write_edit<S: Serializer>(writer: &mut Writer<S>, edit: &Edit) -> Result<(), S::Error> {
    match edit {
        Edit::Put { data } | Edit::Merge { data } => writer.field("data", data),
        Edit::Set { path, value } => {
            writer.field("path", path)?;
            writer.field("value", value)
        }
        Edit::Unset { path } => writer.field("path", path),
        Edit::Delete => Ok(()),
        Edit::Add { path, by } => {
            writer.field("path", path)?;
            writer.field("by", by)
        }
        Edit::Splice { path, splice } => {
            writer.field("path", path)?;
            writer.field("at", &splice.at)?;
            writer.field("remove", &splice.remove)?;
            writer.field("insert", &splice.insert)
        }
    }
}

fn write_key<S: Serializer>(
    writer: &mut Writer<S>,
    edit: &Edit,
    key: &RecordKey,
) -> Result<(), S::Error> {
    writer.field("op", edit.op())?;
    writer.field("collection", &key.collection)?;
    writer.field("id", &key.id)
}

impl Serialize for Change {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let absent = usize::from(self.if_version.is_none());
        let mut writer = Writer::new(serializer, 4 + edit_fields(&self.edit), absent)?;
        write_key(&mut writer, &self.edit, &self.key)?;
        writer.optional("ifVersion", self.if_version.as_ref())?;
        write_edit(&mut writer, &self.edit)?;
        writer.end()
    }
}

impl Serialize for Effect {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut writer = Writer::new(serializer, 4 + edit_fields(&self.edit), 0)?;
        write_key(&mut writer, &self.edit, &self.key)?;
        writer.field("version", &self.version)?;
        write_edit(&mut writer, &self.edit)?;
        writer.end()
    }
}

impl Serialize for Operation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut writer = Writer::new(serializer, 5, 0)?;
        writer.field("rev", &self.rev)?;
        writer.field("clientId", &self.client_id)?;
        writer.field("clientReqId", &self.client_req_id)?;
        writer.field("at", &self.at)?;
        writer.field("changes", &self.changes)?;
        writer.end()
    }
}

impl Serialize for Sequence {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Items(items) => serializer.collect_seq(items),
        }
    }
}

impl Serialize for Path {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// The fields of an entry of `ops` or `changes`, in the form of its codec.
fn entry(codec: Codec, value: Node<'_>) -> Result<Fields<'_>, Problem> {
    match codec {
        Codec::Json => Fields::named(value),
        Codec::MessagePack => Fields::positional(value),
    }
}

fn read_key<'de>(fields: &mut Fields<'de>) -> Result<(Cow<'de, str>, RecordKey), Problem> {
    let op = fields.text("op")?;
    let collection = Collection::new(&fields.text("collection")?)?;
    let id = RecordId::new(&fields.text("id")?)?;
    Ok((op, RecordKey { collection, id }))
}

fn read_path(fields: &mut Fields<'_>) -> Result<Path, Problem> {
    Path::parse(&fields.text("path")?).map_err(|error| Problem::new(error.to_string()))
}

fn read_edit(op: &str, fields: &mut Fields<'_>) -> Result<Edit, Problem> {
    Ok(match op {
        "put" => Edit::Put {
            data: fields.object("data")?,
        },
        "merge" => Edit::Merge {
            data: fields.object("data")?,
        },
        "set" => Edit::Set {
            path: read_path(fields)?,
            value: read_value(fields)?,
        },
        "unset" => Edit::Unset {
            path: read_path(fields)?,
        },
        "delete" => Edit::Delete,
        "add" => Edit::Add {
            path: read_path(fields)?,
            by: fields.number("by")?,
        },
        "splice" => Edit::Splice {
            path: read_path(fields)?,
            splice: read_splice(fields)?,
        },
        other => {
            let known = "put, merge, set, unset, delete, add or splice";
            return Err(Problem::new(format!(
                "op must be {known}, not {:?}",
                excerpt(other)
            )));
        }
    })
}

/// The `value` of a `set`: null is a value, and by place an absent one is nil.
fn read_value(fields: &mut Fields<'_>) -> Result<Value, Problem> {
    match (fields.raw("value"), fields) {
        (Some(value), _) => Ok(value.into()),
        (None, Fields::Positional(_)) => Ok(Value::Null),
        (None, Fields::Named(_)) => Err(Problem::new("value is missing")),
    }
}

fn read_splice(fields: &mut Fields<'_>) -> Result<Splice, Problem> {
    let at = read_index(fields, "at")?;
    let remove = read_index(fields, "remove")?;
    let insert = match fields.required("insert")? {
        Node::String(text) => Sequence::Text(text.into_owned()),
        Node::Array(items) => Sequence::Items(items.into_iter().map(Value::from).collect()),
        other => return Err(wrong("insert", "a string or an array", &other)),
    };
    Ok(Splice { at, remove, insert })
}

fn read_index(fields: &mut Fields<'_>, name: &str) -> Result<usize, Problem> {
    let index = fields.integer(name)?;
    usize::try_from(index).map_err(|_| Problem::new(format!("{name} is too large: {index}")))
}

pub(super) fn read_change(codec: Codec, value: Node<'_>) -> Result<Change, Problem> {
    let mut fields = entry(codec, value)?;
    let (op, key) = read_key(&mut fields)?;
    let if_version = fields.optional_integer("ifVersion")?;
    let edit = read_edit(&op, &mut fields)?;
    Ok(Change {
        key,
        if_version,
        edit,
    })
}

fn read_effect(codec: Codec, value: Node<'_>) -> Result<Effect, Problem> {
    let mut fields = entry(codec, value)?;
    let (op, key) = read_key(&mut fields)?;
    let version = fields.integer("version")?;
    if op == "add" {
        return Err(Problem::new("op of an effect is never add"));
    }
    let edit = read_edit(&op, &mut fields)?;
    Ok(Effect { key, version, edit })
}

pub(super) fn read_operation(codec: Codec, value: Node<'_>) -> Result<Operation, Problem> {
    let mut fields = entry(codec, value)?;
    let rev = fields.rev("rev")?;
    let client_id = ClientId::new(&fields.text("clientId")?)?;
    let client_req_id = ClientReqId::new(&fields.text("clientReqId")?)?;
    let at = fields.integer("at")?;
    let changes = read_list("changes", fields.array("changes")?, |value| {
        read_effect(codec, value)
    })?;
    Ok(Operation {
        rev,
        client_id,
        client_req_id,
        at,
        changes,
    })
}

/// Reads each of `items`, naming the place of a bad one.
pub(super) fn read_list<'de, T>(
    name: &str,
    items: Vec<Node<'de>>,
    read: impl Fn(Node<'de>) -> Result<T, Problem>,
) -> Result<Vec<T>, Problem> {
    let numbered = items.into_iter().enumerate();
    numbered
        .map(|(i, item)| read(item).map_err(|problem| problem.within(format_args!("{name}[{i}]"))))
        .collect()
}
