//! Metrics of a labelled, scored test set, as far as its labels allow.

use serde::Serialize;

use crate::confusion::ConfusionCounts;
use crate::error::MetricError;
use crate::evaluation::{Metrics, ScoredImage, evaluate, verdicts};

/// Metrics of a test set whose images may all have the same label.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum TestSetMetrics {
    /// Good and defective images: every metric.
    BothClasses(Metrics),
    /// Good images alone, or defective ones alone: verdicts against labels.
    OneClass(OneClassMetrics),
}

/// Metrics of a test set of good images alone, or of defective ones alone.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OneClassMetrics {
    /// Images in all.
    pub images: usize,
    /// Good images.
    pub good: usize,
    /// Defect images.
    pub defects: usize,
    /// The threshold given, in the unit of the scores.
    pub threshold: f64,
    /// Verdicts against labels at that threshold (Eq. 6), of images that get one.
    pub confusion: ConfusionCounts,
    /// A sentence why there are no more metrics.
    pub missing_metrics: String,
}

/// Images of a test set that get no verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct InvalidCounts {
    /// Good ones.
    pub invalid_good: usize,
    /// Defective ones.
    pub invalid_defects: usize,
}

impl InvalidCounts {
    /// The counts of `images`.
    pub fn of(images: &[ScoredImage]) -> Self {
        let invalid = || images.iter().filter(|image| image.invalid.is_some());
        let invalid_defects = invalid().filter(|image| image.is_defect()).count();
        Self { invalid_good: invalid().count() - invalid_defects, invalid_defects }
    }
}

impl TestSetMetrics {
    /// The metrics of `images` with verdicts at `threshold`; `seed` starts the bootstrap.
    ///
    /// # Errors
    /// [`MetricError`] if a score or the threshold is NaN.
    pub fn of(images: &[ScoredImage], threshold: f64, seed: u64) -> Result<Self, MetricError> {
        let missing = match evaluate(images, Some(threshold), seed) {
            Ok(metrics) => return Ok(Self::BothClasses(metrics)),
            Err(error) => error,
        };
        let one_class =
            matches!(missing, MetricError::NoDefectImage { .. } | MetricError::NoGoodImage { .. });
        if !one_class {
            return Err(missing);
        }
        let defects = images.iter().filter(|image| image.is_defect()).count();
        Ok(Self::OneClass(OneClassMetrics {
            images: images.len(),
            good: images.len() - defects,
            defects,
            threshold,
            confusion: verdicts(images, threshold)?,
            missing_metrics: missing.to_string(),
        }))
    }

    /// Every metric; `None` unless there are images of both classes.
    pub fn both_classes(&self) -> Option<&Metrics> {
        match self {
            Self::BothClasses(metrics) => Some(metrics),
            Self::OneClass(_) => None,
        }
    }

    /// The threshold of the verdicts, in the unit of the scores.
    pub fn threshold(&self) -> Option<f64> {
        match self {
            Self::BothClasses(metrics) => metrics.threshold,
            Self::OneClass(metrics) => Some(metrics.threshold),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(kind: Option<&str>, score: f64) -> ScoredImage {
        ScoredImage { path: "a.png".into(), kind: kind.map(String::from), score, invalid: None }
    }

    #[test]
    fn images_of_one_class_still_have_verdicts() {
        let good = [image(None, 1.0), image(None, 3.0)];
        let metrics = TestSetMetrics::of(&good, 2.0, 0).expect("scores are numbers");
        assert_eq!((metrics.threshold(), metrics.both_classes()), (Some(2.0), None));
        let json = serde_json::to_value(&metrics).expect("plain data");
        assert_eq!((&json["good"], &json["confusion"]["false_positives"]), (&2.into(), &1.into()));
        assert!(json["missing_metrics"].as_str().is_some_and(|text| text.contains("no defect")));
        assert_eq!(json.get("auroc"), None);

        let defects = [image(Some("hole"), 1.0), image(Some("hole"), 3.0)];
        let metrics = TestSetMetrics::of(&defects, 2.0, 0).expect("scores are numbers");
        let json = serde_json::to_value(&metrics).expect("plain data");
        assert_eq!(json["confusion"]["true_positives"], 1);
    }

    #[test]
    fn images_of_both_classes_have_every_metric() {
        let images = [image(None, 1.0), image(Some("hole"), 3.0)];
        let metrics = TestSetMetrics::of(&images, 2.0, 7).expect("scores are numbers");
        let golden = evaluate(&images, Some(2.0), 7).expect("both classes");
        assert_eq!((metrics.both_classes(), metrics.threshold()), (Some(&golden), Some(2.0)));
    }

    #[test]
    fn scores_that_are_no_numbers_are_refused() {
        let nan = [image(None, f64::NAN)];
        assert_eq!(TestSetMetrics::of(&nan, 2.0, 0), Err(MetricError::NanScore { index: 0 }));
    }
}
