//! Frozen networks: what an image looks like to a method.
//!
//! A [`Backbone`] describes an image as a whole, the paper's way (Section 3), or each of its places
//! ([`PlaceExtractor`]).
//!
//! An [`Extractor`] turns 448 × 448 RGB images into rows of [`Backbone::features`] numbers: spatial means at
//! 448, 224 and 112 pixels, of AlexNet's last pooled maps, 256 each, of three stages of EfficientNet-Lite0, or
//! of the last stage of a ResNet or VGG-16. The weights of the first two are embedded, those of the others
//! [loaded](PretrainedWeights); they stay fixed. A [`FeatureCache`] keeps rows on disk, so that no transform of an
//! image is ever extracted twice.
//!
//! This crate knows nothing of image files and nothing of flows.

mod alexnet;
mod backbone;
mod buffers;
mod cache;
mod cache_limit;
mod description;
mod efficientnet_lite;
mod embedded;
mod error;
mod extractor;
mod gradient;
mod host;
mod local_features;
mod normalize;
mod places;
mod pretrained_weights;
mod stage_means;
mod stages;
mod torchvision;
mod untrained_weights;
mod weights;

pub use alexnet::AlexNet;
pub use backbone::Backbone;
pub use cache::{CacheUsage, FeatureCache, TransformKey};
pub use description::{
    BlockDescription, ConvolutionDescription, LayerActivation, LayerDescription,
    NetworkDescription, Shortcut,
};
pub use efficientnet_lite::{EfficientNetLite, HostEfficientNetLite, STAGES};
pub use error::{FeatureError, WeightsError};
pub use extractor::{Extractor, FEATURES, IMAGE_SIZE, SCALES};
pub use gradient::ImageGradients;
pub use local_features::{LOCAL_GRID, LocalFeatures, LocalGrid};
pub use normalize::normalize;
pub use places::{PLACE, PlaceExtractor, Places, SIDE_STEP};
pub use pretrained_weights::PretrainedWeights;
pub use stages::StageMap;
pub use torchvision::{HostTorchvisionNetwork, TorchvisionNetwork};
