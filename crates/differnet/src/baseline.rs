//! A fitted competitor: scores images and lives in one file, as a [`Detector`](crate::Detector)
//! does.

mod config;
mod fit;
#[cfg(test)]
mod tests;
mod training_images;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use burn::tensor::Device;
use differnet_baselines::{
    Adgan, BaselineError, Dsebm, Ganomaly, GeoTrans, Images, OneClassSvm, OneNearestNeighbour,
    PixelScorer, RowScorer, Rows, Scorer,
};
use differnet_data::{ContentHash, ImageInput, Regions};
use differnet_features::FEATURES;
use differnet_files::read_metadata;
use differnet_scoring::{Average, Thresholds};
use serde::{Deserialize, Serialize};

use crate::anomaly_detector::{AnomalyDetector, VisitScores};
use crate::calibration::Calibration;
use crate::detector::{ScoreConfig, TransformChoice, model_error};
use crate::error::DetectorError;
use crate::feature_source::FeatureSource;
use crate::method::Method;
use crate::model_summary::ModelSummary;
use crate::pixel_source::{ImagePixels, View, for_each_image};
use crate::row_scoring::{RowScoring, ScoredRows};
use crate::self_test::SelfTest;

pub use config::{BaselineConfig, BaselineMethod};

/// Metadata key under which a model file keeps its [`BaselineInfo`].
pub(crate) const INFO_KEY: &str = "differnet.baseline";
/// Version of [`BaselineInfo`]'s meaning.
const FORMAT: u32 = 1;

/// What a competitor's model file says about itself besides its numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BaselineInfo {
    /// Version of this description.
    pub format: u32,
    /// Version of the program that fitted the model.
    pub version: String,
    /// The method and every setting, the seed among them.
    pub config: BaselineConfig,
    /// Name of the feature extractor; `None` for methods that look at pixels.
    pub extractor: Option<String>,
    /// Which parts of the images count, in fitting and ever since; `None` for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regions: Option<Regions>,
    /// Digest of the training images' contents.
    pub data_fingerprint: String,
    /// Images fitted to.
    pub training_images: usize,
    /// Digests of their contents, 16 hexadecimal digits each.
    #[serde(default)]
    pub training_digests: Vec<String>,
    /// Images held back.
    pub held_back_images: usize,
    /// Scores from here on are defects; set in training.
    pub threshold: f64,
    /// What has been set since; it takes the threshold's place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<Calibration>,
    /// Images and their scores, to recognise a copy that scores otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub self_test: Option<SelfTest>,
    /// Scores of the held-back images, sorted; without any, those of training images.
    pub good_scores: Vec<f64>,
    /// What the method has to tell besides: names and values.
    pub facts: BTreeMap<String, String>,
}

/// A competitor fitted to good images, with all that is needed to judge new ones.
#[derive(Debug)]
pub struct Baseline {
    scorer: Scorer,
    info: BaselineInfo,
}

impl BaselineInfo {
    /// Where doubt begins, and where a defect does.
    pub fn thresholds(&self) -> Thresholds {
        let trained = Thresholds { defect: self.threshold, unsure: None };
        self.calibration.as_ref().map_or(trained, Calibration::thresholds)
    }
}

impl Baseline {
    /// What the model says about itself.
    pub fn info(&self) -> &BaselineInfo {
        &self.info
    }

    /// The model in the file `path`, with networks on `device`.
    ///
    /// # Errors
    /// [`DetectorError::BaselineModel`] or [`DetectorError::NotAModel`] names what is wrong with
    /// the file.
    pub fn load(path: &Path, device: &Device) -> Result<Self, DetectorError> {
        let info = Self::read_info(path)?;
        let wrong = |source| DetectorError::BaselineModel {
            path: path.to_path_buf(),
            source: Box::new(source),
        };
        let scorer = load_scorer(path, &info.config.method, device).map_err(wrong)?;
        if let Scorer::Rows(scorer) = &scorer
            && scorer.features() != FEATURES
        {
            let reason = format!("it does not describe {FEATURES} features");
            return Err(DetectorError::NotAModel { path: path.to_path_buf(), reason });
        }
        Ok(Self { scorer, info })
    }

    /// What the model file `path` says about itself, without reading its numbers.
    ///
    /// # Errors
    /// As [`Self::load`], as far as the description goes.
    pub fn read_info(path: &Path) -> Result<BaselineInfo, DetectorError> {
        let metadata = read_metadata(path).map_err(model_error(path))?;
        let not_a_model =
            |reason: String| DetectorError::NotAModel { path: path.to_path_buf(), reason };
        let Some(text) = metadata.get(INFO_KEY) else {
            return Err(not_a_model("it has no description of a competitor".into()));
        };
        let info: BaselineInfo = serde_json::from_str(text)
            .map_err(|error| not_a_model(format!("its description is damaged ({error})")))?;
        if info.format != FORMAT {
            let found = info.format;
            return Err(not_a_model(format!("it has format {found}; this version reads {FORMAT}")));
        }
        let calibrated = info.calibration.as_ref().is_none_or(Calibration::is_finite)
            && info.self_test.as_ref().is_none_or(SelfTest::is_finite);
        if !(info.threshold.is_finite() && calibrated) {
            return Err(not_a_model("its threshold is not a finite number".into()));
        }
        info.config.validate().map_err(|error| not_a_model(error.to_string()))?;
        Ok(info)
    }

