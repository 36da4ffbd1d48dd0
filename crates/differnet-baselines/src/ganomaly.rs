//! GANomaly: an autoencoder trained against a discriminator, and an encoder of what it made.
//!
//! Akcay, Atapour-Abarghouei and Breckon, "GANomaly: Semi-Supervised Anomaly Detection via
//! Adversarial Training", ACCV 2018. Good images come back as they were, and their latents with
//! them; the score is how far the latent of the reconstruction is from that of the image.

mod networks;

use std::collections::BTreeMap;
use std::path::Path;

use burn::config::Config;
use burn::module::Module;
use burn::tensor::activation::softplus;
use burn::tensor::{Device, Tensor};
use differnet_progress::Monitor;

use crate::batch_norm;
use crate::error::BaselineError;
use crate::ganomaly::networks::{Discriminator, Generated, Generator, Shape};
use crate::images::Images;
use crate::network_file::{self, Opened};
use crate::optimizer::{self, Optimizer};
use crate::parameters::{Parameters, fill, host_values};
use crate::range;
use crate::scorer::{FittedModel, PixelScorer, finite_scores};
use crate::updates::{self, Schedule};

const METHOD: &str = "ganomaly";
const GENERATOR: &str = "generator";
/// Loss of a discriminator below which it starts anew; the authors' program.
const TOO_GOOD: f64 = 1e-5;
/// Images that are scored at once.
const CHUNK: usize = 64;

/// Settings of [`Ganomaly`]; the defaults are the paper's.
#[derive(Config, Debug, Copy, PartialEq)]
pub struct GanomalyConfig {
    /// Width and height of the images, in pixels; a power of two from 8. The paper's for
    /// photographs of baggage; 32 for CIFAR-10.
    #[config(default = 64)]
    pub side: usize,
    /// Channels after the first convolution; the authors' program.
    #[config(default = 64)]
    pub channels: usize,
    /// Width of the latent vector; the authors' program.
    #[config(default = 100)]
    pub latent: usize,
    /// Updates of both networks. The authors' program makes 15 epochs, which are 10547 updates for
    /// nine of CIFAR-10's ten classes.
    #[config(default = 10547)]
    pub updates: usize,
    /// Images in an update; the authors' program.
    #[config(default = 64)]
    pub batch_size: usize,
    /// Adam's step size; the paper's.
    #[config(default = 2e-4)]
    pub learning_rate: f64,
    /// Decay of Adam's running mean of gradients; the paper's.
    #[config(default = 0.5)]
    pub beta_1: f64,
    /// Decay of Adam's running mean of squared gradients; the paper's.
    #[config(default = 0.999)]
    pub beta_2: f64,
    /// Weight of the adversarial loss; the paper's.
    #[config(default = 1.0)]
    pub adversarial: f64,
    /// Weight of the contextual loss; the paper's.
    #[config(default = 50.0)]
    pub contextual: f64,
    /// Weight of the encoder loss; the paper's.
    #[config(default = 1.0)]
    pub encoder: f64,
}

impl GanomalyConfig {
    /// Settings for minutes on two cores: small pictures and narrow networks, so that there is time
    /// for the updates that adversarial training needs.
    pub fn quick() -> Self {
        Self::new().with_side(32).with_channels(32).with_updates(2400)
    }

    /// Checks every setting's range.
    ///
    /// # Errors
    /// [`BaselineError::Config`] names the first that is out of range.
    pub fn validate(&self) -> Result<(), BaselineError> {
        range::side(self.side, 16)?;
        range::check("channels", self.channels, "from 1 to 512", |c| (1..=512).contains(&c))?;
        range::check("latent", self.latent, "from 1 to 4096", |l| (1..=4096).contains(&l))?;
        range::count("updates", self.updates)?;
        range::count("batch_size", self.batch_size)?;
        range::positive("learning_rate", self.learning_rate)?;
        range::decay("beta_1", self.beta_1)?;
        range::decay("beta_2", self.beta_2)?;
        range::not_negative("adversarial", self.adversarial)?;
        range::not_negative("contextual", self.contextual)?;
        range::not_negative("encoder", self.encoder)
    }

