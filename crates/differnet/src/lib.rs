//! DifferNet defect detection: train, save, load and score with a [`Detector`].
//!
//! A [`Training`] turns photographs of good parts into a [`Detector`]; a detector says of new
//! photographs how unlikely they are and whether that is a defect (paper, Figure 2). A
//! [`FeatureSource`] feeds both. The paper's competitors are fitted and used in the same way: a
//! [`Method`] is chosen by the settings' type, and an [`AnomalyDetector`] is a model of any. This
//! crate knows nothing of terminals.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod anomaly_detector;
mod answer;
mod baseline;
mod calibration;
mod checkpoints;
mod color_scale;
mod config;
mod data_check;
mod description;
mod detector;
mod device_choice;
mod error;
mod feature_source;
mod flows;
mod line_watch;
mod localize;
mod method;
mod method_config;
mod model_summary;
mod pixel_source;
mod pool;
mod progress;
mod row_scores;
mod row_scoring;
mod scales;
mod self_test;
mod shared_config;
mod split;
mod suspects;
mod training;

pub use anomaly_detector::{
    AnomalyDetector, VisitScores, load_model, load_verified_model, read_model_info,
};
pub use answer::{Answer, FailedAnswer, MapAnswer, ScoreAnswer};
pub use baseline::{Baseline, BaselineConfig, BaselineInfo, BaselineMethod};
pub use calibration::{Calibration, GoodImages, ThresholdRule};
pub use config::{DetectorConfig, MTD_JITTER, Preset};
pub use data_check::{CheckProgress, Finding, FindingKind, Severity, check_dataset};
pub use description::{Rows, environment};
pub use detector::{Detector, ImageScore, ModelInfo, ScoreConfig, TransformChoice};
pub use device_choice::DeviceChoice;
pub use differnet_baselines::{
    AdganConfig, DsebmConfig, DsebmScore, Gamma, GanomalyConfig, GeoTransConfig, GeoTransScore,
    OneClassSvmConfig, OneNearestNeighbourConfig, Stage,
};
pub use differnet_scoring::{
    AnomalyMap, Average, CheapestThreshold, Costs, Direction, Drift, FalseAlarmGuarantee, Region,
    ScoreError, Thresholds, Verdict, lowest_rate,
};
pub use error::DetectorError;
pub use feature_source::{ChooseTransforms, FeatureSource, ImageFeatures};
pub use line_watch::{LineSummary, LineWatch};
pub use localize::{Localization, LocalizeConfig, MapKind};
pub use method::Method;
pub use method_config::MethodConfig;
pub use model_summary::{AnyModelInfo, ModelSummary};
pub use progress::{HistoryPoint, LookCallback, Progress, ProgressCallback};
pub use row_scores::row_scores;
pub use self_test::{SelfTest, SelfTestResult};
pub use shared_config::SharedConfig;
pub use split::data_fingerprint;
pub use suspects::{Suspect, suspected_defects};
pub use training::{BadImagePolicy, FEWEST_IMAGES, Outcome, Training};
