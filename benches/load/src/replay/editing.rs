//! One text's history: the editing traces of `josephg/editing-traces`, as
//! `{"startContent", "endContent", "txns": [{"time", "patches": [[position, deleted, inserted]]}]}`.
//!
//! The text is the field `text` of one record, and each patch a `splice` there. Positions count Unicode code points in both.

use std::time::UNIX_EPOCH;

use revring_protocol::{
    change::{Change, Edit, Sequence, Splice},
    ids::{Collection, RecordId, RecordKey},
    value::{Object, Path, Value},
};
use serde::Deserialize;

use super::{Step, trial::Trial};

#[derive(Deserialize)]
struct Trace {
    #[serde(rename = "startContent")]
    start: String,
    #[serde(rename = "endContent")]
    end: String,
    txns: Vec<Transaction>,
}

#[derive(Deserialize)]
struct Transaction {
    time: Option<String>,
    patches: Vec<(usize, usize, String)>,
}

/// The updates of the trace in `text`, each tried on a room; the result is compared with the trace's own.
pub(super) fn steps(text: &str) -> Result<Vec<Step>, String> {
    let trace: Trace = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let named = |error: &dyn std::error::Error| error.to_string();
    let key = RecordKey {
        collection: Collection::new("text").map_err(|error| named(&error))?,
        id: RecordId::new("document").map_err(|error| named(&error))?,
    };
    let path = Path::parse("/text").map_err(|error| named(&error))?;
    let mut trial = Trial::new();
    let data = Object::from([("text".to_owned(), Value::from(trace.start))]);
    trial.take(Some(0.0), &[change(&key, Edit::Put { data })])?;
    let mut clock = Clock::default();
    for (index, transaction) in trace.txns.into_iter().enumerate() {
        let at = clock.at(transaction.time.as_deref());
        let splice = |(at, remove, insert): (usize, usize, String)| {
            let insert = Sequence::Text(insert);
            let splice = Splice { at, remove, insert };
            let path = path.clone();
            change(&key, Edit::Splice { path, splice })
        };
        let changes: Vec<Change> = transaction.patches.into_iter().map(splice).collect();
        trial
            .take(Some(at), &changes)
            .map_err(|problem| format!("transaction {index}: {problem}"))?;
    }
    let text = trial
        .document()
        .get(&key)
        .and_then(|record| path.find(record.data()));
    if text.and_then(Value::as_str) != Some(&trace.end) {
        return Err("the edits do not lead to endContent".to_owned());
    }
    Ok(trial.steps)
}

fn change(key: &RecordKey, edit: Edit) -> Change {
    Change {
        key: key.clone(),
        if_version: None,
        edit,
    }
}

/// Times of day to seconds from the start. The start is the first time after 1970, with which traces say that they do not know.
#[derive(Default)]
struct Clock {
    start: Option<f64>,
    last: f64,
}

impl Clock {
    fn at(&mut self, time: Option<&str>) -> f64 {
        let time = time
            .and_then(|text| humantime::parse_rfc3339_weak(text).ok())
            .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
            .map(|since| since.as_secs_f64())
            .filter(|seconds| *seconds > 0.0);
        if let Some(time) = time {
            let start = *self.start.get_or_insert(time);
            self.last = self.last.max(time - start);
        }
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(end: &str) -> String {
        format!(
            r#"{{"startContent": "a𝄞b", "endContent": "{end}", "txns": [
                {{"time": "1970-01-01T00:00:00.000Z", "patches": [[2, 0, "x"]]}},
                {{"time": "2020-10-18T07:27:11.000Z", "patches": [[1, 1, ""], [1, 0, "yz"]]}},
                {{"time": "2020-10-18T07:27:12.500Z", "patches": []}},
                {{"time": "2020-10-18T07:27:13.500Z", "patches": [[0, 1, ""]]}}
            ]}}"#
        )
    }

    #[test]
    fn positions_are_code_points_in_both_and_patches_follow_each_other() {
        let steps = steps(&trace("yzxb")).unwrap();
        let times: Vec<Option<f64>> = steps.iter().map(|step| step.at).collect();
        assert_eq!(times, [Some(0.0), Some(0.0), Some(0.0), Some(2.5)]);
        assert_eq!(steps[2].changes.len(), 2);
    }

    #[test]
    fn another_end_is_an_error() {
        let error = steps(&trace("yzx")).unwrap_err();
        assert!(error.contains("endContent"), "{error}");
    }

    #[test]
    fn an_edit_outside_the_text_is_named() {
        let error = steps(r#"{"startContent":"","endContent":"","txns":[{"patches":[[3,1,""]]}]}"#);
        assert!(error.unwrap_err().contains("transaction 0"));
    }
}
