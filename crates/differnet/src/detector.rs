//! A trained detector: scores images and lives in one file.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use differnet_data::{
    ContentHash, ImageError, ImageInput, Purpose, Regions, Transform, TransformConfig,
    fixed_transforms, random_transforms,
};
use differnet_features::{FEATURES, LOCAL_GRID};
use differnet_files::read_metadata;
use differnet_flow::{AuxiliaryTensor, Flow, FlowError};
use differnet_scoring::{Average, LocalStatistics, ScoreError, Thresholds, Verdict, anomaly_score};
use serde::{Deserialize, Serialize};

use crate::calibration::Calibration;
use crate::config::DetectorConfig;
use crate::error::DetectorError;
use crate::feature_source::FeatureSource;
use crate::flows::Flows;
use crate::progress::HistoryPoint;
use crate::row_scoring::{RowScoring, ScoredRows};
use crate::self_test::SelfTest;

/// Metadata key under which a model file keeps its [`ModelInfo`].
pub(crate) const INFO_KEY: &str = "differnet";
/// Version of [`ModelInfo`]'s meaning.
const FORMAT: u32 = 2;
/// Names of the tables of local statistics, `[27, 27, 256]` each.
const LOCAL_MEANS: &str = "local.means";
const LOCAL_DEVIATIONS: &str = "local.deviations";

/// What a model file says about itself besides its weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// Version of this description.
    pub format: u32,
    /// Version of the program that trained the model.
    pub version: String,
    /// Name of the feature extractor.
    pub extractor: String,
    /// Every setting, the seed among them.
    pub config: DetectorConfig,
    /// Which parts of the images count, in training and ever since; `None` for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regions: Option<Regions>,
    /// Digest of the training images' contents.
    pub data_fingerprint: String,
    /// Images trained on.
    pub training_images: usize,
    /// Digests of their contents, 16 hexadecimal digits each.
    #[serde(default)]
    pub training_digests: Vec<String>,
    /// Images held back.
    pub held_back_images: usize,
    /// Updates behind the weights.
    pub updates: u64,
    /// Scores from here on are defects, nats; set in training.
    pub threshold: f64,
    /// What has been set since; it takes the threshold's place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
    /// Images and their scores, to recognise a copy that scores otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub self_test: Option<SelfTest>,
    /// Values that the maps of most good images stay below; see
    /// [`Detector::localize_files`](crate::Detector::localize_files).
    pub map_threshold: f64,
    /// Scores of the held-back images, sorted, nats; without any, those of single transforms of
    /// training images.
    pub good_scores: Vec<f64>,
    /// Usual standard deviation of one good image's transforms, see
    /// [`differnet_scoring::transform_spread`]; `None` in older files and without images held back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transform_spread: Option<f64>,
    /// Quantiles of training images' scores at 0, 5, 25, 50, 75, 95 and 100 %, nats.
    pub training_score_quantiles: Vec<f64>,
    /// Mean of each feature over the training images' last transforms, `[768]`.
    pub feature_means: Vec<f32>,
    /// Standard deviation of each feature over the same rows, `[768]`.
    pub feature_deviations: Vec<f32>,
    /// The course of the training.
    pub history: Vec<HistoryPoint>,
}

/// Which transforms an image is scored under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransformChoice {
    /// Angles i · 360° / N: every image alike, and cached rows serve every model.
    Fixed,
    /// Drawn at random for each image, from the seed and from what counts in the image.
    Random {
        /// Seed of the draws.
        seed: u64,
    },
}

/// How images are scored.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScoreConfig {
    /// Transforms of each image; the most, if not all of them are needed.
    pub transforms: usize,
    /// Which.
    pub choice: TransformChoice,
    /// How the transforms' scores are averaged.
    pub average: Average,
    /// Whether an image gets no more transforms than its verdict by these thresholds needs; `None` for
    /// all of them. See [`Settling`](differnet_scoring::Settling) for how sure that is.
    pub settle: Option<Thresholds>,
}

/// The score of one image.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageScore {
    /// Names the image by what counts in it.
    pub hash: ContentHash,
    /// The mean over transforms: τ(x) of Eq. 5, nats, for DifferNet.
    pub score: f64,
    /// Whether the score reaches the threshold, or where doubt begins.
    pub verdict: Verdict,
    /// The score of each transform that was needed: for DifferNet −log p_Z, nats, up to a constant.
    pub transform_scores: Vec<f64>,
    /// Mean over transforms of each feature, `[768]`; empty for the competitors.
    pub mean_features: Vec<f32>,
}

impl ScoreConfig {
    /// The transforms under which the image with content hash `image` is scored.
    pub(crate) fn transforms_of(
        &self,
        image: &ContentHash,
        transforms: &TransformConfig,
    ) -> Vec<Transform> {
        match self.choice {
            TransformChoice::Fixed => fixed_transforms(transforms, self.transforms),
            TransformChoice::Random { seed } => {
                random_transforms(transforms, seed, Purpose::Score, image, 0..self.transforms)
            }
        }
    }

