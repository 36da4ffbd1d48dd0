//! The way back through AlexNet's first layer: max pooling, ReLU, 11 × 11 convolution with stride 4.
//!
//! The padded image falls into cells as in [`super::stem`], here in the order colour, row, column. A
//! cell's gradient depends on the convolved gradients at 3 × 3 places, by the same weights for every
//! cell: a product of matrices whose columns overlap in memory. Compared with spreading each place's
//! 363 taps over the image, nothing is added up twice and cells are independent, hence the same bits
//! for any number of threads.

use std::cell::RefCell;

use differnet_matmul::{PackedMatrix, Strided, Sums, multiply};
use rayon::prelude::*;

use super::feature_maps::FeatureMaps;
use super::max_pool_indices::MaxPoolIndices;
use super::stem::{CELL, COLORS, KERNEL, PADDING, REACH, STRIDE, convolved_size};

/// Rows of cells computed together; their convolved gradients stay in the cache.
const CELL_ROWS: usize = 8;

/// The transposed first convolution behind its ReLU and pooling.
#[derive(Debug)]
pub(crate) struct StemGradient {
    /// For each row of places `[REACH · outputs, CELL]`.
    weights: [PackedMatrix; REACH],
    outputs: usize,
}

impl StemGradient {
    /// From PyTorch's order `[outputs, 3, 11, 11]`.
    pub(crate) fn new(weight: &[f32], outputs: usize) -> Self {
        let weights = std::array::from_fn(|place_y| {
            let mut weights = Vec::with_capacity(REACH * outputs * CELL);
            for place_x in 0..REACH {
                for output in 0..outputs {
                    for value in 0..CELL {
                        let (color, y, x) =
                            (value / (STRIDE * STRIDE), value / STRIDE % STRIDE, value % STRIDE);
                        // The first place lies two cells before the cell, the last one in it.
                        let tap_y = (REACH - 1 - place_y) * STRIDE + y;
                        let tap_x = (REACH - 1 - place_x) * STRIDE + x;
                        let inside = tap_y < KERNEL && tap_x < KERNEL;
                        let tap = ((output * COLORS + color) * KERNEL + tap_y) * KERNEL + tap_x;
                        weights.push(if inside { weight[tap] } else { 0.0 });
                    }
                }
            }
            PackedMatrix::new(&weights, CELL)
        });
        Self { weights, outputs }
    }

    /// Adds the gradient of the sampled pixels to `pixels` `[images, 3, size, size]`, from the
    /// gradient of the pooled maps; `step` lies between sampled pixels.
    pub(crate) fn add_gradient(
        &self,
        gradient: &FeatureMaps,
        indices: &MaxPoolIndices,
        (size, step): (usize, usize),
        pixels: &mut [f32],
    ) {
        let geometry = Geometry::new(size, step);
        geometry.bands(pixels).into_par_iter().for_each(|mut band| {
            SCRATCH.with_borrow_mut(|scratch| {
                self.convolved_gradient(gradient, indices, &geometry, &band, scratch);
                self.cells(&geometry, &band, scratch);
                geometry.add_cells(&scratch.cells, &mut band);
            });
        });
    }

    /// Gradient of the convolution's output at all places that reach the band, zero where there
    /// are none.
    fn convolved_gradient(
        &self,
        gradient: &FeatureMaps,
        indices: &MaxPoolIndices,
        geometry: &Geometry,
        band: &Band<'_>,
        scratch: &mut Scratch,
    ) {
        let row_length = geometry.places * self.outputs;
        let inside = (REACH - 1) * self.outputs..(REACH - 1 + geometry.convolved) * self.outputs;
        scratch.convolved.resize((band.cell_rows + REACH - 1) * row_length, 0.0);
        for (index, row) in scratch.convolved.chunks_exact_mut(row_length).enumerate() {
            match (band.cell_row + index).checked_sub(REACH - 1) {
                Some(y) if y < geometry.convolved => {
                    row[..inside.start].fill(0.0);
                    indices.pull_back_row(gradient, band.image, y, &mut row[inside.clone()]);
                    row[inside.end..].fill(0.0);
                }
                _ => row.fill(0.0),
            }
        }
    }

