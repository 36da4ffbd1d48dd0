//! ADGAN: a generator of good images, and a search for the latent that makes a given one.
//!
//! The DifferNet paper names "ADGAN: A scalable GAN-based architecture for image anomaly detection"
//! (Cheng et al. 2020), whose text and program are not public. The method known by that name is
//! Deecke et al., "Image Anomaly Detection with Generative Adversarial Networks", ECML 2018: a search
//! in latent space, without an encoder. It is also the ADGAN of Golan and El-Yaniv 2018, whose other
//! competitors are those of the DifferNet paper's Table 2, so this is what we built, with their
//! settings: a Wasserstein critic with gradient penalty, and a search that also adapts a copy of the
//! generator to the image.

mod generator;
mod search;

use std::collections::BTreeMap;
use std::path::Path;

use burn::config::Config;
use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use differnet_progress::Monitor;

use crate::adgan::generator::Generator;
use crate::adgan::search::Search;
use crate::error::BaselineError;
use crate::images::Images;
use crate::initialize::{self, Weights};
use crate::network_file::{self, Opened};
use crate::optimizer::{self, Optimizer};
use crate::parameters::{Parameters, fill};
use crate::potential::{Activation, Potential};
use crate::range;
use crate::rng::{self, Purpose};
use crate::scorer::{FittedModel, PixelScorer, finite_scores};
use crate::updates::{self, Schedule};

const METHOD: &str = "adgan";
const GENERATOR: &str = "generator";

/// Settings of [`Adgan`]; the defaults are those of Golan and El-Yaniv 2018 where nothing else is
/// said.
#[derive(Config, Debug, Copy, PartialEq)]
pub struct AdganConfig {
    /// Width and height of the images, in pixels; a power of two from 8. Theirs for CIFAR-10.
    #[config(default = 32)]
    pub side: usize,
    /// Channels of the outermost maps; inner ones have up to four times as many.
    #[config(default = 64)]
    pub channels: usize,
    /// Width of the latent vector.
    #[config(default = 256)]
    pub latent: usize,
    /// Updates of the critic; the generator makes one for each `critic_updates` of them. Theirs: 100
    /// epochs of 100 updates of the generator, two of the critic each.
    #[config(default = 20_000)]
    pub updates: usize,
    /// Updates of the critic for each of the generator.
    #[config(default = 2)]
    pub critic_updates: usize,
    /// Images in an update.
    #[config(default = 128)]
    pub batch_size: usize,
    /// Adam's step size for both networks.
    #[config(default = 1e-4)]
    pub learning_rate: f64,
    /// Decay of Adam's running mean of gradients.
    #[config(default = 0.0)]
    pub beta_1: f64,
    /// Decay of Adam's running mean of squared gradients.
    #[config(default = 0.9)]
    pub beta_2: f64,
    /// Weight of the gradient penalty.
    #[config(default = 20.0)]
    pub penalty: f64,
    /// Latents that a search starts from.
    #[config(default = 8)]
    pub starts: usize,
    /// Steps of a search.
    #[config(default = 5)]
    pub steps: usize,
    /// Adam's step size for the latents.
    #[config(default = 0.25)]
    pub search_rate: f64,
    /// Adam's step size for the copy of the generator that a search adapts; 0 leaves it as it is.
    /// Theirs, except that the starts of an image share one copy, which is as many times faster.
    #[config(default = 5e-5)]
    pub adaptation: f64,
}

impl AdganConfig {
    /// Settings for minutes on two cores.
    pub fn quick() -> Self {
        Self::new().with_updates(2000)
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
        range::count("critic_updates", self.critic_updates)?;
        range::count("batch_size", self.batch_size)?;
        range::positive("learning_rate", self.learning_rate)?;
        range::decay("beta_1", self.beta_1)?;
        range::decay("beta_2", self.beta_2)?;
        range::not_negative("penalty", self.penalty)?;
        range::check("starts", self.starts, "from 1 to 1024", |s| (1..=1024).contains(&s))?;
        range::count("steps", self.steps)?;
        range::positive("search_rate", self.search_rate)?;
        range::not_negative("adaptation", self.adaptation)
    }

    /// A detector fitted to good images.
    ///
    /// The loss that `monitor` sees is the critic's without its penalty: how much higher it values
    /// generated than real images, an estimate of their Wasserstein distance with the sign reversed.
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
    ) -> Result<Adgan, BaselineError> {
        self.validate()?;
        images.require(self.side)?;
        let (rows, batch_size, updates) = (images.count(), self.batch_size, self.updates);
        let schedule = Schedule { rows, batch_size, updates };
        let mut game = Game::new(self, seed, device);
        let autodiff = device.clone().autodiff();
        updates::run(schedule, seed, monitor, |update, rows| {
            let loss = game.update_critic(images.batch(rows, &autodiff), update)?;
            if (update + 1).is_multiple_of(self.critic_updates) {
                game.update_generator(rows.len(), update)?;
            }
            Ok(loss)
        })?;
        Ok(Adgan { config: *self, seed, generator: game.generator.valid() })
    }

    fn generator(&self, device: &Device) -> Generator {
        Generator::zeros(self.side, self.channels, self.latent, device)
    }

    /// A critic with weights drawn from `seed`.
    fn critic(&self, seed: u64, device: &Device) -> Potential {
        let mut channels = Vec::new();
        let mut side = self.side;
        while side > 4 {
            channels.push(self.channels << channels.len().min(3));
            side /= 2;
        }
        let zeros = Potential::zeros(self.side, &channels, 1, Activation::LeakyRelu, device);
        initialize::draw(zeros, Weights::Glorot, seed, 1)
    }
}

