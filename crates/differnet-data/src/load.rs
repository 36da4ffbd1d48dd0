//! Files to images of the size that the extractor sees, and a check of all files beforehand.

use std::path::{Path, PathBuf};

use image::RgbImage;
use rayon::prelude::*;

use crate::content_hash::ContentHash;
use crate::decode::{DecodeLimits, decode_bytes, read_file};
use crate::image_error::ImageError;
use crate::image_input::ImageInput;
use crate::regions::Regions;
use crate::resize::resize_bilinear;
use crate::seen_image::SeenImage;

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
    let image = resize_bilinear(&decode_bytes(&bytes, path, limits)?, size, size);
    Ok(LoadedImage { path: path.to_path_buf(), hash: ContentHash::of(&bytes), image })
}

/// Bad images among the files `paths`, in the order given; an image that does not
/// fit the regions is none.
pub fn check_images(
    paths: &[PathBuf],
    regions: Option<&Regions>,
    limits: &DecodeLimits,
) -> Vec<BadImage> {
    let check = |path: &PathBuf| {
        let read = SeenImage::read(ImageInput::File(path), regions, limits);
        read.err().map(|error| BadImage { path: path.clone(), error })
    };
    let checked: Vec<Option<BadImage>> = paths.par_iter().map(check).collect();
    checked.into_iter().flatten().collect()
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
        let bad = check_images(&paths, None, &DecodeLimits::default());
        let bad: Vec<_> = bad.into_iter().map(|bad| bad.path).collect();
        assert_eq!(bad, [paths[0].clone(), paths[2].clone()]);
    }
}
