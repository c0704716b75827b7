//! Who may open which rooms: static tokens from the configuration.

use std::{collections::HashMap, fmt};

use revring_protocol::{ids::RoomName, limits};
use sha2::{Digest as _, Sha256};

/// What a token lets its holder do in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Access {
    /// See the room.
    Read,
    /// See and change the room.
    Write,
}

/// Why a room does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// No token, or one that nobody was given.
    #[error("a valid token is needed")]
    Unauthenticated,
    /// The token is for other rooms.
    #[error("the token does not open this room")]
    Forbidden,
}

/// One entry of `[[tokens]]`. It holds the token's digest, never the token.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenRule {
    digest: Sha256Digest,
    rooms: RoomPattern,
    access: Access,
}

type Sha256Digest = [u8; 32];

impl TokenRule {
    /// Lets whoever has `token` do `access` in the rooms that `rooms` names.
    ///
    /// # Errors
    /// Says what is wrong with the token (without naming it) or the pattern.
    pub fn new(token: &str, rooms: &str, access: Access) -> Result<Self, InvalidRule> {
        if !(1..=limits::TOKEN_BYTES).contains(&token.len()) {
            return Err(InvalidRule::Token);
        }
        Ok(Self {
            digest: digest(token),
            rooms: RoomPattern::new(rooms)?,
            access,
        })
    }

    /// The rooms it is for.
    #[must_use]
    pub fn rooms(&self) -> &RoomPattern {
        &self.rooms
    }

    /// What it allows there.
    #[must_use]
    pub fn access(&self) -> Access {
        self.access
    }
}

impl fmt::Debug for TokenRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenRule")
            .field("rooms", &self.rooms)
            .field("access", &self.access)
            .finish_non_exhaustive()
    }
}

/// Why an entry of `[[tokens]]` cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRule {
    /// The token is empty or too long.
    #[error("token must be 1 to {} bytes long", limits::TOKEN_BYTES)]
    Token,
    /// No room can match the pattern.
    #[error("rooms is {pattern:?}, which no room name can match: {problem}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// Why.
        problem: String,
    },
}

/// Names of rooms; `*` stands for any characters, or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomPattern(String);

impl RoomPattern {
    /// Takes `text` if some room's name can match it.
    ///
    /// # Errors
    /// Says why none can.
    pub fn new(text: &str) -> Result<Self, InvalidRule> {
        let literal = text.replace('*', "");
        // What stands between the stars must be (part of) a valid name; `*` alone matches every name.
        if text.is_empty() || !literal.is_empty() {
            RoomName::new(&literal).map_err(|problem| InvalidRule::Pattern {
                pattern: text.to_owned(),
                problem: problem.to_string(),
            })?;
        }
        Ok(Self(text.to_owned()))
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `room` is one of the rooms it names.
    #[must_use]
    pub fn matches(&self, room: &str) -> bool {
        let mut pieces = self.0.split('*');
        let first = pieces.next().unwrap_or_default();
        let Some(mut rest) = room.strip_prefix(first) else {
            return false;
        };
        let Some(last) = pieces.next_back() else {
            return rest.is_empty();
        };
        // Taking each piece at its first place leaves the most for those that follow.
        for piece in pieces {
            let Some((_, behind)) = rest.split_once(piece) else {
                return false;
            };
            rest = behind;
        }
        rest.ends_with(last)
    }
}

/// Answers who may do what in a room.
#[derive(Clone)]
pub struct Auth {
    rules: HashMap<Sha256Digest, Vec<(RoomPattern, Access)>>,
}

impl Auth {
    /// Goes by `rules`; without any, everyone may do everything (rule C-3).
    #[must_use]
    pub fn new(rules: &[TokenRule]) -> Self {
        let mut by_digest: HashMap<Sha256Digest, Vec<(RoomPattern, Access)>> = HashMap::new();
        for rule in rules {
            by_digest
                .entry(rule.digest)
                .or_default()
                .push((rule.rooms.clone(), rule.access));
        }
        Self { rules: by_digest }
    }

    /// Whether everyone may do everything.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.rules.is_empty()
    }

