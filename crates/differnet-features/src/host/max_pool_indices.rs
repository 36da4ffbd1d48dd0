//! Indices of max pooling: what the backward pass through ReLU and pooling needs.

use rayon::prelude::*;

use super::feature_maps::{Border, FeatureMaps};
use super::lanes::{LANES, Lanes, vectorized};
use super::pool::{STRIDE, WINDOW};

/// Code of a window whose maximum was not above zero: ReLU lets no gradient through.
const INACTIVE: u8 = u8::MAX;

/// Index of each pooled value `[images, height, width, channels]` within its window, the first one if
/// several are equal, as `row · 3 + column`.
#[derive(Debug, Default)]
pub(crate) struct MaxPoolIndices {
    codes: Vec<u8>,
    pub(crate) height: usize,
    pub(crate) width: usize,
    channels: usize,
}

impl MaxPoolIndices {
    /// Makes room for the windows of pooled maps of `shape`; what was recorded before is lost.
    fn reset(&mut self, shape: [usize; 4]) {
        [_, self.height, self.width, self.channels] = shape;
        self.codes.clear();
        self.codes.resize(shape.iter().product(), INACTIVE);
    }

    /// Places to record each row of pooled maps of `shape` in, `[images, height, width, channels]`; `None`
    /// for each if nothing is recorded.
    pub(crate) fn rows_mut(
        indices: Option<&mut Self>,
        shape: [usize; 4],
    ) -> Vec<Option<&mut [u8]>> {
        let [images, height, width, channels] = shape;
        let Some(indices) = indices else {
            return std::iter::repeat_with(|| None).take(images * height).collect();
        };
        indices.reset(shape);
        indices.codes.chunks_mut(width * channels).map(Some).collect()
    }

    /// Gradient of the input of ReLU and pooling, `side` × `side`, from that of the pooled maps.
    pub(crate) fn pull_back(
        &self,
        gradient: &FeatureMaps,
        side: usize,
        border: Border,
    ) -> FeatureMaps {
        let mut input = FeatureMaps::unwritten(gradient.images, side, side, self.channels, border);
        input.strips_mut(1).into_par_iter().for_each(|mut strip| {
            let (image, y) = (strip.image, strip.row);
            let row = &mut strip.pixels_mut(0, 0, self.channels)[..side * self.channels];
            self.pull_back_row(gradient, image, y, row);
        });
        input
    }

    /// Row `y` of one image's [`Self::pull_back`], `[width, channels]`.
    pub(crate) fn pull_back_row(
        &self,
        gradient: &FeatureMaps,
        image: usize,
        y: usize,
        row: &mut [f32],
    ) {
        let rows = windows_over(y, self.height);
        row.fill(0.0);
        vectorized(
            #[inline(always)]
            || {
                for (x, pixel) in row.chunks_exact_mut(self.channels).enumerate() {
                    let columns = windows_over(x, self.width);
                    for window_y in rows.clone() {
                        for window_x in columns.clone() {
                            let place = (y - window_y * STRIDE) * WINDOW + x - window_x * STRIDE;
                            let codes = self.pixel(image, window_y, window_x);
                            let values = gradient.pixel(image, window_y, window_x);
                            for ((to, &code), &value) in pixel.iter_mut().zip(codes).zip(values) {
                                *to += if code == place as u8 { value } else { 0.0 };
                            }
                        }
                    }
                }
            },
        );
    }

    #[inline(always)]
    fn pixel(&self, image: usize, y: usize, x: usize) -> &[u8] {
        let start = ((image * self.height + y) * self.width + x) * self.channels;
        &self.codes[start..start + self.channels]
    }
}

/// The windows, of `count` in a row or column, that see position `at`; at most two.
#[inline(always)]
fn windows_over(at: usize, count: usize) -> std::ops::Range<usize> {
    (at + STRIDE).saturating_sub(WINDOW) / STRIDE..(at / STRIDE + 1).min(count)
}

