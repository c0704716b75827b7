//! What raw clients read of a message without decoding it: which it is, which revisions it is about, where its operations stand.

use revring_protocol::codec::Codec;

/// A `SYNC.DELTAS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Deltas<'a> {
    /// The revision before the first operation.
    pub(super) from: u64,
    /// That of the last.
    pub(super) to: u64,
    /// The encoded operations: one after the other in MessagePack, with commas between them in JSON.
    pub(super) operations: &'a [u8],
}

/// A part of a `SYNC.SNAPSHOT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) rev: u64,
    pub(super) part: u64,
    pub(super) last: bool,
}

/// The deltas in `payload`, if it is that and stands as servers write it.
pub(super) fn deltas(codec: Codec, payload: &[u8]) -> Option<Deltas<'_>> {
    match codec {
        Codec::MessagePack => {
            let rest = payload.strip_prefix(b"\x84\xa4type\xabSYNC.DELTAS\xa7fromRev")?;
            let (from, rest) = msgpack::integer(rest)?;
            let (to, rest) = msgpack::integer(rest.strip_prefix(b"\xa5toRev")?)?;
            let (_, operations) = msgpack::array(rest.strip_prefix(b"\xa3ops")?)?;
            Some(Deltas {
                from,
                to,
                operations,
            })
        }
        Codec::Json => {
            let rest = payload.strip_prefix(br#"{"type":"SYNC.DELTAS","fromRev":"#)?;
            let (from, rest) = json::integer(rest)?;
            let (to, rest) = json::integer(rest.strip_prefix(br#","toRev":"#)?)?;
            let operations = rest.strip_prefix(br#","ops":["#)?.strip_suffix(b"]}")?;
            Some(Deltas {
                from,
                to,
                operations,
            })
        }
    }
}

/// The part of a snapshot in `payload`, if it is that and stands as servers write it.
pub(super) fn part(codec: Codec, payload: &[u8]) -> Option<Part> {
    match codec {
        Codec::MessagePack => {
            let rest = payload
                .get(1..)?
                .strip_prefix(b"\xa4type\xadSYNC.SNAPSHOT\xa3rev")?;
            let (rev, rest) = msgpack::integer(rest)?;
            let rest = msgpack::text(rest.strip_prefix(b"\xa5epoch")?)?;
            let (part, rest) = msgpack::integer(rest.strip_prefix(b"\xa4part")?)?;
            let last = *rest.strip_prefix(b"\xa4last")?.first()? == 0xc3;
            Some(Part { rev, part, last })
        }
        Codec::Json => {
            let rest = payload.strip_prefix(br#"{"type":"SYNC.SNAPSHOT","rev":"#)?;
            let (rev, rest) = json::integer(rest)?;
            // An epoch is printable ASCII; one with a quote in it is left to the decoder.
            let rest = rest.strip_prefix(br#","epoch":""#)?;
            let rest = &rest[memchr::memchr2(b'"', b'\\', rest)?..];
            let (part, rest) = json::integer(rest.strip_prefix(br#"","part":"#)?)?;
            let last = rest.strip_prefix(br#","last":"#)?.starts_with(b"true");
            Some(Part { rev, part, last })
        }
    }
}

/// Whether `payload` is a `PRESENCE`, about which raw clients do not care.
pub(super) fn is_presence(codec: Codec, payload: &[u8]) -> bool {
    match codec {
        Codec::MessagePack => payload
            .get(1..)
            .is_some_and(|rest| rest.starts_with(b"\xa4type\xa8PRESENCE")),
        Codec::Json => payload.starts_with(br#"{"type":"PRESENCE""#),
    }
}

/// Where each of the `operations` of deltas ends; `None`: they are not what they should be.
pub(super) fn ends(codec: Codec, operations: &[u8]) -> Option<Vec<usize>> {
    let mut ends = Vec::new();
    let mut at = 0;
    while at < operations.len() {
        let length = match codec {
            Codec::MessagePack => msgpack::skip(&operations[at..])?,
            Codec::Json => json::skip(&operations[at..])?,
        };
        ends.push(at + length);
        at += length + usize::from(codec == Codec::Json);
    }
    Some(ends)
}

mod msgpack {
    use rmp::Marker;

    /// An unsigned integer, and what follows it.
    pub(super) fn integer(bytes: &[u8]) -> Option<(u64, &[u8])> {
        let (first, rest) = bytes.split_first()?;
        match *first {
            n @ 0..=0x7f => Some((u64::from(n), rest)),
            0xcc => number(rest, 1),
            0xcd => number(rest, 2),
            0xce => number(rest, 4),
            0xcf => number(rest, 8),
            _ => None,
        }
    }

    /// The length of an array, and what follows its header.
    pub(super) fn array(bytes: &[u8]) -> Option<(u64, &[u8])> {
        let (first, rest) = bytes.split_first()?;
        match *first {
            n @ 0x90..=0x9f => Some((u64::from(n & 0x0f), rest)),
            0xdc => number(rest, 2),
            0xdd => number(rest, 4),
            _ => None,
        }
    }

    /// What follows a short text.
    pub(super) fn text(bytes: &[u8]) -> Option<&[u8]> {
        let (first, rest) = bytes.split_first()?;
        match *first {
            n @ 0xa0..=0xbf => rest.get(usize::from(n & 0x1f)..),
            0xd9 => rest.get(1 + usize::from(*rest.first()?)..),
            _ => None,
        }
    }

    fn number(bytes: &[u8], length: usize) -> Option<(u64, &[u8])> {
        let (digits, rest) = bytes.split_at_checked(length)?;
        let number = digits
            .iter()
            .fold(0, |number, digit| number << 8 | u64::from(*digit));
        Some((number, rest))
    }

    /// Bytes of the value that `bytes` begin with.
    pub(super) fn skip(bytes: &[u8]) -> Option<usize> {
        let (mut rest, mut values) = (bytes, 1_u64);
        while values > 0 {
            let (marker, after) = rest.split_first()?;
            let (more, after) = inside(Marker::from_u8(*marker), after)?;
            (rest, values) = (after, values - 1 + more);
        }
        Some(bytes.len() - rest.len())
    }

    /// How many values stand inside the one that begins with `marker`, and what follows its own bytes.
    fn inside(marker: Marker, rest: &[u8]) -> Option<(u64, &[u8])> {
        let plain = |length: usize| Some((0, rest.get(length..)?));
        let bytes = |length: usize| {
            let (count, rest) = number(rest, length)?;
            Some((0, rest.get(usize::try_from(count).ok()?..)?))
        };
        match marker {
            Marker::Null | Marker::True | Marker::False | Marker::FixPos(_) | Marker::FixNeg(_) => {
                plain(0)
            }
            Marker::U8 | Marker::I8 => plain(1),
            Marker::U16 | Marker::I16 | Marker::FixExt1 => plain(2),
            Marker::FixExt2 => plain(3),
            Marker::U32 | Marker::I32 | Marker::F32 => plain(4),
            Marker::FixExt4 => plain(5),
            Marker::U64 | Marker::I64 | Marker::F64 => plain(8),
            Marker::FixExt8 => plain(9),
            Marker::FixExt16 => plain(17),
            Marker::FixStr(length) => plain(usize::from(length)),
            Marker::Str8 | Marker::Bin8 => bytes(1),
            Marker::Str16 | Marker::Bin16 => bytes(2),
            Marker::Str32 | Marker::Bin32 => bytes(4),
            Marker::FixArray(count) => Some((u64::from(count), rest)),
            Marker::Array16 => number(rest, 2),
            Marker::Array32 => number(rest, 4),
            Marker::FixMap(count) => Some((2 * u64::from(count), rest)),
            Marker::Map16 => number(rest, 2).map(|(count, rest)| (2 * count, rest)),
            Marker::Map32 => number(rest, 4).map(|(count, rest)| (2 * count, rest)),
            Marker::Ext8 | Marker::Ext16 | Marker::Ext32 | Marker::Reserved => None,
        }
    }
}

mod json {
    /// A number in digits, and what follows it.
    pub(super) fn integer(bytes: &[u8]) -> Option<(u64, &[u8])> {
        let digits = bytes
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let (digits, rest) = bytes.split_at(digits);
        let number = std::str::from_utf8(digits).ok()?.parse().ok()?;
        Some((number, rest))
    }

    /// Bytes of the object that `bytes` begin with.
    pub(super) fn skip(bytes: &[u8]) -> Option<usize> {
        let (mut depth, mut at) = (0_usize, 0);
        loop {
            at += memchr::memchr3(b'"', b'{', b'}', bytes.get(at..)?)?;
            match bytes[at] {
                b'{' => depth += 1,
                b'}' => depth = depth.checked_sub(1)?,
                _ => at += text(&bytes[at + 1..])?,
            }
            at += 1;
            if depth == 0 {
                return Some(at);
            }
        }
    }

    /// Bytes of a text that begins after its quote, the closing one included.
    fn text(bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        loop {
            at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
            if bytes[at] == b'"' {
                return Some(at + 1);
            }
            at += 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use revring_protocol::{
        change::{Edit, Effect, Operation},
        codec::{delta_payload, snapshot_payloads},
        document::Document,
        ids::{ClientId, ClientReqId, Collection, Epoch, RecordId, RecordKey, Rev},
        value::Value,
    };

    use super::*;

    fn operation(rev: u64) -> Operation {
        let json = r#"{"text":"a \"quoted\" } { \\","list":[1,-200,70000,1.5,true,null,{"a":{}}],"big":9007199254740991}"#;
        let value = serde_json::from_str(json).unwrap();
        let Value::Object(data) = Value::from_json(value).unwrap() else {
            panic!("an object");
        };
        Operation {
            rev: Rev::new(rev),
            client_id: ClientId::new("abcdefghijklmnop").unwrap(),
            client_req_id: ClientReqId::new("r").unwrap(),
            at: 1_700_000_000_000,
            changes: vec![Effect {
                key: RecordKey {
                    collection: Collection::new("c").unwrap(),
                    id: RecordId::new(&"long".repeat(usize::try_from(rev).unwrap() % 20 + 1))
                        .unwrap(),
                },
                version: rev,
                edit: Edit::Put { data },
            }],
        }
    }

    #[test]
    fn w3_deltas_and_their_operations_are_found_as_the_server_writes_them() {
        for codec in Codec::ALL {
            for (from, count) in [(0, 1), (127, 3), (70_000, 40)] {
                let ops: Vec<_> = (from + 1..=from + count)
                    .map(|rev| codec.encode(&operation(rev)).into())
                    .collect();
                let payload = delta_payload(codec, Rev::new(from), &ops);
                let found = deltas(codec, &payload).unwrap();
                assert_eq!((found.from, found.to), (from, from + count));
                let ends = ends(codec, found.operations).unwrap();
                assert_eq!(ends.len() as u64, count);
                let comma = usize::from(codec == Codec::Json);
                let mut begin = 0;
                for (end, op) in ends.iter().zip(&ops) {
                    assert_eq!(&found.operations[begin..*end], op.as_ref());
                    begin = end + comma;
                }
            }
        }
    }

    #[test]
    fn f7_parts_of_snapshots_are_found_as_the_server_writes_them() {
        let epoch = Epoch::new("0123456789abcdef").unwrap();
        for codec in Codec::ALL {
            let payloads = snapshot_payloads(codec, &epoch, Rev::new(300), &Document::new());
            let found = part(codec, &payloads[0]).unwrap();
            assert_eq!(
                found,
                Part {
                    rev: 300,
                    part: 0,
                    last: true
                }
            );
            assert_eq!(deltas(codec, &payloads[0]), None);
        }
    }
}
