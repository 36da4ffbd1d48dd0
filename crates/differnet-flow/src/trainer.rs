//! Maximum-likelihood training, one update at a time (Section 3.1.2).

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};

use crate::adam::AdamConfig;
use crate::error::TrainError;
use crate::flow::Flow;
use crate::host::{self, Buffers, HostMoments};
use crate::host_flow::HostFlow;
use crate::loss::{host_nll, nll};
use crate::tensor_step::{self, TensorMoments};

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
    /// As [`Moments::prepare`] leaves it.
    pub(crate) flow: Flow,
    pub(crate) config: AdamConfig,
    pub(crate) moments: Moments,
    pub(crate) steps: u64,
    /// Memory of an update on the CPU.
    pub(crate) buffers: Buffers,
}

/// Adam's moments of each parameter, in the flow's order, where an update needs them.
#[derive(Debug)]
pub(crate) enum Moments {
    /// The CPU updates in place, see [`crate::host`].
    Host(Vec<HostMoments>),
    /// Other devices use tensor operations, see [`crate::tensor_step`].
    Device(Vec<TensorMoments>),
}

impl Trainer {
    /// A trainer that starts from `flow`, with moments of zero.
    pub fn new(flow: Flow, config: AdamConfig) -> Self {
        let zeros = flow.config().parameter_counts().into_iter();
        let zeros =
            zeros.map(|count| HostMoments { first: vec![0.0; count], second: vec![0.0; count] });
        let moments = Moments::new(zeros.collect(), &flow.device());
        Self::resume(flow, config, moments, 0)
    }

    /// A trainer that goes on after `steps` updates.
    pub(crate) fn resume(flow: Flow, config: AdamConfig, moments: Moments, steps: u64) -> Self {
        let flow = moments.prepare(flow);
        Self { flow, config, moments, steps, buffers: Buffers::default() }
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
        let update = self.config.update(step);
        let loss = match &mut self.moments {
            Moments::Host(moments) => {
                host::step(&mut self.flow, moments, rows, update, step, &self.buffers)
            }
            Moments::Device(moments) => {
                tensor_step::step(&mut self.flow, moments, rows, update, step)
            }
        }?;
        self.steps = step;
        Ok(StepReport { loss, step })
    }

    /// Mean of the [`losses`](Self::losses) of `rows`; NaN without rows.
    ///
    /// # Panics
    /// If `rows` is no multiple of the flow's width.
    pub fn loss(&self, rows: &[f32]) -> f64 {
        let losses = self.losses(rows);
        losses.iter().sum::<f64>() / losses.len() as f64
    }

    /// The loss of each row of `rows`, `[n, features]` row by row, as [`step`](Self::step) averages
    /// it over a batch.
    ///
    /// Computed a few rows at a time, without gradients.
    ///
    /// # Panics
    /// If `rows` is no multiple of the flow's width.
    pub fn losses(&self, rows: &[f32]) -> Vec<f64> {
        let flow = self.flow();
        let features = flow.features();
        assert!(rows.len().is_multiple_of(features), "rows must be {features} values wide");
        if let Moments::Host(_) = self.moments {
            let losses = host_nll(&HostFlow::of(&flow).latents(rows), features).into_iter();
            return losses.map(|nll| nll / features as f64).collect();
        }
        let chunks = rows.chunks(LOSS_ROWS * features).flat_map(|chunk| {
            let data = TensorData::new(chunk.to_vec(), [chunk.len() / features, features]);
            let y = Tensor::from_data(data, &flow.device()); // [chunk, features]
            let nll = nll(&flow.forward(y)).into_data().convert::<f64>(); // [chunk]
            nll.iter::<f64>().map(|nll| nll / features as f64).collect::<Vec<_>>()
        });
        chunks.collect()
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
}

impl Moments {
    /// These moments, kept where `device` updates them.
    pub(crate) fn new(moments: Vec<HostMoments>, device: &Device) -> Self {
        if host::is_host(device) {
            return Self::Host(moments);
        }
        let tensor = |values: Vec<f32>| {
            let count = values.len();
            Tensor::from_data(TensorData::new(values, [count]), &device.clone().inner())
        };
        let moments = moments.into_iter().map(|HostMoments { first, second }| TensorMoments {
            first: tensor(first),
            second: tensor(second),
        });
        Self::Device(moments.collect())
    }

