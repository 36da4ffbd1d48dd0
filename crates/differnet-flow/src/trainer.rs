//! Maximum-likelihood training, one update at a time (Section 3.1.2).

use std::mem;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};

use crate::adam::{AdamConfig, AdamMapper, Moments};
use crate::error::TrainError;
use crate::flow::Flow;
use crate::io::Parameter;
use crate::loss::{nll, training_loss};

/// Rows whose loss is computed at once, so that memory stays bounded.
const LOSS_ROWS: usize = 512;

/// What one update did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepReport {
    /// Mean negative log-likelihood of the batch per feature, in nats, before the update (Eq. 4,
    /// without its constant).
    pub loss: f64,
    /// Number of updates made so far, this one included.
    pub step: u64,
}

/// Fits a flow to batches of rows with Adam.
#[derive(Debug)]
pub struct Trainer {
    /// On a device that records gradients.
    pub(crate) flow: Flow,
    pub(crate) config: AdamConfig,
    /// One for each parameter, in the flow's order.
    pub(crate) moments: Vec<Moments>,
    pub(crate) steps: u64,
}

impl Trainer {
    /// A trainer that starts from `flow`, with moments of zero.
    pub fn new(flow: Flow, config: AdamConfig) -> Self {
        let device = flow.device();
        let moments = flow.parameters().map(|parameter| {
            let count = match parameter {
                Parameter::Weight(weight) => weight.shape().num_elements(),
                Parameter::Bias(bias) => bias.shape().num_elements(),
            };
            Moments::new(vec![0.0; count], vec![0.0; count], &device)
        });
        let moments = moments.collect();
        Self { flow: flow.train(), config, moments, steps: 0 }
    }

    /// One Adam update on the mean loss of `rows`, `[batch, features]` row by row.
    ///
    /// # Errors
    /// A [`TrainError`] if the settings are out of range, if `rows` is empty, no multiple of the
    /// flow's width or holds a value that is not finite, or if the loss overflows: then nothing
    /// has changed. Only after [`TrainError::NonFiniteGradient`] the trainer is unusable.
    pub fn step(&mut self, rows: &[f32]) -> Result<StepReport, TrainError> {
        self.config.validate()?;
        check_rows(rows, self.flow.features())?;
        let step = self.steps + 1;
        let y = self.to_tensor(rows); // [batch, features]
        let loss = training_loss(&self.flow.forward(y)); // [1]
        let value = f64::from(loss.clone().into_scalar::<f32>());
        if !value.is_finite() {
            return Err(TrainError::NonFiniteLoss { step });
        }
        let mut mapper = AdamMapper {
            gradients: loss.backward(),
            moments: self.moments.iter_mut(),
            update: self.config.update(step),
            finite: true,
        };
        // The graph must be gone before the weights are taken out to be updated in place.
        drop(loss);
        let blocks = mem::take(&mut self.flow.blocks);
        self.flow.blocks = blocks.into_iter().map(|block| block.map(&mut mapper)).collect();
        if !mapper.finite {
            return Err(TrainError::NonFiniteGradient { step });
        }
        self.steps = step;
        Ok(StepReport { loss: value, step })
    }

    /// Mean loss of `rows`, `[n, features]` row by row, as [`step`](Self::step) reports it.
    ///
    /// Computed a few rows at a time, without gradients; NaN without rows.
    ///
    /// # Panics
    /// If `rows` is no multiple of the flow's width.
    pub fn loss(&self, rows: &[f32]) -> f64 {
        let flow = self.flow();
        let features = flow.features();
        assert!(rows.len().is_multiple_of(features), "rows must be {features} values wide");
        let sum: f64 = rows
            .chunks(LOSS_ROWS * features)
            .map(|chunk| {
                let y = self.to_tensor(chunk).inner(); // [chunk, features]
                let nll = nll(&flow.forward(y)).into_data().convert::<f64>(); // [chunk]
                nll.iter::<f64>().sum::<f64>()
            })
            .sum();
        sum / rows.len() as f64
    }

    /// The flow as trained so far, for inference.
    ///
    /// It shares the weights' memory until the next [`step`](Self::step), which then copies them.
    pub fn flow(&self) -> Flow {
        self.flow.valid()
    }

    /// Number of updates made so far.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The optimizer's settings.
    pub fn config(&self) -> &AdamConfig {
        &self.config
    }

    /// Changes the step size from the next update on.
    pub fn set_learning_rate(&mut self, learning_rate: f64) {
        self.config.learning_rate = learning_rate;
    }

    fn to_tensor(&self, rows: &[f32]) -> Tensor<2> {
        let features = self.flow.features();
        let data = TensorData::new(rows.to_vec(), [rows.len() / features, features]);
        Tensor::from_data(data, &self.flow.device().autodiff())
    }
}

/// Checks that `rows` are whole and finite.
fn check_rows(rows: &[f32], features: usize) -> Result<(), TrainError> {
    if rows.is_empty() {
        return Err(TrainError::NoRows);
    }
    if !rows.len().is_multiple_of(features) {
        return Err(TrainError::RowWidth { values: rows.len(), features });
    }
    match rows.iter().position(|value| !value.is_finite()) {
        Some(at) => Err(TrainError::NonFiniteRow { row: at / features, feature: at % features }),
        None => Ok(()),
    }
}

impl Flow {
    /// The device that holds the parameters.
    pub(crate) fn device(&self) -> Device {
        self.devices().into_iter().next().expect("a flow has at least one block")
    }
}
