//! Winograd's minimal filtering (Lavin & Gray 2016) for stride-1 convolutions.
//!
//! Tiles of 6 × 6 inputs give 4 × 4 outputs of a 3 × 3 kernel with 36 products per channel pair
//! instead of 144, or 2 × 2 outputs of a 5 × 5 kernel with 36 instead of 100. Both use the points
//! 0, ±1, ±2, ∞, so the input transform is shared. Each of the 36 positions is a matrix product
//! over channels, which is where the time goes.

use std::cell::RefCell;

use differnet_matmul::{PackedMatrix, Strided, Sums, multiply};
use pulp::Arch;
use rayon::prelude::*;

use super::epilogue::{Epilogue, Place};
use super::feature_maps::{Border, FeatureMaps, Strip};
use super::lanes::{LANES, Lanes};

const TILE: usize = 6;
const POSITIONS: usize = TILE * TILE;
/// Tiles per matrix product: enough to amortise reading the weights, few enough for the cache.
const TILES_TOGETHER: usize = 192;
/// Values between the transformed tiles. A multiple of 4 KiB from one to the next would let them drive
/// each other out of the innermost cache.
const APART: usize = 16;

/// A convolution with stride 1 and "same" padding.
#[derive(Debug)]
pub(crate) struct WinogradConvolution {
    kernel: usize,
    inputs: usize,
    outputs: usize,
    /// Transformed weights `[inputs, outputs]` of each of the 36 positions.
    weights: Vec<PackedMatrix>,
}

impl WinogradConvolution {
    /// Transforms `weight` `[outputs, inputs, kernel, kernel]`; `kernel` is 3 or 5.
    pub(crate) fn new(weight: &[f32], [outputs, inputs, kernel, _]: [usize; 4]) -> Self {
        assert!(kernel == 3 || kernel == 5, "no tile size for kernels of {kernel}");
        let transform = kernel_transform(kernel);
        let mut weights = vec![0.0; POSITIONS * inputs * outputs];
        for output in 0..outputs {
            for input in 0..inputs {
                let start = (output * inputs + input) * kernel * kernel;
                let taps = &weight[start..start + kernel * kernel];
                for (y, row) in transform.iter().enumerate() {
                    for (x, column) in transform.iter().enumerate() {
                        // (G g Gᵀ)[y, x], in f64 because it is rounded only once.
                        let mut sum = 0.0;
                        for (i, g) in row.iter().take(kernel).enumerate() {
                            for (j, h) in column.iter().take(kernel).enumerate() {
                                sum += g * f64::from(taps[i * kernel + j]) * h;
                            }
                        }
                        weights[((y * TILE + x) * inputs + input) * outputs + output] = sum as f32;
                    }
                }
            }
        }
        let positions = weights.chunks_exact(inputs * outputs);
        let packed = positions.map(|weights| PackedMatrix::new(weights, outputs));
        Self { kernel, inputs, outputs, weights: packed.collect() }
    }

    /// The convolution that leads the gradient of [`Self::new`]'s output back to its input: inputs
    /// and outputs change places and the kernels are turned by 180°.
    pub(crate) fn transposed(weight: &[f32], [outputs, inputs, kernel, _]: [usize; 4]) -> Self {
        let taps = kernel * kernel;
        let mut turned = Vec::with_capacity(weight.len());
        for input in 0..inputs {
            for output in 0..outputs {
                let start = (output * inputs + input) * taps;
                turned.extend(weight[start..start + taps].iter().rev());
            }
        }
        Self::new(&turned, [inputs, outputs, kernel, kernel])
    }

    /// The border that an input of `size` rows or columns needs for this kernel.
    pub(crate) fn input_border(kernel: usize, size: usize) -> Border {
        let outputs_per_tile = TILE + 1 - kernel;
        let stored = (size.div_ceil(outputs_per_tile) - 1) * outputs_per_tile + TILE;
        let before = kernel / 2;
        Border { before, after: (stored - before - size.min(stored - before)).max(before) }
    }

    /// Maps of the convolution of `input`, which must carry [`Self::input_border`], after `epilogue`.
    pub(crate) fn forward(
        &self,
        input: &FeatureMaps,
        border: Border,
        epilogue: &impl Epilogue,
    ) -> FeatureMaps {
        let outputs_per_tile = TILE + 1 - self.kernel;
        let tiles_across = input.width.div_ceil(outputs_per_tile);
        let mut output =
            FeatureMaps::zeros(input.images, input.height, input.width, self.outputs, border);
        let mut strips = output.strips_mut(outputs_per_tile);
        let strips_together = (TILES_TOGETHER / tiles_across).max(1);
        // Taken, not borrowed: while this thread waits for others it may compute another map.
        let mut scratch = SCRATCH.take();
        for strips in strips.chunks_mut(strips_together) {
            self.forward_strips(input, strips, tiles_across, epilogue, &mut scratch);
        }
        SCRATCH.set(scratch);
        output
    }

