//! A value as it stands in the bytes of a message: only what is kept of it is copied.

use std::{borrow::Cow, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{Number, Object, Value, excerpt};

/// A value whose texts are those of its bytes, as far as they have no escapes.
#[derive(Debug)]
pub(crate) enum Node<'de> {
    Null,
    Bool(bool),
    Number(Number),
    String(Cow<'de, str>),
    Array(Vec<Self>),
    Object(Entries<'de>),
}

/// An object's entries, in the order they came. No key stands twice.
pub(crate) type Entries<'de> = Vec<(Cow<'de, str>, Node<'de>)>;

impl Node<'_> {
    /// What kind of value it is, with its article.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Null => Value::Null.kind(),
            Self::Bool(b) => Value::Bool(*b).kind(),
            Self::Number(n) => Value::Number(*n).kind(),
            Self::String(_) => Value::String(String::new()).kind(),
            Self::Array(_) => Value::Array(Vec::new()).kind(),
            Self::Object(_) => Value::Object(Object::new()).kind(),
        }
    }
}

impl From<Node<'_>> for Value {
    fn from(node: Node<'_>) -> Self {
        match node {
            Node::Null => Self::Null,
            Node::Bool(b) => Self::Bool(b),
            Node::Number(n) => Self::Number(n),
            Node::String(text) => Self::String(text.into_owned()),
            Node::Array(items) => Self::Array(items.into_iter().map(Self::from).collect()),
            Node::Object(entries) => Self::Object(entries.into()),
        }
    }
}

impl From<Entries<'_>> for Object {
    fn from(entries: Entries<'_>) -> Self {
        let entries = entries.into_iter();
        entries.map(|(key, node)| (key, node.into())).collect()
    }
}

/// Reads a value, refusing what the rules under V refuse.
#[derive(Clone, Copy)]
pub(crate) struct NodeSeed {
    levels: usize,
}

/// Items and entries that are made room for before they are seen.
const EXPECTED: usize = 16;

impl NodeSeed {
    /// A seed for a value that nests at most `levels` levels.
    pub(crate) fn new(levels: usize) -> Self {
        Self { levels }
    }

    fn inner<E: Error>(self) -> Result<Self, E> {
        match self.levels.checked_sub(1) {
            Some(levels) => Ok(Self { levels }),
            None => Err(E::custom("nested too deeply")),
        }
    }
}

impl<'de> DeserializeSeed<'de> for NodeSeed {
    type Value = Node<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

fn out_of_range<E: Error>(n: impl fmt::Display) -> E {
    E::custom(format_args!("the number {n} is outside ±(2^53 − 1)"))
}

impl<'de> Visitor<'de> for NodeSeed {
    type Value = Node<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Node<'de>, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E: Error>(self, b: bool) -> Result<Node<'de>, E> {
        Ok(Node::Bool(b))
    }

    fn visit_i64<E: Error>(self, n: i64) -> Result<Node<'de>, E> {
        Number::from_i64(n)
            .map(Node::Number)
            .ok_or_else(|| out_of_range(n))
    }

    fn visit_u64<E: Error>(self, n: u64) -> Result<Node<'de>, E> {
        Number::from_u64(n)
            .map(Node::Number)
            .ok_or_else(|| out_of_range(n))
    }

    fn visit_f64<E: Error>(self, x: f64) -> Result<Node<'de>, E> {
        Number::from_f64(x)
            .map(Node::Number)
            .ok_or_else(|| out_of_range(x))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Node<'de>, E> {
        Ok(Node::String(text.into()))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Node<'de>, E> {
        self.visit_string(text.to_owned())
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Node<'de>, E> {
        Ok(Node::String(text.into()))
    }

    fn visit_bytes<E: Error>(self, _: &[u8]) -> Result<Node<'de>, E> {
        Err(E::custom("binary data is not a JSON value"))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, _: D) -> Result<Node<'de>, D::Error> {
        Err(D::Error::custom("an extension type is not a JSON value"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node<'de>, A::Error> {
        let seed = self.inner()?;
        let mut items = Vec::with_capacity(seq.size_hint().unwrap_or_default().min(EXPECTED));
        while let Some(item) = seq.next_element_seed(seed)? {
            items.push(item);
        }
        Ok(Node::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node<'de>, A::Error> {
        let seed = self.inner()?;
        let mut entries = Vec::with_capacity(map.size_hint().unwrap_or_default().min(EXPECTED));
        while let Some(key) = map.next_key_seed(KeySeed)? {
            entries.push((key, map.next_value_seed(seed)?));
        }
        match twice(&entries) {
            None => Ok(Node::Object(entries)),
            Some(key) => Err(A::Error::custom(format_args!(
                "the key {:?} stands twice in one object",
                excerpt(key)
            ))),
        }
    }
}

/// A key that stands twice.
fn twice<'a>(entries: &'a Entries<'_>) -> Option<&'a str> {
    const FEW: usize = 8;
    if entries.len() <= FEW {
        let before = |n: usize, key: &str| entries[..n].iter().any(|(other, _)| other == key);
        let mut numbered = entries.iter().enumerate();
        return numbered.find_map(|(n, (key, _))| before(n, key).then_some(&**key));
    }
    let mut keys: Vec<&str> = entries.iter().map(|(key, _)| &**key).collect();
    keys.sort_unstable();
    keys.windows(2)
        .find_map(|pair| (pair[0] == pair[1]).then_some(pair[0]))
}

/// Reads a key, which must be a string in MessagePack too.
struct KeySeed;

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for KeySeed {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string as the key of an object")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(text.into())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Cow<'de, str>, E> {
        Ok(text.to_owned().into())
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Cow<'de, str>, E> {
        Ok(text.into())
    }
}
