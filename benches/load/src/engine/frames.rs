//! WebSocket frames of a server, found in a stream of bytes.

/// Bytes of the longest header.
pub(super) const HEADER: usize = 10;

/// A whole frame.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame<'a> {
    /// Whether the message ends with it.
    pub(crate) last: bool,
    /// What it is.
    pub(crate) opcode: u8,
    /// What it carries.
    pub(crate) payload: &'a [u8],
    /// Its bytes, header included.
    pub(crate) length: usize,
}

/// Header and payload lengths of the frame that `bytes` begin with; `None`: the header is not whole yet.
///
/// # Errors
/// When no server may send such a frame here.
pub(super) fn lengths(bytes: &[u8]) -> Result<Option<(usize, usize)>, String> {
    let [first, second, rest @ ..] = bytes else {
        return Ok(None);
    };
    if first & 0x70 != 0 || second & 0x80 != 0 {
        return Err("the server sent a masked or compressed frame".to_owned());
    }
    let (header, payload) = match (second, rest) {
        (126, [a, b, ..]) => (4, u64::from(u16::from_be_bytes([*a, *b]))),
        (127, [a, b, c, d, e, f, g, h, ..]) => {
            (10, u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]))
        }
        (126 | 127, _) => return Ok(None),
        (short, _) => (2, u64::from(*short)),
    };
    match usize::try_from(payload) {
        Ok(payload) if payload <= 1 << 30 => Ok(Some((header, payload))),
        _ => Err(format!("the server announced a frame of {payload} bytes")),
    }
}

/// The whole frame that `bytes` begin with, if it is whole.
///
/// # Errors
/// When no server may send such a frame here.
pub(crate) fn first(bytes: &[u8]) -> Result<Option<Frame<'_>>, String> {
    let Some((header, payload)) = lengths(bytes)? else {
        return Ok(None);
    };
    let length = header + payload;
    Ok(bytes.get(header..length).map(|payload| Frame {
        last: bytes[0] & 0x80 != 0,
        opcode: bytes[0] & 0x0f,
        payload,
        length,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(payload: usize) -> Vec<u8> {
        let mut bytes = vec![0x82];
        match payload {
            0..126 => bytes.push(u8::try_from(payload).unwrap()),
            126..65_536 => {
                bytes.push(126);
                bytes.extend_from_slice(&u16::try_from(payload).unwrap().to_be_bytes());
            }
            _ => {
                bytes.push(127);
                bytes.extend_from_slice(&(payload as u64).to_be_bytes());
            }
        }
        bytes.resize(bytes.len() + payload, 7);
        bytes
    }

    #[test]
    fn frames_of_any_length_are_found_when_they_are_whole() {
        for payload in [0, 1, 125, 126, 65_535, 65_536] {
            let bytes = frame(payload);
            let whole = first(&bytes).unwrap().unwrap();
            assert_eq!((whole.payload.len(), whole.length), (payload, bytes.len()));
            assert!(first(&bytes[..bytes.len() - 1]).unwrap().is_none());
        }
    }

    #[test]
    fn what_a_server_may_not_send_is_refused() {
        assert!(first(&[0x82, 0x81]).is_err());
        assert!(first(&[0xc2, 0x01]).is_err());
        assert!(first(&[0x82, 127, 0xff, 0, 0, 0, 0, 0, 0, 0]).is_err());
    }
}
