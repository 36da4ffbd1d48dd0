//! Bilinear resizing with antialiasing, bit for bit as Pillow's `Image.resize` does it.
//!
//! Each output sample is a weighted sum of input samples under a triangle as wide as the larger of
//! the two pixel pitches. Weights are 22-bit fixed-point numbers, and rows are rounded to 8 bits
//! before columns are summed: both must be copied exactly, as the golden vectors were made so.
//! Pillow 13 sums columns first where that is cheaper, which changes some samples by one grey
//! level; up to version 12 rows always come first, and so they do here.

use std::ops::Range;

use image::RgbImage;

/// Fractional bits of a weight: 32 bits less 8 of the sample and 2 for sign and overshoot.
const PRECISION: u32 = 22;

/// `image` resized to `width` × `height` pixels; the aspect ratio is not kept.
///
/// # Panics
/// If a side of the image or of the result is 0.
pub fn resize_bilinear(image: &RgbImage, width: u32, height: u32) -> RgbImage {
    let (old_width, old_height) = image.dimensions();
    assert!(
        width > 0 && height > 0 && old_width > 0 && old_height > 0,
        "cannot resize {old_width}×{old_height} pixels to {width}×{height}"
    );
    let mut samples = image.as_raw().clone();
    if width != old_width {
        samples = resize_rows(&samples, old_width as usize, &weights(old_width, width));
    }
    if height != old_height {
        samples = resize_columns(&samples, width as usize, &weights(old_height, height));
    }
    RgbImage::from_raw(width, height, samples).expect("one sample per channel of each pixel")
}

/// The input samples that make up one output sample.
struct Window {
    start: usize,
    weights: Vec<i32>,
}

impl Window {
    fn range(&self) -> Range<usize> {
        self.start..self.start + self.weights.len()
    }
}

/// One window per output sample of a line that shrinks or grows from `old` to `new` samples.
fn weights(old: u32, new: u32) -> Vec<Window> {
    let scale = f64::from(old) / f64::from(new);
    let support = scale.max(1.0);
    (0..new)
        .map(|index| {
            let center = (f64::from(index) + 0.5) * scale;
            // Truncation, as in C: the left edge may be negative.
            let start = ((center - support + 0.5) as i64).max(0);
            let end = ((center + support + 0.5) as i64).min(i64::from(old));
            let triangle = |sample: i64| {
                let distance = ((sample as f64 - center + 0.5) * (1.0 / support)).abs();
                if distance < 1.0 { 1.0 - distance } else { 0.0 }
            };
            let raw: Vec<f64> = (start..end).map(triangle).collect();
            let total: f64 = raw.iter().sum();
            let fixed = |weight: &f64| {
                let weight = if total == 0.0 { *weight } else { weight / total };
                (0.5 + weight * f64::from(1 << PRECISION)) as i32
            };
            Window { start: start as usize, weights: raw.iter().map(fixed).collect() }
        })
        .collect()
}

fn resize_rows(samples: &[u8], old_width: usize, windows: &[Window]) -> Vec<u8> {
    let mut resized = Vec::with_capacity(samples.len() / old_width * windows.len());
    for row in samples.chunks_exact(old_width * 3) {
        for window in windows {
            let mut sums = [1_i32 << (PRECISION - 1); 3];
            let range = window.range();
            let pixels = row[range.start * 3..range.end * 3].chunks_exact(3);
            for (pixel, &weight) in pixels.zip(&window.weights) {
                for (sum, &sample) in sums.iter_mut().zip(pixel) {
                    *sum += i32::from(sample) * weight;
                }
            }
            resized.extend(sums.map(round));
        }
    }
    resized
}

fn resize_columns(samples: &[u8], width: usize, windows: &[Window]) -> Vec<u8> {
    let stride = width * 3;
    let mut resized = Vec::with_capacity(stride * windows.len());
    let mut sums = vec![0_i32; stride];
    for window in windows {
        sums.fill(1 << (PRECISION - 1));
        let range = window.range();
        let rows = samples[range.start * stride..range.end * stride].chunks_exact(stride);
        for (row, &weight) in rows.zip(&window.weights) {
            for (sum, &sample) in sums.iter_mut().zip(row) {
                *sum += i32::from(sample) * weight;
            }
        }
        resized.extend(sums.iter().copied().map(round));
    }
    resized
}

fn round(sum: i32) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey_row(samples: &[u8]) -> RgbImage {
        RgbImage::from_fn(samples.len() as u32, 1, |x, _| image::Rgb([samples[x as usize]; 3]))
    }

    fn first_channel(image: &RgbImage) -> Vec<u8> {
        image.pixels().map(|pixel| pixel[0]).collect()
    }

    #[test]
    fn the_same_size_changes_nothing() {
        let image = RgbImage::from_fn(7, 5, |x, y| image::Rgb([x as u8, y as u8, 200]));
        assert_eq!(resize_bilinear(&image, 7, 5), image);
    }

    #[test]
    fn a_flat_image_stays_flat_at_any_size() {
        let image = RgbImage::from_pixel(13, 7, image::Rgb([3, 128, 255]));
        for (width, height) in [(1, 1), (5, 29), (448, 3), (26, 14)] {
            let resized = resize_bilinear(&image, width, height);
            assert_eq!(resized, RgbImage::from_pixel(width, height, image::Rgb([3, 128, 255])));
        }
    }

    #[test]
    fn halving_weighs_four_samples_by_hand() {
        // Pitch 2, triangle of half-width 2 about the pixel border: 1/8, 3/8, 3/8, 1/8; at the
        // left edge 3/7, 3/7, 1/7, at the right edge mirrored.
        let resized = resize_bilinear(&grey_row(&[0, 0, 80, 160, 0, 0]), 3, 1);
        let golden = [80.0 / 7.0_f64, 0.375 * 80.0 + 0.375 * 160.0, 160.0 / 7.0];
        assert_eq!(first_channel(&resized), golden.map(|value| value.round() as u8));
    }

    #[test]
    fn doubling_weighs_two_samples_by_hand() {
        // Output centres fall at 0.25, 0.75, 1.25, 1.75 input pixels: 3/4 and 1/4 between them.
        let resized = resize_bilinear(&grey_row(&[0, 200]), 4, 1);
        assert_eq!(first_channel(&resized), [0, 50, 150, 200]);
    }
}
