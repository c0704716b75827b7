//! What the peers' text protocols have in common.

use crate::stamp::Stamp;

/// The value an update writes: its stamp, then `bytes` bytes of payload. Nothing in it needs an escape in JSON.
pub(super) fn value(stamp: Stamp, bytes: usize) -> String {
    let mut value = String::from_utf8_lossy(&stamp.text()).into_owned();
    value.extend(std::iter::repeat_n('x', bytes));
    value
}

/// The field of the shared record that a writer writes. Each writes one of its own: of two that meet on one field, several of the
/// peers drop one without a word, and its operation would count as lost.
pub(super) fn field(stamp: Stamp) -> String {
    format!("w{}", stamp.writer)
}

/// The number that `text` begins with.
pub(super) fn number(text: &[u8]) -> Option<u64> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    text[..digits]
        .iter()
        .try_fold(0_u64, |number, digit| {
            number.checked_mul(10)?.checked_add(u64::from(digit - b'0'))
        })
        .filter(|_| digits > 0)
}

/// A message in an error.
pub(super) fn shown(message: &[u8]) -> String {
    let start = &message[..message.len().min(200)];
    String::from_utf8_lossy(start).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_the_stamp_and_the_payload() {
        let stamp = Stamp {
            writer: 7,
            sequence: 8,
            intended: 9,
        };
        let value = value(stamp, 10);
        assert_eq!(Stamp::read(value.as_bytes()), Some(stamp));
        assert_eq!(value.len(), crate::stamp::LENGTH + 10);
        assert_eq!(field(stamp), "w7");
    }

    #[test]
    fn numbers_are_read_up_to_the_first_other_byte() {
        assert_eq!(number(b"120]"), Some(120));
        assert_eq!(number(b"]"), None);
        assert_eq!(number(b"99999999999999999999"), None);
    }
}
