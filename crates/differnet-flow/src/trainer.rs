//! Maximum-likelihood training, one update at a time (Section 3.1.2).

use burn::module::Module;
use burn::tensor::{Tensor, TensorData};

use crate::adam::AdamConfig;
use crate::backend::Backend;
use crate::error::TrainError;
use crate::flow::Flow;
use crate::host::{self, Buffers, HostMoments};
use crate::host_flow::HostFlow;
use crate::input::FlowInput;
use crate::loss::nll;
use crate::tensor_step::{self, TensorMoments};

/// Rows whose loss is computed at once, so that memory stays bounded.
const LOSS_ROWS: usize = 512;

/// Report of one update.
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
    /// [`Backend::Host`] updates in place, see [`crate::host`].
    Host(Vec<HostMoments>),
    /// [`Backend::Tensors`] uses tensor operations, see [`crate::tensor_step`].
    Tensors(Vec<TensorMoments>),
}

impl Trainer {
    /// A trainer that starts from `flow`, which is on the device of `backend`, with moments of zero.
    pub fn new(flow: Flow, config: AdamConfig, backend: &Backend) -> Self {
        let zeros = flow.config().parameter_counts().into_iter();
        let zeros =
            zeros.map(|count| HostMoments { first: vec![0.0; count], second: vec![0.0; count] });
        let moments = Moments::new(zeros.collect(), backend);
        Self::resume(flow, config, moments, 0)
    }

    /// A trainer that goes on after `steps` updates.
    pub(crate) fn resume(flow: Flow, config: AdamConfig, moments: Moments, steps: u64) -> Self {
        let flow = moments.prepare(flow);
        Self { flow, config, moments, steps, buffers: Buffers::default() }
    }

