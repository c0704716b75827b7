//! Updates at random, of all kinds.

use revring_client::{
    Room,
    change::{self, Draft},
};
use serde_json::json;

use crate::proxy::Dice;

/// The collection of what is edited.
const CARDS: &str = "cards";
/// How many cards there are at first.
const NUMBER: u64 = 6;
const CHARACTERS: [char; 8] = ['a', 'b', 'é', '\u{301}', '字', '😀', '👩', '\u{200d}'];

/// The cards, as they are at first.
pub(crate) fn cards() -> Vec<Draft> {
    let card = |id: u64| change::put(CARDS, &id.to_string(), empty());
    (0..NUMBER).map(card).collect()
}

fn empty() -> serde_json::Value {
    json!({"title": "", "n": 0, "text": "", "tags": [], "more": {}})
}

/// One edit or two, on cards of the room's view. The view may not take them: then they change nothing.
pub(crate) fn edits(dice: &mut Dice, room: &Room) -> Vec<Draft> {
    let first = dice.below(NUMBER);
    let ids = (first..=first + dice.below(2)).map(|id| (id % NUMBER).to_string());
    ids.map(|id| edit(dice, room, &id)).collect()
}

fn edit(dice: &mut Dice, room: &Room, id: &str) -> Draft {
    let Some(card) = room.record(CARDS, id) else {
        return change::put(CARDS, id, empty()).if_version(0);
    };
    let number = dice.below(1000);
    match dice.below(20) {
        0 => change::delete(CARDS, id),
        1 => change::put(CARDS, id, empty()).if_version(card.version()),
        2 => change::put(CARDS, id, empty()),
        3 | 4 => change::merge(
            CARDS,
            id,
            json!({"title": number, "more": {"a": null, "b": number}}),
        ),
        5 | 6 => change::set(CARDS, id, "/more/a", json!([number, "😀"])),
        7 => change::unset(CARDS, id, "/more/b"),
        8..=10 => change::add(
            CARDS,
            id,
            "/n",
            i32::try_from(number).unwrap_or_default() - 500,
        ),
        kind => {
            let data = card.data();
            let text = data["text"].as_str().map_or(0, |text| text.chars().count());
            let tags = data["tags"].as_array().map_or(0, <[_]>::len);
            let inserted = dice.below(8);
            if kind < 17 {
                let (at, remove) = range(dice, text);
                let character = |_| CHARACTERS[index(dice.below(CHARACTERS.len() as u64))];
                let insert: String = (0..inserted).map(character).collect();
                change::splice(CARDS, id, "/text", at, remove, insert)
            } else {
                let (at, remove) = range(dice, tags);
                let insert: Vec<_> = (0..inserted / 2).map(|n| json!([n, number])).collect();
                change::splice(CARDS, id, "/tags", at, remove, insert)
            }
        }
    }
}

/// A place in a sequence of `length`, and how much to remove there.
fn range(dice: &mut Dice, length: usize) -> (usize, usize) {
    let at = index(dice.below(length as u64 + 1));
    let left = (length - at).min(4) as u64;
    (at, index(dice.below(left + 1)))
}

fn index(number: u64) -> usize {
    usize::try_from(number).expect("it is small")
}
