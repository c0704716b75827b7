//! Frames on a connection: a length and a payload. They stand for WebSocket frames, whose form is tested elsewhere.

/// Bytes before a payload.
const HEADER: usize = 4;

/// The frame header of a payload of `length` bytes.
#[must_use]
pub(crate) fn header(length: usize) -> [u8; HEADER] {
    u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes()
}

/// The frame of `payload`.
#[must_use]
pub(crate) fn frame(payload: &[u8]) -> Vec<u8> {
    [&header(payload.len()), payload].concat()
}

/// Puts frames together from bytes that come as they like.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    bytes: Vec<u8>,
}

impl Frames {
    /// Takes what came next.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The payload of the next whole frame.
    pub(crate) fn next_payload(&mut self) -> Option<Vec<u8>> {
        let header = self.bytes.first_chunk::<HEADER>()?;
        let end = HEADER + usize::try_from(u32::from_le_bytes(*header)).ok()?;
        let payload = self.bytes.get(HEADER..end)?.to_vec();
        self.bytes.drain(..end);
        Some(payload)
    }

    /// Whether a frame has come in part.
    #[must_use]
    pub(crate) fn is_within_frame(&self) -> bool {
        !self.bytes.is_empty()
    }
}
