//! The paper's figures as SVG documents: ROC (Figure 5), histogram (Figure 6), curves (Figure 7), and
//! the loss.
//!
//! Colours are blue for good images and vermilion for defects everywhere, from a palette that
//! colour-blind readers can tell apart. Documents have a white background and need no fonts.

mod axis;
mod bins;
mod canvas;
mod curves;
mod frame;
mod histogram;
mod loss;
mod palette;
mod roc;

pub use curves::{CurvePoint, CurvesPlot, XScale, curves_svg};
pub use histogram::histogram_svg;
pub(crate) use histogram::{ScoresByLabel, scores_svg};
pub use loss::{LossPoint, loss_svg};
pub use roc::{roc_band_svg, roc_svg};

/// Error that keeps a plot from being drawn.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlotError {
    /// There is nothing to show.
    #[error("nothing to plot: {what}")]
    NoData {
        /// Missing data.
        what: &'static str,
    },
    /// A value without a place on its axis.
    #[error("cannot plot {what} number {index} (counting from 0): it is NaN")]
    NotANumber {
        /// Name of the value.
        what: &'static str,
        /// Its position among its kind.
        index: usize,
    },
    /// The drawing backend failed.
    #[error("cannot draw the plot")]
    Draw {
        /// The backend's reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
