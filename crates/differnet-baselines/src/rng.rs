//! Random draws on the host: every stream is a pure function of a seed, a purpose and an index.
//!
//! Burn's generators belong to the process and are shared by every thread in it, so nothing here
//! uses them. ChaCha12 gives the same bits on every platform.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;

/// What a random stream is for; streams of different purposes never overlap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
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
}
