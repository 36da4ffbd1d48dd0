//! Checks of many files before any is used: which are bad, and how deep their samples are.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::decode::{DecodeLimits, decode_picture, has_deep_samples};
use crate::file_format::{FileFormat, format_of};
use crate::image_error::ImageError;
use crate::image_input::ImageInput;
use crate::masked_input::{MaskedInput, Preprocessing};
use crate::sample_depth::FileDepth;

/// A file that is no usable image.
#[derive(Debug, thiserror::Error)]
#[error("{}", error.with_causes())]
pub struct BadImage {
    /// The file.
    pub path: PathBuf,
    /// Cause.
    pub error: ImageError,
}

impl BadImage {
    /// Bad images among the files `paths`, in the order given; an image that does not fit the regions, or has
    /// another depth, is none.
    pub fn among(
        paths: &[PathBuf],
        preprocessing: Preprocessing<'_>,
        limits: &DecodeLimits,
    ) -> Vec<Self> {
        let read = each(paths, |path| {
            MaskedInput::read(ImageInput::File(path), preprocessing, limits).map(drop)
        });
        read.into_iter().filter_map(Result::err).collect()
    }
}

impl FileDepth {
    /// Returns the depths of those of the files `paths` that can be read.
    ///
    /// Decodes those with samples of more than 8 bits.
    pub fn of_files(paths: &[PathBuf], limits: &DecodeLimits) -> Vec<Self> {
        let depths = each(paths, |path| {
            if is_shallow(path)? {
                return Ok(Self::Full(8));
            }
            let bytes = limits.read_file(path)?;
            if !has_deep_samples(&bytes, path, limits)? {
                return Ok(Self::Full(8));
            }
            decode_picture(&bytes, path, limits).map(|picture| picture.storage().depth)
        });
        depths.into_iter().flatten().collect()
    }
}

/// Tells whether the format alone implies samples of 8 bits, by a look at the first bytes.
fn is_shallow(path: &Path) -> Result<bool, ImageError> {
    let io = |source| ImageError::Io { path: path.to_path_buf(), source };
    // Opening a pipe would wait for a writer.
    if !path.is_file() {
        return Ok(false);
    }
    let mut head = Vec::new();
    File::open(path).map_err(io)?.take(64).read_to_end(&mut head).map_err(io)?;
    Ok(match format_of(&head, path) {
        Ok(FileFormat::Png) => head.get(24).is_some_and(|&bits| bits <= 8),
        Ok(FileFormat::Tiff | FileFormat::Pnm) | Err(_) => false,
        Ok(_) => true,
    })
}

fn each<T: Send>(
    paths: &[PathBuf],
    of: impl Fn(&Path) -> Result<T, ImageError> + Sync,
) -> Vec<Result<T, BadImage>> {
    let checked = paths
        .par_iter()
        .map(|path| of(path).map_err(|error| BadImage { path: path.clone(), error }));
    checked.collect()
}

#[cfg(test)]
mod tests {
    use image::RgbImage;

    use super::*;
    use crate::test_tree::tree;

    #[test]
    fn bad_images_come_in_the_order_given() {
        let root = tree(&["c.png", "a.png"]);
        let good = root.path().join("b.png");
        RgbImage::new(2, 2).save(&good).unwrap();
        let paths = [root.path().join("c.png"), good, root.path().join("a.png")];
        let bad = BadImage::among(&paths, Preprocessing::default(), &DecodeLimits::default());
        let bad: Vec<_> = bad.into_iter().map(|bad| bad.path).collect();
        assert_eq!(bad, [paths[0].clone(), paths[2].clone()]);
    }
}
