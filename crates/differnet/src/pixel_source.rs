//! Images to pixels, for methods that look at small images instead of features.

use std::ops::ControlFlow;

use differnet_data::{
    ContentHash, DecodeLimits, ImageError, ImageInput, Regions, SeenImage, Transform,
};
use differnet_features::IMAGE_SIZE;
use rayon::prelude::*;

use crate::feature_source::ChooseTransforms;

/// Images read at once: enough to keep all cores decoding, few enough to keep memory flat.
const INPUTS: usize = 8;

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

/// Calls `visit` with the index and the pixels of each image, in order, until it breaks.
///
/// Images are transformed at the size that features are extracted from, and then reduced to
/// [`View::side`]. What is no usable image is passed to `visit` as its error.
pub(crate) fn for_each_image(
    images: &[ImageInput<'_>],
    view: View<'_>,
    limits: &DecodeLimits,
    choice: &ChooseTransforms<'_>,
    visit: &mut dyn FnMut(usize, Result<ImagePixels, ImageError>) -> ControlFlow<()>,
) -> ControlFlow<()> {
    for (group, inputs) in images.chunks(INPUTS).enumerate() {
        let images: Vec<_> =
            inputs.par_iter().map(|&input| read(input, view, limits, choice)).collect();
        for (index, image) in images.into_iter().enumerate() {
            visit(group * INPUTS + index, image)?;
        }
    }
    ControlFlow::Continue(())
}

fn read(
    input: ImageInput<'_>,
    view: View<'_>,
    limits: &DecodeLimits,
    choice: &ChooseTransforms<'_>,
) -> Result<ImagePixels, ImageError> {
    let SeenImage { hash, image, .. } = SeenImage::read(input, view.regions, limits)?;
    let large = IMAGE_SIZE as u32;
    let image = differnet_data::resize_bilinear(&image, large, large);
    let side = view.side as u32;
    let small = |transform: &Transform| {
        let turned = differnet_data::apply(&image, transform);
        differnet_data::resize_bilinear(&turned, side, side).into_raw()
    };
    Ok(ImagePixels { hash, pixels: choice(&hash).iter().flat_map(small).collect() })
}
