//! Metrics, intervals, tables and plots for anomaly scores and maps (Sections 4.3 and 4.4):
//! numbers in, documents out.
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
mod lettering;
mod number;
mod overlay;
mod pixel;
mod plot;
mod ranking;
mod report;
mod resampling;
mod roc;
mod roc_band;
mod scores_csv;
mod table;
#[cfg(test)]
mod test_inputs;
mod zero_false_positives;

pub use auroc::auroc;
pub use average_precision::average_precision;
pub use bootstrap::{Interval, bootstrap_auroc};
pub use confusion::{ConfusionCounts, confusion, is_defect};
pub use error::MetricError;
pub use evaluation::{KindMetrics, Metrics, ScoredImage, evaluate};
pub use lettering::{draw_text, text_width};
pub use number::duration;
pub use overlay::{map_color, overlay, with_scale};
pub use pixel::{PixelEvaluation, PixelMetrics};
pub use plot::{
    CurvePoint, CurvesPlot, LossPoint, PlotError, XScale, curves_svg, histogram_svg, loss_svg,
    roc_band_svg, roc_svg,
};
pub use report::{
    EncodedImage, ImageFormat, Report, ReportImage, ReportSection, UnusableFile, small_picture,
    write_report,
};
pub use resampling::BootstrapConfig;
pub use roc::{RocCurve, RocPoint, roc_curve};
pub use roc_band::{RocBand, RocBandPoint, bootstrap_roc_band};
pub use scores_csv::write_scores_csv;
pub use table::{markdown_table, text_table};
pub use zero_false_positives::recall_at_zero_false_positives;
