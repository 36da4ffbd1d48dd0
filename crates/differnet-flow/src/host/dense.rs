//! A fully connected layer on host slices, whose backward pass updates the weights as it goes.
//!
//! Activations are stored feature by feature, `[features, batch]`: a tile of features is then one
//! contiguous slice that a task can own. Tiles have a fixed size and products within a tile run on
//! one thread, so that results do not depend on the number of threads.

use differnet_matmul::{
    Interleaved, PackedMatrix, ROWS, Strided, Sums, Visit, for_each_tile, multiply,
};
use rayon::prelude::*;

use super::buffers::{Buffer, Buffers};
use crate::adam::Update;

/// Features that one task computes in the forward pass: whole tiles, and whole lines of the cache.
const OUTPUT_TILE: usize = 6 * ROWS;
/// Features whose weights one task updates: several tiles, so that the factor that all of them are multiplied
/// with passes the cache less often.
const INPUT_TILE: usize = 4 * ROWS;
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
    pub(super) fn forward<'a>(
        &self,
        input: &[f32],
        batch: usize,
        after: Activation,
        buffers: &'a Buffers,
    ) -> Buffer<'a> {
        let (inputs, outputs) = (self.inputs(), self.outputs());
        let input = PackedMatrix::pack(input, batch, |count| buffers.take(count)); // [inputs, batch]
        let weight = &*self.weight.values;
        let mut output = buffers.take(outputs * batch);
        let tiles = output.par_chunks_mut(OUTPUT_TILE * batch);
        let tiles = tiles.zip(self.bias.values.par_chunks(OUTPUT_TILE)).enumerate();
        tiles.for_each_init(Vec::new, |rows, (tile, (output, bias))| {
            interleave(weight, outputs, tile * OUTPUT_TILE, bias.len(), rows);
            let blocks = rows.chunks_exact(inputs).zip(output.chunks_mut(ROWS * batch));
            for ((rows, output), bias) in blocks.zip(bias.chunks(ROWS)) {
                let mut activated = Activated { output, batch, bias, after };
                for_each_tile(&Interleaved(rows), &input, &mut activated);
            }
        });
        output
    }

    /// Updates the layer from `d_output`, the loss's gradient to its output before the activation,
    /// `[outputs, batch]`.
    ///
    /// The gradient to `input` comes from the weights of before the update; where `before` is
    /// ReLU, it is carried on through it.
    pub(super) fn backward<'a>(
        &mut self,
        input: &[f32],
        d_output: &[f32],
        batch: usize,
        before: Activation,
        update: Update,
        buffers: &'a Buffers,
    ) -> Backward<'a> {
        let (inputs, outputs) = (self.inputs(), self.outputs());
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
                let cut = |(d, a): (&mut f32, &f32)| *d = if *a > 0.0 { *d } else { 0.0 };
                d_input.iter_mut().zip(input).for_each(cut);
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

/// Writes a layer's output from sums without bias.
struct Activated<'a> {
    /// Some rows of `[outputs, batch]`.
    output: &'a mut [f32],
    batch: usize,
    bias: &'a [f32],
    after: Activation,
}

impl Visit for Activated<'_> {
    #[inline(always)]
    fn visit(&mut self, column: usize, tile: &differnet_matmul::Tile) {
        let rows = self.output.chunks_exact_mut(self.batch).zip(tile).zip(self.bias);
        for ((row, sums), bias) in rows {
            let row = row[column..].iter_mut().zip(sums);
            match self.after {
                Activation::Relu => row.for_each(|(to, sum)| *to = (sum + bias).max(0.0)),
                Activation::None => row.for_each(|(to, sum)| *to = sum + bias),
            }
        }
    }
}

/// Writes `count` columns of `weight`, `[inputs, outputs]`, from column `first` on to `rows`:
/// [`ROWS`] at a time, `[count / ROWS][inputs][ROWS]`.
fn interleave(
    weight: &[f32],
    outputs: usize,
    first: usize,
    count: usize,
    rows: &mut Vec<[f32; ROWS]>,
) {
    let inputs = weight.len() / outputs;
    rows.clear();
    rows.resize(count.div_ceil(ROWS) * inputs, [0.0; ROWS]);
    for (input, weight) in weight.chunks_exact(outputs).enumerate() {
        // Whole blocks have a length that is known here, which copies them without a call.
        let (blocks, rest) = weight[first..][..count].as_chunks::<ROWS>();
        for (block, weight) in blocks.iter().enumerate() {
            rows[block * inputs + input] = *weight;
        }
        if !rest.is_empty() {
            rows[blocks.len() * inputs + input][..rest.len()].copy_from_slice(rest);
        }
    }
}

/// What a backward pass hands on.
pub(super) struct Backward<'a> {
    /// The loss's gradient to the input, `[inputs, batch]`.
    pub(super) d_input: Buffer<'a>,
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
        let buffers = Buffers::default();
        let forward = |after| dense.forward(&input, 3, after, &buffers).to_vec();
        assert_eq!(forward(Activation::None), [-0.5, 4.5, -0.5]);
        assert_eq!(forward(Activation::Relu), [0.0, 4.5, 0.0]);

        // dW = input · d_output = [1·1 + 2·2, 3·1 + 1·4] = [5, 7], db = 7. Without decay, the first
        // update subtracts lr · g / (|g| + ε).
        let adam =
            AdamConfig::new().with_weight_decay(0.0).with_epsilon(1.0).with_learning_rate(0.5);
        let d_output = [1.0, 2.0, 4.0];
        let (relu, update) = (Activation::Relu, adam.update(1));
        let backward = dense.backward(&input, &d_output, 3, relu, update, &buffers);
        assert!(backward.finite);
        // Wᵀ · d_output = [2, 4, 8] and [-1, -2, -4], zero where the input was.
        assert_eq!(*backward.d_input, [2.0, 4.0, 0.0, -1.0, 0.0, -4.0]);
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
