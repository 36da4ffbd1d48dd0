//! Seeded draws that are the same on every platform: ChaCha streams keyed by what they are for.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

/// Words per ChaCha block: draws of different items never share a block.
const BLOCK_WORDS: u128 = 16;

/// A stream of draws.
#[derive(Debug, Clone)]
pub(crate) struct Random {
    stream: ChaCha8Rng,
}

impl Random {
    /// The stream of `purpose` under `seed`; `item` tells streams of one purpose apart.
    pub(crate) fn new(seed: u64, purpose: &str, item: &[u8]) -> Self {
        let key = Sha256::new()
            .chain_update(seed.to_le_bytes())
            .chain_update((purpose.len() as u64).to_le_bytes())
            .chain_update(purpose)
            .chain_update(item)
            .finalize();
        Self { stream: ChaCha8Rng::from_seed(key.into()) }
    }

    /// Moves to the draws of the item `index`, at most 16 words of them.
    pub(crate) fn seek(&mut self, index: u64) {
        self.stream.set_word_pos(u128::from(index) * BLOCK_WORDS);
    }

    /// Uniform in [0, 1), a multiple of 2⁻²³: exact in `f32`, and 360 times it stays below 360.
    pub(crate) fn unit(&mut self) -> f32 {
        (self.stream.next_u32() >> 9) as f32 / (1 << 23) as f32
    }

    /// Uniform in [`low`, `high`).
    pub(crate) fn uniform(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// Any 32 bits.
    pub(crate) fn word(&mut self) -> u32 {
        self.stream.next_u32()
    }

    /// Almost normal, with mean 0 and standard deviation 1: a sum of uniform draws, because the
    /// logarithm of an exact method differs between platforms.
    pub(crate) fn bell(&mut self) -> f32 {
        let word = self.stream.next_u32();
        let sum: u32 = word.to_le_bytes().into_iter().map(u32::from).sum();
        // Four draws from 0 to 255: mean 510, variance 4 · (256² - 1) / 12.
        (sum as f32 - 510.0) / 147.800_54
    }

    /// Uniform in 0 to `count - 1`.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        ((u128::from(self.stream.next_u64()) * count as u128) >> 64) as usize
    }

    /// Puts `items` in random order (Fisher-Yates).
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seed_purpose_and_item_each_change_the_stream() {
        let draw = |seed, purpose, item: &[u8]| Random::new(seed, purpose, item).unit();
        let golden = draw(1, "split", b"a");
        assert_eq!(draw(1, "split", b"a"), golden);
        assert_ne!(draw(2, "split", b"a"), golden);
        assert_ne!(draw(1, "other", b"a"), golden);
        assert_ne!(draw(1, "split", b"b"), golden);
    }

    #[test]
    fn shuffling_keeps_every_item() {
        let mut items: Vec<usize> = (0..100).collect();
        Random::new(7, "test", b"").shuffle(&mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn draws_are_uniform() {
        let mut random = Random::new(3, "test", b"");
        let draws: Vec<f32> = (0..10_000).map(|_| random.unit()).collect();
        let mean = draws.iter().sum::<f32>() / 10_000.0;
        // Standard deviation of the mean: sqrt(1/12) / 100 = 0.0029.
        assert!((mean - 0.5).abs() < 0.015, "{mean}");
        assert!(draws.iter().all(|draw| (0.0..1.0).contains(draw)));
    }
}
