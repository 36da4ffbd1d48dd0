//! Frozen networks: what an image looks like to a method.
//!
//! The paper's methods see 768 numbers from AlexNet at three scales (Section 3); methods on local features
//! see each place of an image through EfficientNet-Lite0 ([`PlaceExtractor`]).
//!
//! An [`Extractor`] turns 448 × 448 RGB images into rows of [`FEATURES`] numbers: the spatial means
//! of AlexNet's last pooled maps at 448, 224 and 112 pixels, 256 each. The weights are embedded
//! and stay fixed. A [`FeatureCache`] keeps rows on disk, so that no transform of an image is ever
//! extracted twice.
//!
//! This crate knows nothing of image files and nothing of flows.

mod alexnet;
mod cache;
mod cache_limit;
mod efficientnet_lite;
mod error;
mod extractor;
mod gradient;
mod host;
mod local_features;
mod normalize;
mod places;
mod weights;

pub use alexnet::AlexNet;
pub use cache::{CacheUsage, FeatureCache, TransformKey};
pub use efficientnet_lite::{
    EfficientNetLite, HostEfficientNetLite, STAGES, StageMap, efficientnet_lite_id,
};
pub use error::FeatureError;
pub use extractor::{Extractor, FEATURES, IMAGE_SIZE, SCALES};
pub use gradient::ImageGradients;
pub use local_features::{LOCAL_GRID, LocalFeatures, LocalGrid};
pub use normalize::normalize;
pub use places::{PLACE, PlaceExtractor, Places, SIDE_STEP, place_channels};
