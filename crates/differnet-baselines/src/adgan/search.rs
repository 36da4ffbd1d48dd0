//! Looks for the latent whose image comes closest to a given one (Deecke et al. 2018, Section 3.2).

use burn::tensor::{Device, Tensor, TensorData};

use crate::adgan::AdganConfig;
use crate::adgan::generator::Generator;
use crate::images::Images;
use crate::optimizer::Optimizer;
use crate::parameters::host_values;
use crate::rng::{self, Purpose};

/// Decays of Adam's means in the search; Golan and El-Yaniv's.
const BETAS: (f64, f64) = (0.5, 0.999);
/// Images that are searched at once while the generator stays as it is.
const CHUNK: usize = 32;

/// A search that starts from the same latents for every image, so that a score depends on no other
/// image and on no order.
pub(super) struct Search<'a> {
    pub(super) config: &'a AdganConfig,
    pub(super) generator: &'a Generator,
    pub(super) seed: u64,
    pub(super) device: Device,
}

impl Search<'_> {
    /// Distance of each image to the closest ones found: the mean squared difference on a scale
    /// from -1 to 1, averaged over the starts.
    pub(super) fn distances(&self, images: &Images<'_>) -> Vec<f64> {
        let chunk = if self.config.adaptation > 0.0 { 1 } else { CHUNK };
        let numbers: Vec<usize> = (0..images.count()).collect();
        numbers.chunks(chunk).flat_map(|numbers| self.chunk(images, numbers)).collect()
    }

    fn chunk(&self, images: &Images<'_>, numbers: &[usize]) -> Vec<f64> {
        let (starts, count) = (self.config.starts, numbers.len());
        let device = self.device.clone().autodiff();
        // Every image `starts` times in a row.
        let repeated: Vec<usize> =
            numbers.iter().flat_map(|&number| std::iter::repeat_n(number, starts)).collect();
        let wanted = images.batch(&repeated, &device); // [count · starts, 3, side, side]
        let mut generator = self.generator.clone().with_frozen_norms();
        let mut generator_adam = Optimizer::adam(self.config.adaptation, BETAS.0, BETAS.1);
        let mut latents = self.starts(count);
        let mut adam = LatentAdam::new(self.config.search_rate, &latents);
        for _ in 0..self.config.steps {
            let variable = Tensor::from_inner(latents.clone()).require_grad();
            // The sum, so that each latent's gradient is that of its own image's difference.
            let loss = differences(&generator, variable.clone(), wanted.clone()).sum();
            let mut gradients = loss.backward();
            let gradient = variable.grad_remove(&mut gradients);
            let gradient = gradient.expect("the difference depends on every latent");
            latents = adam.step(latents, gradient);
            if self.config.adaptation > 0.0 {
                generator = generator_adam.step(generator, &mut gradients);
            }
        }
        let found = differences(&generator, Tensor::from_inner(latents), wanted).detach();
        let means = found.reshape([count, starts]).mean_dim(1); // [count, 1]
        host_values(means.inner()).into_iter().map(f64::from).collect()
    }

    /// The same starts for each of `count` images, `[count · starts, latent]`.
    fn starts(&self, count: usize) -> Tensor<2> {
        let (starts, latent) = (self.config.starts, self.config.latent);
        let mut rng = rng::stream(self.seed, Purpose::Start, 0);
        let values = rng.normal(starts * latent).repeat(count);
        Tensor::from_data(TensorData::new(values, [count * starts, latent]), &self.device)
    }
}

/// The mean squared difference of each generated image, `[latents]`.
fn differences(generator: &Generator, latents: Tensor<2>, wanted: Tensor<4>) -> Tensor<1> {
    let difference = generator.forward(latents) - wanted; // [latents, 3, side, side]
    difference.square().flatten::<2>(1, 3).mean_dim(1).squeeze_dim(1)
}

/// Adam on latents.
struct LatentAdam {
    rate: f64,
    steps: i32,
    first: Tensor<2>,
    second: Tensor<2>,
}

impl LatentAdam {
    fn new(rate: f64, latents: &Tensor<2>) -> Self {
        let zeros = latents.zeros_like();
        Self { rate, steps: 0, first: zeros.clone(), second: zeros }
    }

    fn step(&mut self, latents: Tensor<2>, gradient: Tensor<2>) -> Tensor<2> {
        self.steps += 1;
        let (beta_1, beta_2) = BETAS;
        self.first = self.first.clone() * beta_1 + gradient.clone() * (1.0 - beta_1);
        self.second = self.second.clone() * beta_2 + gradient.square() * (1.0 - beta_2);
        let first = self.first.clone() / (1.0 - beta_1.powi(self.steps));
        let second = self.second.clone() / (1.0 - beta_2.powi(self.steps));
        latents - first / (second.sqrt() + 1e-8) * self.rate
    }
}
