//! Training a model on good images: split, fit, threshold, self-test.

use std::iter;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use differnet_data::{
    BadImage, ContentHash, FileDepth, ImageInput, InputStatistics, JpegAugmentation, MaskedInput,
    Preprocessing, Purpose, Regions, Transform,
};
use differnet_flow::Flow;
use differnet_progress::{Cancelled, Monitor, Progress, Stage};
use differnet_scoring::threshold_from_good;
use rayon::prelude::*;

use crate::config::Config;
use crate::error::Error;
use crate::features::BATCH;
use crate::header::{Header, HistoryPoint};
use crate::input_guard::InputGuard;
use crate::method::checkpoints::Checkpoints;
use crate::method::{Fitted, GoodScores};
use crate::model::Model;
use crate::runtime::Runtime;
use crate::self_test::SelfTest;
use crate::split::{FILES, Stamps, ValidationSplit, check_files, split_files};

/// Good images whose maps set the threshold of maps.
const MAPPED_IMAGES: usize = 50;
/// Time between two saves of a training's state unless another is given.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(60);

/// Policy for files that are no usable images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadImagePolicy {
    /// Refuse to train, listing all of them.
    Refuse,
    /// Train on the others and list them in the result.
    Skip,
}

/// Sees each validation step and the flow as it is then.
pub type ValidationObserver<'a> = dyn Fn(&HistoryPoint, &Flow) -> Result<(), Error> + Sync + 'a;

/// Everything a training needs besides its images.
///
/// ```
/// use differnet::{Config, Runtime, Training, progress::Monitor};
///
/// fn train(runtime: &Runtime, monitor: Monitor<'_>) -> Result<(), differnet::Error> {
///     let config = Config { seed: 1, ..Config::default() };
///     let training = Training { monitor, ..Training::new(&config, runtime) };
///     training.run(&["good/1.png".into(), "good/2.png".into()])?.model.save("part.differnet")
/// }
/// ```
#[derive(Clone)]
pub struct Training<'a> {
    /// The settings, the method among them.
    pub config: &'a Config,
    /// Runtime of feature extraction and training.
    pub runtime: &'a Runtime,
    /// Folder for checkpoints: a training found there is resumed. `None` for a folder that is
    /// forgotten with the training. Methods that are not
    /// [resumable](crate::Method::is_resumable) have no checkpoints.
    pub checkpoints: Option<&'a Path>,
    /// Time between two saves of the state, and longer where saving would take more than a twentieth of the
    /// time.
    pub checkpoint_interval: Duration,
    /// Policy for files that are no usable images.
    pub bad_images: BadImagePolicy,
    /// Regions that count, here and whenever the model sees an image; `None` for the whole image.
    pub regions: Option<&'a Regions>,
    /// Significant bits of a 16-bit sample, here and whenever the model sees an image; `None` for
    /// what most of the images have ([`FileDepth::common`]).
    pub depth: Option<u8>,
    /// Observer of the progress, and the token that cancels.
    pub monitor: Monitor<'a>,
    /// Sees the first flow at each validation step, and changes nothing; an error of it ends the
    /// training. Steps made before an interruption are not repeated.
    pub validation_observer: Option<&'a ValidationObserver<'a>>,
}

/// A training that has finished.
#[derive(Debug)]
pub struct Trained {
    /// The trained model.
    pub model: Model,
    /// Files that were skipped.
    pub skipped: Vec<BadImage>,
}

impl<'a> Training<'a> {
    /// A training without checkpoints, regions and observers that refuses bad images.
    pub fn new(config: &'a Config, runtime: &'a Runtime) -> Self {
        Self {
            config,
            runtime,
            checkpoints: None,
            checkpoint_interval: CHECKPOINT_INTERVAL,
            bad_images: BadImagePolicy::Refuse,
            regions: None,
            depth: None,
            monitor: Monitor::silent(),
            validation_observer: None,
        }
    }

    /// Trains a model on the good images `files`.
    ///
    /// A share of them is held back to set the threshold, and to choose the weights where a method
    /// can stop early. The result is a function of the settings, the seed, the regions and the images'
    /// contents there, not of their names, and whether or not the training was interrupted in between.
    ///
    /// # Errors
    /// [`Error`]: settings out of range, unusable or too few images, a checkpoint of another training,
    /// a loss that is no longer finite, a file that cannot be written; [`Error::Cancelled`] if the
    /// monitor's token is cancelled: the checkpoint folder, if the method has one, has the state.
    pub fn run(&self, files: &[PathBuf]) -> Result<Trained, Error> {
        self.config.validate()?;
        let loaded = self.config.backbone.filter(|backbone| !backbone.is_embedded());
        if let Some(backbone) = loaded {
            self.runtime.require_weights(backbone, backbone.stages())?;
        }
        let depth = match self.depth {
            Some(depth) => Some(depth),
            None => self.common_depth(files)?,
        };
        if let (Some(bits), Some(_)) = (depth, self.config.jpeg_augmentation) {
            return Err(Error::Config {
                name: "jpeg_augmentation",
                expected: "absent for images of more than 8 bits a sample, which JPEG does not keep",
                found: format!("images of {bits} bits"),
            });
        }
        Self { depth, ..self.clone() }.run_at_depth(files)
    }

