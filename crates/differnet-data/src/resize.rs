//! Bilinear resizing with antialiasing, bit for bit as Pillow's `Image.resize` does it.
//!
//! Each output sample is a weighted sum of input samples under a triangle as wide as the larger of
//! the two pixel pitches. Weights are 22-bit fixed-point numbers, and rows are rounded to 8 bits
//! before columns are summed: both must be copied exactly, as the golden vectors were made so.
//! Pillow 13 sums columns first where that is cheaper, which changes some samples by one grey
//! level; up to version 12 rows always come first, and so they do here.

use std::borrow::Cow;
use std::ops::{AddAssign, Range};

use image::{ImageBuffer, Rgb, RgbImage};

/// Fractional bits of a weight: 32 bits less 8 of the sample and 2 for sign and overshoot.
const PRECISION: u32 = 22;

/// RGB pixels of 16 bits a sample.
pub(crate) type DeepImage = ImageBuffer<Rgb<u16>, Vec<u16>>;

/// `image` resized to `width` × `height` pixels; the aspect ratio is not kept.
///
/// # Panics
/// If a side of the image or of the result is 0.
pub fn resize_bilinear(image: &RgbImage, width: u32, height: u32) -> RgbImage {
    let samples = resize(image.as_raw(), image.dimensions(), width, height);
    RgbImage::from_raw(width, height, samples).expect("one sample per channel of each pixel")
}

/// `image` resized in 16 bits a sample and then rounded down to 8, as the samples of a file are.
///
/// # Panics
/// If a side of the image or of the result is 0.
pub(crate) fn resize_deep(image: &DeepImage, width: u32, height: u32) -> RgbImage {
    let samples = resize(image.as_raw(), image.dimensions(), width, height);
    let samples = samples.into_iter().map(high_byte).collect();
    RgbImage::from_raw(width, height, samples).expect("one sample per channel of each pixel")
}

/// The 8-bit level of a 16-bit sample.
pub(crate) fn high_byte(sample: u16) -> u8 {
    (sample >> 8) as u8
}

/// A sample of 8 or 16 bits, and sums of it with weights.
trait Sample: Copy {
    /// Holds the largest sample times the sum of weights.
    type Sum: Copy + AddAssign;
    /// One half, in units of the weights.
    const HALF: Self::Sum;
    fn weighed(self, weight: i32) -> Self::Sum;
    fn round(sum: Self::Sum) -> Self;
}

impl Sample for u8 {
    type Sum = i32;
    const HALF: i32 = 1 << (PRECISION - 1);

    fn weighed(self, weight: i32) -> i32 {
        i32::from(self) * weight
    }

    fn round(sum: i32) -> Self {
        (sum >> PRECISION).clamp(0, 255) as Self
    }
}

impl Sample for u16 {
    type Sum = i64;
    const HALF: i64 = 1 << (PRECISION - 1);

    fn weighed(self, weight: i32) -> i64 {
        i64::from(self) * i64::from(weight)
    }

    fn round(sum: i64) -> Self {
        (sum >> PRECISION).clamp(0, 65535) as Self
    }
}

fn resize<S: Sample>(samples: &[S], old: (u32, u32), width: u32, height: u32) -> Vec<S> {
    let (old_width, old_height) = old;
    assert!(
        width > 0 && height > 0 && old_width > 0 && old_height > 0,
        "cannot resize {old_width}×{old_height} pixels to {width}×{height}"
    );
    let mut samples = Cow::Borrowed(samples);
    if width != old_width {
        let windows = weights(old_width, width);
        samples = Cow::Owned(resize_rows(&samples, old_width as usize, &windows));
    }
    if height != old_height {
        let windows = weights(old_height, height);
        samples = Cow::Owned(resize_columns(&samples, width as usize, &windows));
    }
    samples.into_owned()
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

fn resize_rows<S: Sample>(samples: &[S], old_width: usize, windows: &[Window]) -> Vec<S> {
    let mut resized = Vec::with_capacity(samples.len() / old_width * windows.len());
    for row in samples.chunks_exact(old_width * 3) {
        for window in windows {
            let mut sums = [S::HALF; 3];
            let range = window.range();
            let pixels = row[range.start * 3..range.end * 3].chunks_exact(3);
            for (pixel, &weight) in pixels.zip(&window.weights) {
                for (sum, &sample) in sums.iter_mut().zip(pixel) {
                    *sum += sample.weighed(weight);
                }
            }
            resized.extend(sums.map(S::round));
        }
    }
    resized
}

fn resize_columns<S: Sample>(samples: &[S], width: usize, windows: &[Window]) -> Vec<S> {
    let stride = width * 3;
    let mut resized = Vec::with_capacity(stride * windows.len());
    let mut sums = vec![S::HALF; stride];
    for window in windows {
        sums.fill(S::HALF);
        let range = window.range();
        let rows = samples[range.start * stride..range.end * stride].chunks_exact(stride);
        for (row, &weight) in rows.zip(&window.weights) {
            for (sum, &sample) in sums.iter_mut().zip(row) {
                *sum += sample.weighed(weight);
            }
        }
        resized.extend(sums.iter().copied().map(S::round));
    }
    resized
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

    #[test]
    fn sixteen_bits_keep_what_eight_would_round_away() {
        // A ramp of 1/16 of a level a pixel: its mean over 32 pixels is one level above the start.
        let ramp = DeepImage::from_fn(32, 1, |x, _| Rgb([100 * 256 + 16 * x as u16; 3]));
        let golden = (100 * 256 + 16 * 31 / 2) >> 8;
        assert_eq!(resize_deep(&ramp, 1, 1).get_pixel(0, 0).0, [golden as u8; 3]);
        // Levels between two: half of the samples at 99.99, half at 101.
        let halves = DeepImage::from_fn(2, 1, |x, _| Rgb([[25599, 25856][x as usize]; 3]));
        assert_eq!(resize_deep(&halves, 1, 1).get_pixel(0, 0).0, [100; 3]);
        let low = RgbImage::from_fn(2, 1, |x, _| Rgb([[99, 101][x as usize]; 3]));
        assert_eq!(resize_bilinear(&low, 1, 1).get_pixel(0, 0).0, [100; 3]);
        let flat = DeepImage::from_pixel(13, 7, Rgb([65535, 257 * 8, 0]));
        assert_eq!(resize_deep(&flat, 5, 9), RgbImage::from_pixel(5, 9, Rgb([255, 8, 0])));
    }
}
