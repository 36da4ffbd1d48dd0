//! Noise on rows: keeps a flow from learning a small table by heart.

use differnet_random::IndexStream;

use crate::rng::{self, Purpose};

/// Random draws for the rows of one update: a function of a seed and the update's number.
#[derive(Debug, Clone)]
pub struct UpdateDraws(IndexStream);

impl UpdateDraws {
    /// The draws of update number `update`.
    pub fn new(seed: u64, update: u64) -> Self {
        Self(rng::stream(seed, Purpose::Difference, update))
    }

    /// A standard normal draw.
    pub fn normal(&mut self) -> f32 {
        self.0.normal(1)[0]
    }

    /// Two different numbers uniform on `0..bound`.
    ///
    /// # Panics
    /// If `bound` is less than 2.
    pub fn pair(&mut self, bound: usize) -> (usize, usize) {
        assert!(bound >= 2, "two different numbers below {bound} do not exist");
        let first = self.0.below_unbiased(bound);
        let second = self.0.below_unbiased(bound - 1);
        (first, if second < first { second } else { second + 1 })
    }
}

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
    let draws = rng::stream(seed, Purpose::Noise, update).normal(rows.len());
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

    #[test]
    fn pairs_differ_and_are_uniform() {
        let mut draws = UpdateDraws::new(3, 9);
        let mut counts = [[0; 3]; 3];
        for _ in 0..6000 {
            let (first, second) = draws.pair(3);
            counts[first][second] += 1;
        }
        for (first, counts) in counts.iter().enumerate() {
            for (second, count) in counts.iter().enumerate() {
                // Five standard deviations of a count: 5 · √(6000 · 1/6 · 5/6) = 144.
                let expected = if first == second { 0..=0 } else { 856..=1144 };
                assert!(expected.contains(count), "{first} {second}: {count}");
            }
        }
        let again = UpdateDraws::new(3, 9).normal();
        assert_eq!(UpdateDraws::new(3, 9).normal(), again);
        assert_ne!(UpdateDraws::new(3, 10).normal(), again);
    }
}