    /// The score and the verdict of an image from the scores of its transforms.
    ///
    /// # Errors
    /// [`ScoreError::NoTransforms`] if there are none.
    pub(crate) fn judge(
        &self,
        hash: ContentHash,
        transform_scores: Vec<f64>,
        thresholds: &Thresholds,
    ) -> Result<ImageScore, ScoreError> {
        let score = anomaly_score(&transform_scores, self.average)?;
        let verdict = thresholds.verdict(score);
        Ok(ImageScore { hash, score, verdict, transform_scores, mean_features: Vec::new() })
    }
}

/// Flows trained on good images, with all that is needed to judge new ones.
#[derive(Debug)]
pub struct Detector {
    flows: Flows,
    local_statistics: LocalStatistics,
    info: ModelInfo,
}

impl Detector {
    pub(crate) fn new(flows: Flows, local_statistics: LocalStatistics, info: ModelInfo) -> Self {
        Self { flows, local_statistics, info }
    }

    pub(crate) fn with_map_threshold(mut self, map_threshold: f64) -> Self {
        self.info.map_threshold = map_threshold;
        self
    }

    pub(crate) fn with_self_test(mut self, source: &FeatureSource) -> Result<Self, DetectorError> {
        self.info.self_test = SelfTest::record(&self, source)?;
        Ok(self)
    }

    /// Sets the threshold by `calibration`; `None` for the one set in training.
    pub fn calibrate(&mut self, calibration: Option<Calibration>) {
        self.info.calibration = calibration;
    }

    /// What the model says about itself.
    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// The trained flows, at least one; they differ in weights and permutations only.
    ///
    /// As tensors, which the first call makes where the detector scores without them.
    pub fn flows(&self) -> &[Flow] {
        self.flows.tensors()
    }

    /// What training images look like at each place.
    pub fn local_statistics(&self) -> &LocalStatistics {
        &self.local_statistics
    }

    /// The scoring that the model was trained for and its threshold holds for.
    pub fn score_config(&self) -> ScoreConfig {
        let config = &self.info.config;
        ScoreConfig {
            transforms: config.score_transforms,
            choice: TransformChoice::Fixed,
            average: config.average,
            settle: None,
        }
    }

