//! One view of an image: turned about its centre, then brightened, then changed in contrast
//! (Section 3.3; Section 4.2 for brightness and contrast).

use image::RgbImage;

use crate::enhance::{adjust_brightness, adjust_contrast};
use crate::rotate::rotate;

/// A rotation and changes of brightness and contrast, in this order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Transform {
    /// Angle, counter-clockwise.
    pub degrees: f32,
    /// Factor that every sample is multiplied with; 1 changes nothing.
    pub brightness: f32,
    /// Factor of every sample's distance from the mean luminance; 1 changes nothing.
    pub contrast: f32,
}

impl Transform {
    /// Changes nothing.
    pub const IDENTITY: Self = Self { degrees: 0.0, brightness: 1.0, contrast: 1.0 };

    /// Tells whether this changes nothing.
    pub fn is_identity(&self) -> bool {
        self.degrees.rem_euclid(360.0) == 0.0 && self.brightness == 1.0 && self.contrast == 1.0
    }

    /// `image` as this transform shows it: same size; corners that a rotation uncovers are black.
    ///
    /// Equals PIL's `Image.rotate` (nearest sampling) followed by `ImageEnhance.Brightness` and
    /// `ImageEnhance.Contrast`, each rounded to 8 bits.
    pub fn apply(&self, image: &RgbImage) -> RgbImage {
        let mut view = rotate(image, self.degrees);
        adjust_brightness(&mut view, self.brightness);
        adjust_contrast(&mut view, self.contrast);
        view
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gradient() -> RgbImage {
        RgbImage::from_fn(8, 8, |x, y| image::Rgb([x as u8 * 20, y as u8 * 30, 99]))
    }

    #[test]
    fn the_identity_changes_nothing() {
        assert!(Transform::IDENTITY.is_identity());
        assert_eq!(Transform::IDENTITY.apply(&gradient()), gradient());
    }

    #[test]
    fn a_full_turn_is_the_identity() {
        let turn = Transform { degrees: 360.0, ..Transform::IDENTITY };
        assert!(turn.is_identity());
        assert_eq!(turn.apply(&gradient()), gradient());
    }

    #[test]
    fn brightness_comes_before_contrast() {
        let transform = Transform { degrees: 0.0, brightness: 1.5, contrast: 0.0 };
        // Contrast 0 leaves the mean luminance, here of the brightened image.
        let grey = RgbImage::from_pixel(4, 4, image::Rgb([100; 3]));
        assert_eq!(transform.apply(&grey), RgbImage::from_pixel(4, 4, image::Rgb([150; 3])));
    }
}