    /// The cells `[cell rows, places, CELL]`; the last `REACH - 1` of each row mean nothing.
    fn cells(&self, geometry: &Geometry, band: &Band<'_>, scratch: &mut Scratch) {
        // Neighbouring columns share all but one place; the rows follow each other without a gap.
        let columns = band.cell_rows * geometry.places - (REACH - 1);
        scratch.cells.resize(band.cell_rows * geometry.places * CELL, 0.0);
        for (row, weights) in self.weights.iter().enumerate() {
            let places = &scratch.convolved[row * geometry.places * self.outputs..];
            let sums = if row == 0 { Sums::Replace } else { Sums::Add };
            let places = Strided { values: places, stride: self.outputs };
            multiply(places, columns, weights, sums, &mut scratch.cells);
        }
    }
}

/// Sizes at one scale.
struct Geometry {
    /// Rows or columns of the whole image, pixels.
    size: usize,
    /// Pixels from one sampled pixel to the next.
    step: usize,
    /// Rows or columns of sampled pixels.
    side: usize,
    /// Rows or columns of the convolution's output.
    convolved: usize,
    /// Cells in a row or column.
    cells: usize,
    /// Places in a row that reach its cells, those outside the convolution's output included.
    places: usize,
}

/// Consecutive rows of one image's pixels, borrowed for writing.
struct Band<'a> {
    image: usize,
    cell_row: usize,
    cell_rows: usize,
    planes: [&'a mut [f32]; COLORS],
}

impl Geometry {
    fn new(size: usize, step: usize) -> Self {
        let side = size / step;
        let cells = (side + 2 * PADDING).div_ceil(STRIDE);
        let convolved = convolved_size(side);
        Self { size, step, side, convolved, cells, places: cells + REACH - 1 }
    }

    /// Splits images `[images, 3, size, size]` where rows of cells end.
    fn bands<'a>(&self, pixels: &'a mut [f32]) -> Vec<Band<'a>> {
        let plane = self.size * self.size;
        let row = self.step * self.size;
        let mut bands = Vec::new();
        for (image, pixels) in pixels.chunks_exact_mut(COLORS * plane).enumerate() {
            let mut planes = pixels.chunks_exact_mut(plane);
            let mut rest: [&mut [f32]; COLORS] =
                std::array::from_fn(|_| planes.next().expect("a plane for each colour"));
            for cell_row in (0..self.cells).step_by(CELL_ROWS) {
                let cell_rows = CELL_ROWS.min(self.cells - cell_row);
                let end = ((cell_row + cell_rows) * STRIDE - PADDING).min(self.side);
                let length = (end - self.first_row(cell_row)) * row;
                let planes = rest.each_mut().map(|plane| {
                    let (band, after) = std::mem::take(plane).split_at_mut(length);
                    *plane = after;
                    band
                });
                bands.push(Band { image, cell_row, cell_rows, planes });
            }
        }
        bands
    }

    /// The first row of sampled pixels in a row of cells.
    fn first_row(&self, cell_row: usize) -> usize {
        (cell_row * STRIDE).saturating_sub(PADDING)
    }

    /// Adds cells `[cell rows, places, CELL]` to the pixels that they cover.
    fn add_cells(&self, cells: &[f32], band: &mut Band<'_>) {
        let first_row = self.first_row(band.cell_row);
        for (index, cells) in cells.chunks_exact(self.places * CELL).enumerate() {
            for (line, start) in (0..CELL).step_by(STRIDE).enumerate() {
                let y = (band.cell_row + index) * STRIDE + line % STRIDE;
                let Some(y) = y.checked_sub(PADDING).filter(|&y| y < self.side) else { continue };
                let row =
                    &mut band.planes[line / STRIDE][(y - first_row) * self.step * self.size..];
                let cells = cells.chunks_exact(CELL).take(self.cells);
                let values = cells.flat_map(|cell| &cell[start..start + STRIDE]).skip(PADDING);
                for (pixel, value) in row[..self.size].iter_mut().step_by(self.step).zip(values) {
                    *pixel += value;
                }
            }
        }
    }
}

#[derive(Default)]
struct Scratch {
    convolved: Vec<f32>,
    cells: Vec<f32>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch::default());
}

