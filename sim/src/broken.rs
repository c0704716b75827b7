//! What a run ends with when something does not hold.

use std::fmt;

/// Something that must hold and did not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{rule}: {found}")]
pub struct Broken {
    /// What must hold.
    pub rule: &'static str,
    /// What was found instead.
    pub found: String,
}

impl Broken {
    /// `rule` does not hold: `found`.
    #[must_use]
    pub fn new(rule: &'static str, found: impl fmt::Display) -> Self {
        Self {
            rule,
            found: found.to_string(),
        }
    }
}

/// What a step or check comes to.
pub type Checked<T = ()> = Result<T, Broken>;

/// Checks `holds`, and says with `found` what it is if not.
///
/// # Errors
/// When it does not hold.
pub fn ensure<D: fmt::Display>(
    holds: bool,
    rule: &'static str,
    found: impl FnOnce() -> D,
) -> Checked {
    if holds {
        Ok(())
    } else {
        Err(Broken::new(rule, found()))
    }
}
