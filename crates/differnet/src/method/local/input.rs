//! Images as a method on local features sees them: places, where each lies, and which count.

use differnet_data::{RgbImage, SeenImage, resize_bilinear};
use differnet_features::{PlaceExtractor, Places, SIDE_STEP};

use super::config::POSITION;

/// An image's places and which of them count.
pub(super) struct SeenPlaces {
    pub(super) places: Places,
    /// Whether each place counts: at least half of its pixels do.
    pub(super) counts: Vec<bool>,
}

/// The places of an image of about `pixels` pixels.
pub(super) fn seen_places(
    extractor: &PlaceExtractor,
    seen: &SeenImage,
    pixels: usize,
    stages: &[usize],
) -> SeenPlaces {
    let (width, height) = shape(seen.image.dimensions(), pixels);
    let resized = resize_bilinear(&seen.image, width as u32, height as u32);
    let places = extractor.places(resized.as_raw(), height, width, stages);
    let counts = match &seen.ignored {
        None => vec![true; places.height * places.width],
        Some(ignored) => counting(&seen.image, ignored, (places.height, places.width)),
    };
    SeenPlaces { places, counts }
}

/// Width and height, multiples of [`SIDE_STEP`], that keep the aspect of an image and have about `pixels`
/// pixels.
fn shape((width, height): (u32, u32), pixels: usize) -> (usize, usize) {
    let aspect = f64::from(width) / f64::from(height);
    let side = |length: f64| ((length / SIDE_STEP as f64).round() as usize).max(1) * SIDE_STEP;
    // Beyond 8 : 1 the shorter side would be too short to see anything.
    let aspect = aspect.clamp(0.125, 8.0);
    let width = (pixels as f64 * aspect).sqrt();
    (side(width), side(width / aspect))
}

/// Mask of the places of a grid that count, given which pixels of the image are ignored.
fn counting(image: &RgbImage, ignored: &[bool], (height, width): (usize, usize)) -> Vec<bool> {
    let (image_width, image_height) = (image.width() as usize, image.height() as usize);
    let span = |at: usize, count: usize, size: usize| {
        let first = at * size / count;
        first..((at + 1) * size / count).max(first + 1).min(size)
    };
    let mut counts = Vec::with_capacity(height * width);
    for y in 0..height {
        for x in 0..width {
            let rows = span(y, height, image_height);
            let columns = span(x, width, image_width);
            let all = rows.len() * columns.len();
            let row = |y: usize| &ignored[y * image_width..][columns.clone()];
            let hidden = rows.flat_map(row).filter(|ignored| **ignored).count();
            counts.push(2 * hidden <= all);
        }
    }
    counts
}

/// Positional encoding of a grid's places, `[height · width, 32]`: sines and cosines of column and row,
/// each from 0 to 1, in waves of length 2 to 1/64.
pub(super) fn positions(height: usize, width: usize) -> Vec<f32> {
    let part = |at: usize, count: usize| at as f32 / (count - 1).max(1) as f32;
    let mut values = Vec::with_capacity(height * width * POSITION);
    for place in 0..height * width {
        for at in [part(place % width, width), part(place / width, height)] {
            let waves =
                || (0..POSITION / 4).map(|wave| at * std::f32::consts::PI * (1 << wave) as f32);
            values.extend(waves().map(f32::sin));
            values.extend(waves().map(f32::cos));
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_keep_the_aspect_and_are_multiples_of_32() {
        assert_eq!(shape((900, 900), 448 * 448), (448, 448));
        assert_eq!(shape((1000, 250), 448 * 448), (896, 224));
        // √(448² · 0.5) = 316.8 → 320, and twice that 633.6 → 640.
        assert_eq!(shape((300, 600), 448 * 448), (320, 640));
        assert_eq!(shape((10_000, 1), 64 * 64), (192, 32));
    }

    #[test]
    fn a_place_counts_unless_more_than_half_of_it_is_ignored() {
        let image = RgbImage::new(4, 2);
        // The left half of the first row's first place, all of its second, nothing below.
        let ignored = [true, false, true, true, false, false, false, false];
        assert_eq!(counting(&image, &ignored, (2, 2)), [true, false, true, true]);
        assert_eq!(counting(&image, &ignored, (1, 1)), [true]);
    }

    #[test]
    fn corners_are_told_apart_and_a_single_place_lies_at_the_origin() {
        let found = positions(2, 3);
        assert_eq!(found.len(), 6 * POSITION);
        let row = |place: usize| &found[place * POSITION..][..POSITION];
        assert_ne!(row(0), row(2));
        assert_ne!(row(0), row(3));
        // Half a wave of π at 0.5: sin(π/2) = 1, cos(π/2) = 0.
        assert!((row(1)[0] - 1.0).abs() < 1e-6 && row(1)[8].abs() < 1e-6);
        assert_eq!(positions(1, 1)[..16], [[0.0; 8], [1.0; 8]].concat());
    }
}
