//! A JSON value's history as RFC 6902 patches: lines of `{"rev": 0, "ts", "state"}`, then `{"rev", "ts", "ops", "sha256", "bytes"}`,
//! last `{"final"}`; `sha256` and `bytes` are those of the state's canonical form.
//!
//! Each top-level entry is a record of the collection `entries`, its value in the field `value`. The entries of an object have its
//! keys for ids. Those of a list have ids of their own, given in the order of their creation, and a sortable key in the field `place`:
//! an entry that moves keeps its record, and no other changes. Below an entry, members of objects are `set` and `unset` (a member
//! that only changes its name is one `merge`), and arrays are edited with `splice`, as paths go through objects only: what changes
//! inside an element of an array replaces the element.

mod entries;

use revring_protocol::value::{Value, canonical};
use serde::Deserialize;
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

use self::entries::Entries;
use super::{Step, trial::Trial};

#[derive(Deserialize)]
struct Line {
    ts: Option<f64>,
    state: Option<Json>,
    ops: Option<Vec<Patch>>,
    sha256: Option<String>,
    bytes: Option<usize>,
    #[serde(rename = "final")]
    last: Option<Json>,
}

/// An operation of RFC 6902.
#[derive(Debug, Deserialize)]
#[serde(tag = "op", rename_all = "lowercase")]
enum Patch {
    Add { path: String, value: Json },
    Replace { path: String, value: Json },
    Remove { path: String },
    Move { from: String, path: String },
    Copy { from: String, path: String },
    Test { path: String, value: Json },
}

/// A history as it is converted, line by line.
pub(super) struct History {
    trial: Trial,
    entries: Option<Entries>,
    start: Option<f64>,
}

impl History {
    pub(super) fn new() -> Self {
        Self {
            trial: Trial::new(),
            entries: None,
            start: None,
        }
    }

    /// Takes the next line, and compares the state it leads to with what the line says of it.
    pub(super) fn line(&mut self, text: &str) -> Result<(), String> {
        let line: Line = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let at = line
            .ts
            .map(|ts| (ts - *self.start.get_or_insert(ts)).max(0.0));
        if let Some(state) = line.state {
            let (entries, changes) = Entries::new(state)?;
            self.entries = Some(entries);
            self.trial.take(at, &changes)?;
        }
        let entries = self.entries.as_mut().ok_or("the first line has no state")?;
        if let Some(patches) = line.ops {
            let mut changes = Vec::new();
            for patch in &patches {
                entries
                    .patch(patch, &mut changes)
                    .map_err(|problem| format!("{patch:?}: {problem}"))?;
            }
            self.trial.take(at, &changes)?;
        }
        let state = entries.state_of(self.trial.document())?;
        compare(&state, line.sha256.as_deref(), line.bytes)?;
        match line.last.map(Value::from_json).transpose() {
            Err(error) => Err(error.to_string()),
            Ok(Some(last)) if last != state => Err("the patches do not lead to final".to_owned()),
            Ok(_) => Ok(()),
        }
    }

    /// The updates of all lines.
    pub(super) fn steps(self) -> Vec<Step> {
        self.trial.steps
    }
}

