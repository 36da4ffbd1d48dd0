//! A fully connected layer on host slices, whose backward pass updates the weights as it goes.
//!
//! Activations are stored feature by feature, `[features, batch]`: a tile of features is then one
//! contiguous slice that a task can own. Tiles have a fixed size and products within a tile run on
//! one thread, so that results do not depend on the number of threads.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;

use crate::adam::Update;

/// Features that one task computes in the forward pass.
const OUTPUT_TILE: usize = 128;
/// Rows of the weight that one task updates: their gradient stays in a core's second-level cache.
const INPUT_TILE: usize = 64;
/// Partial sums that fit a vector register.
pub(super) const LANES: usize = 8;

/// Running means of a parameter's gradient and of its square.
#[derive(Debug, Clone)]
pub(crate) struct HostMoments {
    pub(crate) first: Vec<f32>,
    pub(crate) second: Vec<f32>,
}

/// A parameter and its moments, borrowed for one update.
pub(super) struct Trained<'a> {
    pub(super) values: &'a mut [f32],
    pub(super) moments: &'a mut HostMoments,
}

/// What follows a layer's affine map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Activation {
    Relu,
    None,
}

/// A layer borrowed for one update.
pub(super) struct Dense<'a> {
    /// `[inputs, outputs]`
    pub(super) weight: Trained<'a>,
    /// `[outputs]`
    pub(super) bias: Trained<'a>,
}

impl Dense<'_> {
    fn outputs(&self) -> usize {
        self.bias.values.len()
    }

    fn inputs(&self) -> usize {
        self.weight.values.len() / self.outputs()
    }

    /// The layer's output `[outputs, batch]` for `input`, `[inputs, batch]`.
    pub(super) fn forward(&self, input: &[f32], batch: usize, after: Activation) -> Vec<f32> {
        let (inputs, outputs) = (self.inputs(), self.outputs());
        let input = MatRef::from_row_major_slice(input, inputs, batch);
        let weight = MatRef::from_row_major_slice(&*self.weight.values, inputs, outputs);
        let weight = weight.transpose(); // [outputs, inputs]
        let mut output = vec![0.0; outputs * batch];
        let tiles = output.par_chunks_mut(OUTPUT_TILE * batch);
        let tiles = tiles.zip(self.bias.values.par_chunks(OUTPUT_TILE)).enumerate();
        tiles.for_each(|(tile, (output, bias))| {
            let weight = weight.subrows(tile * OUTPUT_TILE, bias.len()); // [tile, inputs]
            let product = MatMut::from_row_major_slice_mut(output, bias.len(), batch);
            matmul(product, Accum::Replace, weight, input, 1.0, Par::Seq); // [tile, batch]
            for (row, bias) in output.chunks_exact_mut(batch).zip(bias) {
                match after {
                    Activation::Relu => row.iter_mut().for_each(|v| *v = (*v + bias).max(0.0)),
                    Activation::None => row.iter_mut().for_each(|v| *v += bias),
                }
            }
        });
        output
    }

    /// Updates the layer from `d_output`, the loss's gradient to its output before the activation,
    /// `[outputs, batch]`.
    ///
    /// The gradient to `input` comes from the weights of before the update; where `before` is
    /// ReLU, it is carried on through it.
    pub(super) fn backward(
        &mut self,
        input: &[f32],
        d_output: &[f32],
        batch: usize,
        before: Activation,
        update: Update,
    ) -> Backward {
        let (inputs, outputs) = (self.inputs(), self.outputs());
        let gradient = MatRef::from_row_major_slice(d_output, outputs, batch);
        let mut d_input = vec![0.0; inputs * batch];
        let tiles = (
            self.weight.values.par_chunks_mut(INPUT_TILE * outputs),
            self.weight.moments.first.par_chunks_mut(INPUT_TILE * outputs),
            self.weight.moments.second.par_chunks_mut(INPUT_TILE * outputs),
            input.par_chunks(INPUT_TILE * batch),
            d_input.par_chunks_mut(INPUT_TILE * batch),
        );
        let tile = |buffer: &mut Vec<f32>, (weight, first, second, input, d_input): Tile<'_>| {
            let rows = input.len() / batch;
            let weight_tile = MatRef::from_row_major_slice(&*weight, rows, outputs);
            let product = MatMut::from_row_major_slice_mut(&mut *d_input, rows, batch);
            matmul(product, Accum::Replace, weight_tile, gradient, 1.0, Par::Seq); // [rows, batch]
            if before == Activation::Relu {
                d_input.iter_mut().zip(input).for_each(|(d, a)| *d *= f32::from(*a > 0.0));
            }
            buffer.resize(rows * outputs, 0.0);
            let d_weight = MatMut::from_row_major_slice_mut(buffer, rows, outputs);
            let input = MatRef::from_row_major_slice(input, rows, batch);
            let gradient = gradient.transpose(); // [batch, outputs]
            matmul(d_weight, Accum::Replace, input, gradient, 1.0, Par::Seq); // [rows, outputs]
            update.apply(weight, buffer, first, second)
        };
        let finite = tiles.into_par_iter().map_init(Vec::new, tile).reduce(|| true, |a, b| a & b);
        let d_bias: Vec<f32> = d_output.par_chunks_exact(batch).with_min_len(64).map(sum).collect();
        let HostMoments { first, second } = &mut *self.bias.moments;
        let finite = finite & update.apply(self.bias.values, &d_bias, first, second);
        Backward { d_input, finite }
    }
}

