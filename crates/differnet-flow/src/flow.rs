//! The normalizing flow: a chain of coupling blocks (Section 3.1).

use burn::config::Config;
use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData, assert_shape};

use crate::coupling::CouplingBlock;
use crate::error::FlowError;
use crate::loss;
use crate::permutation::Permutation;
use crate::rng::{self, Purpose};
use crate::subnet::{Subnet, widths};

/// Hyperparameters of a [`Flow`]; the defaults are the paper's (Section 4.2).
#[derive(Config, Debug, PartialEq)]
pub struct FlowConfig {
    /// Width of the feature vector; at least 2.
    pub features: usize,
    /// Number of coupling blocks.
    #[config(default = 8)]
    pub blocks: usize,
    /// Width of the subnetworks' hidden layers.
    #[config(default = 2048)]
    pub hidden: usize,
    /// Number of hidden layers in a subnetwork.
    #[config(default = 3)]
    pub hidden_layers: usize,
    /// Bound of the log-scales, α of Eq. 2.
    #[config(default = 3.0)]
    pub clamp: f64,
}

impl FlowConfig {
    /// A flow whose parameters and permutations are drawn from `seed`.
    ///
    /// Every draw is made on the host from its own stream: the same seed gives the same bits on
    /// every device. Weights and biases are uniform on `±1/√inputs`, PyTorch's default.
    ///
    /// # Panics
    /// If [`validate`](Self::validate) fails.
    pub fn init(&self, seed: u64, device: &Device) -> Flow {
        assert!(self.validate().is_ok(), "invalid flow configuration: {self:?}");
        let layers = self.hidden_layers + 1;
        let blocks = (0..self.blocks).map(|block| {
            // Two parameters a layer, two subnetworks a block.
            let subnet = |net: usize, widths: &[usize]| {
                Subnet::random(widths, seed, (2 * block + net) * 2 * layers, device)
            };
            CouplingBlock {
                permutation: Permutation::random(self.features, seed, block, device),
                net1: subnet(0, &self.net1_widths()),
                net2: subnet(1, &self.net2_widths()),
                clamp: self.clamp,
            }
        });
        Flow::from_blocks(blocks.collect(), self)
    }

    /// Number of trained parameters: weights and biases, not permutations.
    pub fn parameters(&self) -> usize {
        self.parameter_counts().into_iter().sum()
    }

    /// Number of values in each weight and bias, in the flow's order.
    pub(crate) fn parameter_counts(&self) -> Vec<usize> {
        let nets = [self.net1_widths(), self.net2_widths()].into_iter();
        let layers = nets.flat_map(|net| {
            let layers = net.windows(2).map(|width| [width[0] * width[1], width[1]]);
            layers.collect::<Vec<_>>()
        });
        layers.collect::<Vec<_>>().repeat(self.blocks).concat()
    }

    /// Checks every hyperparameter's range.
    ///
    /// # Errors
    /// [`FlowError::Config`] names the first that is out of range.
    pub fn validate(&self) -> Result<(), FlowError> {
        let config = |name, expected, found: &dyn ToString| {
            Err(FlowError::Config { name, expected, found: found.to_string() })
        };
        // The upper bounds only stop absurd allocations from damaged files.
        let in_range = |value: usize, low: usize| (low..=1 << 20).contains(&value);
        if !in_range(self.features, 2) {
            return config("features", "between 2 and 1048576", &self.features);
        }
        if !in_range(self.blocks, 1) || self.blocks > 1024 {
            return config("blocks", "between 1 and 1024", &self.blocks);
        }
        if !in_range(self.hidden, 1) {
            return config("hidden", "between 1 and 1048576", &self.hidden);
        }
        if self.hidden_layers > 64 {
            return config("hidden_layers", "at most 64", &self.hidden_layers);
        }
        if !(self.clamp.is_finite() && self.clamp > 0.0) {
            return config("clamp", "positive and finite", &self.clamp);
        }
        Ok(())
    }

