//! Density estimation in one call: a flow fitted to a table of numbers.

use std::ops::Range;

use burn::config::Config;
use burn::tensor::Device;
use differnet_random::BatchOrder;

use crate::adam::AdamConfig;
use crate::error::TrainError;
use crate::flow::{Flow, FlowConfig};
use crate::noise::add_noise;
use crate::trainer::{StepReport, Trainer};

/// Settings of [`fit`] and [`Fit`].
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

/// A flow fitted to `rows`, `[n, features]` row by row, on `device`; [`Fit`] shows its updates.
///
/// # Errors
/// A [`TrainError`] if a setting is out of range, if `rows` is empty, not whole or not finite, or
/// if the loss overflows.
pub fn fit(
    config: &FlowConfig,
    rows: &[f32],
    settings: &FitConfig,
    device: &Device,
) -> Result<Flow, TrainError> {
    let mut fit = Fit::new(config, rows, settings, device)?;
    fit.try_for_each(|update| update.map(drop))?;
    Ok(fit.into_flow())
}

/// Iterator over the updates of a flow that is fitted to rows; it ends after an error.
///
/// The training stops early when its caller asks for no further update.
///
/// ```
/// use burn::tensor::Device;
/// use differnet_flow::{Fit, FitConfig, FlowConfig};
///
/// let rows: Vec<f32> = (0..200).map(|i| (i as f32 * 0.7).sin()).collect(); // [100, 2]
/// let config = FlowConfig::new(2).with_blocks(2).with_hidden(16);
/// let mut fit = Fit::new(&config, &rows, &FitConfig::new(20), &Device::flex())?;
/// for report in &mut fit {
///     if report?.loss < 0.5 {
///         break;
///     }
/// }
/// let flow = fit.into_flow();
/// # assert_eq!(flow.features(), 2);
/// # Ok::<(), differnet_flow::TrainError>(())
/// ```
#[derive(Debug)]
pub struct Fit<'a> {
    /// `[n, features]`
    rows: &'a [f32],
    seed: u64,
    /// Updates still to make.
    updates: Range<u64>,
    order: BatchOrder,
    /// Standard deviation of each feature's noise.
    deviations: Vec<f32>,
    /// The rows of an update; kept for its memory.
    batch: Vec<f32>,
    trainer: Trainer,
}

impl<'a> Fit<'a> {
    /// A training on `rows`, `[n, features]` row by row, on `device`, before its first update.
    ///
    /// # Errors
    /// A [`TrainError`] if a setting is out of range, or if `rows` is empty or not whole.
    pub fn new(
        config: &FlowConfig,
        rows: &'a [f32],
        settings: &FitConfig,
        device: &Device,
    ) -> Result<Self, TrainError> {
        config.validate()?;
        settings.adam.validate()?;
        let FitConfig { updates, batch_size, seed, .. } = *settings;
        let features = config.features;
        if !rows.len().is_multiple_of(features) {
            return Err(TrainError::RowWidth { values: rows.len(), features });
        }
        let noise = settings.noise.unwrap_or(0.0);
        if !(noise.is_finite() && noise >= 0.0) {
            let (expected, found) = ("finite, at least 0", noise.to_string());
            return Err(TrainError::Setting { name: "noise", expected, found });
        }
        if rows.is_empty() {
            return Err(TrainError::NoRows);
        }
        if batch_size == 0 {
            let (expected, found) = ("at least 1", batch_size.to_string());
            return Err(TrainError::Setting { name: "batch_size", expected, found });
        }
        Ok(Self {
            rows,
            seed,
            updates: 0..updates,
            order: BatchOrder::new(seed, rows.len() / features, batch_size),
            deviations: vec![noise as f32; features],
            batch: Vec::new(),
            trainer: Trainer::new(config.init(seed, device), settings.adam.clone()),
        })
    }

    /// The flow after the updates made so far.
    pub fn into_flow(self) -> Flow {
        self.trainer.flow()
    }
}

impl Iterator for Fit<'_> {
    type Item = Result<StepReport, TrainError>;

    /// Makes the next update.
    fn next(&mut self) -> Option<Self::Item> {
        let update = self.updates.next()?;
        let features = self.deviations.len();
        self.batch.clear();
        for &row in self.order.batch(update) {
            self.batch.extend_from_slice(&self.rows[row * features..][..features]);
        }
        add_noise(&mut self.batch, &self.deviations, self.seed, update);
        let report = self.trainer.step(&self.batch);
        if report.is_err() {
            self.updates = 0..0;
        }
        Some(report)
    }
}
