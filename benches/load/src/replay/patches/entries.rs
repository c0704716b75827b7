//! The top-level entries of a JSON value, as records.

use std::slice;

use revring_protocol::{
    change::{Change, Edit, Sequence, Splice},
    document::Document,
    ids::{Collection, RecordId, RecordKey},
    value::{Object, Path, Value},
};
use serde_json::{Value as Json, json};

use super::{
    super::{
        place,
        pointer::{self, Action},
    },
    Patch,
};

const COLLECTION: &str = "entries";
const VALUE: &str = "value";
const PLACE: &str = "place";

/// The entries as the patches so far have left them.
pub(super) struct Entries {
    list: bool,
    entries: Vec<Entry>,
    /// Entries of a list that there ever were.
    created: usize,
}

#[derive(Clone)]
struct Entry {
    id: String,
    /// In a list: where.
    place: Option<String>,
    value: Json,
}

impl Entries {
    /// The entries of `state`, and the changes that create them.
    pub(super) fn new(state: Json) -> Result<(Self, Vec<Change>), String> {
        let list = state.is_array();
        let members: Vec<(String, Json)> = match state {
            Json::Array(items) => items
                .into_iter()
                .map(|item| ("-".to_owned(), item))
                .collect(),
            Json::Object(members) => members.into_iter().collect(),
            _ => return Err("the state is neither a list nor an object".to_owned()),
        };
        let mut entries = Self {
            list,
            entries: Vec::new(),
            created: 0,
        };
        let mut changes = Vec::new();
        for (token, value) in members {
            changes.push(entries.add(&token, value)?);
        }
        Ok((entries, changes))
    }

    /// Makes a patch, and appends the changes that it is.
    pub(super) fn patch(&mut self, patch: &Patch, changes: &mut Vec<Change>) -> Result<(), String> {
        match patch {
            Patch::Add { path, value } => {
                changes.push(self.edit(path, Action::Add(value.clone()))?);
            }
            Patch::Replace { path, value } => {
                changes.push(self.edit(path, Action::Replace(value.clone()))?);
            }
            Patch::Remove { path } => changes.push(self.edit(path, Action::Remove)?),
            Patch::Move { from, path } => changes.extend(self.relocate(from, path)?),
            Patch::Copy { from, path } => {
                let value = self.find(from)?.clone();
                changes.push(self.edit(path, Action::Add(value))?);
            }
            Patch::Test { path, value } if self.find(path)? != value => {
                return Err("the value there is another".to_owned());
            }
            Patch::Test { .. } => {}
        }
        Ok(())
    }

    /// The whole value, put together from the records of `document`.
    pub(super) fn state_of(&self, document: &Document) -> Result<Value, String> {
        let records = document
            .collections()
            .flat_map(|(_, records)| records.iter());
        let mut found = records
            .map(|(id, record)| {
                let data = record.data();
                let place = data.get(PLACE).and_then(Value::as_str).unwrap_or_default();
                let value = data
                    .get(VALUE)
                    .ok_or_else(|| format!("{id} has no value"))?;
                Ok((place, id.as_str(), value.clone()))
            })
            .collect::<Result<Vec<_>, String>>()?;
        found.sort_by(|a, b| a.0.cmp(b.0));
        Ok(if self.list {
            Value::Array(found.into_iter().map(|(_, _, value)| value).collect())
        } else {
            let members = found
                .into_iter()
                .map(|(_, id, value)| (id.to_owned(), value));
            Value::Object(members.collect())
        })
    }

    fn find(&self, path: &str) -> Result<&Json, String> {
        match &*pointer::tokens(path)? {
            [] => Err("the place is the whole value".to_owned()),
            [entry, rest @ ..] => pointer::find(&self.entries[self.index(entry)?].value, rest),
        }
    }

    fn edit(&mut self, path: &str, action: Action) -> Result<Change, String> {
        let tokens = pointer::tokens(path)?;
        match (&*tokens, action) {
            ([], _) => Err("the place is the whole value".to_owned()),
            ([entry], Action::Add(value)) => self.add(entry, value),
            ([entry], Action::Replace(value)) => {
                let index = self.index(entry)?;
                self.entries[index].value = value;
                self.entries[index].put()
            }
            ([entry], Action::Remove) => {
                let index = self.index(entry)?;
                self.entries.remove(index).change(Edit::Delete)
            }
            ([entry, rest @ ..], action) => {
                let index = self.index(entry)?;
                self.entries[index].edit(rest, action)
            }
        }
    }

    /// A move: of an entry of the list, of a member to another name, or else as a removal and an addition.
    fn relocate(&mut self, from: &str, path: &str) -> Result<Vec<Change>, String> {
        let (source, target) = (pointer::tokens(from)?, pointer::tokens(path)?);
        if let ([source], [target], true) = (&*source, &*target, self.list) {
            return self.move_entry(source, target).map(|change| vec![change]);
        }
        let value = self.find(from)?.clone();
        if let ([entry, old @ ..], [same, new @ ..]) = (&*source, &*target)
            && entry == same
        {
            let index = self.index(entry)?;
            if let Some(change) = self.entries[index].rename(old, new, &value)? {
                return Ok(vec![change]);
            }
        }
        Ok(vec![
            self.edit(from, Action::Remove)?,
            self.edit(path, Action::Add(value))?,
        ])
    }

    /// Creates an entry; one of an object that is there is replaced.
    fn add(&mut self, token: &str, value: Json) -> Result<Change, String> {
        if !self.list {
            if let Ok(index) = self.index(token) {
                self.entries[index].value = value;
                return self.entries[index].put();
            }
            self.entries.push(Entry {
                id: token.to_owned(),
                place: None,
                value,
            });
            return self.entries[self.entries.len() - 1].put();
        }
        let index = pointer::index(token, self.entries.len())?;
        let entry = Entry {
            id: self.created.to_string(),
            place: Some(self.place_at(index)),
            value,
        };
        self.created += 1;
        let change = entry.put();
        self.entries.insert(index, entry);
        change
    }

