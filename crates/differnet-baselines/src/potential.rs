//! A convolutional network whose slope along its input is computed forwards.
//!
//! Score matching and the gradient penalty of a Wasserstein critic both put the slope itself into
//! the loss. Written out as a network with tied weights, as Zhai et al. 2016 do for their energy, it
//! needs ordinary automatic differentiation only, not that of a gradient.

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Initializer, Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::activation::{leaky_relu, sigmoid, softplus};
use burn::tensor::module::conv_transpose2d;
use burn::tensor::ops::ConvTransposeOptions;
use burn::tensor::{Device, Tensor};

use crate::images::CHANNELS;

/// Slope of the leaky ReLU below zero.
const LEAK: f64 = 0.2;

/// Activation after each layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activation {
    /// log(1 + eˣ), smooth as an energy has to be.
    Softplus,
    /// x, a fifth of it below zero.
    LeakyRelu,
}

impl Activation {
    pub(crate) fn value<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Softplus => softplus(x, 1.0),
            Self::LeakyRelu => leaky_relu(x, LEAK),
        }
    }

    pub(crate) fn slope<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Softplus => sigmoid(x),
            Self::LeakyRelu => x.detach().greater_elem(0.0).float() * (1.0 - LEAK) + LEAK,
        }
    }
}

/// Convolutions that halve the image, each followed by an activation, then a dense layer.
#[derive(Module, Debug)]
pub(crate) struct Potential {
    convs: Vec<Conv2d>,
    dense: Linear,
    #[module(skip)]
    activation: Activation,
}

/// Output of a [`Potential`], and what its slope needs.
#[derive(Debug)]
pub(crate) struct Evaluated {
    /// Inputs of the activations, outermost layer first.
    inputs: Vec<Tensor<4>>,
    /// Output of the dense layer, `[images, outputs]`.
    pub(crate) outputs: Tensor<2>,
}

impl Potential {
    /// A network of zeros for images of `side` × `side` pixels, with these `channels` after each
    /// convolution.
    pub(crate) fn zeros(
        side: usize,
        channels: &[usize],
        outputs: usize,
        activation: Activation,
        device: &Device,
    ) -> Self {
        let widths = [&[CHANNELS], channels].concat();
        let conv = |pair: &[usize]| {
            Conv2dConfig::new([pair[0], pair[1]], [3, 3])
                .with_stride([2, 2])
                .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
                .with_initializer(Initializer::Zeros)
                .init(device)
        };
        let innermost = side >> channels.len();
        let flat = widths[channels.len()] * innermost * innermost;
        Self {
            convs: widths.windows(2).map(conv).collect(),
            dense: LinearConfig::new(flat, outputs)
                .with_initializer(Initializer::Zeros)
                .init(device),
            activation,
        }
    }

    /// The outputs for `images`, `[images, 3, side, side]`.
    pub(crate) fn evaluate(&self, images: Tensor<4>) -> Evaluated {
        let mut inputs = Vec::with_capacity(self.convs.len());
        let mut x = images;
        for conv in &self.convs {
            let input = conv.forward(x); // [images, channels, half, half]
            x = self.activation.value(input.clone());
            inputs.push(input);
        }
        Evaluated { inputs, outputs: self.dense.forward(x.flatten::<2>(1, 3)) }
    }

    /// Gradient of Σ `weights` · outputs to the images, `[images, 3, side, side]`.
    ///
    /// - `weights`: `[images, outputs]`
    pub(crate) fn slope(&self, evaluated: &Evaluated, weights: Tensor<2>) -> Tensor<4> {
        let flat = weights.matmul(self.dense.weight.val().transpose()); // [images, flat]
        let mut slope: Option<Tensor<4>> = None;
        for (conv, input) in self.convs.iter().zip(&evaluated.inputs).rev() {
            let arriving = slope.unwrap_or_else(|| flat.clone().reshape(input.dims()));
            let through = arriving * self.activation.slope(input.clone());
            // The convolution's own gradient: padding 1 on both sides, one more at the end because
            // halving an even width drops the last place.
            let options = ConvTransposeOptions::new([2, 2], [1, 1], [1, 1], [1, 1], 1);
            slope = Some(conv_transpose2d(through, conv.weight.val(), None, options));
        }
        slope.expect("there is at least one convolution")
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{TensorData, Tolerance};

    use super::*;
    use crate::initialize::{self, Weights};

    #[test]
    fn the_slope_is_that_of_automatic_differentiation() {
        let device = Device::flex();
        for activation in [Activation::Softplus, Activation::LeakyRelu] {
            let zeros = Potential::zeros(16, &[4, 6, 5], 3, activation, &device);
            let potential = initialize::draw(zeros, Weights::Glorot, 1, 0);
            let values: Vec<f32> = (0..2 * 3 * 256).map(|i| (i as f32 * 0.7).sin()).collect();
            let images = Tensor::<4>::from_data(TensorData::new(values, [2, 3, 16, 16]), &device);
            let weights = Tensor::<2>::from_floats([[0.5, -1.0, 2.0], [1.5, 0.2, -0.7]], &device);

            let evaluated = potential.evaluate(images.clone());
            let slope = potential.slope(&evaluated, weights.clone());

            let images = Tensor::from_inner(images).require_grad();
            let outputs = potential.train().no_grad().evaluate(images.clone()).outputs;
            let gradients = (outputs * Tensor::from_inner(weights)).sum().backward();
            let golden = images.grad(&gradients).unwrap().into_data();
            slope.into_data().assert_approx_eq::<f32>(&golden, Tolerance::absolute(1e-5));
        }
    }

    #[test]
    fn gradients_reach_the_weights_through_the_slope() {
        let zeros = Potential::zeros(8, &[2], 1, Activation::Softplus, &Device::flex());
        let potential = initialize::draw(zeros, Weights::Glorot, 1, 0).train();
        let device = Device::flex().autodiff();
        let images = Tensor::<4>::ones([1, 3, 8, 8], &device);
        let evaluated = potential.evaluate(images);
        let slope = potential.slope(&evaluated, Tensor::ones([1, 1], &device));
        let gradients = slope.square().sum().backward();
        assert!(potential.convs[0].weight.val().grad(&gradients).is_some());
        assert!(potential.dense.weight.val().grad(&gradients).is_some());
    }
}