    /// Significant bits of a 16-bit sample in most of the files that can be read.
    fn common_depth(&self, files: &[PathBuf]) -> Result<Option<u8>, Cancelled> {
        let mut depths = Vec::with_capacity(files.len());
        for group in files.chunks(FILES) {
            depths.extend(FileDepth::of_files(group, &self.runtime.limits));
            self.monitor.cancel_token().check()?;
        }
        Ok(FileDepth::common(&depths))
    }

    /// The training with samples of the given depth.
    fn run_at_depth(&self, files: &[PathBuf]) -> Result<Trained, Error> {
        let stamps = Stamps::of(files);
        let (split, skipped) = self.usable_split(files)?;
        let method = self.config.method.clone().for_areas(split.areas());
        let config = Config { method, ..self.config.clone() };
        let model = Training { config: &config, ..self.clone() }.fit(&split)?;
        split.require_unchanged(&stamps, self.preprocessing(), &self.runtime.limits)?;
        Ok(Trained { model, skipped })
    }

    /// A model of the divided images.
    fn fit(&self, split: &ValidationSplit) -> Result<Model, Error> {
        let mut fitted = self.config.method.fit(self, split)?;
        let good_peaks = fitted.good_peaks.take();
        let mut model = self.describe(split, fitted)?;
        if model.localizes() {
            let peaks = match good_peaks {
                Some(peaks) => peaks,
                None => self.map_peaks(&model, split)?,
            };
            let threshold = threshold_from_good(&peaks, self.config.quantile)?;
            model.header_mut().map_threshold = Some(threshold);
        }
        let self_test = SelfTest::record(&model)?;
        model.header_mut().self_test = self_test;
        Ok(model)
    }

    /// Tells whether the folder of checkpoints has a training that [`run`](Self::run) resumes.
    pub fn has_checkpoint(&self) -> bool {
        self.checkpoints.is_some_and(|folder| Checkpoints::in_folder(folder).is_there())
    }

    /// Deletes the checkpoints once the model is safely stored.
    ///
    /// # Errors
    /// [`Error::Io`] if they cannot be deleted.
    pub fn remove_checkpoints(&self) -> Result<(), Error> {
        match self.checkpoints {
            Some(folder) if folder.exists() => Checkpoints::in_folder(folder).remove(),
            _ => Ok(()),
        }
    }