fn compare(state: &Value, sha256: Option<&str>, bytes: Option<usize>) -> Result<(), String> {
    if sha256.is_none() && bytes.is_none() {
        return Ok(());
    }
    let text = canonical(state);
    if let Some(bytes) = bytes.filter(|bytes| *bytes != text.len()) {
        return Err(format!("the state has {} bytes, not {bytes}", text.len()));
    }
    let digest = Sha256::digest(text.as_bytes());
    let found: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    match sha256.filter(|expected| *expected != found) {
        Some(expected) => Err(format!("the state's sha256 is {found}, not {expected}")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn converted(state: &Json, ops: &Json, last: &Json) -> Result<Vec<Step>, String> {
        let mut history = History::new();
        history.line(&json!({"rev": 0, "ts": 100, "state": state}).to_string())?;
        history.line(&json!({"rev": 1, "ts": 107, "ops": ops}).to_string())?;
        history.line(&json!({"final": last}).to_string())?;
        Ok(history.steps())
    }

    /// The names of the changes that the second line is made of.
    fn names(state: &Json, ops: &Json, last: &Json) -> Vec<&'static str> {
        let steps = converted(state, ops, last).unwrap();
        assert_eq!(steps.last().unwrap().at, Some(7.0));
        let changes = steps.last().unwrap().changes.iter();
        changes.map(|change| change.edit.op()).collect()
    }

    #[test]
    fn entries_of_a_list_keep_their_records_when_they_move() {
        let ops = json!([
            {"op": "add", "path": "/1", "value": "n"},
            {"op": "move", "from": "/3", "path": "/0"},
            {"op": "remove", "path": "/1"},
            {"op": "replace", "path": "/0", "value": "C"},
            {"op": "copy", "from": "/0", "path": "/-"},
            {"op": "test", "path": "/1", "value": "n"},
        ]);
        let seen = names(&json!(["a", "b", "c"]), &ops, &json!(["C", "n", "b", "C"]));
        assert_eq!(seen, ["put", "set", "delete", "put", "put"]);
    }

    #[test]
    fn members_are_set_and_unset_and_renamed_in_one_change() {
        let ops = json!([
            {"op": "add", "path": "/k/x~1y", "value": null},
            {"op": "replace", "path": "/k/deep/a", "value": {"b": 1}},
            {"op": "remove", "path": "/k/old"},
            {"op": "move", "from": "/k/date", "path": "/k/created"},
            {"op": "move", "from": "/k/deep/a", "path": "/new"},
        ]);
        let state = json!({"k": {"deep": {"a": 0}, "old": [1], "date": "d"}});
        let last = json!({"k": {"deep": {}, "x/y": null, "created": "d"}, "new": {"b": 1}});
        assert_eq!(
            names(&state, &ops, &last),
            ["set", "set", "unset", "merge", "unset", "put"]
        );
    }

    #[test]
    fn arrays_below_an_entry_are_spliced() {
        let ops = json!([
            {"op": "add", "path": "/0/tags/1", "value": "n"},
            {"op": "remove", "path": "/0/tags/0"},
            {"op": "replace", "path": "/0/tags/0", "value": "N"},
            {"op": "replace", "path": "/0/tags/1/name", "value": "q"},
            {"op": "add", "path": "/0/tags/-", "value": 5},
        ]);
        let state = json!([{"tags": ["a", {"name": "p"}]}]);
        let last = json!([{"tags": ["N", {"name": "q"}, 5]}]);
        assert_eq!(names(&state, &ops, &last), ["splice"; 5]);
    }

    #[test]
    fn a_member_that_holds_null_is_renamed_without_losing_it() {
        let ops = json!([{"op": "move", "from": "/k/a", "path": "/k/b"}]);
        let state = json!({"k": {"a": {"x": null}}});
        assert_eq!(
            names(&state, &ops, &json!({"k": {"b": {"x": null}}})),
            ["unset", "set"]
        );
    }

    #[test]
    fn more_changes_than_an_update_may_have_become_several_updates() {
        let ops: Vec<Json> = (0..300)
            .map(|n| json!({"op": "add", "path": "/-", "value": n}))
            .collect();
        let last: Json = (0..300).collect();
        let steps = converted(&json!([]), &json!(ops), &last).unwrap();
        let lengths: Vec<usize> = steps.iter().map(|step| step.changes.len()).collect();
        assert_eq!(lengths, [256, 44]);
    }

    #[test]
    fn what_does_not_lead_where_the_history_says_is_an_error() {
        let state = json!([1]);
        let add = json!([{"op": "add", "path": "/1", "value": 2}]);
        assert!(
            converted(&state, &add, &json!([1, 3]))
                .unwrap_err()
                .contains("final")
        );
        for (op, expected) in [
            (json!({"op": "remove", "path": "/4"}), "Remove"),
            (json!({"op": "replace", "path": "", "value": 1}), "whole"),
            (json!({"op": "test", "path": "/0", "value": 2}), "Test"),
            (json!({"op": "add", "path": "/0/a", "value": 2}), "nothing"),
            (json!({"op": "add", "path": "0", "value": 2}), "Pointer"),
        ] {
            let error = converted(&state, &json!([op]), &state).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
        let mut history = History::new();
        history.line(r#"{"state": {"a": 1}}"#).unwrap();
        let hash = "21c08c41cc451d0b2def6b43d0b7d3d1e7fd2f8f17bdb3f3ad5b45f0f2c2e0a1";
        for (line, expected) in [
            (json!({"ops": [], "bytes": 8}), "7 bytes"),
            (json!({"ops": [], "sha256": hash}), "sha256"),
        ] {
            let error = history.line(&line.to_string()).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
        assert!(History::new().line(r#"{"ops": []}"#).is_err());
    }
}