    fn move_entry(&mut self, from: &str, to: &str) -> Result<Change, String> {
        let index = self.index(from)?;
        let mut entry = self.entries.remove(index);
        let index = pointer::index(to, self.entries.len())?;
        let place = self.place_at(index);
        entry.place = Some(place.clone());
        let change = entry.change(Edit::Set {
            path: path([PLACE])?,
            value: Value::from(place),
        });
        self.entries.insert(index, entry);
        change
    }

    /// A key for an entry that is to stand at `index`.
    fn place_at(&self, index: usize) -> String {
        let place = |entry: &Entry| entry.place.clone();
        let before = index.checked_sub(1).and_then(|at| place(&self.entries[at]));
        let after = self.entries.get(index).and_then(place);
        place::between(before.as_deref(), after.as_deref())
    }

    fn index(&self, token: &str) -> Result<usize, String> {
        let found = if self.list {
            token.parse().ok().filter(|at| *at < self.entries.len())
        } else {
            self.entries.iter().position(|entry| entry.id == *token)
        };
        found.ok_or_else(|| format!("there is no entry {token}"))
    }
}

impl Entry {
    fn put(&self) -> Result<Change, String> {
        let mut data = Object::from([(VALUE.to_owned(), value(self.value.clone())?)]);
        if let Some(place) = &self.place {
            data.insert(PLACE.to_owned(), Value::from(&**place));
        }
        self.change(Edit::Put { data })
    }

    fn change(&self, edit: Edit) -> Result<Change, String> {
        let collection = Collection::new(COLLECTION).map_err(|error| error.to_string())?;
        let id = RecordId::new(&self.id).map_err(|error| error.to_string())?;
        Ok(Change {
            key: RecordKey { collection, id },
            if_version: None,
            edit,
        })
    }

    /// Edits below the entry's value.
    fn edit(&mut self, tokens: &[String], action: Action) -> Result<Change, String> {
        let edit = match self.first_array(tokens) {
            Some(depth) => self.splice(tokens, depth, action)?,
            None => {
                let path = path(within(tokens))?;
                pointer::edit(&mut self.value, tokens, action.clone())?;
                match action {
                    Action::Add(new) | Action::Replace(new) => Edit::Set {
                        path,
                        value: value(new)?,
                    },
                    Action::Remove => Edit::Unset { path },
                }
            }
        };
        self.change(edit)
    }

    /// How many of `tokens` lead to the first array on the way.
    fn first_array(&self, tokens: &[String]) -> Option<usize> {
        (0..tokens.len())
            .find(|depth| pointer::find(&self.value, &tokens[..*depth]).is_ok_and(Json::is_array))
    }

    /// Edits in the array at the first `depth` of `tokens`.
    fn splice(&mut self, tokens: &[String], depth: usize, action: Action) -> Result<Edit, String> {
        let (array, rest) = tokens.split_at(depth);
        let length = pointer::find(&self.value, array)?
            .as_array()
            .map_or(0, Vec::len);
        let at = pointer::index(&rest[0], length)?;
        let inserts = rest.len() == 1 && matches!(action, Action::Add(_));
        let removes = rest.len() == 1 && action == Action::Remove;
        pointer::edit(&mut self.value, tokens, action)?;
        let insert = if removes {
            Vec::new()
        } else {
            let element = pointer::find(&self.value, array)?.get(at);
            vec![value(element.cloned().unwrap_or_default())?]
        };
        Ok(Edit::Splice {
            path: path(within(array))?,
            splice: Splice {
                at,
                remove: usize::from(!inserts),
                insert: Sequence::Items(insert),
            },
        })
    }

    /// A member that only changes its name, as one merge patch. `None`: it is not one, or a merge patch would lose what is in it.
    fn rename(
        &mut self,
        from: &[String],
        to: &[String],
        value: &Json,
    ) -> Result<Option<Change>, String> {
        let ([parents @ .., old], [others @ .., new]) = (from, to) else {
            return Ok(None);
        };
        let parent = pointer::find(&self.value, parents)?;
        let free = parent
            .as_object()
            .is_some_and(|members| !members.contains_key(new));
        if parents != others || !free || has_null(value) || self.first_array(from).is_some() {
            return Ok(None);
        }
        let patch = json!({old: null, new: value});
        let patch = within(parents)
            .rev()
            .fold(patch, |inner, name| json!({name: inner}));
        pointer::edit(&mut self.value, from, Action::Remove)?;
        pointer::edit(&mut self.value, to, Action::Add(value.clone()))?;
        let Value::Object(data) = self::value(patch)? else {
            return Ok(None);
        };
        self.change(Edit::Merge { data }).map(Some)
    }
}

/// The tokens of a path below an entry's value, in its record.
fn within(tokens: &[String]) -> impl DoubleEndedIterator<Item = &str> {
    slice::from_ref(&VALUE)
        .iter()
        .copied()
        .chain(tokens.iter().map(String::as_str))
}

fn path<'a>(tokens: impl IntoIterator<Item = &'a str>) -> Result<Path, String> {
    Path::parse(&pointer::text(tokens)).map_err(|error| error.to_string())
}

fn value(value: Json) -> Result<Value, String> {
    Value::from_json(value).map_err(|error| error.to_string())
}

fn has_null(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::Array(_) | Json::Bool(_) | Json::Number(_) | Json::String(_) => false,
        Json::Object(members) => members.values().any(has_null),
    }
}
