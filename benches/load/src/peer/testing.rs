//! What the tests of speakers share.

use crate::{
    speaker::{Heard, Kind, Outbox, Speaker},
    stamp::Stamp,
};

pub(super) fn stamp(writer: u16, sequence: u32) -> Stamp {
    Stamp {
        writer,
        sequence,
        intended: 0,
    }
}

pub(super) fn hear(
    speaker: &mut dyn Speaker,
    text: &str,
    out: &mut Outbox,
) -> Result<Heard, String> {
    let mut heard = Heard::default();
    speaker.hear(Kind::Text, text.as_bytes(), out, &mut heard)?;
    Ok(heard)
}

pub(super) fn hear_bytes(
    speaker: &mut dyn Speaker,
    bytes: &[u8],
    out: &mut Outbox,
) -> Result<Heard, String> {
    let mut heard = Heard::default();
    speaker.hear(Kind::Binary, bytes, out, &mut heard)?;
    Ok(heard)
}

/// The text messages queued so far; they are taken out.
pub(super) fn sent(out: &mut Outbox) -> Vec<String> {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    sent_bytes(out).into_iter().map(text).collect()
}

/// The messages queued so far; they are taken out.
pub(super) fn sent_bytes(out: &mut Outbox) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    let mut rest = &out.bytes[..];
    while let [_, length, after @ ..] = rest {
        let (length, after) = match length & 0x7f {
            126 => (
                usize::from(u16::from_be_bytes([after[0], after[1]])),
                &after[2..],
            ),
            127 => panic!("no test sends as much"),
            short => (usize::from(short), after),
        };
        // Four bytes of mask come first.
        messages.push(after[4..4 + length].to_vec());
        rest = &after[4 + length..];
    }
    out.bytes.clear();
    messages
}
