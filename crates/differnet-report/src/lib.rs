//! Plots, overlays, tables and the HTML report of anomaly scores and maps: numbers and pictures in,
//! documents out.
//!
//! The numbers are those of [`differnet_eval`]. The crate knows nothing of models.

mod evaluation_summary;
mod lettering;
mod number;
mod overlay;
mod plot;
mod report;
mod scores_csv;
mod table;
#[cfg(test)]
mod test_inputs;

pub use evaluation_summary::EvaluationSummary;
pub use lettering::{draw_text, text_width};
pub use number::duration;
pub use overlay::{map_color, overlay, with_scale};
pub use plot::{
    CurvePoint, CurvesPlot, LossPoint, PlotError, XScale, curves_svg, histogram_svg, loss_svg,
    roc_band_svg, roc_svg,
};
pub use report::{
    DataFingerprints, EncodedImage, ImageFormat, ImagePictures, ModelDescription, Report,
    ReportImage, ReportSection, UnusableFile, UnusableKind, small_picture, write_report,
};
pub use scores_csv::{csv_field, write_scores_csv};
pub use table::{markdown_table, text_table};
