//! ResNets and VGG-16 on the host processor: convolutions as products of matrices, all cores on one image.
//!
//! Channels lie side by side, so that the inputs of a kernel's row do as well: an output row is a sum of as
//! many products as the kernel has rows, whose left factor is the padded input itself, read with
//! overlap. Every number is one sum in a fixed order: the bits do not depend on the threads.

use std::borrow::Cow;

use differnet_matmul::{PackedMatrix, Strided, Sums, multiply};
use rayon::prelude::*;

use super::architecture::{self, Convolution, Layer, MaxPool, Residual};
use crate::normalize::normalized_levels;
use crate::pretrained_weights::PretrainedWeights;
use crate::stages::StageMap;

/// A frozen ResNet or VGG-16 with its weights arranged for the host.
#[derive(Debug)]
pub struct HostTorchvisionNetwork {
    stages: Vec<Vec<HostLayer>>,
}

#[derive(Debug)]
enum HostLayer {
    Convolution(HostConvolution),
    MaxPool(MaxPool),
    Residual { body: Vec<HostConvolution>, shortcut: Option<HostConvolution> },
}

/// A convolution on maps whose channels lie side by side.
#[derive(Debug)]
struct HostConvolution {
    shape: Convolution,
    /// Of each row of the kernel, `[kernel · inputs, outputs]`.
    rows: Vec<PackedMatrix>,
    /// `[outputs]`
    bias: Vec<f32>,
}

/// Activation after a convolution.
#[derive(Debug, Clone, Copy)]
enum Activation<'a> {
    Linear,
    Relu,
    /// The shortcut, of the output's shape, is added before a ReLU.
    Residual(&'a StageMap),
}

impl HostTorchvisionNetwork {
    /// The network with as many stages as there are weights for.
    pub fn new(weights: &PretrainedWeights) -> Self {
        let convolution = |shape: &Convolution| HostConvolution::new(shape, weights);
        let layer = |layer: &Layer| match layer {
            Layer::Convolution(shape) => HostLayer::Convolution(convolution(shape)),
            Layer::MaxPool(pool) => HostLayer::MaxPool(*pool),
            Layer::Residual(Residual { body, shortcut }) => HostLayer::Residual {
                body: body.iter().map(convolution).collect(),
                shortcut: shortcut.as_ref().map(convolution),
            },
        };
        let stages = architecture::stages(weights.backbone()).into_iter().take(weights.stages());
        Self { stages: stages.map(|layers| layers.iter().map(layer).collect()).collect() }
    }

    /// The maps after `stages` (numbers from 1, rising) of an interleaved RGB image.
    ///
    /// # Panics
    /// If `pixels` is not `3 · height · width` long, a side is 0, or a stage is not one of the network's.
    pub fn maps(
        &self,
        pixels: &[u8],
        height: usize,
        width: usize,
        stages: &[usize],
    ) -> Vec<StageMap> {
        assert_eq!(pixels.len(), 3 * height * width, "pixels do not fit the shape");
        assert!(height > 0 && width > 0, "an image has pixels");
        let levels = normalized_levels();
        let values = pixels.chunks_exact(3).flat_map(|pixel| {
            [0, 1, 2].map(|color: usize| levels[color][usize::from(pixel[color])])
        });
        let mut x = StageMap { height, width, channels: 3, values: values.collect() };
        let mut maps = Vec::with_capacity(stages.len());
        for stage in 1..=stages.iter().copied().max().unwrap_or(0) {
            for layer in &self.stages[stage - 1] {
                x = layer.forward(&x);
            }
            if stages.contains(&stage) {
                maps.push(x.clone());
            }
        }
        maps
    }
}

impl HostLayer {
    fn forward(&self, x: &StageMap) -> StageMap {
        match self {
            Self::Convolution(convolution) => convolution.forward(x, Activation::Relu),
            Self::MaxPool(pool) => pooled(pool, x),
            Self::Residual { body, shortcut } => {
                let entry = match shortcut {
                    Some(shortcut) => Cow::Owned(shortcut.forward(x, Activation::Linear)),
                    None => Cow::Borrowed(x),
                };
                let (last, first) = body.split_last().expect("a block has convolutions");
                let x = first.iter().fold(Cow::Borrowed(x), |x, convolution| {
                    Cow::Owned(convolution.forward(&x, Activation::Relu))
                });
                last.forward(&x, Activation::Residual(&entry))
            }
        }
    }
}

impl HostConvolution {
    fn new(shape: &Convolution, weights: &PretrainedWeights) -> Self {
        let folded = weights.folded(shape);
        let Convolution { inputs, outputs, kernel, .. } = *shape;
        let depth = kernel * inputs;
        let row = |ky: usize| {
            // [outputs, depth]: as the inputs of a row lie in memory.
            let mut matrix = vec![0.0; outputs * depth];
            for (output, to) in matrix.chunks_exact_mut(depth).enumerate() {
                for (at, to) in to.iter_mut().enumerate() {
                    let (kx, input) = (at / inputs, at % inputs);
                    let from = ((output * inputs + input) * kernel + ky) * kernel + kx;
                    *to = folded.weight[from];
                }
            }
            PackedMatrix::pack_transposed(&matrix, depth, |count| vec![0.0; count])
        };
        let rows = (0..kernel).map(row).collect();
        Self { shape: shape.clone(), rows, bias: folded.bias }
    }

