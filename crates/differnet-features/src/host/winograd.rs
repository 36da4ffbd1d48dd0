//! Winograd's minimal filtering (Lavin & Gray 2016) for stride-1 convolutions.
//!
//! Tiles of 6 × 6 inputs give 4 × 4 outputs of a 3 × 3 kernel with 36 products per channel pair
//! instead of 144, tiles of 8 × 8 those of a 5 × 5 kernel with 64 instead of 400: by the polynomials'
//! values at 0, ±1, ±2 and ∞, for the larger tiles also at ±1/2. Each position of a tile is a matrix
//! product over channels, which is where the time goes.

mod points;

use std::cell::RefCell;

use differnet_matmul::{COLUMNS, PackedMatrix, Strided, Sums, multiply};
use rayon::prelude::*;

use super::epilogue::{Epilogue, Place};
use super::feature_maps::{Border, FeatureMaps, Strip};
use super::lanes::{LANES, Lanes, vectorized};
use points::{Points, Points6, Points8, kernel_transform};

/// Rows and columns of outputs that a tile gives.
const OUTPUTS: usize = 4;
/// Tiles per matrix product where weights are many: enough to amortise reading them.
const TILES_TOGETHER: usize = 192;
/// Outputs computed at a time where products stay in the cache: a panel of [`PackedMatrix`].
const PANEL: usize = COLUMNS;
/// Values of the second-level cache that transformed tiles and products may take.
const CACHED: usize = 384 << 10;
/// Values between the transformed tiles, and between the products of positions: a multiple of 4 KiB from
/// one to the next would let them drive each other out of the innermost cache.
const APART: usize = 16;

/// A convolution with stride 1 and "same" padding.
#[derive(Debug)]
pub(crate) struct WinogradConvolution {
    kernel: usize,
    inputs: usize,
    outputs: usize,
    /// Tiles computed together.
    tiles: usize,
    /// By parts of the outputs, one after the other, transformed weights `[inputs, outputs of the part]` of
    /// each position of a tile.
    parts: Vec<Vec<PackedMatrix>>,
}

