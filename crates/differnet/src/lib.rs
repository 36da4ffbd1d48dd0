//! Visual defect detection from photographs of good parts only.
//!
//! [`Model::train`] turns photographs of good parts into a [`Model`]; a model says of new photographs
//! how unlikely they are, whether that is a defect, and where it is (paper, Figure 2). [`Training`]
//! takes more than [`Model::train`]; [`Config`] has every setting, and chooses the [`Method`]: the
//! default, the paper's, or one that these are compared with. This crate knows nothing of terminals.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod adaptive;
mod batched;
mod calibration;
mod config;
pub mod data_check;
mod description;
pub mod detail_notes;
mod device;
mod drift_monitor;
mod error;
pub mod evaluation;
pub mod export;
mod feature_distance;
mod features;
mod header;
pub mod input_guard;
mod loaded_network;
mod localization;
mod method;
mod model;
pub mod new_images;
mod path_text;
pub mod prediction;
mod preset;
mod runtime;
mod score;
pub mod scorer;
mod self_test;
mod split;
mod suspected_defects;
mod training;

pub use calibration::{Calibration, GoodImages, ThresholdRule};
pub use config::Config;
pub use description::environment;
pub use device::DeviceChoice;
pub use differnet_baselines as baselines;
pub use differnet_data::{ImageInput, find_good_images, find_images, find_photographs};
pub use differnet_flow::AuxiliaryTensor;
pub use differnet_progress as progress;
pub use differnet_scoring as scoring;
pub use drift_monitor::{DriftMonitor, DriftSummary};
pub use error::Error;
pub use features::ImageFeatures;
pub use header::{Addition, Header, HistoryPoint};
pub use localization::{DecodedImage, Localization, LocalizeConfig, Localizer, MapKind};
pub use method::{Method, MethodConfig, PlaceFeatures, PlaceView};
pub use model::Model;
pub use path_text::PathText;
pub use preset::Preset;
pub use runtime::Runtime;
pub use score::{ImageScore, ScoreConfig, TransformChoice};
pub use self_test::{SelfTest, SelfTestResult};
pub use training::{BadImagePolicy, Trained, Training, ValidationObserver};

pub mod methods {
    //! Settings of single methods, and scores of rows by a flow.

    pub use crate::method::{
        DifferNetConfig, LocalFlowConfig, PadimConfig, PatchCoreConfig, Tiles, row_scores,
    };
    pub use differnet_baselines::{
        AdganConfig, DsebmConfig, GanomalyConfig, GeoTransConfig, OneClassSvmConfig,
        OneNearestNeighbourConfig,
    };
}

/// The example of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
