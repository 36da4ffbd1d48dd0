//! DSEBM: an energy that is low where good images are.
//!
//! Zhai, Cheng, Lu and Zhang, "Deep Structured Energy Based Models for Anomaly Detection", ICML 2016.
//! The energy of an image x is `½ ‖x − b‖² − Σ h(x)` with the non-negative outputs h of a
//! convolutional network. Its downhill step `x − ∂E/∂x` is learned to take noise away again, which is
//! score matching.
//!
//! The paper leaves the convolutional network open. Ours is the one that Golan and El-Yaniv 2018 give
//! it in the comparison that the DifferNet paper's Table 2 resembles, without its normalization
//! layers: with them an image's energy in training would depend on the images beside it, and its
//! slope would no longer be its own. Softplus takes the place of its ReLU, whose slope has steps.

use std::collections::BTreeMap;
use std::path::Path;

use burn::config::Config;
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use differnet_progress::Monitor;
use serde::{Deserialize, Serialize};

use crate::error::BaselineError;
use crate::images::{self, CHANNELS, Images};
use crate::initialize::{self, Weights};
use crate::network_file::{self, Opened};
use crate::optimizer::{self, Optimizer};
use crate::parameters::{Parameters, fill, host_values};
use crate::potential::{Activation, Evaluated, Potential};
use crate::range;
use crate::rng::{self, Purpose};
use crate::scorer::{FittedModel, PixelScorer, finite_scores};
use crate::updates::{self, Schedule};

const METHOD: &str = "dsebm";
const ENERGY: &str = "energy";
/// Images that are scored at once.
const CHUNK: usize = 128;

/// Criterion of the paper that becomes the score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DsebmScore {
    /// The energy, which is the negative log-likelihood up to a constant (DSEBM-e).
    Energy,
    /// Distance that the energy's slope moves the image, `‖∂E/∂x‖` (DSEBM-r).
    Reconstruction,
}

/// Settings of [`Dsebm`].
#[derive(Config, Debug, Copy, PartialEq)]
pub struct DsebmConfig {
    /// Width and height of the images, in pixels; a multiple of 8. The paper's for CIFAR-10.
    #[config(default = 32)]
    pub side: usize,
    /// Channels after the first convolution, doubled by the second and the third; Golan and
    /// El-Yaniv's.
    #[config(default = 64)]
    pub channels: usize,
    /// Outputs of the network, whose sum lowers the energy; Golan and El-Yaniv's.
    #[config(default = 256)]
    pub outputs: usize,
    /// Updates of the network. Golan and El-Yaniv train 200 epochs, which are 8000 updates for one
    /// of CIFAR-10's classes of 5000 images.
    #[config(default = 8000)]
    pub updates: usize,
    /// Images in an update; Golan and El-Yaniv's.
    #[config(default = 128)]
    pub batch_size: usize,
    /// Adam's step size; Kingma and Ba's, which Golan and El-Yaniv take.
    #[config(default = 1e-3)]
    pub learning_rate: f64,
    /// Standard deviation of the noise, on a scale where black is -1 and white is 1; Golan and
    /// El-Yaniv's.
    #[config(default = 0.5)]
    pub noise: f64,
    /// The score. The paper offers both; on photographs of tiles and of bottles the reconstruction was
    /// the better one.
    #[config(default = "DsebmScore::Reconstruction")]
    pub score: DsebmScore,
}

impl DsebmConfig {
    /// Settings for minutes on two cores.
    pub fn quick() -> Self {
        Self::new().with_updates(1200)
    }

    /// Checks every setting's range.
    ///
    /// # Errors
    /// [`BaselineError::Config`] names the first that is out of range.
    pub fn validate(&self) -> Result<(), BaselineError> {
        range::side(self.side, 8)?;
        range::check("channels", self.channels, "from 1 to 512", |c| (1..=512).contains(&c))?;
        range::check("outputs", self.outputs, "from 1 to 4096", |o| (1..=4096).contains(&o))?;
        range::count("updates", self.updates)?;
        range::count("batch_size", self.batch_size)?;
        range::positive("learning_rate", self.learning_rate)?;
        range::positive("noise", self.noise)
    }

    /// A detector fitted to good images.
    ///
    /// The loss that `monitor` sees is the mean squared difference between images and what is made
    /// of them with noise, on a scale from -1 to 1.
    ///
    /// # Errors
    /// A [`BaselineError`] if a setting is out of range, if there are no images or not of this
    /// size, if the loss overflows, or if `monitor` cancels.
    pub fn fit(
        &self,
        images: &Images<'_>,
        seed: u64,
        device: &Device,
        monitor: &Monitor<'_>,
    ) -> Result<Dsebm, BaselineError> {
        self.validate()?;
        images.require(self.side)?;
        let mut energy = initialize::draw(self.energy(device), Weights::Glorot, seed, 0).train();
        let mut adam = Optimizer::adam(self.learning_rate, 0.9, 0.999);
        let autodiff = device.clone().autodiff();
        let (rows, batch_size, updates) = (images.count(), self.batch_size, self.updates);
        let schedule = Schedule { rows, batch_size, updates };
        updates::run(schedule, seed, monitor, |update, rows| {
            let good = images.batch(rows, &autodiff); // [batch, 3, side, side]
            let mut rng = rng::stream(seed, Purpose::Noise, update as u64);
            let values = rng.normal(rows.len() * CHANNELS * self.side * self.side);
            let noise = images::to_tensor(values, self.side, &autodiff) * self.noise;
            let cleaned = energy.evaluate(good.clone() + noise).downhill();
            let loss = (cleaned - good).square().mean(); // [1]
            let value = optimizer::finite(&loss, update)?;
            energy = adam.step(energy.clone(), &mut loss.backward());
            Ok(value)
        })?;
        Ok(Dsebm { config: *self, seed, energy: energy.valid() })
    }

