//! AlexNet's max pooling: windows of 3 × 3, stride 2, no padding.

use rayon::prelude::*;

use super::feature_maps::{Border, FeatureMaps, Strip};
use super::lanes::{LANES, Lanes, vectorized};
use super::max_pool_indices::{MaxPoolIndices, arg_max_of_window, record};

/// Rows and columns of a window.
pub(crate) const WINDOW: usize = 3;
/// Rows or columns from one window to the next.
pub(crate) const STRIDE: usize = 2;

/// Rows or columns after pooling `size` of them.
pub(crate) fn pooled_size(size: usize) -> usize {
    (size - WINDOW) / STRIDE + 1
}

/// Max-pooled maps `[images, pooled height, pooled width, channels]` with the given border, of the
/// output of a ReLU; records `indices` where asked.
pub(crate) fn max_pool(
    input: &FeatureMaps,
    border: Border,
    indices: Option<&mut MaxPoolIndices>,
) -> FeatureMaps {
    let (images, channels) = (input.images, input.channels);
    let [height, width] = [input.height, input.width].map(pooled_size);
    let mut output = FeatureMaps::unwritten(images, height, width, channels, border);
    let mut indices = MaxPoolIndices::rows_mut(indices, [images, height, width, channels]);
    max_pool_to(input, &mut output.strips_mut(1), &mut indices);
    output
}

/// Writes the max-pooled `input` to `rows`, all rows of as many images in order, and what is recorded of
/// each to `indices`.
pub(crate) fn max_pool_to(
    input: &FeatureMaps,
    rows: &mut [Strip<'_>],
    indices: &mut [Option<&mut [u8]>],
) {
    let (width, channels) = (pooled_size(input.width), input.channels);
    let height = pooled_size(input.height);
    rows.par_iter_mut().zip(indices).enumerate().for_each(|(row, (strip, indices))| {
        vectorized(
            #[inline(always)]
            || {
                for x in 0..width {
                    for channel in (0..channels).step_by(LANES) {
                        let window = |y: usize, dx: usize| {
                            let y = strip.row * STRIDE + y;
                            let pixel = input.pixel(row / height, y, x * STRIDE + dx);
                            Lanes::load(&pixel[channel..])
                        };
                        let maximum = match indices.as_deref_mut() {
                            None => max_of_window(window),
                            Some(codes) => {
                                let (maximum, places) = arg_max_of_window(window);
                                record(maximum, places, &mut codes[x * channels + channel..]);
                                maximum
                            }
                        };
                        maximum.store(&mut strip.pixels_mut(0, x, channels)[channel..]);
                    }
                }
            },
        );
    });
}

/// Largest of the nine values `window(y, x)`.
#[inline(always)]
fn max_of_window(window: impl Fn(usize, usize) -> Lanes) -> Lanes {
    let mut maximum = window(0, 0);
    for y in 0..WINDOW {
        for x in 0..WINDOW {
            maximum = maximum.max(window(y, x));
        }
    }
    maximum
}

/// Spatial mean of each map: rows of `channels` values, one per image.
pub(crate) fn spatial_mean(input: &FeatureMaps) -> Vec<f32> {
    let area = (input.height * input.width) as f32;
    let mut means = vec![0.0; input.images * input.channels];
    for (image, row) in means.chunks_mut(input.channels).enumerate() {
        for y in 0..input.height {
            for x in 0..input.width {
                for (sum, value) in row.iter_mut().zip(input.pixel(image, y, x)) {
                    *sum += value;
                }
            }
        }
        for sum in row {
            *sum /= area;
        }
    }
    means
}

/// Gradient of the maps that [`spatial_mean`] averaged, from `gradient` `[images, channels]`.
pub(crate) fn spatial_mean_gradient(
    gradient: &[f32],
    channels: usize,
    height: usize,
    width: usize,
) -> FeatureMaps {
    let images = gradient.len() / channels;
    let area = (height * width) as f32;
    let mut maps = FeatureMaps::unwritten(images, height, width, channels, Border::NONE);
    for mut strip in maps.strips_mut(height) {
        let row = &gradient[strip.image * channels..][..channels];
        for pixel in strip.pixels_mut(0, 0, channels).chunks_exact_mut(channels) {
            for (to, value) in pixel.iter_mut().zip(row) {
                *to = value / area;
            }
        }
    }
    maps
}
