//! The loop around a training: batches, progress, and when to stop.

use std::ops::ControlFlow;

use differnet_random::BatchOrder;

use crate::error::BaselineError;
use crate::progress::{FitCallback, FitProgress, Stage};

/// How much is trained, and in which portions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schedule {
    /// Rows to visit in random order, each once an epoch.
    pub(crate) rows: usize,
    /// Rows of an update, at most.
    pub(crate) batch_size: usize,
    /// Updates in all.
    pub(crate) updates: usize,
}

/// Calls `step` for each update with its number and its rows; `step` returns the loss to report.
///
/// [`ControlFlow::Break`] if `progress` asked to stop.
///
/// # Errors
/// The first error that `step` returns.
pub(crate) fn run(
    schedule: Schedule,
    seed: u64,
    progress: &mut FitCallback<'_>,
    mut step: impl FnMut(usize, &[usize]) -> Result<f64, BaselineError>,
) -> Result<ControlFlow<()>, BaselineError> {
    let Schedule { rows, batch_size, updates: total } = schedule;
    let mut order = BatchOrder::new(seed, rows, batch_size);
    for update in 0..total {
        let loss = Some(step(update, order.batch(update as u64))?);
        let report = FitProgress { stage: Stage::Training, done: update + 1, total, loss };
        if progress(&report).is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// The batches of one epoch, in the order of `seed`: each row once.
pub(crate) fn epoch(schedule: Schedule, seed: u64) -> Vec<Vec<usize>> {
    let mut order = BatchOrder::new(seed, schedule.rows, schedule.batch_size);
    (0..order.batches_per_epoch()).map(|batch| order.batch(batch as u64).to_vec()).collect()
}
