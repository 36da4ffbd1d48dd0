//! The receiver operating characteristic (Section 4.3, Figure 5).

use serde::{Deserialize, Serialize};

use crate::error::MetricError;
use crate::ranking::Ranking;

/// Point of the ROC curve: the rates at one threshold.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RocPoint {
    /// A score at or above it is a defect (Eq. 6), in nats.
    pub threshold: f64,
    /// Share of good images flagged, in \[0, 1\].
    pub false_positive_rate: f64,
    /// Share of defects flagged, in \[0, 1\]; also called recall.
    pub true_positive_rate: f64,
}

/// True positive rate over false positive rate for every threshold that makes a difference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RocCurve {
    /// From (0, 0) at threshold +∞ to (1, 1) at the lowest score, one point a distinct score.
    pub points: Vec<RocPoint>,
}

impl RocCurve {
    /// Area under the curve by the trapezoid rule; equals [`crate::auroc`] of the same scores.
    pub fn area(&self) -> f64 {
        self.points
            .windows(2)
            .map(|pair| {
                let width = pair[1].false_positive_rate - pair[0].false_positive_rate;
                width * (pair[0].true_positive_rate + pair[1].true_positive_rate) / 2.0
            })
            .sum()
    }
}

/// ROC curve of the scores, from the strictest threshold to the loosest.
///
/// - `scores`: one an image, larger is more anomalous; infinite scores are allowed
/// - `defects`: one an image, `true` for a defect
///
/// # Errors
/// [`MetricError`] if the lengths differ, a score is NaN, or good or defect images are missing.
pub fn roc_curve(scores: &[f64], defects: &[bool]) -> Result<RocCurve, MetricError> {
    let ranking = Ranking::new(scores, defects)?;
    let mut points = Vec::with_capacity(ranking.groups.len() + 1);
    points.push(RocPoint {
        threshold: f64::INFINITY,
        false_positive_rate: 0.0,
        true_positive_rate: 0.0,
    });
    let (mut false_positives, mut true_positives) = (0, 0);
    for group in &ranking.groups {
        false_positives += group.good;
        true_positives += group.defects;
        points.push(RocPoint {
            threshold: group.score,
            false_positive_rate: false_positives as f64 / ranking.good as f64,
            true_positive_rate: true_positives as f64 / ranking.defects as f64,
        });
    }
    Ok(RocCurve { points })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::auroc::auroc;
    use crate::confusion::confusion;
    use crate::test_inputs::tied_scores;

    proptest! {
        #[test]
        fn trapezoid_area_equals_auroc((scores, defects) in tied_scores()) {
            let curve = roc_curve(&scores, &defects).expect("valid input");
            let golden = auroc(&scores, &defects).expect("valid input");
            // Rounding of at most 40 trapezoids below 1.
            prop_assert!((curve.area() - golden).abs() < 1e-13);
        }

        #[test]
        fn both_rates_rise_from_0_to_1((scores, defects) in tied_scores()) {
            let points = roc_curve(&scores, &defects).expect("valid input").points;
            prop_assert!(points.windows(2).all(|pair| pair[0].threshold > pair[1].threshold
                && pair[0].false_positive_rate <= pair[1].false_positive_rate
                && pair[0].true_positive_rate <= pair[1].true_positive_rate));
            let last = points[points.len() - 1];
            prop_assert_eq!((last.false_positive_rate, last.true_positive_rate), (1.0, 1.0));
        }

        #[test]
        fn each_point_is_the_confusion_at_its_threshold((scores, defects) in tied_scores()) {
            for point in roc_curve(&scores, &defects).expect("valid input").points {
                let counts = confusion(&scores, &defects, point.threshold).expect("valid input");
                prop_assert_eq!(counts.recall(), Some(point.true_positive_rate));
                prop_assert_eq!(counts.false_positive_rate(), Some(point.false_positive_rate));
            }
        }
    }

    #[test]
    fn a_tied_group_is_one_step() {
        let curve =
            roc_curve(&[1.0, 2.0, 2.0, 3.0], &[false, false, true, true]).expect("valid input");
        let rates: Vec<(f64, f64, f64)> = curve
            .points
            .iter()
            .map(|p| (p.threshold, p.false_positive_rate, p.true_positive_rate))
            .collect();
        let golden = [(f64::INFINITY, 0.0, 0.0), (3.0, 0.0, 0.5), (2.0, 0.5, 1.0), (1.0, 1.0, 1.0)];
        assert_eq!(rates, golden);
    }
}
