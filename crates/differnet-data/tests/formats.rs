//! One picture, in the ways that cameras and programs store it; `xtask/golden/formats.py` wrote the files.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use differnet_data::{DecodeLimits, ImageError, RgbImage, find_images};
use image::{DynamicImage, ImageBuffer, ImageFormat, Rgb, Rgba};

/// Largest error of quality 98, in grey levels; CMYK is rounded twice, lossy WebP halves colour.
const LOSSY: u8 = 12;

fn expected(name: &str) -> RgbImage {
    RgbImage::from_fn(24, 16, |x, y| {
        let (x, y) = (10 * x as u8, 15 * y as u8);
        if name.starts_with("grey") { Rgb([x; 3]) } else { Rgb([x, y, 128]) }
    })
}

fn largest_difference(left: &RgbImage, right: &RgbImage) -> u8 {
    assert_eq!(left.dimensions(), right.dimensions());
    left.iter().zip(right.iter()).map(|(left, right)| left.abs_diff(*right)).max().unwrap()
}

fn encoded(image: DynamicImage, format: ImageFormat) -> Result<RgbImage, ImageError> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    DecodeLimits::default().decode_bytes(bytes.get_ref(), Path::new("memory"))
}

#[test]
fn every_format_and_pixel_type_gives_the_same_picture() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats");
    let mut checked = 0;
    for path in find_images(&folder).unwrap() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let image = DecodeLimits::default().decode_file(&path).unwrap();
        let lossy = name.ends_with("jpg") || name.contains("lossy");
        let allowed = if lossy { LOSSY } else { 0 };
        let difference = largest_difference(&image, &expected(&name));
        assert!(difference <= allowed, "{name}: {difference} grey levels");
        checked += 1;
    }
    assert_eq!(checked, 29);
}

#[test]
fn sixteen_bit_samples_keep_their_high_byte() {
    let rgb = ImageBuffer::from_pixel(3, 2, Rgb([0x12ff_u16, 0x3400, 0xffff]));
    let rgba = ImageBuffer::from_pixel(3, 2, Rgba([0x12ff_u16, 0x3400, 0xffff, 0]));
    let golden = RgbImage::from_pixel(3, 2, Rgb([0x12, 0x34, 0xff]));
    for format in [ImageFormat::Png, ImageFormat::Tiff] {
        assert_eq!(encoded(DynamicImage::ImageRgb16(rgb.clone()), format).unwrap(), golden);
        assert_eq!(encoded(DynamicImage::ImageRgba16(rgba.clone()), format).unwrap(), golden);
    }
}

#[test]
fn floating_point_samples_from_0_to_1_are_scaled() {
    let float = |value| DynamicImage::ImageRgb32F(ImageBuffer::from_pixel(3, 2, Rgb([value; 3])));
    let image = encoded(float(0.5_f32), ImageFormat::Tiff).unwrap();
    assert_eq!(image, RgbImage::from_pixel(3, 2, Rgb([128; 3])));
    // As levels of 8 bits.
    let levels = encoded(float(200.0), ImageFormat::Tiff).unwrap();
    assert_eq!(levels, RgbImage::from_pixel(3, 2, Rgb([200; 3])));
    for value in [1.5, -0.1, 256.0, f32::NAN, f32::INFINITY] {
        let message = encoded(float(value), ImageFormat::Tiff).unwrap_err().to_string();
        let golden = "memory has floating-point samples outside 0 to 1 and outside 0 to 255: save it \
                      as PNG, with 8 or 16 bits";
        assert_eq!(message, golden);
    }
}

#[test]
fn the_content_counts_and_not_the_name() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("jpeg_inside.png");
    let jpeg = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats/rgb.jpg");
    std::fs::copy(jpeg, &path).unwrap();
    let image = DecodeLimits::default().decode_file(&path).unwrap();
    assert!(largest_difference(&image, &expected("rgb")) <= LOSSY);
}
