//! Masks: which pixels of an image are defective.

use std::path::{Path, PathBuf};

use image::RgbImage;
use rayon::prelude::*;

use crate::causes::with_causes;
use crate::dataset::Sample;
use crate::decode::{DecodeLimits, decode_file, image_size};
use crate::image_error::ImageError;

/// Grey level from which a pixel of a mask is white: lossy files blur the edges.
const WHITE_LEVEL: u8 = 128;

/// Why a mask cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MaskError {
    /// The file is no usable image.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The mask does not cover the image.
    #[error("the mask {} has {width}×{height} pixels, its image {}×{}: draw it at the image's size", path.display(), image.0, image.1)]
    Size {
        /// The mask.
        path: PathBuf,
        /// Width of the mask, pixels.
        width: u32,
        /// Height of the mask, pixels.
        height: u32,
        /// Width and height of the image, pixels.
        image: (u32, u32),
    },
    /// The mask of a defect is black; found by [`audit_images`](crate::audit_images).
    #[error("the mask {} marks no pixel, but its image shows a defect: draw the defect in white", path.display())]
    Empty {
        /// The mask.
        path: PathBuf,
    },
    /// The mask of a good image is not black; found by [`audit_images`](crate::audit_images).
    #[error("the mask {} marks a defect, but its image is a good one: move the image or clear the mask", path.display())]
    OnGoodImage {
        /// The mask.
        path: PathBuf,
    },
}

impl MaskError {
    /// The mask's file.
    pub fn path(&self) -> &Path {
        match self {
            Self::Image(error) => error.path(),
            Self::Size { path, .. } | Self::Empty { path } | Self::OnGoodImage { path } => path,
        }
    }

    /// The message and those of its causes on one line, for lists and JSON.
    pub fn with_causes(&self) -> String {
        with_causes(self)
    }
}

/// A mask that cannot be compared with a map of its image.
#[derive(Debug, thiserror::Error)]
#[error("{}", error.with_causes())]
pub struct BadMask {
    /// The mask.
    pub path: PathBuf,
    /// What is wrong with it.
    pub error: MaskError,
}

/// Those masks of `samples` that cannot be used, in the order given.
///
/// Decodes every mask and reads the header of its image; a mask whose image cannot be read is not
/// among them, since [`check_images`](crate::check_images) tells of the image.
pub fn check_masks(samples: &[Sample], limits: &DecodeLimits) -> Vec<BadMask> {
    let check = |sample: &Sample| {
        let path = sample.defect.as_ref()?.mask.as_ref()?;
        let size = image_size(&sample.image, limits).ok()?;
        let error = load_mask(path, size, limits).err()?;
        Some(BadMask { path: path.clone(), error })
    };
    samples.par_iter().filter_map(check).collect()
}

/// Whether each pixel of an image is defective, row by row: where its mask is at least half white.
///
/// - `size`: width and height of the image, pixels
///
/// # Errors
/// [`MaskError`]: the file is no usable image or has another size.
pub fn load_mask(
    path: &Path,
    size: (u32, u32),
    limits: &DecodeLimits,
) -> Result<Vec<bool>, MaskError> {
    let mask = decode_file(path, limits)?;
    let (width, height) = mask.dimensions();
    if (width, height) != size {
        return Err(MaskError::Size { path: path.to_path_buf(), width, height, image: size });
    }
    Ok(bright_pixels(&mask))
}

/// Whether each pixel of a mask is at least half white, row by row.
pub(crate) fn bright_pixels(mask: &RgbImage) -> Vec<bool> {
    let bright = |pixel: &image::Rgb<u8>| pixel.0.into_iter().any(|level| level >= WHITE_LEVEL);
    mask.pixels().map(bright).collect()
}

#[cfg(test)]
mod tests {
    use image::{GrayImage, Luma};

    use super::*;
    use crate::dataset::Defect;
    use crate::test_tree::tree;

    #[test]
    fn masks_that_do_not_fit_their_images_are_found_before_they_are_used() {
        let root = tree(&["text.png"]);
        let draw = |name: &str, width, height| {
            let path = root.path().join(name);
            GrayImage::new(width, height).save(&path).unwrap();
            path
        };
        let image = draw("image.png", 4, 3);
        let sample = |mask: Option<PathBuf>| {
            let defect = Some(Defect { kind: "hole".into(), mask });
            Sample { image: image.clone(), defect }
        };
        let (wrong, text) = (draw("wrong.png", 3, 4), root.path().join("text.png"));
        let missing_image = Sample {
            image: root.path().join("missing.png"),
            ..sample(Some(draw("lonely.png", 1, 1)))
        };
        let samples = [
            sample(Some(text.clone())),
            sample(Some(draw("right.png", 4, 3))),
            sample(None),
            Sample::good(image.clone()),
            missing_image,
            sample(Some(wrong.clone())),
        ];
        let bad = check_masks(&samples, &DecodeLimits::default());
        let paths: Vec<_> = bad.iter().map(|bad| bad.path.clone()).collect();
        assert_eq!(paths, [text, wrong]);
        assert!(bad[1].to_string().contains("has 3×4 pixels, its image 4×3"), "{}", bad[1]);
    }

    #[test]
    fn a_turned_image_wants_a_mask_of_its_upright_size() {
        let formats = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats");
        let limits = DecodeLimits::default();
        for orientation in 1..=8 {
            let path = formats.join(format!("rgb_orientation_{orientation}.jpg"));
            let decoded = decode_file(&path, &limits).unwrap().dimensions();
            assert_eq!(image_size(&path, &limits).unwrap(), decoded, "{orientation}");
        }
    }

    #[test]
    fn bright_pixels_are_defective_and_sizes_must_agree() {
        let root = tree::<&str>(&[]);
        let path = root.path().join("mask.png");
        let levels = [0, 127, 128, 255, 1, 200];
        let mask = GrayImage::from_fn(3, 2, |x, y| Luma([levels[(y * 3 + x) as usize]]));
        mask.save(&path).unwrap();
        let limits = DecodeLimits::default();
        let found = load_mask(&path, (3, 2), &limits).unwrap();
        assert_eq!(found, [false, false, true, true, false, true]);
        let error = load_mask(&path, (2, 3), &limits).unwrap_err().to_string();
        assert!(error.contains("has 3×2 pixels, its image 2×3"), "{error}");
        assert!(load_mask(root.path(), (3, 2), &limits).is_err());
    }
}
