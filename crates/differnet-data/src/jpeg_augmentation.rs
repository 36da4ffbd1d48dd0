//! JPEG augmentation: training images as they would look had they been stored as JPEG.

use std::fmt;
use std::str::FromStr;

use differnet_random::ItemStream;
use image::RgbImage;
use jpeg_encoder::{ChromaSubsamplingMethod, ColorType, Encoder, EncodingError, SamplingFactor};
use serde::{Deserialize, Serialize};

use crate::content_hash::ContentHash;

/// Range of qualities that images are stored with, as text `75..95`, both included; a single number is a range
/// of one.
///
/// Qualities scale the tables of JPEG's Annex K as the IJG does. Each image is stored once with as many samples of
/// colour as of brightness (4:4:4), once with half (4:2:2), and once with a quarter (4:2:0), their averages.
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
    /// Files that an image is stored as.
    pub const COPIES: usize = SAMPLINGS.len();

    /// The file number `copy` that `image` would be, with a quality drawn at random.
    ///
    /// It depends on `seed`, `name` and `copy` alone, and the bytes on no machine.
    ///
    /// # Errors
    /// [`EncodingError`] if JPEG knows no image of this size.
    ///
    /// # Panics
    /// If `copy` is not less than [`COPIES`](Self::COPIES).
    pub(crate) fn encode(
        self,
        seed: u64,
        (name, copy): (&ContentHash, usize),
        image: &RgbImage,
    ) -> Result<Vec<u8>, EncodingError> {
        let quality = self.quality(seed, (name, copy));
        // A side beyond 65535 pixels has no place in the header: 0 is refused.
        let side = |pixels: u32| u16::try_from(pixels).unwrap_or(0);
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, quality);
        encoder.set_sampling_factor(SAMPLINGS[copy]);
        encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
        encoder.encode(
            image.as_raw(),
            side(image.width()),
            side(image.height()),
            ColorType::Rgb,
        )?;
        Ok(bytes)
    }

    fn quality(self, seed: u64, (name, copy): (&ContentHash, usize)) -> u8 {
        let mut stream = ItemStream::of_item(seed, "jpeg augmentation", &name.0);
        let mut draw = || stream.below(usize::from(self.most - self.least) + 1) as u8;
        (0..copy).for_each(|_| _ = draw());
        self.least + draw()
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
    fn files_are_jpegs_of_each_sampling_and_drawn_quality_and_depend_on_seed_and_name() {
        let image = RgbImage::from_fn(40, 24, |x, y| Rgb([(x * 6) as u8, (y * 9) as u8, 90]));
        let encode = |seed, name: u8, copy| {
            let name = ContentHash::of(&[name]);
            augmentation("75..95").encode(seed, (&name, copy), &image).unwrap()
        };
        assert_eq!(encode(1, 2, 0), encode(1, 2, 0));
        let mut found = Vec::new();
        for (name, copy) in (0..20).flat_map(|name| (0..3).map(move |copy| (name, copy))) {
            match Compression::of(&encode(1, name, copy)) {
                Compression::Jpeg { quality, subsampled } => {
                    assert_eq!(subsampled, copy > 0);
                    found.push(quality);
                }
                other => panic!("{other:?}"),
            }
        }
        // Quantizers are rounded: the quality that they tell is one or two off.
        assert!(found.iter().all(|quality| (73..=97).contains(quality)), "{found:?}");
        assert!(found.iter().any(|quality| *quality < 80));
        assert!(found.iter().any(|quality| *quality > 90));
        assert!(found.chunks(3).any(|copies| copies[0] != copies[1]));
        assert!((0..20).any(|seed| encode(seed, 2, 1) != encode(1, 2, 1)));
    }

    #[test]
    fn draws_keep_their_values() {
        // Trained models hang on these.
        let quality =
            |name, copy| augmentation("75..95").quality(7, (&ContentHash::of(&[name]), copy));
        assert_eq!([0, 1, 2, 3].map(|name| quality(name, 0)), [75, 75, 81, 77]);
        assert_eq!([1, 2].map(|copy| quality(0, copy)), [86, 79]);
    }

    #[test]
    fn colour_is_averaged_where_it_has_fewer_samples() {
        let image =
            RgbImage::from_fn(32, 32, |x, _| Rgb([[200, 60, 60], [60, 60, 200]][x as usize % 2]));
        let encoded = |copy| augmentation("100").encode(0, (&ContentHash::of(b""), copy), &image);
        for copy in [1, 2] {
            let decoded = image::load_from_memory(&encoded(copy).unwrap()).unwrap().into_rgb8();
            // As much red as blue, in every pixel; the first column's colour alone would be red.
            let far = decoded.pixels().map(|pixel| pixel[0].abs_diff(pixel[2])).max();
            assert!(far < Some(8), "{far:?}");
        }
    }

    #[test]
    fn a_side_that_jpeg_does_not_know_is_refused() {
        let image = RgbImage::new(65_536, 1);
        let refused = augmentation("90").encode(0, (&ContentHash::of(b""), 0), &image);
        assert!(matches!(refused, Err(EncodingError::ZeroImageDimensions { .. })));
    }
}
