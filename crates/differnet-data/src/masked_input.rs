//! The image as a model looks at it: upright, its samples filling their range, without what its regions
//! leave out.

use std::path::Path;

use image::RgbImage;
use sha2::{Digest, Sha256};

use crate::content_hash::ContentHash;
use crate::decode::DecodeLimits;
use crate::image_error::ImageError;
use crate::image_input::{ImageInput, ReadImage};
use crate::input_statistics::InputStatistics;
use crate::picture::Picture;
use crate::regions::{Regions, paint_neutral_deep};

/// Preprocessing that a model applies to an image before it is resized.
#[derive(Debug, Clone, Copy, Default)]
pub struct Preprocessing<'a> {
    /// Parts of the image that count; `None` for all.
    pub regions: Option<&'a Regions>,
    /// Significant bits of a 16-bit sample, as [`FileDepth::common`](crate::FileDepth::common) has them.
    pub depth: Option<u8>,
}

/// An image of which some pixels may not count.
#[derive(Debug, Clone, PartialEq)]
pub struct MaskedInput {
    /// Names the image by what counts in it: the hash of the file's bytes or, if some pixels are
    /// ignored or samples have more than 8 bits, of the pixels as they are seen, so that nothing
    /// depends on what is ignored.
    pub hash: ContentHash,
    /// Whether each pixel is ignored, row by row; `None` if all count.
    pub ignored: Option<Vec<bool>>,
    /// Of the pixels that count.
    pub statistics: InputStatistics,
    picture: Picture,
}

impl MaskedInput {
    /// The image in `input`.
    ///
    /// # Errors
    /// [`ImageError`]: it is no usable image, exceeds `limits`, does not fit the regions or has another
    /// depth.
    pub fn read(
        input: ImageInput<'_>,
        preprocessing: Preprocessing<'_>,
        limits: &DecodeLimits,
    ) -> Result<Self, ImageError> {
        let (read, name) = (input.read(limits)?, input.name());
        Self::new(&read, read.decode(name, limits)?, name, preprocessing)
    }

    /// The image that was decoded from `read`; `path` only appears in messages.
    ///
    /// # Errors
    /// [`ImageError::Regions`] if it does not fit the regions, [`ImageError::Depth`] if it has another
    /// depth.
    pub fn new(
        read: &ReadImage<'_>,
        picture: Picture,
        path: &Path,
        preprocessing: Preprocessing<'_>,
    ) -> Result<Self, ImageError> {
        let mut picture = picture.at_depth(preprocessing.depth, path)?;
        let (image, deep) = picture.views_mut();
        let applied = preprocessing.regions.map_or(Ok(None), |regions| regions.apply(image));
        let ignored = applied.map_err(|source| ImageError::Regions {
            path: path.to_path_buf(),
            source: Box::new(source),
        })?;
        if let (Some(ignored), Some(deep)) = (&ignored, deep) {
            paint_neutral_deep(deep, ignored);
        }
        let hash = || {
            if ignored.is_some() || picture.samples().is_some() {
                hash_of_picture(&picture)
            } else {
                read.hash()
            }
        };
        let statistics = || InputStatistics {
            compression: read.compression(),
            ..InputStatistics::of(picture.image(), ignored.as_deref())
        };
        let (hash, statistics) = rayon::join(hash, statistics);
        Ok(Self { hash, ignored, statistics, picture })
    }

    /// Upright, of its own size, with 8 bits a sample, ignored pixels [painted](Regions::paint).
    pub fn image(&self) -> &RgbImage {
        self.picture.image()
    }

    /// The image resized to `width` × `height` pixels: samples of more than 8 bits lose none before.
    ///
    /// # Panics
    /// If a side is 0.
    pub fn resized(&self, width: u32, height: u32) -> RgbImage {
        self.picture.resized(width, height)
    }
}

/// A hash of the size and the pixels; no image file begins as what is hashed does.
pub(crate) fn hash_of_pixels(image: &RgbImage) -> ContentHash {
    hash_of(b"seen pixels", image.dimensions(), image.as_raw())
}

/// As [`hash_of_pixels`], of all bits of the samples.
fn hash_of_picture(picture: &Picture) -> ContentHash {
    let Some(deep) = picture.samples() else { return hash_of_pixels(picture.image()) };
    let samples: Vec<u8> = deep.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    hash_of(b"deep pixels", deep.dimensions(), &samples)
}

