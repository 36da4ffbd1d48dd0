//! ResNets and VGG-16 as a Burn module: any device, differentiable to the input.

use burn::module::Module;
use burn::nn::PaddingConfig2d;
use burn::nn::conv::Conv2d;
use burn::nn::pool::{MaxPool2d, MaxPool2dConfig};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

use super::architecture::{self, Convolution, Layer, MaxPool, Residual};
use crate::alexnet::convolution;
use crate::normalize::normalize_shape;
use crate::pretrained_weights::PretrainedWeights;
use crate::stages::StageMap;

/// A frozen ResNet or VGG-16 with loaded weights.
#[derive(Module, Debug)]
pub struct TorchvisionNetwork {
    stages: Vec<Vec<LayerModule>>,
}

#[derive(Module, Debug)]
enum LayerModule {
    Convolution(Conv2d),
    MaxPool(MaxPool2d),
    Residual(ResidualModule),
}

/// See [`Residual`].
#[derive(Module, Debug)]
struct ResidualModule {
    body: Vec<Conv2d>,
    shortcut: Option<Conv2d>,
}

impl TorchvisionNetwork {
    /// The network with as many stages as there are weights for, on `device`.
    pub fn new(weights: &PretrainedWeights, device: &Device) -> Self {
        let folded = |shape: &Convolution| {
            convolution(weights.folded(shape), shape.stride, shape.padding(), device)
        };
        let module = |layer: &Layer| match layer {
            Layer::Convolution(shape) => LayerModule::Convolution(folded(shape)),
            Layer::MaxPool(MaxPool { size, stride, padding }) => {
                let padding = PaddingConfig2d::Explicit(*padding, *padding, *padding, *padding);
                let config = MaxPool2dConfig::new([*size, *size]);
                let config = config.with_strides([*stride, *stride]).with_padding(padding);
                LayerModule::MaxPool(config.init())
            }
            Layer::Residual(Residual { body, shortcut }) => LayerModule::Residual(ResidualModule {
                body: body.iter().map(folded).collect(),
                shortcut: shortcut.as_ref().map(folded),
            }),
        };
        let stages = architecture::stages(weights.backbone()).into_iter().take(weights.stages());
        Self { stages: stages.map(|layers| layers.iter().map(module).collect()).collect() }
    }

    /// The maps after each of the first `stages` stages, `[n, channels, height / s, width / s]` with the
    /// stage's stride s, of normalised images `[n, 3, height, width]`.
    ///
    /// # Panics
    /// If it has fewer stages.
    pub fn forward(&self, images: Tensor<4>, stages: usize) -> Vec<Tensor<4>> {
        let mut x = images;
        let mut maps = Vec::with_capacity(stages);
        for layers in &self.stages[..stages] {
            x = layers.iter().fold(x, |x, layer| layer.forward(x));
            maps.push(x.clone());
        }
        maps
    }

    /// The maps after `stages` (numbers from 1, rising) of an interleaved RGB image.
    ///
    /// # Panics
    /// If `pixels` is not `3 · height · width` long, or a stage is not one of the network's.
    pub fn maps(
        &self,
        pixels: &[u8],
        height: usize,
        width: usize,
        stages: &[usize],
    ) -> Vec<StageMap> {
        let device = self.devices().pop().expect("a network has parameters");
        let images = normalize_shape(&[pixels], [height, width], &device); // [1, 3, height, width]
        let last = stages.iter().copied().max().unwrap_or(0);
        StageMap::chosen(self.forward(images, last), stages)
    }
}

impl LayerModule {
    /// `[n, inputs, h, w]` → `[n, outputs, h / stride, w / stride]`
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Convolution(convolution) => relu(convolution.forward(x)),
            Self::MaxPool(pool) => pool.forward(x),
            Self::Residual(ResidualModule { body, shortcut }) => {
                let entry = match shortcut {
                    Some(shortcut) => shortcut.forward(x.clone()),
                    None => x.clone(),
                };
                let (last, first) = body.split_last().expect("a block has convolutions");
                let x = first.iter().fold(x, |x, convolution| relu(convolution.forward(x)));
                relu(last.forward(x) + entry)
            }
        }
    }
}