    /// One Adam update on the mean loss of `input`.
    ///
    /// # Errors
    /// A [`TrainError`] if the settings are out of range, if `input` is empty, does not have the
    /// flow's widths or holds a value that is not finite, or if the loss overflows: then nothing
    /// has changed. Only after [`TrainError::NonFiniteGradient`] the trainer is unusable.
    pub fn step<'a>(&mut self, input: impl Into<FlowInput<'a>>) -> Result<StepReport, TrainError> {
        let input = input.into();
        self.config.validate()?;
        self.flow.widths().check_values(input)?;
        let step = self.steps + 1;
        let update = self.config.update(step);
        let loss = match &mut self.moments {
            Moments::Host(moments) => {
                host::step(&mut self.flow, moments, input, update, step, &self.buffers)
            }
            Moments::Tensors(moments) => {
                tensor_step::step(&mut self.flow, moments, input, update, step)
            }
        }?;
        self.steps = step;
        Ok(StepReport { loss, step })
    }

    /// Mean of the [`losses`](Self::losses) of `input`; NaN without rows.
    ///
    /// # Panics
    /// If `input` does not have the flow's widths.
    pub fn loss<'a>(&self, input: impl Into<FlowInput<'a>>) -> f64 {
        let losses = self.losses(input);
        losses.iter().sum::<f64>() / losses.len() as f64
    }

    /// The loss of each row of `input`, as [`step`](Self::step) averages it over a batch.
    ///
    /// Computed a few rows at a time, without gradients.
    ///
    /// # Panics
    /// If `input` does not have the flow's widths.
    pub fn losses<'a>(&self, input: impl Into<FlowInput<'a>>) -> Vec<f64> {
        let input = input.into();
        let (flow, widths) = (self.flow(), self.flow.widths());
        widths.rows_of(input);
        let features = widths.features;
        if let Moments::Host(_) = self.moments {
            let losses = HostFlow::of(&flow).latents(input).nll().into_iter();
            return losses.map(|nll| nll / features as f64).collect();
        }
        let device = flow.device();
        let chunks = widths.chunks(input, LOSS_ROWS).flat_map(|chunk| {
            let data = TensorData::new(chunk.rows.to_vec(), [widths.rows_of(chunk), features]);
            let y = Tensor::from_data(data, &device); // [chunk, features]
            let latents = flow.given_values(chunk.condition, &device).forward(y);
            let nll = nll(&latents).into_data().convert::<f64>(); // [chunk]
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
    /// These moments, kept where `backend` updates them.
    pub(crate) fn new(moments: Vec<HostMoments>, backend: &Backend) -> Self {
        let device = match backend {
            Backend::Host(_) => return Self::Host(moments),
            Backend::Tensors(device) => device,
        };
        let tensor = |values: Vec<f32>| {
            let count = values.len();
            Tensor::from_data(TensorData::new(values, [count]), &device.clone().inner())
        };
        let moments = moments.into_iter().map(|HostMoments { first, second }| TensorMoments {
            first: tensor(first),
            second: tensor(second),
        });
        Self::Tensors(moments.collect())
    }

    /// `flow` as its updates need it: with gradients recorded where they come from automatic
    /// differentiation.
    ///
    /// Not on the host processor, which needs none: Burn keeps an entry for every tensor that was ever to be
    /// differentiated until some backward pass clears them away, and there would never be one.
    fn prepare(&self, flow: Flow) -> Flow {
        match self {
            Self::Host(_) => flow.valid(),
            Self::Tensors(_) => flow.train(),
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tolerance};
    use differnet_files::TensorValues;

    use super::*;
    use crate::flow::FlowConfig;

    fn host_trainer(flow: Flow, config: AdamConfig) -> Trainer {
        Trainer::new(flow, config, &Backend::Host(Device::flex()))
    }

    fn tensor_trainer(flow: Flow, config: AdamConfig) -> Trainer {
        Trainer::new(flow, config, &Backend::Tensors(Device::flex()))
    }

    #[test]
    fn only_updates_by_tensor_operations_record_gradients() {
        let flow = FlowConfig::new(4).with_hidden(3).init(1, &Device::flex());
        let rows = [0.5, -1.0, 2.0, 0.25];
        for (mut trainer, recorded) in [
            (host_trainer(flow.clone(), AdamConfig::new()), false),
            (host_trainer(flow.clone().train(), AdamConfig::new()), false),
            (tensor_trainer(flow, AdamConfig::new()), true),
        ] {
            trainer.step(&rows).unwrap();
            assert_eq!(trainer.flow.device().is_autodiff(), recorded);
            assert!(!trainer.flow().device().is_autodiff());
        }
    }

    #[test]
    fn host_and_tensor_updates_agree() {
        // Odd width; layers wider than a tile and no multiple of one; few and many layers. Without a
        // condition, with one, and with gradients that are always shortened.
        let clipped = AdamConfig::new().with_max_gradient_norm(Some(0.05));
        for (features, condition, hidden, hidden_layers, adam) in [
            (7, 0, 150, 2, AdamConfig::new()),
            (300, 0, 33, 1, AdamConfig::new()),
            (2, 0, 8, 0, AdamConfig::new()),
            (7, 5, 50, 2, AdamConfig::new()),
            (7, 0, 50, 1, clipped.clone()),
            (65, 3, 50, 1, clipped),
        ] {
            let config = FlowConfig::new(features)
                .with_condition(condition)
                .with_blocks(3)
                .with_hidden(hidden)
                .with_hidden_layers(hidden_layers);
            let flow = config.init(1, &Device::flex());
            let mut host = host_trainer(flow.clone(), adam.clone());
            let mut tensors = tensor_trainer(flow, adam);
            let (rows, conditions) = (values(19 * features, 0.7), values(19 * condition, 0.4));
            let input = FlowInput { rows: &rows, condition: &conditions };
            for _ in 0..5 {
                let (host, tensors) = (host.step(input).unwrap(), tensors.step(input).unwrap());
                assert!((host.loss - tensors.loss).abs() < 1e-6, "{host:?} {tensors:?}");
            }
            for (host, tensors) in host.losses(input).iter().zip(tensors.losses(input)) {
                assert!((host - tensors).abs() < 1e-5, "{host} {tensors}");
            }
            assert_eq!((host.losses(input).len(), host.losses(&[]).len()), (19, 0));
            // Five updates of 2e-4 each, far above what rounding in another order may change.
            let close = Tolerance::absolute(2e-6);
            for (host, tensors) in weights(&host).iter().zip(&weights(&tensors)) {
                host.assert_approx_eq::<f32>(tensors, close);
            }
        }
    }

    #[test]
    fn gradients_of_shared_out_rows_are_those_of_automatic_differentiation() {
        // The first moment is the gradient where it remembers nothing. Rows for several tasks, the
        // last of them not whole.
        let adam = AdamConfig::new().with_beta_1(0.0).with_weight_decay(0.0);
        let config = FlowConfig::new(11).with_condition(4).with_blocks(2).with_hidden(50);
        let flow = config.with_hidden_layers(1).init(1, &Device::flex());
        let (rows, condition) = (values(170 * 11, 0.7), values(170 * 4, 0.4));
        let input = FlowInput { rows: &rows, condition: &condition };
        let mut host = host_trainer(flow.clone(), adam.clone());
        let mut tensors = tensor_trainer(flow, adam);
        host.step(input).unwrap();
        tensors.step(input).unwrap();
        let (Moments::Host(host), Moments::Tensors(tensors)) = (host.moments, tensors.moments)
        else {
            panic!("one trainer of each kind");
        };
        for (host, tensors) in host.iter().zip(tensors) {
            let expected: Vec<f32> = tensors.first.into_data().try_into_vec().unwrap();
            let largest = expected.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
            assert!(largest > 1e-5, "a gradient of 0 would prove nothing");
            for (found, expected) in host.first.iter().zip(&expected) {
                assert!((found - expected).abs() < 1e-4 * largest, "{found}, {expected}");
            }
        }
    }

    fn values(count: usize, step: f32) -> Vec<f32> {
        (0..count).map(|i| (i as f32 * step).sin()).collect()
    }

    #[test]
    fn the_number_of_threads_changes_no_bit() {
        let config = FlowConfig::new(300).with_blocks(2).with_hidden(333).with_hidden_layers(2);
        let rows = values(200 * 300, 0.7);
        let conditional = config.clone().with_condition(3);
        let condition = values(200 * 3, 0.4);
        for (config, condition) in [(config, &[][..]), (conditional, &condition)] {
            let input = FlowInput { rows: &rows, condition };
            let run = |threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let mut trainer = host_trainer(config.init(1, &Device::flex()), AdamConfig::new());
                let step = |trainer: &mut Trainer| trainer.step(input).unwrap().loss;
                let losses = pool.install(|| [step(&mut trainer), step(&mut trainer)]);
                (losses, weights(&trainer))
            };
            let one = run(1);
            assert!(one == run(2) && one == run(3));
        }
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