    /// A detector fitted to good images.
    ///
    /// The loss that `monitor` sees is the contextual one: the mean absolute difference between
    /// images and reconstructions, on a scale from -1 to 1.
    ///
    /// # Errors
    /// A [`BaselineError`] if a setting is out of range, if there are no images or not of this
    /// size, if a loss overflows, or if `monitor` cancels.
    pub fn fit(
        &self,
        images: &Images<'_>,
        seed: u64,
        device: &Device,
        monitor: &Monitor<'_>,
    ) -> Result<Ganomaly, BaselineError> {
        self.validate()?;
        images.require(self.side)?;
        let (rows, batch_size, updates) = (images.count(), self.batch_size, self.updates);
        let schedule = Schedule { rows, batch_size, updates };
        let mut game = Game::new(self, seed, device);
        let autodiff = device.clone().autodiff();
        updates::run(schedule, seed, monitor, |update, rows| {
            game.update(images.batch(rows, &autodiff), update)
        })?;
        let batches = updates::epoch(schedule, seed);
        let batches = batches.iter().map(|rows| images.batch(rows, &autodiff));
        let norms = Generator::norms;
        let generator = batch_norm::reestimate(game.generator, norms, batches, |g, batch| {
            g.forward(batch);
        });
        Ok(Ganomaly { config: *self, seed, generator })
    }

    fn shape(&self) -> Shape {
        Shape { side: self.side, channels: self.channels, latent: self.latent }
    }
}

/// Both networks while they train against each other.
struct Game<'a> {
    config: &'a GanomalyConfig,
    seed: u64,
    device: Device,
    generator: Generator,
    generator_adam: Optimizer,
    discriminator: Discriminator,
    discriminator_adam: Optimizer,
    /// Discriminators drawn so far.
    discriminators: u32,
}

impl<'a> Game<'a> {
    fn new(config: &'a GanomalyConfig, seed: u64, device: &Device) -> Self {
        let adam = || Optimizer::adam(config.learning_rate, config.beta_1, config.beta_2);
        Self {
            config,
            seed,
            device: device.clone(),
            generator: Generator::zeros(config.shape(), device).draw(seed).train(),
            generator_adam: adam(),
            discriminator: Discriminator::draw(config.shape(), seed, 1, device).train(),
            discriminator_adam: adam(),
            discriminators: 1,
        }
    }

    /// One update of each network on `real`, `[batch, 3, side, side]`; returns the contextual loss.
    fn update(&mut self, real: Tensor<4>, update: usize) -> Result<f64, BaselineError> {
        let generated = self.generator.forward(real.clone());
        let fake = generated.images.clone().detach();
        // The generator's update needs no gradients of the discriminator's weights.
        let judge = self.discriminator.clone().no_grad();
        let wanted = judge.forward(real.clone()).features.detach();
        let features = judge.forward(generated.images.clone()).features;
        let adversarial = mean_square(features - wanted);
        let contextual = (generated.images - real.clone()).abs().mean();
        let encoder = mean_square(generated.latent - generated.second_latent);
        let loss = adversarial * self.config.adversarial
            + contextual.clone() * self.config.contextual
            + encoder * self.config.encoder;
        optimizer::finite(&loss, update)?;
        let generator = self.generator.clone();
        self.generator = self.generator_adam.step(generator, &mut loss.backward());

        self.update_discriminator(real, fake, update)?;
        optimizer::finite(&contextual, update)
    }

    fn update_discriminator(
        &mut self,
        real: Tensor<4>,
        fake: Tensor<4>,
        update: usize,
    ) -> Result<(), BaselineError> {
        // Binary cross-entropy of log-odds: -log σ(l) = softplus(-l), -log(1 - σ(l)) = softplus(l).
        let real = softplus(self.discriminator.forward(real).logits.neg(), 1.0).mean();
        let fake = softplus(self.discriminator.forward(fake).logits, 1.0).mean();
        let loss = (real + fake) * 0.5;
        let value = optimizer::finite(&loss, update)?;
        let discriminator = self.discriminator.clone();
        self.discriminator = self.discriminator_adam.step(discriminator, &mut loss.backward());
        if value < TOO_GOOD {
            self.discriminators += 1;
            let (shape, start) = (self.config.shape(), self.discriminators);
            self.discriminator = Discriminator::draw(shape, self.seed, start, &self.device).train();
        }
        Ok(())
    }
}

