//! All numbers of one evaluation in one value (Section 4.3), ready for `metrics.json`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::auroc::auroc;
use crate::average_precision::average_precision;
use crate::bootstrap::{Interval, bootstrap_auroc};
use crate::confusion::{ConfusionCounts, confusion};
use crate::error::MetricError;
use crate::resampling::BootstrapConfig;
use crate::zero_false_positives::recall_at_zero_false_positives;

/// One test image with its label and its anomaly score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScoredImage {
    /// Origin of the image; only shown, never opened.
    pub path: String,
    /// The kind of defect it shows; `None` for a good image.
    pub kind: Option<String>,
    /// Anomaly score, larger is more anomalous (nats for a flow).
    pub score: f64,
    /// Reason for an invalid verdict; `None` for a valid image. Metrics count either by its score, and verdicts
    /// only valid ones.
    pub invalid: Option<String>,
}

impl ScoredImage {
    /// Tells whether the label says defect.
    pub fn is_defect(&self) -> bool {
        self.kind.is_some()
    }
}

/// Metrics of one kind of defect against all good images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KindMetrics {
    /// The kind of defect.
    pub kind: String,
    /// Images of this kind.
    pub images: usize,
    /// AUROC of these images against all good ones, in \[0, 1\].
    pub auroc: f64,
}

/// Metrics of one evaluation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Area under the ROC curve, in \[0, 1\].
    pub auroc: f64,
    /// Its 95 % bootstrap interval, with respect to the choice of test images.
    pub auroc_ci95: Interval,
    /// Average precision, in (0, 1\].
    pub average_precision: f64,
    /// Share of defects above every good image, in \[0, 1\].
    pub recall_at_zero_fp: f64,
    /// Images in all.
    pub images: usize,
    /// Good images.
    pub good: usize,
    /// Defect images.
    pub defects: usize,
    /// One entry a kind of defect, sorted by name.
    pub per_kind: Vec<KindMetrics>,
    /// The threshold given, in the unit of the scores.
    pub threshold: Option<f64>,
    /// Verdicts against labels at that threshold (Eq. 6), of images that get one; absent without a threshold.
    pub confusion: Option<ConfusionCounts>,
}

/// Every metric of a labelled, scored test set.
///
/// Nothing is chosen on these images: `threshold` must come from elsewhere. `seed` starts the
/// bootstrap (2000 resamples). The order of the images does not matter.
///
/// # Errors
/// [`MetricError`] if a score or the threshold is NaN, or good or defect images are missing;
/// the index in [`MetricError::NanScore`] counts `images`.
pub fn evaluate(
    images: &[ScoredImage],
    threshold: Option<f64>,
    seed: u64,
) -> Result<Metrics, MetricError> {
    let scores: Vec<f64> = images.iter().map(|image| image.score).collect();
    let labels: Vec<bool> = images.iter().map(ScoredImage::is_defect).collect();
    let defects = labels.iter().filter(|&&defect| defect).count();
    let bootstrap = BootstrapConfig { seed, ..Default::default() };
    Ok(Metrics {
        auroc: auroc(&scores, &labels)?,
        auroc_ci95: bootstrap_auroc(&scores, &labels, &bootstrap)?,
        average_precision: average_precision(&scores, &labels)?,
        recall_at_zero_fp: recall_at_zero_false_positives(&scores, &labels)?,
        images: images.len(),
        good: images.len() - defects,
        defects,
        per_kind: per_kind(images)?,
        threshold,
        confusion: threshold.map(|threshold| verdicts(images, threshold)).transpose()?,
    })
}

/// Verdicts at `threshold` on the images that get one, against their labels.
pub(crate) fn verdicts(
    images: &[ScoredImage],
    threshold: f64,
) -> Result<ConfusionCounts, MetricError> {
    let judged = images.iter().filter(|image| image.invalid.is_none());
    let (scores, labels): (Vec<f64>, Vec<bool>) =
        judged.map(|image| (image.score, image.is_defect())).unzip();
    confusion(&scores, &labels, threshold)
}

