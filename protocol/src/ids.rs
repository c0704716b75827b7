//! Names and numbers that identify things: [`Rev`], [`Epoch`], [`RoomName`], [`ClientId`] and their kin.

use std::{borrow::Borrow, fmt, sync::Arc};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use smol_str::SmolStr;

use crate::limits;

/// A revision: the number of an operation in its room; 0 stands before the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Rev(u64);

impl Rev {
    /// The revision of an empty room.
    pub const ZERO: Self = Self(0);

    /// The revision numbered `n`.
    #[must_use]
    pub const fn new(n: u64) -> Self {
        Self(n)
    }

    /// Its number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The one after this.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// How many revisions lie in (`earlier`, `self`]; 0 when `earlier` is not earlier.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Rev {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Server time in milliseconds since the Unix epoch.
pub type Millis = u64;

/// A text that is not a valid name, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {problem}")]
pub struct InvalidName {
    what: &'static str,
    problem: String,
}

fn check(
    what: &'static str,
    text: &str,
    bytes: std::ops::RangeInclusive<usize>,
    allowed: fn(char) -> bool,
    rule: &str,
) -> Result<(), InvalidName> {
    if !bytes.contains(&text.len()) {
        let (least, most) = bytes.into_inner();
        let problem = format!("must be {least} to {most} bytes long, not {}", text.len());
        return Err(InvalidName { what, problem });
    }
    if let Some(bad) = text.chars().find(|c| !allowed(*c)) {
        let problem = format!("must be of {rule}; {bad:?} is not");
        return Err(InvalidName { what, problem });
    }
    Ok(())
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident($text:ty), $what:literal, $bytes:expr, $allowed:expr, $rule:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        #[serde(transparent)]
        pub struct $name($text);

        impl $name {
            /// Takes `text` if it is valid.
            ///
            /// # Errors
            /// Says which rule of SPEC.md (N) the text breaks.
            pub fn new(text: &str) -> Result<Self, InvalidName> {
                check($what, text, $bytes, $allowed, $rule)?;
                Ok(Self(text.into()))
            }

            /// Its text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                Self::new(text)
            }
        }
    };
}

macro_rules! shown {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    )*};
}

text_id!(
    /// A room's name (rule N-1).
    RoomName(Arc<str>), "room", 1..=limits::ROOM_NAME_BYTES,
    |c| c.is_ascii_alphanumeric() || "-_.:~@/".contains(c), "A-Z a-z 0-9 - _ . : ~ @ /"
);
text_id!(
    /// The life of a room's revision line: opaque, never reused.
    Epoch(Arc<str>), "epoch", 1..=limits::EPOCH_BYTES, |c| c.is_ascii_graphic(), "printable ASCII"
);
text_id!(
    /// A client's secret: whoever has it is that client (rule N-2). Its `Debug` form hides it.
    ClientKey(Arc<str>), "clientKey", limits::CLIENT_KEY_MIN_BYTES..=limits::CLIENT_KEY_MAX_BYTES,
    |c| c.is_ascii_graphic(), "printable ASCII"
);
text_id!(
    /// A client's public name, made from its key (rule N-2).
    ClientId(SmolStr), "clientId", limits::CLIENT_ID_CHARS..=limits::CLIENT_ID_CHARS,
    |c| c.is_ascii_alphanumeric() || "-_".contains(c), "A-Z a-z 0-9 - _"
);
text_id!(
    /// A client's own name for one of its updates, never used for another.
    ClientReqId(SmolStr), "clientReqId", 1..=limits::CLIENT_REQ_ID_BYTES, |c| c.is_ascii_graphic(), "printable ASCII"
);
text_id!(
    /// A collection of records.
    Collection(SmolStr), "collection", 1..=limits::COLLECTION_BYTES, |c| !c.is_control(), "characters other than controls"
);
text_id!(
    /// A record's id, unique in its collection.
    RecordId(SmolStr), "id", 1..=limits::RECORD_ID_BYTES, |c| !c.is_control(), "characters other than controls"
);
shown!(RoomName, Epoch, ClientId, ClientReqId, Collection, RecordId);

impl fmt::Debug for ClientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientKey(…)")
    }
}

impl ClientKey {
    /// The key made of 32 random bytes.
    #[must_use]
    pub fn from_random(bytes: [u8; 32]) -> Self {
        Self(URL_SAFE_NO_PAD.encode(bytes).into())
    }

    /// The public id of this key's client: the first 16 characters of base64url(SHA-256(key)).
    #[must_use]
    pub fn client_id(&self) -> ClientId {
        let digest = Sha256::digest(self.0.as_bytes());
        let mut text = URL_SAFE_NO_PAD.encode(digest);
        text.truncate(limits::CLIENT_ID_CHARS);
        ClientId(text.into())
    }
}

impl Epoch {
    /// The epoch made of 12 random bytes.
    #[must_use]
    pub fn from_random(bytes: [u8; 12]) -> Self {
        Self(URL_SAFE_NO_PAD.encode(bytes).into())
    }
}

/// Which record: collection and id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordKey {
    /// The collection.
    pub collection: Collection,
    /// The id in it.
    pub id: RecordId,
}

impl fmt::Display for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.collection, self.id)
    }
}
