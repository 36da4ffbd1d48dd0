//! EfficientNet-Lite0 as a Burn module: any device, differentiable to the input.

use burn::module::{Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Initializer, PaddingConfig2d};
use burn::tensor::{Device, Tensor, TensorData};

use super::weights::{self, BlockWeights, Folded};
use super::{normalized, same_padding};
use crate::stages::StageMap;

/// The frozen network with its embedded weights.
#[derive(Module, Debug)]
pub struct EfficientNetLite {
    stem: Conv2d,
    stages: Vec<Vec<Block>>,
}

/// Inverted residual block.
#[derive(Module, Debug)]
struct Block {
    expand: Option<Conv2d>,
    depthwise: Conv2d,
    project: Conv2d,
    kernel: usize,
    stride: usize,
}

impl EfficientNetLite {
    /// The network with its ImageNet weights on `device`.
    pub fn new(device: &Device) -> Self {
        let weights = weights::embedded();
        let block = |weights: &BlockWeights| Block {
            expand: weights.expand.as_ref().map(|expand| convolution(expand, 1, 1, device)),
            depthwise: convolution(
                &weights.depthwise,
                weights.stride,
                weights.depthwise.shape[0],
                device,
            ),
            project: convolution(&weights.project, 1, 1, device),
            kernel: weights.depthwise.shape[2],
            stride: weights.stride,
        };
        let stages = weights.stages.iter().map(|blocks| blocks.iter().map(block).collect());
        Self { stem: convolution(&weights.stem, 2, 1, device), stages: stages.collect() }
    }

    /// The maps after each of the first `stages` stages, `[n, channels, height / s, width / s]` with
    /// s = 2, 4, 8, 16, 16, 32, of normalised images `[n, 3, height, width]`.
    pub fn forward(&self, images: Tensor<4>, stages: usize) -> Vec<Tensor<4>> {
        let mut x = relu6(self.stem.forward(padded(images, 3, 2)));
        let mut maps = Vec::with_capacity(stages);
        for blocks in self.stages.iter().take(stages) {
            for block in blocks {
                x = block.forward(x);
            }
            maps.push(x.clone());
        }
        maps
    }

    /// The maps after `stages` (numbers from 1, rising) of an interleaved RGB image.
    ///
    /// # Panics
    /// If `pixels` is not `3 · height · width` long.
    pub fn maps(
        &self,
        pixels: &[u8],
        height: usize,
        width: usize,
        stages: &[usize],
    ) -> Vec<StageMap> {
        assert_eq!(pixels.len(), 3 * height * width, "pixels do not fit the shape");
        let device = self.stem.weight.val().device();
        let values: Vec<f32> = pixels.iter().map(|&level| normalized(level)).collect();
        let data = TensorData::new(values, [1, height, width, 3]);
        let images = Tensor::<4>::from_data(data, &device).permute([0, 3, 1, 2]);
        let last = stages.iter().copied().max().unwrap_or(0);
        StageMap::chosen(self.forward(images, last), stages)
    }
}

impl Block {
    /// `[n, inputs, h, w]` → `[n, outputs, h / stride, w / stride]`
    fn forward(&self, entry: Tensor<4>) -> Tensor<4> {
        let x = match &self.expand {
            Some(expand) => relu6(expand.forward(entry.clone())),
            None => entry.clone(),
        };
        let x = padded(x, self.kernel, self.stride);
        let x = self.project.forward(relu6(self.depthwise.forward(x)));
        if self.stride == 1 && x.dims() == entry.dims() { x + entry } else { x }
    }
}

fn relu6(x: Tensor<4>) -> Tensor<4> {
    x.clamp(0.0, 6.0)
}

/// `x` with TensorFlow's "SAME" padding around it.
fn padded(x: Tensor<4>, kernel: usize, stride: usize) -> Tensor<4> {
    let [_, _, height, width] = x.dims();
    let ends = |size: usize| {
        let (output, before) = same_padding(size, kernel, stride);
        let all = ((output - 1) * stride + kernel).saturating_sub(size);
        (before, all - before)
    };
    let ((top, bottom), (left, right)) = (ends(height), ends(width));
    x.pad((left, right, top, bottom), 0.0)
}

fn convolution(weights: &Folded, stride: usize, groups: usize, device: &Device) -> Conv2d {
    let [outputs, inputs, height, width] = weights.shape;
    let mut convolution = Conv2dConfig::new([inputs * groups, outputs], [height, width])
        .with_stride([stride, stride])
        .with_groups(groups)
        .with_padding(PaddingConfig2d::Valid)
        .with_initializer(Initializer::Zeros)
        .init(device);
    let weight = TensorData::new(weights.weight.clone(), weights.shape);
    convolution.weight = Param::from_tensor(Tensor::from_data(weight, device));
    let bias = TensorData::new(weights.bias.clone(), [outputs]);
    convolution.bias = Some(Param::from_tensor(Tensor::from_data(bias, device)));
    convolution
}
