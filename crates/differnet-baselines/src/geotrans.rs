//! GeoTrans: tells geometric transforms of good images apart, and notices where it cannot.
//!
//! Golan and El-Yaniv, "Deep Anomaly Detection Using Geometric Transformations", NeurIPS 2018. A
//! wide residual network learns which of 72 transforms an image has been through. What it answers
//! for good images follows one Dirichlet distribution a transform, fitted after training; an image
//! whose answers are unlikely under them is an anomaly.

mod dirichlet;
mod transforms;
mod wide_residual;

use std::collections::BTreeMap;
use std::path::Path;

use burn::config::Config;
use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, TensorData};
use differnet_progress::{Cancelled, Monitor, Progress, Stage};
use serde::{Deserialize, Serialize};

use crate::error::BaselineError;
use crate::geotrans::dirichlet::Moments;
use crate::geotrans::transforms::{TRANSFORMS, Transforms};
use crate::geotrans::wide_residual::WideResidual;
use crate::images::{self, Images};
use crate::network_file::{self, Opened};
use crate::optimizer::{self, Optimizer};
use crate::parameters::{HostTensor, Parameters, fill, host_values};
use crate::range;
use crate::scorer::{FittedModel, PixelScorer, finite_scores};
use crate::updates::{self, Schedule};

const METHOD: &str = "geotrans";
const NETWORK: &str = "network";
const ALPHA: &str = "alpha";
/// Transformed images that are classified at once.
const CHUNK: usize = 128;

/// Score from the classifier's log-probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GeoTransScore {
    /// Negative log-likelihood under the transforms' Dirichlet distributions (Section 3.2), up to a
    /// constant and averaged over the transforms.
    Dirichlet,
    /// Negative mean probability of the right transform (the simplified score of Section 3.2).
    Simplified,
}

/// Settings of [`GeoTrans`]; the defaults are the paper's for 32 × 32 pixels.
#[derive(Config, Debug, Copy, PartialEq)]
pub struct GeoTransConfig {
    /// Width and height of the images, in pixels; a multiple of 4. The paper's for CIFAR-10.
    #[config(default = 32)]
    pub side: usize,
    /// Layers of the residual network, 6 n + 4; WRN-10-4 as in the paper.
    #[config(default = 10)]
    pub layers: usize,
    /// Its widening factor; WRN-10-4 as in the paper.
    #[config(default = 4)]
    pub widening: usize,
    /// Updates of the network. The paper visits each transform of each image ⌈200 / 72⌉ times, which
    /// is 8438 updates for one of CIFAR-10's classes of 5000 images.
    #[config(default = 8438)]
    pub updates: usize,
    /// Transformed images in an update; the paper's.
    #[config(default = 128)]
    pub batch_size: usize,
    /// Adam's step size; Kingma and Ba's, which the authors' program takes.
    #[config(default = 1e-3)]
    pub learning_rate: f64,
    /// L2 penalty; that of the authors' residual network.
    #[config(default = 5e-4)]
    pub weight_decay: f64,
    /// The score; the paper's main one.
    #[config(default = "GeoTransScore::Dirichlet")]
    pub score: GeoTransScore,
}

impl GeoTransConfig {
    /// Settings for minutes on two cores.
    pub fn quick() -> Self {
        Self::new().with_widening(2).with_updates(1000)
    }

    /// Checks every setting's range.
    ///
    /// # Errors
    /// [`BaselineError::Config`] names the first that is out of range.
    pub fn validate(&self) -> Result<(), BaselineError> {
        range::side(self.side, 4)?;
        range::check("layers", self.layers, "6 n + 4, from 10 to 100", |layers| {
            (10..=100).contains(&layers) && layers % 6 == 4
        })?;
        range::check("widening", self.widening, "from 1 to 16", |w| (1..=16).contains(&w))?;
        range::count("updates", self.updates)?;
        range::count("batch_size", self.batch_size)?;
        range::positive("learning_rate", self.learning_rate)?;
        range::not_negative("weight_decay", self.weight_decay)
    }

    /// A detector fitted to good images.
    ///
    /// The loss that `monitor` sees is the classifier's cross-entropy, in nats.
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
    ) -> Result<GeoTrans, BaselineError> {
        self.validate()?;
        images.require(self.side)?;
        let transforms = Transforms::new(self.side);
        let network = self.network(device).draw(seed).train();
        let network = self.train(network, images, &transforms, seed, device, monitor)?;
        let mut model = GeoTrans { config: *self, seed, network, transforms, alpha: Vec::new() };
        if self.score == GeoTransScore::Dirichlet {
            model.calibrate(images, monitor)?;
        }
        Ok(model)
    }

    fn network(&self, device: &Device) -> WideResidual {
        WideResidual::zeros((self.layers - 4) / 6, self.widening, TRANSFORMS, device)
    }

    /// The network after all updates.
    fn train(
        &self,
        mut network: WideResidual,
        images: &Images<'_>,
        transforms: &Transforms,
        seed: u64,
        device: &Device,
        monitor: &Monitor<'_>,
    ) -> Result<WideResidual, BaselineError> {
        let device = device.clone().autodiff();
        let mut adam = Optimizer::decaying(self.learning_rate, 0.9, 0.999, self.weight_decay);
        let (rows, batch_size, updates) =
            (images.count() * TRANSFORMS, self.batch_size, self.updates);
        let schedule = Schedule { rows, batch_size, updates };
        updates::run(schedule, seed, monitor, |update, rows| {
            let mut values = Vec::new();
            for row in rows {
                transforms.append(row % TRANSFORMS, images.image(row / TRANSFORMS), &mut values);
            }
            let labels: Vec<i64> = rows.iter().map(|row| (row % TRANSFORMS) as i64).collect();
            let labels = TensorData::new(labels, [rows.len(), 1]);
            let labels = Tensor::<2, Int>::from_data(labels, &device); // [batch, 1]
            let batch = images::to_tensor(values, self.side, &device); // [batch, 3, side, side]
            let loss = network.forward(batch).gather(1, labels).mean().neg(); // [1]
            let value = optimizer::finite(&loss, update)?;
            network = adam.step(network.clone(), &mut loss.backward());
            Ok(value)
        })?;
        Ok(network.valid())
    }
}

