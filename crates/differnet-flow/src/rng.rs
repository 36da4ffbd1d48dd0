//! Random draws on the host: every stream is a pure function of a seed, a purpose and an index.
//!
//! Burn's generators belong to the process and are shared by every thread in it, so nothing here
//! uses them. ChaCha12 gives the same bits on every platform.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;

/// What a random stream is for; streams of different purposes never overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The permutation of a block.
    Permutation,
    /// Initial values of a parameter.
    Parameter,
    /// The order of the rows in an epoch.
    Epoch,
    /// Latents to sample from.
    Sample,
    /// Noise added to the rows of an update.
    Noise,
    /// Which rows of an update are displaced along which differences, and how far.
    Difference,
}

/// The generator of the `index`-th stream for `purpose` under `seed`.
pub(crate) fn stream(seed: u64, purpose: Purpose, index: u64) -> ChaCha12Rng {
    let tag: [u8; 16] = match purpose {
        Purpose::Permutation => *b"flow permutation",
        Purpose::Parameter => *b"flow parameter  ",
        Purpose::Epoch => *b"flow epoch      ",
        Purpose::Sample => *b"flow sample     ",
        Purpose::Noise => *b"flow noise      ",
        Purpose::Difference => *b"flow difference ",
    };
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&index.to_le_bytes());
    key[16..].copy_from_slice(&tag);
    ChaCha12Rng::from_seed(key)
}

/// `count` values uniform on `[-bound, bound)`.
pub(crate) fn uniform(rng: &mut impl Rng, bound: f32, count: usize) -> Vec<f32> {
    // 24 random bits fill the mantissa, so every value is exact before scaling.
    let unit = |bits: u32| (bits >> 8) as f32 / (1 << 23) as f32 - 1.0;
    (0..count).map(|_| unit(rng.next_u32()) * bound).collect()
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

/// The numbers `0..count` in random order (Fisher and Yates).
pub(crate) fn shuffled(rng: &mut impl Rng, count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    for last in (1..count).rev() {
        order.swap(last, below(rng, last as u64 + 1) as usize);
    }
    order
}

/// A number uniform on `0..bound`; draws again where a plain remainder would favour small numbers.
pub(crate) fn below(rng: &mut impl Rng, bound: u64) -> u64 {
    let excess = (u64::MAX % bound + 1) % bound;
    loop {
        let draw = rng.next_u64();
        if draw <= u64::MAX - excess {
            return draw % bound;
        }
    }
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
            first(1, Purpose::Permutation, 2),
            first(1, Purpose::Parameter, 3),
        ] {
            assert_ne!(reference, other);
        }
    }

    #[test]
    fn uniform_values_fill_their_interval() {
        let values = uniform(&mut stream(1, Purpose::Parameter, 0), 0.5, 10_000);
        assert!(values.iter().all(|v| (-0.5..0.5).contains(v)));
        let (smallest, largest) =
            values.iter().fold((0.0_f32, 0.0_f32), |(lo, hi), &v| (lo.min(v), hi.max(v)));
        assert!(smallest < -0.499 && largest > 0.499);
        let mean = values.iter().sum::<f32>() / 10_000.0;
        // Four standard errors: 4 · (1/√12) / √10000.
        assert!(mean.abs() < 0.0116, "mean {mean}");
    }

    #[test]
    fn normal_values_have_mean_zero_and_variance_one() {
        let values = normal(&mut stream(1, Purpose::Sample, 0), 20_001);
        assert_eq!(values.len(), 20_001);
        let mean = values.iter().sum::<f32>() / 20_001.0;
        let variance = values.iter().map(|v| v * v).sum::<f32>() / 20_001.0;
        // Four standard errors: 4 / √n and 4 · √(2 / n).
        assert!(mean.abs() < 0.0283, "mean {mean}");
        assert!((variance - 1.0).abs() < 0.04, "variance {variance}");
    }

    #[test]
    fn every_order_of_three_is_about_equally_likely() {
        let mut counts = std::collections::BTreeMap::new();
        let mut rng = stream(7, Purpose::Epoch, 0);
        for _ in 0..6000 {
            *counts.entry(shuffled(&mut rng, 3)).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 6);
        // Five standard deviations around 1000: 5 · √(6000 · 1/6 · 5/6) = 144.
        assert!(counts.values().all(|count| (856..=1144).contains(count)), "{counts:?}");
    }
}
