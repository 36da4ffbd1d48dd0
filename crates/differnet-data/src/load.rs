//! Files to images of the size that the extractor sees, and a check of all files beforehand.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use image::RgbImage;
use rayon::prelude::*;

use crate::content_hash::ContentHash;
use crate::decode::{DecodeLimits, decode_picture, has_deep_samples, read_file};
use crate::file_format::{FileFormat, format_of};
use crate::image_error::ImageError;
use crate::image_input::ImageInput;
use crate::masked_input::{MaskedInput, Preprocessing};
use crate::sample_depth::FileDepth;

/// An image ready to be transformed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedImage {
    /// The file it came from.
    pub path: PathBuf,
    /// The hash of the file's bytes.
    pub hash: ContentHash,
    /// The image as a square of the size asked for; 448 × 448 in the paper.
    pub image: RgbImage,
}

/// A file that is no usable image.
#[derive(Debug, thiserror::Error)]
#[error("{}", error.with_causes())]
pub struct BadImage {
    /// The file.
    pub path: PathBuf,
    /// Cause.
    pub error: ImageError,
}

/// The image in the file `path`, resized to `size` × `size` pixels.
///
/// # Errors
/// [`ImageError`]: the file cannot be read, is no image, is damaged or exceeds `limits`.
///
/// # Panics
/// If `size` is 0.
pub fn load_image(
    path: &Path,
    size: u32,
    limits: &DecodeLimits,
) -> Result<LoadedImage, ImageError> {
    let bytes = read_file(path, limits)?;
    let image = decode_picture(&bytes, path, limits)?.resized(size, size);
    Ok(LoadedImage { path: path.to_path_buf(), hash: ContentHash::of(&bytes), image })
}

/// Bad images among the files `paths`, in the order given; an image that does not fit the regions, or has
/// another depth, is none.
pub fn check_images(
    paths: &[PathBuf],
    preprocessing: Preprocessing<'_>,
    limits: &DecodeLimits,
) -> Vec<BadImage> {
    let read = each(paths, |path| {
        MaskedInput::read(ImageInput::File(path), preprocessing, limits).map(drop)
    });
    read.into_iter().filter_map(Result::err).collect()
}

/// How many bits of a sample count in each of the files `paths` that can be read, in the order given.
///
/// Decodes those with samples of more than 8 bits.
pub fn file_depths(paths: &[PathBuf], limits: &DecodeLimits) -> Vec<FileDepth> {
    let depths = each(paths, |path| {
        if is_shallow(path)? {
            return Ok(FileDepth::Full(8));
        }
        let bytes = read_file(path, limits)?;
        if !has_deep_samples(&bytes, path, limits)? {
            return Ok(FileDepth::Full(8));
        }
        decode_picture(&bytes, path, limits).map(|picture| picture.storage().depth)
    });
    depths.into_iter().flatten().collect()
}

/// Whether the format alone tells that samples have 8 bits: a look at the first bytes.
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
    use super::*;
    use crate::test_tree::tree;

    #[test]
    fn the_hash_is_of_the_file_and_the_image_has_the_size() {
        let root = tree::<&str>(&[]);
        let path = root.path().join("a.png");
        RgbImage::from_pixel(9, 4, image::Rgb([1, 2, 3])).save(&path).unwrap();
        let loaded = load_image(&path, 6, &DecodeLimits::default()).unwrap();
        assert_eq!(loaded.hash, ContentHash::of(&std::fs::read(&path).unwrap()));
        assert_eq!(loaded.image, RgbImage::from_pixel(6, 6, image::Rgb([1, 2, 3])));
    }

    #[test]
    fn bad_images_come_in_the_order_given() {
        let root = tree(&["c.png", "a.png"]);
        let good = root.path().join("b.png");
        RgbImage::new(2, 2).save(&good).unwrap();
        let paths = [root.path().join("c.png"), good, root.path().join("a.png")];
        let bad = check_images(&paths, Preprocessing::default(), &DecodeLimits::default());
        let bad: Vec<_> = bad.into_iter().map(|bad| bad.path).collect();
        assert_eq!(bad, [paths[0].clone(), paths[2].clone()]);
    }
}
