//! A model of good images, whatever its method: scores images, makes maps, lives in one file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use differnet_data::{HashedImage, ImageError, ImageInput};
use differnet_progress::Monitor;
use differnet_scoring::{anomaly_score, threshold_from_good};

use crate::batched::Batched;
use crate::calibration::{Calibration, GoodImages, digest};
use crate::config::Config;
use crate::device::DeviceChoice;
use crate::error::Error;
use crate::feature_distance::feature_distance;
use crate::features::BATCH;
use crate::header::{Addition, Header, KEY};
use crate::loaded_network;
use crate::localization::{DecodedImage, Localization, LocalizeConfig, Localizer};
use crate::method::{self, PlaceView};
use crate::new_images::NewImages;
use crate::runtime::Runtime;
use crate::score::{ImageScore, ScoreConfig, TransformChoice};
use crate::scorer::{Scorer, Scoring, Updated};
use crate::self_test::SelfTest;
use crate::split::require_content;
use crate::training::Training;

/// A method fitted to good images, with all that is needed to judge new ones.
#[derive(Debug)]
pub struct Model {
    header: Header,
    scorer: Box<dyn Scorer>,
    runtime: Runtime,
}

impl Model {
    /// A model of `scorer`, which `header` describes.
    pub fn new(header: Header, scorer: Box<dyn Scorer>, runtime: &Runtime) -> Self {
        Self { header, scorer, runtime: runtime.clone() }
    }

    /// A model trained on the good images `files` on the first device that the program was built with.
    ///
    /// [`Training`] takes more: regions, checkpoints, an observer.
    ///
    /// # Errors
    /// As [`Training::run`].
    pub fn train(files: &[PathBuf], config: &Config) -> Result<Self, Error> {
        let runtime = Runtime::open(DeviceChoice::first())?;
        Ok(Training::new(config, &runtime).run(files)?.model)
    }

