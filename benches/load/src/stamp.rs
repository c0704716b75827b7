//! The stamp that every operation carries, so that any client of any server can tell what it received: who wrote it, as which of
//! its updates, and when it was meant to be sent.
//!
//! revring carries it as the `clientReqId`, other servers somewhere in the payload. It is plain ASCII without quotes, so that it stands
//! as it is in JSON, MessagePack and binary encodings, and is found by looking for its first bytes.

/// Where a stamp begins.
pub(crate) const MARK: &[u8; 4] = b"~rv.";
/// Bytes of a stamp.
pub(crate) const LENGTH: usize = MARK.len() + 4 + 8 + 12;

/// Who wrote an operation, as which update, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// The writer's number in its room.
    pub(crate) writer: u16,
    /// The writer's updates count from 0.
    pub(crate) sequence: u32,
    /// Microseconds from the load's start to the time the update was meant to be sent.
    pub(crate) intended: u64,
}

impl Stamp {
    /// Its text: the mark, then three numbers in hexadecimal digits.
    pub(crate) fn text(&self) -> [u8; LENGTH] {
        let mut text = [0; LENGTH];
        text[..4].copy_from_slice(MARK);
        hexadecimal(u64::from(self.writer), &mut text[4..8]);
        hexadecimal(u64::from(self.sequence), &mut text[8..16]);
        hexadecimal(self.intended, &mut text[16..]);
        text
    }

    /// The stamp that `bytes` begin with.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let text = bytes.get(..LENGTH)?;
        if !text.starts_with(MARK) {
            return None;
        }
        Some(Self {
            writer: u16::try_from(number(&text[4..8])?).ok()?,
            sequence: u32::try_from(number(&text[8..16])?).ok()?,
            intended: number(&text[16..])?,
        })
    }
}

/// The stamps in `bytes`, in order.
pub(crate) fn all_in(bytes: &[u8]) -> impl Iterator<Item = Stamp> {
    memchr::memmem::find_iter(bytes, MARK).filter_map(|at| Stamp::read(&bytes[at..]))
}

fn hexadecimal(mut number: u64, digits: &mut [u8]) {
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(number & 15) as usize];
        number >>= 4;
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |number, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_found_again_in_whatever_surrounds_them() {
        let stamps = [
            Stamp {
                writer: 0,
                sequence: 0,
                intended: 0,
            },
            Stamp {
                writer: u16::MAX,
                sequence: u32::MAX,
                intended: (1 << 48) - 1,
            },
        ];
        let mut bytes = b"{\"id\":\"".to_vec();
        for stamp in &stamps {
            bytes.extend_from_slice(&stamp.text());
            bytes.extend_from_slice(b"\"~rv.not one~");
        }
        assert_eq!(all_in(&bytes).collect::<Vec<_>>(), stamps);
    }
}
