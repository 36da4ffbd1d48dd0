//! What the scores of a test set amount to, as far as its labels allow.

use differnet_eval::{ConfusionCounts, MetricError, Metrics, ScoredImage, confusion, evaluate};
use serde::Serialize;

/// What the scores of a test set amount to.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Findings {
    /// There are good and defective images: every metric.
    BothKinds(Metrics),
    /// All images are good, or all are defective: verdicts against labels.
    OneKind(Verdicts),
}

/// What is known of a test set of one kind.
#[derive(Debug, Serialize)]
pub(crate) struct Verdicts {
    /// Images in all.
    images: usize,
    /// Good images.
    good: usize,
    /// Defect images.
    defects: usize,
    /// The model's, in the unit of its scores.
    threshold: f64,
    /// Verdicts against labels.
    confusion: ConfusionCounts,
    /// Why there is no more.
    missing_metrics: String,
}

impl Findings {
    /// What the scores of `images` amount to; `seed` starts the bootstrap.
    ///
    /// # Errors
    /// [`MetricError`] if a score is NaN.
    pub(crate) fn of(
        images: &[ScoredImage],
        threshold: f64,
        seed: u64,
    ) -> Result<Self, MetricError> {
        let missing = match evaluate(images, Some(threshold), seed) {
            Ok(metrics) => return Ok(Self::BothKinds(metrics)),
            Err(error) => error,
        };
        let one_kind =
            matches!(missing, MetricError::NoDefectImage { .. } | MetricError::NoGoodImage { .. });
        if !one_kind {
            return Err(missing);
        }
        let scores: Vec<f64> = images.iter().map(|image| image.score).collect();
        let labels: Vec<bool> = images.iter().map(ScoredImage::is_defect).collect();
        let defects = labels.iter().filter(|&&defect| defect).count();
        Ok(Self::OneKind(Verdicts {
            images: images.len(),
            good: images.len() - defects,
            defects,
            threshold,
            confusion: confusion(&scores, &labels, threshold)?,
            missing_metrics: missing.to_string(),
        }))
    }

    /// Every metric, if there are images of both kinds.
    pub(crate) fn metrics(&self) -> Option<&Metrics> {
        match self {
            Self::BothKinds(metrics) => Some(metrics),
            Self::OneKind(_) => None,
        }
    }

    /// The threshold that verdicts come from.
    pub(crate) fn threshold(&self) -> Option<f64> {
        match self {
            Self::BothKinds(metrics) => metrics.threshold,
            Self::OneKind(verdicts) => Some(verdicts.threshold),
        }
    }

    /// The numbers, for people, a line each.
    pub(crate) fn describe(&self) -> Vec<String> {
        match self {
            Self::BothKinds(metrics) => describe_metrics(metrics),
            Self::OneKind(verdicts) => {
                let Verdicts { good, defects, threshold, confusion, .. } = verdicts;
                let fate = if *defects == 0 {
                    format!("{} of {good} good parts rejected", confusion.false_positives)
                } else {
                    format!("{} of {defects} defects found", confusion.true_positives)
                };
                vec![
                    format!("{good} good and {defects} defective images"),
                    String::new(),
                    format!("At the threshold {threshold:.2}: {fate}"),
                    format!("note: {}", verdicts.missing_metrics),
                ]
            }
        }
    }
}

fn describe_metrics(metrics: &Metrics) -> Vec<String> {
    let interval = metrics.auroc_ci95;
    let mut lines = vec![
        format!("{} good and {} defective images", metrics.good, metrics.defects),
        String::new(),
        format!(
            "AUROC                        {:.4}  (95 % interval {:.4} to {:.4})",
            metrics.auroc, interval.lower, interval.upper
        ),
        format!("Average precision            {:.4}", metrics.average_precision),
        format!("Recall without false alarms  {:.4}", metrics.recall_at_zero_fp),
    ];
    if let (Some(threshold), Some(counts)) = (metrics.threshold, metrics.confusion) {
        lines.push(format!(
            "At the threshold {threshold:.2}: {} of {} defects found, {} of {} good parts rejected",
            counts.true_positives, metrics.defects, counts.false_positives, metrics.good
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(kind: Option<&str>, score: f64) -> ScoredImage {
        ScoredImage { path: "a.png".into(), kind: kind.map(String::from), score }
    }

    #[test]
    fn images_of_one_kind_still_have_verdicts() {
        let good = [image(None, 1.0), image(None, 3.0)];
        let findings = Findings::of(&good, 2.0, 0).expect("scores are numbers");
        assert_eq!(findings.threshold(), Some(2.0));
        let json = serde_json::to_value(&findings).expect("plain data");
        assert_eq!((&json["good"], &json["confusion"]["false_positives"]), (&2.into(), &1.into()));
        assert!(json["missing_metrics"].as_str().is_some_and(|text| text.contains("no defect")));
        assert_eq!(json.get("auroc"), None);
        assert!(findings.describe()[2].ends_with("1 of 2 good parts rejected"));

        let defects = [image(Some("hole"), 1.0), image(Some("hole"), 3.0)];
        let findings = Findings::of(&defects, 2.0, 0).expect("scores are numbers");
        assert!(findings.describe()[2].ends_with("1 of 2 defects found"));
        let nan = [image(None, f64::NAN)];
        assert!(Findings::of(&nan, 2.0, 0).is_err());
    }
}
