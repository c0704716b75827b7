//! The entries of a JSON object.

use std::{fmt, iter, ops::Index, slice, sync::Arc, vec};

use smol_str::SmolStr;

use super::Value;

/// An object's entries, in the order of their keys. Cloning is cheap: clones share the entries until one of them is changed.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Object(Arc<Vec<Entry>>);

/// A key: its text, which is stored in place when it is short, and cheap to clone.
pub type Key = SmolStr;
/// A key and its value.
pub type Entry = (Key, Value);

impl Object {
    /// An object without entries.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many entries it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value under `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        let place = self.place(key).ok()?;
        self.0.get(place).map(|(_, value)| value)
    }

    /// The value under `key`, to be changed.
    #[must_use]
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        let place = self.place(key).ok()?;
        Arc::make_mut(&mut self.0)
            .get_mut(place)
            .map(|(_, value)| value)
    }

    /// Whether there is a value under `key`.
    #[must_use]
    pub fn contains_key(&self, key: &str) -> bool {
        self.place(key).is_ok()
    }

    /// Puts `value` under `key`; yields what it takes the place of.
    pub fn insert(&mut self, key: impl AsRef<str> + Into<Key>, value: Value) -> Option<Value> {
        match self.get_mut(key.as_ref()) {
            Some(place) => Some(std::mem::replace(place, value)),
            None => {
                self.set(key, value);
                None
            }
        }
    }

    /// Puts `value` under `key`. What it takes the place of is not copied, unlike the other entries shared with a clone.
    pub(crate) fn set(&mut self, key: impl AsRef<str> + Into<Key>, value: Value) {
        match (self.place(key.as_ref()), Arc::get_mut(&mut self.0)) {
            (Ok(place), Some(entries)) => entries[place].1 = value,
            (Ok(place), None) => {
                let mut entries = Vec::with_capacity(self.len());
                entries.extend_from_slice(&self.0[..place]);
                entries.push((key.into(), value));
                entries.extend_from_slice(&self.0[place + 1..]);
                self.0 = Arc::new(entries);
            }
            (Err(place), _) => Arc::make_mut(&mut self.0).insert(place, (key.into(), value)),
        }
    }

    /// Removes the value under `key`.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        let place = self.place(key).ok()?;
        Some(Arc::make_mut(&mut self.0).remove(place).1)
    }

    /// Keeps the entries for which `keep` holds.
    pub fn retain(&mut self, mut keep: impl FnMut(&str, &Value) -> bool) {
        Arc::make_mut(&mut self.0).retain(|(key, value)| keep(key, value));
    }

    /// Its entries, in the order of their keys.
    pub fn iter(&self) -> Iter<'_> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    /// Its keys in order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &Key> {
        self.0.iter().map(|(key, _)| key)
    }

    /// Its values, in the order of their keys.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &Value> {
        self.0.iter().map(|(_, value)| value)
    }

    fn place(&self, key: &str) -> Result<usize, usize> {
        self.0
            .binary_search_by(|(other, _)| other.as_str().cmp(key))
    }
}

/// The entries of an [`Object`] by reference.
pub type Iter<'a> = iter::Map<slice::Iter<'a, Entry>, fn(&'a Entry) -> (&'a Key, &'a Value)>;

impl<'a> IntoIterator for &'a Object {
    type Item = (&'a Key, &'a Value);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl IntoIterator for Object {
    type Item = Entry;
    type IntoIter = vec::IntoIter<Entry>;

    fn into_iter(self) -> Self::IntoIter {
        Arc::unwrap_or_clone(self.0).into_iter()
    }
}

impl<K: Into<Key>> Extend<(K, Value)> for Object {
    fn extend<T: IntoIterator<Item = (K, Value)>>(&mut self, entries: T) {
        let all = Arc::make_mut(&mut self.0);
        all.extend(entries.into_iter().map(|(key, value)| (key.into(), value)));
        if all.is_sorted_by(|(a, _), (b, _)| a < b) {
            return;
        }
        all.sort_by(|(a, _), (b, _)| a.cmp(b));
        // The last of those with the same key counts.
        all.dedup_by(|later, earlier| {
            let same = later.0 == earlier.0;
            if same {
                std::mem::swap(later, earlier);
            }
            same
        });
    }
}

impl<K: Into<Key>> FromIterator<(K, Value)> for Object {
    fn from_iter<T: IntoIterator<Item = (K, Value)>>(entries: T) -> Self {
        let mut object = Self::new();
        object.extend(entries);
        object
    }
}

impl<K: Into<Key>, const N: usize> From<[(K, Value); N]> for Object {
    fn from(entries: [(K, Value); N]) -> Self {
        entries.into_iter().collect()
    }
}

impl Index<&str> for Object {
    type Output = Value;

    /// The value under `key`; null when there is none.
    fn index(&self, key: &str) -> &Value {
        self.get(key).unwrap_or(&Value::Null)
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self).finish()
    }
}
