//! A coupling block for scoring, on rows one after another: `[rows, features]`.

use std::borrow::Cow;

use differnet_files::Floats;

use super::affine;
use super::dense::Activation;
use super::dots::linear;

/// A fully connected layer.
#[derive(Debug)]
pub(crate) struct HostLayer {
    /// `[outputs, inputs]`
    pub(crate) weight: Floats,
    /// `[outputs]`
    pub(crate) bias: Floats,
}

/// What [`CouplingBlock`](crate::coupling::CouplingBlock) knows, as it lies in a file.
#[derive(Debug)]
pub(crate) struct HostBlockWeights {
    pub(crate) permutation: Vec<usize>,
    pub(crate) net1: Vec<HostLayer>,
    pub(crate) net2: Vec<HostLayer>,
}

impl HostBlockWeights {
    /// Maps rows `[rows, features]` one block closer to the latent space; adds to their `log_det`.
    pub(crate) fn forward(&self, y: &[f32], log_det: &mut [f64], alpha: f32) -> Vec<f32> {
        let features = self.permutation.len();
        let (half1, half2) = self.permutation.split_at(features / 2);
        let permuted = |half: &[usize]| -> Vec<f32> {
            let rows = y.chunks_exact(features);
            rows.flat_map(|row| half.iter().map(|&feature| row[feature])).collect()
        };
        let (mut y1, mut y2) = (permuted(half1), permuted(half2)); // [rows, first], [rows, second]
        affine::move_rows(&mut y2, &forward(&self.net1, &y1), log_det, alpha);
        affine::move_rows(&mut y1, &forward(&self.net2, &y2), log_det, alpha);
        let halves = y1.chunks_exact(half1.len()).zip(y2.chunks_exact(half2.len()));
        halves.flat_map(|(y1, y2)| y1.iter().chain(y2).copied()).collect() // [rows, features]
    }

    /// The permutation as a file has it.
    pub(crate) fn indices(&self) -> Vec<i64> {
        self.permutation.iter().map(|&index| index as i64).collect()
    }
}

/// Raw scales and shifts `[rows, 2 × moved]` from `input`, `[rows, read]`.
fn forward(layers: &[HostLayer], input: &[f32]) -> Vec<f32> {
    let (last, hidden) = layers.split_last().expect("a subnetwork has an output layer");
    let layer = |layer: &HostLayer, input: &[f32], after| {
        linear(&layer.weight, &layer.bias, input, after) // [rows, outputs]
    };
    let mut activation = Cow::Borrowed(input);
    for next in hidden {
        activation = Cow::Owned(layer(next, &activation, Activation::Relu));
    }
    layer(last, &activation, Activation::None)
}
