//! The image as a detector sees it: upright, without what its regions leave out.

use std::path::Path;

use image::RgbImage;
use sha2::{Digest, Sha256};

use crate::content_hash::ContentHash;
use crate::decode::DecodeLimits;
use crate::image_error::ImageError;
use crate::image_input::{ImageInput, ReadImage};
use crate::input_statistics::InputStatistics;
use crate::regions::Regions;

/// An image of which some pixels may not count.
#[derive(Debug, Clone, PartialEq)]
pub struct SeenImage {
    /// Names the image by what counts in it: the hash of the file's bytes or, if some pixels are
    /// ignored or the image came decoded, of the pixels as they are seen, so that nothing depends on what
    /// is ignored.
    pub hash: ContentHash,
    /// Upright, of its own size, ignored pixels in [`NEUTRAL`](crate::NEUTRAL).
    pub image: RgbImage,
    /// Whether each pixel is ignored, row by row; `None` if all count.
    pub ignored: Option<Vec<bool>>,
    /// Of the pixels that count.
    pub statistics: InputStatistics,
}

impl SeenImage {
    /// The image in `input`.
    ///
    /// # Errors
    /// [`ImageError`]: it is no usable image, exceeds `limits` or does not fit the regions.
    pub fn read(
        input: ImageInput<'_>,
        regions: Option<&Regions>,
        limits: &DecodeLimits,
    ) -> Result<Self, ImageError> {
        let (read, name) = (input.read(limits)?, input.name());
        Self::new(&read, read.decode(name, limits)?, name, regions)
    }

    /// The image that was decoded from `read`; `path` only appears in messages.
    ///
    /// # Errors
    /// [`ImageError::Regions`] if the image does not fit the regions.
    pub fn new(
        read: &ReadImage<'_>,
        mut image: RgbImage,
        path: &Path,
        regions: Option<&Regions>,
    ) -> Result<Self, ImageError> {
        let applied = regions.map_or(Ok(None), |regions| regions.apply(&mut image));
        let ignored = applied.map_err(|source| ImageError::Regions {
            path: path.to_path_buf(),
            source: Box::new(source),
        })?;
        let hash = if ignored.is_some() { hash_of_pixels(&image) } else { read.hash() };
        let statistics = InputStatistics {
            compression: read.compression(),
            ..InputStatistics::of(&image, ignored.as_deref())
        };
        Ok(Self { hash, image, ignored, statistics })
    }
}

/// A hash of the size and the pixels; no image file begins as what is hashed does.
pub(crate) fn hash_of_pixels(image: &RgbImage) -> ContentHash {
    let digest = Sha256::new()
        .chain_update(b"seen pixels")
        .chain_update(image.width().to_le_bytes())
        .chain_update(image.height().to_le_bytes())
        .chain_update(image.as_raw());
    ContentHash(digest.finalize().into())
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;
    use crate::regions::area::Area;

    fn regions(text: &[u8]) -> Regions {
        Regions::new(None, Some(Area::from_toml("a.toml", text).unwrap())).unwrap()
    }

    fn top_row_of_four() -> Regions {
        regions(b"[[polygon]]\npoints = [[0, 0], [1, 0], [1, 0.25], [0, 0.25]]")
    }

    fn image(top: u8, rest: u8) -> RgbImage {
        RgbImage::from_fn(4, 4, |_, y| Rgb([if y == 0 { top } else { rest }; 3]))
    }

    fn seen(bytes: &[u8], image: RgbImage, regions: Option<&Regions>) -> SeenImage {
        SeenImage::new(&ReadImage::Encoded(bytes.into()), image, Path::new("a.png"), regions)
            .unwrap()
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
        let wide = RgbImage::from_raw(8, 2, clean.image.as_raw().clone()).unwrap();
        assert_ne!(hash_of_pixels(&wide), hash_of_pixels(&clean.image));
    }

    #[test]
    fn an_image_that_counts_as_a_whole_is_named_by_its_file() {
        let nothing = regions(b"[[polygon]]\npoints = [[0, 0], [0, 0], [0, 0]]");
        let whole = seen(b"file", image(1, 2), None);
        assert_eq!(whole.hash, ContentHash::of(b"file"));
        assert_eq!(seen(b"file", image(1, 2), Some(&nothing)), whole);
    }
}