impl WinogradConvolution {
    /// Transforms `weight` `[outputs, inputs, kernel, kernel]`; `kernel` is 3 or 5.
    pub(crate) fn new(weight: &[f32], [outputs, inputs, kernel, _]: [usize; 4]) -> Self {
        let transform = kernel_transform(kernel);
        let tile = transform.len();
        let mut weights = vec![0.0; tile * tile * inputs * outputs];
        for output in 0..outputs {
            for input in 0..inputs {
                let start = (output * inputs + input) * kernel * kernel;
                let taps = &weight[start..start + kernel * kernel];
                for (y, row) in transform.iter().enumerate() {
                    for (x, column) in transform.iter().enumerate() {
                        // (G g Gᵀ)[y, x], in f64 because it is rounded only once.
                        let mut sum = 0.0;
                        for (i, g) in row.iter().enumerate() {
                            for (j, h) in column.iter().enumerate() {
                                sum += g * f64::from(taps[i * kernel + j]) * h;
                            }
                        }
                        weights[((y * tile + x) * inputs + input) * outputs + output] = sum as f32;
                    }
                }
            }
        }
        let (tiles, part) = arrangement(tile * tile, inputs, outputs);
        let packed = |first: usize| {
            let part = part.min(outputs - first);
            let of = |weights: &[f32]| {
                let rows = weights.chunks_exact(outputs);
                let values: Vec<f32> =
                    rows.flat_map(|row| &row[first..][..part]).copied().collect();
                PackedMatrix::new(&values, part)
            };
            weights.chunks_exact(inputs * outputs).map(of).collect()
        };
        let parts = (0..outputs).step_by(part).map(packed).collect();
        Self { kernel, inputs, outputs, tiles, parts }
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

    /// The border that an input of these rows and columns needs for this kernel.
    pub(crate) fn input_border(kernel: usize, sides: [usize; 2]) -> Border {
        let before = kernel / 2;
        let after = sides.map(|size| {
            let stored = (size.div_ceil(OUTPUTS) - 1) * OUTPUTS + tile_side(kernel);
            (stored - before - size.min(stored - before)).max(before)
        });
        Border { before, after: after[0].max(after[1]) }
    }

    /// Maps of the convolution of `input`, which must carry [`Self::input_border`], after `epilogue`.
    pub(crate) fn forward(
        &self,
        input: &FeatureMaps,
        border: Border,
        epilogue: &impl Epilogue,
    ) -> FeatureMaps {
        let mut output =
            FeatureMaps::unwritten(input.images, input.height, input.width, self.outputs, border);
        let tiles_across = input.width.div_ceil(OUTPUTS);
        let mut strips = output.strips_mut(OUTPUTS);
        let strips_together = (self.tiles / tiles_across).max(1);
        // Equal parts: a small last one would read all weights for a few tiles.
        let groups = strips.len().div_ceil(strips_together).max(1);
        let strips_together = strips.len().div_ceil(groups).max(1);
        let is_by_groups = groups >= rayon::current_num_threads();
        let group = |strips: &mut [Strip<'_>]| {
            // Taken, not borrowed: while this thread waits for others it may compute another map.
            let mut scratch = SCRATCH.take();
            let work = Group { input, epilogue, tiles_across, is_alone: !is_by_groups };
            match self.kernel {
                3 => self.forward_strips::<6, Points6>(strips, &work, &mut scratch),
                _ => self.forward_strips::<8, Points8>(strips, &work, &mut scratch),
            }
            SCRATCH.set(scratch);
        };
        if is_by_groups {
            strips.par_chunks_mut(strips_together).for_each(group);
        } else {
            strips.chunks_mut(strips_together).for_each(group);
        }
        output
    }

    /// Strips of tiles, whose transforms along one axis `P` has.
    fn forward_strips<const TILE: usize, P: Points<TILE>>(
        &self,
        strips: &mut [Strip<'_>],
        group: &Group<'_, impl Epilogue>,
        scratch: &mut Scratch,
    ) {
        let &Group { input, epilogue, tiles_across, is_alone } = group;
        // All on this thread where other threads have groups of their own.
        let least = if is_alone { 1 } else { usize::MAX };
        let tiles = strips.len() * tiles_across;
        let (inputs, positions) = (self.inputs, TILE * TILE);
        let stride = positions * inputs + APART;
        let transformed = Scratch::sized(&mut scratch.inputs, tiles * stride); // [tiles, stride]
        let tiles_of_strips = transformed.par_chunks_exact_mut(tiles_across * stride);
        tiles_of_strips.zip(&*strips).with_min_len(least).for_each(|(tiles, strip)| {
            vectorized(
                #[inline(always)]
                || {
                    for (tile, to) in tiles.chunks_exact_mut(stride).enumerate() {
                        let from = input.stored_from(strip.image, strip.row, tile * OUTPUTS);
                        transform_input::<TILE, P>(from, input.row_stride(), inputs, to);
                    }
                },
            );
        });
        let mut first = 0;
        for weights in &self.parts {
            let outputs = weights[0].columns();
            let plane = tiles * outputs + APART;
            let products = Scratch::sized(&mut scratch.products, positions * plane); // [positions, plane]
            // By positions, so that each weight is read by one thread, once for all tiles.
            let by_positions = products.par_chunks_exact_mut(plane).zip(weights).enumerate();
            by_positions.with_min_len(least).for_each(|(position, (products, weights))| {
                let values = Strided { values: &transformed[position * inputs..], stride };
                multiply(values, tiles, weights, Sums::Replace, products);
            });
            let products = &*products;
            let of_strips = strips.par_iter_mut().enumerate().with_min_len(least);
            of_strips.for_each(|(index, strip)| {
                vectorized(
                    #[inline(always)]
                    || {
                        for tile in 0..tiles_across {
                            let from = &products[(index * tiles_across + tile) * outputs..];
                            let x = tile * OUTPUTS;
                            let columns = OUTPUTS.min(input.width - x);
                            let channels = self.outputs;
                            let target = Target { x, columns, first, outputs, channels, epilogue };
                            transform_output::<TILE, P, _>(from, plane, strip, &target);
                        }
                    },
                );
            });
            first += outputs;
        }
    }
}

/// Number of tiles computed together, and number of outputs computed at a time.
///
/// Products that stay in the second-level cache need not be written to memory and read again, but few tiles
/// fit there, and weights are read once for all tiles that are computed together: what is saved exceeds
/// what is added where `inputs / tiles` is less than 2.
fn arrangement(positions: usize, inputs: usize, outputs: usize) -> (usize, usize) {
    let part = PANEL.min(outputs);
    let tiles = CACHED / (positions * (inputs + part));
    if 2 * tiles > inputs { (tiles, part) } else { (TILES_TOGETHER, outputs) }
}

/// Arguments that strips computed together share.
struct Group<'a, F> {
    input: &'a FeatureMaps,
    epilogue: &'a F,
    tiles_across: usize,
    /// Whether no other group is computed at the same time.
    is_alone: bool,
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
    /// The first output among the channels.
    first: usize,
    outputs: usize,
    channels: usize,
    epilogue: &'a F,
}

/// Rows and columns of a tile for a kernel.
fn tile_side(kernel: usize) -> usize {
    OUTPUTS + kernel - 1
}

/// Bᵀ d B of one tile, all channels, to `[positions, channels]`.
#[inline(always)]
fn transform_input<const TILE: usize, P: Points<TILE>>(
    from: &[f32],
    row_stride: usize,
    channels: usize,
    to: &mut [f32],
) {
    for channel in (0..channels).step_by(LANES) {
        let mut columns = [[Lanes::ZERO; TILE]; TILE];
        for x in 0..TILE {
            let mut d = [Lanes::ZERO; TILE];
            for (y, value) in d.iter_mut().enumerate() {
                *value = Lanes::load(&from[y * row_stride + x * channels + channel..]);
            }
            let transformed = P::of_inputs(d);
            for y in 0..TILE {
                columns[y][x] = transformed[y];
            }
        }
        for (y, row) in columns.iter().enumerate() {
            for (x, value) in P::of_inputs(*row).into_iter().enumerate() {
                value.store(&mut to[(y * TILE + x) * channels + channel..]);
            }
        }
    }
}

/// Aᵀ m A of one tile, finished, some of the channels, written to the strip as far as the map reaches.
#[inline(always)]
fn transform_output<const TILE: usize, P: Points<TILE>, F: Epilogue>(
    from: &[f32],
    plane: usize,
    strip: &mut Strip<'_>,
    target: &Target<'_, F>,
) {
    let (image, channels) = (strip.image, target.channels);
    for output in (0..target.outputs).step_by(LANES) {
        let channel = target.first + output;
        let mut columns = [[Lanes::ZERO; TILE]; OUTPUTS];
        for x in 0..TILE {
            let mut m = [Lanes::ZERO; TILE];
            for (y, value) in m.iter_mut().enumerate() {
                *value = Lanes::load(&from[(y * TILE + x) * plane + output..]);
            }
            let transformed = P::to_outputs(m);
            for y in 0..OUTPUTS {
                columns[y][x] = transformed[y];
            }
        }
        for (y, row) in columns.iter().enumerate().take(strip.rows) {
            let values = P::to_outputs(*row);
            for (x, value) in values.into_iter().enumerate().take(target.columns) {
                let place = Place { image, y: strip.row + y, x: target.x + x, channel };
                let to = &mut strip.pixels_mut(y, target.x + x, channels)[channel..];
                target.epilogue.apply(value, place).store(to);
            }
        }
    }
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
        // Less than a panel of results, more than one, and so many channels that products leave the cache.
        for (inputs, outputs) in [(16, 8), (56, 8), (8, 160)] {
            for kernel in [3, 5] {
                check_transposed(kernel, inputs, outputs);
            }
        }
        assert_eq!(arrangement(36, 8, 56).1, PANEL);
        assert_eq!(arrangement(36, 160, 8), (TILES_TOGETHER, 8));
    }

    fn check_transposed(kernel: usize, inputs: usize, outputs: usize) {
        // A side that no tile divides.
        let side = 7;
        let gradient = |image: usize, y: usize, x: usize, channel: usize| {
            noise(((image * side + y) * side + x) * outputs + channel)
        };
        let taps = kernel * kernel;
        let weight: Vec<f32> = (0..outputs * inputs * taps).map(noise).collect();
        let border = WinogradConvolution::input_border(kernel, [side, side]);
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
        // Winograd's transforms multiply rounding errors by some tens.
        let tolerance = 4e-5 * (outputs as f32).sqrt();
        for (image, at) in (0..2).flat_map(|image| (0..side * side).map(move |at| (image, at))) {
            let (y, x) = (at / side, at % side);
            let pairs = found.pixel(image, y, x).iter().zip(expected.pixel(image, y, x));
            for (found, expected) in pairs {
                let off = (found - expected).abs();
                assert!(off < tolerance, "{kernel}, {inputs}: {found} {expected}");
            }
        }
    }
}
