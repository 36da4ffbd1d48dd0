//! Encoded pictures inside the document.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::RgbImage;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::{self, FilterType};

/// Longer side of small pictures, pixels: looks good on a card, on dense screens too.
const SIDE: u32 = 320;
/// Most bytes of a small picture: 200 images, two pictures each, make a document of 10 MB.
const BYTES: usize = 17_500;
/// JPEG qualities to try, the best first.
const QUALITIES: [u8; 4] = [80, 65, 50, 35];

/// Encoding of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageFormat {
    /// For photographs.
    Jpeg,
    /// For maps with transparency.
    Png,
}

impl ImageFormat {
    fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
        }
    }
}

/// A picture as the bytes of its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedImage {
    /// Encoding of the bytes.
    pub format: ImageFormat,
    /// The file's content.
    pub bytes: Vec<u8>,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
}

impl EncodedImage {
    /// `image` as a JPEG for a card of the report: at most 320 pixels wide and high and at most
    /// 17,500 bytes long.
    ///
    /// A picture that is too rich for that loses quality first and then pixels.
    ///
    /// # Panics
    /// If `image` has no pixels.
    pub fn small(image: &RgbImage) -> Self {
        assert!(image.width() > 0 && image.height() > 0, "a picture has pixels");
        let mut side = SIDE;
        loop {
            let small = within(image, side);
            let mut encoded = QUALITIES.iter().map(|&quality| Self::jpeg(&small, quality));
            if let Some(fits) = encoded.find(|jpeg| jpeg.bytes.len() <= BYTES) {
                return fits;
            }
            side = side * 3 / 4;
        }
    }

    /// `image` as a JPEG of `quality`, 1 to 100.
    fn jpeg(image: &RgbImage, quality: u8) -> Self {
        let mut bytes = Vec::new();
        image
            .write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, quality))
            .expect("a small picture is within JPEG's limits, and memory takes it");
        let (width, height) = image.dimensions();
        Self { format: ImageFormat::Jpeg, bytes, width, height }
    }

    /// The picture as the address of itself; a third longer than its bytes.
    pub fn data_uri(&self) -> String {
        let mut uri = format!("data:{};base64,", self.format.media_type());
        STANDARD.encode_string(&self.bytes, &mut uri);
        uri
    }
}

/// `image` at the size of a card's picture: at most 320 pixels wide and high, its shape kept.
pub fn small_picture(image: &RgbImage) -> RgbImage {
    within(image, SIDE)
}

/// `image` no wider and higher than `side` pixels, its shape kept.
fn within(image: &RgbImage, side: u32) -> RgbImage {
    let (width, height) = image.dimensions();
    let share = (f64::from(side) / f64::from(width.max(height))).min(1.0);
    let scaled = |length: u32| ((f64::from(length) * share).round() as u32).max(1);
    imageops::resize(image, scaled(width), scaled(height), FilterType::Triangle)
}

#[cfg(test)]
mod tests {
    use image::Rgb;
    use rand_chacha::ChaCha12Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    use super::*;

    #[test]
    fn small_pictures_keep_their_shape_and_are_never_enlarged() {
        let size = |width, height| {
            let small = EncodedImage::small(&RgbImage::new(width, height));
            (small.width, small.height)
        };
        assert_eq!(size(900, 900), (320, 320));
        assert_eq!(size(1000, 500), (320, 160));
        assert_eq!(size(40, 30), (40, 30));
        assert_eq!(size(70_000, 1), (320, 1));
    }

    #[test]
    fn not_even_noise_exceeds_the_length_of_a_picture() {
        let mut rng = ChaCha12Rng::seed_from_u64(1);
        let mut channel = || (rng.next_u32() >> 24) as u8;
        let noise = RgbImage::from_fn(400, 400, |_, _| Rgb([channel(), channel(), channel()]));
        let small = EncodedImage::small(&noise);
        assert!(small.bytes.len() <= BYTES, "{} bytes", small.bytes.len());
        let decoded = image::load_from_memory(&small.bytes).expect("a JPEG");
        assert_eq!((decoded.width(), decoded.height()), (small.width, small.height));
        let plain = EncodedImage::small(&RgbImage::from_pixel(400, 400, Rgb([9, 99, 199])));
        assert_eq!(
            plain.bytes,
            EncodedImage::jpeg(&RgbImage::from_pixel(320, 320, Rgb([9, 99, 199])), 80).bytes
        );
    }

    #[test]
    fn bytes_become_the_base64_of_rfc_4648() {
        let image =
            EncodedImage { format: ImageFormat::Png, bytes: b"foob".to_vec(), width: 1, height: 1 };
        assert_eq!(image.data_uri(), "data:image/png;base64,Zm9vYg==");
    }
}
