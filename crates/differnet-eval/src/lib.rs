//! Metrics and their intervals for anomaly scores and maps (Sections 4.3 and 4.4): numbers in, numbers
//! out.
//!
//! Everywhere a larger score is more anomalous, a label `true` is a defect, and equal scores are
//! ties: they count half in the AUROC and move together in curves. The crate knows nothing of
//! models, plots or where images come from.

mod auroc;
mod auroc_difference;
mod average_precision;
mod bootstrap;
mod confusion;
mod error;
mod evaluation;
mod pairs_won;
mod pixel;
mod ranking;
mod resampling;
mod roc;
mod roc_band;
#[cfg(test)]
mod test_inputs;
mod test_set;
mod zero_false_positives;

pub use auroc::auroc;
pub use auroc_difference::{AurocDifference, auroc_difference};
pub use average_precision::average_precision;
pub use bootstrap::{Interval, bootstrap_auroc};
pub use confusion::{ConfusionCounts, confusion, is_defect};
pub use error::MetricError;
pub use evaluation::{KindMetrics, Metrics, ScoredImage, evaluate};
pub use pairs_won::pairs_won;
pub use pixel::{PixelEvaluation, PixelMetrics};
pub use resampling::BootstrapConfig;
pub use roc::{RocCurve, RocPoint, roc_curve};
pub use roc_band::{RocBand, RocBandPoint, bootstrap_roc_band};
pub use test_set::{InvalidCounts, OneClassMetrics, TestSetMetrics};
pub use zero_false_positives::recall_at_zero_false_positives;
