//! The changes that numbers stand for.

use revring_protocol::{
    change::{Change, Edit, Sequence, Splice},
    document::Document,
    ids::{Collection, RecordId, RecordKey},
    limits::MAX_SAFE_INTEGER,
    value::{Number, Object, Path, Value},
};

use crate::plan::{Make, Op};

/// The change that `make` stands for in `view`.
pub(crate) fn change(make: &Make, view: &Document) -> Option<Change> {
    let collection = Collection::new(["notes", "lists"][usize::from(make.record) / 2 % 2]).unwrap();
    let id = RecordId::new(["a", "b"][usize::from(make.record) % 2]).unwrap();
    let key = RecordKey { collection, id };
    let record = view.get(&key);
    let if_version = make
        .conditional
        .then(|| record.map_or(0, |record| record.version()));
    let fields = ["/t", "/l", "/n", "/o/t", "/o", "/o/l"];
    let path = Path::parse(fields[usize::from(make.field) % fields.len()]).unwrap();
    let edit = match make.op {
        // What does not exist is created first.
        _ if record.is_none() && make.at > 20 => Edit::Put {
            data: data(make.value),
        },
        Op::Put => Edit::Put {
            data: data(make.value),
        },
        Op::Merge => Edit::Merge {
            data: patch(make.value),
        },
        Op::Set => Edit::Set {
            value: value(make.value),
            path,
        },
        Op::Unset => Edit::Unset { path },
        Op::Delete => Edit::Delete,
        Op::Add => Edit::Add {
            path: Path::parse("/n").unwrap(),
            by: number(make.value),
        },
        Op::Splice => {
            // The field asked for, or the first that can be spliced.
            let paths =
                std::iter::once(path).chain(fields.map(|field| Path::parse(field).unwrap()));
            paths.into_iter().find_map(|path| {
                let splice = splice(make, path.find(record?.data())?)?;
                Some(Edit::Splice { path, splice })
            })?
        }
    };
    Some(Change {
        key,
        if_version,
        edit,
    })
}

fn splice(make: &Make, value: &Value) -> Option<Splice> {
    let (length, insert) = match value {
        Value::String(text) => (text.chars().count(), Sequence::Text(word(make.value))),
        Value::Array(items) => {
            let items = (
                items.len(),
                vec![value_item(make.value); usize::from(make.value % 3)],
            );
            (items.0, Sequence::Items(items.1))
        }
        _ => return None,
    };
    let at = usize::from(make.at) % (length + 1);
    let remove = usize::from(make.remove).min(length - at);
    Some(Splice { at, remove, insert })
}

fn word(n: u8) -> String {
    ["", "a", "bc", "é", "e\u{301}", "😀", "x𝄞y", "\n\"\\\u{1}"][usize::from(n) % 8].to_owned()
}

fn number(n: u8) -> Number {
    let edge = MAX_SAFE_INTEGER;
    let numbers = [0, 1, -1, edge, -edge, edge - 1, 1 << 32, -(1 << 31)];
    match n % 11 {
        8 => Number::from_f64(0.1).unwrap(),
        9 => Number::from_f64(-1e-300).unwrap(),
        10 => Number::from_f64(5e-324).unwrap(),
        n => Number::from_i64(numbers[usize::from(n)]).unwrap(),
    }
}

fn value_item(n: u8) -> Value {
    match n % 5 {
        0 => Value::Null,
        1 => Value::Bool(true),
        2 => Value::Number(number(n)),
        3 => Value::String(word(n)),
        _ => Value::Object(Object::from([("k".to_owned(), Value::Number(number(n)))])),
    }
}

fn value(n: u8) -> Value {
    match n % 6 {
        0 => Value::String(word(n / 6)),
        1 => Value::Array(vec![value_item(n), Value::String(word(n))]),
        2 => Value::Object(Object::from([
            ("t".to_owned(), Value::String(word(n))),
            ("l".to_owned(), Value::Array(Vec::new())),
        ])),
        _ => value_item(n),
    }
}

fn data(n: u8) -> Object {
    Object::from([
        ("t".to_owned(), Value::String(word(n))),
        ("l".to_owned(), Value::Array(vec![value_item(n)])),
        ("n".to_owned(), Value::Number(number(n))),
        ("o".to_owned(), value(2)),
    ])
}

fn patch(n: u8) -> Object {
    let field = ["t", "l", "n", "o"][usize::from(n) % 4].to_owned();
    let inner = Object::from([("t".to_owned(), value_item(n))]);
    match n % 3 {
        0 => Object::from([(field, Value::Null)]),
        1 => Object::from([("o".to_owned(), Value::Object(inner))]),
        _ => Object::from([(field, value(n))]),
    }
}
