//! Randomness with one seed: the same numbers on every machine and with every version of the standard library.

use rand::{Rng as _, SeedableRng as _, rngs::Xoshiro256PlusPlus};

/// Words that never make a seed of zeros.
const SALT: [u64; 2] = [0x9e37_79b9_7f4a_7c15, 0xd1b5_4a32_d192_ed03];
/// Outputs dropped at first, while similar seeds still give similar numbers.
const WARM_UP: usize = 8;

/// A stream of random choices. Each step of a run has its own, so that leaving one out does not change the others.
#[derive(Debug, Clone)]
pub struct Dice {
    random: Xoshiro256PlusPlus,
}

impl Dice {
    /// The stream number `stream` of `seed`.
    #[must_use]
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut bytes = [0; 32];
        let words = [seed, stream, SALT[0], SALT[1]];
        for (place, word) in bytes.chunks_exact_mut(8).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        let mut random = Xoshiro256PlusPlus::from_seed(bytes);
        for _ in 0..WARM_UP {
            random.next_u64();
        }
        Self { random }
    }

    /// A number below `n`, or 0 when there is none.
    pub fn below(&mut self, n: usize) -> usize {
        let wide = u128::from(self.random.next_u64()) * n as u128;
        usize::try_from(wide >> 64).unwrap_or(0)
    }

    /// A number from `least` to `most`.
    pub fn between(&mut self, least: usize, most: usize) -> usize {
        least + self.below(most.saturating_sub(least) + 1)
    }

    /// True in `parts` of 1,000 cases.
    pub fn chance(&mut self, parts: usize) -> bool {
        self.below(1000) < parts
    }

    /// One byte.
    pub fn byte(&mut self) -> u8 {
        self.random.next_u64().to_le_bytes()[7]
    }

    /// One of `items`.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.below(items.len()))
    }
}
