//! Reads every image and mask once: damaged files, sizes, and hashes that tell copies.

use std::path::Path;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::content_hash::ContentHash;
use crate::decode::{DecodeLimits, decode_picture};
use crate::image_error::ImageError;
use crate::layouts::masked::MaskedImage;
use crate::mask::{Mask, MaskError};
use crate::picture::Picture;

/// Facts of an image that is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ImageFacts {
    /// The hash of the file's bytes.
    pub(crate) bytes: ContentHash,
    /// The hash of width, height and pixels as they are decoded: equal for one picture in several
    /// lossless formats.
    pub(crate) pixels: ContentHash,
    /// Width and height, pixels.
    pub(crate) size: (u32, u32),
}

/// Facts of a mask that is not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MaskFacts {
    /// Width and height, pixels.
    pub(crate) size: (u32, u32),
    /// Number of defective pixels.
    pub(crate) defective: usize,
}

/// An image and its mask, read.
#[derive(Debug)]
pub(crate) struct Examined<T> {
    /// The image and what was seen in it, or why it cannot be used.
    pub(crate) image: Result<(ImageFacts, T), ImageError>,
    /// The mask, if there is one.
    pub(crate) mask: Option<Result<MaskFacts, MaskError>>,
}

/// Function that notes something of an image and the bytes of its file.
pub(crate) type Note<'a, T> = dyn Fn(&[u8], &Picture) -> T + Sync + 'a;

/// Reads and decodes each of `images` and its mask once, in parallel, and keeps none.
///
/// - `note`: notes something of each image that can be read
/// - `seen`: called after each image, from any thread
/// - result: in the order given
pub(crate) fn examine_images<T: Send>(
    images: &[&MaskedImage],
    limits: &DecodeLimits,
    note: &Note<'_, T>,
    seen: &(dyn Fn() + Sync),
) -> Vec<Examined<T>> {
    let examine = |pair: &&MaskedImage| {
        let image = examine_image(&pair.image, limits, note);
        let mask = pair.mask.as_ref().map(|mask| examine_mask(mask, limits));
        seen();
        Examined { image, mask }
    };
    images.par_iter().map(examine).collect()
}

fn examine_image<T>(
    path: &Path,
    limits: &DecodeLimits,
    note: &Note<'_, T>,
) -> Result<(ImageFacts, T), ImageError> {
    let bytes = limits.read_file(path)?;
    let picture = decode_picture(&bytes, path, limits)?;
    let noted = note(&bytes, &picture);
    let (bytes, pixels) = (ContentHash::of(&bytes), pixel_hash(&picture));
    Ok((ImageFacts { bytes, pixels, size: picture.image().dimensions() }, noted))
}

fn examine_mask(mask: &Mask, limits: &DecodeLimits) -> Result<MaskFacts, MaskError> {
    let pixels = mask.read(None, limits)?;
    let defective = pixels.marked.into_iter().filter(|&marked| marked).count();
    Ok(MaskFacts { size: pixels.size, defective })
}

/// The size is hashed too: 2 × 3 and 3 × 2 pixels of one colour are the same bytes.
fn pixel_hash(picture: &Picture) -> ContentHash {
    let image = picture.image();
    let mut hash = Sha256::new()
        .chain_update(image.width().to_le_bytes())
        .chain_update(image.height().to_le_bytes())
        .chain_update(image.as_raw());
    for sample in picture.samples().into_iter().flat_map(|deep| deep.iter()) {
        hash.update(sample.to_le_bytes());
    }
    ContentHash(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use image::{Rgb, RgbImage};

    use super::*;
    use crate::test_tree::tree;

    #[test]
    fn pixels_are_equal_across_lossless_formats_and_sizes_count() {
        let root = tree::<&str>(&[]);
        let at = |name: &str| root.path().join(name);
        RgbImage::from_pixel(3, 2, Rgb([7, 8, 9])).save(at("a.png")).unwrap();
        RgbImage::from_pixel(3, 2, Rgb([7, 8, 9])).save(at("b.bmp")).unwrap();
        RgbImage::from_pixel(2, 3, Rgb([7, 8, 9])).save(at("c.png")).unwrap();
        let facts = |name| {
            let note = |_: &[u8], picture: &Picture| picture.storage().mode;
            let noted = examine_image(&at(name), &DecodeLimits::default(), &note);
            let (facts, mode) = noted.unwrap();
            assert_eq!(mode.to_string(), "colour, 8 bits");
            facts
        };
        let (a, b, c) = (facts("a.png"), facts("b.bmp"), facts("c.png"));
        assert_eq!((a.pixels, a.size), (b.pixels, (3, 2)));
        assert_ne!(a.bytes, b.bytes);
        assert_ne!(a.pixels, c.pixels);
        assert_eq!(a.bytes, ContentHash::of(&std::fs::read(at("a.png")).unwrap()));
    }

    #[test]
    fn every_image_is_read_with_its_mask_and_reported_once() {
        let root = tree(&["bad.png"]);
        let at = |name: &str| root.path().join(name);
        RgbImage::new(4, 4).save(at("a.png")).unwrap();
        let mut mask = RgbImage::new(4, 5);
        mask.put_pixel(1, 1, Rgb([255; 3]));
        mask.put_pixel(2, 1, Rgb([127; 3]));
        mask.save(at("mask.png")).unwrap();
        let images = [
            MaskedImage { image: at("a.png"), mask: Some(Mask::half_white(at("mask.png"))) },
            MaskedImage { image: at("bad.png"), mask: Some(Mask::half_white(at("bad.png"))) },
            MaskedImage::without_mask(at("a.png")),
        ];
        let seen = AtomicUsize::new(0);
        let count = || {
            seen.fetch_add(1, Ordering::Relaxed);
        };
        let limits = DecodeLimits::default();
        let examined = examine_images(&images.each_ref(), &limits, &|_, _| (), &count);
        assert_eq!(seen.into_inner(), 3);
        let facts = examined[0].mask.as_ref().unwrap().as_ref().unwrap();
        assert_eq!(*facts, MaskFacts { size: (4, 5), defective: 1 });
        assert!(examined[1].image.is_err());
        assert!(examined[1].mask.as_ref().unwrap().is_err());
        assert!(examined[2].image.is_ok() && examined[2].mask.is_none());
    }
}
