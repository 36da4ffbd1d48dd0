//! Verdicts against labels at one threshold (Eq. 6).

use serde::{Deserialize, Serialize};

use crate::error::MetricError;
use crate::ranking::check_pairs;

/// Confusion counts: verdicts at one threshold against labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ConfusionCounts {
    /// Defects called defect.
    pub true_positives: usize,
    /// Good images called defect: false alarms.
    pub false_positives: usize,
    /// Good images called good.
    pub true_negatives: usize,
    /// Defects called good: misses.
    pub false_negatives: usize,
}

impl ConfusionCounts {
    /// Share of the defects that were found; `None` without defects.
    pub fn recall(&self) -> Option<f64> {
        ratio(self.true_positives, self.true_positives + self.false_negatives)
    }

    /// Share of the good images that raised a false alarm; `None` without good images.
    pub fn false_positive_rate(&self) -> Option<f64> {
        ratio(self.false_positives, self.false_positives + self.true_negatives)
    }

    /// Share of the alarms that were defects; `None` without alarms.
    pub fn precision(&self) -> Option<f64> {
        ratio(self.true_positives, self.true_positives + self.false_positives)
    }
}

/// Verdict on one score: at or above the threshold it is a defect (Eq. 6).
pub fn is_defect(score: f64, threshold: f64) -> bool {
    score >= threshold
}

/// Counts of right and wrong verdicts, a score at or above `threshold` being a defect (Eq. 6).
///
/// One kind of image may be missing: its counts are 0.
/// - `scores`: one an image, in the unit of `threshold`
/// - `defects`: one an image, `true` for a defect
///
/// # Errors
/// [`MetricError::LengthsDiffer`], [`MetricError::NanScore`], [`MetricError::NanThreshold`].
pub fn confusion(
    scores: &[f64],
    defects: &[bool],
    threshold: f64,
) -> Result<ConfusionCounts, MetricError> {
    check_pairs(scores, defects)?;
    if threshold.is_nan() {
        return Err(MetricError::NanThreshold);
    }
    let mut counts = ConfusionCounts::default();
    for (&score, &defect) in scores.iter().zip(defects) {
        match (is_defect(score, threshold), defect) {
            (true, true) => counts.true_positives += 1,
            (true, false) => counts.false_positives += 1,
            (false, false) => counts.true_negatives += 1,
            (false, true) => counts.false_negatives += 1,
        }
    }
    Ok(counts)
}

fn ratio(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_equal_to_the_threshold_is_a_defect() {
        let scores = [1.0, 2.0, 3.0, 1.5, 2.0, 9.0, 8.0];
        let defects = [false, false, false, true, true, true, true];
        let counts = confusion(&scores, &defects, 2.0).expect("valid input");
        let golden = ConfusionCounts {
            true_positives: 3,
            false_positives: 2,
            true_negatives: 1,
            false_negatives: 1,
        };
        assert_eq!(counts, golden);
        assert_eq!(counts.recall(), Some(0.75));
        assert_eq!(counts.false_positive_rate(), Some(2.0 / 3.0));
        assert_eq!(counts.precision(), Some(0.6));
    }

    #[test]
    fn rates_without_images_are_absent_rather_than_nan() {
        let counts = confusion(&[1.0], &[false], 2.0).expect("one kind suffices");
        assert_eq!(counts.recall(), None);
        assert_eq!(counts.precision(), None);
        assert_eq!(counts.false_positive_rate(), Some(0.0));
    }

    #[test]
    fn a_nan_threshold_is_refused() {
        assert_eq!(confusion(&[1.0], &[true], f64::NAN), Err(MetricError::NanThreshold));
    }
}
