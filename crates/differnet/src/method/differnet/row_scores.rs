//! The likelihood of rows of features under one or several flows (Eq. 5, one summand).

use burn::tensor::{Device, Tensor, TensorData};
use differnet_features::FEATURES;
use differnet_flow::{Flow, HostFlow};
use differnet_scoring::{Average, anomaly_score, transform_scores};

use super::scales;

/// Rows that go through the flow at once, so that memory stays flat.
const ROWS: usize = 256;

/// Each row's scores by several flows, averaged over the flows.
pub(super) fn averaged(scores: impl Iterator<Item = Vec<f64>>, average: Average) -> Vec<f64> {
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

/// −log p_Z under `flow` of each row of `features`, row-major `[rows, 768]`; in nats, up to a
/// constant.
///
/// A flow of fewer scales sees the first columns. Computed a few rows at a time; on the host
/// processor by a copy of the flow, in the form that a model scores with.
///
/// # Panics
/// If `features` is no multiple of 768 long.
pub fn row_scores(flow: &Flow, features: &[f32], device: &Device) -> Vec<f64> {
    if HostFlow::serves(device) {
        return host_row_scores(&HostFlow::of(flow), features);
    }
    tensor_row_scores(flow, features, device)
}

/// [`row_scores`] by tensors.
pub(super) fn tensor_row_scores(flow: &Flow, features: &[f32], device: &Device) -> Vec<f64> {
    let columns = flow.features();
    let chunks = features.chunks(ROWS * FEATURES).flat_map(|chunk| {
        let rows = scales::narrowed(chunk, columns).into_owned();
        let data = TensorData::new(rows, [chunk.len() / FEATURES, columns]);
        tensor_scores(flow.forward(Tensor::from_data(data, device)).z)
    });
    chunks.collect()
}

/// [`transform_scores`] of latents `[rows, features]` on a device.
fn tensor_scores(latents: Tensor<2>) -> Vec<f64> {
    let scores = latents.square().sum_dim(1).div_scalar(2.0); // [rows, 1]
    let scores = scores.into_data();
    // As there, NaN comes of a latent that overflowed.
    let values =
        scores.iter::<f64>().map(|score| if score.is_nan() { f64::INFINITY } else { score });
    values.collect()
}

/// [`row_scores`] by a flow of the host processor.
pub(super) fn host_row_scores(flow: &HostFlow, features: &[f32]) -> Vec<f64> {
    let columns = flow.features();
    let chunks = features.chunks(ROWS * FEATURES).flat_map(|chunk| {
        let rows = scales::narrowed(chunk, columns); // [chunk, columns]
        transform_scores(&flow.latents(&rows).z, columns)
    });
    chunks.collect()
}
