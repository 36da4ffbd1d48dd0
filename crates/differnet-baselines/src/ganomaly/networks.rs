//! The networks of GANomaly: DCGAN's, with an encoder on each side of the decoder.

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig, ConvTranspose2d, ConvTranspose2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, Initializer, PaddingConfig2d};
use burn::tensor::activation::{leaky_relu, relu, tanh};
use burn::tensor::{Device, Tensor};

use crate::images::CHANNELS;
use crate::initialize::{self, Weights};

/// Slope of the leaky ReLU below zero; DCGAN's.
const LEAK: f64 = 0.2;
/// Width and height of the innermost maps.
const INNERMOST: usize = 4;

/// Widths and depths of the networks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    /// Width and height of the images; a power of two from 8.
    pub(crate) side: usize,
    /// Channels after the first convolution; each further one doubles them.
    pub(crate) channels: usize,
    /// Width of the latent vector.
    pub(crate) latent: usize,
}

impl Shape {
    /// Channels of the encoder's maps, outermost first.
    fn widths(self) -> Vec<usize> {
        let mut widths = vec![self.channels];
        let mut side = self.side / 2;
        while side > INNERMOST {
            widths.push(2 * widths[widths.len() - 1]);
            side /= 2;
        }
        widths
    }
}

/// An encoder, a decoder, and an encoder of what the decoder made.
#[derive(Module, Debug)]
pub(crate) struct Generator {
    encoder: Encoder,
    decoder: Decoder,
    second_encoder: Encoder,
}

/// Output of the generator.
#[derive(Debug)]
pub(crate) struct Generated {
    /// The images as reconstructed, `[images, 3, side, side]` in [-1, 1].
    pub(crate) images: Tensor<4>,
    /// The latent that each was reconstructed from, `[images, latent]`.
    pub(crate) latent: Tensor<2>,
    /// The latent of the reconstruction, `[images, latent]`.
    pub(crate) second_latent: Tensor<2>,
}

impl Generator {
    /// A generator of zeros.
    pub(crate) fn zeros(shape: Shape, device: &Device) -> Self {
        Self {
            encoder: Encoder::zeros(shape, shape.latent, device),
            decoder: Decoder::zeros(shape, device),
            second_encoder: Encoder::zeros(shape, shape.latent, device),
        }
    }

    /// The same with weights drawn from `seed`.
    pub(crate) fn draw(self, seed: u64) -> Self {
        initialize::draw(self, Weights::Dcgan, seed, 0)
    }

    /// Its normalization layers.
    pub(crate) fn norms(&mut self) -> Vec<&mut BatchNorm> {
        let Self { encoder, decoder, second_encoder } = self;
        let encoders = [encoder, second_encoder].into_iter().flat_map(|e| &mut e.stages);
        let encoders = encoders.map(|stage| &mut stage.norm);
        encoders.chain(decoder.stages.iter_mut().map(|stage| &mut stage.norm)).collect()
    }

    pub(crate) fn forward(&self, images: Tensor<4>) -> Generated {
        let latent = self.encoder.forward(images).output; // [images, latent, 1, 1]
        let images = self.decoder.forward(latent.clone()); // [images, 3, side, side]
        let second_latent = self.second_encoder.forward(images.clone()).output;
        let (latent, second_latent) = (latent.flatten::<2>(1, 3), second_latent.flatten::<2>(1, 3));
        Generated { images, latent, second_latent }
    }
}

/// Tells real images from reconstructed ones.
#[derive(Module, Debug)]
pub(crate) struct Discriminator {
    encoder: Encoder,
}

/// Output of the discriminator.
#[derive(Debug)]
pub(crate) struct Judgement {
    /// Its innermost maps, `[images, channels, 4, 4]`.
    pub(crate) features: Tensor<4>,
    /// Log-odds that the images are real, `[images, 1]`.
    pub(crate) logits: Tensor<2>,
}