    /// Strips of `tiles_across` tiles each.
    fn forward_strips(
        &self,
        input: &FeatureMaps,
        strips: &mut [Strip<'_>],
        tiles_across: usize,
        epilogue: &impl Epilogue,
        scratch: &mut Scratch,
    ) {
        let outputs_per_tile = TILE + 1 - self.kernel;
        let tiles = strips.len() * tiles_across;
        let (inputs, outputs) = (self.inputs, self.outputs);
        let stride = POSITIONS * inputs + APART;
        let transformed = Scratch::sized(&mut scratch.inputs, tiles * stride); // [tiles, stride]
        let products = Scratch::sized(&mut scratch.products, POSITIONS * tiles * outputs);
        let arch = Arch::new();

        let tiles_of_strips = transformed.par_chunks_exact_mut(tiles_across * stride);
        tiles_of_strips.zip(&*strips).for_each(|(tiles, strip)| {
            arch.dispatch(|| {
                for (tile, to) in tiles.chunks_exact_mut(stride).enumerate() {
                    let from = input.stored_from(strip.image, strip.row, tile * outputs_per_tile);
                    transform_input(from, input.row_stride(), inputs, to);
                }
            });
        });
        // By positions, so that each weight is read by one thread, once for all tiles.
        let positions = products.par_chunks_exact_mut(tiles * outputs).zip(&self.weights);
        positions.enumerate().for_each(|(position, (products, weights))| {
            let values = Strided { values: &transformed[position * inputs..], stride };
            multiply(values, tiles, weights, Sums::Replace, products);
        });
        let products = &*products;
        strips.par_iter_mut().enumerate().for_each(|(index, strip)| {
            arch.dispatch(|| {
                for tile in 0..tiles_across {
                    let from = &products[(index * tiles_across + tile) * outputs..];
                    let x = tile * outputs_per_tile;
                    let columns = outputs_per_tile.min(input.width - x);
                    let target = Target { x, columns, channels: outputs, epilogue };
                    match self.kernel {
                        3 => transform_output::<4, _>(from, tiles * outputs, strip, &target),
                        _ => transform_output::<2, _>(from, tiles * outputs, strip, &target),
                    }
                }
            });
        });
    }
}

thread_local! {
    // A few megabytes: fresh memory every time would cost page faults.
    static SCRATCH: RefCell<Scratch> = const { RefCell::new(Scratch { inputs: Vec::new(), products: Vec::new() }) };
}

#[derive(Default)]
struct Scratch {
    inputs: Vec<f32>,
    products: Vec<f32>,
}

impl Scratch {
    fn sized(buffer: &mut Vec<f32>, length: usize) -> &mut [f32] {
        if buffer.len() < length {
            buffer.resize(length, 0.0);
        }
        &mut buffer[..length]
    }
}

/// Target of a tile's outputs, and the epilogue on the way.
struct Target<'a, F> {
    x: usize,
    columns: usize,
    channels: usize,
    epilogue: &'a F,
}

/// Rows of G: the kernel's polynomial at 0, 1, −1, 2, −2 (scaled) and ∞.
fn kernel_transform(kernel: usize) -> [[f64; 5]; TILE] {
    let mut rows = [[0.0; 5]; TILE];
    let points =
        [(0.0, 0.25), (1.0, -1.0 / 6.0), (-1.0, -1.0 / 6.0), (2.0, 1.0 / 24.0), (-2.0, 1.0 / 24.0)];
    for (row, (point, scale)) in rows.iter_mut().zip(points) {
        let mut power: f64 = scale;
        for value in row.iter_mut().take(kernel) {
            *value = power;
            power *= point;
        }
    }
    rows[TILE - 1][kernel - 1] = 1.0;
    rows
}

/// Bᵀ d B of one tile, all channels, to `[36, channels]`.
#[inline(always)]
fn transform_input(from: &[f32], row_stride: usize, channels: usize, to: &mut [f32]) {
    for channel in (0..channels).step_by(LANES) {
        let mut columns = [[Lanes::ZERO; TILE]; TILE];
        for x in 0..TILE {
            let mut d = [Lanes::ZERO; TILE];
            for (y, value) in d.iter_mut().enumerate() {
                *value = Lanes::load(&from[y * row_stride + x * channels + channel..]);
            }
            let transformed = input_points(d);
            for y in 0..TILE {
                columns[y][x] = transformed[y];
            }
        }
        for (y, row) in columns.iter().enumerate() {
            for (x, value) in input_points(*row).into_iter().enumerate() {
                value.store(&mut to[(y * TILE + x) * channels + channel..]);
            }
        }
    }
}

/// Bᵀ applied to six values.
#[inline(always)]
fn input_points(d: [Lanes; TILE]) -> [Lanes; TILE] {
    let even = d[4] - d[2] * 4.0;
    let odd = d[3] - d[1] * 4.0;
    let even_2 = d[4] - d[2];
    let odd_2 = (d[3] - d[1]) * 2.0;
    [
        d[0] * 4.0 - d[2] * 5.0 + d[4],
        even + odd,
        even - odd,
        even_2 + odd_2,
        even_2 - odd_2,
        d[1] * 4.0 - d[3] * 5.0 + d[5],
    ]
}