    /// What the holder of `token` may do in `room`: the most that any rule for the token allows.
    ///
    /// # Errors
    /// [`Denied`] when that is nothing.
    pub fn access(&self, token: Option<&str>, room: &RoomName) -> Result<Access, Denied> {
        if self.is_open() {
            return Ok(Access::Write);
        }
        // Digests are compared, so how long this takes tells nothing about the tokens.
        let grants = token.and_then(|token| self.rules.get(&digest(token)));
        let matching = grants
            .ok_or(Denied::Unauthenticated)?
            .iter()
            .filter(|(rooms, _)| rooms.matches(room.as_str()));
        matching
            .map(|(_, access)| *access)
            .max()
            .ok_or(Denied::Forbidden)
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth")
            .field("tokens", &self.rules.len())
            .finish_non_exhaustive()
    }
}

fn digest(token: &str) -> Sha256Digest {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(name: &str) -> RoomName {
        RoomName::new(name).unwrap()
    }

    #[test]
    fn a_star_stands_for_any_characters_or_none() {
        let cases = [
            ("board", "board", true),
            ("board", "board1", false),
            ("board", "aboard", false),
            ("*", "anything/at:all", true),
            ("team-*", "team-", true),
            ("team-*", "team-a/b", true),
            ("team-*", "tea", false),
            ("*-draft", "a-draft", true),
            ("*-draft", "a-drafts", false),
            ("a*b", "ab", true),
            ("a*b", "a", false),
            ("ab*ba", "aba", false),
            ("ab*ba", "abba", true),
            ("a*b*c", "a1b2c", true),
            ("a*b*c", "acb", false),
            ("a*bc*c", "abcbcc", true),
            ("a**b", "ab", true),
            ("*a*", "bab", true),
            ("*a*a*", "bab", false),
        ];
        for (pattern, name, expected) in cases {
            let matches = RoomPattern::new(pattern).unwrap().matches(name);
            assert_eq!(matches, expected, "{pattern} on {name}");
        }
    }

    #[test]
    fn a_pattern_that_no_room_can_match_is_refused() {
        for bad in ["", "team *", "räume-*", "a?"] {
            assert!(RoomPattern::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn c3_without_tokens_everyone_may_write() {
        let auth = Auth::new(&[]);
        assert_eq!(auth.access(None, &room("a")), Ok(Access::Write));
        assert_eq!(auth.access(Some("whatever"), &room("a")), Ok(Access::Write));
    }

    #[test]
    fn c3_a_missing_or_unknown_token_is_unauthenticated_and_another_rooms_is_forbidden() {
        let auth = Auth::new(&[TokenRule::new("alpha", "team-*", Access::Read).unwrap()]);
        assert_eq!(
            auth.access(None, &room("team-1")),
            Err(Denied::Unauthenticated)
        );
        assert_eq!(
            auth.access(Some(""), &room("team-1")),
            Err(Denied::Unauthenticated)
        );
        assert_eq!(
            auth.access(Some("Alpha"), &room("team-1")),
            Err(Denied::Unauthenticated)
        );
        assert_eq!(
            auth.access(Some("alpha"), &room("other")),
            Err(Denied::Forbidden)
        );
        assert_eq!(
            auth.access(Some("alpha"), &room("team-1")),
            Ok(Access::Read)
        );
    }

    #[test]
    fn c3_of_several_rules_for_a_token_the_most_generous_counts() {
        let rules = [
            TokenRule::new("alpha", "*", Access::Read).unwrap(),
            TokenRule::new("alpha", "mine", Access::Write).unwrap(),
            TokenRule::new("alpha", "m*", Access::Read).unwrap(),
        ];
        let auth = Auth::new(&rules);
        assert_eq!(auth.access(Some("alpha"), &room("mine")), Ok(Access::Write));
        assert_eq!(auth.access(Some("alpha"), &room("more")), Ok(Access::Read));
    }

    #[test]
    fn debug_forms_hide_tokens_and_their_digests() {
        let rule = TokenRule::new("open-sesame", "*", Access::Write).unwrap();
        let digest = format!("{:?}", digest("open-sesame"));
        let text = format!("{rule:?} {:?}", Auth::new(std::slice::from_ref(&rule)));
        assert!(
            !text.contains("sesame") && !text.contains(&digest[1..20]),
            "{text}"
        );
    }

    #[test]
    fn tokens_are_neither_empty_nor_longer_than_a_join_may_carry() {
        let long = "x".repeat(limits::TOKEN_BYTES + 1);
        for bad in ["", &long] {
            assert_eq!(
                TokenRule::new(bad, "*", Access::Read),
                Err(InvalidRule::Token)
            );
        }
    }
}
