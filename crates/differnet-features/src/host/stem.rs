//! AlexNet's first layer on the host: 11 × 11 convolution with stride 4, ReLU, max pooling, in one pass.

use std::cell::RefCell;

use differnet_matmul::{PackedMatrix, Strided, Sums, multiply};
use pulp::Arch;
use rayon::prelude::*;

use super::feature_maps::{Border, FeatureMaps, Strip};
use super::lanes::{LANES, Lanes};
use super::max_pool_indices::{MaxPoolIndices, arg_max_of_window, record};
use super::pool::{max_of_window, pooled_size};

/// Rows and columns of the convolution's kernel.
pub(crate) const KERNEL: usize = 11;
/// Pixels from one output of the convolution to the next.
pub(crate) const STRIDE: usize = 4;
/// Zeros around the image that the convolution reads.
pub(crate) const PADDING: usize = 2;
/// Channels of the input.
pub(crate) const COLORS: usize = 3;
const PATCH: usize = KERNEL * KERNEL * COLORS;
/// Pooled rows computed together; neighbours share one convolved row, which is computed twice.
const POOLED_ROWS: usize = 11;
/// Convolved rows per matrix product: their patches stay in the cache.
const ROWS_PER_PRODUCT: usize = 2;

/// The first convolution with its ReLU and pooling.
#[derive(Debug)]
pub(crate) struct Stem {
    /// `[11 · 11 · 3, outputs]`, taps in the order row, column, colour.
    weights: PackedMatrix,
    bias: Vec<f32>,
}

impl Stem {
    /// From PyTorch's order `[outputs, 3, 11, 11]`.
    pub(crate) fn new(weight: &[f32], bias: &[f32]) -> Self {
        let outputs = bias.len();
        let mut weights = vec![0.0; PATCH * outputs];
        for output in 0..outputs {
            for color in 0..COLORS {
                for tap in 0..KERNEL * KERNEL {
                    weights[(tap * COLORS + color) * outputs + output] =
                        weight[(output * COLORS + color) * KERNEL * KERNEL + tap];
                }
            }
        }
        let weights = PackedMatrix::new(&weights, outputs);
        Self { weights, bias: bias.to_vec() }
    }

    /// Pooled height or width for an image of `size` pixels.
    pub(crate) fn output_size(size: usize) -> usize {
        pooled_size(convolved_size(size))
    }

    /// Pooled maps of normalised images, which must carry a border of [`PADDING`]; records `indices`
    /// where asked.
    pub(crate) fn forward(
        &self,
        images: &FeatureMaps,
        border: Border,
        indices: Option<&mut MaxPoolIndices>,
    ) -> FeatureMaps {
        let (height, width) = (Self::output_size(images.height), Self::output_size(images.width));
        let mut output = FeatureMaps::zeros(images.images, height, width, self.bias.len(), border);
        let indices = MaxPoolIndices::strips_mut(indices, &output, POOLED_ROWS);
        let strips = output.strips_mut(POOLED_ROWS).into_par_iter().zip(indices);
        strips.for_each(|(mut strip, indices)| {
            SCRATCH.with_borrow_mut(|scratch| {
                self.forward_strip(images, &mut strip, indices, scratch);
            });
        });
        output
    }

    fn forward_strip(
        &self,
        images: &FeatureMaps,
        strip: &mut Strip<'_>,
        mut indices: Option<&mut [u8]>,
        scratch: &mut Scratch,
    ) {
        let outputs = self.bias.len();
        let columns = convolved_size(images.width);
        let first = strip.row * 2;
        let rows = strip.rows * 2 + 1;
        scratch.patches.resize(ROWS_PER_PRODUCT * columns * PATCH, 0.0);
        scratch.convolved.resize(rows * columns * outputs, 0.0);
        for start in (0..rows).step_by(ROWS_PER_PRODUCT) {
            let together = ROWS_PER_PRODUCT.min(rows - start);
            let patches = &mut scratch.patches[..together * columns * PATCH];
            for (index, patch) in patches.chunks_mut(PATCH).enumerate() {
                let (y, x) = (first + start + index / columns, index % columns);
                let from = images.stored_from(strip.image, y * STRIDE, x * STRIDE);
                for (tap, row) in patch.chunks_exact_mut(KERNEL * COLORS).enumerate() {
                    row.copy_from_slice(&from[tap * images.row_stride()..][..KERNEL * COLORS]);
                }
            }
            let sums =
                &mut scratch.convolved[start * columns * outputs..][..together * columns * outputs];
            let patches = Strided { values: patches, stride: PATCH };
            multiply(patches, together * columns, &self.weights, Sums::Replace, sums);
        }
        let convolved = &scratch.convolved;
        let width = pooled_size(columns);
        Arch::new().dispatch(|| {
            for y in 0..strip.rows {
                for x in 0..width {
                    for channel in (0..outputs).step_by(LANES) {
                        let window = |dy: usize, dx: usize| {
                            let pixel = (y * 2 + dy) * columns + x * 2 + dx;
                            Lanes::load(&convolved[pixel * outputs + channel..])
                        };
                        // Adding a bias and clamping at zero commute with the maximum.
                        let bias = Lanes::load(&self.bias[channel..]);
                        let value = match indices.as_deref_mut() {
                            None => (max_of_window(window) + bias).max(Lanes::ZERO),
                            Some(codes) => {
                                let (maximum, places) = arg_max_of_window(window);
                                let value = (maximum + bias).max(Lanes::ZERO);
                                let at = (y * width + x) * outputs + channel;
                                record(value, places, &mut codes[at..]);
                                value
                            }
                        };
                        value.store(&mut strip.pixels_mut(y, x, outputs)[channel..]);
                    }
                }
            }
        });
    }
}

/// Height or width of the convolution's output for an image of `size` pixels.
pub(crate) fn convolved_size(size: usize) -> usize {
    (size + 2 * PADDING - KERNEL) / STRIDE + 1
}

#[derive(Default)]
struct Scratch {
    patches: Vec<f32>,
    convolved: Vec<f32>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch::default());
}
