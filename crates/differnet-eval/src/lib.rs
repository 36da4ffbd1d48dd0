//! Metrics, intervals, tables and plots for anomaly scores (Section 4.3): numbers in, documents
//! out.
//!
//! Everywhere a larger score is more anomalous, a label `true` is a defect, and equal scores are
//! ties: they count half in the AUROC and move together in curves. The crate knows nothing of
//! models or of where images come from.

mod auroc;
mod average_precision;
mod bootstrap;
mod confusion;
mod error;
mod evaluation;
mod plot;
mod quantile;
mod ranking;
mod roc;
mod scores_csv;
mod table;
#[cfg(test)]
mod test_inputs;
mod zero_false_positives;

pub use auroc::auroc;
pub use average_precision::average_precision;
pub use bootstrap::{BootstrapConfig, Interval, bootstrap_auroc};
pub use confusion::{ConfusionCounts, confusion, is_defect};
pub use error::MetricError;
pub use evaluation::{KindMetrics, Metrics, ScoredImage, evaluate};
pub use plot::{LossPoint, PlotError, histogram_svg, loss_svg, roc_svg};
pub use roc::{RocCurve, RocPoint, roc_curve};
pub use scores_csv::write_scores_csv;
pub use table::{markdown_table, text_table};
pub use zero_false_positives::recall_at_zero_false_positives;