/// AUROC of each kind of defect against all good images, sorted by kind.
fn per_kind(images: &[ScoredImage]) -> Result<Vec<KindMetrics>, MetricError> {
    let mut scores_by_kind = BTreeMap::<&str, Vec<f64>>::new();
    let mut good_scores = Vec::new();
    for image in images {
        match &image.kind {
            Some(kind) => scores_by_kind.entry(kind).or_default().push(image.score),
            None => good_scores.push(image.score),
        }
    }
    scores_by_kind
        .into_iter()
        .map(|(kind, mut scores)| {
            let images = scores.len();
            let mut labels = vec![true; images];
            scores.extend_from_slice(&good_scores);
            labels.resize(scores.len(), false);
            Ok(KindMetrics { kind: kind.to_owned(), images, auroc: auroc(&scores, &labels)? })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(kind: Option<&str>, score: f64) -> ScoredImage {
        ScoredImage {
            path: String::from("part.png"),
            kind: kind.map(String::from),
            score,
            invalid: None,
        }
    }

    fn small_test_set() -> Vec<ScoredImage> {
        vec![
            image(Some("scratch"), 5.0),
            image(None, 1.0),
            image(Some("dent"), 1.5),
            image(None, 2.0),
            image(Some("dent"), 3.0),
        ]
    }

    #[test]
    fn hand_derived_values_of_a_small_test_set() {
        let metrics = evaluate(&small_test_set(), Some(2.0), 1).expect("valid input");
        // Of six pairs only dent 1.5 against good 2.0 is lost.
        assert!((metrics.auroc - 5.0 / 6.0).abs() < 1e-15);
        // Precision 1, 1 and 3/4 where the three defects are found.
        assert!((metrics.average_precision - 2.75 / 3.0).abs() < 1e-15);
        assert_eq!(metrics.recall_at_zero_fp, 2.0 / 3.0);
        assert_eq!((metrics.images, metrics.good, metrics.defects), (5, 2, 3));
        let kinds = [
            KindMetrics { kind: String::from("dent"), images: 2, auroc: 0.75 },
            KindMetrics { kind: String::from("scratch"), images: 1, auroc: 1.0 },
        ];
        assert_eq!(metrics.per_kind, kinds);
        let counts = ConfusionCounts {
            true_positives: 2,
            false_positives: 1,
            true_negatives: 1,
            false_negatives: 1,
        };
        assert_eq!(metrics.confusion, Some(counts));
    }

    #[test]
    fn images_that_are_not_judged_have_scores_and_no_verdicts() {
        let mut images = small_test_set();
        images[0].invalid = Some(String::from("too dark"));
        images[3].invalid = Some(String::from("too dark"));
        let metrics = evaluate(&images, Some(2.0), 1).expect("valid input");
        assert!((metrics.auroc - 5.0 / 6.0).abs() < 1e-15);
        let counts = ConfusionCounts {
            true_positives: 1,
            false_positives: 0,
            true_negatives: 1,
            false_negatives: 1,
        };
        assert_eq!(metrics.confusion, Some(counts));
        images.iter_mut().for_each(|image| image.invalid = Some(String::from("too dark")));
        let metrics = evaluate(&images, Some(2.0), 1).expect("valid input");
        assert_eq!(metrics.confusion, Some(ConfusionCounts::default()));
    }

    #[test]
    fn the_order_of_the_images_does_not_matter() {
        let mut reversed = small_test_set();
        reversed.reverse();
        assert_eq!(evaluate(&small_test_set(), None, 4), evaluate(&reversed, None, 4));
    }

    #[test]
    fn json_has_the_documented_keys_and_reads_back() {
        let metrics = evaluate(&small_test_set(), None, 1).expect("valid input");
        let json = serde_json::to_value(&metrics).expect("plain numbers");
        for key in ["auroc", "average_precision", "recall_at_zero_fp", "images", "per_kind"] {
            assert!(json.get(key).is_some(), "{key}");
        }
        assert_eq!(json["auroc_ci95"].as_array().map(Vec::len), Some(2));
        assert!(json["threshold"].is_null() && json["confusion"].is_null());
        assert_eq!(serde_json::from_value::<Metrics>(json).expect("own output"), metrics);
    }

    #[test]
    fn a_test_set_without_defects_or_with_nan_is_refused() {
        let good = [image(None, 1.0), image(None, 2.0)];
        assert_eq!(evaluate(&good, None, 0), Err(MetricError::NoDefectImage { images: 2 }));
        let broken = [image(None, 1.0), image(Some("dent"), f64::NAN)];
        assert_eq!(evaluate(&broken, None, 0), Err(MetricError::NanScore { index: 1 }));
    }
}
