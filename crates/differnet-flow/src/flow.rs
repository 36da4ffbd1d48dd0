//! The normalizing flow: a chain of coupling blocks (Section 3.1).

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::coupling::CouplingBlock;
use crate::error::FlowError;
use crate::input::Widths;
use crate::permutation::Permutation;
use crate::subnet::{Subnet, widths};

/// Hyperparameters of a [`Flow`]; the defaults are the paper's (Section 4.2).
///
/// Stored without the settings that it lacks: not Burn's `Config`, which stores all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FlowConfig {
    /// Width of the feature vector; at least 2.
    pub features: usize,
    /// Number of coupling blocks.
    pub blocks: usize,
    /// Width of the subnetworks' hidden layers.
    pub hidden: usize,
    /// Number of hidden layers in a subnetwork.
    pub hidden_layers: usize,
    /// Bound of the log-scales, α of Eq. 2.
    pub clamp: f64,
    /// Width of the condition, which subnetworks read and nothing transforms; 0 for none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub condition: usize,
    /// Factor on the initial weights of each subnetwork's last layer, whose initial bias is then 0:
    /// with a small one the flow starts close to a permutation. `None` treats it like every layer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_scale: Option<f64>,
}

fn is_zero(width: &usize) -> bool {
    *width == 0
}

impl FlowConfig {
    /// The paper's flow for rows of `features` values.
    pub fn new(features: usize) -> Self {
        Self {
            features,
            blocks: 8,
            hidden: 2048,
            hidden_layers: 3,
            clamp: 3.0,
            condition: 0,
            output_scale: None,
        }
    }

    /// The same with another [`blocks`](Self::blocks).
    pub fn with_blocks(self, blocks: usize) -> Self {
        Self { blocks, ..self }
    }

    /// The same with another [`hidden`](Self::hidden).
    pub fn with_hidden(self, hidden: usize) -> Self {
        Self { hidden, ..self }
    }

    /// The same with another [`hidden_layers`](Self::hidden_layers).
    pub fn with_hidden_layers(self, hidden_layers: usize) -> Self {
        Self { hidden_layers, ..self }
    }

    /// The same with another [`clamp`](Self::clamp).
    pub fn with_clamp(self, clamp: f64) -> Self {
        Self { clamp, ..self }
    }

    /// The same with another [`condition`](Self::condition).
    pub fn with_condition(self, condition: usize) -> Self {
        Self { condition, ..self }
    }

    /// The same with another [`output_scale`](Self::output_scale).
    pub fn with_output_scale(self, output_scale: Option<f64>) -> Self {
        Self { output_scale, ..self }
    }

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
                let first = (2 * block + net) * 2 * layers;
                Subnet::random(widths, self.output_scale, seed, first, device)
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
        if !in_range(self.condition, 0) {
            return config("condition", "at most 1048576", &self.condition);
        }
        if let Some(scale) = self.output_scale.filter(|scale| !(scale.is_finite() && *scale >= 0.0))
        {
            return config("output_scale", "finite, at least 0", &scale);
        }
        Ok(())
    }

    /// Layer widths of the subnetwork that reads the first half and moves the second.
    pub(crate) fn net1_widths(&self) -> Vec<usize> {
        let first = self.features / 2;
        self.net_widths(first, self.features - first)
    }

    /// Layer widths of the subnetwork that reads the second half and moves the first.
    pub(crate) fn net2_widths(&self) -> Vec<usize> {
        let first = self.features / 2;
        self.net_widths(self.features - first, first)
    }

    fn net_widths(&self, read: usize, moved: usize) -> Vec<usize> {
        widths(read + self.condition, self.hidden, self.hidden_layers, 2 * moved)
    }

    /// Widths of what such a flow is given.
    pub(crate) fn widths(&self) -> Widths {
        Widths { features: self.features, condition: self.condition }
    }
}

/// A bijection between features `y` and latents `z`, trained to make `z` standard normal.
///
/// Where it has a condition, [`given`](Self::given) it.
#[derive(Module, Debug)]
pub struct Flow {
    pub(crate) blocks: Vec<CouplingBlock>,
    #[module(skip)]
    config: FlowConfig,
}

/// Latents of a batch of features.
#[derive(Debug, Clone)]
pub struct Latents {
    /// `[batch, features]`
    pub z: Tensor<2>,
    /// `log|det ∂z/∂y|` of each row, `[batch]`
    pub log_det: Tensor<1>,
}

impl Flow {
    pub(crate) fn from_blocks(blocks: Vec<CouplingBlock>, config: &FlowConfig) -> Self {
        Self { blocks, config: config.clone() }
    }

    /// The latents `z = f(y)` of features `y`, `[batch, features]`, and their log-determinants.
    ///
    /// # Panics
    /// If `y` does not have [`features`](Self::features) columns, or the flow has a condition.
    pub fn forward(&self, y: Tensor<2>) -> Latents {
        self.unconditional().forward(y)
    }

    /// The features `y`, `[batch, features]`, whose latents are `z`.
    ///
    /// # Panics
    /// If `z` does not have [`features`](Self::features) columns, or the flow has a condition.
    pub fn inverse(&self, z: Tensor<2>) -> Tensor<2> {
        self.unconditional().inverse(z)
    }

    /// `log p_Y(y)` of each row of `y`, in nats, `[batch]` (Eq. 4).
    ///
    /// Includes the constant `−features/2 · log 2π` that [`nll`](crate::nll) leaves out, so that
    /// `exp` of it is a density.
    ///
    /// # Panics
    /// If `y` does not have [`features`](Self::features) columns, or the flow has a condition.
    pub fn log_likelihood(&self, y: Tensor<2>) -> Tensor<1> {
        self.unconditional().log_likelihood(y)
    }

    /// `rows` draws from the learned density, `[rows, features]`.
    ///
    /// The latents are drawn on the host from `seed`. `device` must be the flow's own.
    ///
    /// # Panics
    /// If the flow has a condition.
    pub fn sample(&self, rows: usize, seed: u64, device: &Device) -> Tensor<2> {
        self.unconditional().inverse_of_draws(rows, seed, device)
    }

    /// Width of the feature vector.
    pub fn features(&self) -> usize {
        self.config.features
    }

    /// The hyperparameters that describe this flow.
    pub fn config(&self) -> FlowConfig {
        self.config.clone()
    }

    /// Widths of what the flow is given.
    pub(crate) fn widths(&self) -> Widths {
        self.config.widths()
    }

    /// The device that holds the parameters.
    pub(crate) fn device(&self) -> Device {
        self.devices().into_iter().next().expect("a flow has at least one block")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_is_stored_without_what_the_flow_lacks() {
        let text = |config: &FlowConfig| serde_json::to_string(config).unwrap();
        let read = |text: &str| serde_json::from_str::<FlowConfig>(text).unwrap();
        let plain = FlowConfig::new(5).with_blocks(2).with_hidden(3).with_hidden_layers(1);
        let golden = r#"{"features":5,"blocks":2,"hidden":3,"hidden_layers":1,"clamp":3.0}"#;
        assert_eq!(text(&plain), golden);
        assert_eq!(read(golden), plain);
        let conditional = plain.with_condition(4).with_output_scale(Some(0.1));
        assert!(text(&conditional).ends_with(r#""clamp":3.0,"condition":4,"output_scale":0.1}"#));
        assert_eq!(read(&text(&conditional)), conditional);
    }
}