#[cfg(test)]
mod tests {
    use super::super::feature_maps::{Border, fill};
    use super::super::pool::max_pool;
    use super::super::stem::{cells, layer};
    use super::*;

    const OUTPUTS: usize = 8;
    /// Two bands of cells, and every second pixel.
    const SIZE: usize = 96;
    const STEP: usize = 2;
    const SIDE: usize = SIZE / STEP;

    /// Numbers in −1..1 without pattern.
    fn noise(index: usize) -> f32 {
        let mixed = (index as u32).wrapping_add(77).wrapping_mul(2_654_435_761);
        let mixed = (mixed ^ (mixed >> 15)).wrapping_mul(2_246_822_519);
        (mixed >> 8) as f32 / (1 << 23) as f32 - 1.0
    }

    #[test]
    fn the_gradient_is_that_of_the_definition() {
        let weight: Vec<f32> = (0..OUTPUTS * COLORS * KERNEL * KERNEL).map(noise).collect();
        let bias: Vec<f32> = (0..OUTPUTS).map(|output| noise(output) * 5.0).collect();
        let pixel =
            |i: usize, y: usize, x: usize, c: usize| noise(((i * SIDE + y) * SIDE + x) * 3 + c);
        let images = cells(2, [SIDE, SIDE], |i, y, x| [0, 1, 2].map(|color| pixel(i, y, x, color)));
        let mut indices = MaxPoolIndices::default();
        let convolved = layer(&weight, &bias).forward(&images, Border::NONE);
        let pooled = max_pool(&convolved, Border::NONE, Some(&mut indices));
        let count = pooled.height;
        let upstream =
            |i: usize, y: usize, x: usize, c: usize| noise(((i * 9 + y) * 9 + x) * 9 + c);
        let gradient = fill([2, count, count, OUTPUTS], upstream);
        let mut found = vec![0.25; 2 * COLORS * SIZE * SIZE];
        StemGradient::new(&weight, OUTPUTS).add_gradient(
            &gradient,
            &indices,
            (SIZE, STEP),
            &mut found,
        );

        // Pixel under tap (ty, tx) of the kernel at place (y, x), if it is not padding.
        let under = |at: usize, tap: usize| (at * STRIDE + tap).checked_sub(PADDING);
        let taps = |y: usize, x: usize, output: usize| {
            let weight = &weight;
            (0..COLORS * KERNEL * KERNEL).filter_map(move |tap| {
                let (color, ty, tx) = (tap / KERNEL / KERNEL, tap / KERNEL % KERNEL, tap % KERNEL);
                let (y, x) = (under(y, ty)?, under(x, tx)?);
                let weight = f64::from(weight[output * COLORS * KERNEL * KERNEL + tap]);
                (y < SIDE && x < SIDE).then_some((color, y, x, weight))
            })
        };
        let mut expected = vec![0.25_f64; found.len()];
        for image in 0..2 {
            for (at, output) in (0..count * count).flat_map(|at| (0..OUTPUTS).map(move |o| (at, o)))
            {
                let (y, x) = (at / count, at % count);
                let sum = |&(y, x): &(usize, usize)| {
                    let taps = taps(y, x, output);
                    let products = taps.map(|(c, y, x, w)| w * f64::from(pixel(image, y, x, c)));
                    products.sum::<f64>() + f64::from(bias[output])
                };
                let window = (0..9).map(|place| (y * 2 + place / 3, x * 2 + place % 3));
                let winner = window.max_by(|a, b| sum(a).total_cmp(&sum(b))).expect("nine places");
                if sum(&winner) > 0.0 {
                    let upstream = f64::from(upstream(image, y, x, output));
                    for (color, y, x, weight) in taps(winner.0, winner.1, output) {
                        let at = ((image * COLORS + color) * SIZE + y * STEP) * SIZE + x * STEP;
                        expected[at] += weight * upstream;
                    }
                }
            }
        }
        for (at, (found, expected)) in found.iter().zip(&expected).enumerate() {
            assert!((f64::from(*found) - expected).abs() < 1e-4, "{at}: {found} {expected}");
        }
    }
}
