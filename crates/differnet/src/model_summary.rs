//! What models of all methods say about themselves, in one form.

use differnet_data::{ContentHash, Regions};
use differnet_scoring::{Thresholds, p_value};
use serde::Serialize;

use crate::baseline::BaselineInfo;
use crate::calibration::{Calibration, digest};
use crate::detector::ModelInfo;
use crate::method::Method;
use crate::progress::HistoryPoint;
use crate::self_test::SelfTest;

/// What a model says about itself, whatever its method.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelSummary<'a> {
    /// The method.
    pub method: Method,
    /// Version of the description in the model file.
    pub format: u32,
    /// Version of the program that fitted the model.
    pub version: &'a str,
    /// Name of the feature extractor; `None` for methods that look at pixels.
    pub extractor: Option<&'a str>,
    /// Seed of every random draw.
    pub seed: u64,
    /// Which parts of the images count; `None` for all.
    pub regions: Option<&'a Regions>,
    /// Digest of the training images' contents.
    pub data_fingerprint: &'a str,
    /// Images fitted to.
    pub training_images: usize,
    /// Digests of their contents; empty in older model files.
    pub training_digests: &'a [String],
    /// Images held back.
    pub held_back_images: usize,
    /// Scores from here on are defects.
    pub threshold: f64,
    /// How the threshold was set after training; `None` if it is the training's.
    pub calibration: Option<&'a Calibration>,
    /// Images and their scores; `None` in older model files.
    pub self_test: Option<&'a SelfTest>,
    /// Scores of the held-back images, sorted; without any, those of training images.
    pub good_scores: &'a [f64],
    /// Mean of each feature over training rows, `[768]`; empty for methods that do not keep it.
    pub feature_means: &'a [f32],
    /// Standard deviation of each feature over the same rows; as long as the means.
    pub feature_deviations: &'a [f32],
    /// The course of the training; empty for methods without updates.
    pub history: &'a [HistoryPoint],
    /// What the method has to tell besides: names and values.
    pub facts: Vec<(String, String)>,
    /// Every setting, as TOML.
    pub settings: String,
}

impl<'a> ModelSummary<'a> {
    /// Where doubt begins, and where a defect does.
    pub fn thresholds(&self) -> Thresholds {
        let trained = Thresholds { defect: self.threshold, unsure: None };
        self.calibration.map_or(trained, Calibration::thresholds)
    }

    /// Whether the model was fitted to the image; `false` for all in older model files.
    pub fn has_seen(&self, image: &ContentHash) -> bool {
        self.training_digests.binary_search(&digest(image)).is_ok()
    }

    /// Sorted scores of good images that training did not see; `None` without any.
    pub fn reference_scores(&self) -> Option<&'a [f64]> {
        match self.calibration {
            Some(calibration) => Some(&calibration.good_scores),
            None if self.held_back_images > 0 => Some(self.good_scores),
            None => None,
        }
    }

    /// The share of good parts that score at least `score`; `None` without images held back.
    pub fn p_value(&self, score: f64) -> Option<f64> {
        self.reference_scores().map(|good| p_value(good, score))
    }

    /// The summary of a DifferNet model.
    pub(crate) fn of_detector(info: &'a ModelInfo) -> Self {
        let quantiles = info.training_score_quantiles.iter().map(|score| format!("{score:.2}"));
        let facts = [
            ("updates", info.updates.to_string()),
            ("flows", info.config.flows.to_string()),
            ("parameters of a flow", info.config.flow_config().parameters().to_string()),
            ("threshold of maps", format!("{:.4e}", info.map_threshold)),
            ("quantiles of training scores", quantiles.collect::<Vec<_>>().join(", ")),
        ];
        Self {
            method: Method::DifferNet,
            format: info.format,
            version: &info.version,
            extractor: Some(&info.extractor),
            seed: info.config.seed,
            regions: info.regions.as_ref(),
            data_fingerprint: &info.data_fingerprint,
            training_images: info.training_images,
            training_digests: &info.training_digests,
            held_back_images: info.held_back_images,
            threshold: info.thresholds().defect,
            calibration: info.calibration.as_ref(),
            self_test: info.self_test.as_ref(),
            good_scores: &info.good_scores,
            feature_means: &info.feature_means,
            feature_deviations: &info.feature_deviations,
            history: &info.history,
            facts: facts.map(|(name, value)| (name.to_owned(), value)).into(),
            settings: info.config.to_toml(),
        }
    }

    /// The summary of a competitor's model.
    pub(crate) fn of_baseline(info: &'a BaselineInfo) -> Self {
        Self {
            method: info.config.method(),
            format: info.format,
            version: &info.version,
            extractor: info.extractor.as_deref(),
            seed: info.config.shared.seed,
            regions: info.regions.as_ref(),
            data_fingerprint: &info.data_fingerprint,
            training_images: info.training_images,
            training_digests: &info.training_digests,
            held_back_images: info.held_back_images,
            threshold: info.thresholds().defect,
            calibration: info.calibration.as_ref(),
            self_test: info.self_test.as_ref(),
            good_scores: &info.good_scores,
            feature_means: &[],
            feature_deviations: &[],
            history: &[],
            facts: info.facts.clone().into_iter().collect(),
            settings: info.config.to_toml(),
        }
    }
}

/// What a model file says about itself, in the form of its method.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum AnyModelInfo {
    /// A DifferNet model.
    Detector(Box<ModelInfo>),
    /// A competitor's model.
    Baseline(Box<BaselineInfo>),
}

impl AnyModelInfo {
    /// The same in the form that all methods share.
    pub fn summary(&self) -> ModelSummary<'_> {
        match self {
            Self::Detector(info) => ModelSummary::of_detector(info),
            Self::Baseline(info) => ModelSummary::of_baseline(info),
        }
    }
}
