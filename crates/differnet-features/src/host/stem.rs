//! AlexNet's first layer on the host: 11 × 11 convolution with stride 4, ReLU, max pooling.
//!
//! The padded image falls into cells of 4 × 4 pixels, and the kernel placed at cell `p` covers cells
//! `p` to `p + 2` but for their last row and column. On the cells' 48 numbers the layer is a 3 × 3
//! convolution with stride 1, which Winograd's tiles compute with less than a third of the products.

use rayon::prelude::*;

use super::Layer;
use super::feature_maps::FeatureMaps;
use super::winograd::WinogradConvolution;
use crate::weights::ConvolutionWeights;

/// Rows and columns of the convolution's kernel.
pub(crate) const KERNEL: usize = 11;
/// Pixels from one output of the convolution to the next.
pub(crate) const STRIDE: usize = 4;
/// Zeros around the image that the convolution reads.
pub(crate) const PADDING: usize = 2;
/// Channels of the input.
pub(crate) const COLORS: usize = 3;
/// Rows or columns of cells under a kernel.
pub(crate) const REACH: usize = KERNEL.div_ceil(STRIDE);
/// Numbers of a cell.
pub(crate) const CELL: usize = STRIDE * STRIDE * COLORS;

/// The first convolution with its ReLU, of images by [`cells`], from PyTorch's order `[outputs, 3, 11, 11]`.
pub(crate) fn layer(weight: &[f32], bias: &[f32]) -> Layer {
    let outputs = bias.len();
    let mut weights = Vec::with_capacity(outputs * CELL * REACH * REACH);
    for output in 0..outputs {
        for value in 0..CELL {
            let (y, x, color) = (value / COLORS / STRIDE, value / COLORS % STRIDE, value % COLORS);
            for cell in 0..REACH * REACH {
                let (y, x) = (cell / REACH * STRIDE + y, cell % REACH * STRIDE + x);
                let tap = ((output * COLORS + color) * KERNEL + y) * KERNEL + x;
                weights.push(if y < KERNEL && x < KERNEL { weight[tap] } else { 0.0 });
            }
        }
    }
    let shape = [outputs, CELL, REACH, REACH];
    Layer::new(&ConvolutionWeights { weight: weights, bias: bias.to_vec(), shape })
}

/// Images of `height` × `width` pixels by cells, in the order row, column, colour, as [`layer`] convolves
/// them: a map has the size of the convolution's output, and its border the cells beyond.
///
/// `pixel(image, y, x)` is a pixel's colours, normalised.
pub(crate) fn cells(
    images: usize,
    [height, width]: [usize; 2],
    pixel: impl Fn(usize, usize, usize) -> [f32; COLORS] + Sync,
) -> FeatureMaps {
    let [rows, columns] = [height, width].map(convolved_size);
    let border = WinogradConvolution::input_border(REACH, [rows, columns]);
    let mut maps = FeatureMaps::stored(images, rows, columns, CELL, border);
    maps.stored_rows_mut().for_each(|(image, row, cells)| {
        for (column, cell) in cells.chunks_exact_mut(CELL).enumerate() {
            for (place, color) in cell.chunks_exact_mut(COLORS).enumerate() {
                let (y, x) = (row * STRIDE + place / STRIDE, column * STRIDE + place % STRIDE);
                let inside = PADDING..height + PADDING;
                let is_inside = inside.contains(&y) && (PADDING..width + PADDING).contains(&x);
                let value =
                    if is_inside { pixel(image, y - PADDING, x - PADDING) } else { [0.0; COLORS] };
                color.copy_from_slice(&value);
            }
        }
    });
    maps
}

/// Height or width of the convolution's output for an image of `size` pixels.
pub(crate) fn convolved_size(size: usize) -> usize {
    (size + 2 * PADDING - KERNEL) / STRIDE + 1
}
