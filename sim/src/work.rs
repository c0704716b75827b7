//! What applications do: random changes of records, counters, lists and texts.

use revring_protocol::{
    change::{Change, Edit, Sequence, Splice},
    document::Document,
    ids::{Collection, RecordId, RecordKey},
    limits::MAX_SAFE_INTEGER,
    value::{Number, Object, Path, Value},
};

use crate::dice::Dice;

const COLLECTIONS: [&str; 2] = ["notes", "lists"];
const IDS: [&str; 3] = ["a", "b", "c"];
const PATHS: [&str; 6] = ["/t", "/l", "/n", "/o/t", "/o", "/o/l"];
const WORDS: [&str; 8] = ["", "a", "bc", "é", "e\u{301}", "😀", "x𝄞y", "\n\"\\\u{1}"];

/// The changes of one update, in the view of its author. Most of them fit it.
pub(crate) fn changes(view: &Document, typing: bool, dice: &mut Dice) -> Vec<Change> {
    let count = if dice.chance(200) {
        dice.between(2, 4)
    } else {
        1
    };
    let mut changes = Vec::new();
    for _ in 0..count {
        changes.extend(change(view, typing, dice));
    }
    changes
}

fn change(view: &Document, typing: bool, dice: &mut Dice) -> Option<Change> {
    // Who types does it where others do.
    let known = |all: usize| if typing { 1 } else { all };
    let key = RecordKey {
        collection: Collection::new(dice.pick(&COLLECTIONS[..known(COLLECTIONS.len())])?).ok()?,
        id: RecordId::new(dice.pick(&IDS[..known(IDS.len())])?).ok()?,
    };
    let record = view.get(&key);
    let version = record.map_or(0, |record| record.version());
    let if_version = dice.chance(80).then_some(version);
    let data = record.map(|record| record.data());
    let edit = match data {
        // What does not exist is created first, most of the time.
        None if !dice.chance(30) => Edit::Put { data: fresh(dice) },
        _ => edit(data, typing, dice)?,
    };
    Some(Change {
        key,
        if_version,
        edit,
    })
}

fn edit(data: Option<&Object>, typing: bool, dice: &mut Dice) -> Option<Edit> {
    let known = if typing { &PATHS[..2] } else { &PATHS[..] };
    let path = Path::parse(dice.pick(known)?).ok()?;
    let roll = if typing && !dice.chance(100) {
        usize::MAX
    } else {
        dice.below(20)
    };
    Some(match roll {
        0..=1 => Edit::Put { data: fresh(dice) },
        2..=3 => Edit::Merge { data: patch(dice) },
        4..=5 => {
            let value = value(dice);
            Edit::Set { path, value }
        }
        6 => Edit::Unset { path },
        7 => Edit::Delete,
        8..=11 => Edit::Add {
            path: Path::parse("/n").ok()?,
            by: small_number(dice)?,
        },
        _ => {
            let others = PATHS.iter().filter_map(|path| Path::parse(path).ok());
            let mut paths = std::iter::once(path).chain(others);
            let data = data?;
            paths.find_map(|path| {
                let splice = splice(path.find(data)?, dice)?;
                Some(Edit::Splice { path, splice })
            })?
        }
    })
}

fn splice(value: &Value, dice: &mut Dice) -> Option<Splice> {
    let (length, insert) = match value {
        Value::String(text) => (text.chars().count(), Sequence::Text(word(dice))),
        Value::Array(items) => {
            let insert = (0..dice.below(3)).map(|_| item(dice)).collect();
            (items.len(), Sequence::Items(insert))
        }
        _ => return None,
    };
    let at = dice.below(length + 1);
    // Values do not grow without end.
    let most = if length > 40 { 30 } else { 3 };
    let remove = dice.below(most + 1).min(length - at);
    Some(Splice { at, remove, insert })
}

fn word(dice: &mut Dice) -> String {
    dice.pick(&WORDS).copied().unwrap_or_default().to_owned()
}

fn small_number(dice: &mut Dice) -> Option<Number> {
    Number::from_u64(dice.below(9) as u64)
}

fn number(dice: &mut Dice) -> Option<Number> {
    match dice.below(8) {
        0 => Number::from_i64(-1),
        1 => Number::from_f64(0.1),
        2 => Number::from_f64(-1e-300),
        3 => Number::from_i64(MAX_SAFE_INTEGER),
        _ => small_number(dice),
    }
}

fn item(dice: &mut Dice) -> Value {
    match dice.below(5) {
        0 => Value::Null,
        1 => Value::Bool(true),
        2 => number(dice).map_or(Value::Null, Value::Number),
        3 => Value::String(word(dice)),
        _ => Value::Object(Object::from([("k".to_owned(), Value::Bool(false))])),
    }
}

fn value(dice: &mut Dice) -> Value {
    match dice.below(6) {
        0 => Value::String(word(dice)),
        1 => Value::Array(vec![item(dice), item(dice)]),
        2 => Value::Object(Object::from([
            ("t".to_owned(), Value::String(word(dice))),
            ("l".to_owned(), Value::Array(Vec::new())),
        ])),
        _ => item(dice),
    }
}

fn fresh(dice: &mut Dice) -> Object {
    let number = small_number(dice).map_or(Value::Null, Value::Number);
    let inner = Object::from([
        ("t".to_owned(), Value::String(word(dice))),
        ("l".to_owned(), Value::Array(Vec::new())),
    ]);
    Object::from([
        ("t".to_owned(), Value::String(word(dice))),
        ("l".to_owned(), Value::Array(vec![item(dice)])),
        ("n".to_owned(), number),
        ("o".to_owned(), Value::Object(inner)),
    ])
}

fn patch(dice: &mut Dice) -> Object {
    let names = ["t", "l", "n", "o"];
    let field = names[dice.below(names.len())].to_owned();
    match dice.below(3) {
        0 => Object::from([(field, Value::Null)]),
        1 => {
            let inner = Object::from([("t".to_owned(), item(dice))]);
            Object::from([("o".to_owned(), Value::Object(inner))])
        }
        _ => Object::from([(field, value(dice))]),
    }
}
