//! Letters on pictures, for scales and labels: Noto Sans Mono, drawn beforehand.

use std::iter;

use image::imageops::{self, FilterType};
use image::{GrayImage, Luma, Rgb, RgbImage};
use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};

/// The only weight and size compiled in; others are scaled from it.
const WEIGHT: FontWeight = FontWeight::Regular;
const RASTER: RasterHeight = RasterHeight::Size32;
/// Stands for letters that the font lacks.
const UNKNOWN: char = '?';

/// Width in pixels of `text` in lines `height` pixels high.
pub fn text_width(text: &str, height: u32) -> u32 {
    let letters = text.chars().count() as u64;
    let raster = get_raster_width(WEIGHT, RASTER) as u64;
    let width = letters * raster * u64::from(height) / RASTER.val() as u64;
    u32::try_from(width).unwrap_or(u32::MAX)
}

/// Writes one line of `text`, `height` pixels high, with its upper left corner at (`left`, `top`).
///
/// Letters outside Basic Latin become question marks; what does not fit is left out.
pub fn draw_text(
    image: &mut RgbImage,
    text: &str,
    (left, top): (u32, u32),
    height: u32,
    color: Rgb<u8>,
) {
    let width = text_width(text, height);
    if width == 0 || height == 0 {
        return;
    }
    // Triangle also averages where letters shrink.
    let coverage = imageops::resize(&line(text), width, height, FilterType::Triangle);
    for (x, y, Luma([share])) in coverage.enumerate_pixels() {
        let Some(pixel) = image.get_pixel_mut_checked(left + x, top + y) else { continue };
        let share = f32::from(*share) / 255.0;
        for (channel, ink) in pixel.0.iter_mut().zip(color.0) {
            *channel = (f32::from(*channel) * (1.0 - share) + f32::from(ink) * share + 0.5) as u8;
        }
    }
}

/// Coverage of each pixel by the letters, at the raster's size.
fn line(text: &str) -> GrayImage {
    let advance = get_raster_width(WEIGHT, RASTER);
    let mut line = GrayImage::new((text.chars().count() * advance) as u32, RASTER.val() as u32);
    for (index, letter) in text.chars().enumerate() {
        let glyph = iter::once(letter).chain([UNKNOWN]);
        let Some(glyph) = glyph.filter_map(|letter| get_raster(letter, WEIGHT, RASTER)).next()
        else {
            continue;
        };
        for (y, row) in glyph.rows().enumerate() {
            for (x, &share) in row.iter().enumerate() {
                line.put_pixel((index * advance + x) as u32, y as u32, Luma([share]));
            }
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHITE: Rgb<u8> = Rgb([255; 3]);
    const BLACK: Rgb<u8> = Rgb([0; 3]);

    /// Rows and columns that are not wholly white, from the first to the last.
    fn extent(image: &RgbImage) -> Option<[u32; 4]> {
        let inked = image.enumerate_pixels().filter(|(_, _, pixel)| **pixel != WHITE);
        inked.fold(None, |extent: Option<[u32; 4]>, (x, y, _)| {
            let [left, top, right, bottom] = extent.unwrap_or([x, y, x, y]);
            Some([left.min(x), top.min(y), right.max(x), bottom.max(y)])
        })
    }

    #[test]
    fn a_text_stays_within_the_place_it_asks_for() {
        for height in [8, 16, 32, 100] {
            let width = text_width("0.5e-12", height);
            let mut image = RgbImage::from_pixel(width + 20, height + 20, WHITE);
            draw_text(&mut image, "0.5e-12", (10, 10), height, BLACK);
            let [left, top, right, bottom] = extent(&image).expect("ink");
            assert!(left >= 10 && top >= 10 && right < 10 + width && bottom < 10 + height);
            assert!(right - left > width / 2 && bottom - top > height / 3, "{height}");
        }
    }

    #[test]
    fn letters_differ_and_unknown_ones_become_question_marks() {
        let drawn = |text: &str| {
            let mut image = RgbImage::from_pixel(20, 32, WHITE);
            draw_text(&mut image, text, (0, 0), 32, BLACK);
            image
        };
        assert_ne!(drawn("1"), drawn("7"));
        assert_eq!(drawn("漢"), drawn("?"));
        assert_eq!(extent(&drawn(" ")), None);
    }

    #[test]
    fn what_does_not_fit_is_left_out() {
        let mut image = RgbImage::from_pixel(3, 2, WHITE);
        draw_text(&mut image, "8888", (1, 0), 32, BLACK);
        draw_text(&mut image, "", (0, 0), 32, BLACK);
        draw_text(&mut image, "8", (0, 0), 0, BLACK);
        assert_eq!(image.dimensions(), (3, 2));
    }
}
