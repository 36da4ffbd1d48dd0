//! Gaussian noise on rows: keeps a flow from learning a small table by heart.

use crate::rng::{self, Purpose};

/// Adds to each value of `rows`, `[n, features]` row by row, a normal draw times its feature's
/// entry in `deviations`. The draws are a function of `seed` and `update`.
///
/// # Panics
/// If `rows` is no multiple of `deviations` long.
pub fn add_noise(rows: &mut [f32], deviations: &[f32], seed: u64, update: u64) {
    assert!(rows.len().is_multiple_of(deviations.len()), "one deviation for each feature");
    if deviations.iter().all(|deviation| *deviation == 0.0) {
        return;
    }
    let draws = rng::normal(&mut rng::stream(seed, Purpose::Noise, update), rows.len());
    for (index, (value, draw)) in rows.iter_mut().zip(draws).enumerate() {
        *value += draw * deviations[index % deviations.len()];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_has_each_features_deviation_and_leaves_the_others_alone() {
        let mut rows = vec![1.0; 3 * 20_000];
        add_noise(&mut rows, &[0.0, 0.5, 2.0], 1, 7);
        for (feature, deviation) in [0.0_f32, 0.5, 2.0].into_iter().enumerate() {
            let values = rows.iter().skip(feature).step_by(3);
            let variance = values.map(|v| (v - 1.0) * (v - 1.0)).sum::<f32>() / 20_000.0;
            // Four standard errors of a variance: 4 · √(2 / n).
            assert!((variance - deviation * deviation).abs() <= 0.04 * deviation * deviation);
        }
    }
}