    /// Checks, before the first image is read, that source and settings fit the model.
    fn check_scoring(
        &self,
        source: &FeatureSource,
        config: &ScoreConfig,
    ) -> Result<(), DetectorError> {
        if let Some(extractor) = &self.info.extractor {
            source.require_extractor(extractor)?;
        }
        require_average(self.info.config.method(), config.average)?;
        differnet_scoring::anomaly_score(&vec![1.0; config.transforms], config.average)?;
        Ok(())
    }

    /// Scores images by their features.
    fn score_rows(
        &self,
        scorer: &dyn RowScorer,
        source: &FeatureSource,
        images: &[ImageInput<'_>],
        config: &ScoreConfig,
        visit: &mut VisitScores<'_>,
    ) -> Result<ControlFlow<()>, DetectorError> {
        let transforms = self.info.config.shared.transform_config();
        let scoring = RowScoring {
            source,
            regions: self.info.regions.as_ref(),
            config,
            transforms: &transforms,
            spread: None,
            score: &|rows| Ok(scorer.scores(&Rows::new(rows, FEATURES)?)),
        };
        scoring.run(images, &mut |index, scored| {
            let score = scored.map(|ScoredRows { hash, scores, .. }| {
                config
                    .judge(hash, scores, &self.info.thresholds())
                    .expect("the number of transforms was checked")
            });
            visit(index, score)
        })
    }

    /// Scores images by their pixels.
    fn score_pixels(
        &self,
        scorer: &dyn PixelScorer,
        source: &FeatureSource,
        images: &[ImageInput<'_>],
        config: &ScoreConfig,
        visit: &mut VisitScores<'_>,
    ) -> Result<ControlFlow<()>, DetectorError> {
        let transforms = self.info.config.shared.transform_config();
        let choice = |hash: &ContentHash| config.transforms_of(hash, &transforms);
        let side = scorer.side();
        let view = View { side, regions: self.info.regions.as_ref() };
        let mut failure = None;
        let flow = for_each_image(images, view, &source.limits, &choice, &mut |index, image| {
            let score = match image {
                Err(error) => Err(error),
                Ok(ImagePixels { hash, pixels }) => {
                    match Images::new(&pixels, side).and_then(|images| scorer.scores(&images)) {
                        Ok(scores) => Ok(config
                            .judge(hash, scores, &self.info.thresholds())
                            .expect("the number of transforms was checked")),
                        Err(error) => {
                            failure = Some(error);
                            return ControlFlow::Break(());
                        }
                    }
                }
            };
            visit(index, score)
        });
        failure.map_or(Ok(flow), |error| Err(error.into()))
    }
}

impl AnomalyDetector for Baseline {
    fn summary(&self) -> ModelSummary<'_> {
        ModelSummary::of_baseline(&self.info)
    }

    fn score_config(&self) -> ScoreConfig {
        let shared = &self.info.config.shared;
        ScoreConfig {
            transforms: shared.score_transforms,
            choice: TransformChoice::Fixed,
            average: shared.average,
            settle: None,
        }
    }

    fn score_images(
        &self,
        source: &FeatureSource,
        images: &[ImageInput<'_>],
        config: &ScoreConfig,
        visit: &mut VisitScores<'_>,
    ) -> Result<ControlFlow<()>, DetectorError> {
        self.check_scoring(source, config)?;
        match &self.scorer {
            Scorer::Rows(scorer) => self.score_rows(&**scorer, source, images, config, visit),
            Scorer::Pixels(scorer) => self.score_pixels(&**scorer, source, images, config, visit),
        }
    }

    fn calibrate(&mut self, calibration: Option<Calibration>) {
        self.info.calibration = calibration;
    }

    fn save(&self, path: &Path) -> Result<(), DetectorError> {
        let info = serde_json::to_string(&self.info).expect("a description is plain data");
        let metadata = BTreeMap::from([(INFO_KEY.to_owned(), info)]);
        let wrong = |source| DetectorError::BaselineModel {
            path: path.to_path_buf(),
            source: Box::new(source),
        };
        self.scorer.model().save(path, &metadata).map_err(wrong)
    }
}

/// The fitted method in the file `path`, with networks on `device`.
fn load_scorer(
    path: &Path,
    method: &BaselineMethod,
    device: &Device,
) -> Result<Scorer, BaselineError> {
    Ok(match method {
        BaselineMethod::OneNearestNeighbour(_) => {
            Scorer::Rows(Box::new(OneNearestNeighbour::load(path)?))
        }
        BaselineMethod::OneClassSvm(_) => Scorer::Rows(Box::new(OneClassSvm::load(path)?)),
        BaselineMethod::GeoTrans(_) => Scorer::Pixels(Box::new(GeoTrans::load(path, device)?)),
        BaselineMethod::Ganomaly(_) => Scorer::Pixels(Box::new(Ganomaly::load(path, device)?)),
        BaselineMethod::Dsebm(_) => Scorer::Pixels(Box::new(Dsebm::load(path, device)?)),
        BaselineMethod::Adgan(_) => Scorer::Pixels(Box::new(Adgan::load(path, device)?)),
    })
}

/// Nothing, if the scores of `method` can be averaged so.
fn require_average(method: Method, average: Average) -> Result<(), DetectorError> {
    if average == Average::GeometricMean && method.has_negative_scores() {
        let expected = "mean for a method whose scores can be negative";
        let found = "geometric-mean".to_owned();
        return Err(DetectorError::Config { name: "average", expected, found });
    }
    Ok(())
}
