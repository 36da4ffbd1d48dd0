//! What a fit tells its caller while it runs.

use std::ops::ControlFlow;

/// What a fit is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// Statistics of the rows are being gathered; counted in rows or blocks of them.
    Statistics,
    /// An optimum is being approached; counted in thousandths of the way, which is a guess.
    Solving,
    /// Networks are being trained; counted in updates.
    Training,
    /// The trained network looks once more at the training images; counted in images.
    Calibrating,
}

/// How far a fit is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FitProgress {
    /// What is being counted.
    pub stage: Stage,
    /// How much is done.
    pub done: usize,
    /// How much there is to do in this stage.
    pub total: usize,
    /// The loss of the last update, which the method's documentation names; `None` without updates.
    pub loss: Option<f64>,
}

/// Sees the progress and may ask to stop.
pub type FitCallback<'a> = dyn FnMut(&FitProgress) -> ControlFlow<()> + 'a;
