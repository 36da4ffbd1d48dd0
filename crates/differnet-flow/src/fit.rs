//! Density estimation in one call: a flow fitted to a table of numbers.

use std::ops::ControlFlow;

use burn::config::Config;
use burn::tensor::Device;
use differnet_random::BatchOrder;

use crate::adam::AdamConfig;
use crate::error::TrainError;
use crate::flow::{Flow, FlowConfig};
use crate::noise::add_noise;
use crate::trainer::{StepReport, Trainer};

/// Settings of [`fit`].
#[derive(Config, Debug)]
pub struct FitConfig {
    /// Number of updates.
    pub updates: u64,
    /// Rows per update, at most; 96 as in the paper.
    #[config(default = 96)]
    pub batch_size: usize,
    /// Source of every random draw: weights, permutations, batches, noise.
    #[config(default = 0)]
    pub seed: u64,
    /// The optimizer's settings.
    #[config(default = "AdamConfig::new()")]
    pub adam: AdamConfig,
    /// Standard deviation of Gaussian noise added to the rows, drawn anew for every update.
    pub noise: Option<f64>,
}

/// A flow fitted to `rows`, `[n, features]` row by row, on `device`.
///
/// `progress` sees every update and may end the training early with [`ControlFlow::Break`].
///
/// # Errors
/// A [`TrainError`] if a setting is out of range, if `rows` is empty, not whole or not finite, or
/// if the loss overflows.
pub fn fit(
    config: &FlowConfig,
    rows: &[f32],
    fit: &FitConfig,
    device: &Device,
    progress: &mut dyn FnMut(&StepReport) -> ControlFlow<()>,
) -> Result<Flow, TrainError> {
    config.validate()?;
    fit.adam.validate()?;
    let features = config.features;
    if !rows.len().is_multiple_of(features) {
        return Err(TrainError::RowWidth { values: rows.len(), features });
    }
    let noise = fit.noise.unwrap_or(0.0);
    if !(noise.is_finite() && noise >= 0.0) {
        let (expected, found) = ("finite, at least 0", noise.to_string());
        return Err(TrainError::Setting { name: "noise", expected, found });
    }
    let deviations = vec![noise as f32; features];
    if rows.is_empty() {
        return Err(TrainError::NoRows);
    }
    if fit.batch_size == 0 {
        let (expected, found) = ("at least 1", fit.batch_size.to_string());
        return Err(TrainError::Setting { name: "batch_size", expected, found });
    }
    let mut order = BatchOrder::new(fit.seed, rows.len() / features, fit.batch_size);
    let mut trainer = Trainer::new(config.init(fit.seed, device), fit.adam.clone());
    let mut batch = Vec::with_capacity(fit.batch_size.min(rows.len()) * features);
    for update in 0..fit.updates {
        batch.clear();
        for &row in order.batch(update) {
            batch.extend_from_slice(&rows[row * features..][..features]);
        }
        add_noise(&mut batch, &deviations, fit.seed, update);
        if progress(&trainer.step(&batch)?).is_break() {
            break;
        }
    }
    Ok(trainer.flow())
}
