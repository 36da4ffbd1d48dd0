//! Every number that shapes a detector, and presets that set them all.

use differnet_data::TransformConfig;
use differnet_features::SCALES;
use differnet_flow::{AdamConfig, FlowConfig};
use differnet_scoring::Average;
use serde::{Deserialize, Serialize};

use crate::error::DetectorError;
use crate::scales;
use crate::shared_config::{SharedConfig, require, require_count};

/// Largest count in the settings: stops absurd allocations for damaged files, nothing sensible.
pub(crate) const MOST: usize = 1_000_000;

/// [`DetectorConfig::jitter`] of magnetic tiles: factors from 0.85 to 1.15 (paper, Section 4.2).
pub const MTD_JITTER: f32 = 0.15;

/// Settings known to work, from a quick look to the paper's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// Minutes on two cores.
    Quick,
    /// An hour on two cores.
    Standard,
    /// The paper's settings (Section 4.2); meant for a GPU.
    Paper,
}

/// The settings of a detector's training and scoring; all of them are stored with the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetectorConfig {
    /// Where the numbers came from before any was overridden.
    pub preset: Preset,
    /// Seed of every random draw.
    pub seed: u64,
    /// Seed of the training images' transforms, if another: runs with different seeds can share
    /// features that were extracted once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transform_seed: Option<u64>,

    /// Scales of the image that the flow sees, from the largest: 3 for 448, 224 and 112 pixels, 1 for
    /// 448 alone (paper, Table 3).
    #[serde(default = "all_scales")]
    pub scales: usize,
    /// Coupling blocks of the flow.
    pub blocks: usize,
    /// Width of the subnetworks' hidden layers.
    pub hidden: usize,
    /// α of the soft clamp (Eq. 2).
    pub clamp: f64,
    /// Flows that are trained one after the other on the same transforms, from weights and batches
    /// of their own; a score averages them.
    #[serde(default = "one")]
    pub flows: usize,

    /// Whether images are turned by any angle.
    pub rotate: bool,
    /// Half-width of the interval about 1 of brightness and contrast factors; 0 for none.
    pub jitter: f32,
    /// New transforms of each training image in each round.
    pub transforms: usize,
    /// How often transforms are drawn anew; updates are spread evenly over the rounds.
    pub rounds: usize,
    /// Transforms of each image that are trained on at a time; the oldest make room for new ones.
    pub pool: usize,

    /// Adam's step size at the start.
    pub learning_rate: f64,
    /// Adam's step size at the end; in between it follows half a cosine.
    pub final_learning_rate: f64,
    /// Decay of Adam's running mean of gradients.
    pub beta_1: f64,
    /// Decay of Adam's running mean of squared gradients.
    pub beta_2: f64,
    /// Adam's ε.
    pub epsilon: f64,
    /// L2 penalty.
    pub weight_decay: f64,
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

    /// Share of the good images held back to stop training and to set the threshold.
    pub validation: f64,
    /// Updates between two looks at the held-back images.
    pub validate_every: usize,
    /// Looks without improvement before training stops; 0 never stops early and keeps the last
    /// weights instead of the best.
    pub patience: usize,

    /// Transforms that an image's score is averaged over, unless scoring asks for another number.
    pub score_transforms: usize,
    /// How they are averaged.
    pub average: Average,
    /// Share of good images that the threshold lets pass.
    pub quantile: f64,
}

impl Default for DetectorConfig {
    fn default() -> Self {
        Self::preset(Preset::Quick)
    }
}

