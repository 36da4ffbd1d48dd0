//! Random draws on the host: every stream is a pure function of a seed and a purpose.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;

/// What a random stream is for; streams of different purposes never overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Which rows a one-class SVM is fitted to.
    Subsample,
}

/// The generator for `purpose` under `seed`.
pub(crate) fn stream(seed: u64, purpose: Purpose) -> ChaCha12Rng {
    let tag: [u8; 24] = match purpose {
        Purpose::Subsample => *b"baselines subsample     ",
    };
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..].copy_from_slice(&tag);
    ChaCha12Rng::from_seed(key)
}

/// `count` of the numbers `0..total`, each set of them equally likely, in rising order; all if
/// there are not so many.
pub(crate) fn subsample(rng: &mut impl Rng, total: usize, count: usize) -> Vec<usize> {
    let mut numbers: Vec<usize> = (0..total).collect();
    if count < total {
        // The first steps of a Fisher-Yates shuffle.
        for at in 0..count {
            let other = at + below(rng, (total - at) as u64);
            numbers.swap(at, other);
        }
        numbers.truncate(count);
        numbers.sort_unstable();
    }
    numbers
}

/// A number uniform on `0..bound`; draws again where a plain remainder would favour small numbers.
fn below(rng: &mut impl Rng, bound: u64) -> usize {
    let excess = (u64::MAX % bound + 1) % bound;
    loop {
        let draw = rng.next_u64();
        if draw <= u64::MAX - excess {
            return (draw % bound) as usize;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_out_of_four_is_about_equally_likely() {
        let mut counts = std::collections::BTreeMap::new();
        let mut rng = stream(7, Purpose::Subsample);
        for _ in 0..6000 {
            *counts.entry(subsample(&mut rng, 4, 2)).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 6);
        // Five standard deviations around 1000: 5 · √(6000 · 1/6 · 5/6) = 144.
        assert!(counts.values().all(|count| (856..=1144).contains(count)), "{counts:?}");
    }

    #[test]
    fn a_sample_depends_on_the_seed_and_is_everything_where_there_is_not_more() {
        let sample = |seed| subsample(&mut stream(seed, Purpose::Subsample), 100, 10);
        assert_eq!(sample(1), sample(1));
        assert_ne!(sample(1), sample(2));
        let all = subsample(&mut stream(1, Purpose::Subsample), 5, 9);
        assert_eq!(all, [0, 1, 2, 3, 4]);
    }
}
