//! Score sets shared by the unit tests.

use proptest::prelude::*;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Up to 40 whole-number scores with many ties, at least one good and one defect image.
pub(crate) fn tied_scores() -> impl Strategy<Value = (Vec<f64>, Vec<bool>)> {
    prop::collection::vec((-9_i32..9, any::<bool>()), 2..40)
        .prop_map(|pairs| pairs.into_iter().map(|(score, defect)| (f64::from(score), defect)))
        .prop_map(Iterator::unzip)
        .prop_filter("both kinds", |(_, defects): &(Vec<f64>, Vec<bool>)| {
            defects.contains(&true) && defects.contains(&false)
        })
}

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