/// The largest of the nine values `window(y, x)` and its places; the first of equal ones.
#[inline(always)]
pub(crate) fn arg_max_of_window(window: impl Fn(usize, usize) -> Lanes) -> (Lanes, [u32; LANES]) {
    let mut maximum = window(0, 0);
    let mut places = [0; LANES];
    for place in 1..WINDOW * WINDOW {
        let value = window(place / WINDOW, place % WINDOW);
        for ((first, maximum), value) in places.iter_mut().zip(&mut maximum.0).zip(value.0) {
            let wins = value > *maximum;
            *first = if wins { place as u32 } else { *first };
            *maximum = if wins { value } else { *maximum };
        }
    }
    (maximum, places)
}

/// Records `places`, or that ReLU's `output` is zero there.
#[inline(always)]
pub(crate) fn record(output: Lanes, places: [u32; LANES], codes: &mut [u8]) {
    for (lane, code) in codes[..LANES].iter_mut().enumerate() {
        *code = if output.0[lane] > 0.0 { places[lane] as u8 } else { INACTIVE };
    }
}

#[cfg(test)]
mod tests {
    use super::super::feature_maps::fill;
    use super::super::pool::{max_pool, pooled_size};
    use super::*;

    #[test]
    fn the_first_of_equal_maxima_takes_the_gradient_and_zeros_take_none() {
        // Channel 0 has its maximum three times, channel 1 is switched off by ReLU.
        let input = fill([1, 3, 3, LANES], |_, y, x, channel| match channel {
            0 if (y, x) == (0, 2) || y == 2 => 5.0,
            1 => 0.0,
            _ => (y * 3 + x) as f32,
        });
        let mut indices = MaxPoolIndices::default();
        max_pool(&input, Border::NONE, Some(&mut indices));
        let gradient = fill([1, 1, 1, LANES], |_, _, _, channel| 1.0 + channel as f32);
        let back = indices.pull_back(&gradient, 3, Border::NONE);
        for y in 0..3 {
            for x in 0..3 {
                let mut expected = [0.0; LANES];
                if (y, x) == (0, 2) {
                    expected[0] = 1.0;
                }
                if (y, x) == (2, 2) {
                    expected[2..].copy_from_slice(&[3.0, 4.0, 5.0, 6.0, 7.0, 8.0]);
                }
                assert_eq!(back.pixel(0, y, x), expected, "({y}, {x})");
            }
        }
    }

    #[test]
    fn overlapping_windows_add_up_and_uncovered_rows_get_nothing() {
        // 6 rows: the last one is in no window, as at the smallest scale.
        let side = 6;
        let pooled = pooled_size(side);
        let value = |image: usize, y: usize, x: usize, channel: usize| {
            ((image * 7 + y * 5 + x * 11 + channel * 3) * 31 % 17) as f32 - 4.0
        };
        let input = fill([2, side, side, 16], |i, y, x, c| value(i, y, x, c).max(0.0));
        let mut indices = MaxPoolIndices::default();
        let recorded = max_pool(&input, Border::NONE, Some(&mut indices));
        let plain = max_pool(&input, Border::NONE, None);
        let gradient = fill([2, pooled, pooled, 16], |i, y, x, c| value(c, i, y, x) + 0.5);
        let back = indices.pull_back(&gradient, side, Border { before: 1, after: 1 });
        for image in 0..2 {
            for channel in 0..16 {
                let mut expected = vec![0.0; side * side];
                for (y, x) in (0..pooled * pooled).map(|at| (at / pooled, at % pooled)) {
                    let places = (0..9).map(|place| (y * 2 + place / 3, x * 2 + place % 3));
                    let at = |(y, x): (usize, usize)| input.pixel(image, y, x)[channel];
                    // max_by keeps the last of equal values, so the places go backwards.
                    let first = places.rev().max_by(|&a, &b| at(a).total_cmp(&at(b)));
                    let (row, column) = first.expect("nine places");
                    assert_eq!(recorded.pixel(image, y, x)[channel], at((row, column)));
                    assert_eq!(plain.pixel(image, y, x)[channel], at((row, column)));
                    if at((row, column)) > 0.0 {
                        expected[row * side + column] += gradient.pixel(image, y, x)[channel];
                    }
                }
                let found = (0..side * side).map(|at| back.pixel(image, at / side, at % side));
                let found: Vec<f32> = found.map(|pixel| pixel[channel]).collect();
                assert_eq!(found, expected, "image {image}, channel {channel}");
            }
        }
    }
}
