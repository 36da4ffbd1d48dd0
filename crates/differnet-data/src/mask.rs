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

/// Mask of a defect: one image of the defective image's size, or the union of several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    /// At least one.
    files: Vec<PathBuf>,
    /// Level from which a pixel is marked.
    level: u8,
}

impl Mask {
    /// A mask of the pixels that are at least half white, as in files that may be lossy.
    pub fn half_white(file: PathBuf) -> Self {
        Self { files: vec![file], level: WHITE_LEVEL }
    }

    /// A mask of all pixels that are not black, as where levels are labels of classes.
    pub fn not_black(file: PathBuf) -> Self {
        Self { files: vec![file], level: 1 }
    }

    /// The union of the pixels that are not black in one of `files`; `None` of no files.
    pub(crate) fn union(files: Vec<PathBuf>) -> Option<Self> {
        if files.is_empty() { None } else { Some(Self { files, level: 1 }) }
    }

    /// The file, or the folder of the first of several.
    pub fn path(&self) -> &Path {
        match &self.files[..] {
            [file] => file,
            files => files[0].parent().unwrap_or(&files[0]),
        }
    }

    /// Reads the mask: for each pixel of an image, row by row, whether it is defective.
    ///
    /// - `size`: width and height of the image, pixels
    ///
    /// # Errors
    /// [`MaskError`]: a file is no usable image or has another size.
    pub fn load(&self, size: (u32, u32), limits: &DecodeLimits) -> Result<Vec<bool>, MaskError> {
        self.read(Some(size), limits).map(|read| read.marked)
    }

    /// The mask at its own size, or at `size` if the image's is known.
    pub(crate) fn read(
        &self,
        size: Option<(u32, u32)>,
        limits: &DecodeLimits,
    ) -> Result<MaskPixels, MaskError> {
        let mut union: Option<MaskPixels> = None;
        for path in &self.files {
            let mask = decode_file(path, limits)?;
            let (width, height) = mask.dimensions();
            let expected = size.or(union.as_ref().map(|union| union.size));
            if let Some(image) = expected.filter(|&image| image != (width, height)) {
                return Err(MaskError::Size { path: path.clone(), width, height, image });
            }
            let marked = pixels_from(&mask, self.level);
            match &mut union {
                Some(union) => {
                    union.marked.iter_mut().zip(marked).for_each(|(all, one)| *all |= one);
                }
                None => union = Some(MaskPixels { size: (width, height), marked }),
            }
        }
        Ok(union.expect("a mask has at least one file"))
    }
}

/// The pixels of a mask.
#[derive(Debug)]
pub(crate) struct MaskPixels {
    /// Width and height.
    pub(crate) size: (u32, u32),
    /// Whether each is marked, row by row.
    pub(crate) marked: Vec<bool>,
}

/// Error that makes a mask unusable.
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
    /// Cause.
    pub error: MaskError,
}

/// Unusable masks of `samples`, in the order given.
///
/// Decodes every mask and reads the header of its image; a mask whose image cannot be read is not
/// among them, since [`check_images`](crate::check_images) tells of the image.
pub fn check_masks(samples: &[Sample], limits: &DecodeLimits) -> Vec<BadMask> {
    let check = |sample: &Sample| {
        let mask = sample.defect.as_ref()?.mask.as_ref()?;
        let size = image_size(&sample.image, limits).ok()?;
        let error = mask.load(size, limits).err()?;
        Some(BadMask { path: mask.path().to_path_buf(), error })
    };
    samples.par_iter().filter_map(check).collect()
}

/// Pixels of a mask that are at least half white, as flags row by row.
pub(crate) fn bright_pixels(mask: &RgbImage) -> Vec<bool> {
    pixels_from(mask, WHITE_LEVEL)
}

fn pixels_from(mask: &RgbImage, level: u8) -> Vec<bool> {
    let reaches = |pixel: &image::Rgb<u8>| pixel.0.into_iter().any(|found| found >= level);
    mask.pixels().map(reaches).collect()
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
            let defect = Some(Defect { kind: "hole".into(), mask: mask.map(Mask::half_white) });
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
        let mask = Mask::half_white(path.clone());
        let found = mask.load((3, 2), &limits).unwrap();
        assert_eq!(found, [false, false, true, true, false, true]);
        let error = mask.load((2, 3), &limits).unwrap_err().to_string();
        assert!(error.contains("has 3×2 pixels, its image 2×3"), "{error}");
        assert!(Mask::half_white(root.path().into()).load((3, 2), &limits).is_err());
        let labels = Mask::not_black(path).load((3, 2), &limits).unwrap();
        assert_eq!(labels, [false, true, true, true, true, true]);
    }

    #[test]
    fn several_files_are_one_mask_of_one_size() {
        let root = tree::<&str>(&[]);
        let draw = |name: &str, levels: &[u8]| {
            let path = root.path().join(name);
            let pixel = |x, _| Luma([levels[x as usize]]);
            GrayImage::from_fn(levels.len() as u32, 1, pixel).save(&path).unwrap();
            path
        };
        let files = vec![draw("0.png", &[0, 7, 0]), draw("1.png", &[0, 0, 255])];
        let union = Mask::union(files.clone()).unwrap();
        let limits = DecodeLimits::default();
        assert_eq!(union.load((3, 1), &limits).unwrap(), [false, true, true]);
        assert_eq!(union.path(), root.path());
        let wide = Mask::union(vec![files[0].clone(), draw("2.png", &[0; 4])]).unwrap();
        let error = wide.read(None, &limits).unwrap_err().to_string();
        assert!(error.contains("2.png has 4×1 pixels, its image 3×1"), "{error}");
        assert_eq!(Mask::union(Vec::new()), None);
    }
}
