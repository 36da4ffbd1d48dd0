//! A layer whose backward pass updates the weights as it goes.
//!
//! Products within a tile run on one thread, and each tile of a weight is updated while its
//! gradient is in the processor's cache.

use differnet_matmul::{PackedMatrix, ROWS, Strided, Sums, multiply};
use rayon::prelude::*;

use super::buffers::{Buffer, Buffers};
use super::layer::{Activation, Backward, Layer, cut_gradient, interleave, outputs, sum};
use crate::adam::Update;

/// Features that one task computes in the forward pass: whole tiles, and whole lines of the cache.
const OUTPUT_TILE: usize = 6 * ROWS;
/// Features whose weights one task updates: several tiles, so that the factor that all of them are multiplied
/// with passes the cache less often.
const INPUT_TILE: usize = 4 * ROWS;

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

/// A layer borrowed for one update.
pub(super) struct Dense<'a> {
    /// `[inputs, outputs]`
    pub(super) weight: Trained<'a>,
    /// `[outputs]`
    pub(super) bias: Trained<'a>,
    pub(super) update: Update,
}

impl Layer for Dense<'_> {
    fn inputs(&self) -> usize {
        self.weight.values.len() / self.bias.values.len()
    }

    fn forward<'a>(
        &self,
        input: &[f32],
        batch: usize,
        after: Activation,
        buffers: &'a Buffers,
    ) -> Buffer<'a> {
        let count = self.bias.values.len();
        let input = PackedMatrix::pack(input, batch, |count| buffers.take(count)); // [inputs, batch]
        let weight = &*self.weight.values;
        let mut output = buffers.take(count * batch);
        let tiles = output.par_chunks_mut(OUTPUT_TILE * batch);
        let tiles = tiles.zip(self.bias.values.par_chunks(OUTPUT_TILE)).enumerate();
        tiles.for_each_init(Vec::new, |rows, (tile, (output, bias))| {
            interleave(weight, count, tile * OUTPUT_TILE, bias.len(), rows);
            outputs(rows, bias, &input, after, output);
        });
        output
    }

    /// Updates the layer; the gradient to all of `input` comes from the weights of before.
    fn backward<'a>(
        &mut self,
        input: &[f32],
        d_output: &[f32],
        batch: usize,
        before: Activation,
        _wanted: usize,
        buffers: &'a Buffers,
    ) -> Backward<'a> {
        let (inputs, outputs) = (self.inputs(), self.bias.values.len());
        let update = self.update;
        let take = |count| buffers.take(count);
        let by_row = PackedMatrix::pack(d_output, batch, take); // [outputs, batch]
        let by_output = PackedMatrix::pack_transposed(d_output, batch, take); // [batch, outputs]
        let mut d_input = buffers.take(inputs * batch);
        let tiles = (
            self.weight.values.par_chunks_mut(INPUT_TILE * outputs),
            self.weight.moments.first.par_chunks_mut(INPUT_TILE * outputs),
            self.weight.moments.second.par_chunks_mut(INPUT_TILE * outputs),
            input.par_chunks(INPUT_TILE * batch),
            d_input.par_chunks_mut(INPUT_TILE * batch),
        );
        let tile = |(weight, first, second, input, d_input): Tile<'_>| {
            let rows = weight.len() / outputs;
            let left = Strided { values: &*weight, stride: outputs };
            multiply(left, rows, &by_row, Sums::Replace, d_input);
            if before == Activation::Relu {
                cut_gradient(d_input, input);
            }
            // All of the tile's gradient first: it stays in the cache, and weights and moments then come
            // from memory in the order in which they lie there.
            let mut gradient = buffers.take(weight.len());
            let left = Strided { values: input, stride: batch };
            multiply(left, rows, &by_output, Sums::Replace, &mut gradient);
            update.apply(weight, &gradient, first, second)
        };
        let finite = tiles.into_par_iter().map(tile).reduce(|| true, |a, b| a & b);
        let d_bias: Vec<f32> = d_output.par_chunks_exact(batch).with_min_len(64).map(sum).collect();
        let HostMoments { first, second } = &mut *self.bias.moments;
        let finite = finite & update.apply(self.bias.values, &d_bias, first, second);
        Backward { d_input, finite }
    }
}

/// Weight, first and second moment, input and its gradient.
type Tile<'a> = (&'a mut [f32], &'a mut [f32], &'a mut [f32], &'a [f32], &'a mut [f32]);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adam::AdamConfig;

    fn moments(count: usize) -> HostMoments {
        HostMoments { first: vec![0.0; count], second: vec![0.0; count] }
    }

    #[test]
    fn forward_and_backward_agree_with_a_calculation_by_hand() {
        let adam =
            AdamConfig::new().with_weight_decay(0.0).with_epsilon(1.0).with_learning_rate(0.5);
        // Two inputs, one output, a batch of three.
        let (mut weight, mut bias) = ([2.0, -1.0], [0.5]);
        let (mut weight_moments, mut bias_moments) = (moments(2), moments(1));
        let mut dense = Dense {
            weight: Trained { values: &mut weight, moments: &mut weight_moments },
            bias: Trained { values: &mut bias, moments: &mut bias_moments },
            update: adam.update(1),
        };
        let input = [1.0, 2.0, 0.0, 3.0, 0.0, 1.0]; // [2, 3]
        let buffers = Buffers::default();
        let forward = |after| dense.forward(&input, 3, after, &buffers).to_vec();
        assert_eq!(forward(Activation::None), [-0.5, 4.5, -0.5]);
        assert_eq!(forward(Activation::Relu), [0.0, 4.5, 0.0]);

        // dW = input · d_output = [1·1 + 2·2, 3·1 + 1·4] = [5, 7], db = 7. Without decay, the first
        // update subtracts lr · g / (|g| + ε).
        let d_output = [1.0, 2.0, 4.0];
        let backward = dense.backward(&input, &d_output, 3, Activation::Relu, 2, &buffers);
        assert!(backward.finite);
        // Wᵀ · d_output = [2, 4, 8] and [-1, -2, -4], zero where the input was.
        assert_eq!(*backward.d_input, [2.0, 4.0, 0.0, -1.0, 0.0, -4.0]);
        let close = |found: f32, expected: f32| assert!((found - expected).abs() < 1e-6, "{found}");
        close(weight[0], 2.0 - 0.5 * 5.0 / 6.0);
        close(weight[1], -1.0 - 0.5 * 7.0 / 8.0);
        close(bias[0], 0.5 - 0.5 * 7.0 / 8.0);
    }
}