/// A generator that has learned good images.
///
/// The score of an image is ‖z − ẑ‖ (Eq. 5). Normalization layers use the statistics of the training
/// images under the final weights, so that an image's score depends on no other test image.
#[derive(Debug)]
pub struct Ganomaly {
    config: GanomalyConfig,
    seed: u64,
    generator: Generator,
}

impl Ganomaly {
    /// The settings it was fitted with.
    pub fn config(&self) -> &GanomalyConfig {
        &self.config
    }

    /// The model that [`save`](FittedModel::save) wrote to `path`, on `device`.
    ///
    /// # Errors
    /// A [`BaselineError`] that names the file, the metadata key or the tensor at fault.
    pub fn load(path: &Path, device: &Device) -> Result<Self, BaselineError> {
        let Opened { mut file, config, seed } = network_file::open::<GanomalyConfig>(path, METHOD)?;
        config.validate()?;
        let zeros = Generator::zeros(config.shape(), device);
        let generator = fill(&mut file, GENERATOR, zeros)?.valid();
        file.finish()?;
        Ok(Self { config, seed, generator })
    }
}

impl FittedModel for Ganomaly {
    fn facts(&self) -> Vec<(&'static str, String)> {
        vec![("parameters", self.generator.num_params().to_string())]
    }

    fn save(&self, path: &Path, metadata: &BTreeMap<String, String>) -> Result<(), BaselineError> {
        let mut parameters = Parameters::default();
        parameters.add(GENERATOR, &self.generator);
        network_file::save(path, METHOD, &self.config, self.seed, &parameters, metadata)
    }
}

impl PixelScorer for Ganomaly {
    fn side(&self) -> usize {
        self.config.side
    }

    fn scores(&self, images: &Images<'_>) -> Result<Vec<f64>, BaselineError> {
        images.require(self.config.side)?;
        let device = self.generator.devices().remove(0);
        let numbers: Vec<usize> = (0..images.count()).collect();
        let mut scores = Vec::with_capacity(images.count());
        for numbers in numbers.chunks(CHUNK) {
            let generated = self.generator.forward(images.batch(numbers, &device));
            scores.extend(distances(generated).into_iter().map(f64::from));
        }
        finite_scores(scores)
    }
}

/// ‖z − ẑ‖ of each image (Eq. 5).
fn distances(generated: Generated) -> Vec<f32> {
    let difference = generated.latent - generated.second_latent; // [images, latent]
    host_values(difference.square().sum_dim(1).sqrt()) // [images, 1]
}

/// The mean of the squares of all elements, `[1]`.
fn mean_square<const D: usize>(difference: Tensor<D>) -> Tensor<1> {
    difference.square().mean()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_of_the_only_batch_score_as_the_network_in_training_has_them() {
        let (count, side) = (8, 16);
        let config = GanomalyConfig::new()
            .with_side(side)
            .with_channels(4)
            .with_latent(6)
            .with_batch_size(count)
            .with_updates(3)
            .with_learning_rate(2e-3);
        let bytes = count * side * side * 3;
        let pixels: Vec<u8> = (0..bytes).map(|index| (index * index / 7 % 251) as u8).collect();
        let images = Images::new(&pixels, side).unwrap();
        let device = Device::flex();
        let model = config.fit(&images, 1, &device, &Monitor::silent()).unwrap();
        let scores = model.scores(&images).unwrap();

        // On a device that records gradients, layers normalize by the batch itself.
        let batch = images.batch(&[0, 1, 2, 3, 4, 5, 6, 7], &device.autodiff());
        let expected = distances(model.generator.clone().train().forward(batch));
        assert_eq!(scores.len(), count);
        for (score, expected) in scores.into_iter().zip(expected) {
            let expected = f64::from(expected);
            // Sums of f32 in another order; running means of training are off by a tenth and more.
            assert!((score - expected).abs() < 1e-3 * expected, "{score}, {expected}");
        }
    }
}
