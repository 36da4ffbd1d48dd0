//! A fully connected layer of an update, on host slices.
//!
//! Activations are stored feature by feature, `[features, batch]`: a tile of features is then one
//! contiguous slice that a task can own. What runs on one thread has a fixed size, so that results
//! do not depend on the number of threads.

use std::ops::Deref;

use differnet_matmul::{Interleaved, PackedMatrix, ROWS, Tile, Visit, for_each_tile};

use super::buffers::{Buffer, Buffers};

/// Partial sums that fit a vector register.
pub(super) const LANES: usize = 8;

/// Activation after a layer's affine map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Activation {
    Relu,
    None,
}

/// A layer whose backward pass knows what becomes of its weights' gradient.
pub(super) trait Layer {
    /// Width of the input.
    fn inputs(&self) -> usize;

    /// The layer's output `[outputs, batch]` for `input`, `[inputs, batch]`.
    fn forward<'a>(
        &self,
        input: &[f32],
        batch: usize,
        after: Activation,
        buffers: &'a Buffers,
    ) -> Buffer<'a>;

    /// Takes the gradient of the weights from `d_output`, the loss's gradient to the layer's output
    /// before the activation, `[outputs, batch]`.
    ///
    /// The result's is that to at least the first `wanted` inputs; where `before` is ReLU, it is
    /// carried on through it.
    fn backward<'a>(
        &mut self,
        input: &[f32],
        d_output: &[f32],
        batch: usize,
        before: Activation,
        wanted: usize,
        buffers: &'a Buffers,
    ) -> Backward<'a>;
}

/// Result of a layer's backward pass.
pub(super) struct Backward<'a> {
    /// The loss's gradient to the input, `[wanted, batch]`.
    pub(super) d_input: Buffer<'a>,
    /// Whether every updated value is finite.
    pub(super) finite: bool,
}

/// The outputs of a layer whose weights are `rows`, as [`interleaved`](interleave), to `output`, row by
/// row.
pub(super) fn outputs<V: Deref<Target = [f32]>>(
    rows: &[[f32; ROWS]],
    bias: &[f32],
    input: &PackedMatrix<V>,
    after: Activation,
    output: &mut [f32],
) {
    let (inputs, batch) = (input.depth(), input.columns());
    let blocks = rows.chunks_exact(inputs).zip(output.chunks_mut(ROWS * batch));
    for ((rows, output), bias) in blocks.zip(bias.chunks(ROWS)) {
        let mut activated = Activated { output, batch, bias, after };
        for_each_tile(&Interleaved(rows), input, &mut activated);
    }
}

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
    fn visit(&mut self, column: usize, tile: &Tile) {
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
pub(super) fn interleave(
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

/// Carries a gradient back through ReLU: zero where the `activation` is.
pub(super) fn cut_gradient(gradient: &mut [f32], activation: &[f32]) {
    let cut = |(d, a): (&mut f32, &f32)| *d = if *a > 0.0 { *d } else { 0.0 };
    gradient.iter_mut().zip(activation).for_each(cut);
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

    #[test]
    fn sums_include_every_value() {
        let values: Vec<f32> = (1..=19).map(|value| value as f32).collect();
        assert_eq!(sum(&values), 190.0);
    }
}
