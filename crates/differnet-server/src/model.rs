//! A model as it is served.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use differnet::scoring::Drift;
use differnet::{DriftMonitor, DriftSummary, ImageScore, Method, ScoreConfig};
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

/// Transformed images that are scored together: what the extractor works on at once, twice.
const TRANSFORMS: usize = 32;

/// A model as it is served; never changed, only replaced, and with it what is known of its line.
#[derive(Debug)]
pub(crate) struct Model {
    /// Name in addresses.
    pub(crate) name: String,
    pub(crate) model: differnet::Model,
    /// Of the model file.
    pub(crate) sha256: String,
    loaded: SystemTime,
    line: Mutex<Line>,
}

/// The line that a model scores.
#[derive(Debug)]
struct Line {
    watch: DriftMonitor,
    /// The drift that was last told of.
    drift: Option<Drift>,
}

/// Description of a model for clients.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Model)]
pub(crate) struct ModelDescription<'a> {
    /// Name in addresses.
    name: &'a str,
    method: Method,
    /// Unit of scores; `null` if they have none.
    unit: Option<&'static str>,
    /// Scores from here on are defects.
    threshold: f64,
    /// Scores from here on, up to the threshold, are unsure.
    unsure: Option<f64>,
    /// Whether it can say where a defect is.
    localizes: bool,
    /// Transforms that a score averages.
    transforms: usize,
    training_images: usize,
    held_back_images: usize,
    /// Version of the program that trained it.
    version: &'a str,
    /// The network that describes images; `null` if the method has none.
    extractor: Option<&'a str>,
    /// Of the model file.
    sha256: &'a str,
    /// Time at which the model file was read.
    #[schema(format = DateTime)]
    loaded: String,
    /// Not in a list: the good scores that the threshold rests on.
    #[serde(skip_serializing_if = "Option::is_none")]
    good_scores: Option<&'a [f64]>,
    /// Not in a list: the images scored since the model was loaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<DriftSummary>,
}

impl Model {
    pub(crate) fn new(
        name: String,
        model: differnet::Model,
        sha256: String,
        loaded: SystemTime,
    ) -> Self {
        let line = Mutex::new(Line { watch: DriftMonitor::new(model.header()), drift: None });
        Self { name, model, sha256, loaded, line }
    }

    /// Adds an image to what is known of the line, and logs when a drift begins, turns or ends.
    pub(crate) fn saw(&self, image: &ImageScore) {
        let mut line = self.line();
        line.watch.add(image);
        let drift = line.watch.drift(self.model.header());
        if drift.map(|drift| drift.direction) == line.drift.map(|drift| drift.direction) {
            return;
        }
        line.drift = drift;
        match drift {
            Some(drift) => tracing::warn!(
                model = self.name,
                direction = ?drift.direction,
                score = drift.score,
                share = drift.share,
                good_share = drift.good_share,
                "the line has drifted: its threshold no longer holds"
            ),
            None => tracing::info!(model = self.name, "the line has drifted back"),
        }
    }

    /// Returns the drift summary of the line.
    pub(crate) fn line_summary(&self) -> DriftSummary {
        self.line().watch.summary(self.model.header())
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        // Each addition leaves a whole state behind, also if the next one fails.
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The scoring that the model was fitted for.
    pub(crate) fn scoring(&self) -> ScoreConfig {
        self.model.score_config()
    }

    /// Images to score together, at most `most`: enough for the extractor to work at its best.
    pub(crate) fn batch(&self, most: usize) -> usize {
        (TRANSFORMS / self.scoring().transforms.max(1)).clamp(1, most)
    }

    /// Returns the description for a list of models.
    pub(crate) fn describe(&self) -> ModelDescription<'_> {
        let header = self.model.header();
        let (method, thresholds) = (header.config.method.method(), header.thresholds());
        ModelDescription {
            name: &self.name,
            method,
            unit: method.unit(),
            threshold: thresholds.defect,
            unsure: thresholds.unsure,
            localizes: self.model.localizes(),
            transforms: self.scoring().transforms,
            training_images: header.training_images,
            held_back_images: header.held_back_images,
            version: &header.version,
            extractor: header.extractor.as_deref(),
            sha256: &self.sha256,
            loaded: humantime::format_rfc3339_seconds(self.loaded).to_string(),
            good_scores: None,
            line: None,
        }
    }

    /// Returns the description for a client that asks for this model.
    pub(crate) fn describe_fully(&self) -> ModelDescription<'_> {
        let header = self.model.header();
        let calibrated = header.calibration.as_ref().map(|set| &set.good_scores);
        let good_scores = Some(&calibrated.unwrap_or(&header.good_scores)[..]);
        ModelDescription { good_scores, line: Some(self.line_summary()), ..self.describe() }
    }
}

/// The SHA-256 of the file `path`, in hexadecimal.
pub(crate) fn sha256_of(path: &Path) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut file = File::open(path)?;
    let mut part = vec![0; 1 << 16];
    loop {
        let length = io::Read::read(&mut file, &mut part)?;
        if length == 0 {
            break;
        }
        hasher.update(&part[..length]);
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
