//! The wide residual network that tells transforms apart (Zagoruyko and Komodakis 2016).

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, Initializer, Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::activation::{log_softmax, relu};
use burn::tensor::{Device, Tensor};

use crate::images::CHANNELS;
use crate::initialize::{self, Weights};

/// Channels after the first convolution.
const STEM: usize = 16;

/// Three groups of residual blocks between a convolution and a dense layer.
#[derive(Module, Debug)]
pub(crate) struct WideResidual {
    stem: Conv2d,
    blocks: Vec<Block>,
    norm: BatchNorm,
    classifier: Linear,
}

impl WideResidual {
    /// A network of zeros with `blocks` blocks in each group and `widening` times the usual width.
    pub(crate) fn zeros(blocks: usize, widening: usize, classes: usize, device: &Device) -> Self {
        let mut channels = STEM;
        let mut all = Vec::with_capacity(3 * blocks);
        for (group, width) in [16, 32, 64].into_iter().enumerate() {
            for block in 0..blocks {
                // The second and the third group begin by halving the image.
                let stride = if group > 0 && block == 0 { 2 } else { 1 };
                all.push(Block::zeros(channels, width * widening, stride, device));
                channels = width * widening;
            }
        }
        Self {
            stem: convolution(CHANNELS, STEM, 3, 1, device),
            blocks: all,
            norm: BatchNormConfig::new(channels).init(device),
            classifier: LinearConfig::new(channels, classes)
                .with_initializer(Initializer::Zeros)
                .init(device),
        }
    }

    /// The same with weights drawn from `seed`.
    pub(crate) fn draw(self, seed: u64) -> Self {
        initialize::draw(self, Weights::WideResidual, seed, 0)
    }

    /// Log-probabilities of the classes, `[images, classes]`, of `images`, `[images, 3, side, side]`.
    pub(crate) fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let mut x = self.stem.forward(images); // [images, 16, side, side]
        for block in &self.blocks {
            x = block.forward(x); // [images, width, side / stride, side / stride]
        }
        let x = relu(self.norm.forward(x)); // [images, channels, side / 4, side / 4]
        let x = x.flatten::<3>(2, 3).mean_dim(2).squeeze_dim::<2>(2); // [images, channels]
        log_softmax(self.classifier.forward(x), 1) // [images, classes]
    }
}

/// Two convolutions, each after normalization and ReLU, added to what came in.
#[derive(Module, Debug)]
struct Block {
    norm1: BatchNorm,
    conv1: Conv2d,
    norm2: BatchNorm,
    conv2: Conv2d,
    /// Projection of the shortcut, where the number of channels changes.
    shortcut: Option<Conv2d>,
}

impl Block {
    fn zeros(inputs: usize, outputs: usize, stride: usize, device: &Device) -> Self {
        let shortcut = inputs != outputs;
        Self {
            norm1: BatchNormConfig::new(inputs).init(device),
            conv1: convolution(inputs, outputs, 3, stride, device),
            norm2: BatchNormConfig::new(outputs).init(device),
            conv2: convolution(outputs, outputs, 3, 1, device),
            shortcut: shortcut.then(|| convolution(inputs, outputs, 1, stride, device)),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let active = relu(self.norm1.forward(x.clone())); // [images, inputs, height, width]
        let out = self.conv1.forward(active.clone()); // [images, outputs, height / stride, ..]
        let out = self.conv2.forward(relu(self.norm2.forward(out)));
        let shortcut = match &self.shortcut {
            Some(shortcut) => shortcut.forward(active),
            None => x,
        };
        out + shortcut
    }
}

fn convolution(
    inputs: usize,
    outputs: usize,
    kernel: usize,
    stride: usize,
    device: &Device,
) -> Conv2d {
    let border = kernel / 2;
    Conv2dConfig::new([inputs, outputs], [kernel, kernel])
        .with_stride([stride, stride])
        .with_padding(PaddingConfig2d::Explicit(border, border, border, border))
        .with_bias(false)
        .with_initializer(Initializer::Zeros)
        .init(device)
}
