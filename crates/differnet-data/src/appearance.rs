//! Appearance of an image in a few numbers, which tell a blank, dazzled or blurred one.

use image::RgbImage;

use crate::color_mode::ColorMode;
use crate::enhance::luminance;
use crate::resize::resize_bilinear;
use crate::thumbnail::Thumbnail;

/// Width and height in which images of all sizes are compared, pixels: what the extractor sees.
const SIDE: u32 = 448;
/// Luminance from which a pixel counts as white: compression leaves few at 255.
const WHITE: u8 = 253;
/// Luminance up to which a pixel counts as black.
const BLACK: u8 = 2;

/// Appearance of an image at the extractor's size; luminances are from 0 to 255.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Appearance {
    /// Width and height of the file's image, upright, pixels.
    pub(crate) size: (u32, u32),
    /// Colour mode of its pixels; grey if no pixel shows a colour.
    pub(crate) colors: ColorMode,
    /// Standard deviation of the luminance.
    pub(crate) contrast: f64,
    /// Share of white pixels.
    pub(crate) white: f64,
    /// Share of black pixels.
    pub(crate) black: f64,
    /// Mean absolute Laplacian of the luminance over the contrast: fine detail, whatever the light.
    pub(crate) sharpness: f64,
    /// The image, small.
    pub(crate) thumbnail: Thumbnail,
}

impl Appearance {
    /// Appearance of `image`, whose file stores it as `stored`.
    pub(crate) fn of(image: &RgbImage, stored: ColorMode) -> Self {
        let shows_color = image.pixels().any(|pixel| pixel.0.iter().any(|s| *s != pixel.0[0]));
        let view = resize_bilinear(image, SIDE, SIDE);
        let levels: Vec<u8> = view.pixels().map(luminance).collect();
        let count = levels.len() as f64;
        let share = |counts: &dyn Fn(u8) -> bool| {
            levels.iter().filter(|&&level| counts(level)).count() as f64 / count
        };
        let mean = levels.iter().map(|&level| f64::from(level)).sum::<f64>() / count;
        let squares = levels.iter().map(|&level| (f64::from(level) - mean).powi(2));
        let contrast = (squares.sum::<f64>() / count).sqrt();
        Self {
            size: image.dimensions(),
            colors: ColorMode { colored: stored.colored && shows_color, ..stored },
            contrast,
            white: share(&|level| level >= WHITE),
            black: share(&|level| level <= BLACK),
            sharpness: if contrast > 0.0 { mean_laplacian(&levels) / contrast } else { 0.0 },
            thumbnail: Thumbnail::of(&view),
        }
    }

    /// Width over height.
    pub(crate) fn aspect(&self) -> f64 {
        f64::from(self.size.0) / f64::from(self.size.1)
    }
}

/// Mean of |4c − up − down − left − right| over all pixels with four neighbours, `[SIDE, SIDE]`.
fn mean_laplacian(levels: &[u8]) -> f64 {
    let side = SIDE as usize;
    let mut sum = 0_u64;
    for row in 1..side - 1 {
        for at in row * side + 1..(row + 1) * side - 1 {
            let level = |at: usize| i32::from(levels[at]);
            let around = level(at - side) + level(at + side) + level(at - 1) + level(at + 1);
            sum += u64::from((4 * level(at) - around).unsigned_abs());
        }
    }
    sum as f64 / ((side - 2) * (side - 2)) as f64
}

#[cfg(test)]
mod tests {
    use image::{ColorType, Rgb, imageops};

    use super::*;

    fn appearance(image: &RgbImage) -> Appearance {
        Appearance::of(image, ColorMode::of(ColorType::Rgb8))
    }

    /// Vertical stripes, 16 pixels wide, in two levels.
    fn stripes(dark: u8, bright: u8) -> RgbImage {
        RgbImage::from_fn(SIDE, SIDE, |x, _| Rgb([if x / 16 % 2 == 0 { dark } else { bright }; 3]))
    }

    #[test]
    fn figures_of_stripes_follow_by_hand() {
        let seen = appearance(&stripes(0, 255));
        assert_eq!((seen.white, seen.black, seen.contrast), (0.5, 0.5, 127.5));
        // 27 edges, each with a jump of 255 on both sides, in 446 columns.
        let edges = 27.0 * 2.0 * 255.0 / 446.0;
        assert!((seen.sharpness - edges / 127.5).abs() < 1e-9, "{}", seen.sharpness);
        assert_eq!(seen.aspect(), 1.0);
    }

    #[test]
    fn sharpness_falls_with_blur_and_not_with_light() {
        let sharp = appearance(&stripes(50, 200)).sharpness;
        let dim = appearance(&stripes(25, 100)).sharpness;
        let blurred = appearance(&imageops::blur(&stripes(50, 200), 4.0)).sharpness;
        assert!((dim / sharp - 1.0).abs() < 1e-9);
        assert!(blurred < sharp / 3.0, "{blurred} {sharp}");
    }

    #[test]
    fn a_colour_file_without_colour_counts_as_grey() {
        assert!(!appearance(&stripes(0, 9)).colors.colored);
        let mut tinted = stripes(0, 9);
        tinted.put_pixel(3, 3, Rgb([1, 2, 3]));
        assert!(appearance(&tinted).colors.colored);
        let grey = Appearance::of(&tinted, ColorMode::of(ColorType::L8));
        assert!(!grey.colors.colored);
    }

    #[test]
    fn an_empty_image_has_no_contrast_and_no_detail() {
        let seen = appearance(&RgbImage::from_pixel(5, 9, Rgb([255; 3])));
        assert_eq!((seen.contrast, seen.sharpness, seen.white), (0.0, 0.0, 1.0));
        assert_eq!(seen.size, (5, 9));
    }
}
