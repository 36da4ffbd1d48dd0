//! The likelihood of rows of features under one or several flows (Eq. 5, one summand).

use burn::tensor::{Device, Tensor, TensorData};
use differnet_flow::{Backend, Flow, HostFlow};
use differnet_scoring::{Average, anomaly_score, transform_scores};

use super::scales;
use crate::method::flows::{Flows, tensor_scores};

/// Rows that go through the flow at once, so that memory stays flat.
const ROWS: usize = 256;

impl Flows {
    /// −log p_Z of each row of `features`, row-major `[rows, width]`, averaged over the flows.
    pub(super) fn row_scores(&self, features: &[f32], width: usize, average: Average) -> Vec<f64> {
        if self.on_host().is_empty() {
            let score = |flow| tensor_row_scores(flow, features, width, self.device());
            return averaged(self.tensors().iter().map(score), average);
        }
        let score = |flow| host_row_scores(flow, features, width);
        averaged(self.on_host().iter().map(score), average)
    }
}

/// Each row's scores by several flows, averaged over the flows.
fn averaged(scores: impl Iterator<Item = Vec<f64>>, average: Average) -> Vec<f64> {
    let mut scores: Vec<Vec<f64>> = scores.collect(); // [flows, rows]
    if scores.len() == 1 {
        // Not even rounded by the average of one.
        return scores.remove(0);
    }
    let rows = scores.first().map_or(0, Vec::len);
    let row = |row: usize| {
        let row: Vec<f64> = scores.iter().map(|scores| scores[row]).collect();
        anomaly_score(&row, average).expect("there is at least one flow")
    };
    (0..rows).map(row).collect()
}

/// −log p_Z under `flow` of each row of `features`, row-major `[rows, width]`; in nats, up to a
/// constant.
///
/// A flow of fewer scales sees the first columns. Computed a few rows at a time; with [`Backend::Host`]
/// by a copy of the flow, in the form that a model scores with.
///
/// # Panics
/// If `features` is no multiple of `width` long.
pub fn row_scores(flow: &Flow, features: &[f32], width: usize, backend: &Backend) -> Vec<f64> {
    match backend {
        Backend::Host(_) => host_row_scores(&HostFlow::of(flow), features, width),
        Backend::Tensors(device) => tensor_row_scores(flow, features, width, device),
    }
}

/// [`row_scores`] by tensors.
fn tensor_row_scores(flow: &Flow, features: &[f32], width: usize, device: &Device) -> Vec<f64> {
    let columns = flow.features();
    let chunks = features.chunks(ROWS * width).flat_map(|chunk| {
        let rows = scales::narrowed(chunk, columns, width).into_owned();
        let data = TensorData::new(rows, [chunk.len() / width, columns]);
        tensor_scores(flow.forward(Tensor::from_data(data, device)).z)
    });
    chunks.collect()
}

/// [`row_scores`] by a flow of the host processor.
fn host_row_scores(flow: &HostFlow, features: &[f32], width: usize) -> Vec<f64> {
    let columns = flow.features();
    let chunks = features.chunks(ROWS * width).flat_map(|chunk| {
        let rows = scales::narrowed(chunk, columns, width); // [chunk, columns]
        transform_scores(&flow.latents(&rows).z, columns)
    });
    chunks.collect()
}