    /// An energy of zeros.
    fn energy(&self, device: &Device) -> Energy {
        let channels = [self.channels, 2 * self.channels, 4 * self.channels];
        let softplus = Activation::Softplus;
        let center = Tensor::zeros([1, CHANNELS, self.side, self.side], device);
        Energy {
            network: Potential::zeros(self.side, &channels, self.outputs, softplus, device),
            center: Param::from_tensor(center),
        }
    }
}

/// The energy of an image.
#[derive(Module, Debug)]
struct Energy {
    network: Potential,
    /// b, `[1, 3, side, side]`.
    center: Param<Tensor<4>>,
}

/// Images and what the energy's network makes of them.
struct Point<'a> {
    energy: &'a Energy,
    images: Tensor<4>,
    evaluated: Evaluated,
}

impl Energy {
    /// - `images`: `[images, 3, side, side]`
    fn evaluate(&self, images: Tensor<4>) -> Point<'_> {
        Point { energy: self, evaluated: self.network.evaluate(images.clone()), images }
    }
}

impl Point<'_> {
    /// `½ ‖x − b‖² − Σ h`, `[images]`.
    fn energy(&self) -> Tensor<1> {
        let away = self.images.clone() - self.energy.center.val(); // [images, 3, side, side]
        let away = away.square().flatten::<2>(1, 3).sum_dim(1); // [images, 1]
        let outputs = Activation::Softplus.value(self.evaluated.outputs.clone()); // [images, outputs]
        (away * 0.5 - outputs.sum_dim(1)).squeeze_dim(1)
    }

    /// `x − ∂E/∂x = b + ∂(Σ h)/∂x`, `[images, 3, side, side]`.
    fn downhill(&self) -> Tensor<4> {
        let weights = Activation::Softplus.slope(self.evaluated.outputs.clone());
        self.energy.network.slope(&self.evaluated, weights) + self.energy.center.val()
    }

    /// `‖∂E/∂x‖`, `[images]`.
    fn residual(&self) -> Tensor<1> {
        let residual = self.images.clone() - self.downhill(); // [images, 3, side, side]
        residual.square().flatten::<2>(1, 3).sum_dim(1).sqrt().squeeze_dim(1)
    }
}

/// An energy that is low where good images are.
#[derive(Debug)]
pub struct Dsebm {
    config: DsebmConfig,
    seed: u64,
    energy: Energy,
}

impl Dsebm {
    /// The settings it was fitted with.
    pub fn config(&self) -> &DsebmConfig {
        &self.config
    }

    /// An anomaly score of each image by either criterion.
    ///
    /// # Errors
    /// A [`BaselineError`] if the images have another size, or if a score is not finite.
    pub fn scores_by(
        &self,
        images: &Images<'_>,
        score: DsebmScore,
    ) -> Result<Vec<f64>, BaselineError> {
        images.require(self.config.side)?;
        let device = self.energy.devices().remove(0);
        let numbers: Vec<usize> = (0..images.count()).collect();
        let mut scores = Vec::with_capacity(images.count());
        for numbers in numbers.chunks(CHUNK) {
            let point = self.energy.evaluate(images.batch(numbers, &device));
            let values = match score {
                DsebmScore::Energy => point.energy(),
                DsebmScore::Reconstruction => point.residual(),
            };
            scores.extend(host_values(values).into_iter().map(f64::from));
        }
        finite_scores(scores)
    }

    /// The model that [`save`](FittedModel::save) wrote to `path`, on `device`.
    ///
    /// # Errors
    /// A [`BaselineError`] that names the file, the metadata key or the tensor at fault.
    pub fn load(path: &Path, device: &Device) -> Result<Self, BaselineError> {
        let Opened { mut file, config, seed } = network_file::open::<DsebmConfig>(path, METHOD)?;
        config.validate()?;
        let energy = fill(&mut file, ENERGY, config.energy(device))?.valid();
        file.finish()?;
        Ok(Self { config, seed, energy })
    }
}

impl FittedModel for Dsebm {
    fn facts(&self) -> Vec<(&'static str, String)> {
        vec![("parameters", self.energy.num_params().to_string())]
    }

    fn save(&self, path: &Path, metadata: &BTreeMap<String, String>) -> Result<(), BaselineError> {
        let mut parameters = Parameters::default();
        parameters.add(ENERGY, &self.energy);
        network_file::save(path, METHOD, &self.config, self.seed, &parameters, metadata)
    }
}

impl PixelScorer for Dsebm {
    fn side(&self) -> usize {
        self.config.side
    }

    fn scores(&self, images: &Images<'_>) -> Result<Vec<f64>, BaselineError> {
        self.scores_by(images, self.config.score)
    }
}
