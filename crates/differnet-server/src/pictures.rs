//! Pictures of a map, as addresses of themselves.

use std::io::Cursor;

use differnet::Localization;
use differnet::scoring::AnomalyMap;
use differnet_data::output_mark::mark_output;
use differnet_report::map_color;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::{self, FilterType};
use image::{DynamicImage, ImageBuffer, ImageFormat, Luma, Rgb, RgbImage, Rgba, RgbaImage};
use serde::Serialize;
use utoipa::ToSchema;

use crate::queue::WantedPictures;

/// Longer side of pictures to look at, pixels.
const SIDE: u32 = 960;
/// JPEG quality of the image as it was seen.
const QUALITY: u8 = 85;

/// Pictures of a map, each as a `data:` address.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct Pictures {
    /// Width of the upright image, pixels.
    width: u32,
    /// Height of the upright image, pixels.
    height: u32,
    /// With `include=pictures`: JPEG of the image as it was seen, at most 960 pixels wide and high.
    #[serde(skip_serializing_if = "Option::is_none")]
    picture: Option<String>,
    /// With `include=pictures`: PNG of the map's colours, the more opaque the larger the value, to lie over
    /// `picture`.
    #[serde(skip_serializing_if = "Option::is_none")]
    layer: Option<String>,
    /// With `include=map`: 16-bit grey PNG of the map at the image's size; white is the answer's `top`.
    #[serde(skip_serializing_if = "Option::is_none")]
    map: Option<String>,
}

impl Pictures {
    /// The pictures that are wanted of `found`, whose colours end at `top`.
    pub(crate) fn new(found: &Localization, top: f32, wanted: WantedPictures) -> Self {
        let (width, height) = found.image.dimensions();
        let mut pictures = Self { width, height, ..Self::default() };
        if wanted.small {
            let seen = smaller(&found.seen_image());
            let (width, height) = seen.dimensions();
            let map = found.map.resized(width as usize, height as usize);
            pictures.layer = Some(png(&DynamicImage::ImageRgba8(layer(&map, top))));
            pictures.picture = Some(jpeg(&seen));
        }
        if wanted.map {
            pictures.map = Some(png(&DynamicImage::ImageLuma16(grey(&found.map, top))));
        }
        pictures
    }
}

/// `image` no wider and higher than [`SIDE`], its shape kept.
fn smaller(image: &RgbImage) -> RgbImage {
    let (width, height) = image.dimensions();
    let share = f64::from(SIDE) / f64::from(width.max(height));
    if share >= 1.0 {
        return image.clone();
    }
    let scaled = |length: u32| ((f64::from(length) * share).round() as u32).max(1);
    imageops::resize(image, scaled(width), scaled(height), FilterType::Triangle)
}

/// Returns `value` as a share of `top`, from 0 to 1.
fn share(value: f32, top: f32) -> f32 {
    // Written so that NaN is 0.
    if value > 0.0 { (value / top).min(1.0) } else { 0.0 }
}

/// The map's colours, transparent where it is 0.
fn layer(map: &AnomalyMap, top: f32) -> RgbaImage {
    let mut values = map.values().iter();
    RgbaImage::from_fn(map.width() as u32, map.height() as u32, |_, _| {
        let share = values.next().map_or(0.0, |&value| share(value, top));
        let [red, green, blue] = map_color(share);
        Rgba([red, green, blue, (share * 255.0 + 0.5) as u8])
    })
}

/// The map as `differnet localize` writes it.
fn grey(map: &AnomalyMap, top: f32) -> ImageBuffer<Luma<u16>, Vec<u16>> {
    let mut values = map.values().iter();
    ImageBuffer::from_fn(map.width() as u32, map.height() as u32, |_, _| {
        let share = values.next().map_or(0.0, |&value| share(value, top));
        Luma([(share * f32::from(u16::MAX) + 0.5) as u16])
    })
}

fn jpeg(image: &ImageBuffer<Rgb<u8>, Vec<u8>>) -> String {
    let mut bytes = Vec::new();
    image
        .write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, QUALITY))
        .expect("a small picture is within JPEG's limits, and memory takes it");
    address("image/jpeg", &bytes)
}

fn png(image: &DynamicImage) -> String {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, ImageFormat::Png).expect("memory takes any PNG");
    address("image/png", &mark_output(bytes.get_ref()))
}

fn address(media_type: &str, bytes: &[u8]) -> String {
    use base64::Engine;
    let mut address = format!("data:{media_type};base64,");
    base64::engine::general_purpose::STANDARD.encode_string(bytes, &mut address);
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_transparent_where_nothing_is_and_opaque_at_the_top() {
        let map = AnomalyMap::new(3, vec![0.0, f32::NAN, 2.0]);
        let layer = layer(&map, 2.0);
        let alpha: Vec<u8> = layer.pixels().map(|pixel| pixel.0[3]).collect();
        assert_eq!(alpha, [0, 0, 255]);
        assert_eq!(layer.get_pixel(2, 0).0[..3], map_color(1.0));
        assert_eq!(grey(&map, 4.0).into_raw(), [0, 0, 32768]);
    }

    #[test]
    fn pictures_keep_their_shape_and_are_never_enlarged() {
        assert_eq!(smaller(&RgbImage::new(1920, 480)).dimensions(), (960, 240));
        assert_eq!(smaller(&RgbImage::new(40, 30)).dimensions(), (40, 30));
        assert_eq!(smaller(&RgbImage::new(9600, 1)).dimensions(), (960, 1));
    }
}