    /// Returns the preprocessing of an image, before it is resized.
    pub(crate) fn preprocessing(&self) -> Preprocessing<'a> {
        Preprocessing { regions: self.regions, depth: self.depth }
    }

    /// SHA-256 of the file of the network's weights; `None` if they are compiled in.
    pub(crate) fn weights_sha256(&self) -> Option<String> {
        let weights = self.config.backbone.and_then(|backbone| self.runtime.weights(backbone));
        weights.map(|weights| weights.file_sha256().to_owned())
    }

    /// Number of images that each file gives: one, and with JPEG augmentation three more.
    pub(crate) fn images_per_file(&self) -> usize {
        1 + self.config.jpeg_augmentation.map_or(0, |_| JpegAugmentation::COPIES)
    }

    /// The images that `files` give: each as it is and, with JPEG augmentation, behind it as JPEG.
    pub(crate) fn images<'f>(&self, files: &'f [PathBuf]) -> Vec<ImageInput<'f>> {
        let seed = self.config.training_transform_seed();
        let as_jpeg = |path: &'f PathBuf| {
            let augmentation = self.config.jpeg_augmentation.into_iter();
            augmentation.flat_map(move |augmentation| {
                (0..JpegAugmentation::COPIES).map(move |copy| ImageInput::AsJpeg {
                    path,
                    augmentation,
                    seed,
                    copy,
                })
            })
        };
        let images = |file: &'f PathBuf| iter::once(ImageInput::File(file)).chain(as_jpeg(file));
        files.iter().flat_map(images).collect()
    }

    /// The largest of the values of each file's images: what a threshold has to let pass so that the part is
    /// good in whichever way it is stored. A guarantee counts parts.
    pub(crate) fn largest_of_each_file(&self, values: &[f64]) -> Vec<f64> {
        let largest = |values: &[f64]| values.iter().copied().max_by(f64::total_cmp);
        values.chunks(self.images_per_file()).filter_map(largest).collect()
    }

    /// Statistics of `files` as JPEG; of none without JPEG augmentation.
    pub(crate) fn jpeg_statistics(&self, files: &[PathBuf]) -> Result<Vec<InputStatistics>, Error> {
        let images = self.images(files);
        let jpegs: Vec<_> =
            images.into_iter().filter(|image| matches!(image, ImageInput::AsJpeg { .. })).collect();
        let read = |input: &ImageInput<'_>| {
            MaskedInput::read(*input, self.preprocessing(), &self.runtime.limits)
                .map(|seen| seen.statistics)
                .map_err(|source| Error::ImageChanged { source })
        };
        let mut statistics = Vec::with_capacity(jpegs.len());
        for group in jpegs.chunks(BATCH) {
            statistics.extend(group.par_iter().map(read).collect::<Result<Vec<_>, _>>()?);
            let progress = Progress::new(Stage::Checking, statistics.len(), jpegs.len());
            self.monitor.report(progress)?;
        }
        Ok(statistics)
    }

    /// The transforms numbered `range` of a training image.
    pub(crate) fn training_transforms(
        &self,
        image: &ContentHash,
        range: Range<usize>,
    ) -> Vec<Transform> {
        let seed = self.config.training_transform_seed();
        self.config.transform_config().random(seed, Purpose::Train, image, range)
    }

    /// The usable images, divided, and those that are not.
    fn usable_split(&self, files: &[PathBuf]) -> Result<(ValidationSplit, Vec<BadImage>), Error> {
        let limits = &self.runtime.limits;
        let (usable, bad) = check_files(files, self.preprocessing(), limits, &self.monitor)?;
        if self.bad_images == BadImagePolicy::Refuse && !bad.is_empty() {
            return Err(Error::BadImages { bad });
        }
        let needed = self.config.method.method().fewest_images();
        if usable.len() < needed {
            return Err(Error::TooFewImages { found: usable.len(), needed });
        }
        Ok((split_files(usable, self.config), bad))
    }

    /// The model of a fitted method, with its threshold.
    fn describe(&self, split: &ValidationSplit, fitted: Fitted) -> Result<Model, Error> {
        let mut input_guard = InputGuard::fit(&split.statistics(), &fitted.feature_distances);
        input_guard.extend(&self.jpeg_statistics(&split.training)?, &[]);
        input_guard.extend(&self.jpeg_statistics(&split.validation)?, &[]);
        let (training_digests, training_hashes) = split.known(fitted.refitted);
        let header = Header {
            extractor: fitted.extractor,
            weights_sha256: self.weights_sha256(),
            regions: self.regions.cloned(),
            depth: self.depth,
            data_fingerprint: split.fingerprint.clone(),
            training_images: split.training.len(),
            training_digests,
            training_hashes,
            held_back_images: split.validation.len(),
            cross_validated: fitted.cross_validated,
            updates: fitted.updates,
            transform_spread: fitted.transform_spread,
            input_guard,
            feature_means: fitted.feature_means,
            feature_deviations: fitted.feature_deviations,
            history: fitted.history,
            facts: fitted.facts,
            ..Header::new(self.config.clone())
        };
        let mut model = Model::new(header, fitted.scorer, self.runtime);
        let good = match fitted.good_scores {
            GoodScores::Known(scores) => scores,
            GoodScores::OfValidationSet => self.validation_scores(&model, split)?,
        };
        model.header_mut().set_good_scores(good)?;
        Ok(model)
    }

    fn validation_scores(&self, model: &Model, split: &ValidationSplit) -> Result<Vec<f64>, Error> {
        let images = self.images(&split.validation);
        let total = images.len();
        let mut scores = Vec::with_capacity(total);
        for (done, score) in (1..).zip(model.scores(images)) {
            scores.push(score.map_err(Error::changed)?.score);
            self.monitor.report(Progress::new(Stage::Validation, done, total))?;
        }
        Ok(self.largest_of_each_file(&scores))
    }

    /// The largest values of the maps of good images.
    fn map_peaks(&self, model: &Model, split: &ValidationSplit) -> Result<Vec<f64>, Error> {
        let files = if split.validation.is_empty() { &split.training } else { &split.validation };
        let files = &files[..files.len().min(MAPPED_IMAGES)];
        let images = self.images(files);
        let total = images.len();
        let mut peaks = Vec::with_capacity(total);
        for (done, map) in (1..).zip(model.maps(images)?) {
            let peak = map.map_err(Error::changed)?.map.peak();
            peaks.extend(peak.map(|peak| f64::from(peak.value)));
            self.monitor.report(Progress::new(Stage::Maps, done, total))?;
        }
        Ok(self.largest_of_each_file(&peaks))
    }
}
