//! Concurrent splices at random (rules S-3 to S-5), settled by a room.

use revring_protocol::{
    change::{Sequence, Splice},
    value::{Value, canonical},
};

use super::{
    Line,
    settle::{settle, written},
};

/// Random cases; the number of a case is its seed.
const CASES: u64 = 300;

/// Of one byte of UTF-8 to four, of one UTF-16 unit or two, alone or combined with what stands beside.
const CHARACTERS: &[char] = &[
    'a', 'b', 'c', 'd', 'é', 'e', '\u{301}', '字', '😀', '👩', '\u{200d}', '💻', '🇩', '𝒳',
    '\u{fe0f}',
];

/// Numbers that look random and are the same for the same seed (SplitMix64).
struct Dice(u64);

impl Dice {
    /// A number below `bound`.
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let bound = u64::try_from(bound).unwrap();
        usize::try_from((z ^ (z >> 31)) % bound).unwrap()
    }

    fn text(&mut self, length: usize) -> Sequence {
        let character = |_| CHARACTERS[self.below(CHARACTERS.len())];
        Sequence::Text((0..length).map(character).collect())
    }

    fn items(&mut self, length: usize) -> Sequence {
        let item = |_| match self.below(6) {
            0 => Value::Null,
            1 => Value::Array(vec![Value::from("😀")]),
            2 => Value::from("é"),
            _ => Value::from(u32::try_from(self.below(100)).unwrap()),
        };
        Sequence::Items((0..length).map(item).collect())
    }

    /// As many splices as asked for, the first on a sequence of `length`, each next one on the result.
    fn splices(&mut self, number: usize, length: usize, is_text: bool) -> Vec<Splice> {
        let mut length = length;
        let splice = |_| {
            // Typing, deleting, replacing, and now and then nothing at all.
            let (inserts, removes) = match self.below(10) {
                0 => (false, false),
                1..=4 => (true, false),
                5..=7 => (false, true),
                _ => (true, true),
            };
            let inserted = usize::from(inserts) * (1 + self.below(3));
            let at = self.below(length + usize::from(!removes || length == 0));
            let remove = usize::from(removes) * (1 + self.below(6)).min(length - at);
            let insert = if is_text {
                self.text(inserted)
            } else {
                self.items(inserted)
            };
            length = length - remove + inserted;
            Splice { at, remove, insert }
        };
        (0..number).map(splice).collect()
    }
}

fn line(seed: u64) -> Line {
    let mut dice = Dice(seed);
    let is_text = !seed.is_multiple_of(3);
    let length = dice.below(13);
    let value = if is_text {
        dice.text(length)
    } else {
        dice.items(length)
    };
    let value = match value {
        Sequence::Text(text) => Value::String(text),
        Sequence::Items(items) => Value::Array(items),
    };
    let number = 1 + dice.below(4);
    let theirs = dice.splices(number, length, is_text);
    let number = 1 + dice.below(3);
    let own = dice.splices(number, length, is_text);
    let (moved, result) = settle(value.clone(), &theirs, &own);
    let kind = if is_text { "text" } else { "array" };
    Line::new()
        .text("name", &format!("{kind}, seed {seed}"))
        .raw("value", &canonical(&value))
        .raw("theirs", &written(&theirs))
        .raw("own", &written(&own))
        .raw("moved", &written(&moved))
        .raw("result", &canonical(&result))
}

pub(crate) fn lines() -> Vec<Line> {
    (1..=CASES).map(line).collect()
}
