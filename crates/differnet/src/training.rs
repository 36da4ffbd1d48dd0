//! Training a detector on good images (paper, Sections 3.1.2 and 4.2).

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use differnet_data::{BadImage, ContentHash, Regions, fixed_transforms};
use differnet_features::LOCAL_GRID;
use differnet_scoring::{
    LocalStatistics, LocalStatisticsBuilder, anomaly_score, quantile, threshold_from_good,
    transform_spread,
};

use crate::checkpoints::Checkpoints;
use crate::config::DetectorConfig;
use crate::detector::{Detector, ModelInfo};
use crate::error::DetectorError;
use crate::feature_source::FeatureSource;
use crate::progress::{LookCallback, Progress, ProgressCallback};
use crate::shared_config::SharedConfig;
use crate::split::{Split, check_files, split_files};

mod held_back_loss;
mod rounds;

use rounds::Trained;

/// Fewest usable images that a training starts with.
pub const FEWEST_IMAGES: usize = 2;
/// Training images that local statistics are taken from.
const PLACED_IMAGES: usize = 100;
/// Transforms of each of them.
const PLACED_TRANSFORMS: usize = 8;
/// Good images whose maps set the threshold of maps.
const MAPPED_IMAGES: usize = 50;
/// The quantiles kept.
const QUANTILES: [f64; 7] = [0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0];
/// What to do with files that are no usable images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadImagePolicy {
    /// Refuse to train, listing all of them.
    Refuse,
    /// Train on the others and list them in the outcome.
    Skip,
}

/// Everything a training needs besides its images.
#[derive(Debug)]
pub struct Training<'a, C = DetectorConfig> {
    /// The settings; their type decides what is trained.
    pub config: &'a C,
    /// Where features come from.
    pub source: &'a FeatureSource,
    /// Where networks are trained.
    pub device: &'a Device,
    /// Folder for checkpoints: a training found there is taken up again. Competitors have none.
    pub checkpoints: &'a Path,
    /// What to do with files that are no usable images.
    pub bad_images: BadImagePolicy,
    /// Which parts of the images count, here and whenever the detector sees an image; `None` for
    /// all.
    pub regions: Option<&'a Regions>,
}

/// How a training ended.
#[derive(Debug)]
pub enum Outcome<M: ?Sized = Detector> {
    /// The trained model, and the files that were skipped.
    Finished(Box<M>, Vec<BadImage>),
    /// The progress callback asked to stop; the checkpoint folder, if there is one, has the state.
    Interrupted,
}

impl<C> Training<'_, C> {
    /// The usable images, divided, and those that are not; `None` if interrupted.
    pub(crate) fn usable_split(
        &self,
        shared: &SharedConfig,
        files: &[PathBuf],
        progress: &mut ProgressCallback<'_>,
    ) -> Result<Option<(Split, Vec<BadImage>)>, DetectorError> {
        let Some((usable, bad)) = check_files(files, self.regions, &self.source.limits, progress)
        else {
            return Ok(None);
        };
        if self.bad_images == BadImagePolicy::Refuse && !bad.is_empty() {
            return Err(DetectorError::BadImages { bad });
        }
        if usable.len() < FEWEST_IMAGES {
            return Err(DetectorError::TooFewImages { found: usable.len(), needed: FEWEST_IMAGES });
        }
        Ok(Some((split_files(usable, shared), bad)))
    }

    /// Deletes the checkpoints once the model is safely stored.
    ///
    /// # Errors
    /// [`DetectorError::Io`] if they cannot be deleted.
    pub fn remove_checkpoints(&self) -> Result<(), DetectorError> {
        self.checkpoints().remove()
    }

    fn checkpoints(&self) -> Checkpoints<'_> {
        Checkpoints::in_folder(self.checkpoints)
    }
}

