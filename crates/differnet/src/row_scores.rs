//! The likelihood of rows of features under one or several flows (Eq. 5, one summand).

use burn::tensor::{Device, Tensor, TensorData};
use differnet_features::FEATURES;
use differnet_flow::Flow;
use differnet_scoring::{Average, anomaly_score, transform_scores};

use crate::scales;

/// Rows that go through the flow at once, so that memory stays flat.
const ROWS: usize = 256;

/// −log p_Z of each row of `features`, row-major `[rows, 768]`, averaged over `flows`.
pub(crate) fn averaged_row_scores(
    flows: &[Flow],
    features: &[f32],
    average: Average,
    device: &Device,
) -> Vec<f64> {
    let scores: Vec<Vec<f64>> =
        flows.iter().map(|flow| row_scores(flow, features, device)).collect(); // [flows, rows]
    match scores.as_slice() {
        // Not even rounded by the average of one.
        [one] => one.clone(),
        _ => (0..features.len() / FEATURES)
            .map(|row| {
                let row: Vec<f64> = scores.iter().map(|scores| scores[row]).collect();
                anomaly_score(&row, average).expect("there is at least one flow")
            })
            .collect(),
    }
}

/// −log p_Z under `flow` of each row of `features`, row-major `[rows, 768]`; in nats, up to a
/// constant.
///
/// A flow of fewer scales sees the first columns. Computed a few rows at a time.
///
/// # Panics
/// If `features` is no multiple of 768 long.
pub fn row_scores(flow: &Flow, features: &[f32], device: &Device) -> Vec<f64> {
    let columns = flow.features();
    let chunks = features.chunks(ROWS * FEATURES).flat_map(|chunk| {
        let rows = scales::narrowed(chunk, columns).into_owned();
        let data = TensorData::new(rows, [chunk.len() / FEATURES, columns]);
        transform_scores(flow.forward(Tensor::from_data(data, device)).z)
    });
    chunks.collect()
}
