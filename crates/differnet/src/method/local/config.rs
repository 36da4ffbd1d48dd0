//! Settings of the normalizing flow of local features.

use differnet_features::{STAGES, place_channels};
use differnet_flow::{AdamConfig, FlowConfig};
use serde::{Deserialize, Serialize};

use crate::config::{Preset, require, require_count};
use crate::error::Error;
use crate::method::flow_settings;

/// Sines and cosines that tell where a place lies.
pub(super) const POSITION: usize = 32;

/// Settings of the normalizing flow of local features, given their place.
///
/// The features of a place are the chosen stages of EfficientNet-Lite0, whitened; the flow's condition is
/// the place (CFLOW-AD, Gudovskiy et al. 2022). Every number holds for all data sets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LocalFlowConfig {
    /// Pixels of an image as the network sees it, about: sides keep the image's aspect and are multiples
    /// of 32.
    pub pixels: usize,
    /// Stages of the network that are looked at, from 1, rising.
    pub stages: Vec<usize>,
    /// Principal components of a place's features.
    pub components: usize,
    /// Adam's step size at the end; from [`AdamConfig::learning_rate`] it follows half a cosine.
    pub final_learning_rate: f64,
    /// Places per update.
    pub batch_size: usize,
    /// Updates in all.
    pub updates: usize,
    /// Standard deviation of Gaussian noise added to whitened features in training.
    pub noise: f64,
    /// The optimizer.
    #[serde(flatten)]
    pub adam: AdamConfig,
    /// The flow; its width is that of the components.
    #[serde(
        flatten,
        serialize_with = "flow_settings::write",
        deserialize_with = "flow_settings::read"
    )]
    pub flow: FlowConfig,
}

impl LocalFlowConfig {
    /// The settings of a preset; all presets have the same.
    pub fn preset(_: Preset) -> Self {
        Self {
            pixels: 448 * 448,
            stages: vec![3, 4, 5],
            components: 128,
            final_learning_rate: 1e-5,
            batch_size: 512,
            updates: 2000,
            noise: 0.05,
            adam: AdamConfig::new()
                .with_learning_rate(2e-3)
                .with_beta_1(0.9)
                .with_beta_2(0.999)
                .with_epsilon(1e-8)
                .with_weight_decay(0.0)
                .with_max_gradient_norm(Some(1.0)),
            flow: FlowConfig::new(flow_settings::WIDTH)
                .with_blocks(6)
                .with_hidden(192)
                .with_hidden_layers(1)
                .with_clamp(1.9)
                .with_output_scale(Some(0.1)),
        }
    }

    /// The hyperparameters of the flow of rows of `components`.
    pub(super) fn flow_config(&self, components: usize) -> FlowConfig {
        FlowConfig { features: components, condition: POSITION, ..self.flow.clone() }
    }

    /// Adam's step size for update number `update`, from 0.
    pub(super) fn learning_rate_at(&self, update: usize) -> f64 {
        let share = update as f64 / self.updates as f64;
        let weight = 0.5 * (1.0 + (std::f64::consts::PI * share).cos());
        self.final_learning_rate + (self.adam.learning_rate - self.final_learning_rate) * weight
    }

    /// Checks every range.
    pub(crate) fn validate(&self) -> Result<(), Error> {
        for (name, value) in [
            ("components", self.components),
            ("batch_size", self.batch_size),
            ("updates", self.updates),
            ("blocks", self.flow.blocks),
            ("hidden", self.flow.hidden),
        ] {
            require_count(name, value)?;
        }
        let stages = &self.stages;
        let rising = stages.is_sorted_by(|a, b| a < b) && !stages.is_empty();
        if !rising || stages.iter().any(|stage| !(1..=STAGES).contains(stage)) {
            let (name, expected) = ("stages", "rising numbers from 1 to 6");
            return Err(Error::Config { name, expected, found: format!("{stages:?}") });
        }
        let channels = place_channels(stages);
        if !(2..=channels).contains(&self.components) {
            let (name, expected) = ("components", "from 2 to the channels of the stages");
            return Err(Error::Config { name, expected, found: self.components.to_string() });
        }
        if !(64 * 64..=4096 * 4096).contains(&self.pixels) {
            let (name, expected) = ("pixels", "from 64x64 to 4096x4096");
            return Err(Error::Config { name, expected, found: self.pixels.to_string() });
        }
        let last = self.final_learning_rate;
        require("final_learning_rate", last, last > 0.0, "positive")?;
        require("noise", self.noise, self.noise >= 0.0, "at least 0")?;
        flow_settings::validate(&self.adam, &self.flow_config(self.components))
    }
}
