//! Image files to pixels, for methods that look at small images instead of features.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use differnet_data::{ContentHash, DecodeLimits, ImageError, Regions, SeenImage, Transform};
use differnet_features::IMAGE_SIZE;
use rayon::prelude::*;

use crate::feature_source::ChooseTransforms;

/// Files read at once: enough to keep all cores decoding, few enough to keep memory flat.
const FILES: usize = 8;

/// What a method on pixels sees of an image.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    /// Width and height that images are reduced to, in pixels.
    pub(crate) side: usize,
    /// Which parts of the images count; `None` for all.
    pub(crate) regions: Option<&'a Regions>,
}

/// The pixels of one image under its transforms.
#[derive(Debug)]
pub(crate) struct ImagePixels {
    /// Names the image: [`SeenImage::hash`].
    pub(crate) hash: ContentHash,
    /// Bytes `[transforms, side, side, 3]`.
    pub(crate) pixels: Vec<u8>,
}

/// Calls `visit` with the index and the pixels of each file, in order, until it breaks.
///
/// Images are transformed at the size that features are extracted from, and then reduced to
/// [`View::side`]. A file that is no usable image is passed to `visit` as its error.
pub(crate) fn for_each_image(
    files: &[PathBuf],
    view: View<'_>,
    limits: &DecodeLimits,
    choice: &ChooseTransforms<'_>,
    visit: &mut dyn FnMut(usize, Result<ImagePixels, ImageError>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    for (group, paths) in files.chunks(FILES).enumerate() {
        let images: Vec<_> =
            paths.par_iter().map(|path| read(path, view, limits, choice)).collect();
        for (index, image) in images.into_iter().enumerate() {
            visit(group * FILES + index, image)?;
        }
    }
    ControlFlow::Continue(())
}

fn read(
    path: &Path,
    view: View<'_>,
    limits: &DecodeLimits,
    choice: &ChooseTransforms<'_>,
) -> Result<ImagePixels, ImageError> {
    let SeenImage { hash, image, .. } = SeenImage::read(path, view.regions, limits)?;
    let large = IMAGE_SIZE as u32;
    let image = differnet_data::resize_bilinear(&image, large, large);
    let side = view.side as u32;
    let small = |transform: &Transform| {
        let turned = differnet_data::apply(&image, transform);
        differnet_data::resize_bilinear(&turned, side, side).into_raw()
    };
    Ok(ImagePixels { hash, pixels: choice(&hash).iter().flat_map(small).collect() })
}
