//! Yjs updates in their first encoding, as far as clients need them that set keys of one map to texts.

use std::collections::BTreeMap;

/// The map that all write to.
const MAP: &[u8] = b"record";

// Kinds of an item's content, in the lower five bits of its first byte.
const COLLECTED: u8 = 0;
const DELETED: u8 = 1;
const ANY: u8 = 8;
const SKIPPED: u8 = 10;
const KIND: u8 = 0x1f;
// What else that byte tells: the item names the one before it, the one behind it, a key of its parent.
const HAS_ORIGIN: u8 = 0x80;
const HAS_RIGHT_ORIGIN: u8 = 0x40;
const HAS_KEY: u8 = 0x20;
/// A value of any type that is a text.
const TEXT: u8 = 119;

/// Appends `number` in groups of seven bits, the lowest first.
pub(super) fn push_number(bytes: &mut Vec<u8>, mut number: u64) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            bytes.push(low & 0x7f);
            return;
        }
        bytes.push(low | 0x80);
    }
}

/// Appends `text` behind its length.
pub(super) fn push_text(bytes: &mut Vec<u8>, text: &[u8]) {
    push_number(bytes, text.len() as u64);
    bytes.extend_from_slice(text);
}

/// Appends the update by which `client` sets `key` to `value` as its change number `clock`, counted from 0; the one before set the
/// same key, and what it set is deleted with this.
pub(super) fn push_set(bytes: &mut Vec<u8>, client: u64, clock: u64, key: &[u8], value: &[u8]) {
    // One client with one item.
    bytes.extend_from_slice(&[1, 1]);
    push_number(bytes, client);
    push_number(bytes, clock);
    if let Some(before) = clock.checked_sub(1) {
        // Where it belongs follows from the item before.
        bytes.push(ANY | HAS_KEY | HAS_ORIGIN);
        push_number(bytes, client);
        push_number(bytes, before);
    } else {
        // The parent is named.
        bytes.extend_from_slice(&[ANY | HAS_KEY, 1]);
        push_text(bytes, MAP);
        push_text(bytes, key);
    }
    bytes.extend_from_slice(&[1, TEXT]);
    push_text(bytes, value);
    match clock.checked_sub(1) {
        Some(before) => {
            bytes.push(1);
            push_number(bytes, client);
            bytes.push(1);
            push_number(bytes, before);
            bytes.push(1);
        }
        None => bytes.push(0),
    }
}

/// Brings `clocks`, how far each client's changes are known, up to what `update` has, and yields how many items those are. `None`: it
/// has something that no client here writes.
pub(super) fn advance(clocks: &mut BTreeMap<u64, u64>, update: &[u8]) -> Option<u64> {
    let (clients, mut rest) = number(update)?;
    let mut all = 0;
    for _ in 0..clients {
        let items;
        let client;
        let mut clock;
        (items, rest) = number(rest)?;
        (client, rest) = number(rest)?;
        (clock, rest) = number(rest)?;
        for _ in 0..items {
            let length;
            (length, rest) = item(rest)?;
            clock += length;
        }
        let known = clocks.entry(client).or_default();
        *known = clock.max(*known);
        all += items;
    }
    Some(all)
}

/// Appends `clocks` as they are asked for what follows them.
pub(super) fn push_clocks(bytes: &mut Vec<u8>, clocks: &BTreeMap<u64, u64>) {
    push_number(bytes, clocks.len() as u64);
    for (client, clock) in clocks {
        push_number(bytes, *client);
        push_number(bytes, *clock);
    }
}

/// The number that `bytes` begin with, and what follows.
pub(super) fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0_u64;
    for (index, byte) in bytes.iter().enumerate().take(9) {
        number |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Some((number, &bytes[index + 1..]));
        }
    }
    None
}

/// The bytes behind their length that `bytes` begin with, and what follows.
pub(super) fn text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = number(bytes)?;
    rest.split_at_checked(usize::try_from(length).ok()?)
}

/// How many changes the item stands for that `bytes` begin with, and what follows it.
fn item(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (head, mut rest) = bytes.split_first()?;
    let kind = head & KIND;
    if kind == COLLECTED || kind == SKIPPED {
        return number(rest);
    }
    let neighbours = [HAS_ORIGIN, HAS_RIGHT_ORIGIN].map(|bit| head & bit != 0);
    for _ in neighbours.iter().filter(|named| **named) {
        (_, rest) = number(rest)?;
        (_, rest) = number(rest)?;
    }
    if neighbours == [false, false] {
        let named;
        (named, rest) = number(rest)?;
        if named == 1 {
            (_, rest) = text(rest)?;
        } else {
            (_, rest) = number(rest)?;
            (_, rest) = number(rest)?;
        }
        if head & HAS_KEY != 0 {
            (_, rest) = text(rest)?;
        }
    }
    let length;
    (length, rest) = number(rest)?;
    match kind {
        DELETED => {}
        ANY => {
            for _ in 0..length {
                rest = rest.strip_prefix(&[TEXT])?;
                (_, rest) = text(rest)?;
            }
        }
        _ => return None,
    }
    Some((length, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: u64 = 3_000_000_007;

    /// What Yjs 13.6.33 makes of `map.set("w0", "first")`, then `"second"`, and `"n199"` as change 201.
    const BY_YJS: [(u64, &str, &str); 3] = [
        (
            0,
            "first",
            "010187bcc1960b002801067265636f7264027730017705666972737400",
        ),
        (
            1,
            "second",
            "010187bcc1960b01a887bcc1960b000177067365636f6e640187bcc1960b010001",
        ),
        (
            201,
            "n199",
            "010187bcc1960bc901a887bcc1960bc8010177046e3139390187bcc1960b01c80101",
        ),
    ];

    fn hexadecimal(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn updates_are_those_that_yjs_makes() {
        for (clock, value, expected) in BY_YJS {
            let mut bytes = Vec::new();
            push_set(&mut bytes, CLIENT, clock, b"w0", value.as_bytes());
            assert_eq!(hexadecimal(&bytes), expected, "{value}");
        }
    }

    #[test]
    fn updates_tell_how_far_their_clients_are() {
        let mut clocks = BTreeMap::new();
        for clock in [0, 1, 2] {
            let mut bytes = Vec::new();
            push_set(&mut bytes, CLIENT, clock, b"w0", b"value");
            assert_eq!(advance(&mut clocks, &bytes), Some(1));
            assert_eq!(clocks, BTreeMap::from([(CLIENT, clock + 1)]));
        }
        let mut asked = Vec::new();
        push_clocks(&mut asked, &clocks);
        assert_eq!(hexadecimal(&asked), "0187bcc1960b03");
    }

    #[test]
    fn deleted_items_count_with_their_length() {
        // The whole document after 202 changes, as Yjs encodes it: all but the last are one deleted item.
        let update = "010287bcc1960b002101067265636f7264027730c901a887bcc1960bc8010177046e3139390187bcc1960b0100c901";
        let bytes: Vec<u8> = (0..update.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&update[at..at + 2], 16).unwrap())
            .collect();
        let mut clocks = BTreeMap::new();
        advance(&mut clocks, &bytes).unwrap();
        assert_eq!(clocks, BTreeMap::from([(CLIENT, 202)]));
    }

    #[test]
    fn what_is_cut_off_is_not_an_update() {
        let mut whole = Vec::new();
        push_set(&mut whole, CLIENT, 5, b"w0", b"value");
        let items = whole.len() - 9;
        for length in 0..items {
            assert_eq!(
                advance(&mut BTreeMap::new(), &whole[..length]),
                None,
                "{length}"
            );
        }
    }
}
