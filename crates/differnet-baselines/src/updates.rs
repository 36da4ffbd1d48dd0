//! The training loop: batches, progress and cancelling.

use differnet_progress::{Monitor, Progress, Stage};
use differnet_random::BatchOrder;

use crate::error::BaselineError;

/// Schedule of a training: updates and batches.
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
/// # Errors
/// The first error that `step` returns; [`BaselineError::Cancelled`] if `monitor` says so.
pub(crate) fn run(
    schedule: Schedule,
    seed: u64,
    monitor: &Monitor<'_>,
    mut step: impl FnMut(usize, &[usize]) -> Result<f64, BaselineError>,
) -> Result<(), BaselineError> {
    let Schedule { rows, batch_size, updates: total } = schedule;
    let mut order = BatchOrder::new(seed, rows, batch_size);
    for update in 0..total {
        let loss = Some(step(update, order.batch(update as u64))?);
        monitor.report(Progress { loss, ..Progress::new(Stage::Fitting, update + 1, total) })?;
    }
    Ok(())
}

/// The batches of one epoch, in the order of `seed`: each row once.
pub(crate) fn epoch(schedule: Schedule, seed: u64) -> Vec<Vec<usize>> {
    let mut order = BatchOrder::new(seed, schedule.rows, schedule.batch_size);
    (0..order.batches_per_epoch()).map(|batch| order.batch(batch as u64).to_vec()).collect()
}
