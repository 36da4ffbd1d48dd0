//! From 8-bit RGB to the numbers that AlexNet was trained on.

use burn::tensor::{Device, Tensor, TensorData};

/// ImageNet's channel means, torchvision.
pub(crate) const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
/// ImageNet's channel standard deviations, torchvision.
pub(crate) const STANDARD_DEVIATION: [f32; 3] = [0.229, 0.224, 0.225];

/// Normalised value of each of the 256 grey levels of each channel: `(level / 255 − mean) / std`.
pub(crate) fn normalized_levels() -> [[f32; 256]; 3] {
    std::array::from_fn(|color| {
        std::array::from_fn(|level| {
            (level as f32 / 255.0 - MEAN[color]) / STANDARD_DEVIATION[color]
        })
    })
}

/// Normalised images `[images, 3, side, side]` (planes, as Burn wants them) of interleaved 8-bit RGB.
///
/// # Panics
/// If an image's length is not `3 · side · side`.
pub fn normalize(images: &[&[u8]], side: usize, device: &Device) -> Tensor<4> {
    normalize_shape(images, [side, side], device)
}

/// [`normalize`] of images `[images, height, width, 3]` of any shape.
pub(crate) fn normalize_shape(
    images: &[&[u8]],
    [height, width]: [usize; 2],
    device: &Device,
) -> Tensor<4> {
    let levels = normalized_levels();
    let mut planes = Vec::with_capacity(images.len() * 3 * height * width);
    for image in images {
        let fits = image.len() == 3 * height * width;
        assert!(fits, "an RGB image of {width} × {height} is needed");
        for (color, levels) in levels.iter().enumerate() {
            planes.extend(image.chunks_exact(3).map(|pixel| levels[usize::from(pixel[color])]));
        }
    }
    Tensor::from_data(TensorData::new(planes, [images.len(), 3, height, width]), device)
}