/// Generator and critic while they train against each other.
struct Game<'a> {
    config: &'a AdganConfig,
    seed: u64,
    device: Device,
    generator: Generator,
    generator_adam: Optimizer,
    critic: Potential,
    critic_adam: Optimizer,
}

impl<'a> Game<'a> {
    fn new(config: &'a AdganConfig, seed: u64, device: &Device) -> Self {
        let adam = || Optimizer::adam(config.learning_rate, config.beta_1, config.beta_2);
        Self {
            config,
            seed,
            device: device.clone().autodiff(),
            generator: config.generator(device).draw(seed).train(),
            generator_adam: adam(),
            critic: config.critic(seed, device).train(),
            critic_adam: adam(),
        }
    }

    /// One update of the critic on `real`, `[batch, 3, side, side]`; returns its loss.
    fn update_critic(&mut self, real: Tensor<4>, update: usize) -> Result<f64, BaselineError> {
        let [batch, ..] = real.dims();
        let fake = self.generator.forward(self.latents(batch, 2 * update)).detach();
        let mut rng = rng::stream(self.seed, Purpose::Interpolation, update as u64);
        let shares: Vec<f32> = (0..batch).map(|_| rng.unit()).collect();
        let shares = TensorData::new(shares, [batch, 1, 1, 1]);
        let shares = Tensor::<4>::from_data(shares, &self.device); // [batch, 1, 1, 1]
        let between = real.clone() * shares.clone() + fake.clone() * (shares.neg() + 1.0);

        let value = |images| self.critic.evaluate(images).outputs.mean();
        let loss = value(fake) - value(real);
        let ones = Tensor::ones([batch, 1], &self.device);
        let slope = self.critic.slope(&self.critic.evaluate(between), ones);
        // The root has no slope at zero, so it is kept just above.
        let steepness = (slope.square().flatten::<2>(1, 3).sum_dim(1) + 1e-12).sqrt(); // [batch, 1]
        let penalty = (steepness - 1.0).square().mean();
        let total = loss.clone() + penalty * self.config.penalty;
        optimizer::finite(&total, update)?;
        self.critic = self.critic_adam.step(self.critic.clone(), &mut total.backward());
        optimizer::finite(&loss, update)
    }

    /// One update of the generator with `batch` latents.
    fn update_generator(&mut self, batch: usize, update: usize) -> Result<(), BaselineError> {
        let fake = self.generator.forward(self.latents(batch, 2 * update + 1));
        // No gradients of the critic's weights are needed.
        let loss = self.critic.clone().no_grad().evaluate(fake).outputs.mean().neg();
        optimizer::finite(&loss, update)?;
        let generator = self.generator.clone();
        self.generator = self.generator_adam.step(generator, &mut loss.backward());
        Ok(())
    }

    /// Standard normal latents `[batch, latent]`, those of draw `index`.
    fn latents(&self, batch: usize, index: usize) -> Tensor<2> {
        let mut rng = rng::stream(self.seed, Purpose::Latent, index as u64);
        let values = rng.normal(batch * self.config.latent);
        Tensor::from_data(TensorData::new(values, [batch, self.config.latent]), &self.device)
    }
}

/// A generator that makes good images.
///
/// The score of an image is the mean squared difference between it and the best that the generator
/// makes of it, averaged over the starts of the search. The starts are the same for every image.
#[derive(Debug)]
pub struct Adgan {
    config: AdganConfig,
    seed: u64,
    generator: Generator,
}

impl Adgan {
    /// The settings it was fitted with.
    pub fn config(&self) -> &AdganConfig {
        &self.config
    }

    /// The model that [`save`](FittedModel::save) wrote to `path`, on `device`.
    ///
    /// # Errors
    /// A [`BaselineError`] that names the file, the metadata key or the tensor at fault.
    pub fn load(path: &Path, device: &Device) -> Result<Self, BaselineError> {
        let Opened { mut file, config, seed } = network_file::open::<AdganConfig>(path, METHOD)?;
        config.validate()?;
        let generator = fill(&mut file, GENERATOR, config.generator(device))?.valid();
        file.finish()?;
        Ok(Self { config, seed, generator })
    }
}

impl FittedModel for Adgan {
    fn facts(&self) -> Vec<(&'static str, String)> {
        vec![("parameters", self.generator.num_params().to_string())]
    }

    fn save(&self, path: &Path, metadata: &BTreeMap<String, String>) -> Result<(), BaselineError> {
        let mut parameters = Parameters::default();
        parameters.add(GENERATOR, &self.generator);
        network_file::save(path, METHOD, &self.config, self.seed, &parameters, metadata)
    }
}

impl PixelScorer for Adgan {
    fn side(&self) -> usize {
        self.config.side
    }

    fn scores(&self, images: &Images<'_>) -> Result<Vec<f64>, BaselineError> {
        images.require(self.config.side)?;
        let (config, generator, seed) = (&self.config, &self.generator, self.seed);
        let device = generator.devices().remove(0);
        let scores = Search { config, generator, seed, device }.distances(images);
        finite_scores(scores)
    }
}
