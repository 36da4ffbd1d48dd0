//! Masks: which pixels of an image are defective.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::causes::with_causes;
use crate::dataset::Sample;
use crate::decode::{DecodeLimits, decode_samples};
use crate::image_error::ImageError;
use crate::mask_pixels::{Marking, marked_pixels};

/// Share of an image from which on a mask looks inverted.
const INVERTED: f64 = 0.75;

/// Mask of a defect: one image of the defective image's size, or the union of several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    /// At least one.
    files: Vec<PathBuf>,
    /// Rule by which their pixels are marked.
    marking: Marking,
}

impl Mask {
    /// A mask of the pixels that are at least half white, as in files that may be lossy; of files with
    /// two levels, or with few and dark ones, of all above the lowest.
    pub fn half_white(file: PathBuf) -> Self {
        Self { files: vec![file], marking: Marking::HalfWhite }
    }

    /// A mask of all pixels that are not black, as where levels are labels of classes.
    pub fn not_black(file: PathBuf) -> Self {
        Self { files: vec![file], marking: Marking::NotBlack }
    }

    /// The union of the pixels that are not black in one of `files`; `None` of no files.
    pub(crate) fn union(files: Vec<PathBuf>) -> Option<Self> {
        if files.is_empty() { None } else { Some(Self { files, marking: Marking::NotBlack }) }
    }

    /// All its files.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(PathBuf::as_path)
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
            let mask = decode_samples(&limits.read_file(path)?, path, limits)?;
            let (width, height) = (mask.width(), mask.height());
            let expected = size.or(union.as_ref().map(|union| union.size));
            if let Some(image) = expected.filter(|&image| image != (width, height)) {
                return Err(MaskError::Size { path: path.clone(), width, height, image });
            }
            let marked = marked_pixels(&mask, self.marking);
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
    /// The mask of a defect is black; found by an [`Audit`](crate::audit::Audit).
    #[error("the mask {} marks no pixel, but its image shows a defect: draw the defect in white", path.display())]
    Empty {
        /// The mask.
        path: PathBuf,
    },
    /// The mask of a defect is white all over; found by an [`Audit`](crate::audit::Audit).
    #[error("the mask {} marks every pixel: draw the defect in white on black", path.display())]
    Whole {
        /// The mask.
        path: PathBuf,
    },
    /// The mask of a defect marks so much that it looks inverted; found by
    /// an [`Audit`](crate::audit::Audit).
    #[error("the mask {} marks {percent} % of the image: is it inverted? The defect has to be white", path.display())]
    Inverted {
        /// The mask.
        path: PathBuf,
        /// Share of the pixels that it marks, rounded.
        percent: u32,
    },
    /// A mask that belongs to no image of the data set; found by [`Dataset::lone_masks`](crate::Dataset::lone_masks).
    #[error("the mask {} belongs to no image: name it after its image, in the layout mvtec NAME_mask.png for NAME.png", path.display())]
    NoImage {
        /// The mask.
        path: PathBuf,
    },
    /// The mask of a good image is not black; found by an [`Audit`](crate::audit::Audit).
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
            Self::Size { path, .. }
            | Self::Empty { path }
            | Self::Whole { path }
            | Self::Inverted { path, .. }
            | Self::NoImage { path }
            | Self::OnGoodImage { path } => path,
        }
    }

    /// Tells whether the mask can be used nevertheless.
    pub fn is_doubt(&self) -> bool {
        matches!(self, Self::Inverted { .. } | Self::NoImage { .. })
    }

    /// The message and those of its causes on one line, for lists and JSON.
    pub fn with_causes(&self) -> String {
        with_causes(self)
    }
}

/// Returns the fault in a defect's mask that marks `marked` of `pixels`.
pub(crate) fn implausible(path: &Path, marked: usize, pixels: usize) -> Option<MaskError> {
    let (path, share) = (path.to_path_buf(), marked as f64 / pixels as f64);
    match marked {
        0 => Some(MaskError::Empty { path }),
        _ if marked == pixels => Some(MaskError::Whole { path }),
        _ if share >= INVERTED => {
            // Not all of it, however little is left.
            let percent = ((share * 100.0).round() as u32).min(99);
            Some(MaskError::Inverted { path, percent })
        }
        _ => None,
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

impl BadMask {
    /// Masks of `samples` that cannot be used or are doubtful, in the order given.
    ///
    /// Decodes every mask and reads the header of its image; a mask whose image cannot be read is not
    /// among them, since [`BadImage::among`](crate::BadImage::among) tells of the image, and neither is an empty
    /// one, which leaves a metric without pixels of its image and nothing wrong.
    pub fn among(samples: &[Sample], limits: &DecodeLimits) -> Vec<Self> {
        let check = |sample: &Sample| {
            let mask = sample.defect.as_ref()?.mask.as_ref()?;
            let size = limits.size_of_file(&sample.image).ok()?;
            let error = match mask.load(size, limits) {
                Ok(marked) => {
                    let count = marked.iter().filter(|&&marked| marked).count();
                    implausible(mask.path(), count, marked.len())
                        .filter(|error| !matches!(error, MaskError::Empty { .. }))?
                }
                Err(error) => error,
            };
            Some(Self { path: mask.path().to_path_buf(), error })
        };
        samples.par_iter().filter_map(check).collect()
    }
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
            let dot = |x, y| Luma([if (x, y) == (0, 0) { 255 } else { 0 }]);
            GrayImage::from_fn(width, height, dot).save(&path).unwrap();
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
        let bad = BadMask::among(&samples, &DecodeLimits::default());
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
            let decoded = limits.decode_file(&path).unwrap().dimensions();
            assert_eq!(limits.size_of_file(&path).unwrap(), decoded, "{orientation}");
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

    #[test]
    fn masks_that_mark_nothing_everything_or_nearly_everything_are_told() {
        for (marked, golden) in [
            (0, Some("marks no pixel")),
            (1, None),
            (74, None),
            (97, Some("marks 97 % of the image")),
            (100, Some("marks every pixel")),
        ] {
            let found =
                implausible(Path::new("m.png"), marked, 100).map(|e| (e.is_doubt(), e.to_string()));
            match (found, golden) {
                (None, None) => {}
                (Some((doubt, message)), Some(golden)) => {
                    assert!(message.contains(golden), "{message}");
                    assert_eq!(doubt, marked == 97, "{message}");
                }
                other => panic!("{marked}: {other:?}"),
            }
        }
        let nearly = implausible(Path::new("m.png"), 9999, 10_000).unwrap().to_string();
        assert!(nearly.contains("marks 99 % of"), "{nearly}");
    }
}
