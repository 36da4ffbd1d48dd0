//! The generator of ADGAN: a dense layer, then transposed convolutions that double the image.

use burn::module::{Flag, Module, ModuleMapper, Param};
use burn::nn::conv::{ConvTranspose2d, ConvTranspose2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, Initializer, Linear, LinearConfig};
use burn::tensor::activation::{relu, tanh};
use burn::tensor::{Device, Tensor};

use crate::images::CHANNELS;
use crate::initialize::{self, Weights};

/// Width and height of the innermost maps.
const INNERMOST: usize = 4;

/// Makes images of latents.
#[derive(Module, Debug)]
pub(crate) struct Generator {
    dense: Linear,
    dense_norm: BatchNorm,
    stages: Vec<Doubling>,
    last: ConvTranspose2d,
}

#[derive(Module, Debug)]
struct Doubling {
    conv: ConvTranspose2d,
    norm: BatchNorm,
}

impl Generator {
    /// A generator of zeros for images of `side` × `side` pixels, a power of two.
    ///
    /// `channels` are those of the outermost maps; each stage inwards doubles them, up to fourfold.
    pub(crate) fn zeros(side: usize, channels: usize, latent: usize, device: &Device) -> Self {
        let mut widths = Vec::new();
        let mut width = side / 2;
        while width >= INNERMOST {
            widths.push(channels << widths.len().min(2));
            width /= 2;
        }
        widths.reverse();
        let flat = widths[0] * INNERMOST * INNERMOST;
        let stage = |pair: &[usize]| Doubling {
            conv: doubling(pair[0], pair[1], device),
            norm: BatchNormConfig::new(pair[1]).init(device),
        };
        Self {
            dense: LinearConfig::new(latent, flat)
                .with_initializer(Initializer::Zeros)
                .init(device),
            dense_norm: BatchNormConfig::new(flat).init(device),
            stages: widths.windows(2).map(stage).collect(),
            last: doubling(widths[widths.len() - 1], CHANNELS, device),
        }
    }

    /// The same with weights drawn from `seed`.
    pub(crate) fn draw(self, seed: u64) -> Self {
        initialize::draw(self, Weights::Glorot, seed, 0)
    }

    /// Images `[latents, 3, side, side]` in [-1, 1] of `latents`, `[latents, latent]`.
    pub(crate) fn forward(&self, latents: Tensor<2>) -> Tensor<4> {
        let [count, _] = latents.dims();
        let x = relu(self.dense_norm.forward(self.dense.forward(latents))); // [latents, flat]
        let [_, flat] = x.dims();
        let channels = flat / (INNERMOST * INNERMOST);
        let mut x = x.reshape([count, channels, INNERMOST, INNERMOST]);
        for stage in &self.stages {
            x = relu(stage.norm.forward(stage.conv.forward(x))); // twice as wide
        }
        tanh(self.last.forward(x)) // [latents, 3, side, side]
    }

    /// The generator for use on a device that records gradients, with frozen batch norm: layers
    /// normalize by the running statistics of the training.
    pub(crate) fn with_frozen_norms(self) -> Self {
        self.train().map(&mut FreezeNorms)
    }
}

struct FreezeNorms;

impl ModuleMapper for FreezeNorms {
    fn map_flag(&mut self, flag: Param<Flag>) -> Param<Flag> {
        flag.with_value(false)
    }
}

fn doubling(inputs: usize, outputs: usize, device: &Device) -> ConvTranspose2d {
    ConvTranspose2dConfig::new([inputs, outputs], [3, 3])
        .with_stride([2, 2])
        .with_padding([1, 1])
        .with_padding_out([1, 1])
        .with_initializer(Initializer::Zeros)
        .init(device)
}