/// Aᵀ m A of one tile, finished, all channels, written to the strip as far as the map reaches.
#[inline(always)]
fn transform_output<const OUTPUTS: usize, F: Epilogue>(
    from: &[f32],
    plane: usize,
    strip: &mut Strip<'_>,
    target: &Target<'_, F>,
) {
    let (image, channels) = (strip.image, target.channels);
    for channel in (0..channels).step_by(LANES) {
        let mut columns = [[Lanes::ZERO; TILE]; OUTPUTS];
        for x in 0..TILE {
            let mut m = [Lanes::ZERO; TILE];
            for (y, value) in m.iter_mut().enumerate() {
                *value = Lanes::load(&from[(y * TILE + x) * plane + channel..]);
            }
            let transformed = output_points::<OUTPUTS>(m);
            for y in 0..OUTPUTS {
                columns[y][x] = transformed[y];
            }
        }
        for (y, row) in columns.iter().enumerate().take(strip.rows) {
            let values = output_points::<OUTPUTS>(*row);
            for (x, value) in values.into_iter().enumerate().take(target.columns) {
                let place = Place { image, y: strip.row + y, x: target.x + x, channel };
                let to = &mut strip.pixels_mut(y, target.x + x, channels)[channel..];
                target.epilogue.apply(value, place).store(to);
            }
        }
    }
}

/// Aᵀ applied to six values.
#[inline(always)]
fn output_points<const OUTPUTS: usize>(m: [Lanes; TILE]) -> [Lanes; OUTPUTS] {
    let (sum_1, difference_1) = (m[1] + m[2], m[1] - m[2]);
    let (sum_2, difference_2) = (m[3] + m[4], m[3] - m[4]);
    let mut outputs = [Lanes::ZERO; OUTPUTS];
    outputs[0] = m[0] + sum_1 + sum_2;
    outputs[1] = difference_1 + difference_2 * 2.0;
    if OUTPUTS == 4 {
        outputs[2] = sum_1 + sum_2 * 4.0;
        outputs[3] = difference_1 + difference_2 * 8.0;
    }
    outputs[OUTPUTS - 1] = outputs[OUTPUTS - 1] + m[5];
    outputs
}

#[cfg(test)]
mod tests {
    use super::super::epilogue::Sum;
    use super::super::feature_maps::{bordered, fill};
    use super::*;

    fn noise(index: usize) -> f32 {
        let mixed = (index as u32).wrapping_mul(2_654_435_761);
        let mixed = (mixed ^ (mixed >> 15)).wrapping_mul(2_246_822_519);
        (mixed >> 8) as f32 / (1 << 23) as f32 - 1.0
    }

    #[test]
    fn the_transposed_convolution_is_that_of_the_definition() {
        // A side that no tile divides, and unequal numbers of channels.
        let (side, inputs, outputs) = (7, 16, 8);
        let gradient = |image: usize, y: usize, x: usize, channel: usize| {
            noise(((image * side + y) * side + x) * outputs + channel)
        };
        for kernel in [3, 5] {
            let taps = kernel * kernel;
            let weight: Vec<f32> = (0..outputs * inputs * taps).map(noise).collect();
            let border = WinogradConvolution::input_border(kernel, side);
            let upstream = bordered([2, side, side, outputs], border, gradient);
            let transposed =
                WinogradConvolution::transposed(&weight, [outputs, inputs, kernel, kernel]);
            let found = transposed.forward(&upstream, Border::NONE, &Sum);
            // Output pixel (y, x) took input (y, x) + tap − kernel / 2 with weight[output][input][tap].
            let expected = fill([2, side, side, inputs], |image, y, x, input| {
                let mut sum = 0.0;
                for (tap, output) in (0..taps).flat_map(|t| (0..outputs).map(move |o| (t, o))) {
                    let from = |at: usize, tap: usize| {
                        (at + kernel / 2).checked_sub(tap).filter(|&from| from < side)
                    };
                    if let (Some(y), Some(x)) = (from(y, tap / kernel), from(x, tap % kernel)) {
                        let weight = weight[(output * inputs + input) * taps + tap];
                        sum += f64::from(weight) * f64::from(gradient(image, y, x, output));
                    }
                }
                sum as f32
            });
            for (image, at) in (0..2).flat_map(|image| (0..side * side).map(move |at| (image, at)))
            {
                let (y, x) = (at / side, at % side);
                let pairs = found.pixel(image, y, x).iter().zip(expected.pixel(image, y, x));
                for (found, expected) in pairs {
                    // Winograd's transforms multiply rounding errors by some tens.
                    assert!((found - expected).abs() < 1e-4, "{kernel}: {found} {expected}");
                }
            }
        }
    }
}
