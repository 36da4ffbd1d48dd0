//! Brightness and contrast, value for value as PIL's `ImageEnhance` changes them.

use image::{Rgb, RgbImage};

/// Blends `image` with black: every sample times `factor`.
pub(crate) fn adjust_brightness(image: &mut RgbImage, factor: f32) {
    blend(image, 0, factor);
}

/// Blends `image` with a grey as bright as its rounded mean luminance.
pub(crate) fn adjust_contrast(image: &mut RgbImage, factor: f32) {
    let mean = mean_luminance(image);
    blend(image, mean, factor);
}

/// Moves every sample from `base` (factor 0) over itself (factor 1) and beyond.
fn blend(image: &mut RgbImage, base: u8, factor: f32) {
    if factor == 1.0 {
        return;
    }
    // PIL's `Image.blend`: 32-bit arithmetic, cut off towards zero, clipped to 0 to 255.
    let base = i32::from(base);
    let blended = |sample: usize| (base as f32 + factor * (sample as i32 - base) as f32) as u8;
    let table: [u8; 256] = std::array::from_fn(blended);
    for sample in image.iter_mut() {
        *sample = table[usize::from(*sample)];
    }
}

/// The pixel's ITU-R 601 luminance, rounded to 8 bits.
pub(crate) fn luminance(pixel: &Rgb<u8>) -> u8 {
    let [r, g, b] = pixel.0.map(u32::from);
    // 0.299, 0.587 and 0.114 as 16-bit fractions, as in PIL's convert("L"); their sum is 1.
    ((r * 19_595 + g * 38_470 + b * 7_471 + 0x8000) >> 16) as u8
}

/// Mean of the luminances, rounded.
fn mean_luminance(image: &RgbImage) -> u8 {
    let sum: u64 = image.pixels().map(|pixel| u64::from(luminance(pixel))).sum();
    let pixels = u64::from(image.width()) * u64::from(image.height());
    if pixels == 0 {
        return 0;
    }
    (sum as f64 / pixels as f64 + 0.5) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pixels(first: [u8; 3], second: [u8; 3]) -> RgbImage {
        RgbImage::from_raw(2, 1, [first, second].concat()).expect("2 pixels of 3 samples")
    }

    #[test]
    fn a_factor_of_one_changes_nothing() {
        let image = pixels([1, 2, 3], [250, 251, 252]);
        let mut adjusted = image.clone();
        adjust_brightness(&mut adjusted, 1.0);
        adjust_contrast(&mut adjusted, 1.0);
        assert_eq!(adjusted, image);
    }

    #[test]
    fn brightness_multiplies_cuts_off_and_clips() {
        let mut image = pixels([0, 101, 201], [170, 171, 255]);
        adjust_brightness(&mut image, 1.5);
        // 151.5 is cut to 151; 255 = 1.5 · 170 is the last value that is not clipped.
        assert_eq!(image, pixels([0, 151, 255], [255, 255, 255]));
    }

    #[test]
    fn contrast_moves_samples_away_from_the_rounded_mean_luminance() {
        // Greys 100 and 201: mean 150.5, rounded to 151.
        let mut image = pixels([100; 3], [201; 3]);
        adjust_contrast(&mut image, 2.0);
        assert_eq!(image, pixels([49; 3], [251; 3]));
        let mut image = pixels([100; 3], [201; 3]);
        adjust_contrast(&mut image, 0.0);
        assert_eq!(image, pixels([151; 3], [151; 3]));
    }

    #[test]
    fn luminance_weighs_the_channels_as_itu_r_601() {
        for (pixel, golden) in [([255, 0, 0], 76), ([0, 255, 0], 150), ([0, 0, 255], 29)] {
            assert_eq!(mean_luminance(&pixels(pixel, pixel)), golden);
        }
    }
}
