//! Rotation about the centre, pixel for pixel as PIL's `Image.rotate` does it.

use image::RgbImage;
use image::imageops::{rotate90, rotate180, rotate270};

/// 1 in the 16.16 fixed-point numbers that PIL walks the source image with.
const ONE: f64 = 65_536.0;

/// `image` turned counter-clockwise by `degrees`: same size, nearest sampling, black corners.
///
/// Exact, without any loss, for multiples of 180° and, on squares, of 90°.
pub(crate) fn rotate(image: &RgbImage, degrees: f32) -> RgbImage {
    let degrees = f64::from(degrees).rem_euclid(360.0);
    let square = image.width() == image.height();
    // `image` turns clockwise, we turn counter-clockwise.
    if degrees == 0.0 {
        image.clone()
    } else if degrees == 180.0 {
        rotate180(image)
    } else if degrees == 90.0 && square {
        rotate270(image)
    } else if degrees == 270.0 && square {
        rotate90(image)
    } else {
        rotate_nearest(image, degrees)
    }
}

/// Walk through the source of a rotated image, in 16.16 fixed-point pixels: column and row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RotationWalk {
    /// Source of the first pixel.
    pub start: [i64; 2],
    /// Step for a column to the right.
    pub column: [i64; 2],
    /// Step for a row down.
    pub line: [i64; 2],
}

/// The walk by which an image of `width` × `height` pixels is turned counter-clockwise by `degrees`.
pub fn rotation_walk(width: u32, height: u32, degrees: f32) -> RotationWalk {
    walk(width, height, f64::from(degrees).rem_euclid(360.0))
}

fn walk(width: u32, height: u32, degrees: f64) -> RotationWalk {
    let angle = -degrees.to_radians();
    let (cos, sin) = (round_15(angle.cos()), round_15(angle.sin()));
    let (center_x, center_y) = (f64::from(width) / 2.0, f64::from(height) / 2.0);
    // Source of the output's corner; half a pixel further is the first pixel's centre.
    let origin_x = cos * -center_x + sin * -center_y + center_x;
    let origin_y = -sin * -center_x + cos * -center_y + center_y;
    // Steps through the source: a column to the right, a row down.
    RotationWalk {
        start: [fixed(origin_x + cos * 0.5 + sin * 0.5), fixed(origin_y + -sin * 0.5 + cos * 0.5)],
        column: [fixed(cos), fixed(-sin)],
        line: [fixed(sin), fixed(cos)],
    }
}

fn rotate_nearest(image: &RgbImage, degrees: f64) -> RgbImage {
    let (width, height) = image.dimensions();
    let RotationWalk { start, column: [column_x, column_y], line: [line_x, line_y] } =
        walk(width, height, degrees);
    let [mut row_x, mut row_y] = start;

    let mut rotated = RgbImage::new(width, height);
    let source = image.as_raw();
    for row in rotated.chunks_exact_mut(width as usize * 3) {
        let (mut x, mut y) = (row_x, row_y);
        for pixel in row.chunks_exact_mut(3) {
            let (column, line) = (x >> 16, y >> 16);
            if (0..i64::from(width)).contains(&column) && (0..i64::from(height)).contains(&line) {
                let start = (line * i64::from(width) + column) as usize * 3;
                pixel.copy_from_slice(&source[start..start + 3]);
            }
            x += column_x;
            y += column_y;
        }
        row_x += line_x;
        row_y += line_y;
    }
    rotated
}

fn fixed(value: f64) -> i64 {
    (value * ONE + 0.5).floor() as i64
}

/// PIL rounds sine and cosine to 15 decimals, so that those of right angles are whole.
fn round_15(value: f64) -> f64 {
    (value * 1e15).round() / 1e15
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| image::Rgb([x as u8 + 1, y as u8 + 1, 9]))
    }

    #[test]
    fn four_quarter_turns_of_a_square_restore_it() {
        let image = numbered(6, 6);
        let turned = (0..4).fold(image.clone(), |image, _| rotate(&image, 90.0));
        assert_eq!(turned, image);
    }

    #[test]
    fn a_quarter_turn_moves_the_top_right_corner_to_the_top_left() {
        let image = numbered(6, 6);
        assert_eq!(rotate(&image, 90.0).get_pixel(0, 0), image.get_pixel(5, 0));
        assert_eq!(rotate(&image, -270.0), rotate(&image, 90.0));
        assert_eq!(rotate(&image, 270.0).get_pixel(0, 0), image.get_pixel(0, 5));
    }

    #[test]
    fn sampling_agrees_with_the_exact_turn_where_both_apply() {
        // 90° computed by sampling equals the transposition: centres map onto centres.
        let image = numbered(8, 8);
        assert_eq!(rotate_nearest(&image, 90.0), rotate(&image, 90.0));
        assert_eq!(rotate_nearest(&image, 180.0), rotate(&image, 180.0));
    }

    #[test]
    fn an_eighth_turn_keeps_the_centre_and_blackens_the_corners() {
        let image = RgbImage::from_pixel(9, 9, image::Rgb([50, 60, 70]));
        let turned = rotate(&image, 45.0);
        assert_eq!(turned.get_pixel(4, 4).0, [50, 60, 70]);
        for (x, y) in [(0, 0), (8, 0), (0, 8), (8, 8)] {
            assert_eq!(turned.get_pixel(x, y).0, [0, 0, 0]);
        }
    }
}
