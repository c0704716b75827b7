//! Sortable keys: an entry of a list is a record that carries one, and the list is its records in the order of their keys. A new
//! key is made between any two, so that an entry moves without the others being touched.

/// The digits of a key, in their order.
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Digits of a key at the end of a list, which counts up; a key between two others grows where it must.
const COUNTED: usize = 4;
/// Where a list begins: there is as much room before as after.
const FIRST: &str = "V001";

/// A key after `before` and before `after`, either of which may be missing: the list's start and end.
pub(super) fn between(before: Option<&str>, after: Option<&str>) -> String {
    match (before, after) {
        (None, None) => FIRST.to_owned(),
        (Some(last), None) => counted(last).unwrap_or_else(|| middle(last.as_bytes(), None)),
        (before, after) => middle(before.unwrap_or("").as_bytes(), after.map(str::as_bytes)),
    }
}

/// The next number after the one that a key begins with; one that ends in 0 is left out, as nothing sorts between a key and the same
/// key with a 0 behind it.
fn counted(key: &str) -> Option<String> {
    let base = DIGITS.len();
    let number = (0..COUNTED).try_fold(0, |number, at| {
        let digit = key
            .as_bytes()
            .get(at)
            .map_or(Some(0), |digit| value(*digit))?;
        Some(number * base + digit)
    })?;
    let mut next = number + 1;
    next += usize::from(next % base == 0);
    let mut digits = [0; COUNTED];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[next % base];
        next /= base;
    }
    (next == 0).then(|| digits.into_iter().map(char::from).collect())
}

/// The shortest key in the middle of two. As fractions: `before` is less, and `after` missing is 1.
fn middle(mut before: &[u8], mut after: Option<&[u8]>) -> String {
    let mut key = String::new();
    loop {
        let low = before.first().and_then(|digit| value(*digit)).unwrap_or(0);
        let high = match after {
            None => DIGITS.len(),
            Some(after) => after.first().and_then(|digit| value(*digit)).unwrap_or(0),
        };
        if high > low + 1 {
            key.push(char::from(DIGITS[(low + high).div_ceil(2)]));
            return key;
        }
        if high == low + 1 && after.is_some_and(|after| after.len() > 1) {
            key.push(char::from(DIGITS[high]));
            return key;
        }
        key.push(char::from(DIGITS[low]));
        before = before.get(1..).unwrap_or(&[]);
        after = if high == low {
            after.map(|after| after.get(1..).unwrap_or(&[]))
        } else {
            None
        };
        if before.is_empty() && after.is_some_and(<[u8]>::is_empty) {
            // The two are equal; what follows is after both.
            after = None;
        }
    }
}

fn value(digit: u8) -> Option<usize> {
    DIGITS.iter().position(|known| *known == digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A list in which entries are inserted where `choose` says.
    fn grown(entries: usize, choose: impl Fn(usize) -> usize) -> Vec<String> {
        let mut keys: Vec<String> = Vec::new();
        for length in 0..entries {
            let at = choose(length);
            let before = at.checked_sub(1).map(|before| keys[before].as_str());
            let key = between(before, keys.get(at).map(String::as_str));
            keys.insert(at, key);
        }
        keys
    }

    #[test]
    fn keys_stand_in_the_order_of_their_entries() {
        let ways: [fn(usize) -> usize; 5] = [
            |length| length,
            |_| 0,
            |length| length / 2,
            |length| length * 7919 % (length + 1),
            |length| length.saturating_sub(1),
        ];
        for (way, choose) in ways.into_iter().enumerate() {
            let keys = grown(500, choose);
            assert!(keys.is_sorted_by(|a, b| a < b), "way {way}");
        }
    }

    #[test]
    fn a_list_that_grows_at_its_end_keeps_its_keys_short() {
        let keys = grown(10_000, |length| length);
        assert!(keys.iter().all(|key| key.len() == COUNTED));
    }
}
