//! Score sets shared by the unit tests.

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Unit normal scores of good images, then of defects whose mean lies `shift` higher.
pub(crate) fn normal_scores(
    seed: u64,
    good: usize,
    defects: usize,
    shift: f64,
) -> (Vec<f64>, Vec<bool>) {
    let mut rng = ChaCha12Rng::seed_from_u64(seed);
    let mut uniform = || (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
    (0..good + defects)
        .map(|image| {
            // Box-Muller; 1 - u keeps the logarithm finite.
            let radius = (-2.0 * (1.0 - uniform()).ln()).sqrt();
            let normal = radius * (std::f64::consts::TAU * uniform()).cos();
            let defect = image >= good;
            (if defect { normal + shift } else { normal }, defect)
        })
        .unzip()
}
