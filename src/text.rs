//! Text that was written by others, made safe to show on a terminal.

use std::fmt::Write as _;

use revring_protocol::codec::Codec;
use serde::Serialize;

/// `text` with what a terminal would obey instead of showing written as `\u{…}`.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || changes_direction(c) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// `value` as one line of JSON, with its line feed, in which nothing is left that a terminal would obey.
pub(crate) fn json_line<T: Serialize + ?Sized>(value: &T) -> String {
    let json = Codec::Json.encode(value);
    let json = String::from_utf8_lossy(&json);
    let mut line = String::with_capacity(json.len() + 1);
    for c in json.chars() {
        if c.is_control() || changes_direction(c) {
            // JSON leaves these bare, in strings only; none has more than four digits. Writing to a String cannot fail.
            let _ = write!(line, "\\u{:04x}", u32::from(c));
        } else {
            line.push(c);
        }
    }
    line.push('\n');
    line
}

/// Characters that show a text in another order than it has, or break its line.
fn changes_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_is_left() {
        assert_eq!(
            printable("a\u{1b}[2Jb\nc\u{9b}d\u{202e}é"),
            "a\\u{1b}[2Jb\\u{a}c\\u{9b}d\\u{202e}é"
        );
    }

    #[test]
    fn a_line_of_json_is_the_same_value_without_control_characters() {
        let text = "tab\tescape\u{1b}c1\u{9b}del\u{7f}order\u{202e}é\"\\";
        let line = json_line(text);
        let inside = line.strip_suffix('\n').unwrap();
        assert!(
            !inside
                .chars()
                .any(|c| c.is_control() || changes_direction(c)),
            "{inside}"
        );
        let value: serde_json::Value = serde_json::from_str(inside).unwrap();
        assert_eq!(value, text);
    }
}
