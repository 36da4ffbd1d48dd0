//! Anomaly maps for the eye: colours over the image, and the scale that they are read with.

use image::{Rgb, RgbImage, imageops};

use crate::lettering::{draw_text, text_width};

/// Share of the map's colour where the map reaches the top of its scale.
const OPACITY: f32 = 0.75;
/// Around the scale, and its letters.
const PAPER: Rgb<u8> = Rgb([255; 3]);
const INK: Rgb<u8> = Rgb([0; 3]);
/// Width of the scale beside an image, as a share of the image's longer side.
const SCALE_SHARE: f32 = 0.04;
/// Height of the scale's numbers, as a share of the image's longer side.
const LETTERS_SHARE: f32 = 0.035;

/// `map`, a value for each pixel of `image` row by row, laid over it in the colours of
/// [`map_color`]; more opaque the larger the value, full at `top`.
///
/// # Panics
/// If `map` has not one value for each pixel.
pub fn overlay(image: &RgbImage, map: &[f32], top: f32) -> RgbImage {
    assert_eq!(map.len(), image.width() as usize * image.height() as usize, "a value a pixel");
    let mut result = image.clone();
    for (pixel, &value) in result.pixels_mut().zip(map) {
        let share = share(value, top);
        let opacity = OPACITY * share;
        let color = map_color(share);
        for (channel, over) in pixel.0.iter_mut().zip(color) {
            let blend = f32::from(*channel) * (1.0 - opacity) + f32::from(over) * opacity;
            *channel = (blend + 0.5) as u8;
        }
    }
    result
}

/// `image` with the scale of its colours at the right: from 0 at the bottom to `top`.
pub fn with_scale(image: &RgbImage, top: f32) -> RgbImage {
    let (width, height) = image.dimensions();
    let longer = width.max(height) as f32;
    let bar = ((longer * SCALE_SHARE) as u32).max(8);
    let letters = ((longer * LETTERS_SHARE) as u32).max(14);
    let labels = [number(top), number(top / 2.0), "0".to_owned()];
    let widest = labels.iter().map(|label| text_width(label, letters)).max().unwrap_or(0);
    let mut result =
        RgbImage::from_pixel(width + bar / 2 + bar + bar / 2 + widest + bar / 4, height, PAPER);
    imageops::replace(&mut result, image, 0, 0);
    for y in 0..height {
        let share = 1.0 - (y as f32 + 0.5) / height as f32;
        for x in width + bar / 2..width + bar / 2 + bar {
            result.put_pixel(x, y, Rgb(map_color(share)));
        }
    }
    let left = width + 2 * bar;
    let bottom = height.saturating_sub(letters);
    draw_text(&mut result, &labels[0], (left, 0), letters, INK);
    // A low image has room for the ends only.
    if height >= 4 * letters {
        draw_text(&mut result, &labels[1], (left, bottom / 2), letters, INK);
    }
    if height >= 2 * letters {
        draw_text(&mut result, &labels[2], (left, bottom), letters, INK);
    }
    result
}

/// The colour of a value at `share`, 0 to 1, of the scale: Inferno, which is perceptually uniform
/// and readable in grey.
pub fn map_color(share: f32) -> [u8; 3] {
    let color = colorous::INFERNO.eval_continuous(f64::from(share.clamp(0.0, 1.0)));
    [color.r, color.g, color.b]
}

/// Share of the way from 0 to `top` that `value` is at; 0 if there is none.
fn share(value: f32, top: f32) -> f32 {
    if top > 0.0 && value > 0.0 { (value / top).min(1.0) } else { 0.0 }
}

/// Three significant digits.
fn number(value: f32) -> String {
    if value == 0.0 || (1e-2..1e4).contains(&value.abs()) {
        let digits = if value.abs() >= 100.0 {
            0
        } else if value.abs() >= 1.0 {
            1
        } else {
            3
        };
        format!("{value:.digits$}")
    } else {
        format!("{value:.1e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_drawn_over_zeros_and_the_top_is_yellow() {
        let image = RgbImage::from_pixel(2, 1, Rgb([10, 20, 30]));
        let over = overlay(&image, &[0.0, 5.0], 5.0);
        assert_eq!(over.get_pixel(0, 0), image.get_pixel(0, 0));
        // Inferno ends in (252, 255, 164): a quarter of the pixel and three of it.
        assert_eq!(over.get_pixel(1, 0).0, [192, 196, 131]);
        assert_eq!(overlay(&image, &[0.0, 0.0], 0.0), image);
        assert_eq!(overlay(&image, &[-1.0, f32::NAN], 1.0), image);
    }

    #[test]
    fn the_scale_runs_from_bottom_to_top_beside_the_image() {
        let image = RgbImage::from_pixel(100, 50, Rgb([1, 2, 3]));
        let with = with_scale(&image, 12.5);
        assert_eq!(with.height(), 50);
        assert_eq!(with.get_pixel(99, 49).0, [1, 2, 3]);
        let bar = |y| with.get_pixel(106, y).0.map(u32::from).iter().sum::<u32>();
        assert!((1..50).all(|y| bar(y) <= bar(y - 1)), "brighter upwards");
        // A scale on the smallest image does not fail.
        with_scale(&RgbImage::new(1, 1), 1e-9);
    }

    #[test]
    fn numbers_have_few_digits() {
        for (value, text) in
            [(0.0, "0.000"), (0.0123, "0.012"), (3.25, "3.2"), (1234.0, "1234"), (2e-5, "2.0e-5")]
        {
            assert_eq!(number(value), text);
        }
    }
}
