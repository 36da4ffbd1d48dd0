//! Lossy compression of image files: it leaves traces that a detector of small differences sees.

use serde::{Deserialize, Serialize};

use crate::jpeg_stream::{is_frame, segments};

/// Compression of an image file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// As the camera gave it: PNG, BMP, most of TIFF, or no file at all.
    #[default]
    Lossless,
    /// JPEG.
    Jpeg {
        /// Quality from 1 to 100 whose standard quantization (JPEG, Annex K, scaled as the IJG does) is
        /// nearest on average.
        quality: u8,
        /// Whether colour has fewer samples than brightness, as in 4:2:0.
        subsampled: bool,
    },
    /// WebP, lossy.
    WebP,
}

/// Steps of JPEG's quality up to which two files count as compressed alike.
const ALIKE: u8 = 10;
/// Sum of the 64 luminance quantizers of JPEG's Annex K, table K.1: quality 50.
const STANDARD_SUM: f64 = 3688.0;
/// Marker codes of JPEG: quantization tables (DQT), and a scan (SOS).
const QUANTIZATION: u8 = 0xdb;
const SCAN: u8 = 0xda;

impl Compression {
    /// Returns the compression of the image file `bytes`; unknown files count as lossless.
    pub fn of(bytes: &[u8]) -> Self {
        if bytes.starts_with(b"\xff\xd8\xff") {
            jpeg(bytes).unwrap_or_default()
        } else if bytes.starts_with(b"RIFF") && bytes.get(8..16) == Some(b"WEBPVP8 ") {
            Self::WebP
        } else {
            Self::Lossless
        }
    }

    /// Tells whether files so compressed look like those of `other`: JPEG up to 10 steps of quality.
    pub fn is_like(self, other: Self) -> bool {
        match (self, other) {
            (
                Self::Jpeg { quality: a, subsampled: of_a },
                Self::Jpeg { quality: b, subsampled: of_b },
            ) => of_a == of_b && a.abs_diff(b) <= ALIKE,
            (this, other) => this == other,
        }
    }
}

impl Compression {
    /// Ways of compression in words, JPEGs by the range of their quality.
    pub fn summary(all: &[Self]) -> String {
        let mut parts = Vec::new();
        if all.contains(&Self::Lossless) {
            parts.push("without loss".to_owned());
        }
        for (wanted, colors) in [(false, ""), (true, " with subsampled colour")] {
            let qualities = || {
                all.iter().filter_map(|compression| match compression {
                    Self::Jpeg { quality, subsampled } if *subsampled == wanted => Some(*quality),
                    _ => None,
                })
            };
            if let (Some(least), Some(most)) = (qualities().min(), qualities().max()) {
                let range =
                    if least == most { least.to_string() } else { format!("{least} to {most}") };
                parts.push(format!("as JPEG of quality {range}{colors}"));
            }
        }
        if all.contains(&Self::WebP) {
            parts.push("as lossy WebP".to_owned());
        }
        parts.join(", ")
    }
}

/// Compression told by the segments before the first scan; `None` if they do not tell it.
fn jpeg(bytes: &[u8]) -> Option<Compression> {
    let (mut quality, mut subsampled) = (None, None);
    for (code, content) in segments(bytes).take_while(|(code, _)| *code != SCAN) {
        if code == QUANTIZATION {
            quality = quality.or(luminance_quality(content));
        } else if is_frame(code) {
            subsampled = Some(is_subsampled(content)?);
        }
        if let (Some(quality), Some(subsampled)) = (quality, subsampled) {
            return Some(Compression::Jpeg { quality, subsampled });
        }
    }
    None
}

/// The quality of table 0 in a segment of quantization tables.
fn luminance_quality(mut tables: &[u8]) -> Option<u8> {
    while let Some((&kind, rest)) = tables.split_first() {
        let (wide, table) = (kind >> 4 != 0, kind & 15);
        let values = rest.get(..if wide { 128 } else { 64 })?;
        if table == 0 {
            let sum: u32 = if wide {
                values
                    .chunks_exact(2)
                    .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])))
                    .sum()
            } else {
                values.iter().map(|value| u32::from(*value)).sum()
            };
            // The scale in percent of the table at quality 50, and back to the quality.
            let scale = 100.0 * f64::from(sum) / STANDARD_SUM;
            let quality = if scale <= 100.0 { (200.0 - scale) / 2.0 } else { 5000.0 / scale };
            return Some(quality.round().clamp(1.0, 100.0) as u8);
        }
        tables = &rest[values.len()..];
    }
    None
}

/// Tells whether a component of a frame has fewer samples than another.
fn is_subsampled(frame: &[u8]) -> Option<bool> {
    let components = frame.get(6..)?.chunks_exact(3).map(|component| component[1]);
    let mut components = components.take(usize::from(*frame.get(5)?));
    let first = components.next()?;
    Some(components.any(|sampling| sampling != first))
}

#[cfg(test)]
mod tests {
    use image::codecs::jpeg::JpegEncoder;
    use image::{ImageFormat, Rgb, RgbImage};

    use super::*;

    fn encoded(quality: u8) -> Vec<u8> {
        let mut bytes = Vec::new();
        let image = RgbImage::from_pixel(16, 16, Rgb([9, 200, 40]));
        image.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, quality)).unwrap();
        bytes
    }

    #[test]
    fn the_quality_of_a_jpeg_is_known_again() {
        for expected in [20, 50, 75, 90, 95] {
            let found = Compression::of(&encoded(expected));
            let Compression::Jpeg { quality, .. } = found else { panic!("{found:?}") };
            // Quantizers are rounded and cut off at 255.
            assert!(quality.abs_diff(expected) <= 2, "{quality} {expected}");
        }
    }

    #[test]
    fn colour_with_fewer_samples_is_seen_in_the_frame() {
        let mut bytes = encoded(80);
        let frame = bytes.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
        let sampling = frame + 4 + 6 + 1;
        for (first, expected) in [(0x11, false), (0x22, true), (0x21, true)] {
            bytes[sampling] = first;
            for other in [3, 6] {
                bytes[sampling + other] = 0x11;
            }
            let found = Compression::of(&bytes);
            let Compression::Jpeg { subsampled, .. } = found else { panic!("{found:?}") };
            assert_eq!(subsampled, expected, "{first:#x}");
        }
    }

    #[test]
    fn a_summary_has_ranges_of_quality() {
        let jpeg = |quality, subsampled| Compression::Jpeg { quality, subsampled };
        let all = [jpeg(90, true), jpeg(75, true), Compression::Lossless, jpeg(80, false)];
        let golden = "without loss, as JPEG of quality 80, \
                      as JPEG of quality 75 to 90 with subsampled colour";
        assert_eq!(Compression::summary(&all), golden);
        assert_eq!(Compression::summary(&[Compression::WebP]), "as lossy WebP");
    }

    #[test]
    fn other_files_count_as_lossless_and_damage_says_nothing() {
        let mut png = std::io::Cursor::new(Vec::new());
        RgbImage::new(2, 2).write_to(&mut png, ImageFormat::Png).unwrap();
        assert_eq!(Compression::of(png.get_ref()), Compression::Lossless);
        assert_eq!(Compression::of(b"RIFF\0\0\0\0WEBPVP8 "), Compression::WebP);
        assert_eq!(Compression::of(b"RIFF\0\0\0\0WEBPVP8L"), Compression::Lossless);
        let jpeg = encoded(80);
        for length in 0..jpeg.len().min(200) {
            let _ = Compression::of(&jpeg[..length]);
        }
        assert_eq!(Compression::of(&jpeg[..30]), Compression::Lossless);
    }
}