fn hash_of(kind: &[u8], (width, height): (u32, u32), samples: &[u8]) -> ContentHash {
    let digest = Sha256::new()
        .chain_update(kind)
        .chain_update(width.to_le_bytes())
        .chain_update(height.to_le_bytes())
        .chain_update(samples);
    ContentHash(digest.finalize().into())
}

#[cfg(test)]
mod tests {
    use image::{ColorType, Rgb};

    use super::*;
    use crate::color_mode::ColorMode;
    use crate::file_format::FileFormat;
    use crate::picture::Storage;
    use crate::regions::NEUTRAL;
    use crate::regions::area::Area;
    use crate::resize::DeepImage;
    use crate::sample_depth::FileDepth;

    fn regions(text: &[u8]) -> Regions {
        Regions::new(None, Some(Area::from_toml("a.toml", text).unwrap())).unwrap()
    }

    fn top_row_of_four() -> Regions {
        regions(b"[[polygon]]\npoints = [[0, 0], [1, 0], [1, 0.25], [0, 0.25]]")
    }

    fn shallow(image: RgbImage) -> Picture {
        let mode = ColorMode::of(ColorType::Rgb8);
        let depth = FileDepth::Full(8);
        Picture::new(image, Storage { format: Some(FileFormat::Png), mode, depth })
    }

    fn image(top: u8, rest: u8) -> Picture {
        shallow(RgbImage::from_fn(4, 4, |_, y| Rgb([if y == 0 { top } else { rest }; 3])))
    }

    fn seen(bytes: &[u8], picture: Picture, regions: Option<&Regions>) -> MaskedInput {
        let preprocessing = Preprocessing { regions, depth: None };
        let read = ReadImage::Encoded(bytes.into());
        MaskedInput::new(&read, picture, Path::new("a.png"), preprocessing).unwrap()
    }

    #[test]
    fn ignored_pixels_leave_no_trace_and_others_do() {
        let regions = top_row_of_four();
        let clean = seen(b"clean", image(10, 10), Some(&regions));
        assert_eq!(seen(b"dirty", image(99, 10), Some(&regions)), clean);
        let other = seen(b"other", image(10, 99), Some(&regions));
        assert_ne!(other.hash, clean.hash);
        assert_eq!(other.ignored, clean.ignored);
        // The same pixels in another shape are another image.
        let wide = RgbImage::from_raw(8, 2, clean.image().as_raw().clone()).unwrap();
        assert_ne!(hash_of_pixels(&wide), hash_of_pixels(clean.image()));
    }

    #[test]
    fn an_image_that_counts_as_a_whole_is_named_by_its_file() {
        let nothing = regions(b"[[polygon]]\npoints = [[0, 0], [0, 0], [0, 0]]");
        let whole = seen(b"file", image(1, 2), None);
        assert_eq!(whole.hash, ContentHash::of(b"file"));
        assert_eq!(seen(b"file", image(1, 2), Some(&nothing)), whole);
    }

    #[test]
    fn deep_samples_fill_their_range_and_are_painted_and_named_by_pixels() {
        let mode = ColorMode::of(ColorType::L16);
        let deep = |level: u16| {
            let image = DeepImage::from_fn(4, 4, |_, y| Rgb([if y == 0 { 7 } else { level }; 3]));
            let depth = FileDepth::Unstated { largest: level };
            Picture::deep(image, Storage { format: Some(FileFormat::Tiff), mode, depth })
        };
        let regions = top_row_of_four();
        let preprocessing = Preprocessing { regions: Some(&regions), depth: Some(12) };
        let path = Path::new("a.tif");
        let bytes = ReadImage::Encoded(b""[..].into());
        let read = |level| MaskedInput::new(&bytes, deep(level), path, preprocessing);
        let seen = read(4095).unwrap();
        let golden = RgbImage::from_fn(4, 4, |_, y| Rgb(if y == 0 { NEUTRAL } else { [255; 3] }));
        assert_eq!(*seen.image(), golden);
        assert_eq!(seen.resized(4, 4), golden);
        // Both are 255 in 8 bits.
        assert_ne!(read(4094).unwrap().hash, seen.hash);
        let error = read(4096).unwrap_err().to_string();
        let golden = "a.tif has 16 bits with values up to 4096, but the training images have 12 bits, or \
                      were said to have: take it as they were taken, or train with the depth that it has";
        assert_eq!(error, golden);
    }
}
