//! The settings that every method has: which images it learns from and how it judges new ones.

use differnet_data::{Rotation, TransformConfig};
use differnet_scoring::Average;
use serde::{Deserialize, Serialize};

use crate::config::{DetectorConfig, MOST, Preset};
use crate::error::DetectorError;

/// The settings that every method has; their meaning is that of the fields of [`DetectorConfig`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SharedConfig {
    /// Seed of every random draw.
    pub seed: u64,
    /// Seed of the training images' transforms, if another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transform_seed: Option<u64>,
    /// Whether images are turned by any angle.
    pub rotate: bool,
    /// Half-width of the interval about 1 of brightness and contrast factors; 0 for none.
    pub jitter: f32,
    /// Transforms of each training image.
    pub transforms: usize,
    /// Share of the good images held back to set the threshold.
    pub validation: f64,
    /// Transforms that an image's score is averaged over, unless scoring asks for another number.
    pub score_transforms: usize,
    /// How they are averaged.
    pub average: Average,
    /// Share of good images that the threshold lets pass.
    pub quantile: f64,
}

impl SharedConfig {
    /// What a method on features takes of a preset: as many transforms of training and of test
    /// images as the preset scores with, and their mean (Section 4.3).
    pub fn preset(preset: Preset) -> Self {
        let shared = DetectorConfig::preset(preset).shared();
        Self { transforms: shared.score_transforms, average: Average::Mean, ..shared }
    }

    /// Which transforms are drawn.
    pub fn transform_config(&self) -> TransformConfig {
        let rotate = if self.rotate { Rotation::Full } else { Rotation::None };
        let jitter = (self.jitter > 0.0).then_some(self.jitter);
        TransformConfig { rotate, jitter }
    }

    /// The seed of the training images' transforms.
    pub(crate) fn training_transform_seed(&self) -> u64 {
        self.transform_seed.unwrap_or(self.seed)
    }

    /// Checks every range.
    ///
    /// # Errors
    /// [`DetectorError::Config`] names the first setting that is out of range.
    pub fn validate(&self) -> Result<(), DetectorError> {
        for (name, value) in
            [("transforms", self.transforms), ("score_transforms", self.score_transforms)]
        {
            require_count(name, value)?;
        }
        // TOML knows no larger integers.
        for (name, seed) in [("seed", Some(self.seed)), ("transform_seed", self.transform_seed)] {
            if let Some(seed) = seed.filter(|seed| i64::try_from(*seed).is_err()) {
                let (expected, found) = ("at most 9223372036854775807", seed.to_string());
                return Err(DetectorError::Config { name, expected, found });
            }
        }
        let ranges = [
            ("jitter", f64::from(self.jitter), (0.0..1.0).contains(&self.jitter), "in [0, 1)"),
            ("validation", self.validation, (0.0..=0.5).contains(&self.validation), "in [0, 0.5]"),
            ("quantile", self.quantile, self.quantile > 0.0 && self.quantile <= 1.0, "in (0, 1]"),
        ];
        for (name, value, fine, expected) in ranges {
            require(name, value, fine, expected)?;
        }
        Ok(())
    }
}

/// Nothing, if a count is at least 1 and not absurd.
pub(crate) fn require_count(name: &'static str, value: usize) -> Result<(), DetectorError> {
    let expected = match value {
        0 => "at least 1",
        1..=MOST => return Ok(()),
        _ => "at most 1000000",
    };
    Err(DetectorError::Config { name, expected, found: value.to_string() })
}

/// Nothing, if a number is `fine` and finite.
pub(crate) fn require(
    name: &'static str,
    value: f64,
    fine: bool,
    expected: &'static str,
) -> Result<(), DetectorError> {
    if fine && value.is_finite() {
        return Ok(());
    }
    Err(DetectorError::Config { name, expected, found: value.to_string() })
}
