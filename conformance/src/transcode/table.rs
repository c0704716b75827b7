//! Which entries of which messages are positional, and what stands where.

use serde_json::{Map, Value};

const OPERATION: [&str; 5] = ["rev", "clientId", "clientReqId", "at", "changes"];
const CHANGE: [&str; 4] = ["op", "collection", "id", "ifVersion"];
const EFFECT: [&str; 4] = ["op", "collection", "id", "version"];

/// The places behind those that all changes have.
fn places_of(op: &str) -> Option<&'static [&'static str]> {
    Some(match op {
        "put" | "merge" => &["data"],
        "set" => &["path", "value"],
        "unset" => &["path"],
        "delete" => &[],
        "add" => &["path", "by"],
        "splice" => &["path", "at", "remove", "insert"],
        _ => return None,
    })
}

/// `message` with its entries as arrays. What is not of the expected form stays as it is: bad input is sent on purpose.
pub(super) fn to_positional(message: &Value) -> Value {
    let mut message = message.clone();
    match message.get("type").and_then(Value::as_str) {
        Some("UPDATE") => each(&mut message, "changes", |change| {
            change_to_array(change, CHANGE)
        }),
        Some("SYNC.DELTAS") => each(&mut message, "ops", operation_to_array),
        _ => {}
    }
    message
}

fn each(holder: &mut Value, list: &str, write: impl Fn(&Value) -> Value) {
    if let Some(Value::Array(entries)) = holder.get_mut(list) {
        for entry in entries {
            if entry.is_object() {
                *entry = write(entry);
            }
        }
    }
}

fn operation_to_array(operation: &Value) -> Value {
    let mut operation = operation.clone();
    each(&mut operation, "changes", |change| {
        change_to_array(change, EFFECT)
    });
    to_array(&operation, &OPERATION)
}

fn change_to_array(change: &Value, first: [&'static str; 4]) -> Value {
    let op = change.get("op").and_then(Value::as_str).unwrap_or_default();
    let places = [&first, places_of(op).unwrap_or_default()].concat();
    to_array(change, &places)
}

/// The fields at `places`, as far as there are any, then all others.
fn to_array(entry: &Value, places: &[&str]) -> Value {
    let Some(fields) = entry.as_object() else {
        return entry.clone();
    };
    let others: Vec<_> = fields
        .iter()
        .filter(|(name, _)| !places.contains(&name.as_str()))
        .collect();
    let used = if others.is_empty() {
        places
            .iter()
            .rposition(|place| fields.contains_key(*place))
            .map_or(0, |last| last + 1)
    } else {
        places.len()
    };
    let known = places
        .iter()
        .take(used)
        .map(|place| fields.get(*place).cloned().unwrap_or(Value::Null));
    known
        .chain(others.into_iter().map(|(_, value)| value.clone()))
        .collect()
}

/// `message` with its entries as objects.
pub(super) fn to_named(mut message: Value) -> Result<Value, String> {
    match message.get("type").and_then(Value::as_str) {
        Some("UPDATE") => {
            read_each(&mut message, "changes", |entry| {
                change_to_object(entry, CHANGE)
            })?;
        }
        Some("SYNC.DELTAS") => read_each(&mut message, "ops", operation_to_object)?,
        _ => {}
    }
    Ok(message)
}

fn read_each(
    holder: &mut Value,
    list: &str,
    read: impl Fn(&Value) -> Result<Value, String>,
) -> Result<(), String> {
    let Some(Value::Array(entries)) = holder.get_mut(list) else {
        return Ok(());
    };
    for (i, entry) in entries.iter_mut().enumerate() {
        *entry = read(entry).map_err(|problem| format!("{list}[{i}] {problem}"))?;
    }
    Ok(())
}

fn operation_to_object(entry: &Value) -> Result<Value, String> {
    let mut operation = to_object(entry, &OPERATION)?;
    read_each(&mut operation, "changes", |change| {
        change_to_object(change, EFFECT)
    })?;
    Ok(operation)
}

fn change_to_object(entry: &Value, first: [&'static str; 4]) -> Result<Value, String> {
    let op = entry
        .get(0)
        .and_then(Value::as_str)
        .ok_or("does not begin with the name of an op")?;
    let places = places_of(op).ok_or_else(|| format!("has an unknown op {op:?}"))?;
    let mut change = to_object(entry, &[&first, places].concat())?;
    if let (true, Value::Object(fields)) = (op == "set", &mut change) {
        fields.entry("value").or_insert(Value::Null);
    }
    Ok(change)
}

fn to_object(entry: &Value, places: &[&str]) -> Result<Value, String> {
    let items = entry.as_array().ok_or("is not an array")?;
    let named = places.iter().zip(items).filter(|(_, item)| !item.is_null());
    let fields: Map<_, _> = named
        .map(|(place, item)| ((*place).to_owned(), item.clone()))
        .collect();
    Ok(Value::Object(fields))
}
