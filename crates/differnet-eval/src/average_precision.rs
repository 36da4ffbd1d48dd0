//! Average precision: the area under the precision-recall staircase.

use crate::error::MetricError;
use crate::ranking::Ranking;

/// Mean precision over the recalls reached, `Σ (Rₙ − Rₙ₋₁) Pₙ`, without interpolation.
///
/// The sum runs over the distinct scores from the largest down, so equal scores enter together.
/// Unlike the AUROC it depends on the share of defects, which is also its value at chance.
/// - `scores`: one an image, larger is more anomalous; infinite scores are allowed
/// - `defects`: one an image, `true` for a defect
/// - result: in (0, 1\]
///
/// # Errors
/// [`MetricError`] if the lengths differ, a score is NaN, or good or defect images are missing.
pub fn average_precision(scores: &[f64], defects: &[bool]) -> Result<f64, MetricError> {
    let ranking = Ranking::new(scores, defects)?;
    let (mut flagged, mut found, mut sum) = (0, 0, 0.0);
    for group in &ranking.groups {
        flagged += group.good + group.defects;
        found += group.defects;
        sum += group.defects as f64 * (found as f64 / flagged as f64);
    }
    Ok(sum / ranking.defects as f64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::test_inputs::tied_scores;

    proptest! {
        #[test]
        fn is_unchanged_by_strictly_monotone_maps((scores, defects) in tied_scores()) {
            let mapped: Vec<f64> = scores.iter().map(|s| s * s * s + 2.0 * s).collect();
            prop_assert_eq!(
                average_precision(&scores, &defects),
                average_precision(&mapped, &defects)
            );
        }

        #[test]
        fn does_not_depend_on_the_order_of_the_images((scores, defects) in tied_scores()) {
            let reversed_scores: Vec<f64> = scores.iter().rev().copied().collect();
            let reversed_defects: Vec<bool> = defects.iter().rev().copied().collect();
            prop_assert_eq!(
                average_precision(&scores, &defects),
                average_precision(&reversed_scores, &reversed_defects)
            );
        }
    }

    #[test]
    fn hand_derived_values() {
        // Recall 1/2 at precision 1, recall 1 at precision 2/3: (1 + 2/3) / 2 = 5/6.
        let value = average_precision(&[0.1, 0.4, 0.35, 0.8], &[false, false, true, true])
            .expect("valid input");
        assert!((value - 5.0 / 6.0).abs() < 1e-15);
        // All tied: one step to recall 1, at the share of defects.
        assert_eq!(average_precision(&[3.0; 4], &[true, false, false, false]), Ok(0.25));
        // Perfect ranking.
        assert_eq!(average_precision(&[1.0, 2.0], &[false, true]), Ok(1.0));
    }
}
