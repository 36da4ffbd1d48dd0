//! Header of a model file: its description, without its numbers.

use std::path::Path;

use differnet_data::{ContentHash, PerceptualHash, Preprocessing, Regions};
use differnet_features::Backbone;
use differnet_files::read_metadata;
use differnet_scoring::{
    ScoreError, Thresholds, p_value, predicted_threshold, threshold_from_good,
};
use serde::{Deserialize, Serialize};

use crate::calibration::{Calibration, digest};
use crate::config::Config;
use crate::error::Error;
use crate::input_guard::InputGuard;
use crate::self_test::SelfTest;

/// Metadata key under which a model file keeps its [`Header`].
pub(crate) const KEY: &str = "differnet";
/// Version of [`Header`]'s meaning.
const FORMAT: u32 = 6;

/// One validation step of a training.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct HistoryPoint {
    /// Updates made.
    pub update: u64,
    /// Mean training loss since the last point: negative log-likelihood per feature, nats.
    pub train: f64,
    /// The same of the validation images' transforms, without the least likely ones: the share
    /// beyond [`Config::quantile`], which would be called defects anyway and of which a single one
    /// can outweigh all others. `None` without any.
    pub validation: Option<f64>,
}

/// Good images that were taken into a model after its training.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Addition {
    /// Number of images.
    pub images: usize,
    /// The threshold before.
    pub threshold_before: f64,
    /// The threshold since.
    pub threshold: f64,
}

/// Header of a model, which every method shares; stored in its file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Version of this description.
    pub format: u32,
    /// Version of the program that trained the model.
    pub version: String,
    /// The method and every setting, the seed among them.
    pub config: Config,
    /// Name of the feature extractor; `None` for methods that look at pixels.
    pub extractor: Option<String>,
    /// SHA-256 of the file that the weights of the network came from, which the model carries; `None` for
    /// networks whose weights are compiled in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights_sha256: Option<String>,
    /// Regions that count, in training and ever since; `None` for the whole image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regions: Option<Regions>,
    /// Significant bits of a 16-bit sample, in training and ever since; `None` if the training images
    /// have 8 bits, or each states its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub depth: Option<u8>,
    /// Digest of the training images' contents.
    pub data_fingerprint: String,
    /// Images trained on, those taken in since included.
    pub training_images: usize,
    /// Digests of their contents, and of those held back where the model has learnt from them since: 16
    /// hexadecimal digits each, sorted.
    pub training_digests: Vec<String>,
    /// Perceptual hashes by which the images are known in other formats and sizes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub training_hashes: Vec<PerceptualHash>,
    /// Good images taken in since the training, without those before: see
    /// [`Model::update`](crate::Model::update).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub additions: Vec<Addition>,
    /// Images held back.
    pub held_back_images: usize,
    /// Whether the good images' scores come from cross-validation, each from a fit without the image.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cross_validated: bool,
    /// Updates behind the weights; `None` for methods without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updates: Option<u64>,
    /// Scores from here on are defects, in the method's unit; set in training.
    pub threshold: f64,
    /// Calibration since the training; it takes the threshold's place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
    /// Ranges of what good images look like; an image beyond them gets no verdict.
    pub input_guard: InputGuard,
    /// Images and their scores, to recognise a copy that scores otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub self_test: Option<SelfTest>,
    /// Values that the maps of most good images stay below; `None` for methods without maps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map_threshold: Option<f64>,
    /// Scores of the validation images, sorted; without any, those of training images: see
    /// [`cross_validated`](Self::cross_validated).
    pub good_scores: Vec<f64>,
    /// Usual standard deviation of one good image's transforms, see
    /// [`transform_spread`](differnet_scoring::transform_spread); `None` if unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transform_spread: Option<f64>,
    /// Mean of each feature over training rows, or over images of local features; empty for
    /// methods that do not keep it.
    pub feature_means: Vec<f32>,
    /// Standard deviation of each feature over the same rows; as long as the means.
    pub feature_deviations: Vec<f32>,
    /// The course of the training; empty for methods without updates.
    pub history: Vec<HistoryPoint>,
    /// Further facts of the method: names and values.
    pub facts: Vec<(String, String)>,
}

impl Header {
    /// The current [`format`](Self::format).
    pub const FORMAT: u32 = FORMAT;

    /// The header of a model of `config` that knows nothing yet: without images, and with a threshold
    /// that no score reaches.
    pub fn new(config: Config) -> Self {
        Self {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").into(),
            config,
            extractor: None,
            weights_sha256: None,
            regions: None,
            depth: None,
            data_fingerprint: String::new(),
            training_images: 0,
            training_digests: Vec::new(),
            training_hashes: Vec::new(),
            additions: Vec::new(),
            held_back_images: 0,
            cross_validated: false,
            updates: None,
            threshold: f64::MAX,
            calibration: None,
            input_guard: InputGuard::default(),
            self_test: None,
            map_threshold: None,
            good_scores: Vec::new(),
            transform_spread: None,
            feature_means: Vec::new(),
            feature_deviations: Vec::new(),
            history: Vec::new(),
            facts: Vec::new(),
        }
    }

