//! What evaluation, tables and reports need of a model, whatever its method.

use std::fmt::Debug;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use differnet_data::{ImageError, ImageInput};
use differnet_files::read_metadata;

use crate::baseline::{self, Baseline};
use crate::calibration::Calibration;
use crate::detector::{self, Detector, ImageScore, ScoreConfig};
use crate::error::DetectorError;
use crate::feature_source::FeatureSource;
use crate::model_summary::{AnyModelInfo, ModelSummary};
use crate::self_test::SelfTest;

/// Sees the index and the score of each image, or why it has none, until it breaks.
pub type VisitScores<'a> = dyn FnMut(usize, Result<ImageScore, ImageError>) -> ControlFlow<()> + 'a;

/// A model of good images that scores new ones: DifferNet's [`Detector`] or a [`Baseline`].
///
/// [`Training`](crate::Training) fits one, [`load_model`] reads one.
pub trait AnomalyDetector: Debug + Send + Sync {
    /// What the model says about itself.
    fn summary(&self) -> ModelSummary<'_>;

    /// The scoring that the model was fitted for and its threshold holds for.
    fn score_config(&self) -> ScoreConfig;

    /// Calls `visit` with the index and the score of each image, in order, until it breaks.
    ///
    /// Equal bytes score the same, from a file or from memory, alone or among others. Memory stays
    /// flat for any number of files. What is no usable image is passed on as its error.
    ///
    /// # Errors
    /// [`DetectorError`] if the model cannot score so, if it was fitted to features of another
    /// extractor, or if the feature cache fails.
    fn score_images(
        &self,
        source: &FeatureSource,
        images: &[ImageInput<'_>],
        config: &ScoreConfig,
        visit: &mut VisitScores<'_>,
    ) -> Result<ControlFlow<()>, DetectorError>;

    /// As [`Self::score_images`], of files.
    ///
    /// # Errors
    /// As [`Self::score_images`].
    fn score_files(
        &self,
        source: &FeatureSource,
        files: &[PathBuf],
        config: &ScoreConfig,
        visit: &mut VisitScores<'_>,
    ) -> Result<ControlFlow<()>, DetectorError> {
        self.score_images(source, &ImageInput::files(files), config, visit)
    }

    /// Sets the threshold by `calibration`; `None` for the one set in training.
    fn calibrate(&mut self, calibration: Option<Calibration>);

    /// Writes the model to `path`; a complete file or none.
    ///
    /// # Errors
    /// [`DetectorError`] if the file cannot be written.
    fn save(&self, path: &Path) -> Result<(), DetectorError>;

    /// The model as one that also says where a defect is; `None` for methods that cannot.
    fn localizer(&self) -> Option<&Detector> {
        None
    }
}

impl AnomalyDetector for Detector {
    fn summary(&self) -> ModelSummary<'_> {
        ModelSummary::of_detector(self.info())
    }

    fn score_config(&self) -> ScoreConfig {
        Detector::score_config(self)
    }

    fn score_images(
        &self,
        source: &FeatureSource,
        images: &[ImageInput<'_>],
        config: &ScoreConfig,
        visit: &mut VisitScores<'_>,
    ) -> Result<ControlFlow<()>, DetectorError> {
        Detector::score_images(self, source, images, config, visit)
    }

    fn calibrate(&mut self, calibration: Option<Calibration>) {
        Detector::calibrate(self, calibration);
    }

    fn save(&self, path: &Path) -> Result<(), DetectorError> {
        Detector::save(self, path)
    }

    fn localizer(&self) -> Option<&Detector> {
        Some(self)
    }
}

/// The model in the file `path`, whatever its method, with networks on `device`.
///
/// # Errors
/// [`DetectorError`] names what is wrong with the file.
pub fn load_model(path: &Path, device: &Device) -> Result<Box<dyn AnomalyDetector>, DetectorError> {
    Ok(match Kind::of(path)? {
        Kind::Detector => Box::new(Detector::load(path, device)?),
        Kind::Baseline => Box::new(Baseline::load(path, device)?),
    })
}

/// As [`load_model`], of a model that scores as it did where it was trained: its [`SelfTest`], if it
/// has one, is run with features from `source`, which should have no cache.
///
/// # Errors
/// As [`load_model`]; [`DetectorError::Deviates`] if the scores are others.
pub fn load_verified_model(
    path: &Path,
    device: &Device,
    source: &FeatureSource,
) -> Result<Box<dyn AnomalyDetector>, DetectorError> {
    let model = load_model(path, device)?;
    if let Some(test) = model.summary().self_test {
        let deviation = test.run(&*model, source)?.deviation;
        // NaN agrees with nothing.
        let agrees = deviation <= SelfTest::TOLERANCE;
        if !agrees {
            return Err(DetectorError::Deviates { path: path.to_path_buf(), deviation });
        }
    }
    Ok(model)
}

/// What the model file `path` says about itself, without reading its weights.
///
/// # Errors
/// As [`load_model`], as far as the description goes.
pub fn read_model_info(path: &Path) -> Result<AnyModelInfo, DetectorError> {
    Ok(match Kind::of(path)? {
        Kind::Detector => AnyModelInfo::Detector(Box::new(Detector::read_info(path)?)),
        Kind::Baseline => AnyModelInfo::Baseline(Box::new(Baseline::read_info(path)?)),
    })
}

/// Which type a model file holds; they keep their descriptions under different keys.
enum Kind {
    Detector,
    Baseline,
}

impl Kind {
    fn of(path: &Path) -> Result<Self, DetectorError> {
        let metadata = read_metadata(path).map_err(detector::model_error(path))?;
        // A file with neither is refused as a detector's.
        let baseline = metadata.contains_key(baseline::INFO_KEY);
        Ok(if baseline { Self::Baseline } else { Self::Detector })
    }
}