    /// Writes the model to `path`; a complete file or none.
    ///
    /// # Errors
    /// [`DetectorError::Model`] if the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), DetectorError> {
        let info = serde_json::to_string(&self.info).expect("a description is plain data");
        let metadata = BTreeMap::from([(INFO_KEY.to_owned(), info)]);
        let table = |name: &str, values: &[f32]| AuxiliaryTensor {
            name: name.to_owned(),
            shape: vec![LOCAL_GRID.side, LOCAL_GRID.side, LOCAL_GRID.channels],
            values: values.to_vec(),
        };
        let auxiliary = [
            table(LOCAL_MEANS, self.local_statistics.means()),
            table(LOCAL_DEVIATIONS, self.local_statistics.deviations()),
        ];
        self.flows.save(path, &metadata, &auxiliary).map_err(model_error(path))
    }

    /// The model in the file `path`, on `device`.
    ///
    /// # Errors
    /// [`DetectorError::Model`] or [`DetectorError::NotAModel`] names what is wrong with the file.
    pub fn load(path: &Path, device: &Device) -> Result<Self, DetectorError> {
        let info = Self::read_info(path)?;
        let (flows, auxiliary) = Flows::load(path, device).map_err(model_error(path))?;
        let not_a_model =
            |reason: String| DetectorError::NotAModel { path: path.to_path_buf(), reason };
        let described = flows.config().to_string() == info.config.flow_config().to_string();
        if !described || flows.count() != info.config.flows {
            return Err(not_a_model("its settings do not describe its flow".into()));
        }
        let table = |name: &str| {
            let shape = [LOCAL_GRID.side, LOCAL_GRID.side, LOCAL_GRID.channels];
            let found = auxiliary.iter().find(|table| table.name == name && table.shape == shape);
            let missing = || not_a_model(format!("it lacks the table {name} of its maps"));
            found.map(|table| table.values.clone()).ok_or_else(missing)
        };
        let (means, deviations) = (table(LOCAL_MEANS)?, table(LOCAL_DEVIATIONS)?);
        let local_statistics = LocalStatistics::new(LOCAL_GRID.side, means, deviations);
        Ok(Self { flows, local_statistics, info })
    }

    /// What the model file `path` says about itself, without reading its weights.
    ///
    /// # Errors
    /// As [`Self::load`], as far as the description goes.
    pub fn read_info(path: &Path) -> Result<ModelInfo, DetectorError> {
        let metadata = read_metadata(path).map_err(model_error(path))?;
        let not_a_model =
            |reason: String| DetectorError::NotAModel { path: path.to_path_buf(), reason };
        let Some(text) = metadata.get(INFO_KEY) else {
            return Err(not_a_model("it has no description of a detector".into()));
        };
        let info: ModelInfo = serde_json::from_str(text)
            .map_err(|error| not_a_model(format!("its description is damaged ({error})")))?;
        if info.format != FORMAT {
            let found = info.format;
            return Err(not_a_model(format!("it has format {found}; this version reads {FORMAT}")));
        }
        let calibrated = info.calibration.as_ref().is_none_or(Calibration::is_finite)
            && info.self_test.as_ref().is_none_or(SelfTest::is_finite)
            && info.transform_spread.is_none_or(f64::is_finite);
        if !(info.threshold.is_finite() && info.map_threshold.is_finite() && calibrated) {
            return Err(not_a_model("a threshold is not a finite number".into()));
        }
        if [&info.feature_means, &info.feature_deviations].iter().any(|v| v.len() != FEATURES) {
            return Err(not_a_model(format!("it does not describe {FEATURES} features")));
        }
        info.config.validate().map_err(|error| not_a_model(error.to_string()))?;
        Ok(info)
    }

    /// −log p_Z of each row of `features`, row-major `[rows, 768]`, averaged over the flows as the
    /// settings say; in nats, up to a constant.
    ///
    /// # Panics
    /// If `features` is no multiple of 768 long.
    pub fn row_scores(&self, features: &[f32]) -> Vec<f64> {
        self.flows.row_scores(features, self.info.config.average)
    }

    /// The transforms under which `config` scores the image with the hash `image`.
    pub fn transforms(&self, config: &ScoreConfig, image: &ContentHash) -> Vec<Transform> {
        config.transforms_of(image, &self.info.config.transform_config())
    }

    /// Calls `visit` with the index and the score of each file, in order, until it breaks.
    ///
    /// Memory stays flat for any number of files. A file that is no usable image, or does not fit
    /// the model's regions, is passed on as its error.
    ///
    /// # Errors
    /// [`DetectorError`] if no transforms are asked for, if the model was trained with another
    /// extractor, or if the feature cache fails.
    pub fn score_files(
        &self,
        source: &FeatureSource,
        files: &[PathBuf],
        config: &ScoreConfig,
        visit: &mut dyn FnMut(usize, Result<ImageScore, ImageError>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, DetectorError> {
        self.score_images(source, &ImageInput::files(files), config, visit)
    }

    /// As [`Self::score_files`], of images wherever they are: equal bytes score the same.
    ///
    /// # Errors
    /// As [`Self::score_files`].
    pub fn score_images(
        &self,
        source: &FeatureSource,
        images: &[ImageInput<'_>],
        config: &ScoreConfig,
        visit: &mut dyn FnMut(usize, Result<ImageScore, ImageError>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, DetectorError> {
        self.check_scoring(source, config)?;
        let scoring = RowScoring {
            source,
            regions: self.info.regions.as_ref(),
            config,
            transforms: &self.info.config.transform_config(),
            spread: self.info.transform_spread,
            score: &|rows| Ok(self.row_scores(rows)),
        };
        scoring.run(images, &mut |index, scored| {
            let score = scored.map(|ScoredRows { hash, rows, scores }| {
                let judged = config
                    .judge(hash, scores, &self.info.thresholds())
                    .expect("the number of transforms was checked");
                ImageScore { mean_features: mean_of_rows(&rows), ..judged }
            });
            visit(index, score)
        })
    }

    /// Checks, before the first image is extracted, that features and settings fit the model.
    pub(crate) fn check_scoring(
        &self,
        source: &FeatureSource,
        config: &ScoreConfig,
    ) -> Result<(), DetectorError> {
        source.require_extractor(&self.info.extractor)?;
        anomaly_score(&vec![1.0; config.transforms], config.average)?;
        Ok(())
    }
}

impl ModelInfo {
    /// The current [`ModelInfo::format`].
    pub const FORMAT: u32 = FORMAT;

    /// Where doubt begins, and where a defect does.
    pub fn thresholds(&self) -> Thresholds {
        let trained = Thresholds { defect: self.threshold, unsure: None };
        self.calibration.as_ref().map_or(trained, Calibration::thresholds)
    }
}

/// The mean of rows `[rows, 768]`, `[768]`.
fn mean_of_rows(rows: &[f32]) -> Vec<f32> {
    let mut sums = vec![0.0_f32; FEATURES];
    for row in rows.chunks_exact(FEATURES) {
        sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
    }
    let count = (rows.len() / FEATURES) as f32;
    sums.iter().map(|sum| sum / count).collect()
}

pub(crate) fn model_error<E: Into<FlowError>>(path: &Path) -> impl Fn(E) -> DetectorError {
    move |source| DetectorError::Model { path: path.to_path_buf(), source: source.into() }
}