impl DetectorConfig {
    /// The settings of a preset, with seed 0.
    pub fn preset(preset: Preset) -> Self {
        let paper = Self {
            preset: Preset::Paper,
            seed: 0,
            transform_seed: None,
            scales: all_scales(),
            blocks: 8,
            hidden: 2048,
            clamp: 3.0,
            flows: 1,
            rotate: true,
            jitter: 0.0,
            transforms: 4,
            rounds: 192,
            pool: 4,
            learning_rate: 2e-4,
            final_learning_rate: 2e-4,
            beta_1: 0.8,
            beta_2: 0.8,
            epsilon: 1e-4,
            weight_decay: 1e-5,
            batch_size: 96,
            updates: 0,
            noise: 0.0,
            difference_noise: 0.0,
            validation: 0.1,
            validate_every: 100,
            patience: 0,
            score_transforms: 64,
            average: Average::Mean,
            quantile: 0.95,
        };
        match preset {
            Preset::Paper => paper,
            Preset::Standard => Self {
                preset,
                hidden: 256,
                flows: 3,
                transforms: 32,
                rounds: 4,
                pool: 128,
                learning_rate: 1e-3,
                final_learning_rate: 2e-5,
                updates: 4_000,
                validate_every: 250,
                patience: 12,
                average: Average::InterquartileMean,
                ..paper
            },
            Preset::Quick => Self {
                preset,
                hidden: 256,
                transforms: 32,
                rounds: 1,
                pool: 32,
                learning_rate: 1e-3,
                final_learning_rate: 2e-5,
                updates: 1500,
                validate_every: 100,
                patience: 8,
                score_transforms: 32,
                average: Average::InterquartileMean,
                ..paper
            },
        }
    }

    /// Settings that are enough for the generated sample data set and take a minute on two cores.
    pub fn for_sample(seed: u64) -> Self {
        Self {
            seed,
            hidden: 128,
            transforms: 12,
            pool: 12,
            updates: 300,
            noise: 0.2,
            // So few images need a larger share to set a threshold with.
            validation: 0.2,
            validate_every: 25,
            patience: 5,
            score_transforms: 8,
            ..Self::preset(Preset::Quick)
        }
    }

    /// The settings in a TOML text; whatever it leaves out comes from its `preset`, else from
    /// `base`.
    ///
    /// # Errors
    /// [`DetectorError::ConfigText`] for unknown names, wrong types or broken TOML.
    pub fn from_toml(text: &str, base: &Self) -> Result<Self, DetectorError> {
        let invalid = |source| DetectorError::ConfigText { source: Box::new(source) };
        let overrides: toml::Table = text.parse().map_err(invalid)?;
        let base = match overrides.get("preset") {
            Some(name) => {
                let preset = name.clone().try_into::<Preset>().map_err(invalid)?;
                Self { seed: base.seed, ..Self::preset(preset) }
            }
            None => base.clone(),
        };
        let mut table = toml::Table::try_from(&base).expect("settings are a table of numbers");
        table.extend(overrides);
        table.try_into().map_err(invalid)
    }

    /// The settings as TOML, as [`Self::from_toml`] reads them.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("settings are a table of numbers")
    }

    /// The settings that every method has.
    pub fn shared(&self) -> SharedConfig {
        SharedConfig {
            seed: self.seed,
            transform_seed: self.transform_seed,
            rotate: self.rotate,
            jitter: self.jitter,
            transforms: self.transforms,
            validation: self.validation,
            score_transforms: self.score_transforms,
            average: self.average,
            quantile: self.quantile,
        }
    }

    /// Which transforms are drawn.
    pub fn transform_config(&self) -> TransformConfig {
        self.shared().transform_config()
    }

    /// The flow's hyperparameters.
    pub fn flow_config(&self) -> FlowConfig {
        FlowConfig::new(scales::columns(self.scales))
            .with_blocks(self.blocks)
            .with_hidden(self.hidden)
            .with_clamp(self.clamp)
    }

    /// The optimizer's settings.
    pub fn adam_config(&self) -> AdamConfig {
        AdamConfig::new()
            .with_learning_rate(self.learning_rate)
            .with_beta_1(self.beta_1)
            .with_beta_2(self.beta_2)
            .with_epsilon(self.epsilon)
            .with_weight_decay(self.weight_decay)
    }

    /// Adam's step size for update number `update` (from 0) of `updates`.
    pub(crate) fn learning_rate_at(&self, update: u64, updates: u64) -> f64 {
        let share = update as f64 / updates.max(1) as f64;
        let weight = 0.5 * (1.0 + (std::f64::consts::PI * share).cos());
        self.final_learning_rate + (self.learning_rate - self.final_learning_rate) * weight
    }

    /// Checks every range.
    ///
    /// # Errors
    /// [`DetectorError::Config`] names the first setting that is out of range.
    pub fn validate(&self) -> Result<(), DetectorError> {
        self.shared().validate()?;
        let counts = [
            ("blocks", self.blocks),
            ("hidden", self.hidden),
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
            return Err(DetectorError::Config { name, expected, found: self.scales.to_string() });
        }
        let final_rate = self.final_learning_rate;
        let ranges = [
            ("clamp", self.clamp, self.clamp > 0.0, "positive"),
            ("learning_rate", self.learning_rate, self.learning_rate > 0.0, "positive"),
            ("final_learning_rate", final_rate, final_rate > 0.0, "positive"),
            ("beta_1", self.beta_1, (0.0..1.0).contains(&self.beta_1), "in [0, 1)"),
            ("beta_2", self.beta_2, (0.0..1.0).contains(&self.beta_2), "in [0, 1)"),
            ("epsilon", self.epsilon, self.epsilon > 0.0, "positive"),
            ("weight_decay", self.weight_decay, self.weight_decay >= 0.0, "at least 0"),
            ("noise", self.noise, self.noise >= 0.0, "at least 0"),
            ("difference_noise", self.difference_noise, self.difference_noise >= 0.0, "at least 0"),
        ];
        for (name, value, fine, expected) in ranges {
            require(name, value, fine, expected)?;
        }
        Ok(())
    }
}

