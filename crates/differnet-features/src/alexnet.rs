//! AlexNet's convolutional part as a Burn module: any device, differentiable to the input.

use burn::module::{Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::pool::{MaxPool2d, MaxPool2dConfig};
use burn::nn::{Initializer, PaddingConfig2d};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor, TensorData};

use crate::backbone::StageShape;
use crate::extractor::SCALES;
use crate::normalize::normalize_shape;
use crate::stages::{StageMap, StageNetwork};
use crate::weights::{self, ConvolutionWeights};

/// Shapes of the maps after its convolutions, the first two pooled.
pub(crate) const STAGES: [StageShape; 5] = [
    StageShape { channels: 64, stride: 8 },
    StageShape { channels: 192, stride: 16 },
    StageShape { channels: 384, stride: 16 },
    StageShape { channels: 256, stride: 16 },
    StageShape { channels: 256, stride: 16 },
];

/// Stride and padding of each convolution, torchvision's.
pub(crate) const GEOMETRY: [(usize, usize); 5] = [(4, 2), (1, 2), (1, 1), (1, 1), (1, 1)];

/// Tells whether pooling follows the convolution number `index`, from 0.
pub(crate) fn is_pooled(index: usize) -> bool {
    matches!(index, 0 | 1)
}

/// The frozen feature extractor f_ex (paper, Sections 3 and 4.2) with its embedded weights.
#[derive(Module, Debug)]
pub struct AlexNet {
    convolutions: Vec<Conv2d>,
    pool: MaxPool2d,
}

impl AlexNet {
    /// The network with its ImageNet weights on `device`.
    pub fn new(device: &Device) -> Self {
        let convolutions = weights::embedded()
            .into_iter()
            .zip(GEOMETRY)
            .map(|(weights, (stride, padding))| convolution(weights, stride, padding, device))
            .collect();
        Self { convolutions, pool: MaxPool2dConfig::new([3, 3]).with_strides([2, 2]).init() }
    }

    /// Features `[batch, 768]` of normalised images `[batch, 3, 448, 448]`.
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        self.features_of(self.last_maps(images)) // [batch, 768]
    }

    /// The last convolution's maps of normalised images `[batch, 3, 448, 448]`, for each scale
    /// `[batch, 256, side, side]` with sides of 27, 13 and 6.
    pub(crate) fn last_maps(&self, images: Tensor<4>) -> [Tensor<4>; SCALES.len()] {
        SCALES.map(|scale| self.maps_at(images.clone(), scale))
    }

    /// Features `[batch, 256]` of normalised images `[batch, 3, 448, 448]` at one scale.
    pub(crate) fn features_at(&self, images: Tensor<4>, scale: usize) -> Tensor<2> {
        self.spatial_mean(self.maps_at(images, scale))
    }

    fn maps_at(&self, images: Tensor<4>, scale: usize) -> Tensor<4> {
        let images = every_nth_pixel(images, scale); // [batch, 3, scale, scale]
        let stages = 0..self.convolutions.len();
        stages.fold(images, |x, stage| self.stage(stage, x)) // [batch, 256, 27, 27] at 448
    }

    /// Convolution number `index`, from 0, with the pooling behind it.
    fn stage(&self, index: usize, x: Tensor<4>) -> Tensor<4> {
        let x = relu(self.convolutions[index].forward(x));
        if is_pooled(index) { self.pool.forward(x) } else { x }
    }

    /// Features `[batch, 768]`: the spatial means of the pooled [`Self::last_maps`].
    pub(crate) fn features_of(&self, last_maps: [Tensor<4>; SCALES.len()]) -> Tensor<2> {
        let rows = last_maps.map(|maps| self.spatial_mean(maps)); // [batch, 256] each
        Tensor::cat(rows.into(), 1) // [batch, 768]
    }

    fn spatial_mean(&self, last_maps: Tensor<4>) -> Tensor<2> {
        let x = self.pool.forward(last_maps);
        let [batch, channels, height, width] = x.dims(); // [batch, 256, 13, 13] at 448
        x.reshape([batch, channels, height * width]).mean_dim(2).squeeze_dim(2) // [batch, 256]
    }
}

impl StageNetwork for AlexNet {
    fn maps(&self, pixels: &[u8], height: usize, width: usize, stages: &[usize]) -> Vec<StageMap> {
        let device = self.convolutions[0].weight.val().device();
        let mut x = normalize_shape(&[pixels], [height, width], &device);
        let mut maps = Vec::with_capacity(stages.len());
        for stage in 1..=stages.iter().copied().max().unwrap_or(0) {
            x = self.stage(stage - 1, x);
            if stages.contains(&stage) {
                maps.push(StageMap::of(x.clone()));
            }
        }
        maps
    }
}

/// A convolution with given weights, padded by zeros on all sides.
pub(crate) fn convolution(
    weights: ConvolutionWeights,
    stride: usize,
    padding: usize,
    device: &Device,
) -> Conv2d {
    let [outputs, inputs, height, width] = weights.shape;
    let mut convolution = Conv2dConfig::new([inputs, outputs], [height, width])
        .with_stride([stride, stride])
        .with_padding(PaddingConfig2d::Explicit(padding, padding, padding, padding))
        .with_initializer(Initializer::Zeros)
        .init(device);
    let weight = TensorData::new(weights.weight, weights.shape);
    convolution.weight = Param::from_tensor(Tensor::from_data(weight, device));
    let bias = TensorData::new(weights.bias, [outputs]);
    convolution.bias = Some(Param::from_tensor(Tensor::from_data(bias, device)));
    convolution
}

/// Nearest sampling of `[batch, 3, side, side]` to `[batch, 3, scale, scale]`; `scale` divides `side`.
fn every_nth_pixel(images: Tensor<4>, scale: usize) -> Tensor<4> {
    let [batch, channels, side, _] = images.dims();
    let step = side / scale;
    if step == 1 {
        return images;
    }
    images
        .reshape([batch * channels, scale, step, scale, step]) // pixels as (block, offset)
        .slice([0..batch * channels, 0..scale, 0..1, 0..scale, 0..1])
        .reshape([batch, channels, scale, scale])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_sampling_takes_the_first_pixel_of_each_block() {
        let device = Device::flex();
        let image = Tensor::<1, burn::tensor::Int>::arange(0..16, &device).float();
        let sampled = every_nth_pixel(image.reshape([1, 1, 4, 4]), 2);
        assert_eq!(sampled.into_data().try_to_vec::<f32>().expect("floats"), [0.0, 2.0, 8.0, 10.0]);
    }
}
