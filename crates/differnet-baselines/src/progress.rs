//! What a training tells its caller while it runs.

use std::ops::ControlFlow;

/// What a training is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// Networks are being trained; counted in updates.
    Training,
    /// The trained network looks once more at the training images; counted in images.
    Calibrating,
}

/// How far a training is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FitProgress {
    /// What is being counted.
    pub stage: Stage,
    /// How much is done.
    pub done: usize,
    /// How much there is to do in this stage.
    pub total: usize,
    /// The loss of the last update; the method's documentation says which one.
    pub loss: Option<f64>,
}

/// Sees the progress and may ask to stop.
pub type FitCallback<'a> = dyn FnMut(&FitProgress) -> ControlFlow<()> + 'a;
