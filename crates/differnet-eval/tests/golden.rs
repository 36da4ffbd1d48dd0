//! Metrics against scikit-learn's on scores with many ties.
//!
//! `golden/metrics.json` was computed with scikit-learn (`roc_auc_score`,
//! `average_precision_score`); the recall at zero false positives there is the share of defects
//! strictly above the highest good score.

use differnet_eval::{auroc, average_precision, recall_at_zero_false_positives, roc_curve};
use serde::Deserialize;

/// Both sides sum a few hundred terms in `f64`; 1e-9 leaves room for the order only.
const TOLERANCE: f64 = 1e-9;

#[derive(Deserialize)]
struct Golden {
    scores: Vec<f64>,
    labels: Vec<u8>,
    auroc: f64,
    average_precision: f64,
    recall_at_zero_fp: f64,
}

#[test]
fn metrics_agree_with_scikit_learn() {
    let golden: Golden =
        serde_json::from_str(include_str!("golden/metrics.json")).expect("committed file");
    let defects: Vec<bool> = golden.labels.iter().map(|&label| label == 1).collect();
    let near = |value: f64, golden: f64| {
        assert!((value - golden).abs() < TOLERANCE, "{value} instead of {golden}");
    };
    near(auroc(&golden.scores, &defects).expect("valid"), golden.auroc);
    near(roc_curve(&golden.scores, &defects).expect("valid").area(), golden.auroc);
    near(average_precision(&golden.scores, &defects).expect("valid"), golden.average_precision);
    near(
        recall_at_zero_false_positives(&golden.scores, &defects).expect("valid"),
        golden.recall_at_zero_fp,
    );
}