/// Models of earlier versions have one flow and do not say so.
fn one() -> usize {
    1
}

/// Models of earlier versions saw every scale and do not say so.
fn all_scales() -> usize {
    SCALES.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_paper_preset_has_the_papers_numbers() {
        let config = DetectorConfig::preset(Preset::Paper);
        assert_eq!(config.flow_config().parameters(), 172_077_056);
        assert_eq!((config.rounds, config.batch_size, config.score_transforms), (192, 96, 64));
        assert_eq!(config.average, Average::Mean);
    }

    #[test]
    fn the_step_size_follows_half_a_cosine() {
        let ends = (1e-3, 1e-4);
        let base = DetectorConfig::default();
        let config = DetectorConfig { learning_rate: ends.0, final_learning_rate: ends.1, ..base };
        for (update, expected) in [(0, ends.0), (50, (ends.0 + ends.1) / 2.0), (100, ends.1)] {
            assert!((config.learning_rate_at(update, 100) - expected).abs() < 1e-15, "{update}");
        }
        let paper = DetectorConfig::preset(Preset::Paper);
        assert!((0..100).all(|update| paper.learning_rate_at(update, 100) == 2e-4));
    }

    #[test]
    fn every_preset_is_valid_and_survives_toml() {
        let presets = [Preset::Quick, Preset::Standard, Preset::Paper].map(DetectorConfig::preset);
        for config in presets.into_iter().chain([DetectorConfig::for_sample(7)]) {
            config.validate().expect("presets are valid");
            let read = DetectorConfig::from_toml(&config.to_toml(), &DetectorConfig::default());
            assert_eq!(read.expect("its own text"), config);
        }
    }

    #[test]
    fn toml_overrides_single_numbers_of_its_preset() {
        let base = DetectorConfig { seed: 5, ..DetectorConfig::default() };
        let text = "preset = \"paper\"\nhidden = 64\n";
        let config = DetectorConfig::from_toml(text, &base).expect("valid");
        let expected =
            DetectorConfig { seed: 5, hidden: 64, ..DetectorConfig::preset(Preset::Paper) };
        assert_eq!(config, expected);
    }

    #[test]
    fn bad_settings_are_named() {
        for (text, word) in [
            ("hiden = 3", "hiden"),
            ("hidden = \"wide\"", "hidden"),
            ("preset = \"fast\"", "fast"),
            ("hidden = ", "hidden"),
        ] {
            let error = DetectorConfig::from_toml(text, &DetectorConfig::default());
            let error = error.expect_err(text);
            let source = std::error::Error::source(&error).expect("the parser's reason");
            assert!(source.to_string().contains(word), "{text}: {source}");
        }
        for (config, name) in [
            (DetectorConfig { batch_size: 0, ..DetectorConfig::default() }, "batch_size"),
            (DetectorConfig { scales: 4, ..DetectorConfig::default() }, "scales"),
            (DetectorConfig { seed: 1 << 63, ..DetectorConfig::default() }, "seed"),
            (DetectorConfig { validation: 0.9, ..DetectorConfig::default() }, "validation"),
            (
                DetectorConfig { learning_rate: f64::NAN, ..DetectorConfig::default() },
                "learning_rate",
            ),
        ] {
            assert!(config.validate().expect_err(name).to_string().contains(name));
        }
    }
}
