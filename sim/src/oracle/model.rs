//! A document of its own making: SPEC.md's section D once more, in the simplest way.

use std::{borrow::Cow, collections::BTreeMap, hash::Hasher as _};

use revring_protocol::{
    change::{Edit, Effect, Operation, Sequence, Splice},
    document::Document,
    ids::{Millis, RecordKey},
    value::{Number, Object, Path, Value, canonical},
};
use twox_hash::XxHash64;

use crate::broken::{Broken, Checked, ensure};

/// A record.
#[derive(Debug, Clone, PartialEq)]
struct Entry {
    version: u64,
    created_at: Millis,
    updated_at: Millis,
    data: Object,
}

/// Records, and the versions of those that were deleted.
#[derive(Debug, Clone, Default)]
pub(super) struct Model {
    records: BTreeMap<RecordKey, Entry>,
    deleted: BTreeMap<RecordKey, u64>,
    sum: u64,
}

impl Model {
    /// The checksum (rule D-8).
    #[must_use]
    pub(super) fn checksum(&self) -> String {
        format!("{:016x}", self.sum)
    }

    /// Applies an operation.
    ///
    /// # Errors
    /// When its effects do not fit, or do not have the versions they must (rule D-4).
    pub(super) fn apply(&mut self, operation: &Operation) -> Checked {
        let mut touched: BTreeMap<RecordKey, u64> = BTreeMap::new();
        for effect in &operation.changes {
            let version = match touched.get(&effect.key) {
                Some(version) => *version,
                None => self.version(&effect.key) + 1,
            };
            ensure(
                effect.version == version,
                "a version grows by one for each operation that changes a record",
                || format!("{operation:?} has {}, not {version}", effect.version),
            )?;
            touched.insert(effect.key.clone(), version);
            self.effect(effect, operation.at)
                .ok_or_else(|| Broken::new("an effect fits the state", format!("{operation:?}")))?;
        }
        Ok(())
    }

    /// Checks that `document` has the same records.
    ///
    /// # Errors
    /// Names the first that differs.
    pub(super) fn check_same(&self, document: &Document) -> Checked {
        const RULE: &str = "a state is its operations, applied in order";
        ensure(document.len() == self.records.len(), RULE, || {
            format!("{} records, not {}", document.len(), self.records.len())
        })?;
        for (key, entry) in &self.records {
            let same = document.get(key).is_some_and(|record| {
                (record.version(), record.created_at(), record.updated_at())
                    == (entry.version, entry.created_at, entry.updated_at)
                    && *record.data() == entry.data
            });
            ensure(same, RULE, || {
                format!("{key} is {:?}, not {entry:?}", document.get(key))
            })?;
        }
        ensure(document.checksum() == self.checksum(), RULE, || {
            format!("checksum {}, not {}", document.checksum(), self.checksum())
        })
    }

    fn version(&self, key: &RecordKey) -> u64 {
        let deleted = || self.deleted.get(key).copied().unwrap_or(0);
        self.records
            .get(key)
            .map_or_else(deleted, |entry| entry.version)
    }

    fn put(&mut self, key: RecordKey, entry: Entry) {
        self.remove(&key);
        self.sum = self.sum.wrapping_add(hash(&key, &entry));
        self.records.insert(key, entry);
    }

    fn remove(&mut self, key: &RecordKey) -> Option<Entry> {
        let old = self.records.remove(key)?;
        self.sum = self.sum.wrapping_sub(hash(key, &old));
        Some(old)
    }

    fn effect(&mut self, effect: &Effect, at: Millis) -> Option<()> {
        let Effect { key, version, edit } = effect;
        let old = self.remove(key);
        let created_at = old.as_ref().map_or(at, |old| old.created_at);
        let data = match edit {
            Edit::Put { data } => data.clone(),
            Edit::Delete => {
                old?;
                self.deleted.insert(key.clone(), *version);
                return Some(());
            }
            edit => {
                let mut data = old?.data;
                change(&mut data, edit)?;
                data
            }
        };
        let entry = Entry {
            version: *version,
            created_at,
            updated_at: at,
            data,
        };
        self.put(key.clone(), entry);
        Some(())
    }
}

fn change(data: &mut Object, edit: &Edit) -> Option<()> {
    match edit {
        Edit::Merge { data: patch } => merge(data, patch),
        Edit::Set { path, value } => {
            let (parent, last) = parent(data, path)?;
            parent.insert(last, value.clone());
        }
        Edit::Unset { path } => {
            let (parent, last) = parent(data, path)?;
            parent.remove(&last);
        }
        Edit::Splice { path, splice } => {
            let (parent, last) = parent(data, path)?;
            cut(parent.get_mut(&last)?, splice)?;
        }
        // Never an effect.
        Edit::Add { .. } => return None,
        Edit::Put { .. } | Edit::Delete => {}
    }
    Some(())
}

fn merge(target: &mut Object, patch: &Object) {
    for (name, value) in patch {
        match value {
            Value::Null => {
                target.remove(name);
            }
            Value::Object(inner) => {
                let mut field = match target.remove(name) {
                    Some(Value::Object(field)) => field,
                    _ => Object::new(),
                };
                merge(&mut field, inner);
                target.insert(name.clone(), Value::Object(field));
            }
            value => {
                target.insert(name.clone(), value.clone());
            }
        }
    }
}

fn parent<'a>(data: &'a mut Object, path: &Path) -> Option<(&'a mut Object, String)> {
    let mut above: Vec<String> = path.tokens().map(Cow::into_owned).collect();
    let last = above.pop()?;
    let mut object = data;
    for token in above {
        let Value::Object(next) = object.get_mut(&token)? else {
            return None;
        };
        object = next;
    }
    Some((object, last))
}

fn cut(value: &mut Value, splice: &Splice) -> Option<()> {
    let end = splice.at.checked_add(splice.remove)?;
    match (value, &splice.insert) {
        (Value::String(text), Sequence::Text(insert)) => {
            let points: Vec<char> = text.chars().collect();
            let (left, right) = (points.get(..splice.at)?, points.get(end..)?);
            *text = left
                .iter()
                .copied()
                .chain(insert.chars())
                .chain(right.iter().copied())
                .collect();
        }
        (Value::Array(items), Sequence::Items(insert)) => {
            let (left, right) = (items.get(..splice.at)?, items.get(end..)?);
            *items = [left, insert, right].concat();
        }
        _ => return None,
    }
    Some(())
}

fn hash(key: &RecordKey, entry: &Entry) -> u64 {
    let number = |n: u64| Number::from_u64(n).map_or(Value::Null, Value::Number);
    let fields = Value::Array(vec![
        Value::String(key.collection.as_str().to_owned()),
        Value::String(key.id.as_str().to_owned()),
        number(entry.version),
        number(entry.created_at),
        number(entry.updated_at),
        Value::Object(entry.data.clone()),
    ]);
    let mut hash = XxHash64::with_seed(0);
    hash.write(canonical(&fields).as_bytes());
    hash.finish()
}
