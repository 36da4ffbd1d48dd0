//! Recall at zero false positives (Section 4.3, text on Figure 6).

use crate::error::MetricError;
use crate::ranking::check_pairs;

/// Share of defects that score strictly above every good image.
///
/// The recall of the lowest threshold without a false alarm; the paper reports about 50 % on MTD.
/// - `scores`: one an image, larger is more anomalous; infinite scores are allowed
/// - `defects`: one an image, `true` for a defect
/// - result: in \[0, 1\]
///
/// # Errors
/// [`MetricError`] if the lengths differ, a score is NaN, or good or defect images are missing.
pub fn recall_at_zero_false_positives(
    scores: &[f64],
    defects: &[bool],
) -> Result<f64, MetricError> {
    check_pairs(scores, defects)?;
    let images = scores.len();
    let of_kind = |wanted: bool| {
        scores.iter().zip(defects).filter(move |pair| *pair.1 == wanted).map(|pair| *pair.0)
    };
    let highest_good =
        of_kind(false).reduce(f64::max).ok_or(MetricError::NoGoodImage { images })?;
    let defect_images = of_kind(true).count();
    if defect_images == 0 {
        return Err(MetricError::NoDefectImage { images });
    }
    let found = of_kind(true).filter(|&score| score > highest_good).count();
    Ok(found as f64 / defect_images as f64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::roc::roc_curve;
    use crate::test_inputs::tied_scores;

    proptest! {
        #[test]
        fn equals_the_highest_roc_point_without_false_positives(
            (scores, defects) in tied_scores()
        ) {
            let curve = roc_curve(&scores, &defects).expect("valid input");
            let golden = curve
                .points
                .iter()
                .filter(|point| point.false_positive_rate == 0.0)
                .map(|point| point.true_positive_rate)
                .fold(0.0, f64::max);
            prop_assert_eq!(recall_at_zero_false_positives(&scores, &defects), Ok(golden));
        }
    }

    #[test]
    fn a_defect_tied_with_the_highest_good_image_is_not_found() {
        let scores = [1.0, 2.0, 2.0, 3.0, f64::INFINITY];
        let defects = [false, false, true, true, true];
        assert_eq!(recall_at_zero_false_positives(&scores, &defects), Ok(2.0 / 3.0));
    }

    #[test]
    fn missing_kinds_are_errors() {
        assert_eq!(
            recall_at_zero_false_positives(&[1.0], &[true]),
            Err(MetricError::NoGoodImage { images: 1 })
        );
        assert_eq!(
            recall_at_zero_false_positives(&[1.0], &[false]),
            Err(MetricError::NoDefectImage { images: 1 })
        );
    }
}
