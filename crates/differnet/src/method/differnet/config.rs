//! DifferNet's own settings.

use differnet_features::{Backbone, SCALES};
use differnet_flow::{AdamConfig, FlowConfig};
use serde::{Deserialize, Serialize};

use super::scales;
use crate::config::{require, require_count};
use crate::error::Error;
use crate::method::flow_settings;
use crate::preset::Preset;

/// DifferNet's own settings: its flows and their training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DifferNetConfig {
    /// Scales of the image that the flow sees, from the largest: 3 for 448, 224 and 112 pixels, 1 for
    /// 448 alone (paper, Table 3).
    pub scales: usize,
    /// Flows that are trained one after the other on the same transforms, from weights and batches
    /// of their own; a score averages them.
    pub flows: usize,
    /// Number of times that transforms are drawn anew; updates are spread evenly over the rounds.
    pub rounds: usize,
    /// Transforms of each image that are trained on at a time; the oldest make room for new ones.
    pub pool: usize,
    /// Adam's step size at the end; from [`AdamConfig::learning_rate`] it follows half a cosine.
    pub final_learning_rate: f64,
    /// Rows per update.
    pub batch_size: usize,
    /// Updates in all; 0 visits every transform of a round once.
    pub updates: usize,
    /// Standard deviation of Gaussian noise added to features in training, as a share of each
    /// feature's standard deviation over the training rows.
    pub noise: f64,
    /// Standard deviation of noise along the differences between an image's own transforms, as a
    /// share of those differences; makes a few transforms stand for many.
    pub difference_noise: f64,
    /// Updates between two validation steps.
    pub validate_every: usize,
    /// Validation steps without improvement before training stops; 0 never stops early and keeps the
    /// last weights instead of the best.
    pub patience: usize,
    /// The optimizer.
    #[serde(flatten)]
    pub adam: AdamConfig,
    /// The flow; its width follows from [`scales`](Self::scales).
    #[serde(
        flatten,
        serialize_with = "flow_settings::write",
        deserialize_with = "flow_settings::read"
    )]
    pub flow: FlowConfig,
}

impl DifferNetConfig {
    /// The settings of a preset.
    pub fn preset(preset: Preset) -> Self {
        let paper = Self {
            scales: SCALES.len(),
            flows: 1,
            rounds: 192,
            pool: 4,
            final_learning_rate: 2e-4,
            batch_size: 96,
            updates: 0,
            noise: 0.0,
            difference_noise: 0.0,
            validate_every: 100,
            patience: 0,
            adam: AdamConfig::new(),
            flow: FlowConfig::new(flow_settings::WIDTH),
        };
        let narrow = Self {
            rounds: 1,
            final_learning_rate: 2e-5,
            adam: AdamConfig::new().with_learning_rate(1e-3),
            flow: FlowConfig::new(flow_settings::WIDTH).with_hidden(256),
            ..paper.clone()
        };
        match preset {
            Preset::Paper => paper,
            Preset::Standard => Self {
                flows: 3,
                rounds: 4,
                pool: 128,
                updates: 4_000,
                validate_every: 250,
                patience: 12,
                ..narrow
            },
            Preset::Quick => Self { pool: 32, updates: 1500, patience: 8, ..narrow },
        }
    }

    /// Settings that are enough for the generated sample data set.
    pub(crate) fn for_sample() -> Self {
        let quick = Self::preset(Preset::Quick);
        Self {
            pool: 12,
            updates: 300,
            noise: 0.2,
            validate_every: 25,
            patience: 5,
            flow: quick.flow.clone().with_hidden(128),
            ..quick
        }
    }

    /// The hyperparameters of each flow, as wide as the scales of a network that it sees.
    pub fn flow_config(&self, backbone: Backbone) -> FlowConfig {
        FlowConfig { features: scales::columns(self.scales, backbone), ..self.flow.clone() }
    }

    /// Adam's step size for update number `update` (from 0) of `updates`.
    pub(super) fn learning_rate_at(&self, update: u64, updates: u64) -> f64 {
        let share = update as f64 / updates.max(1) as f64;
        let weight = 0.5 * (1.0 + (std::f64::consts::PI * share).cos());
        self.final_learning_rate + (self.adam.learning_rate - self.final_learning_rate) * weight
    }

    /// Checks every range.
    pub(crate) fn validate(&self, backbone: Backbone) -> Result<(), Error> {
        let counts = [
            ("blocks", self.flow.blocks),
            ("hidden", self.flow.hidden),
            ("flows", self.flows),
            ("rounds", self.rounds),
            ("pool", self.pool),
            ("batch_size", self.batch_size),
            ("validate_every", self.validate_every),
        ];
        for (name, value) in counts {
            require_count(name, value)?;
        }
        if !(1..=SCALES.len()).contains(&self.scales) {
            let (name, expected) = ("scales", "1, 2 or 3");
            return Err(Error::Config { name, expected, found: self.scales.to_string() });
        }
        let last = self.final_learning_rate;
        for (name, value, fine, expected) in [
            ("final_learning_rate", last, last > 0.0, "positive"),
            ("noise", self.noise, self.noise >= 0.0, "at least 0"),
            ("difference_noise", self.difference_noise, self.difference_noise >= 0.0, "at least 0"),
        ] {
            require(name, value, fine, expected)?;
        }
        flow_settings::validate(&self.adam, &self.flow_config(backbone))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_step_size_follows_half_a_cosine() {
        let ends = (1e-3, 1e-4);
        let quick = DifferNetConfig::preset(Preset::Quick);
        let config = DifferNetConfig { final_learning_rate: ends.1, ..quick };
        for (update, expected) in [(0, ends.0), (50, (ends.0 + ends.1) / 2.0), (100, ends.1)] {
            assert!((config.learning_rate_at(update, 100) - expected).abs() < 1e-15, "{update}");
        }
        let paper = DifferNetConfig::preset(Preset::Paper);
        assert!((0..100).all(|update| paper.learning_rate_at(update, 100) == 2e-4));
    }
}