    /// Layer widths of the subnetwork that reads the first half and moves the second.
    pub(crate) fn net1_widths(&self) -> Vec<usize> {
        let first = self.features / 2;
        widths(first, self.hidden, self.hidden_layers, 2 * (self.features - first))
    }

    /// Layer widths of the subnetwork that reads the second half and moves the first.
    pub(crate) fn net2_widths(&self) -> Vec<usize> {
        let first = self.features / 2;
        widths(self.features - first, self.hidden, self.hidden_layers, 2 * first)
    }
}

/// A bijection between features `y` and latents `z`, trained to make `z` standard normal.
#[derive(Module, Debug)]
pub struct Flow {
    pub(crate) blocks: Vec<CouplingBlock>,
    features: usize,
    hidden: usize,
    hidden_layers: usize,
    clamp: f64,
}

/// What a flow makes of a batch of features.
#[derive(Debug, Clone)]
pub struct Latents {
    /// `[batch, features]`
    pub z: Tensor<2>,
    /// `log|det ∂z/∂y|` of each row, `[batch]`
    pub log_det: Tensor<1>,
}

impl Flow {
    pub(crate) fn from_blocks(blocks: Vec<CouplingBlock>, config: &FlowConfig) -> Self {
        let FlowConfig { features, hidden, hidden_layers, clamp, blocks: _ } = *config;
        Self { blocks, features, hidden, hidden_layers, clamp }
    }

    /// The latents `z = f(y)` of features `y`, `[batch, features]`, and their log-determinants.
    ///
    /// # Panics
    /// If `y` does not have [`features`](Self::features) columns.
    pub fn forward(&self, y: Tensor<2>) -> Latents {
        let features = self.features;
        assert_shape!(y, [_, features]);
        let [batch, _] = y.dims();
        let mut z = y;
        let mut log_det = Tensor::zeros([batch, 1], &z.device()); // [batch, 1]
        for block in &self.blocks {
            let transformed = block.forward(z);
            z = transformed.output;
            log_det = log_det + transformed.log_det;
        }
        Latents { z, log_det: log_det.squeeze_dim(1) } // [batch, features], [batch]
    }

    /// The features `y`, `[batch, features]`, whose latents are `z`.
    ///
    /// # Panics
    /// If `z` does not have [`features`](Self::features) columns.
    pub fn inverse(&self, z: Tensor<2>) -> Tensor<2> {
        let features = self.features;
        assert_shape!(z, [_, features]);
        self.blocks.iter().rev().fold(z, |z, block| block.inverse(z))
    }

    /// `log p_Y(y)` of each row of `y`, in nats, `[batch]` (Eq. 4).
    ///
    /// Includes the constant `−features/2 · log 2π` that [`nll`](crate::nll) leaves out, so that
    /// `exp` of it is a density.
    ///
    /// # Panics
    /// If `y` does not have [`features`](Self::features) columns.
    pub fn log_likelihood(&self, y: Tensor<2>) -> Tensor<1> {
        loss::log_likelihood(&self.forward(y))
    }

    /// `rows` draws from the learned density, `[rows, features]`.
    ///
    /// The latents are drawn on the host from `seed`. `device` must be the flow's own.
    pub fn sample(&self, rows: usize, seed: u64, device: &Device) -> Tensor<2> {
        let z = rng::stream(seed, Purpose::Sample, 0).normal(rows * self.features);
        self.inverse(Tensor::from_data(TensorData::new(z, [rows, self.features]), device))
    }

    /// Width of the feature vector.
    pub fn features(&self) -> usize {
        self.features
    }

    /// The hyperparameters that describe this flow.
    pub fn config(&self) -> FlowConfig {
        FlowConfig {
            features: self.features,
            blocks: self.blocks.len(),
            hidden: self.hidden,
            hidden_layers: self.hidden_layers,
            clamp: self.clamp,
        }
    }

    /// The device that holds the parameters.
    pub(crate) fn device(&self) -> Device {
        self.devices().into_iter().next().expect("a flow has at least one block")
    }
}