/// Weight, first and second moment, input and its gradient.
type Tile<'a> = (&'a mut [f32], &'a mut [f32], &'a mut [f32], &'a [f32], &'a mut [f32]);

/// What a backward pass hands on.
pub(super) struct Backward {
    /// The loss's gradient to the input, `[inputs, batch]`.
    pub(super) d_input: Vec<f32>,
    /// Whether every updated value is finite.
    pub(super) finite: bool,
}

/// The sum of `values`, in an order that vectorises.
pub(super) fn sum(values: &[f32]) -> f32 {
    let (chunks, rest) = values.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for chunk in chunks {
        lanes.iter_mut().zip(chunk).for_each(|(lane, value)| *lane += value);
    }
    lanes.iter().chain(rest).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adam::AdamConfig;

    fn moments(count: usize) -> HostMoments {
        HostMoments { first: vec![0.0; count], second: vec![0.0; count] }
    }

    #[test]
    fn forward_and_backward_agree_with_a_calculation_by_hand() {
        // Two inputs, one output, a batch of three.
        let (mut weight, mut bias) = ([2.0, -1.0], [0.5]);
        let (mut weight_moments, mut bias_moments) = (moments(2), moments(1));
        let mut dense = Dense {
            weight: Trained { values: &mut weight, moments: &mut weight_moments },
            bias: Trained { values: &mut bias, moments: &mut bias_moments },
        };
        let input = [1.0, 2.0, 0.0, 3.0, 0.0, 1.0]; // [2, 3]
        assert_eq!(dense.forward(&input, 3, Activation::None), [-0.5, 4.5, -0.5]);
        assert_eq!(dense.forward(&input, 3, Activation::Relu), [0.0, 4.5, 0.0]);

        // dW = input · d_output = [1·1 + 2·2, 3·1 + 1·4] = [5, 7], db = 7. Without decay, the first
        // update subtracts lr · g / (|g| + ε).
        let adam =
            AdamConfig::new().with_weight_decay(0.0).with_epsilon(1.0).with_learning_rate(0.5);
        let d_output = [1.0, 2.0, 4.0];
        let backward = dense.backward(&input, &d_output, 3, Activation::Relu, adam.update(1));
        assert!(backward.finite);
        // Wᵀ · d_output = [2, 4, 8] and [-1, -2, -4], zero where the input was.
        assert_eq!(backward.d_input, [2.0, 4.0, 0.0, -1.0, 0.0, -4.0]);
        let close = |found: f32, expected: f32| assert!((found - expected).abs() < 1e-6, "{found}");
        close(weight[0], 2.0 - 0.5 * 5.0 / 6.0);
        close(weight[1], -1.0 - 0.5 * 7.0 / 8.0);
        close(bias[0], 0.5 - 0.5 * 7.0 / 8.0);
    }

    #[test]
    fn sums_include_every_value() {
        let values: Vec<f32> = (1..=19).map(|value| value as f32).collect();
        assert_eq!(sum(&values), 190.0);
    }
}
