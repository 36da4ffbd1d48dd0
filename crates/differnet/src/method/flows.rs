//! A model's flows, in the form that their backend computes with.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;

use burn::tensor::{Device, Tensor, TensorData};
use differnet_flow::{
    AuxiliaryTensor, Backend, Flow, FlowConfig, FlowError, HostFlow, load_flows, save_flows,
    save_host_flows,
};
use differnet_onnx::flow::Condition;
use differnet_onnx::{Graph, Value};

use crate::export::flow::energy;

/// One flow or several.
///
/// With [`Backend::Host`] they are what scores fastest there, and become tensors when those are asked for.
#[derive(Debug)]
pub(super) struct Flows {
    /// Empty with [`Backend::Tensors`].
    host: Vec<HostFlow>,
    tensors: OnceLock<Vec<Flow>>,
    device: Device,
}

impl Flows {
    /// Flows that have been trained with `backend`.
    pub(super) fn of(flows: Vec<Flow>, backend: &Backend) -> Self {
        let device = backend.device().clone();
        match backend {
            Backend::Host(_) => {
                let host = flows.iter().map(HostFlow::of).collect();
                Self { host, tensors: OnceLock::new(), device }
            }
            Backend::Tensors(_) => {
                Self { host: Vec::new(), tensors: OnceLock::from(flows), device }
            }
        }
    }

    /// The flows in the file `path`, and their auxiliary tensors.
    pub(super) fn load(
        path: &Path,
        backend: &Backend,
    ) -> Result<(Self, Vec<AuxiliaryTensor>), FlowError> {
        let device = backend.device().clone();
        match backend {
            Backend::Host(_) => {
                let (host, auxiliary) = HostFlow::load_all(path)?;
                Ok((Self { host, tensors: OnceLock::new(), device }, auxiliary))
            }
            Backend::Tensors(_) => {
                let (flows, auxiliary) = load_flows(path, &device)?;
                let tensors = OnceLock::from(flows);
                Ok((Self { host: Vec::new(), tensors, device }, auxiliary))
            }
        }
    }

    /// Writes the flows and `auxiliary` tensors to `path`; a complete file or none.
    pub(super) fn save(
        &self,
        path: &Path,
        metadata: &BTreeMap<String, String>,
        auxiliary: &[AuxiliaryTensor],
    ) -> Result<(), FlowError> {
        if self.host.is_empty() {
            return save_flows(self.tensors(), path, metadata, auxiliary);
        }
        save_host_flows(&self.host, path, metadata, auxiliary)
    }

    /// The flows of [`Backend::Host`]; none with another.
    pub(super) fn on_host(&self) -> &[HostFlow] {
        &self.host
    }

    /// Energy ‖z‖²/2 of each row of `features`, `[.., features, rows]`, by flow number `number`: operators of
    /// a graph.
    pub(super) fn energy(
        &self,
        number: usize,
        graph: &mut Graph,
        features: Value,
        condition: Option<Condition>,
    ) -> Value {
        match self.host.get(number) {
            Some(flow) => energy(graph, features, condition, flow),
            None => energy(graph, features, condition, &HostFlow::of(&self.tensors()[number])),
        }
    }

    /// Device of their tensors.
    pub(super) fn device(&self) -> &Device {
        &self.device
    }

    /// The flows as tensors on their device.
    pub(super) fn tensors(&self) -> &[Flow] {
        let to_tensors = || self.host.iter().map(|flow| flow.to_flow(&self.device)).collect();
        self.tensors.get_or_init(to_tensors)
    }

    /// A draw from flow number `number` given each row of `condition`: `[rows, features]`.
    pub(super) fn sample(&self, number: usize, condition: &[f32], seed: u64) -> Vec<f32> {
        let width = self.configs()[number].condition;
        let rows = condition.len() / width;
        if let Some(flow) = self.host.get(number) {
            return flow.sample(rows, condition, seed);
        }
        let data = TensorData::new(condition.to_vec(), [rows, width]);
        let given = Tensor::from_data(data, &self.device); // [rows, condition]
        let samples = self.tensors()[number].given(given).sample(seed);
        samples.into_data().iter::<f32>().collect()
    }

    /// The hyperparameters of each.
    pub(super) fn configs(&self) -> Vec<FlowConfig> {
        if self.host.is_empty() {
            return self.tensors().iter().map(Flow::config).collect();
        }
        self.host.iter().map(HostFlow::config).collect()
    }
}

/// [`transform_scores`](differnet_scoring::transform_scores) of latents `[rows, features]` on a device.
pub(super) fn tensor_scores(latents: Tensor<2>) -> Vec<f64> {
    let scores = latents.square().sum_dim(1).div_scalar(2.0); // [rows, 1]
    let scores = scores.into_data();
    // As there, NaN comes of a latent that overflowed.
    let values =
        scores.iter::<f64>().map(|score| if score.is_nan() { f64::INFINITY } else { score });
    values.collect()
}
