//! Confidence band of the ROC curve, with respect to the choice of test images.

use serde::{Deserialize, Serialize};

use crate::bootstrap::percentile_interval;
use crate::error::MetricError;
use crate::ranking::Ranking;
use crate::resampling::{BootstrapConfig, resampled};

/// The band is known at the false positive rates 0, 1/200, 2/200, …, 1: finer cannot be seen.
const STEPS: usize = 200;

/// Interval of the curve at one false positive rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RocBandPoint {
    /// Share of good images flagged, in \[0, 1\].
    pub false_positive_rate: f64,
    /// Lower end for the share of defects flagged, in \[0, 1\].
    pub lower: f64,
    /// Upper end, never below the lower one.
    pub upper: f64,
}

/// A pointwise confidence band of a ROC curve.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RocBand {
    /// Probability that the band covers the true curve at any one false positive rate.
    pub confidence: f64,
    /// By rising false positive rate, from 0 to 1.
    pub points: Vec<RocBandPoint>,
}

/// Pointwise percentile bootstrap band of the ROC curve: at each false positive rate an interval
/// of the true positive rate.
///
/// Good and defect images are redrawn separately, and each resampled curve is read off vertically,
/// as the R package pROC computes intervals of the sensitivity at given specificities. A resample
/// finds its own threshold for each false positive rate, so the band includes the uncertainty of
/// both kinds of images. It is pointwise: at some of all false positive rates the true curve leaves
/// it more often. The resamples are those of [`crate::bootstrap_auroc`] with the same settings, and
/// like that interval the band shrinks to a line at perfect separation.
/// - `scores`: one an image, larger is more anomalous; infinite scores are allowed
/// - `defects`: one an image, `true` for a defect
///
/// # Errors
/// [`MetricError`] if the lengths differ, a score is NaN, good or defect images are missing, or
/// `config` asks for no resample or for a confidence outside (0, 1).
pub fn bootstrap_roc_band(
    scores: &[f64],
    defects: &[bool],
    config: &BootstrapConfig,
) -> Result<RocBand, MetricError> {
    let ranking = Ranking::new(scores, defects)?;
    let curves = resampled(&ranking, config, |counts| {
        true_positive_rates(counts, ranking.good, ranking.defects)
    })?;
    let points = (0..=STEPS)
        .map(|step| {
            let rates = curves.iter().map(|curve| curve[step]).collect();
            let interval = percentile_interval(rates, config.confidence);
            let false_positive_rate = step as f64 / STEPS as f64;
            RocBandPoint { false_positive_rate, lower: interval.lower, upper: interval.upper }
        })
        .collect();
    Ok(RocBand { confidence: config.confidence, points })
}

/// Height of the ROC curve of tie groups `(good, defects)` over each step: where it rises
/// vertically the top, within a group of ties on the straight line.
fn true_positive_rates(groups: &[(usize, usize)], good: usize, defects: usize) -> Vec<f64> {
    let mut rates = Vec::with_capacity(STEPS + 1);
    let mut groups = groups.iter().filter(|group| **group != (0, 0)).peekable();
    let (mut false_positives, mut true_positives) = (0, 0);
    for step in 0..=STEPS {
        // Compared as whole numbers, so that no step loses its corner to rounding.
        let reach = step * good;
        while let Some(group) = groups.next_if(|group| (false_positives + group.0) * STEPS <= reach)
        {
            false_positives += group.0;
            true_positives += group.1;
        }
        let within = groups.peek().map_or(0.0, |group| {
            let share = (reach - false_positives * STEPS) as f64 / (group.0 * STEPS) as f64;
            share * group.1 as f64
        });
        rates.push((true_positives as f64 + within) / defects as f64);
    }
    rates
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::roc::roc_curve;
    use crate::test_inputs::{normal_scores, tied_scores};

    /// Height of the ROC curve by definition, from its points.
    fn height(scores: &[f64], defects: &[bool], false_positive_rate: f64) -> f64 {
        let points = roc_curve(scores, defects).expect("valid input").points;
        let slack = 1e-9;
        let last =
            points.iter().rposition(|p| p.false_positive_rate <= false_positive_rate + slack);
        let from = points[last.expect("the curve starts at 0")];
        match points.get(last.expect("as above") + 1) {
            Some(to) => {
                let width = to.false_positive_rate - from.false_positive_rate;
                let share = (false_positive_rate - from.false_positive_rate) / width;
                from.true_positive_rate + share * (to.true_positive_rate - from.true_positive_rate)
            }
            None => from.true_positive_rate,
        }
    }

    proptest! {
        #[test]
        fn curves_are_read_off_where_the_roc_runs((scores, defects) in tied_scores()) {
            let ranking = Ranking::new(&scores, &defects).expect("valid input");
            let groups: Vec<(usize, usize)> =
                ranking.groups.iter().map(|group| (group.good, group.defects)).collect();
            let rates = true_positive_rates(&groups, ranking.good, ranking.defects);
            for (step, rate) in rates.iter().enumerate() {
                let golden = height(&scores, &defects, step as f64 / STEPS as f64);
                prop_assert!((rate - golden).abs() < 1e-9, "{rate} at {step}, not {golden}");
            }
        }
    }

    #[test]
    fn covers_the_true_curve_about_as_often_as_it_claims() {
        // Unit normals 1.2 apart: a fifth of the good ones lies above 0.8416, and so does the
        // share Φ(1.2 − 0.8416) = 0.6400 of the defects.
        let (truth, step, sets) = (0.6400, STEPS / 5, 200);
        let config = BootstrapConfig { resamples: 300, confidence: 0.9, seed: 3 };
        let covered = (0..sets)
            .filter(|&set| {
                let (scores, defects) = normal_scores(500 + set, 60, 60, 1.2);
                let band = bootstrap_roc_band(&scores, &defects, &config).expect("valid input");
                band.points[step].lower <= truth && truth <= band.points[step].upper
            })
            .count();
        // The binomial spread of 200 trials is 0.021, three of which to either side are allowed.
        let coverage = covered as f64 / sets as f64;
        assert!((0.83..=0.965).contains(&coverage), "coverage {coverage}");
    }

    #[test]
    fn contains_the_curve_rises_and_narrows_with_more_images() {
        let width = |images| {
            let (scores, defects) = normal_scores(4, images, images, 1.0);
            let config = BootstrapConfig { resamples: 400, ..Default::default() };
            let points = bootstrap_roc_band(&scores, &defects, &config).expect("valid").points;
            assert_eq!((points[STEPS].lower, points[STEPS].upper), (1.0, 1.0));
            assert!(
                points.windows(2).all(|p| p[0].lower <= p[1].lower && p[0].upper <= p[1].upper)
            );
            for point in &points {
                let height = height(&scores, &defects, point.false_positive_rate);
                assert!(point.lower <= height && height <= point.upper, "{point:?} {height}");
            }
            points.iter().map(|point| point.upper - point.lower).sum::<f64>()
        };
        assert!(width(400) < 0.6 * width(50));
    }

    #[test]
    fn perfect_separation_gives_a_line() {
        let band = bootstrap_roc_band(&[1.0, 2.0, 3.0], &[false, false, true], &Default::default())
            .expect("valid input");
        assert!(band.points.iter().all(|point| point.lower == 1.0 && point.upper == 1.0));
    }
}