impl Training<'_> {
    /// Trains a detector on the good images `files`.
    ///
    /// A share of them is held back to choose the weights and to set the threshold. The result is
    /// a function of the settings, the seed, the regions and the images' contents there, not of
    /// their names, and whether or not the training was interrupted in between.
    ///
    /// # Errors
    /// [`DetectorError`]: settings out of range, unusable or too few images, a checkpoint of
    /// another training, a loss that is no longer finite, or a file that cannot be written.
    pub fn run(
        &self,
        files: &[PathBuf],
        progress: &mut ProgressCallback<'_>,
    ) -> Result<Outcome, DetectorError> {
        self.run_watched(files, progress, &mut |_, _| ControlFlow::Continue(()))
    }

    /// As [`run`](Self::run); `look` sees the flow at every look at the held-back images.
    ///
    /// Nothing that it sees changes the training. Looks made before an interruption are not
    /// repeated when the training is taken up again.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_watched(
        &self,
        files: &[PathBuf],
        progress: &mut ProgressCallback<'_>,
        look: &mut LookCallback<'_>,
    ) -> Result<Outcome, DetectorError> {
        self.config.validate()?;
        self.config.flow_config().validate()?;
        self.checkpoints().create()?;
        let Some((split, bad)) = self.usable_split(&self.config.shared(), files, progress)? else {
            return Ok(Outcome::Interrupted);
        };
        let Some(held_back) = self.held_back_rows(&split, progress)? else {
            return Ok(Outcome::Interrupted);
        };
        let Some(trained) = self.train_flows(&split, &held_back, progress, look)? else {
            return Ok(Outcome::Interrupted);
        };
        let info = self.describe(&split, &held_back, &trained)?;
        let Some(local_statistics) = self.local_statistics(&split, progress)? else {
            return Ok(Outcome::Interrupted);
        };
        let detector = Detector::new(trained.flows, local_statistics, info);
        let Some(map_threshold) = self.map_threshold(&detector, &split, progress)? else {
            return Ok(Outcome::Interrupted);
        };
        let detector = detector.with_map_threshold(map_threshold).with_self_test(self.source)?;
        Ok(Outcome::Finished(Box::new(detector), bad))
    }

    /// Rows of the held-back images under the transforms that they will be scored with.
    fn held_back_rows(
        &self,
        split: &Split,
        progress: &mut ProgressCallback<'_>,
    ) -> Result<Option<Vec<f32>>, DetectorError> {
        let total = split.held_back.len();
        let transforms =
            fixed_transforms(&self.config.transform_config(), self.config.score_transforms);
        let mut rows = Vec::new();
        let choice = |_: &ContentHash| transforms.clone();
        let files = &split.held_back;
        let flow =
            self.source.for_each_usable(self.regions, files, &choice, &mut |index, features| {
                rows.extend(features.rows);
                progress(Progress::HeldBack { done: index + 1, total })
            })?;
        Ok(flow.is_continue().then_some(rows))
    }

    /// What training images look like at each place; `None` if interrupted.
    fn local_statistics(
        &self,
        split: &Split,
        progress: &mut ProgressCallback<'_>,
    ) -> Result<Option<LocalStatistics>, DetectorError> {
        // Spread over all of them: neighbours in the order of contents are as unlike as any.
        let files = &split.training[..split.training.len().min(PLACED_IMAGES)];
        let transforms = fixed_transforms(&self.config.transform_config(), PLACED_TRANSFORMS);
        let mut statistics = LocalStatisticsBuilder::new(LOCAL_GRID.side, LOCAL_GRID.channels);
        for (index, path) in files.iter().enumerate() {
            let local = self.source.local_features(path, self.regions, &transforms)?;
            let images =
                local.chunks_exact(LOCAL_GRID.side * LOCAL_GRID.side * LOCAL_GRID.channels);
            for (local, transform) in images.zip(&transforms) {
                statistics.add(local, transform.degrees);
            }
            let (done, total) = (index + 1, files.len());
            if progress(Progress::Places { done, total }).is_break() {
                return Ok(None);
            }
        }
        Ok(Some(statistics.finish()))
    }

    /// The value that the maps of most good images stay below; `None` if interrupted.
    fn map_threshold(
        &self,
        detector: &Detector,
        split: &Split,
        progress: &mut ProgressCallback<'_>,
    ) -> Result<Option<f64>, DetectorError> {
        let files = if split.held_back.is_empty() { &split.training } else { &split.held_back };
        let files = &files[..files.len().min(MAPPED_IMAGES)];
        let config = detector.localize_config();
        let mut peaks = Vec::with_capacity(files.len());
        let mut failure = None;
        let flow = detector.localize_files(self.source, files, &config, &mut |index, found| {
            match found {
                Ok(found) => peaks.extend(found.map.peak().map(|peak| f64::from(peak.value))),
                Err(source) => failure = Some(source),
            }
            let mapped = progress(Progress::Maps { done: index + 1, total: files.len() });
            if failure.is_some() { ControlFlow::Break(()) } else { mapped }
        })?;
        match failure {
            Some(source) => Err(DetectorError::Image { source }),
            None if flow.is_break() => Ok(None),
            None => Ok(Some(threshold_from_good(&peaks, self.config.quantile)?)),
        }
    }

    /// The description that goes into the model file, with the threshold.
    fn describe(
        &self,
        split: &Split,
        held_back: &[f32],
        trained: &Trained,
    ) -> Result<ModelInfo, DetectorError> {
        let config = self.config;
        let scores = trained.flows.row_scores(held_back, config.average);
        let mut good_scores = Vec::new();
        for image in scores.chunks(config.score_transforms) {
            // An infinite score would not survive the model file's JSON.
            good_scores.push(anomaly_score(image, config.average)?.min(f64::MAX));
        }
        let images = scores.chunks(config.score_transforms);
        let spread = transform_spread(images, config.average).filter(|spread| spread.is_finite());
        if good_scores.is_empty() {
            good_scores.clone_from(&trained.training_scores);
        }
        good_scores.sort_by(f64::total_cmp);
        let mut training_score_quantiles = Vec::new();
        for q in QUANTILES {
            training_score_quantiles.push(quantile(&trained.training_scores, q)?);
        }
        Ok(ModelInfo {
            format: ModelInfo::FORMAT,
            version: env!("CARGO_PKG_VERSION").into(),
            extractor: self.source.extractor.id().into(),
            config: config.clone(),
            regions: self.regions.cloned(),
            data_fingerprint: split.fingerprint.clone(),
            training_images: split.training.len(),
            training_digests: split.training_digests.clone(),
            held_back_images: split.held_back.len(),
            updates: trained.updates,
            threshold: threshold_from_good(&good_scores, config.quantile)?.min(f64::MAX),
            calibration: None,
            self_test: None,
            map_threshold: f64::MAX,
            good_scores,
            transform_spread: spread,
            training_score_quantiles,
            feature_means: trained.statistics.means.clone(),
            feature_deviations: trained.statistics.deviations.clone(),
            history: trained.history.clone(),
        })
    }
}