    /// `flow` as its updates need it: with gradients recorded where they come from automatic
    /// differentiation.
    ///
    /// Not on the CPU, which needs none: Burn keeps an entry for every tensor that was ever to be
    /// differentiated until some backward pass clears them away, and there would never be one.
    fn prepare(&self, flow: Flow) -> Flow {
        match self {
            Self::Host(_) => flow.valid(),
            Self::Device(_) => flow.train(),
        }
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

#[cfg(test)]
mod tests {
    use burn::tensor::Tolerance;
    use differnet_files::TensorValues;

    use super::*;
    use crate::flow::FlowConfig;

    /// A trainer on the CPU that updates by tensor operations, as other devices do.
    fn tensor_trainer(flow: Flow) -> Trainer {
        let zeros = |count| Tensor::zeros([count], &Device::flex());
        let counts = flow.config().parameter_counts().into_iter();
        let moments =
            counts.map(|count| TensorMoments { first: zeros(count), second: zeros(count) });
        Trainer::resume(flow, AdamConfig::new(), Moments::Device(moments.collect()), 0)
    }

    #[test]
    fn only_updates_by_tensor_operations_record_gradients() {
        let flow = FlowConfig::new(4).with_hidden(3).init(1, &Device::flex());
        let rows = [0.5, -1.0, 2.0, 0.25];
        for (mut trainer, recorded) in [
            (Trainer::new(flow.clone(), AdamConfig::new()), false),
            (Trainer::new(flow.clone().train(), AdamConfig::new()), false),
            (tensor_trainer(flow), true),
        ] {
            trainer.step(&rows).unwrap();
            assert_eq!(trainer.flow.device().is_autodiff(), recorded);
            assert!(!trainer.flow().device().is_autodiff());
        }
    }

    #[test]
    fn the_cpu_is_recognised_with_and_without_gradients() {
        assert!(host::is_host(&Device::flex()));
        assert!(host::is_host(&Device::flex().autodiff()));
    }

    #[test]
    fn host_and_tensor_updates_agree() {
        // Odd width; layers wider than a tile and no multiple of one; few and many layers.
        for (features, hidden, hidden_layers) in [(7, 150, 2), (300, 33, 1), (2, 8, 0)] {
            let config = FlowConfig::new(features)
                .with_blocks(3)
                .with_hidden(hidden)
                .with_hidden_layers(hidden_layers);
            let flow = config.init(1, &Device::flex());
            let mut host = Trainer::new(flow.clone(), AdamConfig::new());
            let mut tensors = tensor_trainer(flow);
            let rows: Vec<f32> = (0..19 * features).map(|i| (i as f32 * 0.7).sin()).collect();
            for _ in 0..5 {
                let (host, tensors) = (host.step(&rows).unwrap(), tensors.step(&rows).unwrap());
                assert!((host.loss - tensors.loss).abs() < 1e-6, "{host:?} {tensors:?}");
            }
            for (host, tensors) in host.losses(&rows).iter().zip(tensors.losses(&rows)) {
                assert!((host - tensors).abs() < 1e-5, "{host} {tensors}");
            }
            assert_eq!((host.losses(&rows).len(), host.losses(&[]).len()), (19, 0));
            // Five updates of 2e-4 each, far above what rounding in another order may change.
            let close = Tolerance::absolute(2e-6);
            for (host, tensors) in weights(&host).iter().zip(&weights(&tensors)) {
                host.assert_approx_eq::<f32>(tensors, close);
            }
        }
    }

    #[test]
    fn the_number_of_threads_changes_no_bit() {
        let config = FlowConfig::new(300).with_blocks(2).with_hidden(333).with_hidden_layers(2);
        let rows: Vec<f32> = (0..40 * 300).map(|i| (i as f32 * 0.7).sin()).collect(); // [40, 300]
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut trainer = Trainer::new(config.init(1, &Device::flex()), AdamConfig::new());
            let step = |trainer: &mut Trainer| trainer.step(&rows).unwrap().loss;
            let losses = pool.install(|| [step(&mut trainer), step(&mut trainer)]);
            (losses, weights(&trainer))
        };
        let one = run(1);
        assert!(one == run(2) && one == run(3));
    }

    fn weights(trainer: &Trainer) -> Vec<TensorData> {
        let flow = trainer.flow();
        let floats = flow.tensors("").filter_map(|tensor| match tensor.values {
            TensorValues::F32(values) => Some(values.into_owned()),
            _ => None,
        });
        floats.map(|values| TensorData::from(&*values)).collect()
    }
}
