//! Errors between photographs and a model.

use std::path::{Path, PathBuf};

use differnet_baselines::BaselineError;
use differnet_data::{BadImage, ImageError, MaskError};
use differnet_eval::MetricError;
use differnet_features::{FeatureError, PLACE};
use differnet_flow::{FlowError, TrainError};
use differnet_onnx::OnnxError;
use differnet_progress::Cancelled;
use differnet_scoring::ScoreError;

use crate::method::Method;

/// Errors of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A device that cannot be used here.
    #[error("no device {name}: {reason}; {remedy}, or use one of those that exist: {existing}")]
    NoDevice {
        /// The kind of device.
        name: &'static str,
        /// Reason.
        reason: &'static str,
        /// Remedy.
        remedy: String,
        /// Kinds and names of those that can be used.
        existing: String,
    },
    /// A setting outside its range.
    #[error("setting {name} must be {expected}, found {found}")]
    Config {
        /// The setting.
        name: &'static str,
        /// Its range, in words.
        expected: &'static str,
        /// The value given.
        found: String,
    },
    /// A settings text that cannot be understood.
    #[error("the settings are not valid")]
    ConfigText {
        /// Error of the TOML parser.
        source: Box<toml::de::Error>,
    },
    /// Too few good images to learn from.
    #[error("{found} good images are too few to train on: at least {needed} are needed")]
    TooFewImages {
        /// Usable images.
        found: usize,
        /// The least number.
        needed: usize,
    },
    /// Files among the good images to learn from that are no usable images.
    #[error("{} of the good images cannot be used:{}", bad.len(), list(bad))]
    BadImages {
        /// Each file and what is wrong with it.
        bad: Vec<BadImage>,
    },
    /// An image that cannot be used; others can.
    #[error(transparent)]
    Image(ImageError),
    /// The operation was cancelled.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// The method takes no new images into a model.
    #[error(
        "a model of the method {method} takes in no new images: train one anew, or use --method local-flow \
         or patchcore"
    )]
    NoUpdate {
        /// The model's method.
        method: Method,
    },
    /// The regions leave nothing that a method on local features judges.
    #[error(
        "no place of {PLACE} × {PLACE} pixels, as the network sees the image, lies by half or more in what the regions \
         leave: draw them wider, or show the network more with --pixels or --tiles"
    )]
    NoPlaces,
    /// None of the images is new to the model.
    #[error(
        "the model has seen all of the {images} images before: name a folder with new good ones"
    )]
    NothingNew {
        /// Usable images.
        images: usize,
    },
    /// The method does not say where a defect is.
    #[error("the method {method} does not say where a defect is")]
    NoMaps {
        /// The model's method.
        method: Method,
    },
    /// An image that was usable before is no longer.
    #[error("an image changed while it was in use")]
    ImageChanged {
        /// Cause.
        source: ImageError,
    },
    /// A training image that another one took the place of.
    #[error(
        "{} was replaced while it was trained on: train again on images that nobody writes to",
        path.display()
    )]
    ImageReplaced {
        /// The file.
        path: PathBuf,
    },
    /// A model whose self-test gives other scores than where it was trained.
    #[error(
        "{} does not score as it did where it was trained (deviation {deviation:.1e}): copy it \
         again, or train it again on this kind of machine; `differnet verify` shows the scores",
        path.display()
    )]
    Deviates {
        /// The model file.
        path: PathBuf,
        /// [`SelfTestResult::deviation`](crate::SelfTestResult::deviation)
        deviation: f64,
    },
    /// Features could not be extracted or cached.
    #[error(transparent)]
    Features(#[from] FeatureError),
    /// The flow could not be built, read or written.
    #[error(transparent)]
    Flow(#[from] FlowError),
    /// An update failed.
    #[error("training stopped at update {update}: lower --learning-rate or look for outliers among the images{}", last_good(checkpoint.as_deref()))]
    Diverged {
        /// The update that failed.
        update: u64,
        /// The folder with the last good checkpoint, if one was named and has one.
        checkpoint: Option<PathBuf>,
        /// Error of the flow.
        source: TrainError,
    },
    /// Training cannot start with these rows or settings.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// A competitor could not be fitted.
    #[error(transparent)]
    Baseline(BaselineError),
    /// A score or threshold could not be computed.
    #[error(transparent)]
    Score(#[from] ScoreError),
    /// The mask of a test image cannot be used.
    #[error("cannot use the mask of {}", image.display())]
    Mask {
        /// The image.
        image: PathBuf,
        /// Cause.
        source: MaskError,
    },
    /// A metric has no value.
    #[error(transparent)]
    Metric(#[from] MetricError),
    /// The model file cannot be used.
    #[error("cannot use the model {}", path.display())]
    Model {
        /// The model file.
        path: PathBuf,
        /// Cause.
        source: FlowError,
    },
    /// The file of a competitor's model cannot be used.
    #[error("cannot use the model {}", path.display())]
    BaselineModel {
        /// The model file.
        path: PathBuf,
        /// Cause.
        source: Box<BaselineError>,
    },
    /// The model file holds a flow but not what a detector needs besides.
    #[error("{} is not a DifferNet model: {reason}", path.display())]
    NotAModel {
        /// The file.
        path: PathBuf,
        /// Fault.
        reason: String,
    },
    /// A model whose features this program extracts otherwise.
    #[error(
        "the model was trained with the extractor {needed}, this program has {found}: train it anew, or use the \
         version that trained it"
    )]
    OtherExtractor {
        /// The extractor of the training.
        needed: String,
        /// The extractor here.
        found: String,
    },
    /// A checkpoint of a training with other settings or images.
    #[error("{} belongs to a training with another {what}: finish that one, or delete the folder to start anew", path.display())]
    OtherCheckpoint {
        /// The checkpoint folder.
        path: PathBuf,
        /// Difference.
        what: String,
    },
    /// A model that cannot be a graph of ONNX.
    #[error("this model by {method} cannot be exported to ONNX: {reason}")]
    NotExportable {
        /// The model's method.
        method: Method,
        /// Reason, and remedy.
        reason: String,
    },
    /// An ONNX file that this program did not export.
    #[error("{} is no export of a model: {reason}; export it with `differnet export`", path.display())]
    OtherOnnx {
        /// The file.
        path: PathBuf,
        /// Fault.
        reason: String,
    },
    /// An ONNX file that cannot be read or written.
    #[error(transparent)]
    Onnx(#[from] OnnxError),
    /// The operating system refused a file or folder.
    #[error("cannot access {}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Its reason.
        source: std::io::Error,
    },
}

impl Error {
    /// Tells errors of single images from those after which nothing follows.
    ///
    /// # Errors
    /// Every error but [`Error::Image`].
    pub fn per_image<T>(result: Result<T, Self>) -> Result<Result<T, ImageError>, Self> {
        match result {
            Ok(found) => Ok(Ok(found)),
            Err(Self::Image(error)) => Ok(Err(error)),
            Err(other) => Err(other),
        }
    }

    /// Turns an unusable image into one that changed: every image was usable before.
    #[must_use]
    pub fn changed(self) -> Self {
        match self {
            Self::Image(source) => Self::ImageChanged { source },
            other => other,
        }
    }

    /// Makes an error of the model file `path`.
    pub(crate) fn model<E: Into<FlowError>>(path: &Path) -> impl Fn(E) -> Self {
        move |source| Self::Model { path: path.to_path_buf(), source: source.into() }
    }

    /// As [`Self::model`], of a competitor's file.
    pub(crate) fn baseline_model(path: &Path) -> impl Fn(BaselineError) -> Self + '_ {
        move |source| Self::BaselineModel { path: path.to_path_buf(), source: Box::new(source) }
    }
}

impl From<BaselineError> for Error {
    fn from(error: BaselineError) -> Self {
        match error {
            BaselineError::Cancelled(cancelled) => Self::Cancelled(cancelled),
            other => Self::Baseline(other),
        }
    }
}

/// Says where the last good weights are, if they are kept.
fn last_good(checkpoint: Option<&Path>) -> String {
    checkpoint.map_or_else(String::new, |folder| {
        format!("; the last good weights are in {}", folder.display())
    })
}

/// One bad image a line.
fn list(bad: &[BadImage]) -> String {
    bad.iter().map(|bad| format!("\n  {bad}")).collect()
}
