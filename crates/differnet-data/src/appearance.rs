//! Appearance of an image in a few numbers, which tell a blank, dazzled or blurred one.

use image::RgbImage;

use crate::color_mode::ColorMode;
use crate::enhance::luminance;
use crate::input_statistics::InputStatistics;
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
    /// Colour mode of its pixels; grey if no pixel shows a colour.
    pub(crate) colors: ColorMode,
    /// Statistics of the view, with the size of the file's image, upright.
    pub(crate) statistics: InputStatistics,
    /// Standard deviation of the luminance. A part that covers little of the image moves it, and hardly the
    /// contrast.
    pub(crate) deviation: f64,
    /// Share of white pixels.
    pub(crate) white: f64,
    /// Share of black pixels.
    pub(crate) black: f64,
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
        let statistics =
            InputStatistics { size: image.dimensions(), ..InputStatistics::of(&view, None) };
        Self {
            colors: ColorMode { colored: stored.colored && shows_color, ..stored },
            statistics,
            deviation: (squares.sum::<f64>() / count).sqrt(),
            white: share(&|level| level >= WHITE),
            black: share(&|level| level <= BLACK),
            thumbnail: Thumbnail::of(&view),
        }
    }

    /// Mean absolute Laplacian of the luminance over its deviation: fine detail, whatever the light.
    pub(crate) fn detail(&self) -> f64 {
        if self.deviation > 0.0 { self.statistics.mean_laplacian() / self.deviation } else { 0.0 }
    }
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
        assert_eq!((seen.white, seen.black, seen.deviation), (0.5, 0.5, 127.5));
        assert_eq!(seen.statistics.contrast, 255.0);
        // 27 edges, each with a jump of 255 on both sides, in 446 columns.
        let edges = 27.0 * 2.0 * 255.0 / 446.0;
        assert!((seen.detail() - edges / 127.5).abs() < 1e-9, "{}", seen.detail());
    }

    #[test]
    fn detail_falls_with_blur_and_not_with_light() {
        let sharp = appearance(&stripes(50, 200)).detail();
        let dim = appearance(&stripes(25, 100)).detail();
        let blurred = appearance(&imageops::blur(&stripes(50, 200), 4.0)).detail();
        assert!((dim / sharp - 1.0).abs() < 1e-9);
        assert!(blurred < sharp / 3.0, "{blurred} {sharp}");
    }

    #[test]
    fn images_of_all_sizes_are_compared_in_one() {
        let large = RgbImage::from_fn(2 * SIDE, SIDE, |x, _| {
            Rgb([if x / 32 % 2 == 0 { 50 } else { 200 }; 3])
        });
        let [small, large] = [stripes(50, 200), large].map(|image| appearance(&image));
        assert_eq!(large.statistics.aspect(), 2.0);
        // An edge is reduced to 0, 1/8, 7/8, 1: its absolute second differences add up to 1.5, not 2.
        assert!((large.detail() / small.detail() - 0.75).abs() < 0.02);
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
        assert_eq!((seen.statistics.size, seen.statistics.contrast), ((5, 9), 0.0));
        assert_eq!((seen.deviation, seen.detail(), seen.white), (0.0, 0.0, 1.0));
    }
}
