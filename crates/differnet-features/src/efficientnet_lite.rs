//! EfficientNet-Lite0 (Tan and Le 2019; TensorFlow's Lite variant): maps of an image after each stage.
//!
//! A frozen network of inverted residual blocks (Sandler et al. 2018): a 1 × 1 convolution expands the
//! channels, a depthwise one looks at neighbours, another 1 × 1 one projects back. ReLU6, no
//! squeeze-and-excitation, batch norm folded into the weights when they are loaded. It exists twice:
//! [`EfficientNetLite`] is a Burn module for any device, [`HostEfficientNetLite`] the same network on the
//! host processor, several times faster there.

mod burn_module;
mod depthwise;
mod host;
mod pointwise;
mod weights;

pub use burn_module::EfficientNetLite;
pub use host::HostEfficientNetLite;
pub(crate) use weights::{BlockWeights, Folded, embedded};

use crate::backbone::StageShape;
use crate::stages::{StageMap, StageNetwork};

/// Stages of the network, of which the first five suffice for most uses.
pub const STAGES: usize = 6;

/// Shape of a stage: its blocks, and the first one's stride.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stage {
    pub(crate) blocks: usize,
    /// Side of the depthwise kernels.
    pub(crate) kernel: usize,
    /// Stride of the first block; the others have 1.
    pub(crate) stride: usize,
    /// Channels of a stage's output.
    pub(crate) channels: usize,
}

/// The stages (Tan and Le 2019, Table 1, with TensorFlow's Lite0 coefficients).
pub(crate) const TABLE: [Stage; STAGES] = [
    Stage { blocks: 1, kernel: 3, stride: 1, channels: 16 },
    Stage { blocks: 2, kernel: 3, stride: 2, channels: 24 },
    Stage { blocks: 2, kernel: 5, stride: 2, channels: 40 },
    Stage { blocks: 3, kernel: 3, stride: 2, channels: 80 },
    Stage { blocks: 3, kernel: 5, stride: 1, channels: 112 },
    Stage { blocks: 4, kernel: 5, stride: 2, channels: 192 },
];

/// Shapes of the maps after the stages; the stem's stride is 2.
pub(crate) const SHAPES: [StageShape; STAGES] = {
    let mut shapes = [StageShape { channels: 0, stride: 0 }; STAGES];
    let (mut stage, mut stride) = (0, 2);
    while stage < STAGES {
        stride *= TABLE[stage].stride;
        shapes[stage] = StageShape { channels: TABLE[stage].channels, stride };
        stage += 1;
    }
    shapes
};

impl StageNetwork for HostEfficientNetLite {
    fn maps(&self, pixels: &[u8], height: usize, width: usize, stages: &[usize]) -> Vec<StageMap> {
        Self::maps(self, pixels, height, width, stages)
    }
}

impl StageNetwork for EfficientNetLite {
    fn maps(&self, pixels: &[u8], height: usize, width: usize, stages: &[usize]) -> Vec<StageMap> {
        Self::maps(self, pixels, height, width, stages)
    }
}

/// Level that the network sees as 0.
pub(crate) const CENTRE: f32 = 127.0;
/// Levels that it sees as 1.
pub(crate) const SPREAD: f32 = 128.0;

/// Values of pixels as the network sees them: (x − 127) / 128.
pub(crate) fn normalized(level: u8) -> f32 {
    (f32::from(level) - CENTRE) / SPREAD
}

/// Output size and padding before the first pixel of TensorFlow's "SAME" convolution: the odd pixel of
/// the padding goes right and below.
pub(crate) fn same_padding(size: usize, kernel: usize, stride: usize) -> (usize, usize) {
    let output = size.div_ceil(stride);
    let padding = ((output - 1) * stride + kernel).saturating_sub(size);
    (output, padding / 2)
}

/// Name of the network with its weights, as the key of caches and models.
pub(crate) fn efficientnet_lite_id() -> String {
    format!("efficientnet-lite0-{}", weights::digest())
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    fn texture(height: usize, width: usize) -> Vec<u8> {
        let mut state = 1_u32;
        let noise = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        });
        noise.take(3 * height * width).collect()
    }

    #[test]
    fn padding_is_that_of_tensorflow() {
        // An even size under stride 2: one pixel, right; an odd one: one on each side.
        assert_eq!(same_padding(448, 3, 2), (224, 0));
        assert_eq!(same_padding(7, 3, 2), (4, 1));
        assert_eq!(same_padding(28, 5, 1), (28, 2));
        assert_eq!(same_padding(56, 5, 2), (28, 1));
    }

    #[test]
    fn host_and_burn_module_agree_at_any_shape() {
        let device = Device::flex();
        let (host, module) = (HostEfficientNetLite::new(), EfficientNetLite::new(&device));
        for (height, width) in [(64, 64), (96, 160), (224, 32)] {
            let pixels = texture(height, width);
            let found = host.maps(&pixels, height, width, &[1, 2, 3, 4, 5, 6]);
            let expected = module.maps(&pixels, height, width, &[1, 2, 3, 4, 5, 6]);
            for (stage, (found, expected)) in found.iter().zip(&expected).enumerate() {
                let shape = |map: &StageMap| (map.height, map.width, map.channels);
                assert_eq!(shape(found), shape(expected));
                let norm = |values: &mut dyn Iterator<Item = f32>| -> f32 {
                    values.map(|value| value * value).sum::<f32>().sqrt()
                };
                let pairs = found.values.iter().zip(&expected.values);
                let off = norm(&mut pairs.map(|(a, b)| a - b));
                let error = off / norm(&mut expected.values.iter().copied());
                assert!(error < 1e-4, "stage {} of {height} x {width}: {error}", stage + 1);
            }
        }
    }

    #[test]
    fn maps_do_not_depend_on_the_number_of_threads() {
        let host = HostEfficientNetLite::new();
        let pixels = texture(160, 96);
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            pool.expect("threads").install(|| host.maps(&pixels, 160, 96, &[2, 5]))
        };
        let one = with(1);
        assert_eq!(with(2), one);
        assert_eq!(with(7), one);
    }
}