    /// The model in the file `path`, on the first device that the program was built with.
    ///
    /// # Errors
    /// As [`Self::load_on`]; [`Error::NoDevice`].
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::load_on(path.as_ref(), &Runtime::open(DeviceChoice::first())?)
    }

    /// The model in the file `path`, whatever its method.
    ///
    /// # Errors
    /// [`Error`] names what is wrong with the file.
    pub fn load_on(path: &Path, runtime: &Runtime) -> Result<Self, Error> {
        let header = Header::read(path)?;
        let runtime = loaded_network::load(path, &header, runtime)?;
        let scorer = method::load(path, &header, &runtime)?;
        Ok(Self { header, scorer, runtime })
    }

    /// As [`Self::load_on`], of a model that scores as it did where it was trained: its [`SelfTest`],
    /// if it has one, is run.
    ///
    /// # Errors
    /// As [`Self::load_on`]; [`Error::Deviates`] if the scores are others.
    pub fn load_verified(path: &Path, runtime: &Runtime) -> Result<Self, Error> {
        let model = Self::load_on(path, runtime)?;
        if let Some(test) = &model.header.self_test {
            let deviation = test.run(&model)?.deviation;
            // NaN agrees with nothing.
            let agrees = deviation <= SelfTest::TOLERANCE;
            if !agrees {
                return Err(Error::Deviates { path: path.to_path_buf(), deviation });
            }
        }
        Ok(model)
    }

    /// Writes the model to `path`; a complete file or none.
    ///
    /// # Errors
    /// [`Error`] if the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), Error> {
        let header = serde_json::to_string(&self.header).expect("a header is plain data");
        let network = loaded_network::tensors(&self.header, &self.runtime)?;
        self.scorer.save(path.as_ref(), &BTreeMap::from([(KEY.to_owned(), header)]), &network)
    }

    /// Header of the model.
    pub fn header(&self) -> &Header {
        &self.header
    }

    pub(crate) fn scorer(&self) -> &dyn Scorer {
        &*self.scorer
    }

    pub(crate) fn header_mut(&mut self) -> &mut Header {
        &mut self.header
    }

    /// Runtime that the model computes with.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// The same on `runtime`, which has to be of the same device; a network that the model carries goes along.
    #[must_use]
    pub fn with_runtime(self, runtime: &Runtime) -> Self {
        Self { runtime: runtime.clone().with_loaded_networks_of(&self.runtime), ..self }
    }

    /// Sets the threshold by `calibration`; `None` for the one set in training.
    pub fn calibrate(&mut self, calibration: Option<Calibration>) {
        self.header.calibration = calibration;
    }

    /// Takes new good images into the model, without those that it was trained on: what to do with false
    /// alarms.
    ///
    /// The threshold is set anew from all good scores, a calibration is forgotten. Images that the model
    /// has seen before, in whatever format, and copies of one image are left out.
    ///
    /// # Errors
    /// [`Error::NoUpdate`] if the method can only be trained anew, [`Error::NothingNew`],
    /// [`Error::BadImages`], [`Error::ImageReplaced`], [`Error::ImageChanged`]; [`Error::Cancelled`]. All leave the
    /// model as it was.
    pub fn update(&mut self, files: &[PathBuf], monitor: Monitor<'_>) -> Result<Addition, Error> {
        self.require_update()?;
        let NewImages { new, unusable: bad, .. } =
            self.new_images(files, &GoodImages::default(), &monitor)?;
        if !bad.is_empty() {
            return Err(Error::BadImages { bad });
        }
        if new.is_empty() {
            return Err(Error::NothingNew { images: files.len() });
        }
        self.take_in(new, monitor)
    }

    /// Nothing, if the method takes new images into a model.
    ///
    /// # Errors
    /// [`Error::NoUpdate`]
    pub fn require_update(&self) -> Result<(), Error> {
        let method = self.header.config.method.method();
        if method.takes_new_images() { Ok(()) } else { Err(Error::NoUpdate { method }) }
    }

    /// As [`Self::update`], with images that [`Self::new_images`] found to be new: whether they are is not looked at again.
    ///
    /// # Errors
    /// [`Error::NoUpdate`] if the method can only be trained anew, [`Error::NothingNew`] without images,
    /// [`Error::ImageReplaced`] if one is another by now, [`Error::ImageChanged`] if it is gone; [`Error::Cancelled`]. All
    /// leave the model as it was.
    pub fn take_in(
        &mut self,
        new: Vec<HashedImage>,
        monitor: Monitor<'_>,
    ) -> Result<Addition, Error> {
        self.require_update()?;
        if new.is_empty() {
            return Err(Error::NothingNew { images: 0 });
        }
        let (config, regions) = (self.header.config.clone(), self.header.regions.clone());
        let runtime = self.runtime.clone();
        let training = Training {
            regions: regions.as_ref(),
            depth: self.header.depth,
            monitor,
            ..Training::new(&config, &runtime)
        };
        let files: Vec<PathBuf> = new.iter().map(|image| image.path.clone()).collect();
        let known = self.header.good_scores.len();
        let method = config.method.method();
        let as_jpeg = training.jpeg_statistics(&files)?;
        let updated = self.scorer.updated(&training, &files, known);
        let Updated { scorer, scores, peaks, mean_features, facts } =
            updated.ok_or(Error::NoUpdate { method })??;
        for HashedImage { path, content, .. } in &new {
            training.monitor.cancel_token().check()?;
            require_content(path, *content, training.preprocessing(), &runtime.limits)?;
        }
        let mut header = self.header.clone();
        let (means, deviations) = (&header.feature_means, &header.feature_deviations);
        let distance = |features| feature_distance(means, deviations, features);
        let distances: Vec<f64> = mean_features.into_iter().filter_map(distance).collect();
        let threshold_before = header.thresholds().defect;
        header.set_good_scores([header.good_scores.clone(), scores].concat())?;
        header.calibration = None;
        let peak = threshold_from_good(&peaks, config.quantile)?;
        header.map_threshold = header.map_threshold.map(|before| before.max(peak));
        header.facts.retain(|(name, _)| facts.iter().all(|(changed, _)| changed != name));
        header.facts.extend(facts);
        header.training_images += files.len();
        header.training_digests.extend(new.iter().map(|image| digest(&image.content)));
        header.training_digests.sort();
        let statistics: Vec<_> = new.iter().map(|image| image.statistics).collect();
        header.input_guard.extend(&[statistics, as_jpeg].concat(), &distances);
        header.training_hashes.extend(new.into_iter().map(|image| image.perceptual));
        let threshold = header.threshold;
        let addition = Addition { images: files.len(), threshold_before, threshold };
        header.additions.push(addition);
        let mut model = Self { header, scorer, runtime };
        model.header.self_test = SelfTest::record(&model)?;
        *self = model;
        Ok(addition)
    }

    /// The scoring that the model was fitted for and its threshold holds for.
    pub fn score_config(&self) -> ScoreConfig {
        ScoreConfig {
            transforms: self.header.config.score_transforms,
            choice: TransformChoice::Fixed,
            average: self.header.config.average,
            early_stopping: None,
        }
    }

    /// The score of one image.
    ///
    /// # Errors
    /// [`Error::Image`] if it is no usable image, or does not fit the model's regions.
    pub fn score<'a>(&self, image: impl Into<ImageInput<'a>>) -> Result<ImageScore, Error> {
        let mut scores = self.scores([image.into()]);
        scores.next().expect("one image has one score")
    }

    /// The score of each image, in order, as the model was fitted for.
    ///
    /// A few images are in memory at a time, however many there are. An image that cannot be used is
    /// [`Error::Image`], and the others follow; after any other error nothing follows. Equal bytes
    /// score the same, from a file or from memory, alone or among others.
    pub fn scores<'a>(
        &'a self,
        images: impl IntoIterator<Item: Into<ImageInput<'a>>>,
    ) -> impl Iterator<Item = Result<ImageScore, Error>> {
        self.scores_with(images, self.score_config())
    }

    /// As [`Self::scores`], scored as `config` says.
    ///
    /// The first result is an error if the model cannot score so, or if it was fitted to features of
    /// another extractor.
    pub fn scores_with<'a>(
        &'a self,
        images: impl IntoIterator<Item: Into<ImageInput<'a>>>,
        config: ScoreConfig,
    ) -> impl Iterator<Item = Result<ImageScore, Error>> {
        let images = images.into_iter().map(Into::into);
        let batches = Batched::new(images, BATCH, move |images: &[ImageInput<'_>]| {
            self.check(&config)?;
            self.scorer.score(images, &self.scoring(&config))
        });
        let scores = batches.map(|score| score.and_then(|score| score.map_err(Error::Image)));
        scores.map(|score| score.map(|score| self.guarded(score)))
    }

    /// The score of each image of a small batch, with nothing from the cache.
    pub(crate) fn score_batch_uncached(
        &self,
        images: &[ImageInput<'_>],
        config: &ScoreConfig,
    ) -> Result<Vec<Result<ImageScore, ImageError>>, Error> {
        self.check(config)?;
        let runtime = self.runtime.clone().with_cache(None);
        // Generated images have 8 bits, whatever the training images have.
        let header = Header { depth: None, ..self.header.clone() };
        self.scorer.score(images, &Scoring { runtime: &runtime, header: &header, config })
    }

    /// Tells whether the model says where a defect is.
    pub fn localizes(&self) -> bool {
        self.scorer.localizer().is_some()
    }

    /// The localization that the model's map threshold holds for.
    ///
    /// # Errors
    /// [`Error::NoMaps`] if the method cannot say where a defect is.
    pub fn localize_config(&self) -> Result<LocalizeConfig, Error> {
        Ok(self.localizer()?.config(self.score_config()))
    }

    /// Score and map of one image.
    ///
    /// # Errors
    /// [`Error::Image`] as [`Self::score`]; [`Error::NoMaps`].
    pub fn map<'a>(&self, image: impl Into<ImageInput<'a>>) -> Result<Localization, Error> {
        let config = self.localize_config()?;
        let mut maps = self.maps_with([image.into()], config);
        maps.next().expect("one image has one map")
    }

    /// Score and map of each image, in order; errors are as those of [`Self::scores`].
    ///
    /// One image is in memory at a time.
    pub fn maps<'a>(
        &'a self,
        images: impl IntoIterator<Item: Into<ImageInput<'a>>>,
    ) -> Result<impl Iterator<Item = Result<Localization, Error>>, Error> {
        Ok(self.maps_with(images, self.localize_config()?))
    }

    /// As [`Self::maps`], localized as `config` says.
    pub fn maps_with<'a>(
        &'a self,
        images: impl IntoIterator<Item: Into<ImageInput<'a>>>,
        config: LocalizeConfig,
    ) -> impl Iterator<Item = Result<Localization, Error>> {
        let images = images.into_iter().map(Into::into);
        let maps = Batched::new(images, 1, move |images: &[ImageInput<'_>]| {
            self.check(&config.scoring)?;
            let (preprocessing, limits) = (self.header.preprocessing(), &self.runtime.limits);
            let scoring = self.scoring(&config.scoring);
            let localize =
                |&input: &ImageInput<'_>| match DecodedImage::read(input, preprocessing, limits) {
                    Ok(image) => self.localizer()?.localize(image, &scoring, config.kind).map(Ok),
                    Err(error) => Ok(Err(error)),
                };
            images.iter().map(localize).collect()
        });
        let maps = maps.map(|map| map.and_then(|map| map.map_err(Error::Image)));
        maps.map(|map| map.map(|map| Localization { score: self.guarded(map.score), ..map }))
    }

    /// The scores of rows of pooled features, row-major `[rows, features]`, one number each; `None` if the method
    /// looks at something else.
    ///
    /// # Panics
    /// If `rows` is no multiple of the network's features long.
    pub fn row_scores(&self, rows: &[f32]) -> Option<Vec<f64>> {
        self.scorer.row_scores(rows)
    }

    /// The score of an image, without a verdict on the part if the guard says that it shows none.
    fn guarded(&self, score: ImageScore) -> ImageScore {
        let Header { feature_means, feature_deviations, input_guard, .. } = &self.header;
        let features = score.mean_features.iter().map(|mean| f64::from(*mean));
        let distance = feature_distance(feature_means, feature_deviations, features);
        score.guarded(input_guard, distance)
    }

    /// The numbers that describe places to the model, with its regions; `None` if its method sees images as
    /// a whole.
    pub fn place_view(&self) -> Option<PlaceView> {
        let view = self.scorer.place_view()?;
        Some(view.with_preprocessing(self.header.preprocessing()))
    }

    fn localizer(&self) -> Result<&dyn Localizer, Error> {
        let method = self.header.config.method.method();
        self.scorer.localizer().ok_or(Error::NoMaps { method })
    }

    fn scoring<'a>(&'a self, config: &'a ScoreConfig) -> Scoring<'a> {
        Scoring { runtime: &self.runtime, header: &self.header, config }
    }

    /// Checks, before the first image is read, that runtime and settings fit the model.
    fn check(&self, config: &ScoreConfig) -> Result<(), Error> {
        if let Some(extractor) = &self.header.extractor {
            self.runtime.require_extractor(extractor, &self.header)?;
        }
        let method = self.header.config.method.method();
        if method.looks_at_places() && config.transforms > 1 {
            let expected = "1: the method sees an image once";
            let found = config.transforms.to_string();
            return Err(Error::Config { name: "transforms", expected, found });
        }
        method.require_average(config.average)?;
        anomaly_score(&vec![1.0; config.transforms], config.average)?;
        Ok(())
    }
}
