//! JPEG augmentation: training images as they would look had they been stored as JPEG.

use std::fmt;
use std::str::FromStr;

use differnet_random::ItemStream;
use image::RgbImage;
use jpeg_encoder::{ColorType, Encoder, EncodingError, SamplingFactor};
use serde::{Deserialize, Serialize};

use crate::content_hash::ContentHash;

/// Range of qualities that images are stored with, as text `75..95`, both included; a single number is a range
/// of one.
///
/// Qualities scale the tables of JPEG's Annex K as the IJG does. Colour has as many samples as brightness
/// (4:4:4), half (4:2:2) or a quarter (4:2:0), with equal probability.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JpegAugmentation {
    least: u8,
    most: u8,
}

/// A text that is no range of qualities.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected qualities from 1 to 100 as in 75..95, found {found}")]
pub struct JpegAugmentationError {
    /// The text.
    pub found: String,
}

/// Ways to sample colour.
const SAMPLINGS: [SamplingFactor; 3] =
    [SamplingFactor::R_4_4_4, SamplingFactor::R_4_2_2, SamplingFactor::R_4_2_0];

impl JpegAugmentation {
    /// The file that `image` would be, with quality and sampling of colour drawn at random.
    ///
    /// Both depend on `seed` and `name` alone, and the bytes on no machine.
    ///
    /// # Errors
    /// [`EncodingError`] if JPEG knows no image of this size.
    pub(crate) fn encode(
        self,
        seed: u64,
        name: &ContentHash,
        image: &RgbImage,
    ) -> Result<Vec<u8>, EncodingError> {
        let (quality, sampling) = self.draw(seed, name);
        // A side beyond 65535 pixels has no place in the header: 0 is refused.
        let side = |pixels: u32| u16::try_from(pixels).unwrap_or(0);
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, quality);
        encoder.set_sampling_factor(sampling);
        encoder.encode(
            image.as_raw(),
            side(image.width()),
            side(image.height()),
            ColorType::Rgb,
        )?;
        Ok(bytes)
    }

    fn draw(self, seed: u64, name: &ContentHash) -> (u8, SamplingFactor) {
        let mut stream = ItemStream::of_item(seed, "jpeg augmentation", &name.0);
        let quality = self.least + stream.below(usize::from(self.most - self.least) + 1) as u8;
        (quality, SAMPLINGS[stream.below(SAMPLINGS.len())])
    }
}

impl FromStr for JpegAugmentation {
    type Err = JpegAugmentationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (least, most) = text.split_once("..").unwrap_or((text, text));
        let quality = |text: &str| text.parse().ok().filter(|quality| (1..=100).contains(quality));
        match (quality(least), quality(most)) {
            (Some(least), Some(most)) if least <= most => Ok(Self { least, most }),
            _ => Err(JpegAugmentationError { found: text.to_owned() }),
        }
    }
}

impl TryFrom<String> for JpegAugmentation {
    type Error = JpegAugmentationError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<JpegAugmentation> for String {
    fn from(augmentation: JpegAugmentation) -> Self {
        augmentation.to_string()
    }
}

impl fmt::Display for JpegAugmentation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}..{}", self.least, self.most)
    }
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;
    use crate::compression::Compression;

    fn augmentation(text: &str) -> JpegAugmentation {
        text.parse().unwrap()
    }

    #[test]
    fn texts_are_ranges_from_1_to_100_and_come_back() {
        assert_eq!(augmentation("75..95"), JpegAugmentation { least: 75, most: 95 });
        assert_eq!(augmentation("80").to_string(), "80..80");
        assert_eq!(augmentation("1..100").to_string(), "1..100");
        for text in ["", "..", "95..75", "0..9", "9..101", "75..", "75-95", "75...95", "-1", "best"]
        {
            let error = text.parse::<JpegAugmentation>().unwrap_err();
            assert!(error.to_string().ends_with(&format!("found {text}")), "{error}");
        }
    }

    #[test]
    fn files_are_jpegs_of_drawn_quality_and_sampling_and_depend_on_seed_and_name() {
        let image = RgbImage::from_fn(40, 24, |x, y| Rgb([(x * 6) as u8, (y * 9) as u8, 90]));
        let encode = |seed, name: u8| {
            let name = ContentHash::of(&[name]);
            augmentation("75..95").encode(seed, &name, &image).unwrap()
        };
        assert_eq!(encode(1, 2), encode(1, 2));
        let mut found = Vec::new();
        for name in 0..60 {
            match Compression::of(&encode(1, name)) {
                Compression::Jpeg { quality, subsampled } => found.push((quality, subsampled)),
                other => panic!("{other:?}"),
            }
        }
        // Quantizers are rounded: the quality that they tell is one or two off.
        assert!(found.iter().all(|(quality, _)| (73..=97).contains(quality)), "{found:?}");
        assert!(found.iter().any(|(quality, _)| *quality < 80));
        assert!(found.iter().any(|(quality, _)| *quality > 90));
        // Two of three ways: 40 expected, with a standard deviation of 3.7.
        let subsampled = found.iter().filter(|(_, subsampled)| *subsampled).count();
        assert!((25..=55).contains(&subsampled), "{subsampled}");
        assert!((0..20).any(|seed| encode(seed, 2) != encode(1, 2)));
    }

    #[test]
    fn draws_keep_their_values() {
        // Trained models hang on these.
        let drawn = (0..4).map(|name| augmentation("75..95").draw(7, &ContentHash::of(&[name])));
        let drawn: Vec<(u8, SamplingFactor)> = drawn.collect();
        use SamplingFactor::{R_4_2_0, R_4_2_2};
        let golden = [(75, R_4_2_2), (75, R_4_2_2), (81, R_4_2_2), (77, R_4_2_0)];
        assert_eq!(drawn, golden);
    }

    #[test]
    fn a_side_that_jpeg_does_not_know_is_refused() {
        let image = RgbImage::new(65_536, 1);
        let refused = augmentation("90").encode(0, &ContentHash::of(b""), &image);
        assert!(matches!(refused, Err(EncodingError::ZeroImageDimensions { .. })));
    }
}
