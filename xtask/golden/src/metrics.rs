//! Metrics (Section 4.3) against scikit-learn's, on scores with ties.

use std::fs;
use std::path::Path;

use anyhow::Context;
use differnet_eval::{auroc, average_precision, recall_at_zero_false_positives, roc_curve};
use serde::Deserialize;

use crate::check::{Check, Measure};

/// Sums of a few hundred terms in double precision, in another order.
const TOLERANCE: f64 = 1e-9;

/// Scores, labels and what scikit-learn made of them.
#[derive(Debug, Deserialize)]
pub(super) struct GoldenMetrics {
    scores: Vec<f64>,
    /// 1 for a defect.
    labels: Vec<u8>,
    auroc: f64,
    average_precision: f64,
    recall_at_zero_fp: f64,
}

impl GoldenMetrics {
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path);
        let text = text.with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("cannot understand {}", path.display()))
    }

    pub(super) fn checks(&self) -> anyhow::Result<Vec<Check>> {
        let scores = &self.scores;
        let defects: Vec<bool> = self.labels.iter().map(|&label| label == 1).collect();
        let pairs = [
            ("AUROC", auroc(scores, &defects)?, self.auroc),
            ("area under the ROC curve", roc_curve(scores, &defects)?.area(), self.auroc),
            ("average precision", average_precision(scores, &defects)?, self.average_precision),
            (
                "recall at zero false positives",
                recall_at_zero_false_positives(scores, &defects)?,
                self.recall_at_zero_fp,
            ),
        ];
        let check = |(name, found, golden): (&str, f64, f64)| {
            let subject = format!("metrics {name}");
            let check = Check::of(subject, Measure::Absolute, &[found], &[golden], TOLERANCE);
            Check { note: format!("{found:.6}"), ..check }
        };
        Ok(pairs.map(check).into())
    }
}
