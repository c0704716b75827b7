//! Numbers that mean the same in every codec and client (rule V-1).

use std::{cmp::Ordering, fmt};

use crate::limits::MAX_SAFE_INTEGER;

/// An integer within ±(2^53 − 1) or a finite double that is not integral; each number has one form.
#[derive(Clone, Copy, PartialEq)]
pub struct Number(Repr);

#[derive(Clone, Copy, PartialEq)]
enum Repr {
    Int(i64),
    Float(f64),
}

impl Number {
    /// The integer `n`, unless it is out of range.
    #[must_use]
    pub fn from_i64(n: i64) -> Option<Self> {
        (-MAX_SAFE_INTEGER..=MAX_SAFE_INTEGER)
            .contains(&n)
            .then_some(Self(Repr::Int(n)))
    }

    /// The integer `n`, unless it is out of range.
    #[must_use]
    pub fn from_u64(n: u64) -> Option<Self> {
        i64::try_from(n).ok().and_then(Self::from_i64)
    }

    /// The number `x`, unless it is NaN, infinite or larger than 2^53 − 1 in magnitude.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "the range is checked, 2^53 is exact"
    )]
    pub fn from_f64(x: f64) -> Option<Self> {
        if !x.is_finite() || x.abs() > MAX_SAFE_INTEGER as f64 {
            return None;
        }
        Some(Self(if x.fract() == 0.0 {
            Repr::Int(x as i64)
        } else {
            Repr::Float(x)
        }))
    }

    /// Its value if it is an integer.
    #[must_use]
    pub fn as_i64(self) -> Option<i64> {
        match self.0 {
            Repr::Int(n) => Some(n),
            Repr::Float(_) => None,
        }
    }

    /// Its value if it is an integer and not negative.
    #[must_use]
    pub fn as_u64(self) -> Option<u64> {
        self.as_i64().and_then(|n| u64::try_from(n).ok())
    }

    /// Its value as a double, which is always exact.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "|n| is below 2^53")]
    pub fn as_f64(self) -> f64 {
        match self.0 {
            Repr::Int(n) => n as f64,
            Repr::Float(x) => x,
        }
    }

    /// The sum, exact for integers; `None` when it is out of range.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        match (self.0, other.0) {
            (Repr::Int(a), Repr::Int(b)) => a.checked_add(b).and_then(Self::from_i64),
            _ => Self::from_f64(self.as_f64() + other.as_f64()),
        }
    }
}

impl Eq for Number {}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_f64().total_cmp(&other.as_f64())
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Repr::Int(n) => n.fmt(f),
            Repr::Float(x) => f.write_str(ryu_js::Buffer::new().format_finite(x)),
        }
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

macro_rules! from_small {
    ($($small:ty),*) => {$(
        impl From<$small> for Number {
            fn from(n: $small) -> Self {
                Self(Repr::Int(i64::from(n)))
            }
        }
    )*};
}

from_small!(i8, i16, i32, u8, u16, u32);
