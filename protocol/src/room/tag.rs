//! Short stand-ins for ids, so that looking for an id among many seldom compares texts.

use twox_hash::XxHash64;

use crate::ids::ClientReqId;

/// Most other ids differ in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tag(u16);

impl Tag {
    pub(super) fn of(id: &ClientReqId) -> Self {
        let [a, b, ..] = XxHash64::oneshot(0, id.as_str().as_bytes()).to_le_bytes();
        Self(u16::from_le_bytes([a, b]))
    }

    /// Where it stands among `tags`.
    pub(super) fn places(self, tags: &[Self]) -> impl Iterator<Item = usize> {
        // Blocks without it, nearly all, are told by a loop that compiles to vector instructions.
        const BLOCK: usize = 64;
        let blocks = tags.chunks(BLOCK).enumerate();
        let with = blocks
            .filter(move |(_, block)| block.iter().fold(false, |any, tag| any | (*tag == self)));
        with.flat_map(move |(n, block)| {
            let places = block
                .iter()
                .enumerate()
                .filter(move |(_, tag)| **tag == self);
            places.map(move |(place, _)| n * BLOCK + place)
        })
    }
}