/// A classifier of transforms and what it answers for good images.
#[derive(Debug)]
pub struct GeoTrans {
    config: GeoTransConfig,
    seed: u64,
    network: WideResidual,
    transforms: Transforms,
    /// For each transform the parameters of its Dirichlet distribution, `[72, 72]`; empty for the
    /// simplified score.
    alpha: Vec<f32>,
}

impl GeoTrans {
    /// The settings it was fitted with.
    pub fn config(&self) -> &GeoTransConfig {
        &self.config
    }

    /// The model that [`save`](FittedModel::save) wrote to `path`, on `device`.
    ///
    /// # Errors
    /// A [`BaselineError`] that names the file, the metadata key or the tensor at fault.
    pub fn load(path: &Path, device: &Device) -> Result<Self, BaselineError> {
        let Opened { mut file, config, seed } = network_file::open::<GeoTransConfig>(path, METHOD)?;
        config.validate()?;
        let network = fill(&mut file, NETWORK, config.network(device))?.valid();
        let alpha = match config.score {
            GeoTransScore::Dirichlet => file.singles(ALPHA, &[TRANSFORMS, TRANSFORMS])?,
            GeoTransScore::Simplified => Vec::new(),
        };
        file.finish()?;
        let transforms = Transforms::new(config.side);
        Ok(Self { config, seed, network, transforms, alpha })
    }

    /// Fits the Dirichlet distributions.
    fn calibrate(&mut self, images: &Images<'_>, monitor: &Monitor<'_>) -> Result<(), Cancelled> {
        let total = images.count() * TRANSFORMS;
        let mut alpha = Vec::with_capacity(TRANSFORMS * TRANSFORMS);
        for transform in 0..TRANSFORMS {
            let mut moments = Moments::new(TRANSFORMS);
            self.answers(images, transform, |_, answers| {
                moments.add(answers.iter().map(|&answer| f64::from(answer)));
            });
            alpha.extend(moments.most_likely().into_iter().map(|alpha| alpha as f32));
            let done = (transform + 1) * images.count();
            monitor.report(Progress::new(Stage::BatchStatistics, done, total))?;
        }
        self.alpha = alpha;
        Ok(())
    }

    /// Passes each image's number and the log-probabilities of its transform to `visit`.
    fn answers(&self, images: &Images<'_>, transform: usize, mut visit: impl FnMut(usize, &[f32])) {
        let device = self.network.devices().remove(0);
        let numbers: Vec<usize> = (0..images.count()).collect();
        for numbers in numbers.chunks(CHUNK) {
            let mut values = Vec::new();
            for &number in numbers {
                self.transforms.append(transform, images.image(number), &mut values);
            }
            let batch = images::to_tensor(values, self.config.side, &device);
            let answers = host_values(self.network.forward(batch)); // [chunk, 72]
            for (&number, answers) in numbers.iter().zip(answers.chunks(TRANSFORMS)) {
                visit(number, answers);
            }
        }
    }

    /// Normality of these log-probabilities for this transform.
    fn normality(&self, transform: usize, answers: &[f32]) -> f64 {
        match self.config.score {
            GeoTransScore::Simplified => f64::from(answers[transform]).exp(),
            GeoTransScore::Dirichlet => {
                let alpha = &self.alpha[transform * TRANSFORMS..][..TRANSFORMS];
                let terms = alpha.iter().zip(answers);
                terms.map(|(&alpha, &log)| (f64::from(alpha) - 1.0) * f64::from(log)).sum()
            }
        }
    }
}

impl FittedModel for GeoTrans {
    fn facts(&self) -> Vec<(&'static str, String)> {
        vec![("parameters", self.network.num_params().to_string())]
    }

    fn save(&self, path: &Path, metadata: &BTreeMap<String, String>) -> Result<(), BaselineError> {
        let mut parameters = Parameters::default();
        parameters.add(NETWORK, &self.network);
        if !self.alpha.is_empty() {
            let (shape, values) = (vec![TRANSFORMS, TRANSFORMS], self.alpha.clone());
            parameters.0.insert(ALPHA.into(), HostTensor { shape, values });
        }
        network_file::save(path, METHOD, &self.config, self.seed, &parameters, metadata)
    }
}

impl PixelScorer for GeoTrans {
    fn side(&self) -> usize {
        self.config.side
    }

    fn scores(&self, images: &Images<'_>) -> Result<Vec<f64>, BaselineError> {
        images.require(self.config.side)?;
        let mut scores = vec![0.0; images.count()];
        for transform in 0..TRANSFORMS {
            self.answers(images, transform, |image, answers| {
                scores[image] -= self.normality(transform, answers) / TRANSFORMS as f64;
            });
        }
        finite_scores(scores)
    }
}
