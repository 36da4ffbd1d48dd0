//! One good part of each category, as image files in memory.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat};

use crate::resize::resize_bilinear;
use crate::sample::SampleConfig;
use crate::sample::shot::{Category, shots};

/// PNG files of good parts, one of each category of the sample data set, `width` × `height` pixels.
///
/// # Panics
/// If `width` or `height` is 0.
pub fn sample_portraits(seed: u64, width: u32, height: u32) -> Vec<Vec<u8>> {
    let size = width.max(height).clamp(SampleConfig::MIN_SIZE, SampleConfig::MAX_SIZE);
    let config = SampleConfig { seed, size, train: 1, test_good: 0, test_defect_per_kind: 0 };
    let portrait = |category| {
        let image = shots(category, &config)[0].photograph(&config).image;
        let image = DynamicImage::ImageRgb8(resize_bilinear(&image, width, height));
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, ImageFormat::Png).expect("memory takes every image");
        bytes.into_inner()
    };
    [Category::BrushedMetal, Category::Fabric, Category::HexNut].map(portrait).to_vec()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::decode::{DecodeLimits, decode_bytes};

    #[test]
    fn portraits_are_images_of_the_size_asked_for_and_follow_from_the_seed() {
        let portraits = sample_portraits(3, 80, 64);
        assert_eq!(portraits.len(), 3);
        for png in &portraits {
            let image = decode_bytes(png, Path::new("a.png"), &DecodeLimits::default()).unwrap();
            assert_eq!(image.dimensions(), (80, 64));
        }
        assert_eq!(sample_portraits(3, 80, 64), portraits);
        assert_ne!(sample_portraits(4, 80, 64), portraits);
    }
}
