//! Random draws on the host: every stream is a pure function of a seed, a purpose and an index.
//!
//! Burn's generators belong to the process and are shared by every thread in it, so nothing here
//! uses them. ChaCha12 gives the same bits on every platform.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;

/// What a random stream is for; streams of different purposes never overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Which rows a one-class SVM is fitted to.
    Subsample,
    /// Initial values of a parameter.
    Parameter,
    /// Noise added to the images of an update.
    Noise,
    /// Latents that a generator trains on.
    Latent,
    /// Where between a real and a generated image a critic's slope is measured.
    Interpolation,
    /// Latents that a search starts from.
    Start,
}

/// The generator of the `index`-th stream for `purpose` under `seed`.
pub(crate) fn stream(seed: u64, purpose: Purpose, index: u64) -> ChaCha12Rng {
    let tag: [u8; 16] = match purpose {
        Purpose::Subsample => *b"base subsample  ",
        Purpose::Parameter => *b"base parameter  ",
        Purpose::Noise => *b"base noise      ",
        Purpose::Latent => *b"base latent     ",
        Purpose::Interpolation => *b"base interpolate",
        Purpose::Start => *b"base start      ",
    };
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&index.to_le_bytes());
    key[16..].copy_from_slice(&tag);
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

/// A value uniform on `[0, 1)`.
pub(crate) fn unit(rng: &mut impl Rng) -> f32 {
    // 24 random bits fill the mantissa, so every value is exact.
    (rng.next_u32() >> 8) as f32 / (1 << 24) as f32
}

/// `count` standard normal values (Box and Muller, two at a time).
pub(crate) fn normal(rng: &mut impl Rng, count: usize) -> Vec<f32> {
    let mut values = Vec::with_capacity(count + 1);
    while values.len() < count {
        // In (0, 1], so that the logarithm stays finite.
        let u = ((rng.next_u64() >> 11) + 1) as f64 / (1_u64 << 53) as f64;
        let angle = (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64 * std::f64::consts::TAU;
        let radius = (-2.0 * u.ln()).sqrt();
        values.push((radius * angle.cos()) as f32);
        values.push((radius * angle.sin()) as f32);
    }
    values.truncate(count);
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_depend_on_seed_purpose_and_index() {
        let first = |seed, purpose, index| stream(seed, purpose, index).next_u64();
        let reference = first(1, Purpose::Parameter, 2);
        assert_eq!(reference, first(1, Purpose::Parameter, 2));
        for other in [
            first(2, Purpose::Parameter, 2),
            first(1, Purpose::Latent, 2),
            first(1, Purpose::Parameter, 3),
        ] {
            assert_ne!(reference, other);
        }
    }

    #[test]
    fn values_have_the_moments_of_their_distributions() {
        let mut rng = stream(1, Purpose::Noise, 0);
        let uniform: Vec<f32> = (0..20_000).map(|_| unit(&mut rng)).collect();
        assert!(uniform.iter().all(|value| (0.0..1.0).contains(value)));
        // Four standard errors: 4 · √(1/12) / √20000.
        let mean = uniform.iter().sum::<f32>() / 20_000.0;
        assert!((mean - 0.5).abs() < 0.0082, "mean {mean}");
        let values = normal(&mut rng, 20_001);
        assert_eq!(values.len(), 20_001);
        // Four standard errors: 4 / √n and 4 · √(2 / n).
        let mean = values.iter().sum::<f32>() / 20_001.0;
        let variance = values.iter().map(|value| value * value).sum::<f32>() / 20_001.0;
        assert!(mean.abs() < 0.0283, "mean {mean}");
        assert!((variance - 1.0).abs() < 0.04, "variance {variance}");
    }

    #[test]
    fn every_pair_out_of_four_is_about_equally_likely() {
        let mut counts = std::collections::BTreeMap::new();
        let mut rng = stream(7, Purpose::Subsample, 0);
        for _ in 0..6000 {
            *counts.entry(subsample(&mut rng, 4, 2)).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 6);
        // Five standard deviations around 1000: 5 · √(6000 · 1/6 · 5/6) = 144.
        assert!(counts.values().all(|count| (856..=1144).contains(count)), "{counts:?}");
    }

    #[test]
    fn a_sample_depends_on_the_seed_and_is_everything_where_there_is_not_more() {
        let sample = |seed| subsample(&mut stream(seed, Purpose::Subsample, 0), 100, 10);
        assert_eq!(sample(1), sample(1));
        assert_ne!(sample(1), sample(2));
        let all = subsample(&mut stream(1, Purpose::Subsample, 0), 5, 9);
        assert_eq!(all, [0, 1, 2, 3, 4]);
    }
}