impl Discriminator {
    /// A discriminator with weights drawn from `seed`; `start` tells apart those drawn one after
    /// another.
    pub(crate) fn draw(shape: Shape, seed: u64, start: u32, device: &Device) -> Self {
        let zeros = Self { encoder: Encoder::zeros(shape, 1, device) };
        initialize::draw(zeros, Weights::Dcgan, seed, start)
    }

    pub(crate) fn forward(&self, images: Tensor<4>) -> Judgement {
        let Encoded { features, output } = self.encoder.forward(images);
        Judgement { features, logits: output.flatten::<2>(1, 3) }
    }
}

/// Convolutions that halve the image until 4 × 4, then a vector.
#[derive(Module, Debug)]
struct Encoder {
    first: Conv2d,
    stages: Vec<Halving>,
    last: Conv2d,
}

struct Encoded {
    /// `[images, channels, 4, 4]`
    features: Tensor<4>,
    /// `[images, outputs, 1, 1]`
    output: Tensor<4>,
}

impl Encoder {
    fn zeros(shape: Shape, outputs: usize, device: &Device) -> Self {
        let widths = shape.widths();
        Self {
            first: halving(CHANNELS, widths[0], device),
            stages: widths
                .windows(2)
                .map(|pair| Halving {
                    conv: halving(pair[0], pair[1], device),
                    norm: BatchNormConfig::new(pair[1]).init(device),
                })
                .collect(),
            last: Conv2dConfig::new([widths[widths.len() - 1], outputs], [INNERMOST, INNERMOST])
                .with_bias(false)
                .with_initializer(Initializer::Zeros)
                .init(device),
        }
    }

    fn forward(&self, images: Tensor<4>) -> Encoded {
        let mut x = leaky_relu(self.first.forward(images), LEAK); // [images, channels, side / 2, ..]
        for stage in &self.stages {
            x = leaky_relu(stage.norm.forward(stage.conv.forward(x)), LEAK); // half as wide
        }
        Encoded { output: self.last.forward(x.clone()), features: x }
    }
}

#[derive(Module, Debug)]
struct Halving {
    conv: Conv2d,
    norm: BatchNorm,
}

fn halving(inputs: usize, outputs: usize, device: &Device) -> Conv2d {
    Conv2dConfig::new([inputs, outputs], [4, 4])
        .with_stride([2, 2])
        .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
        .with_bias(false)
        .with_initializer(Initializer::Zeros)
        .init(device)
}

/// The encoder the other way round.
#[derive(Module, Debug)]
struct Decoder {
    stages: Vec<Doubling>,
    last: ConvTranspose2d,
}

impl Decoder {
    fn zeros(shape: Shape, device: &Device) -> Self {
        let mut widths = shape.widths();
        widths.reverse();
        let stage = |conv, outputs| {
            let norm = BatchNormConfig::new(outputs).init(device);
            Doubling { conv, norm }
        };
        let opening = ConvTranspose2dConfig::new([shape.latent, widths[0]], [INNERMOST, INNERMOST])
            .with_bias(false)
            .with_initializer(Initializer::Zeros)
            .init(device);
        let mut stages = vec![stage(opening, widths[0])];
        stages.extend(
            widths.windows(2).map(|pair| stage(doubling(pair[0], pair[1], device), pair[1])),
        );
        Self { stages, last: doubling(widths[widths.len() - 1], CHANNELS, device) }
    }

    fn forward(&self, latent: Tensor<4>) -> Tensor<4> {
        let mut x = latent; // [images, latent, 1, 1]
        for stage in &self.stages {
            x = relu(stage.norm.forward(stage.conv.forward(x))); // 4 wide, then twice as wide
        }
        tanh(self.last.forward(x)) // [images, 3, side, side]
    }
}

#[derive(Module, Debug)]
struct Doubling {
    conv: ConvTranspose2d,
    norm: BatchNorm,
}

fn doubling(inputs: usize, outputs: usize, device: &Device) -> ConvTranspose2d {
    ConvTranspose2dConfig::new([inputs, outputs], [4, 4])
        .with_stride([2, 2])
        .with_padding([1, 1])
        .with_bias(false)
        .with_initializer(Initializer::Zeros)
        .init(device)
}
