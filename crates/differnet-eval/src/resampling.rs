//! Test sets redrawn from a test set: what every bootstrap interval starts from.

use differnet_random::IndexStream;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::MetricError;
use crate::ranking::{Ranking, TieGroup};

/// Keeps this random stream apart from other uses of the same seed.
const PURPOSE: &[u8; 16] = b"auroc bootstrap ";

/// Settings of [`crate::bootstrap_auroc`] and [`crate::bootstrap_roc_band`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BootstrapConfig {
    /// Number of resampled test sets; at least 1.
    pub resamples: usize,
    /// Probability that an interval covers the true value, strictly between 0 and 1.
    pub confidence: f64,
    /// Start of the random draws.
    pub seed: u64,
}

impl Default for BootstrapConfig {
    fn default() -> Self {
        Self { resamples: 2000, confidence: 0.95, seed: 0 }
    }
}

/// A `statistic` of each resample, in order; good and defect images are redrawn separately.
///
/// The statistic sees `(good, defects)` of each tie group of `ranking`, most anomalous first;
/// a group that was not drawn is `(0, 0)`. Each resample draws from its own stream of ChaCha12,
/// so the result depends on the input and on `config` alone, not on the number of threads, and
/// all statistics of one seed are taken from the same resamples.
///
/// # Errors
/// [`MetricError`] if `config` asks for no resample or for a confidence outside (0, 1).
pub(crate) fn resampled<T: Send>(
    ranking: &Ranking,
    config: &BootstrapConfig,
    statistic: impl Fn(&[(usize, usize)]) -> T + Sync,
) -> Result<Vec<T>, MetricError> {
    if config.resamples == 0 {
        return Err(MetricError::NoResamples);
    }
    if !(config.confidence > 0.0 && config.confidence < 1.0) {
        return Err(MetricError::Confidence { confidence: config.confidence });
    }
    // Each image is its place in the ranking: drawing it increments that place's count.
    let good: Vec<usize> = places(ranking, |group| group.good);
    let defects: Vec<usize> = places(ranking, |group| group.defects);
    let groups = ranking.groups.len();

    let statistics = (0..config.resamples).into_par_iter().map_init(
        || vec![(0_usize, 0_usize); groups],
        |counts, resample| {
            let mut stream = IndexStream::numbered(config.seed, PURPOSE, resample as u64);
            counts.fill((0, 0));
            for _ in 0..good.len() {
                counts[good[stream.below(good.len())]].0 += 1;
            }
            for _ in 0..defects.len() {
                counts[defects[stream.below(defects.len())]].1 += 1;
            }
            statistic(counts)
        },
    );
    Ok(statistics.collect())
}

/// Index of the tie group of each image, for the images that `count` counts.
fn places(ranking: &Ranking, count: impl Fn(&TieGroup) -> usize) -> Vec<usize> {
    ranking
        .groups
        .iter()
        .enumerate()
        .flat_map(|(place, group)| std::iter::repeat_n(place, count(group)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_resample_has_as_many_images_of_each_kind_as_the_test_set() {
        let scores = [1.0, 2.0, 2.0, 3.0, 5.0];
        let defects = [false, false, true, true, true];
        let ranking = Ranking::new(&scores, &defects).expect("valid input");
        let config = BootstrapConfig { resamples: 50, ..Default::default() };
        let totals = resampled(&ranking, &config, |counts| {
            counts.iter().fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1))
        })
        .expect("valid settings");
        assert_eq!(totals, vec![(2, 3); 50]);
    }
}
