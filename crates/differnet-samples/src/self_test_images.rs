//! Self-test images: one good part of each category, as files in memory.

use std::io::Cursor;

use differnet_data::resize_bilinear;
use image::{DynamicImage, ImageFormat};

use crate::dataset::SampleConfig;
use crate::shot::{Category, shots};

/// Self-test images: PNG files of good parts, one of each category, `width` × `height` pixels.
///
/// # Panics
/// If `width` or `height` is 0.
pub fn self_test_images(seed: u64, width: u32, height: u32) -> Vec<Vec<u8>> {
    let size = width.max(height).clamp(SampleConfig::MIN_SIZE, SampleConfig::MAX_SIZE);
    let config = SampleConfig { seed, size, train: 1, test_good: 0, test_defect_per_kind: 0 };
    let file = |category| {
        let image = shots(category, &config)[0].photograph(&config).image;
        let image = DynamicImage::ImageRgb8(resize_bilinear(&image, width, height));
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, ImageFormat::Png).expect("memory takes every image");
        bytes.into_inner()
    };
    [Category::BrushedMetal, Category::Fabric, Category::HexNut].map(file).to_vec()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use differnet_data::DecodeLimits;

    use super::*;

    #[test]
    fn files_are_images_of_the_size_asked_for_and_follow_from_the_seed() {
        let files = self_test_images(3, 80, 64);
        assert_eq!(files.len(), 3);
        for png in &files {
            let image = DecodeLimits::default().decode_bytes(png, Path::new("a.png")).unwrap();
            assert_eq!(image.dimensions(), (80, 64));
        }
        assert_eq!(self_test_images(3, 80, 64), files);
        assert_ne!(self_test_images(4, 80, 64), files);
    }
}
