//! The canonical text of a value (RFC 8785) and its codec-independent size (rule V-6).

use std::fmt::Write as _;

use super::{Key, Object, Value};
use crate::limits::OBJECT_OVERHEAD;

/// The longest canonical text of a number that is no integer, such as -0.0000015093013644218445.
const FRACTION_SIZE: usize = 25;

/// The canonical JSON text of `value` (RFC 8785).
#[must_use]
pub fn canonical(value: &Value) -> String {
    let mut out = String::new();
    write(&mut out, value);
    out
}

/// Appends the canonical text of `value`.
pub(crate) fn write(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(n) => match n.as_i64() {
            Some(n) => out.push_str(itoa::Buffer::new().format(n)),
            None => {
                // Writing to a String cannot fail.
                let _ = write!(out, "{n}");
            }
        },
        Value::String(text) => write_string(out, text),
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write(out, item);
            }
            out.push(']');
        }
        Value::Object(entries) => write_object(out, entries),
    }
}

/// Appends the canonical text of an object: keys in the order of their UTF-16 code units.
pub(crate) fn write_object(out: &mut String, entries: &Object) {
    out.push('{');
    if entries.keys().all(|key| sorts_alike(key)) {
        write_entries(out, entries.iter());
    } else {
        let mut sorted: Vec<_> = entries.iter().collect();
        sorted.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
        write_entries(out, sorted.into_iter());
    }
    out.push('}');
}

/// Whether `key` has its place among others in UTF-16 as in UTF-8: what lies beyond the surrogates has not.
fn sorts_alike(key: &str) -> bool {
    const BEYOND: u8 = 0xee;
    key.bytes()
        .fold(true, |alike, byte| alike & (byte < BEYOND))
}

fn write_entries<'a>(out: &mut String, entries: impl Iterator<Item = (&'a Key, &'a Value)>) {
    for (i, (key, value)) in entries.enumerate() {
        if i > 0 {
            out.push(',');
        }
        write_string(out, key);
        out.push(':');
        write(out, value);
    }
}

/// Appends a JSON string literal with the escapes of RFC 8785.
pub(crate) fn write_string(out: &mut String, text: &str) {
    out.push('"');
    if is_plain(text) {
        out.push_str(text);
        out.push('"');
        return;
    }
    let mut plain = 0;
    for (i, byte) in text.bytes().enumerate() {
        let Some(escape) = escape(byte) else { continue };
        out.push_str(&text[plain..i]);
        plain = i + 1;
        match escape {
            Escape::Short(c) => {
                out.push('\\');
                out.push(c);
            }
            Escape::Code => {
                let _ = write!(out, "\\u{byte:04x}");
            }
        }
    }
    out.push_str(&text[plain..]);
    out.push('"');
}

/// Whether no character needs an escape. Looks at every byte, which compiles to vector instructions.
fn is_plain(text: &str) -> bool {
    let escaped = |byte: u8| (byte < 0x20) | (byte == b'"') | (byte == b'\\');
    !text.bytes().fold(false, |any, byte| any | escaped(byte))
}

enum Escape {
    Short(char),
    Code,
}

fn escape(byte: u8) -> Option<Escape> {
    Some(match byte {
        b'"' => Escape::Short('"'),
        b'\\' => Escape::Short('\\'),
        8 => Escape::Short('b'),
        9 => Escape::Short('t'),
        10 => Escape::Short('n'),
        12 => Escape::Short('f'),
        13 => Escape::Short('r'),
        0..=31 => Escape::Code,
        _ => return None,
    })
}

/// The size of `value` (rule V-6).
pub(crate) fn size(value: &Value) -> usize {
    match value {
        Value::Null => 4,
        Value::Bool(_) => 5,
        Value::Number(n) => n.as_i64().map_or(FRACTION_SIZE, integer_size),
        Value::String(text) => string_size(text),
        Value::Array(items) => 5 + items.iter().map(|item| 1 + size(item)).sum::<usize>(),
        Value::Object(entries) => object_size(entries),
    }
}

pub(crate) fn object_size(entries: &Object) -> usize {
    OBJECT_OVERHEAD
        + entries
            .iter()
            .map(|(key, value)| 2 + string_size(key) + size(value))
            .sum::<usize>()
}

fn integer_size(n: i64) -> usize {
    let digits = n
        .unsigned_abs()
        .checked_ilog10()
        .map_or(1, |log| log as usize + 1);
    digits + usize::from(n < 0)
}

/// The size of a string (rule V-6).
#[must_use]
pub fn string_size(text: &str) -> usize {
    if is_plain(text) {
        return 5 + text.len();
    }
    let escapes = text.bytes().map(|byte| match escape(byte) {
        Some(Escape::Short(_)) => 1,
        Some(Escape::Code) => 5,
        None => 0,
    });
    5 + text.len() + escapes.sum::<usize>()
}
