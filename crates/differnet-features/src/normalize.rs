//! From 8-bit RGB to the numbers that AlexNet was trained on.

/// ImageNet's channel means, torchvision.
pub(crate) const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
/// ImageNet's channel standard deviations, torchvision.
pub(crate) const STANDARD_DEVIATION: [f32; 3] = [0.229, 0.224, 0.225];

/// Normalised value of each of the 256 grey levels of each channel: `(level / 255 − mean) / std`.
pub(crate) fn normalized_levels() -> [[f32; 256]; 3] {
    std::array::from_fn(|color| {
        std::array::from_fn(|level| (level as f32 / 255.0 - MEAN[color]) / STANDARD_DEVIATION[color])
    })
}
