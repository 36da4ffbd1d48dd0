//! The random numbers of one case: the same on every platform, and of that case alone.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Words that a case may draw before it reaches those of the next, as a power of two.
const WORDS: u32 = 24;

/// A stream of draws.
#[derive(Debug)]
pub struct Draws(ChaCha8Rng);

impl Draws {
    /// The draws of the case numbered `case` in the stream `stream` under `seed`.
    pub fn new(seed: u64, stream: u64, case: u64) -> Self {
        let mut draws = ChaCha8Rng::seed_from_u64(seed);
        draws.set_stream(stream);
        draws.set_word_pos(u128::from(case) << WORDS);
        Self(draws)
    }

    /// Any 64 bits.
    pub fn word(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Any byte.
    pub fn byte(&mut self) -> u8 {
        (self.word() >> 56) as u8
    }

    /// Uniform in 0 to `count - 1`; 0 of nothing.
    pub fn below(&mut self, count: usize) -> usize {
        ((u128::from(self.word()) * count as u128) >> 64) as usize
    }

    /// True once in `times` draws on average.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of `choices`, of which there has to be one.
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }

    /// A range of at most `longest` within 0 to `length`.
    pub fn range(&mut self, length: usize, longest: usize) -> std::ops::Range<usize> {
        let start = self.below(length);
        let count = 1 + self.below(longest);
        start..length.min(start + count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_has_draws_of_its_own() {
        let words = |seed, stream, case| {
            let mut draws = Draws::new(seed, stream, case);
            [draws.word(), draws.word()]
        };
        assert_eq!(words(1, 2, 3), words(1, 2, 3));
        for other in [words(2, 2, 3), words(1, 1, 3), words(1, 2, 4)] {
            assert_ne!(other, words(1, 2, 3));
        }
        let mut draws = Draws::new(1, 0, 0);
        assert!((0..100).all(|_| draws.below(3) < 3));
        assert_eq!(draws.below(0), 0);
    }
}
