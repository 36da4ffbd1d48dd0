//! Density estimation in one call: a flow fitted to a table of numbers.

use std::ops::Range;

use burn::config::Config;
use differnet_random::BatchOrder;

use crate::adam::AdamConfig;
use crate::backend::Backend;
use crate::error::TrainError;
use crate::flow::{Flow, FlowConfig};
use crate::input::{FlowInput, Widths};
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

/// A flow fitted to the rows of `input`, each given its condition, on `backend`; [`Fit`] shows its
/// updates.
///
/// # Errors
/// A [`TrainError`] if a setting is out of range, if `input` is empty, does not have the flow's
/// widths or is not finite, or if the loss overflows.
pub fn fit<'a>(
    config: &FlowConfig,
    input: impl Into<FlowInput<'a>>,
    settings: &FitConfig,
    backend: &Backend,
) -> Result<Flow, TrainError> {
    let mut fit = Fit::new(config, input, settings, backend)?;
    fit.try_for_each(|update| update.map(drop))?;
    Ok(fit.into_flow())
}

/// Iterator over the updates of a flow that is fitted to rows; it ends after an error.
///
/// The training stops early when its caller asks for no further update.
///
/// ```
/// use burn::tensor::Device;
/// use differnet_flow::{Backend, Fit, FitConfig, FlowConfig};
///
/// let rows: Vec<f32> = (0..200).map(|i| (i as f32 * 0.7).sin()).collect(); // [100, 2]
/// let config = FlowConfig::new(2).with_blocks(2).with_hidden(16);
/// let backend = Backend::Host(Device::flex());
/// let mut fit = Fit::new(&config, &rows, &FitConfig::new(20), &backend)?;
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
    input: FlowInput<'a>,
    widths: Widths,
    seed: u64,
    /// Updates still to make.
    updates: Range<u64>,
    order: BatchOrder,
    /// Standard deviation of each feature's noise.
    deviations: Vec<f32>,
    /// The rows of an update and their conditions; kept for their memory.
    rows: Vec<f32>,
    condition: Vec<f32>,
    trainer: Trainer,
}

impl<'a> Fit<'a> {
    /// A training on the rows of `input`, each given its condition, on `backend`, before its first
    /// update.
    ///
    /// # Errors
    /// A [`TrainError`] if a setting is out of range, or if `input` is empty or does not have the
    /// flow's widths.
    pub fn new(
        config: &FlowConfig,
        input: impl Into<FlowInput<'a>>,
        settings: &FitConfig,
        backend: &Backend,
    ) -> Result<Self, TrainError> {
        config.validate()?;
        settings.adam.validate()?;
        let FitConfig { updates, batch_size, seed, .. } = *settings;
        let (input, widths) = (input.into(), config.widths());
        widths.check(input)?;
        let noise = settings.noise.unwrap_or(0.0);
        if !(noise.is_finite() && noise >= 0.0) {
            let (expected, found) = ("finite, at least 0", noise.to_string());
            return Err(TrainError::Setting { name: "noise", expected, found });
        }
        if input.rows.is_empty() {
            return Err(TrainError::NoRows);
        }
        if batch_size == 0 {
            let (expected, found) = ("at least 1", batch_size.to_string());
            return Err(TrainError::Setting { name: "batch_size", expected, found });
        }
        Ok(Self {
            input,
            widths,
            seed,
            updates: 0..updates,
            order: BatchOrder::new(seed, widths.rows_of(input), batch_size),
            deviations: vec![noise as f32; widths.features],
            rows: Vec::new(),
            condition: Vec::new(),
            trainer: Trainer::new(
                config.init(seed, backend.device()),
                settings.adam.clone(),
                backend,
            ),
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
        let (input, widths) = (self.input, self.widths);
        let batch = self.order.batch(update);
        gather(&mut self.rows, input.rows, widths.features, batch);
        gather(&mut self.condition, input.condition, widths.condition, batch);
        add_noise(&mut self.rows, &self.deviations, self.seed, update);
        let report = self.trainer.step(FlowInput { rows: &self.rows, condition: &self.condition });
        if report.is_err() {
            self.updates = 0..0;
        }
        Some(report)
    }
}

/// Replaces `to` by the rows of `table`, `[n, width]`, whose numbers are in `batch`.
fn gather(to: &mut Vec<f32>, table: &[f32], width: usize, batch: &[usize]) {
    to.clear();
    batch.iter().for_each(|&row| to.extend_from_slice(&table[row * width..][..width]));
}
