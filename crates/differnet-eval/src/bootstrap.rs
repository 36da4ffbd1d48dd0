//! Confidence interval of the AUROC by resampling the test images.

use differnet_scoring::interpolated_quantile;
use serde::{Deserialize, Serialize};

use crate::auroc::area;
use crate::error::MetricError;
use crate::ranking::Ranking;
use crate::resampling::{BootstrapConfig, resampled};

/// A closed interval; serialised as `[lower, upper]`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(from = "[f64; 2]", into = "[f64; 2]")]
pub struct Interval {
    /// Lower end.
    pub lower: f64,
    /// Upper end, never below the lower one.
    pub upper: f64,
}

impl From<[f64; 2]> for Interval {
    fn from([lower, upper]: [f64; 2]) -> Self {
        Self { lower, upper }
    }
}

impl From<Interval> for [f64; 2] {
    fn from(interval: Interval) -> Self {
        [interval.lower, interval.upper]
    }
}

/// Percentile bootstrap interval of the AUROC, good and defect images resampled separately.
///
/// The result depends on the input and on `config` alone, not on the number of threads. It tells
/// how much the value would vary with other test images of the same kind; not how much with
/// another training run. At perfect separation every resample gives 1, so the interval shrinks to
/// a point and understates the uncertainty; the more so the fewer images there are.
/// - `scores`: one an image, larger is more anomalous; infinite scores are allowed
/// - `defects`: one an image, `true` for a defect
///
/// # Errors
/// [`MetricError`] if the lengths differ, a score is NaN, good or defect images are missing, or
/// `config` asks for no resample or for a confidence outside (0, 1).
pub fn bootstrap_auroc(
    scores: &[f64],
    defects: &[bool],
    config: &BootstrapConfig,
) -> Result<Interval, MetricError> {
    let ranking = Ranking::new(scores, defects)?;
    let estimates = resampled(&ranking, config, |counts| {
        area(counts.iter().copied(), ranking.good, ranking.defects)
    })?;
    Ok(percentile_interval(estimates, config.confidence))
}

/// The interval that leaves out the same share of `estimates` at either end; there must be some.
pub(crate) fn percentile_interval(mut estimates: Vec<f64>, confidence: f64) -> Interval {
    estimates.sort_unstable_by(f64::total_cmp);
    let tail = (1.0 - confidence) / 2.0;
    Interval {
        lower: interpolated_quantile(&estimates, tail),
        upper: interpolated_quantile(&estimates, 1.0 - tail),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auroc::auroc;
    use crate::test_inputs::normal_scores;

    #[test]
    fn the_number_of_threads_does_not_matter() {
        let (scores, defects) = normal_scores(1, 40, 30, 1.0);
        let config = BootstrapConfig { seed: 7, ..Default::default() };
        let intervals: Vec<Interval> = [1, 2, 5]
            .into_iter()
            .map(|threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
                pool.expect("a small pool")
                    .install(|| bootstrap_auroc(&scores, &defects, &config))
                    .expect("valid input")
            })
            .collect();
        assert!(intervals.iter().all(|interval| interval == &intervals[0]));
        let other = BootstrapConfig { seed: 8, ..config };
        assert_ne!(bootstrap_auroc(&scores, &defects, &other), Ok(intervals[0]));
    }

    #[test]
    fn contains_the_estimate_and_widens_with_the_confidence() {
        let (scores, defects) = normal_scores(2, 50, 50, 1.0);
        let estimate = auroc(&scores, &defects).expect("valid input");
        let widths: Vec<f64> = [0.5, 0.9, 0.99]
            .into_iter()
            .map(|confidence| {
                let config = BootstrapConfig { confidence, ..Default::default() };
                let interval = bootstrap_auroc(&scores, &defects, &config).expect("valid input");
                assert!(interval.lower < estimate && estimate < interval.upper);
                interval.upper - interval.lower
            })
            .collect();
        assert!(widths[0] < widths[1] && widths[1] < widths[2], "{widths:?}");
    }

    #[test]
    fn covers_the_true_value_about_as_often_as_it_claims() {
        // Unit normals 1.2 apart: the difference of two draws has spread √2, so the true AUROC
        // is Φ(1.2 / √2) = Φ(0.848528) = 0.801928.
        let (truth, sets) = (0.801_928, 400);
        let config = BootstrapConfig { resamples: 400, confidence: 0.9, seed: 3 };
        let covered = (0..sets)
            .filter(|&set| {
                let (scores, defects) = normal_scores(100 + set, 40, 40, 1.2);
                let interval = bootstrap_auroc(&scores, &defects, &config).expect("valid input");
                interval.lower <= truth && truth <= interval.upper
            })
            .count();
        // Percentile intervals of 40 + 40 images fall a little short of 0.9; the binomial spread
        // of 400 trials is 0.015, three of which to either side are allowed.
        let coverage = covered as f64 / sets as f64;
        assert!((0.84..=0.945).contains(&coverage), "coverage {coverage}");
    }

    #[test]
    fn perfect_separation_gives_a_point() {
        let interval =
            bootstrap_auroc(&[1.0, 2.0, 3.0], &[false, false, true], &BootstrapConfig::default());
        assert_eq!(interval, Ok(Interval { lower: 1.0, upper: 1.0 }));
    }

    #[test]
    fn settings_without_meaning_are_refused() {
        let run = |config| bootstrap_auroc(&[1.0, 2.0], &[false, true], &config);
        let none = BootstrapConfig { resamples: 0, ..Default::default() };
        assert_eq!(run(none), Err(MetricError::NoResamples));
        for confidence in [0.0, 1.0, -0.5, 95.0] {
            let config = BootstrapConfig { confidence, ..Default::default() };
            assert_eq!(run(config), Err(MetricError::Confidence { confidence }));
        }
        let config = BootstrapConfig { confidence: f64::NAN, ..Default::default() };
        assert!(matches!(run(config), Err(MetricError::Confidence { .. })));
    }

    #[test]
    fn an_interval_serialises_as_a_pair() {
        let json = serde_json::to_string(&Interval { lower: 0.25, upper: 0.75 });
        assert_eq!(json.expect("plain numbers"), "[0.25,0.75]");
    }
}
