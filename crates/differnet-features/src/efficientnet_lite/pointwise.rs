//! 1 × 1 convolutions on rows of channels: products of matrices with an epilogue.

use differnet_matmul::{PackedMatrix, Strided, Sums, multiply};
use pulp::{Arch, Simd, WithSimd};

use super::weights::Folded;

/// A convolution whose inputs lie side by side: `[places, inputs]` → `[places, outputs]`.
#[derive(Debug)]
pub(super) struct Pointwise {
    /// `[inputs, outputs]`
    weight: PackedMatrix,
    /// `[outputs]`
    bias: Vec<f32>,
    /// Numbers at an input place.
    pub(super) inputs: usize,
}

/// Activation after a convolution.
#[derive(Debug, Clone, Copy)]
pub(super) enum Activation<'a> {
    /// min(max(x, 0), 6)
    Relu6,
    /// Identity.
    Linear,
    /// The block's input is added, `[places, outputs]`.
    Residual(&'a [f32]),
}

impl Pointwise {
    /// From weights `[outputs, inputs, kernel, kernel]`, whose taps are taken row by row, channels last.
    pub(super) fn new(weights: &Folded) -> Self {
        let [outputs, channels, height, width] = weights.shape;
        let (taps, inputs) = (height * width, channels * height * width);
        // [outputs, inputs]: as a pixel's neighbours lie in memory.
        let mut matrix = vec![0.0; outputs * inputs];
        for (row, from) in matrix.chunks_exact_mut(inputs).zip(weights.weight.chunks_exact(inputs))
        {
            for channel in 0..channels {
                for tap in 0..taps {
                    row[tap * channels + channel] = from[channel * taps + tap];
                }
            }
        }
        let weight = PackedMatrix::pack_transposed(&matrix, inputs, |count| vec![0.0; count]);
        Self { weight, bias: weights.bias.clone(), inputs }
    }

    /// Numbers at an output place.
    pub(super) fn outputs(&self) -> usize {
        self.bias.len()
    }

    /// Writes the outputs of `from`, `[places, inputs]`, to `to`, `[places, outputs]`.
    pub(super) fn forward(&self, from: &[f32], activation: Activation<'_>, to: &mut [f32]) {
        let rows = Strided { values: from, stride: self.inputs };
        multiply(rows, from.len() / self.inputs, &self.weight, Sums::Replace, to);
        Arch::new().dispatch(Epilogue { bias: &self.bias, activation, to });
    }
}

/// Bias and activation, in place.
struct Epilogue<'a> {
    bias: &'a [f32],
    activation: Activation<'a>,
    to: &'a mut [f32],
}

impl WithSimd for Epilogue<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { bias, activation, to } = self;
        let places = to.chunks_exact_mut(bias.len());
        match activation {
            Activation::Relu6 => {
                for place in places {
                    for (x, bias) in place.iter_mut().zip(bias) {
                        *x = clamped(*x + bias);
                    }
                }
            }
            Activation::Linear => {
                for place in places {
                    place.iter_mut().zip(bias).for_each(|(x, bias)| *x += bias);
                }
            }
            Activation::Residual(entry) => {
                for (place, entry) in places.zip(entry.chunks_exact(bias.len())) {
                    for ((x, bias), entry) in place.iter_mut().zip(bias).zip(entry) {
                        *x = (*x + bias) + entry;
                    }
                }
            }
        }
    }
}

/// ReLU6 by comparisons: one instruction each.
#[inline(always)]
fn clamped(x: f32) -> f32 {
    let x = if x > 0.0 { x } else { 0.0 };
    if x < 6.0 { x } else { 6.0 }
}