    /// The header of the model file `path`, without reading the model's numbers.
    ///
    /// # Errors
    /// [`Error::Model`] or [`Error::NotAModel`] names what is wrong with the file.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let metadata = read_metadata(path).map_err(Error::model(path))?;
        let not_a_model = |reason: String| Error::NotAModel { path: path.to_path_buf(), reason };
        let Some(text) = metadata.get(KEY) else {
            return Err(not_a_model("it has no description of a detector".into()));
        };
        /// Read first: other formats have other fields.
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let damaged =
            |error: serde_json::Error| not_a_model(format!("its description is damaged ({error})"));
        let Format { format: found } = serde_json::from_str(text).map_err(damaged)?;
        if found != FORMAT {
            return Err(not_a_model(format!(
                "it has format {found}, this program reads {FORMAT}: train the model anew"
            )));
        }
        let header: Self = serde_json::from_str(text).map_err(damaged)?;
        header.check().map_err(not_a_model)?;
        Ok(header)
    }

    /// Checks a description that was read.
    fn check(&self) -> Result<(), String> {
        let numbers = [Some(self.threshold), self.map_threshold, self.transform_spread];
        let finite = numbers.into_iter().flatten().all(f64::is_finite)
            && self.input_guard.is_finite()
            && self.calibration.as_ref().is_none_or(Calibration::is_finite)
            && self.self_test.as_ref().is_none_or(SelfTest::is_finite);
        if !finite {
            return Err("a threshold is not a finite number".into());
        }
        let widths = [self.feature_means.len(), self.feature_deviations.len()];
        self.config.validate().map_err(|error| error.to_string())?;
        let backbone = self.config.backbone.filter(|_| self.config.differnet().is_some());
        let needed = backbone.map_or(widths[0], Backbone::features);
        if widths != [needed; 2] {
            return Err(format!("it does not describe {needed} features"));
        }
        Ok(())
    }

    /// Takes the scores of good images, and sets the trained threshold by them.
    pub(crate) fn set_good_scores(&mut self, mut scores: Vec<f64>) -> Result<(), ScoreError> {
        // An infinite score would not survive the model file's JSON.
        scores.iter_mut().for_each(|score| *score = score.clamp(-f64::MAX, f64::MAX));
        scores.sort_by(f64::total_cmp);
        let quantile = self.config.quantile;
        let threshold = if self.config.method.method().looks_at_places() {
            predicted_threshold(&scores, quantile)
        } else {
            threshold_from_good(&scores, quantile)
        };
        self.threshold = threshold?.min(f64::MAX);
        self.good_scores = scores;
        Ok(())
    }

    /// Preprocessing of images before they are resized.
    pub fn preprocessing(&self) -> Preprocessing<'_> {
        Preprocessing { regions: self.regions.as_ref(), depth: self.depth }
    }

    /// Thresholds of doubt and of defects.
    pub fn thresholds(&self) -> Thresholds {
        let trained = Thresholds { defect: self.threshold, unsure: None };
        self.calibration.as_ref().map_or(trained, Calibration::thresholds)
    }

    /// Good images of the training, those held back included and those taken in since not.
    pub(crate) fn first_images(&self) -> usize {
        let since: usize = self.additions.iter().map(|addition| addition.images).sum();
        (self.training_images + self.held_back_images).saturating_sub(since)
    }

    /// Number of the last stage of the network that the model sees; 0 for methods on pixels.
    pub(crate) fn last_stage(&self) -> usize {
        let stage = |backbone| self.config.method.last_stage(backbone, self.first_images());
        self.config.backbone.map_or(0, stage)
    }

    /// Tells whether the model was fitted to the image with this very file.
    pub fn has_seen(&self, image: &ContentHash) -> bool {
        self.training_digests.binary_search(&digest(image)).is_ok()
    }

    /// Sorted scores of good images that training did not see; `None` without any.
    pub fn reference_scores(&self) -> Option<&[f64]> {
        match &self.calibration {
            Some(calibration) => Some(&calibration.good_scores),
            None => self.held_back_scores(),
        }
    }

    /// Sorted scores that the training gave good images before it learned from them; `None` if it learned from
    /// all, or they scored under a fit that had.
    pub fn held_back_scores(&self) -> Option<&[f64]> {
        (self.held_back_images > 0 || self.cross_validated).then_some(&self.good_scores)
    }

    /// The share of good parts that score at least `score`; `None` without images that training did not
    /// see.
    pub fn p_value(&self, score: f64) -> Option<f64> {
        self.reference_scores().map(|good| p_value(good, score))
    }
}
