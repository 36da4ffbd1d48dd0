//! DifferNet defect detection: train, save, load and score with a [`Detector`].
//!
//! A [`Training`] turns photographs of good parts into a [`Detector`]; a detector says of new
//! photographs how unlikely they are and whether that is a defect (paper, Figure 2). A
//! [`FeatureSource`] feeds both. This crate knows nothing of terminals.

mod checkpoints;
mod color_scale;
mod config;
mod description;
mod detector;
mod error;
mod feature_source;
mod localize;
mod pool;
mod progress;
mod split;
mod training;

pub use config::{DetectorConfig, Preset};
pub use description::{Rows, environment};
pub use detector::{Detector, ImageScore, ModelInfo, ScoreConfig, TransformChoice};
pub use differnet_scoring::{AnomalyMap, Average, Region, Verdict};
pub use error::DetectorError;
pub use feature_source::{ChooseTransforms, FeatureSource, ImageFeatures};
pub use localize::{Localization, LocalizeConfig, MapKind};
pub use progress::{HistoryPoint, Progress, ProgressCallback};
pub use split::data_fingerprint;
pub use training::{BadImagePolicy, FEWEST_IMAGES, Outcome, Training};