    fn forward(&self, from: &StageMap, activation: Activation<'_>) -> StageMap {
        let Convolution { inputs, outputs, kernel, stride, .. } = self.shape;
        let padding = self.shape.padding();
        let output = |size: usize| (size + 2 * padding - kernel) / stride + 1;
        let (height, width) = (output(from.height), output(from.width));
        let line = (from.width + 2 * padding) * inputs;
        let padded = padded(from, padding);
        let mut values = vec![0.0; height * width * outputs];
        values.par_chunks_exact_mut(width * outputs).enumerate().for_each(|(y, to)| {
            let mut sums = Sums::Replace;
            for (ky, matrix) in self.rows.iter().enumerate() {
                let row = (y * stride + ky).checked_sub(padding);
                let Some(row) = row.filter(|row| *row < from.height) else { continue };
                let left =
                    Strided { values: &padded[row * line..][..line], stride: stride * inputs };
                multiply(left, width, matrix, sums, to);
                sums = Sums::Add;
            }
            self.finish(activation, y, to);
        });
        StageMap { height, width, channels: outputs, values }
    }

    /// Bias and activation of row `y`, in place.
    fn finish(&self, activation: Activation<'_>, y: usize, to: &mut [f32]) {
        let cells = to.chunks_exact_mut(self.bias.len());
        match activation {
            Activation::Linear => {
                for cell in cells {
                    cell.iter_mut().zip(&self.bias).for_each(|(x, bias)| *x += bias);
                }
            }
            Activation::Relu => {
                for cell in cells {
                    cell.iter_mut().zip(&self.bias).for_each(|(x, bias)| *x = (*x + bias).max(0.0));
                }
            }
            Activation::Residual(entry) => {
                let row = entry.width * entry.channels;
                let entry = entry.values[y * row..][..row].chunks_exact(entry.channels);
                for (cell, entry) in cells.zip(entry) {
                    for ((x, bias), entry) in cell.iter_mut().zip(&self.bias).zip(entry) {
                        *x = (*x + bias + entry).max(0.0);
                    }
                }
            }
        }
    }
}

/// The rows of a map with `padding` cells of zeros at both ends of each.
fn padded(from: &StageMap, padding: usize) -> Cow<'_, [f32]> {
    if padding == 0 {
        return Cow::Borrowed(&from.values);
    }
    let (row, ends) = (from.width * from.channels, padding * from.channels);
    let mut values = vec![0.0; from.height * (row + 2 * ends)];
    for (to, from) in values.chunks_exact_mut(row + 2 * ends).zip(from.values.chunks_exact(row)) {
        to[ends..][..row].copy_from_slice(from);
    }
    Cow::Owned(values)
}

/// The largest value of each channel in each square.
fn pooled(pool: &MaxPool, from: &StageMap) -> StageMap {
    let MaxPool { size, stride, padding } = *pool;
    let output = |side: usize| (side + 2 * padding - size) / stride + 1;
    let (height, width, channels) = (output(from.height), output(from.width), from.channels);
    // Those of a square that lie in the map.
    let inside = |at: usize, side: usize| {
        let first = at * stride;
        first.saturating_sub(padding)..(first + size - padding).min(side)
    };
    let mut values = vec![f32::NEG_INFINITY; height * width * channels];
    values.par_chunks_exact_mut(width * channels).enumerate().for_each(|(y, to)| {
        for (x, to) in to.chunks_exact_mut(channels).enumerate() {
            for row in inside(y, from.height) {
                for column in inside(x, from.width) {
                    let from = &from.values[(row * from.width + column) * channels..];
                    to.iter_mut().zip(from).for_each(|(to, value)| *to = to.max(*value));
                }
            }
        }
    });
    StageMap { height, width, channels, values }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn poolings_by_hand() {
        let values = (0..15).map(|at| ((at * 7) % 15) as f32).collect();
        // 0 7 14 6 13 / 5 12 4 11 3 / 10 2 9 1 8
        let map = StageMap { height: 3, width: 5, channels: 1, values };
        let found = pooled(&MaxPool { size: 2, stride: 2, padding: 0 }, &map);
        assert_eq!((found.height, found.width, &found.values[..]), (1, 2, &[12.0, 14.0][..]));
        let found = pooled(&MaxPool { size: 3, stride: 2, padding: 1 }, &map);
        let golden = [12.0, 14.0, 13.0, 12.0, 12.0, 11.0];
        assert_eq!((found.height, found.width, &found.values[..]), (2, 3, &golden[..]));
    }
}
